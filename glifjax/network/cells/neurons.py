"""Any glifjax neuron as a cell of a network: its own step, driven by alpha-shaped post-synaptic currents.

    y1' = P11 y1 + (e / tau) weights that arrive,   y2' = P21 y1 + P11 y2,   I = I_injected + sum over ports of y2

with y2 before the step, so that a current acts from the step after. Neurons are in SI units, networks in ms, mV and pA.
Source of the synapse: Rotter & Diesmann (1999), doi:10.1007/s004220050570 (see synapses.py).

Derivatives of spike times (see base.py) take a neuron's step apart, as AbstractSpikingNeuron does: it is moved by its
lead along (advance(state) - state)/dt, the slope of whatever it has for a state.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from glifjax.errors import InputError
from glifjax.network.cells.base import AbstractCells, Arrivals, Step, along, lead, total
from glifjax.neuron import AbstractNeuron, AbstractSpikingNeuron, Input

#: From the units of networks to SI.
MILLI = 1e-3
PICO = 1e-12


class NeuronState(NamedTuple):
    """Of n cells: the neurons' own states, synapses (pA), V (mV), and leads (ms), or None."""

    neurons: Any
    y1: Float[Array, "ports n"]
    y2: Float[Array, "ports n"]
    voltage: Float[Array, " n"]
    lead: Float[Array, " n"] | None


class NeuronCells(AbstractCells):
    """n neurons of one kind; see `cells_of_neurons`.

    Attributes:
        neurons: one neuron whose leaves have a last axis of n cells, SI units.
        tau_syn: time constants of the ports' currents, (ports, n), ms.
    """

    neurons: AbstractNeuron
    tau_syn: Float[Array, "ports n"]

    @property
    def size(self) -> int:
        """How many cells there are."""
        return self.tau_syn.shape[1]

    @property
    def ports(self) -> int:
        """How many kinds of synapses a cell tells apart."""
        return self.tau_syn.shape[0]

    @property
    def variables(self) -> tuple[str, ...]:
        """The voltage, the injected and the synaptic current."""
        return ("V_m", "I", "I_syn")

    def init(self, leads: bool) -> NeuronState:
        """At the neurons' own start.

        Raises:
            InputError: with `leads`: a neuron whose step is not advance, decide, reset.
        """
        if leads and not isinstance(self.neurons, AbstractSpikingNeuron):
            raise InputError(
                f"a {type(self.neurons).__name__} as a cell has no derivatives of spike times; use a GLIF, or "
                "gj.simulate alone"
            )
        none = jnp.zeros((self.ports, self.size))
        start = jax.vmap(lambda neuron: (neuron.init(), neuron.init_voltage), -1, -1)(self.neurons)
        return NeuronState(start[0], none, none, start[1] / MILLI, jnp.zeros(self.size) if leads else None)

    def constants(self, h: float) -> tuple[AbstractNeuron, Float[Array, ""], Float[Array, "ports n"]]:
        """The neurons for steps of h ms, h in s, and P11."""
        dt = jnp.asarray(h * MILLI)
        recounted = jax.vmap(lambda neuron: neuron.at_dt(dt), -1, -1)(self.neurons)
        return recounted, dt, jnp.exp(-h / self.tau_syn)

    def step(
        self, constants: Any, state: NeuronState, arrivals: Arrivals, current: Float[Array, " n"], quiet: bool = False
    ) -> Step:
        """One step of all neurons."""
        neurons, dt, P11 = constants
        injected = PICO * (current + total(state.y2))
        y1 = P11 * state.y1 + jnp.e / self.tau_syn * arrivals.weight
        y2 = (dt / MILLI) * P11 * state.y1 + P11 * state.y2
        if arrivals.moved is not None:
            y1 = along(y1, -jnp.e / self.tau_syn**2, arrivals.moved)
            y2 = along(y2, jnp.e / self.tau_syn, arrivals.moved)
        if state.lead is None:
            one: Any = lambda neuron, own, current: neuron.step(own, Input(current), dt)
            new, sample = jax.vmap(one, (-1, -1, 0), (-1, 0))(neurons, state.neurons, injected)
            excess, leads = (sample.voltage - sample.threshold) / MILLI, None
        else:
            timed: Any = jax.vmap(partial(_timed_step, quiet=quiet), (-1, -1, 0, 0, None), (-1, 0, 0, 0))
            new, sample, excess, leads = timed(neurons, state.neurons, injected, state.lead * MILLI, dt)
            excess, leads = excess / MILLI, leads / MILLI
        voltage = jnp.where(jnp.isnan(sample.voltage), state.voltage, sample.voltage / MILLI)
        left = None if state.lead is None or leads is None else jnp.where(sample.refractory, state.lead, leads)
        excess = jnp.nan_to_num(excess, nan=-jnp.inf)
        return Step(NeuronState(new, y1, y2, voltage, left), sample.fired, excess, leads)

    def observe(self, state: NeuronState, current: Float[Array, " n"]) -> Mapping[str, Float[Array, " n"]]:
        """V, held while a spike is cut out, and the currents."""
        return {"V_m": state.voltage, "I": current, "I_syn": total(state.y2)}


def _timed_step(neuron: AbstractSpikingNeuron, state: Any, current, left, dt, quiet: bool):
    """A neuron's step with derivatives of spike times, s: state, sample, surplus (V; -inf while refractory), lead.

    The first step after a spike is longer by the lead that is `left`; a spike, of which there is none if it is `quiet`,
    leaves the state at its crossing.
    """
    inp, refractory = Input(current), neuron.refractory(state)
    free, counts = eqx.partition(neuron.advance(state, current, dt), eqx.is_inexact_array)
    slope = jax.tree.map(lambda new, old: (new - old) / dt, free, eqx.filter(state, eqx.is_inexact_array))
    later = lambda by: eqx.combine(jax.tree.map(lambda value, rate: along(value, rate, by), free, slope), counts)
    new = longer = later(left)
    surplus, own = neuron.surplus(longer), jnp.zeros_like(left)
    spiked = jnp.zeros_like(refractory) if quiet else (surplus > 0) & ~refractory
    if not quiet:
        own = jnp.where(spiked, lead(surplus, neuron.surplus(state), left, dt), 0.0)
        new = jax.tree.map(partial(jnp.where, spiked), neuron.reset(later(left - own)), longer)
    decided = spiked.astype(surplus.dtype)
    new = neuron.settle(new, decided, inp)
    sample = neuron.observe(state, longer, new, decided, inp, dt)
    return new, sample, jnp.where(refractory, -jnp.inf, surplus), own


def cells_of_neurons(neurons: Sequence[AbstractNeuron], tau_syn: Sequence[float]) -> NeuronCells:
    """Neurons of one kind as cells of a circuit.

    Args:
        neurons: at least one; of one class, with the same rules.
        tau_syn: time constant of each port, ms.

    Raises:
        InputError: no neurons, neurons of different kinds, a time constant that is not above 0.
    """
    if not neurons or len({jax.tree.structure(neuron) for neuron in neurons}) > 1:
        raise InputError(f"{len(neurons)} neurons, not all of one kind, cannot be one group; make a group of each kind")
    if not len(tau_syn) or min(tau_syn) <= 0:
        raise InputError(f"tau_syn is {list(tau_syn)}; give one time constant above 0 for each port, ms")
    stacked = jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves], axis=-1), *neurons)
    return NeuronCells(stacked, jnp.outer(jnp.asarray(tau_syn, float), jnp.ones(len(neurons))))
