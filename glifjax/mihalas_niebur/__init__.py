"""The Mihalas-Niebur neuron: neuron.py; flow.py: it between spikes; crossing.py: its spikes inside a step.

excess.py: V - Theta over time, and zeros.py where it is zero; lanes.py: many neurons, of which few spike at a time.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
