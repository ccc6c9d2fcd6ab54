"""How a neuron's threshold moves, whatever it is made of: found by running the neuron itself."""

from dataclasses import dataclass, replace

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

import glifjax as gj
from glifjax.rules.voltage import LinearExact

#: Time step and duration of the runs, s.
STEP = 0.5e-3
LONGEST = 1.0
#: The voltage steps to where spikes start, and to as far below and above it, V.
AROUND = (-10e-3, 0.0, 10e-3)
#: A movement is shown until so little of it is left to come.
REST = 0.02


@dataclass(frozen=True)
class Movements:
    """What moves a threshold.

    Attributes:
        time: s, (n,).
        by_spike: what one spike at 0 adds to it, V, (n,); NaN while the spike is cut out.
        by_voltage: what a step of the voltage at 0 adds to it, V, (n,), by the voltage stepped to, V; empty where no
            voltage does.
    """

    time: Float[np.ndarray, " n"]
    by_spike: Float[np.ndarray, " n"]
    by_voltage: dict[float, Float[np.ndarray, " n"]]

    def __bool__(self) -> bool:
        """Whether anything moves it."""
        return bool(np.nanmax(np.abs(self.by_spike)) > 0 or self.by_voltage)


def movements(neuron: gj.GLIF, onset: float) -> Movements:
    """The movements of a neuron's threshold.

    The voltage is moved by hand: the membrane follows the current at once, without gated or afterspike currents.

    Args:
        neuron: any GLIF.
        onset: the voltage at which its spikes start, V, relative to its El_reference.
    """
    n = round(LONGEST / STEP)
    bare = replace(
        neuron,
        C=1e-4 * neuron.C,
        voltage_dynamics=LinearExact(),
        membrane_currents=(),
        asc_amp_array=jnp.zeros_like(neuron.asc_amp_array),
        init_voltage=neuron.El,
        init_threshold=neuron.threshold_infinity,
        init_AScurrents=jnp.zeros_like(neuron.init_AScurrents),
    )
    components = lambda current, spikes: np.asarray(
        gj.simulate(bare, np.full(n, current), STEP, spikes=spikes).threshold_components
    )
    first, none = np.arange(n) == 0, np.zeros(n, bool)
    by_spike = components(0.0, first)[:, 0]
    by_voltage = {}
    for above in AROUND:
        voltage = onset + above
        moved = components(float(neuron.conductance) * (voltage - float(neuron.El)), none)[:, 1]
        shift = moved - components(0.0, none)[0, 1]
        if np.abs(shift).max() > 0:
            by_voltage[voltage + float(neuron.El_reference)] = shift
    shown = max(map(_settled, (np.nan_to_num(by_spike), *by_voltage.values())))
    time = (np.arange(n) + 1) * STEP
    return Movements(time[:shown], by_spike[:shown], {voltage: row[:shown] for voltage, row in by_voltage.items()})


def _settled(shift: Float[np.ndarray, " n"]) -> int:
    """Samples until a movement has nearly come to where it goes, at least 20 ms."""
    left = np.abs(shift - shift[-1])
    moving = np.flatnonzero(left > REST * left.max())
    return max(round(20e-3 / STEP), int(moving[-1]) + 1 if len(moving) else 0)
