"""The GLIF neuron: glif.py; levels.py: Allen's five levels of it."""

from glifjax.glif.glif import GLIF, Coefficients, GLIFState
from glifjax.glif.levels import LEVELS, from_level, level_name

__all__ = ["GLIF", "LEVELS", "Coefficients", "GLIFState", "from_level", "level_name"]
