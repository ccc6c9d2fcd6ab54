"""The Mihalas-Niebur neuron: neuron.py; flow.py: it between spikes; crossing.py: its spikes inside a step.

excess.py: V - Theta over time, and zeros.py where it is zero; lanes.py: many neurons, of which few spike at a time.
"""

from glifjax.mihalas_niebur.neuron import INTEGRATORS, MihalasNiebur, MihalasNieburState

__all__ = ["INTEGRATORS", "MihalasNiebur", "MihalasNieburState"]
