"""What has a meaning: numbers and code without are refused, a cell's numbers have a size, parts stay as made."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
