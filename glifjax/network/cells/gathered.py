"""Cells that spike without noise where their hazard has gathered, instead of at a hard threshold.

    dA/dt = lambda(V - threshold) - A / tau,   a spike where A > A*,   A = 0 after it

for each of n cells; see glifjax.spike.AccumulatedHazard. NEST has no such cell.
"""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from glifjax.spike import AccumulatedHazard, EscapeNoise

#: mV to V, ms to s.
MILLI = 1e-3


class GatheredHazard(eqx.Module):
    """The hazards of n cells, and how they gather.

    Attributes:
        escape_noise, accumulated_hazard: with leaves (n,), SI units.
    """

    escape_noise: EscapeNoise
    accumulated_hazard: AccumulatedHazard

    def advance(self, accumulated: Float[Array, " n"], excess: Float[Array, " n"], h: float) -> Float[Array, " n"]:
        """A after a step of h ms with this V - threshold, mV."""
        dt = h * MILLI

        def one(noise: EscapeNoise, hazard: AccumulatedHazard, accumulated, excess):
            return hazard.advance(accumulated, noise.evoked_spikes(excess, dt), dt)

        return jax.vmap(one)(self.escape_noise, self.accumulated_hazard, accumulated, MILLI * excess)

    def surplus(self, accumulated: Float[Array, " n"]) -> Float[Array, " n"]:
        """delta_v (A - A*), mV: above 0 where a cell spikes."""
        return self.escape_noise.delta_v / MILLI * (accumulated - self.accumulated_hazard.threshold)


def gathered(cells: Sequence[tuple[EscapeNoise, AccumulatedHazard]]) -> GatheredHazard:
    """The hazards of cells, one each."""
    noise, hazard = jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *cells)
    return GatheredHazard(noise, hazard)
