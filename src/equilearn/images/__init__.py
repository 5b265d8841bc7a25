"""Networks on pictures: classifiers, and pairs of a generator and a discriminator, on the loop."""

from equilearn.images.adversarial import Adversarial, make, players
from equilearn.images.classifier import NETWORKS, FittedClassifier, fit_classifier

__all__ = ["NETWORKS", "Adversarial", "FittedClassifier", "fit_classifier", "make", "players"]
