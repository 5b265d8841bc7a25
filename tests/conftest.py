"""Shapes are enforced in every test; figures are drawn without a screen."""

from jaxtyping import install_import_hook

hook = install_import_hook("equilearn", "beartype.beartype")
hook.__enter__()
