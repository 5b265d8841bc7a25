"""Deep learning, from the first perceptron to the global solution of an economy with sixty generations."""

__version__ = "0.1.0"
