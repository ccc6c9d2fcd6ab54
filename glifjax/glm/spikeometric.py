"""The models by the names, arguments and units of spikeometric 1.0.3 (ms, 1/ms, windows in steps).

The peer's r scales a neuron's own spikes too, and its absolute refractory period is a number in the drive; both are
so here. A kernel for every neuron's own spikes, an error for self-connections, and counts that are counts are ours:
see docs/glm.md.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
from jaxtyping import ArrayLike

from glifjax.arrays import as_float
from glifjax.checks import require_numbers
from glifjax.errors import InputError
from glifjax.glm.activation import SAM, RectifiedSAM, SparseNoise, ThresholdSAM
from glifjax.glm.glm import GLM, BernoulliGLM, PoissonGLM, RectifiedLNP
from glifjax.glm.kernels import Exponential, Refractory
from glifjax.glm.links import ExponentialRate

#: A millisecond, s.
MS = 1e-3


def from_spikeometric(kind: str, weights: ArrayLike, **parameters: Any) -> GLM | SAM:
    """A model by the peer's class name and arguments.

    Args:
        kind: "BernoulliGLM", "PoissonGLM", "RectifiedLNP", "RectifiedSAM" or "ThresholdSAM".
        weights: (n, n), W[i, j] from i to j.
        **parameters: the peer's; what is left out has its default there.

    Raises:
        InputError: an unknown model or parameter, weights or a dt that cannot be used.
    """
    if kind not in MODELS:
        raise InputError(f"there is no model {kind!r}; give one of {', '.join(MODELS)}")
    make, defaults = MODELS[kind]
    unknown = [name for name in parameters if name not in defaults]
    if unknown:
        raise InputError(f"{kind} has no parameter {unknown[0]!r}; it has {', '.join(defaults)}")
    for name, value in parameters.items():
        require_numbers(name, value, "a number")
    return make(weights, **(defaults | parameters))


def _bernoulli(
    weights,
    theta,
    dt,
    coupling_window,
    alpha,
    abs_ref_scale,
    abs_ref_strength,
    rel_ref_scale,
    rel_ref_strength,
    beta,
    r,
) -> GLM:
    step, absolute = dt * MS, int(abs_ref_scale)
    # the tap behind the relative period is there only where the history reaches that far
    relative = int(rel_ref_scale) + (coupling_window > absolute + rel_ref_scale)
    own = Refractory(
        absolute=absolute * step,
        relative=relative * step,
        strength=rel_ref_strength,
        decay=jnp.abs(as_float(beta)) / MS,
        absolute_strength=abs_ref_strength,
    )
    coupling = Exponential(jnp.abs(as_float(alpha)) / MS, coupling_window * step)
    model = BernoulliGLM(weights, coupling=coupling, own=own, threshold=theta, strength=r, dt=step)
    return replace(model, strength_on_own=True)


def _poisson(weights, alpha, beta, T, tau, dt, r, b) -> GLM:
    link = ExponentialRate(1 / (as_float(alpha) * MS), beta)
    coupling = Exponential(1 / (as_float(tau) * MS), T * dt * MS)
    return PoissonGLM(weights, coupling=coupling, strength=r, bias=b, link=link, dt=dt * MS)


def _lnp(weights, lambda_0, theta, T, tau, dt, r, b) -> GLM:
    coupling = Exponential(1 / (as_float(tau) * MS), T * dt * MS)
    rate = as_float(lambda_0) / MS
    return RectifiedLNP(weights, coupling=coupling, threshold=theta, strength=r, bias=b, rate=rate, dt=dt * MS)


def _rectified_sam(weights, lambda_0, theta, tau, dt, r, b) -> SAM:
    rate, tau = as_float(lambda_0) / MS, as_float(tau) * MS
    return RectifiedSAM(weights, time_constant=tau, rate=rate, threshold=theta, strength=r, bias=b, dt=dt * MS)


def _threshold_sam(weights, r, b, tau, dt, sigma, rho, theta) -> SAM:
    noise = SparseNoise(sigma, rho, squared=True)
    tau = as_float(tau) * MS
    return ThresholdSAM(weights, time_constant=tau, threshold=theta, strength=r, bias=b, noise=noise, dt=dt * MS)


_BERNOULLI = {
    "theta": 5.0, "dt": 1.0, "coupling_window": 5, "alpha": 0.2, "abs_ref_scale": 3, "abs_ref_strength": -100.0,
    "rel_ref_scale": 7, "rel_ref_strength": -30.0, "beta": 0.5, "r": 1.0,
}  # fmt: skip
_POISSON = {"alpha": 15.9, "beta": 10.0, "T": 50, "tau": 10.0, "dt": 1.0, "r": 0.025, "b": 0.001}
_LNP = {"lambda_0": 9.8, "theta": -0.002, "T": 50, "tau": 10.0, "dt": 0.1, "r": 0.025, "b": 0.001}
_RECTIFIED = {"lambda_0": 1.0861, "theta": -0.0137, "tau": 10.0, "dt": 0.1, "r": 0.025, "b": 0.001}
_THRESHOLD = {"r": 0.025, "b": 0.001, "tau": 10.0, "dt": 0.1, "sigma": 20.0, "rho": 0.07, "theta": 0.001378}

#: By the peer's class names: what makes the model, and its parameters with their defaults.
MODELS: dict[str, tuple[Callable, dict[str, Any]]] = {
    "BernoulliGLM": (_bernoulli, _BERNOULLI),
    "PoissonGLM": (_poisson, _POISSON),
    "RectifiedLNP": (_lnp, _LNP),
    "RectifiedSAM": (_rectified_sam, _RECTIFIED),
    "ThresholdSAM": (_threshold_sam, _THRESHOLD),
}
