"""Fitted kernels as they act: what a spike of i does to j, lag by lag, with its error.

    kernel_ij(k) = sum_b w_ijb c_b(k),   error^2 = c(k)^T Cov(w_ij) c(k)

Its exponential is the gain: by how much the spike multiplies j's rate (of a logit, its odds).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..model.confidence import SIDES
from .design import Design
from .problem import Solution


@dataclass(frozen=True)
class Kernels:
    """Of every pair; on the diagonal the own-spike kernels.

    Attributes:
        lags: time since the spike, s, (K,).
        values: (n, n, K), from, to, lag.
        errors: standard errors, shaped alike; NaN where there are none: own kernels of a fit `like` a model, whose
            numbers all neurons share. Shared numbers count as given there.
        sum_errors: standard errors of the kernels' sums over lags, (n, n); zeros on the diagonal.
    """

    lags: Float[np.ndarray, " K"]
    values: Float[np.ndarray, "n n K"]
    errors: Float[np.ndarray, "n n K"]
    sum_errors: Float[np.ndarray, "n n"]

    @property
    def sums(self) -> Float[np.ndarray, "n n"]:
        """Over lags; nothing on the diagonal."""
        sums = self.values.sum(axis=2)
        np.fill_diagonal(sums, 0.0)
        return sums

    @property
    def gains(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """exp of the kernels, and the ends of its 90 % intervals."""
        ends = (self.values + sign * SIDES * self.errors for sign in (0, -1, 1))
        middle, low, high = (np.exp(np.clip(end, -20.0, 20.0)) for end in ends)
        return middle, low, high


def kernels(solution: Solution, design: Design) -> Kernels:
    """The kernels of an answer that has errors."""
    model = solution.model
    taps = np.asarray(model.coupling.taps(model.dt))  # (K, b, 1 or n)
    taps = np.broadcast_to(taps, (*taps.shape[:2], model.size))
    strength = np.broadcast_to(np.asarray(model.strength), model.size)[:, None]
    values = np.einsum("ijb,kbi->ijk", np.asarray(model.weights).reshape(model.size, model.size, -1), taps) * strength
    deviations = np.sqrt(_variances(solution.covariances, taps)) * np.abs(strength)
    own = np.zeros((0, model.size)) if model.own is None else np.asarray(model.own.taps(model.dt))
    own = np.broadcast_to(own, (len(own), model.size))
    longest = max(len(taps), len(own))
    later = ((0, 0), (0, 0), (0, longest - len(taps)))
    values, errors, sum_errors = np.pad(values, later), np.pad(deviations[:, :, :-1], later), deviations[:, :, -1]
    index = np.arange(model.size)
    values[index, index] = np.pad(own, ((0, longest - len(own)), (0, 0))).T
    errors[index, index] = _own_errors(solution, design, longest)
    sum_errors[index, index] = 0.0
    return Kernels(model.dt * np.arange(1, longest + 1), values, errors, sum_errors)


def _variances(covariances, taps) -> Float[np.ndarray, "n n L"]:
    """Of the coupling kernels at each lag, and last of their sums; covariances end with the coupling weights."""
    taps = np.concatenate([taps, taps.sum(axis=0, keepdims=True)])
    lags, functions, size = taps.shape
    if covariances is None:
        return np.full((size, size, lags), np.nan)
    of_pairs = covariances[:, -size * functions :, -size * functions :].reshape(size, size, functions, size, functions)
    index = np.arange(size)
    same = of_pairs[:, index, :, index, :]  # (from, to, b, b)
    return np.maximum(np.einsum("kbi,ijbc,kci->ijk", taps, same, taps), 0.0)


def _own_errors(solution: Solution, design: Design, longest: int) -> Float[np.ndarray, "n K"]:
    """Of the own-spike kernels."""
    taps = design.own_taps()
    size = solution.model.size
    if solution.covariances is None or design.like is not None or design.own is None:
        return np.full((size, longest), np.nan)
    functions = taps.shape[1]
    last = solution.covariances.shape[1] - size * design.coupling_taps().shape[1]
    part = solution.covariances[:, last - functions : last, last - functions : last]
    errors = np.sqrt(np.maximum(np.einsum("kb,jbc,kc->jk", taps, part, taps), 0.0))
    return np.pad(errors, ((0, 0), (0, longest - len(taps))))
