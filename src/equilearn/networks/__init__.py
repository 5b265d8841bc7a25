"""Networks as pytrees, on Equinox."""

from equilearn.networks.mlp import MLP, Swish
from equilearn.networks.named import ACTIVATIONS, INITIALISERS, activation_of, name_of, named
from equilearn.networks.recurrent import Attention, Recurrent
from equilearn.networks.scaling import Scaling

__all__ = [
    "ACTIVATIONS",
    "INITIALISERS",
    "MLP",
    "Attention",
    "Recurrent",
    "Scaling",
    "Swish",
    "activation_of",
    "name_of",
    "named",
]
