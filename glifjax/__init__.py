"""glifjax: simulate and fit generalized leaky integrate-and-fire neurons in JAX.

The names stand in `__init__.pyi`, each with the module it lives in; a module is imported when one of its names is
first used, so that importing glifjax loads no jax.
"""

from importlib.metadata import version

import lazy_loader

from glifjax import _backend

_backend.set_flag()
__version__ = version("glifjax")
__getattr__, _, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]


def __dir__() -> list[str]:
    return __all__.copy()
