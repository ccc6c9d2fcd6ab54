"""glifjax: simulate and fit generalized leaky integrate-and-fire neurons in JAX."""

from glifjax import _backend  # noqa: F401  (first: it sets a flag that the backend reads when it starts)
from glifjax.glif import GLIF, LEVELS, Coefficients, from_level
from glifjax.io.neuron_config import read_neuron_config, write_neuron_config
from glifjax.neuron import AbstractNeuron, Input, Sample, Status
from glifjax.simulate import Spikes, Trace, simulate
from glifjax.spike import EscapeNoise, SurrogateSpike

__all__ = [
    "GLIF", "LEVELS", "AbstractNeuron", "Coefficients", "EscapeNoise", "Input", "Sample", "Spikes", "Status",
    "SurrogateSpike", "Trace", "from_level", "read_neuron_config", "simulate",
    "write_neuron_config",
]  # fmt: skip
