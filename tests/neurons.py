"""Neurons of every kind that laws are tested over, what drives them, and losses of their runs."""

import dataclasses
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import glifjax as gj
from glifjax.rules.membrane import Gate, GatedCurrent, Instantaneous
from glifjax.rules.threshold import ThreeComponentsEuler
from glifjax.rules.threshold_kernels import Kernels, ResetKernels
from glifjax.rules.voltage import LinearExact

DT, STEPS = 1e-4, 400
FORCED = np.array([60, 130, 300])
DRIVE = 4e-10 * (np.arange(STEPS) % 200 > 20)  # A; makes every neuron spike
WHISPER = 0.15 * DRIVE  # A; makes none spike


def at_level(level: str) -> Callable[[], gj.GLIF]:
    """Parameters of ordinary size, none of them zero or one, so that each has an effect where it can."""
    return lambda: gj.from_level(
        level,
        C=1e-10, R_input=2e8, th_inf=0.02, init_threshold=0.021, init_voltage=1e-3, El=5e-4, El_reference=-0.07,
        asc_tau_array=jnp.array([0.1, 0.01]), asc_amp_array=jnp.array([-3e-11, -1.5e-10]),
        init_AScurrents=jnp.array([-2e-12, 3e-12]), r=jnp.array([0.9, 0.5]), reset_slope=0.3, reset_intercept=-2e-3,
        a_spike=3e-3, b_spike=80.0, a_voltage=8.0, b_voltage=25.0, spike_cut_length=25, dt=DT, spike_latency=3e-4,
        coeffs=gj.Coefficients(th_inf=1.1, C=0.9, G=1.2, a=0.8, b=1.3, asc_amp_array=jnp.array([1.1, 0.7])),
        escape_noise=gj.EscapeNoise(40.0, 2e-3, jitter=4e-4, lapse=0.3),
    )  # fmt: skip


def with_rules(level: str, **rules) -> Callable[[], gj.GLIF]:
    """That neuron with other rules, each given by its constructor: arrays take their type when it is called."""
    return lambda: dataclasses.replace(at_level(level)(), **{name: build() for name, build in rules.items()})


class OwnCurrent(eqx.Module):
    """I = curvature V^2."""

    curvature: jax.Array = eqx.field(default=2e-8, converter=jnp.asarray)  # A / V^2

    def __call__(self, voltage):
        return self.curvature * voltage**2


class OwnReset(eqx.Module):
    """V <- a V + b, the linear reset of AllenSDK's tutorial."""

    a: jax.Array = eqx.field(default=0.2, converter=jnp.asarray)
    b: jax.Array = eqx.field(default=-1e-3, converter=jnp.asarray)

    def __call__(self, neuron, state):
        return self.a * state.voltage + self.b


class OwnThreshold(eqx.Module):
    """th_inf + rise e^(-(time since the last spike) / tau) + m, where m is a state of its own that follows V."""

    rise: jax.Array = eqx.field(default=4e-3, converter=jnp.asarray)
    tau: jax.Array = eqx.field(default=0.02, converter=jnp.asarray)
    rate: jax.Array = eqx.field(default=15.0, converter=jnp.asarray)

    class State(eqx.Module):
        total: jax.Array
        spike: jax.Array
        voltage: jax.Array

    def init(self, neuron):
        zero = jnp.zeros_like(neuron.th_inf)
        return self.State(neuron.threshold_infinity, zero, zero)

    def __call__(self, neuron, state, current, dt):
        since = jnp.minimum(neuron.time_since_spike(state), 1e3)
        spike = self.rise * jnp.exp(-since / self.tau)
        voltage = state.threshold.voltage + self.rate * dt * (0.2 * state.voltage - state.threshold.voltage)
        return self.State(neuron.threshold_infinity + spike + voltage, spike, voltage)


AUGMENTED = {
    "voltage_dynamics": LinearExact,
    "threshold_dynamics": lambda: Kernels(
        spike_tau=[5e-3, 0.08], voltage_tau=[4e-3, 0.05], knots=[-2e-3, 8e-3],
        weights=[[0.1, 0.05], [0.1, -0.05]], softness=3e-3,
    ),
    "threshold_reset": lambda: ResetKernels([2e-3, 1e-3]),
    "membrane_currents": lambda: (
        GatedCurrent(1e-9, -5e-3, (Gate(5e-3, 4e-3, 3e-3), Gate(0.015, -6e-3, 0.04))),
        GatedCurrent(5e-9, 0.05, (Gate(-5e-3, -5e-3, 0.02), Gate(0.01, 5e-3, 1e-3))),
    ),
    "spike_waveform": lambda: jnp.array([0.05, 0.08, 0.03, -0.01]),
}  # fmt: skip

