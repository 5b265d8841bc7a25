"""The algorithms of the course opened up: NumPy only, each on about a screen, to be read.

The fast versions are elsewhere in the package; the tests hold the two against each other.
"""
