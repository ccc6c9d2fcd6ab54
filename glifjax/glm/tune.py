"""Parameters that make a network fire at a rate.

One step's gradient, the history held constant, says where to go: by which of the parameters the mean response rises
fastest. It does not say how far, for spikes beget spikes. That is measured: runs of one key, their random numbers in
common, at lengths of a step that are bracketed and then halved in (regula falsi, by the Illinois rule).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray

from glifjax.errors import InputError
from glifjax.glm.activation import SAM
from glifjax.glm.forced import forced_run
from glifjax.glm.links import ExponentialRate
from glifjax.glm.network import AbstractNetwork
from glifjax.glm.simulate import run

#: A rate is met within this share of it.
TOLERANCE = 0.02
#: Runs at most in one direction, or for a rate of each neuron.
MOST_RUNS = 40
#: The first length that is tried, in sizes of the parameter that moves furthest.
FIRST_STEP = 0.1
#: How often it is doubled.
MOST_DOUBLINGS = 20
#: Places of the peer's names.
NAMES: dict[str, str] = {
    "theta": "threshold",
    "r": "strength",
    "b": "bias",
    "lambda_0": "link.rate",
    "alpha": "coupling.decay",
    "tau": "coupling.decay",
    "beta": "own.decay",
    "rel_ref_strength": "own.strength",
}


def tune(
    model: AbstractNetwork,
    rate: ArrayLike,
    *,
    names: str | Sequence[str] = ("threshold",),
    key: PRNGKeyArray,
    stimulus: Any = None,
    steps: int = 20_000,
) -> AbstractNetwork:
    """The network with some parameters changed so that it fires at a rate.

    Args:
        model: where to start.
        rate: mean over neurons, Hz; or (n,), one for each neuron, and then one parameter that each neuron has.
        names: the parameters, or one, by their place in the model ("threshold", "coupling.decay", "link.rate") or by
            the peer's names ("theta", "alpha", "r", ...).
        key: of the runs that rates are measured on.
        stimulus: as `simulate`'s.
        steps: of a run. With N spikes in it a rate is known to 1 / sqrt(N).

    Returns:
        A network whose rate in these runs lies within 2 % of the one asked for.

    Raises:
        InputError: an unknown parameter, a rate that is not positive or above one spike a step, or one that these
            parameters do not reach.
    """
    names = (names,) if isinstance(names, str) else names
    wheres = [_place(model, name) for name in names]
    if not wheres:
        raise InputError("there is no parameter to tune; name at least one")
    target = np.asarray(rate, float)
    if not (np.isfinite(target).all() and (target > 0).all()):
        raise InputError(f"the rate is {rate} Hz; give a positive one")
    highest = 1 / model.dt / (1 + model.refractory_steps)
    if target.max() > highest:
        raise InputError(
            f"the rate is {target.max():g} Hz, and these steps and refractory periods allow {highest:g} Hz"
        )
    if target.shape not in ((), (model.size,)):
        raise InputError(f"the rate has shape {target.shape}; give a number, or ({model.size},), one a neuron")
    measure = lambda candidate: _rates(candidate, key, stimulus, steps)
    if target.ndim:
        return _tune_each(model, target, wheres, names, measure)
    return _tune_mean(model, float(target), wheres, names, measure, key, stimulus, steps)


def _tune_mean(model, target, wheres, names, measure, key, stimulus, steps) -> AbstractNetwork:
    gap = lambda candidate: np.log(max(measure(candidate).mean(), 1e-3) / target)
    value = gap(model)
    for _ in range(3):  # a new direction where the old one leads nowhere
        if abs(value) <= np.log1p(TOLERANCE):
            return model
        direction = _direction(model, wheres, key, stimulus, steps)
        sign = -np.sign(value)
        at = partial(_moved, model, wheres, [sign * part for part in direction])
        low, low_value, high, high_value = 0.0, value, FIRST_STEP, value
        for _ in range(MOST_DOUBLINGS):
            high_value = gap(at(high))
            if high_value * value <= 0 or not np.isfinite(high_value):
                break
            low, low_value, high = high, high_value, 2 * high
        length, value = _between(gap, at, low, low_value, high, high_value)
        model = at(length)
        if low_value * high_value > 0:
            break
    if abs(value) <= np.log1p(TOLERANCE):
        return model
    reached = target * np.exp(value)
    raise InputError(
        f"{', '.join(names)} do not bring the network to {target:g} Hz: it comes to {reached:.3g} Hz; "
        "name other parameters, or start from others"
    )


def _between(gap: Callable, at: Callable, low, low_value, high, high_value) -> tuple[float, float]:
    """The length at which the gap is nearly zero, between two where its signs differ, and that gap."""
    best = min((abs(low_value), low, low_value), (abs(high_value), high, high_value))
    side = 0
    for _ in range(MOST_RUNS // 2):
        if best[0] <= np.log1p(TOLERANCE) / 2 or low_value * high_value > 0:
            break
        share = np.clip(low_value / (low_value - high_value), 0.05, 0.95)
        middle = low + share * (high - low)
        middle_value = gap(at(middle))
        best = min(best, (abs(middle_value), middle, middle_value))
        if middle_value * high_value > 0:
            high, high_value = middle, middle_value
            low_value = low_value / 2 if side == 1 else low_value
            side = 1
        else:
            low, low_value = middle, middle_value
            high_value = high_value / 2 if side == -1 else high_value
            side = -1
    return best[1], best[2]


def _tune_each(model, target, wheres, names, measure) -> AbstractNetwork:
    if len(wheres) != 1:
        raise InputError("a rate for each neuron takes one parameter for each; name one, such as threshold")
    where = wheres[0]
    value = np.broadcast_to(np.asarray(where(model), float), (model.size,)).copy()
    place = lambda value: eqx.tree_at(where, model, jnp.asarray(value))
    before = _logs(measure(place(value)))
    slope = np.full(model.size, np.sign(_slope_sign(place(value), where)))
    best_gap, best = np.inf, place(value)
    for _ in range(MOST_RUNS):
        gap = before - np.log(target)
        worst = float(np.max(np.abs(gap)))
        if worst < best_gap:
            best_gap, best = worst, place(value)
        if worst <= np.log1p(TOLERANCE):
            return best
        change = np.clip(-gap / slope, -1.0, 1.0)
        value = value + change
        after = _logs(measure(place(value)))
        moved = np.abs(change) > 1e-6
        secant = np.where(moved, (after - before) / np.where(moved, change, 1.0), slope)
        # a slope of the right sign and a believable size, else the old one: other neurons moved as well
        believable = (secant * slope > 0) & (np.abs(secant) > 0.2) & (np.abs(secant) < 5.0)
        slope = np.where(believable, (slope + secant) / 2, slope)
        before = after
    raise InputError(
        f"{names[0]} does not bring every neuron to its rate: the furthest is {np.expm1(best_gap):.0%} off; "
        "ask for fewer extremes, or give more steps"
    )


def _logs(rates: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(rates, 0.05))


def _rates(model, key, stimulus, steps: int) -> Float[np.ndarray, " n"]:
    """Of each neuron in one run, Hz."""
    return np.asarray(run(model, steps, key=key, stimulus=stimulus).spikes).mean(axis=1) / model.dt


def one_step_gradient(
    model: AbstractNetwork, spikes: ArrayLike, wheres: Sequence[Callable], stimulus: Any = None
) -> tuple[Float[Array, ""], list[Array]]:
    """The mean response to given spikes, Hz, and its derivatives by parameters: what the peer's tuning follows.

    Args:
        model: a network.
        spikes: (n, T + S), the first T columns history.
        wheres: the parameters' leaves.
        stimulus: as `forced_run`'s.
    """

    def mean(values):
        moved = eqx.tree_at(lambda m: [where(m) for where in wheres], model, values)
        return jnp.mean(forced_run(moved, spikes, stimulus)[1]) / model.dt

    return jax.value_and_grad(mean)([where(model) for where in wheres])


def _direction(model, wheres, key, stimulus, steps: int) -> list[Array]:
    """Where the rate rises fastest, each parameter in units of its size; the largest part is one."""
    spikes = np.asarray(run(model, min(steps, 5000), key=key, stimulus=stimulus).spikes)
    spikes = np.pad(spikes, ((0, 0), (model.history_steps, 0)))
    _, gradient = one_step_gradient(model, spikes, wheres, stimulus if callable(stimulus) else None)
    sizes = [jnp.maximum(jnp.abs(where(model)), 1e-3 if jnp.all(where(model) == 0) else 0.0) for where in wheres]
    scaled = [part * size for part, size in zip(gradient, sizes, strict=True)]
    largest = max(float(jnp.max(jnp.abs(part))) for part in scaled)
    if not (np.isfinite(largest) and largest > 0):
        raise InputError("the rate does not depend on these parameters at the start; name others")
    return [part / largest * size for part, size in zip(scaled, sizes, strict=True)]


def _moved(model, wheres, direction, length: float) -> AbstractNetwork:
    values = [where(model) + length * part for where, part in zip(wheres, direction, strict=True)]
    return eqx.tree_at(lambda m: [where(m) for where in wheres], model, values)


def _slope_sign(model, where) -> float:
    spikes = jnp.zeros((model.size, model.history_steps + 1))
    return float(jnp.sum(one_step_gradient(model, spikes, [where])[1][0]))


def _place(model: AbstractNetwork, name: str) -> Callable:
    """The leaf of a parameter's name."""
    path = _path(model, name)

    def where(model):
        leaf = model
        for part in path.split("."):
            leaf = getattr(leaf, part)
        return leaf

    try:
        leaf = where(model)
    except AttributeError:
        leaf = None
    if not eqx.is_inexact_array(leaf):
        raise InputError(f"the model has no parameter {name!r}; name one by its place, as threshold or coupling.decay")
    return where


def _path(model: AbstractNetwork, name: str) -> str:
    """The peer's names mean different things in its models: alpha and beta are a link's scale and gain in one."""
    if isinstance(model.link, ExponentialRate):
        return (NAMES | {"alpha": "link.rate", "beta": "link.gain"}).get(name, name)
    return (NAMES | ({"tau": "time_constant"} if isinstance(model, SAM) else {})).get(name, name)
