"""Many cells: in parallel processes or by an engine, in shards, and a table and a page of all.

What is not asked for is not loaded: shard.py alone needs no jax.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
