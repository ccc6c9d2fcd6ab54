"""The drop over an electrode that nothing balances, taken out of a voltage before spikes are looked for in it.

A pulse of 2 nA over 25 Mohm lifts the voltage by 50 mV at once, and at its end the voltage falls back: as tall and as
steep as a spike. The drop follows the current at its edges, before a membrane can.
"""

import numpy as np
from jaxtyping import Float, Int

#: An edge changes the current by this share of its range within QUIET,
EDGE = 0.2
#: and between two samples by no more than this share in the rest of QUIET around it.
STILL = 0.05
#: Before and after an edge, s: as long as an electrode takes, and a membrane hardly.
QUIET = 0.3e-3
#: A smaller drop makes no spike, V.
MATTERS = 0.010


def without_drop(
    voltage: Float[np.ndarray, " T"], current: Float[np.ndarray, " T"], rate: float
) -> Float[np.ndarray, " T"]:
    """The voltage V - R I, V, with R the median jump of V over that of I at the current's edges; V where it has none.

    Args:
        voltage: V.
        current: A.
        rate: Hz.
    """
    reach = max(1, round(QUIET * rate))
    edges = sharp_edges(current, reach)
    jumps = current[edges + reach] - current[edges - reach]
    lasting = np.abs(jumps) > EDGE * np.ptp(current)  # a pulse that is over by then tells nothing
    edges, jumps = edges[lasting], jumps[lasting]
    if len(edges) < 2:
        return voltage
    resistance = float(np.median((voltage[edges + reach] - voltage[edges - reach]) / jumps))
    if abs(resistance) * np.ptp(current) < MATTERS:
        return voltage
    straight = voltage - resistance * current
    for edge in edges:  # where the electrode charges
        stretch = slice(edge, edge + reach)
        straight[stretch] = np.linspace(straight[edge - 1], straight[edge + reach], reach)
    return straight


def sharp_edges(current: Float[np.ndarray, " T"], reach: int) -> Int[np.ndarray, " n"]:
    """The samples at which a current begins to jump, having been still for `reach` samples, and being so after as many.

    The jump may take as long, as an amplifier's filter makes it.
    """
    change, span = np.abs(np.diff(current)), np.ptp(current)
    moves = change > STILL * span
    runs = np.flatnonzero(np.diff(moves, prepend=False, append=False)).reshape(-1, 2)  # of changes, from and to
    edges = [
        start + 1
        for start, stop in runs
        if stop - start <= reach <= start
        and start + 1 + reach < len(current)
        and abs(current[stop] - current[start]) > EDGE * span
        and moves[start + 1 - reach : start + reach].sum() == stop - start
    ]
    return np.array(edges, int)
