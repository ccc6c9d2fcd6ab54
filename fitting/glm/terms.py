"""What a neuron's excess is linear in: a constant, stimuli, its own past and the others', each through functions.

    excess[t, j] = offset[t, j] + theta[0, j] + S[t] theta[s, j] + own spikes through O theta[o, j]
                   + sum_i spikes of i through C theta[c_i, j]

theta is (p, n), its rows in this order: constant, stimulus, own functions, then for each neuron i its functions. What
is as long as the recording is held in single precision, which halves a fit's memory: the excess is exact to 1e-6, and
what is summed over bins is summed in double.
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32, Int, UInt8

from .binned import Binned
from .operator import SpikeOperator


class Terms(eqx.Module):
    """The design, never laid out.

    Attributes:
        operator: the spikes.
        coupling: functions of the coupling, (K, b).
        own: functions of the own-spike kernel, (K, o); o may be 0.
        stimulus: stimuli through their functions, (T, q); q may be 0.
        offset: a part of the excess that is given, (T, n) or (1, 1).
        connected: which of theta are fitted, (p, n).
    """

    operator: SpikeOperator
    coupling: Float[Array, "K b"]
    own: Float[Array, "K o"]
    stimulus: Float[Array, "T q"]
    offset: Float[Array, "..."]
    connected: Bool[Array, "p n"]

    @property
    def count(self) -> int:
        """p."""
        return 1 + self.stimulus.shape[1] + self.own.shape[1] + self.operator.size * self.coupling.shape[1]

    def parts(self, theta: Float[Array, "p n"]) -> tuple[Float[Array, " n"], ...]:
        """The rows: constant (n,), stimulus (q, n), own (o, n), coupling (n, b, n)."""
        q, o = self.stimulus.shape[1], self.own.shape[1]
        coupling = theta[1 + q + o :].reshape(self.operator.size, -1, theta.shape[1])
        return theta[0], theta[1 : 1 + q], theta[1 + q : 1 + q + o], coupling

    def drive(self, theta: Float[Array, "p n"]) -> Float32[Array, "T n"]:
        """The excess, less the offset."""
        constant, stimulus, own, coupling = self.parts(theta)
        kernels = jnp.einsum("ibj,kb->ikj", coupling, self.coupling)
        diagonal = jnp.einsum("oj,ko->kj", own, self.own)
        kernels += jnp.einsum("kj,ij->ikj", diagonal, jnp.eye(self.operator.size))
        others = constant + self.stimulus @ stimulus
        return self.operator.drive(kernels.astype(jnp.float32)) + others.astype(jnp.float32)

    def transpose(self, residuals: Float[Array, "T n"]) -> Float[Array, "p n"]:
        """What `drive` does, transposed."""
        behind = self.operator.gather(residuals.astype(jnp.float32))
        coupling = jnp.einsum("ikj,kb->ibj", behind, self.coupling).reshape(-1, residuals.shape[1])
        own = jnp.einsum("jkj,ko->oj", behind, self.own)
        rows = [residuals.sum(axis=0, dtype=float)[None], self.stimulus.T @ residuals, own, coupling]
        return jnp.concatenate(rows) * self.connected

    def rows(self, bins: Int[Array, " r"], counts: UInt8[Array, "T n"]) -> tuple[Array, Array]:
        """Some bins' columns: those that all neurons share, (r, p), own functions' zero; and own ones, (r, o, n)."""
        lags = self.coupling.shape[0]
        padded = jnp.pad(counts, ((lags, 0), (0, 0)))
        windows = padded[jnp.asarray(bins)[:, None] + lags - 1 - jnp.arange(lags)].astype(float)
        coupling = jnp.einsum("rki,kb->rib", windows, self.coupling).reshape(len(bins), -1)
        own = jnp.einsum("rki,ko->roi", windows, self.own)
        none = jnp.zeros((len(bins), self.own.shape[1]))
        return jnp.concatenate([jnp.ones((len(bins), 1)), self.stimulus[bins], none, coupling], axis=1), own


def terms(
    data: Binned,
    coupling: Float[np.ndarray, "K b"],
    own: Float[np.ndarray, "L o"],
    stimulus: Float[np.ndarray, "T q"],
    offset: Float[np.ndarray, "..."],
    connectivity: Bool[np.ndarray, "n n"],
) -> Terms:
    """Terms of some counts; kernels are brought to one length, and no neuron is coupled to itself."""
    lags = max(len(coupling), len(own), 1)
    longer = lambda kernel: jnp.asarray(np.pad(kernel, ((0, lags - len(kernel)), (0, 0))), float)
    size = data.counts.shape[1]
    always = np.ones((1 + stimulus.shape[1] + own.shape[1], size), bool)
    pairs = np.repeat(connectivity & ~np.eye(size, dtype=bool), coupling.shape[1], axis=0)
    operator = SpikeOperator.of(data, lags)
    fitted = jnp.asarray(np.concatenate([always, pairs]))
    return Terms(operator, longer(coupling), longer(own), jnp.asarray(stimulus), jnp.asarray(offset, float), fitted)
