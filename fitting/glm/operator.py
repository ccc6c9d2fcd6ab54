"""The spike operator: kernels to drives and back, without a design matrix.

    drive[t, j] = sum_i sum_{spikes s of i} K[i, t - 1 - s, j],   C[i, k, j] = sum_{spikes s of i} R[s + 1 + k, j]

Each spike adds its neuron's kernels, a block (T, n) that lies in one piece, to what follows it; the transpose gathers
what follows each spike. The cost goes with spikes x lags x neurons, the memory with bins x neurons. A drive has its
kernels' precision; what is gathered is summed in double.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Int

from ..data.arrays import padded_length
from .binned import Binned


class SpikeOperator(eqx.Module):
    """Where the spikes are.

    Attributes:
        places: of each bin with spikes, in time: the flat place of the next bin's first neuron.
        neurons, counts: whose they are, and how many.
        bins, size, lags: T, n, and the kernels' length.
    """

    places: Int[Array, " N"]
    neurons: Int[Array, " N"]
    counts: Float32[Array, " N"]
    bins: int = eqx.field(static=True)
    size: int = eqx.field(static=True)
    lags: int = eqx.field(static=True)

    @classmethod
    def of(cls, data: Binned, lags: int) -> "SpikeOperator":
        """The operator of some counts; bins of no spikes fill it up to a length that others have, too."""
        bins, neurons = np.nonzero(data.counts)
        size, more = data.counts.shape[1], padded_length(len(bins)) - len(bins)
        filled = lambda values, dtype: jnp.asarray(np.pad(values, (0, more)), dtype)
        places, counts = filled((bins + 1) * size, jnp.int32), filled(data.counts[bins, neurons], jnp.float32)
        return cls(places, filled(neurons, jnp.int32), counts, len(data.counts), size, lags)

    def drive(self, kernels: Float[Array, "n K m"]) -> Float[Array, "T n"]:
        """Kernels (from, lag, to) as each neuron's drive."""
        flat = kernels.reshape(self.size, -1)
        width = flat.shape[1]

        def add(i, drive):
            window = jax.lax.dynamic_slice(drive, (self.places[i],), (width,))
            return jax.lax.dynamic_update_slice(
                drive, window + self.counts[i] * flat[self.neurons[i]], (self.places[i],)
            )

        room = jnp.zeros((self.bins + self.lags + 1) * self.size, flat.dtype)
        return jax.lax.fori_loop(0, len(self.places), add, room)[: self.bins * self.size].reshape(self.bins, self.size)

    def gather(self, residuals: Float[Array, "T n"]) -> Float[Array, "n K m"]:
        """The transpose: the sum of what follows each neuron's spikes, by lag."""
        width = self.lags * self.size
        flat = jnp.pad(residuals, ((0, self.lags + 1), (0, 0))).reshape(-1)

        def add(i, sums):
            window = jax.lax.dynamic_slice(flat, (self.places[i],), (width,))
            row = jax.lax.dynamic_index_in_dim(sums, self.neurons[i], keepdims=False)
            return jax.lax.dynamic_update_index_in_dim(sums, row + self.counts[i] * window, self.neurons[i], 0)

        sums = jax.lax.fori_loop(0, len(self.places), add, jnp.zeros((self.size, width)))
        return sums.reshape(self.size, self.lags, self.size)
