"""The levels that are fitted: Allen's five and the augmented GIF, each a value; and what one of one's own must be.

What is not asked for is not loaded: names.py alone needs no jax.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
