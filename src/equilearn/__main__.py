"""`python -m equilearn` is the command line."""

from equilearn.cli import main

main()
