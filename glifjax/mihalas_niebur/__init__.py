"""The Mihalas-Niebur neuron: neuron.py; flow.py: it between spikes; crossing.py: its spikes inside a step."""

from glifjax.mihalas_niebur.neuron import INTEGRATORS, MihalasNiebur, MihalasNieburState

__all__ = ["INTEGRATORS", "MihalasNiebur", "MihalasNieburState"]