#: neurons made of other rules -> the level they start from, what they replace
OTHERS = {
    "exact voltage, Euler threshold": (
        "LIF-R-ASC-A",
        {"voltage_dynamics": LinearExact, "threshold_dynamics": lambda: ThreeComponentsEuler(80.0, 8.0, 25.0)},
    ),
    "augmented": ("LIF-R-ASC", AUGMENTED),
    "own rules": (
        "LIF",
        {
            "voltage_reset": OwnReset,
            "threshold_dynamics": OwnThreshold,
            "membrane_currents": lambda: (Instantaneous(OwnCurrent()),),
        },
    ),
}

#: decides by its hazard, gathered, instead of a hard threshold
OTHERS["accumulated hazard"] = ("LIF-R-ASC-A", {"accumulated_hazard": lambda: gj.AccumulatedHazard(0.03, 0.1)})

NEURONS = {level: at_level(level) for level in gj.LEVELS}
NEURONS |= {name: with_rules(level, **rules) for name, (level, rules) in OTHERS.items()}

#: their gradients and steps have tests of their own, in test_mihalas_niebur.py
MIHALAS_NIEBUR = {
    integrator: lambda integrator=integrator: gj.MihalasNiebur(
        C=2e-10, G=1e-8, a=5.0, A=(-2e-11, 1e-12), max_spikes_per_step=1, integrator=integrator,
        escape_noise=gj.EscapeNoise(40.0, 2e-3, jitter=4e-4, lapse=0.3),
    )
    for integrator in ("exact", "exponential_euler")
}  # fmt: skip
ALL = NEURONS | {f"Mihalas-Niebur, {name}": build for name, build in MIHALAS_NIEBUR.items()}
#: The exact Mihalas-Niebur neuron compiles as long as all others together: with the slow tests.
each_neuron = pytest.mark.parametrize(
    "build",
    [
        pytest.param(build, id=name, marks=pytest.mark.slow if name.endswith("exact") else ())
        for name, build in ALL.items()
    ],
)
#: every rule once, for what takes long: the levels above LIF are made of what the others are made of
KINDS = {name: build for name, build in ALL.items() if name not in list(gj.LEVELS)[1:]}


def smooth_loss(trace: gj.Trace) -> jax.Array:
    """Of order one; smooth in everything while the spikes stay in their steps."""
    scales = {
        "voltage": 1e-2, "threshold": 1e-2, "threshold_components": 1e-3, "afterspike_currents": 1e-11,
        "voltage_before_reset": 1e-2, "threshold_before_reset": 1e-2,
    }  # fmt: skip
    weight = 1 + jnp.arange(STEPS) / STEPS
    total = jnp.zeros(())
    for name, scale in scales.items():
        value = getattr(trace, name)
        seen = jnp.where(jnp.isnan(value), 0.0, value / scale)
        total += jnp.mean(weight * jnp.sum(seen.reshape(STEPS, -1) ** 2, axis=1))
    return total


def crossings(trace: gj.Trace) -> jax.Array:
    """The spikes' times inside their steps, in steps, each with a weight of its own."""
    spiked = trace.spiked > 0.5
    return jnp.sum(jnp.where(spiked, jnp.cumsum(spiked) * trace.crossing[:, 0] / DT, 0.0))


def flat(neuron):
    """All float leaves as multiples of their own values (so ones), their names, and the way back."""
    floats, rest = eqx.partition(neuron, eqx.is_inexact_array)
    values, unravel = ravel_pytree(floats)
    assert np.all(np.asarray(values) != 0)
    names = [
        jax.tree_util.keystr(path)
        for path, leaf in jax.tree_util.tree_leaves_with_path(floats)
        for _ in range(leaf.size)
    ]
    return jnp.ones_like(values), names, lambda factors: eqx.combine(unravel(factors * values), rest)
