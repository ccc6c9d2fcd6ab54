"""The twenty firing patterns of the Mihalas-Niebur neuron: as data, run together, told apart, and as a page."""

from glifjax.patterns.mapping import VARIANTS, Gallery, gallery

__all__ = ["VARIANTS", "Gallery", "gallery"]
