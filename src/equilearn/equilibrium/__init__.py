"""Deep equilibrium nets: write a model, get its global solution."""

from equilearn.equilibrium.accuracy import Accuracy
from equilearn.equilibrium.balancing import ReLoBRaLo
from equilearn.equilibrium.chains import EndogenousChain, MarkovChain
from equilearn.equilibrium.conditions import euler_error, fischer_burmeister, power, product_error
from equilearn.equilibrium.foresight import perfect_foresight
from equilearn.equilibrium.gaussian import AR1, VAR, Gaussian
from equilearn.equilibrium.given import OutsideWarning
from equilearn.equilibrium.histogram import Curve, Histogram
from equilearn.equilibrium.loading import load_solution
from equilearn.equilibrium.many import solve_many
from equilearn.equilibrium.model import Expect, Model, PolicyFunction
from equilearn.equilibrium.moments import moments
from equilearn.equilibrium.policy_accuracy import PolicyAccuracy
from equilearn.equilibrium.quadrature import GaussHermite, Monomial, QuasiMonteCarlo
from equilearn.equilibrium.sets import Complement, FeasibleSet, HalfLine, Interval, Real, Simplex
from equilearn.equilibrium.settings import SolveSettings
from equilearn.equilibrium.several import Shocks
from equilearn.equilibrium.shocks import Deterministic, Shock
from equilearn.equilibrium.solution import Solution
from equilearn.equilibrium.solve import solve
from equilearn.equilibrium.uncertain import Uncertain
from equilearn.equilibrium.welfare import Welfare, welfare

__all__ = [
    "AR1",
    "VAR",
    "Accuracy",
    "Complement",
    "Curve",
    "Deterministic",
    "EndogenousChain",
    "Expect",
    "FeasibleSet",
    "GaussHermite",
    "Gaussian",
    "HalfLine",
    "Histogram",
    "Interval",
    "MarkovChain",
    "Model",
    "Monomial",
    "OutsideWarning",
    "PolicyAccuracy",
    "PolicyFunction",
    "QuasiMonteCarlo",
    "ReLoBRaLo",
    "Real",
    "Shock",
    "Shocks",
    "Simplex",
    "Solution",
    "SolveSettings",
    "Uncertain",
    "Welfare",
    "euler_error",
    "fischer_burmeister",
    "load_solution",
    "moments",
    "perfect_foresight",
    "power",
    "product_error",
    "solve",
    "solve_many",
    "welfare",
]
