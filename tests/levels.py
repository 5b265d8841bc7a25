"""How much XLA optimises what tests compile: what runs long by its first level, what runs for tenths of a second not.

An economy's learning of at most a hundred episodes and most of its certificate are such: optimised they run up to twice
as fast, and take more than twice as long to compile.
"""

import pytest

from equilearn import compiling
from equilearn.equilibrium import SolveSettings
from equilearn.learn import driver

LONG = {"along_paths", "corrections"}
"""Programs that run once, and long: the estimate of a policy's errors."""
PROGRAM_FOR, COMPILED, OPTIONS = driver.program_for, compiling.compiled, compiling.options_for


def choose(patch=None):
    """Choose levels from now on: in a process of one's own for ever, else as long as the patch holds."""
    patch, level = patch or pytest.MonkeyPatch(), None

    def at(chosen, function, *arguments, **named):
        nonlocal level
        level = chosen
        try:
            return function(*arguments, **named)
        finally:
            level = None

    def program_for(problem, state, optimizer, settings):
        long = not isinstance(settings, SolveSettings) or settings.episodes > 100
        return at(int(long), PROGRAM_FOR, problem, state, optimizer, settings)

    def compiled(function, *, once=False):
        return at(int(not once or function.__name__ in LONG), COMPILED, function, once=once)

    def options(once):
        chosen = int(not once) if level is None else level
        return OPTIONS(True) and {"xla_backend_optimization_level": chosen}

    patch.setattr(driver, "program_for", program_for)
    patch.setattr(compiling, "compiled", compiled)
    patch.setattr(compiling, "options_for", options)
