"""glifjax: simulate and fit generalized leaky integrate-and-fire neurons in JAX.

The names stand in `__init__.pyi`, each with the module it lives in; a module is imported when one of its names is
first used, so that importing glifjax loads no jax.
"""

import lazy_loader

from glifjax import _backend

_backend.set_flag()
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
