"""What is on its way: a ring of rows, one a step, into which spikes write and from which cells read.

Row k mod depth holds what arrives in step k. A step clears the row read last, delivers the spikes of the step before,
then reads: all writes before all reads, or XLA would copy the ring. The cells that spiked are looked for in blocks, and
their edges one by one or in chunks: no capacity that could overflow, and time for the spikes that there are.

`gather` is the transpose of `deliver`: with a ring of cotangents it gives those of the weights and of each spike.
"""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from glifjax.network.edges import Edges

#: Edges that are taken at once.
CHUNK = 64
#: Cells of which it is asked at once whether one has spiked.
BLOCK = 64


def padded(edges: Edges) -> Edges:
    """Edges of at least one chunk: a few are followed by some without effect, many are not copied."""
    lacking = max(0, CHUNK - len(edges.weights))
    pad = lambda values: jnp.pad(values, (0, lacking)) if lacking else jnp.asarray(values)
    return Edges(pad(edges.weights), pad(edges.offsets), jnp.asarray(edges.starts), edges.depth)


def for_each_spike(spiked: Bool[Array, " n"], visit, carry):
    """visit(cell, carry) for every cell that spiked, in order."""
    n = spiked.shape[0]
    blocks = jnp.pad(spiked, (0, -n % BLOCK)).reshape(-1, BLOCK)

    def body(loop):
        blocks, busy, carry = loop
        block = jnp.argmax(busy)
        row = lax.dynamic_index_in_dim(blocks, block, keepdims=False)
        place = jnp.argmax(row)
        row = row.at[place].set(False)
        carry = visit(block * BLOCK + place, carry)
        return lax.dynamic_update_index_in_dim(blocks, row, block, 0), busy.at[block].set(row.any()), carry

    return lax.while_loop(lambda loop: loop[1].any(), body, (blocks, blocks.any(axis=1), carry))[2]


def deliver(ring: Float[Array, " size"], edges: Edges, source: Int[Array, ""], k: Int[Array, ""], n_slots: int):
    """The ring after one spike of `source` in step k - 1; edges are `padded`.

    An accelerator writes a chunk of edges at once. A processor writes one after the other: with a scatter in it, XLA
    would compile the step to many small calls, and not to one.
    """
    base = (k % edges.depth) * n_slots
    return lax.platform_dependent(ring, edges, source, base, cpu=one_by_one, default=in_chunks)


def one_by_one(ring: Float[Array, " size"], edges: Edges, source: Int[Array, ""], base: Int[Array, ""]):
    """The ring after a spike of `source`, whose edges write `base` places behind their offsets."""
    at = lambda array, index: lax.dynamic_index_in_dim(array, index, keepdims=False)

    def body(loop):
        edge, ring = loop
        place = at(edges.offsets, edge) + base.astype(edges.offsets.dtype)
        place = jnp.where(place >= ring.shape[0], place - ring.shape[0], place)
        arrived = at(ring, place) + at(edges.weights, edge)
        return edge + 1, lax.dynamic_update_index_in_dim(ring, arrived, place, 0)

    return lax.while_loop(lambda loop: loop[0] < edges.starts[source + 1], body, (edges.starts[source], ring))[1]


def in_chunks(ring: Float[Array, " size"], edges: Edges, source: Int[Array, ""], base: Int[Array, ""]):
    """The same, CHUNK edges at once."""

    def body(loop):
        start, ring = loop
        first, places, inside = _chunk(edges, start, edges.starts[source + 1], base, ring.shape[0])
        weights = jnp.where(inside, lax.dynamic_slice(edges.weights, (first,), (CHUNK,)), 0.0)
        return start + CHUNK, ring.at[places].add(weights, mode="promise_in_bounds")

    return lax.while_loop(lambda loop: loop[0] < edges.starts[source + 1], body, (edges.starts[source], ring))[1]


def gather(
    cotangents: Float[Array, " size"],
    moved: Float[Array, " size"],
    edges: Edges,
    source: Int[Array, ""],
    k: Int[Array, ""],
    n_slots: int,
    weights: Float[Array, " E"],
):
    """Of a spike of `source` in step k - 1: the cotangents of its weights added to `weights`, and of itself.

    Returns:
        weights; the cotangent of the spike's being there (sum of weight times `cotangents`), and of its lead (sum of
        weight times `moved`).
    """
    base = (k % edges.depth) * n_slots

    def body(loop):
        start, weights, spiked, lead = loop
        first, places, inside = _chunk(edges, start, edges.starts[source + 1], base, cotangents.shape[0])
        own = lax.dynamic_slice(edges.weights, (first,), (CHUNK,))
        arrived = jnp.where(inside, cotangents[places], 0.0)
        part = lax.dynamic_slice(weights, (first,), (CHUNK,)) + arrived
        weights = lax.dynamic_update_slice(weights, part, (first,))
        lead = lead + jnp.sum(jnp.where(inside, own * moved[places], 0.0))
        return start + CHUNK, weights, spiked + jnp.sum(own * arrived), lead

    zero = jnp.zeros((), weights.dtype)
    first = (edges.starts[source], weights, zero, zero)
    return lax.while_loop(lambda loop: loop[0] < edges.starts[source + 1], body, first)[1:]


def _chunk(edges: Edges, start, stop, base, size: int):
    """The first of CHUNK edges that hold those from `start` on, their places in the ring, and which are among them.

    The last chunk of all begins earlier, or it would reach past the end.
    """
    first = jnp.minimum(start, edges.offsets.shape[0] - CHUNK)
    places = lax.dynamic_slice(edges.offsets, (first,), (CHUNK,)) + base.astype(edges.offsets.dtype)
    inside = (jnp.arange(CHUNK) >= start - first) & (jnp.arange(CHUNK) < stop - first)
    places = jnp.where(places >= size, places - size, places)
    return first, jnp.where(inside, places, 0), inside


def row(ring: Float[Array, " size"], k: Int[Array, ""], n_slots: int) -> Float[Array, " slots"]:
    """What arrives in step k."""
    return lax.dynamic_slice(ring, ((k % (ring.shape[0] // n_slots)) * n_slots,), (n_slots,))


def with_row(ring: Float[Array, " size"], k: Int[Array, ""], values: Float[Array, " slots"]) -> Float[Array, " size"]:
    """The ring with other values in the row of step k."""
    n_slots = values.shape[0]
    return lax.dynamic_update_slice(ring, values, ((k % (ring.shape[0] // n_slots)) * n_slots,))


def clear(ring: Float[Array, " size"], k: Int[Array, ""], n_slots: int) -> Float[Array, " size"]:
    """The ring without what arrived in step k."""
    return with_row(ring, k, jnp.zeros(n_slots, ring.dtype))


def for_each_event(steps: Int[Array, " m"], k: Int[Array, ""], place: Int[Array, ""], visit, carry):
    """visit(event, carry) for the events of step k, from `place` on; gives the next place, and the carry.

    `steps` ends with one that never comes, so that no event is looked for past the end.
    """
    return lax.while_loop(
        lambda loop: steps[loop[0]] == k, lambda loop: (loop[0] + 1, visit(loop[0], loop[1])), (place, carry)
    )


def first_event(steps: Int[Array, " m"], k: Int[Array, ""]) -> Int[Array, ""]:
    """The first event that is not before step k."""
    return jnp.searchsorted(steps, jnp.asarray(k, steps.dtype)).astype(jnp.int32)
