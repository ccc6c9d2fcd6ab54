"""What the augmented level adds to a linear membrane: gated currents, and a threshold with many time constants.

Sources: the augmented GIF of Harkin et al. 2023 (eLife 12:e72951) for slow potassium currents beside a GIF's kernels;
Mensi et al. 2016 (PLoS Comput Biol 12:e1004761) for a threshold that bends with the voltage.
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from glifjax.rules.membrane import Gate, GatedCurrent
from glifjax.rules.threshold_kernels import Kernels, ResetKernels
from glifjax.rules.voltage import LinearExact, ResetFromVoltage

from ..data.arrays import FitData
from ..data.shape import SpikeShape
from ..model.patched import PatchedNeuron

#: Time constants of what a spike adds to the threshold, and of the voltage's pull on it, s.
SPIKE_TAUS = (10e-3, 30e-3, 100e-3, 300e-3)
VOLTAGE_TAUS = (1e-3, 5e-3, 20e-3, 80e-3, 300e-3)
#: Where the hinges bend, from the model's voltage at the onsets; how softly; V.
KNOTS, SOFTNESS = (-30e-3, -20e-3, -10e-3, 0.0), 4e-3
#: Of every gated current: S, and absolute V. Potassium currents, between which the data then distinguish.
CONDUCTANCE, REVERSAL, V_HALF, ACTIVATION, INACTIVATION = 2e-8, -90e-3, -25e-3, 6e-3, -7e-3
#: Where each starts: time constant of its activation (s), half-inactivation (absolute V) and its time constant (s).
CURRENTS = ((20e-3, 0.0, 100e-3), (300e-3, -40e-3, 1.0), (3e-3, -70e-3, 60e-3))
#: Samples of the spike's waveform, whatever its duration, so that compiled functions serve many cells.
WAVEFORM = 100
#: The leak's share of the conductance that a linear membrane needs.
LEAK = 0.7


def augment(model: PatchedNeuron, data: FitData, shape: SpikeShape) -> PatchedNeuron:
    """A linear neuron with what the augmented level adds, all of it still without much effect.

    Args:
        model: a neuron to start from; its membrane, afterspike currents and electrode are kept.
        data: training sweeps; shape: their spikes.
    """
    neuron = model.neuron
    rest = float(neuron.El_reference)
    membrane = np.asarray(data.voltage - float(model.series_resistance) * data.current - rest)
    waveform = _waveform(membrane, data, round(shape.cut / data.dt))
    gated = tuple(
        GatedCurrent(
            CONDUCTANCE,
            REVERSAL - rest,
            (Gate(V_HALF - rest, ACTIVATION, tau_m), Gate(v_h - rest, INACTIVATION, tau_h)),
        )
        for tau_m, v_h, tau_h in CURRENTS
    )
    return eqx.tree_at(
        lambda m: (
            m.neuron.R_input, m.neuron.voltage_dynamics, m.neuron.threshold_dynamics, m.neuron.threshold_reset,
            m.neuron.voltage_reset, m.neuron.membrane_currents, m.neuron.spike_waveform,
        ),
        model,
        (
            neuron.R_input / LEAK,
            LinearExact(),
            with_knots(jnp.zeros((len(KNOTS), len(VOLTAGE_TAUS))), float(neuron.th_inf)),
            ResetKernels(jnp.zeros(len(SPIKE_TAUS))),
            ResetFromVoltage(0.0, float(waveform[-1])),
            gated,
            jnp.asarray(waveform),
        ),
    )  # fmt: skip


def with_knots(weights, onset: float) -> Kernels:
    """The threshold's rule with its hinges around a voltage, V."""
    return Kernels(
        jnp.asarray(SPIKE_TAUS), jnp.asarray(VOLTAGE_TAUS), onset + jnp.asarray(KNOTS), jnp.asarray(weights), SOFTNESS
    )


def _waveform(membrane: np.ndarray, data: FitData, steps: int) -> np.ndarray:
    """Mean membrane voltage over the spike cut, (WAVEFORM,), V."""
    spikes = [
        membrane[sweep, step : step + steps]
        for sweep, step in zip(*np.nonzero(data.forced), strict=True)
        if data.valid[sweep, step : step + steps].sum() == steps
    ]
    middle = lambda n: (np.arange(n) + 0.5) / n
    return np.interp(middle(WAVEFORM), middle(steps), np.mean(spikes, axis=0))
