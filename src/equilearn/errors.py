"""Errors a user can cause: one message each, no traceback on the command line."""


class UserError(ValueError):
    """Something the user gave (a flag, a file, a model) is wrong; the message says what, where and what to do."""
