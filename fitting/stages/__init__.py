"""The stages of a fit: values that take a patched neuron and training sweeps, and return a better neuron.

ClosedForm and Augment make a neuron to start from. Membrane: with spikes forced where they were recorded;
ChosenMembrane: in several ways, of which the spikes choose. Threshold and KernelThreshold: when the neuron spikes,
given that membrane. Joint: both again, together. HardThreshold: the threshold of a neuron without noise that agrees
with it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
