"""Edges: who reaches whom, how strongly, after how many steps; sorted by source, so that a spike is a run of them."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int


class Edges(eqx.Module):
    """Edges from S sources (cells, then virtual nodes) to the slots of a step's arrivals.

    A slot is one port of one cell; there are R of them. What is on its way lies in a ring of `depth` rows of R slots,
    and an edge of delay d steps writes (d - 1) rows after the one that is read next: `offsets` = (d - 1) R + slot.

    Attributes:
        weights: (E,), pA (mV for delta synapses), sign included.
        offsets: (E,).
        starts: (S + 1,), the edges of source i being starts[i] ... starts[i + 1].
        depth: rows of the ring: the longest delay in steps.
    """

    weights: Float[Array, " E"]
    offsets: Int[Array, " E"]
    starts: Int[Array, " S1"]
    depth: int = eqx.field(static=True)


def sorted_edges(
    sources: Int[np.ndarray, " E"],
    slots: Int[np.ndarray, " E"],
    weights: Float[np.ndarray, " E"],
    delays: Int[np.ndarray, " E"],
    n_sources: int,
    n_slots: int,
) -> Edges:
    """The edges, from arrays in any order; delays in steps, at least 1.

    Edges of one source lie in the order of what they write, which is kind to the cache.
    """
    depth = int(delays.max(initial=1))
    dtype = np.int32 if depth * n_slots < 2**31 else np.int64
    offsets = (delays.astype(dtype) - 1) * dtype(n_slots) + slots.astype(dtype)
    counted = np.int32 if len(sources) < 2**31 else np.int64
    order = np.argsort(sources, kind="stable").astype(counted)
    starts = np.zeros(n_sources + 1, counted)
    np.cumsum(np.bincount(sources, minlength=n_sources), out=starts[1:])
    return Edges(jnp.asarray(weights[order]), jnp.asarray(offsets[order]), jnp.asarray(starts), depth)
