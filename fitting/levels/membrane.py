"""What stage A moves, and how far it may: weak priors around where a fit starts."""

from collections.abc import Callable
from functools import cache

import equinox as eqx
import jax.numpy as jnp

from glifjax.rules import gated

from ..model.coordinates import AbstractCoordinate, Bounded, Coordinate
from ..model.patched import PatchedNeuron

# Named here once, since a compiled function is found again by what it was made of.
_C = lambda model: model.neuron.C
_R = lambda model: model.neuron.R_input
_EL = lambda model: model.neuron.El_reference
_RS = lambda model: model.series_resistance
_RESET = lambda model: model.neuron.voltage_reset.b
_AMPLITUDES = lambda model: model.neuron.asc_amp_array
_TAUS = lambda model: model.neuron.asc_tau_array
_LEAK = lambda model: model.neuron.El


@cache
def _conductance(i: int) -> Callable:
    return lambda model: model.neuron.membrane_currents[i].conductance


@cache
def _half(i: int, j: int) -> Callable:
    return lambda model: model.neuron.membrane_currents[i].gates[j].V_half


@cache
def _tau(i: int, j: int) -> Callable:
    return lambda model: model.neuron.membrane_currents[i].gates[j].tau


class MembranePrior(eqx.Module):
    """Standard deviations of the priors on the membrane: in natural-log units where a parameter is positive.

    The slope of the reset is not moved: fitted here it follows the model's own error at the onsets, and predicts fewer
    of the training spikes (docs/measured/results.md). Of a few, the spikes choose (stages/chosen.py).

    Attributes:
        C, R: of capacitance and resistance, log units.
        series_resistance: ohm.
        reset: of the voltage after a spike, V.
        amplitude: of an afterspike current, V over R_input.
        tau: of its time constant, log units.
        rest: of the resting potential, or of the leak's reversal beside gated currents, V.
        conductance: of a gated current, log units.
        half_activation, half_inactivation: V.
        gate_tau: of a gate's time constant, log units.
        slowest: the slowest that a gate may be, as a share of the training data: slower ones are drift.
    """

    C: float = 0.7
    R: float = 0.7
    series_resistance: float = 10e6
    reset: float = 10e-3
    amplitude: float = 60e-3
    tau: float = 0.7
    rest: float = 15e-3
    conductance: float = 1.5
    half_activation: float = 12e-3
    half_inactivation: float = 20e-3
    gate_tau: float = 0.9
    slowest: float = 0.1

    def linear(self, model: PatchedNeuron, resets: bool, currents: bool) -> list[AbstractCoordinate]:
        """A linear membrane's coordinates but for its rest; what a level lacks is held.

        Args:
            model: where they are.
            resets: whether the voltage after a spike is moved.
            currents: whether afterspike currents are.
        """
        around = lambda where, sd, log=False: Coordinate(where, where(model), sd, log)
        return [
            around(_C, self.C, True),
            around(_R, self.R, True),
            around(_RS, self.series_resistance),
            around(_RESET, self.reset * resets),
            around(_AMPLITUDES, self.amplitude / model.neuron.R_input * currents),
            around(_TAUS, self.tau * currents, True),
        ]

    def resting(self, model: PatchedNeuron) -> list[AbstractCoordinate]:
        """The resting potential."""
        return [Coordinate(_EL, _EL(model), self.rest)]

    def gated(self, model: PatchedNeuron, duration: float, held: int = 0) -> list[AbstractCoordinate]:
        """The leak's own reversal, as gates are placed relative to El_reference, and every gated current.

        Args:
            model: where they are.
            duration: of the training sweeps, s.
            held: so many of the currents, the last ones, stay as they are.
        """
        currents = gated(model.neuron.membrane_currents)
        moved: list[AbstractCoordinate] = [Coordinate(_LEAK, _LEAK(model), self.rest)]
        for place, (i, current) in enumerate(currents.items(), start=1):
            moves = place <= len(currents) - held
            moved.append(Coordinate(_conductance(i), current.conductance, self.conductance * moves, log=True))
            for j, gate in enumerate(current.gates):
                sd = self.half_activation if j == 0 else self.half_inactivation
                moved.append(Coordinate(_half(i, j), gate.V_half, sd * moves))
                moved.append(self._below(_tau(i, j), gate.tau, self.gate_tau * moves, duration))
        return moved

    def _below(self, where: Callable, tau, sd: float, duration: float) -> AbstractCoordinate:
        """A gate's time constant, between 0 and its bound: `slowest` of the data, or a tenth more than it is."""
        high = jnp.maximum(self.slowest * duration, 1.1 * tau)
        return Bounded(where, tau, sd, log=True, low=jnp.zeros_like(high), high=high)
