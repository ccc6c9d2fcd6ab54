"""The GLIF neuron: glif.py; names.py, levels.py: Allen's five levels of it. What is not asked for is not loaded."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "glif": ["GLIF", "Coefficients", "GLIFState"],
        "levels": ["from_level"],
        "names": ["LEVELS", "LevelError", "level_name"],
    },
)
