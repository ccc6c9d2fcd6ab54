"""What is on its way: spikes written into the ring by a processor and by an accelerator."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from glifjax import _backend
from glifjax.network.delays import CHUNK, in_chunks, one_by_one, padded
from glifjax.network.edges import sorted_edges

#: Of a row; rows; the last source has no edges, and one has more than a chunk.
SLOTS = 30
DEPTH = 5
SOURCES = 8


@pytest.mark.parametrize("count", [0, 3, CHUNK, 4 * CHUNK])
@pytest.mark.parametrize("write", [one_by_one, in_chunks])
def test_a_spike_writes_each_of_its_edges_once(write, count):
    rng = np.random.default_rng(count)
    sources = rng.choice([0, 0, 0, 1, 2, 6], count)
    slots, delays, weights = rng.integers(SLOTS, size=count), rng.integers(1, DEPTH + 1, count), rng.normal(size=count)
    edges = sorted_edges(sources, slots, weights, delays, SOURCES, SLOTS)
    size = edges.depth * SLOTS
    for source in range(SOURCES):
        for base in (0, size - SLOTS):
            ring = jnp.asarray(rng.normal(size=size))
            wanted = np.array(ring)
            own = sources == source
            np.add.at(wanted, (base + (delays[own] - 1) * SLOTS + slots[own]) % size, weights[own])
            new = jax.jit(write)(ring, padded(edges), jnp.asarray(source), jnp.asarray(base))
            np.testing.assert_allclose(new, wanted, rtol=1e-12)


def test_what_compiling_leaves_is_given_back_once_a_program(monkeypatch):
    calls = []
    monkeypatch.setattr(_backend, "give_back", lambda: calls.append(1))
    monkeypatch.setattr(_backend, "LONG", 0.0)
    _backend.give_back_after_compiling()
    values = np.arange(3.0)
    program = jax.jit(lambda values: 3 * values - 1)
    program(values), program(values)
    assert len(calls) == 1
