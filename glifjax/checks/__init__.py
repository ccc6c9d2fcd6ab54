"""What has a meaning: refusals of what has none, the sizes that a cell's numbers can have, parts that stay as made."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
