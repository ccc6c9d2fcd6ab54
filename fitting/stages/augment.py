"""What the augmented level adds to a linear membrane: gated currents, and a threshold with many time constants.

Sources: the augmented GIF of Harkin et al. 2023 (eLife 12:e72951) for slow potassium currents beside a GIF's kernels;
Mensi et al. 2016 (PLoS Comput Biol 12:e1004761) for a threshold that bends with the voltage.
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from glifjax.rules.membrane import Gate, GatedCurrent
from glifjax.rules.threshold_kernels import Kernels, ResetKernels
from glifjax.rules.voltage import LinearExact, ResetFromVoltage

from ..data.arrays import FitData
from ..data.shape import SpikeShape
from ..model.patched import PatchedNeuron


class Start(eqx.Module):
    """Where a gated current starts; a potassium current unless said otherwise.

    Attributes:
        tau_m: time constant of its activation, s.
        half_inactivation: absolute V; None: it does not inactivate.
        tau_h: time constant of its inactivation, s.
        half_activation: absolute V.
        activation_slope, inactivation_slope: V; a current with a negative slope of activation opens below.
        conductance: S.
        reversal: absolute V.
    """

    tau_m: float
    half_inactivation: float | None = None
    tau_h: float = 0.1
    half_activation: float = -25e-3
    activation_slope: float = 6e-3
    inactivation_slope: float = -7e-3
    conductance: float = 2e-8
    reversal: float = -90e-3

    def current(self, rest: float) -> GatedCurrent:
        """The current of a cell that rests at a voltage, V."""
        gates = (Gate(self.half_activation - rest, self.activation_slope, self.tau_m),)
        if self.half_inactivation is not None:
            gates += (Gate(self.half_inactivation - rest, self.inactivation_slope, self.tau_h),)
        return GatedCurrent(self.conductance, self.reversal - rest, gates)


#: Potassium currents, between which the data then distinguish.
POTASSIUM = (Start(20e-3, 0.0, 100e-3), Start(300e-3, -40e-3, 1.0), Start(3e-3, -70e-3, 60e-3))
#: A slow inward current that hyperpolarisation opens, as h currents (Pape 1996, Annu Rev Physiol 58:299), but slower.
SLOW_INWARD = Start(3.0, half_activation=-75e-3, activation_slope=-8e-3, conductance=3e-10, reversal=-35e-3)


class Augment(eqx.Module):
    """Gives a linear neuron what the augmented level adds, all of it still without much effect.

    Attributes:
        spike_taus: time constants of what a spike adds to the threshold, s.
        voltage_taus: time constants of the voltage's pull on the threshold, s.
        knots: where its hinges bend, from the voltage at the onsets, V.
        softness: how softly they do, V.
        currents: the gated currents.
        leak: its share of the conductance that a linear membrane needs.
        waveform: samples of the spike's waveform, whatever its duration, so that compiled functions serve many cells.
    """

    spike_taus: tuple[float, ...] = (10e-3, 30e-3, 100e-3, 300e-3)
    voltage_taus: tuple[float, ...] = (1e-3, 5e-3, 20e-3, 80e-3, 300e-3)
    knots: tuple[float, ...] = (-30e-3, -20e-3, -10e-3, 0.0)
    softness: float = 4e-3
    currents: tuple[Start, ...] = POTASSIUM
    leak: float = 0.7
    waveform: int = 100

    def __call__(self, model: PatchedNeuron, data: FitData, shape: SpikeShape) -> PatchedNeuron:
        """The augmented neuron.

        Args:
            model: a neuron to start from; its membrane, afterspike currents and electrode stay.
            data: training sweeps.
            shape: their spikes.
        """
        neuron = model.neuron
        rest = float(neuron.El_reference)
        membrane = np.asarray(data.voltage - float(model.series_resistance) * data.current - rest)
        waveform = self._waveform(membrane, data, round(shape.cut / data.dt))
        values = (
            (lambda n: n.R_input, neuron.R_input / self.leak),
            (lambda n: n.voltage_dynamics, LinearExact()),
            (lambda n: n.threshold_dynamics, self._kernels(float(neuron.th_inf))),
            (lambda n: n.threshold_reset, ResetKernels(jnp.zeros(len(self.spike_taus)))),
            (lambda n: n.voltage_reset, ResetFromVoltage(0.0, float(waveform[-1]))),
            (lambda n: n.membrane_currents, tuple(start.current(rest) for start in self.currents)),
            (lambda n: n.spike_waveform, jnp.asarray(waveform)),
        )
        return eqx.tree_at(lambda m: [where(m.neuron) for where, _ in values], model, [value for _, value in values])

    def _kernels(self, onset: float) -> Kernels:
        """The threshold's rule with its hinges around a voltage, V."""
        return Kernels(
            jnp.asarray(self.spike_taus),
            jnp.asarray(self.voltage_taus),
            onset + jnp.asarray(self.knots),
            jnp.zeros((len(self.knots), len(self.voltage_taus))),
            self.softness,
        )

    def _waveform(self, membrane: Float[np.ndarray, "S T"], data: FitData, steps: int) -> Float[np.ndarray, " w"]:
        """Mean membrane voltage over the spike cut, V."""
        spikes = [
            membrane[sweep, step : step + steps]
            for sweep, step in zip(*np.nonzero(data.forced), strict=True)
            if data.valid[sweep, step : step + steps].sum() == steps
        ]
        middle = lambda n: (np.arange(n) + 0.5) / n
        return np.interp(middle(self.waveform), middle(steps), np.mean(spikes, axis=0))
