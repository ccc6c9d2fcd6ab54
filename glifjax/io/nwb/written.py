"""How a model's traces are written into a file, whatever its kind."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from glifjax.trace import Trace


@dataclass(frozen=True)
class Written:
    """How traces are written.

    Attributes:
        description: of the model and how it was run; it is kept in the file.
        neuron_config: the model itself, as JSON.
        n_currents: number of afterspike currents.
        reference: added to voltages and thresholds, V; the neuron's El_reference makes them absolute.
        spike_cut_value: stands for NaN in the voltage, V; None keeps NaN. Nothing is added to it.
    """

    description: str
    neuron_config: str
    n_currents: int
    reference: float = 0.0
    spike_cut_value: float | None = None

    def voltage(self, trace: Trace) -> Float[np.ndarray, " T"]:
        """(T,), V."""
        voltage = np.asarray(trace.voltage, float) + self.reference
        return voltage if self.spike_cut_value is None else np.where(np.isnan(voltage), self.spike_cut_value, voltage)

    def threshold(self, trace: Trace) -> Float[np.ndarray, " T"]:
        """(T,), V; NaN in the spike cut."""
        return np.asarray(trace.threshold, float) + self.reference
