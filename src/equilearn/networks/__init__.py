"""Networks as pytrees, on Equinox."""

from equilearn.networks.mlp import MLP, Swish
from equilearn.networks.scaling import Scaling

__all__ = ["MLP", "Scaling", "Swish"]
