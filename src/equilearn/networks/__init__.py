"""Networks as pytrees, on Equinox."""

from equilearn.networks.feedforward import FeedForward
from equilearn.networks.mlp import MLP, Swish
from equilearn.networks.scaling import Scaling

__all__ = ["MLP", "FeedForward", "Scaling", "Swish"]
