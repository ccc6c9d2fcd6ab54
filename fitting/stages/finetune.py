"""Gradient descent on the running neuron: any optax optimiser, through surrogate spikes.

The neuron runs freely, with its hard threshold; its spikes and the recorded ones, both smoothed with an exponential
(van Rossum 2001, Neural Computation 13:751), are compared. Allen's coefficients move; the result is kept only where
it does better on the last part of the training data, which the gradient does not see.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.scipy.signal import fftconvolve
from jaxtyping import Array, Float

from fitting.coordinates import Coordinate, origin, place
from fitting.data import FitData
from fitting.electrode import PatchedNeuron
from fitting.stages import Stage
from fitting.stages.threshold import maximise_likelihood

#: Time constant that spikes are smoothed with, and the bins they are counted in first, s.
TAU, BIN = 20e-3, 1e-3
#: Of each training sweep, this much at the end decides which iteration is kept.
VALIDATION = 0.2

#: Allen's coefficients, by name: where each is in a patched neuron.
COEFFICIENTS = {
    "th_inf": lambda model: model.neuron.coeffs.th_inf,
    "C": lambda model: model.neuron.coeffs.C,
    "G": lambda model: model.neuron.coeffs.G,
    "a": lambda model: model.neuron.coeffs.a,
    "b": lambda model: model.neuron.coeffs.b,
    "asc_amp_array": lambda model: model.neuron.coeffs.asc_amp_array,
}
_LAMBDA0 = lambda model: model.noise.lambda0
_DELTA_V = lambda model: model.noise.delta_v


def check_coefficients(names: Sequence[str]) -> None:
    """Refuse a name that is no coefficient.

    Raises:
        ValueError: with the names there are.
    """
    unknown = [name for name in names if name not in COEFFICIENTS]
    if unknown:
        raise ValueError(f"no coefficient is called {', '.join(unknown)}; there are {', '.join(COEFFICIENTS)}")


def coordinates(model: PatchedNeuron, names: Sequence[str], sd: float = 0.3) -> list[Coordinate]:
    """Allen's coefficients on a log scale, one unit being a factor of exp(sd)."""
    check_coefficients(names)
    return [Coordinate(COEFFICIENTS[name], COEFFICIENTS[name](model), sd, log=True) for name in names]


def finetune(
    model: PatchedNeuron,
    data: FitData,
    optimizer: optax.GradientTransformation,
    train: Sequence[str] = tuple(COEFFICIENTS),
    steps: int = 60,
    patience: int = 15,
) -> Stage:
    """Move coefficients by gradient until the validation part has not gained for `patience` steps.

    Args:
        model: a neuron with its deterministic threshold chosen.
        data: training sweeps.
        optimizer: any optax optimiser; it sees coordinates of order one, in which 0.01 is 0.3 % of a coefficient.
        train: which coefficients.
        steps: iterations at most.

    Returns:
        The stage; its losses are the validation part's. The hazard is refitted to the moved neuron.
    """
    moved = coordinates(model, train)
    x: Any = origin(moved)
    best = x
    state, losses = optimizer.init(x), []

    @eqx.filter_jit
    def step(x, state):
        (_, validation), gradient = jax.value_and_grad(_losses, has_aux=True)(x, (model, moved, data))
        # where a run explodes, that step is skipped rather than all the parameters lost
        gradient = jax.tree.map(lambda g: jnp.where(jnp.isfinite(g), g, 0.0), gradient)
        updates, state = optimizer.update(gradient, state, x)
        return optax.apply_updates(x, updates), state, validation

    for _ in range(steps):
        after, state, validation = step(x, state)
        if not losses or validation < min(losses):
            best = x
        losses.append(float(validation))
        if len(losses) - int(np.argmin(losses)) > patience:
            break
        x = after
    model = place(model, moved, best)
    noise = model.noise
    hazard = [
        Coordinate(_LAMBDA0, noise.lambda0, 1.0, log=True),
        Coordinate(_DELTA_V, noise.delta_v, 1.0, log=True),
    ]
    model, _ = maximise_likelihood(model, hazard, data)
    return Stage(model, "coefficients", "van Rossum distance on the validation part", losses)


def van_rossum(spiked: Float[Array, "... T"], recorded: Float[Array, "... T"], dt: float) -> Float[Array, "... n"]:
    """Squared difference of two spike trains (1 in a spiking step), each smoothed by exp(-t/TAU), in bins of BIN."""
    block = max(1, round(BIN / dt))
    n = spiked.shape[-1] // block
    difference = (spiked - recorded)[..., : n * block].reshape(*spiked.shape[:-1], n, block).sum(axis=-1)
    kernel = jnp.exp(-jnp.arange(0, 8 * TAU, BIN) / TAU)
    smooth = lambda row: fftconvolve(row, kernel)[:n]
    return jnp.vectorize(smooth, signature="(n)->(n)")(difference) ** 2


def _losses(x, problem):
    """Distance per recorded spike, on the training and on the validation part."""
    model, moved, data = problem
    model = place(model, moved, x)
    run = lambda current, voltage: model.simulate(current, data.dt, recorded_start=voltage[0]).spiked
    spiked = jax.vmap(run)(jnp.asarray(data.current), jnp.asarray(data.voltage))
    distance = van_rossum(jnp.where(data.valid, spiked, 0.0), data.forced.astype(float), data.dt)
    position = np.cumsum(data.valid, axis=1) / np.sum(data.valid, axis=1, keepdims=True)
    block = data.valid.shape[1] // distance.shape[1]
    held_back = position[:, ::block][:, : distance.shape[1]] > 1 - VALIDATION
    per_spike = lambda part: jnp.sum(jnp.where(part, distance, 0.0)) / max(1, data.n_spikes)
    return per_spike(~held_back), per_spike(held_back)
