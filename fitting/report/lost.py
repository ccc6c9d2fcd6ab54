"""Where the spikes of a single run are lost: on time, shifted, missed, extra; by how many repeats agree on a spike."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from glifjax.spikes.consensus import Events, events

from ..fitted import FittedNeuron
from .colours import COMPONENTS, DATA, HARD, NOISE
from .figures.style import FULL, signed, styled

#: A spike is on time within this of the cell's, s; within the second it is shifted.
ON_TIME = 4e-3
SHIFTED = 20e-3
#: Shares of the repeats between which spikes of the cell are counted together.
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
CAPTION = (
    "Where the spikes of one run without noise are lost. Left: moments at which repeats spike, by how many of them do: "
    "with a spike of the run within 4 ms, within 20 ms, or none; extra: spikes of the run at other times. Right: how "
    "late the run is where half of the repeats or more agree."
)


class Lost(NamedTuple):
    """Counts a run, averaged over runs.

    Attributes:
        on_time, shifted, missed: events by the share of repeats that agree on them, in the bins of SHARES.
        extra: spikes of the run far from any event.
        shifts: how late the run is at the events that half of the repeats share, s.
    """

    on_time: Float[np.ndarray, " b"]
    shifted: Float[np.ndarray, " b"]
    missed: Float[np.ndarray, " b"]
    extra: float
    shifts: Float[np.ndarray, " k"]


def lost_spikes(fit: FittedNeuron) -> Lost | None:
    """Of the held-out stimulus that was repeated most; None where none was, or where the cell was silent."""
    recorded, _, runs = max(fit.scores.trains, key=lambda trains: len(trains[0]), default=([], [], []))
    if len(recorded) < 2 or not runs or not sum(map(len, recorded)):
        return None
    return compare(events(recorded, ON_TIME), runs)


def compare(agreed: Events, runs: list[Float[np.ndarray, " _"]]) -> Lost:
    """The events of the repeats beside the spikes of each run, s."""
    counts, extra, shifts = np.zeros((3, len(SHARES) - 1)), 0, []
    for run in runs:
        late = _nearest(agreed.times, run)
        kind = np.digitize(np.abs(late), [ON_TIME, SHIFTED])
        for place in range(3):
            counts[place] += np.histogram(agreed.shares[kind == place], SHARES)[0]
        extra += int(np.sum(np.abs(_nearest(run, agreed.times)) > SHIFTED))
        shifts.append(late[(agreed.shares >= 0.5) & (kind < 2)])
    on_time, shifted, missed = counts / len(runs)
    return Lost(on_time, shifted, missed, extra / len(runs), np.concatenate(shifts))


def _nearest(times: Float[np.ndarray, " n"], others: Float[np.ndarray, " m"]) -> Float[np.ndarray, " n"]:
    """How much later the nearest of the others is than each time, s; infinite where there is none."""
    if not len(others):
        return np.full(len(times), np.inf)
    after = np.clip(np.searchsorted(others, times), 0, len(others) - 1)
    before = np.maximum(after - 1, 0)
    ahead, behind = others[after] - times, others[before] - times
    return np.where(np.abs(ahead) < np.abs(behind), ahead, behind)


@styled
def lost(losses: Lost) -> Figure:
    """Events by agreement and fate, and how late the run is."""
    figure = Figure(figsize=(FULL, 2.7), layout="constrained")
    bars, late = figure.subplots(1, 2, width_ratios=(1.6, 1))
    percent = [f"{100 * low:.0f}–{100 * high:.0f} %" for low, high in pairwise(SHARES)]
    places, bottom = np.arange(len(percent)), np.zeros(len(percent))
    fates = (("on time", losses.on_time, NOISE), ("shifted", losses.shifted, COMPONENTS[3]))
    for label, count, color in (*fates, ("missed", losses.missed, HARD)):
        bars.bar(places, count, 0.7, bottom, color=color, label=label)
        bottom = bottom + count
    bars.bar([len(percent)], [losses.extra], 0.7, color=DATA, label="extra")
    bars.set_xticks([*places, len(percent)], [*percent, "none"])
    bars.set(xlabel="repeats that spike there", ylabel="moments, or spikes, a run")
    bars.legend(ncol=4, loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.1)
    late.hist(1e3 * losses.shifts, np.arange(-20.5, 21.0, 1.0), color=NOISE, alpha=0.75)
    late.axvline(0, color=DATA, lw=0.7)
    if len(losses.shifts):
        late.set_title(f"median {signed(1e3 * np.median(losses.shifts), 1)} ms", color=DATA)
    late.set(xlabel="run − repeats (ms)", ylabel="spikes", xlim=(-20, 20))
    return figure
