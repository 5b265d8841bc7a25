"""Errors a user can cause: one message each, no traceback on the command line."""


class UserError(ValueError):
    """Something the user gave (a flag, a file, a model) is wrong; the message says what, where and what to do."""


class DivergenceError(UserError):
    """What was being learnt is worse than nothing learnt; settings or data that are to be tried may do that."""


def first_line(error: BaseException) -> str:
    """Return the first line of what an exception says, for a message of one line."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else ""
