"""Files in and out: neuron configs, NWB recordings, downloads; each of ours appears whole or not at all.

The names stand in `__init__.pyi`, each with the module it lives in; a module is imported when one of its names is
first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
