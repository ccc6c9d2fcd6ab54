"""Weights of random networks, and folders of them."""

from glifjax.glm.networks.files import load, save
from glifjax.glm.networks.generators import normal, ring, uniform

__all__ = ["load", "normal", "ring", "save", "uniform"]
