"""Stages A and B together: the membrane moves to where voltage and spikes agree best, the threshold with it.

Stage A fits the voltage alone, though the spikes tell of the membrane too. With A(x) the misfit of the voltage and
B(x, w) that of the spikes, priors included, this minimises A(x) + min_w B(x, w), w being the weights in the hazard's
exponential part, log e = w . columns(x); jitter waits for stage B. Near where x is, the spikes tell of it as a normal
distribution would:

    min_w B(x + dx, w)  =  const + g . dx + dx . S dx / 2
    S = F_xx - F_xw (F_ww + P)^-1 F_wx,        g = B_x - F_xw (F_ww + P)^-1 B_w

where B_x and B_w are B's gradient, F = sum_t i_t u' u'^T with u' the derivatives of log e and i a step's Fisher
information of it, and P is the precision of w's prior. Stage A runs again with that added, then stage B; a second round
gains nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..data.arrays import FitData, coarsen
from ..model.compiled import compiled
from ..model.coordinates import AbstractCoordinate, positions
from ..model.hazard import STEP, expected_spikes
from ..model.likelihood import counted_score_and_information, log_exponential
from ..model.patched import PatchedNeuron
from .base import AbstractStage, Outcome
from .kernels import LEAST_SHARP, KernelThreshold, hazard_columns, hazard_weights
from .membrane import Evidence, Membrane


class SpikeRows(NamedTuple):
    """A row a step of STEP, sqrt(i) u' and -(d log P / d log e) / sqrt(i), whose products sum to F and B's gradient.

    Attributes:
        rows: by the coordinates x and the weights w, then the last column, (S, T, x + w + 1); zeros where no spike
            could be.
        products: their sum over all valid steps.
    """

    rows: Float[np.ndarray, "S T d"]
    products: Float[np.ndarray, "d d"]

    @classmethod
    def of(cls, model: PatchedNeuron, data: FitData, moved: Sequence[AbstractCoordinate]) -> "SpikeRows":
        """Those of a model on some sweeps, whatever of them is counted."""
        data = coarsen(replace(data, counted=data.valid), STEP)
        columns, refractory = map(np.asarray, hazard_columns(model, data))
        along = np.asarray(_along_membrane(model, data, list(moved)))
        log_e = columns @ hazard_weights(model) + np.log(data.dt)
        score, information = map(np.asarray, _of_exponential(log_e, data, refractory, model.noise))
        root = np.sqrt(information)
        score = np.divide(score, root, out=np.zeros_like(root), where=root > 0)
        rows = np.concatenate([along * root[..., None], columns * root[..., None], score[..., None]], axis=-1)
        return cls(rows, _products(rows.reshape(-1, rows.shape[-1])))

    def over(self, data: FitData) -> Float[np.ndarray, "d d"]:
        """The sum of products over what is counted: over all, less what is not."""
        left_out = coarsen(replace(data, counted=data.valid), STEP).counted & ~coarsen(data, STEP).counted
        return self.products - _products(self.rows[left_out])


def _products(rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "d d"]:
    return rows.T @ rows


class Joint(AbstractStage):
    """Membrane and threshold by voltage and spikes together, of a neuron whose threshold is made of kernels.

    Attributes:
        membrane: stage A as it runs again, with few evaluations.
        threshold: stage B.
        rows: those of the model that it is called with, on the sweeps that it is called with, where they are computed
            already; what of the data is counted makes no difference to them.
    """

    membrane: Membrane
    threshold: KernelThreshold
    rows: SpikeRows | None = None
    name: str = "membrane and threshold"

    def __call__(self, model: PatchedNeuron, data: FitData) -> Outcome:
        """The model where voltage and spikes agree best; it must gain over stages A and B alone."""
        matrix, offset = self.evidence(model, data)
        membrane = replace(self.membrane, evidence=(matrix, offset))(model, data)
        outcome = self.threshold(membrane.model, data)
        # of the membrane's loss the spikes' part is left out, as the threshold's is all that they say
        start, end = (np.asarray(positions(one, self.membrane.moved)) for one in (model, membrane.model))
        by_spikes = matrix @ (end - start) + offset
        loss = outcome.losses[-1] + membrane.losses[-1] - float(by_spikes @ by_spikes) / 2
        return Outcome(
            outcome.model,
            self.name,
            "misfit, log-likelihood and priors (nats)",
            [loss],
            gains_over=(self.membrane.name, self.threshold.name),
        )

    def evidence(self, model: PatchedNeuron, data: FitData) -> Evidence:
        """M and m, with |M dx + m|^2 / 2 = g . dx + dx . S dx / 2 but for a constant."""
        products = (self.rows or SpikeRows.of(model, data, self.membrane.moved)).over(data)
        fisher, gradient = products[:-1, :-1], products[:-1, -1]
        weights = hazard_weights(model)
        n = len(gradient) - len(weights)
        held = weights[0] < LEAST_SHARP * (1 + 1e-6)
        mean, sd = (values[:-1] for values in self.threshold.prior(model, held=held))
        gradient[n:] += (weights - mean) / sd**2
        following = np.linalg.solve(fisher[n:, n:] + np.diag(1 / sd**2), fisher[n:, :n])
        curvature, gradient = fisher[:n, :n] - fisher[:n, n:] @ following, gradient[:n] - following.T @ gradient[n:]
        eigenvalues, vectors = np.linalg.eigh(curvature)
        roots, vectors = np.sqrt(eigenvalues[eigenvalues > 1e-6]), vectors[:, eigenvalues > 1e-6]
        return roots[:, None] * vectors.T, vectors.T @ gradient / roots


@compiled
def _along_membrane(model, data, moved):
    return log_exponential(model, data, moved)[1]


@compiled
def _of_exponential(log_e, data, refractory, noise):
    """Score and information of each step by log(e dt), e being the exponential part of its hazard."""
    of = lambda log_e: jnp.log(expected_spikes(log_e, noise.jitter, noise.lapse, data.dt))
    log_expected, share = jax.jvp(of, (log_e,), (jnp.ones_like(log_e),))
    score, information = counted_score_and_information(jnp.exp(log_expected), data, refractory)
    return score * share, information * share**2
