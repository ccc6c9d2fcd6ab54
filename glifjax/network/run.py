"""The scan of a circuit over time, in stretches that the host looks at in between."""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from glifjax._backend import give_back_after_compiling
from glifjax.network.circuit import (
    Circuit,
    CircuitSample,
    CircuitState,
    Drive,
    Recorder,
    places,
    recorded,
    stepping,
)
from glifjax.scan import Record, scan

#: Spikes that a stretch may hold as booleans: cells times steps.
STRETCH = 5_000_000
#: Steps after which progress is shown.
LONGEST = 5_000


class Stretch(NamedTuple):
    """What a stretch of steps leaves: spikes (T, n), and (T, m) for each recorder; sample t is after step t."""

    spiked: Bool[Array, "T n"]
    values: tuple[Float[Array, "T m"], ...]


@eqx.filter_jit
def stretch(
    circuit: Circuit, drive: Drive, state: CircuitState, n_steps: int, recorders: tuple[Recorder, ...] = ()
) -> tuple[CircuitState, Stretch]:
    """n_steps steps from a state."""

    def seen(_, sample: CircuitSample) -> Stretch:
        return Stretch(sample.spiked, recorded(circuit, sample.after, sample.current, recorders))

    start = state, places(drive, state.k)
    (state, _), record = scan(stepping(circuit, drive), start, jnp.arange(n_steps), record=Record(seen))
    return state, record


def run(
    circuit: Circuit,
    drive: Drive,
    state: CircuitState,
    n_steps: int,
    recorders: tuple[Recorder, ...] = (),
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[CircuitState, Int[np.ndarray, " s"], Int[np.ndarray, " s"], list[Float[np.ndarray, "T m"]]]:
    """Run and collect on the host.

    Returns:
        the state at the end; of each spike its step (counted from the state's) and cell; each recorder's (T, m).
    """
    give_back_after_compiling()  # some 80 MB, a fifth of what a network of ten million synapses takes
    traced = tuple(recorder._replace(cells=jnp.asarray(recorder.cells)) for recorder in recorders)
    steps, ids, values = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [[] for _ in recorders]
    done = 0
    for length in lengths(n_steps, circuit.size):
        state, record = stretch(circuit, drive, state, length, traced)
        when, who = np.divmod(np.flatnonzero(record.spiked), circuit.size)  # np.nonzero takes 14 times as long
        steps.append(when + done)
        ids.append(who)
        for all_of_it, part in zip(values, record.values, strict=True):
            all_of_it.append(np.asarray(part))
        done += length
        progress(done)
    return state, np.concatenate(steps), np.concatenate(ids), [np.concatenate(parts) for parts in values]


def lengths(n_steps: int, n_cells: int) -> list[int]:
    """Stretches of one length, and what is left: few enough steps that their spikes fit."""
    longest = max(1, min(n_steps, LONGEST, STRETCH // max(n_cells, 1)))
    n_parts = max(1, -(-n_steps // longest))
    even = next((parts for parts in range(n_parts, 2 * n_parts) if n_steps % parts == 0), n_parts)
    length = n_steps // even
    left = n_steps - even * length
    return [length] * even + ([left] if left else [])
