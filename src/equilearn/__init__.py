"""Deep learning, from the first perceptron to the global solution of an economy with sixty generations.

    import equilearn as eq
    from equilearn.economies.growth import Growth

    solution = eq.solve(Growth())
    print(solution.accuracy())

What is named here is imported on first use, so that `import equilearn` is quick and solves nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from equilearn.economies import load
    from equilearn.equilibrium import (
        AR1,
        VAR,
        Complement,
        Curve,
        EndogenousChain,
        Expect,
        GaussHermite,
        Gaussian,
        HalfLine,
        Histogram,
        Interval,
        MarkovChain,
        Model,
        Monomial,
        OutsideWarning,
        QuasiMonteCarlo,
        Real,
        ReLoBRaLo,
        Shock,
        Shocks,
        Simplex,
        Solution,
        SolveSettings,
        Uncertain,
        Welfare,
        euler_error,
        fischer_burmeister,
        moments,
        perfect_foresight,
        product_error,
        solve,
        solve_many,
        welfare,
    )
    from equilearn.errors import UserError
    from equilearn.learn import Outcome, Target
    from equilearn.report import write_explorer

__all__ = [
    "AR1",
    "VAR",
    "Complement",
    "Curve",
    "EndogenousChain",
    "Expect",
    "GaussHermite",
    "Gaussian",
    "HalfLine",
    "Histogram",
    "Interval",
    "MarkovChain",
    "Model",
    "Monomial",
    "Outcome",
    "OutsideWarning",
    "QuasiMonteCarlo",
    "ReLoBRaLo",
    "Real",
    "Shock",
    "Shocks",
    "Simplex",
    "Solution",
    "SolveSettings",
    "Target",
    "Uncertain",
    "UserError",
    "Welfare",
    "euler_error",
    "fischer_burmeister",
    "load",
    "moments",
    "perfect_foresight",
    "product_error",
    "solve",
    "solve_many",
    "welfare",
    "write_explorer",
]

_ELSEWHERE = {
    "Outcome": "learn",
    "Target": "learn",
    "UserError": "errors",
    "load": "economies",
    "write_explorer": "report",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'equilearn' has no attribute {name!r}")
    return getattr(importlib.import_module(f"equilearn.{_ELSEWHERE.get(name, 'equilibrium')}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
