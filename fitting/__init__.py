"""Fit glifjax neurons to recordings, and score them on what they have not seen.

The names stand in `__init__.pyi`, each with the module it lives in; a module is imported when one of its names is
first used.
"""

import lazy_loader

import glifjax  # noqa: F401  (sets a flag that jax reads when it starts)

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
