"""The GLIF neuron: glif.py; names.py, levels.py: Allen's five levels of it. What is not asked for is not loaded."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
