"""Names for what a spike train looks like: its firing pattern."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

#: Spike times, (n,), s, as an array of numpy's or jax's, or a list.
Times = Float[Any, " n"] | Sequence[float]
#: In the order in which `classify` tells them apart; colours of a sweep's picture follow it.
FIRING_CLASSES = ("silent", "single", "phasic", "tonic", "adapting", "phasic bursting", "tonic bursting", "mixed mode")
#: Longest interval inside a burst, s.
BURST_INTERVAL = 0.015
#: Fewest spikes of a burst.
BURST_SPIKES = 3
#: A train goes on to the end if the silence there is at most this many of its longest interval.
SUSTAINED = 1.5
#: Last interval over the first, above which a train adapts.
ADAPTING = 1.2


def classify(times: Times, duration: float | int) -> str:
    """The firing pattern of a spike train, one of FIRING_CLASSES.

    A burst is three or more spikes at intervals of at most 15 ms, and ends with an interval at least twice as long as
    its longest. A train is sustained if it goes on to the end of the run: the silence there is at most 1.5 times its
    longest interval.

    - silent, single: no spike, one spike
    - tonic bursting, phasic bursting: every spike in a burst; several bursts, or one burst and silence
    - mixed mode: a burst, then two or more spikes outside bursts
    - phasic: spikes that end
    - adapting, tonic: spikes that go on, with a last interval above 1.2 times the first, or not

    Args:
        times: spike times, (n,), s, ascending.
        duration: of the run, s.
    """
    times = np.asarray(times, float)
    if len(times) < 2:
        return FIRING_CLASSES[len(times)]
    intervals = np.diff(times)
    sustained = is_sustained(times, duration)
    sizes = [len(burst) for burst in bursts(times)]
    in_bursts = [size >= BURST_SPIKES for size in sizes]
    if all(in_bursts) and (len(sizes) > 1 or not sustained):
        return "tonic bursting" if len(sizes) > 1 else "phasic bursting"
    if in_bursts[0] and sum(size for size, inside in zip(sizes, in_bursts, strict=True) if not inside) >= 2:
        return "mixed mode"
    if not sustained:
        return "phasic"
    return "adapting" if intervals[-1] > ADAPTING * intervals[0] else "tonic"


def is_sustained(times: Times, duration: float | int) -> bool:
    """Whether the train goes on to the end; never for fewer than two spikes."""
    times = np.asarray(times, float)
    return len(times) > 1 and bool(duration - times[-1] <= SUSTAINED * np.diff(times).max())


def bursts(times: Times) -> list[np.ndarray]:
    """The train cut at every interval above 15 ms, and at any that is twice the longest before it in its group."""
    groups: list[list[float]] = []
    longest = 0.0
    for time in np.asarray(times, float):
        interval = time - groups[-1][-1] if groups else np.inf
        if interval > BURST_INTERVAL or (len(groups[-1]) >= BURST_SPIKES and interval > 2 * longest):
            groups.append([])
            longest = 0.0
        else:
            longest = max(longest, interval)
        groups[-1].append(time)
    return [np.array(group) for group in groups]
