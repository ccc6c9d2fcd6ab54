"""Spikes of a network: a dot each, and rates over time."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from glifjax.errors import InputError
from glifjax.io.spikes import read_spikes
from glifjax.plots.trace import CURRENTS, INK, STYLE, THRESHOLD, VOLTAGE, shown_in_notebooks
from glifjax.spikes.trains import SpikeTrains

if TYPE_CHECKING:
    import matplotlib.figure

#: One for each population, again from the first after the last.
COLOURS = (VOLTAGE, THRESHOLD, *CURRENTS)
#: Files of results that hold spikes, in the order they are looked for.
RESULTS = ("spikes.h5", "spikes.csv")
#: Bins of the rates over a run.
BINS = 100


def plot_raster(
    spikes: SpikeTrains | str | Path, rates: bool = False, *, duration: float | None = None, title: str | None = None
) -> "matplotlib.figure.Figure":
    """Draw spikes: time across, cells upward, populations one above the other.

    Args:
        spikes: SpikeTrains, a file that `read_spikes` reads, or a folder of results that holds spikes.h5 or spikes.csv.
        rates: below, how many spikes a second each population's cells that fired have, in a hundredth of the run.
        duration: of the run, s; to the last spike if left out.
        title: above it.

    Returns:
        The matplotlib Figure: `figure.savefig(path)` writes it, a notebook shows it where a cell ends with it.

    Raises:
        InputError: a folder without spikes.
    """
    import matplotlib
    from matplotlib.figure import Figure

    trains = spikes if isinstance(spikes, SpikeTrains) else _read(Path(spikes))
    stop = float(duration if duration is not None else trains.times.max(initial=0.0)) or 1.0
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(10, 6 if rates else 4.5), layout="constrained", dpi=100)
        shown_in_notebooks(figure)
        panels = figure.subplots(1 + rates, 1, sharex=True, squeeze=False, height_ratios=(3, 1)[: 1 + rates])[:, 0]
        ticks, base = [], 0
        for place, name in enumerate(trains.population_names):
            own, colour = trains.of(name), COLOURS[place % len(COLOURS)]
            panels[0].plot(own.times, base + own.node_ids, "|", color=colour, ms=2.5, mew=0.8)
            height = int(own.node_ids.max()) + 1
            ticks.append((base + height / 2, f"{name}\n({len(np.unique(own.node_ids))} cells)"))
            base += height
            if rates:
                edges = np.linspace(0, stop, BINS + 1)
                panels[1].step(edges, _rates(own, edges), where="post", color=colour, label=name)
        panels[0].set_ylim(-1, max(base, 1))
        panels[0].set_yticks([y for y, _ in ticks], [name for _, name in ticks])
        if rates:
            panels[1].set_ylabel("rate (Hz)")
            panels[1].set_ylim(bottom=0)
        panels[-1].set_xlabel("time (s)")
        panels[-1].set_xlim(0, stop)
        if title is not None:
            panels[0].set_title(title, loc="left", fontsize=9, color=INK)
    return figure


def _rates(trains: SpikeTrains, edges: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
    """Spikes a second and cell that fired in each bin; the last value twice, to draw the last step."""
    counts = np.histogram(trains.times, edges)[0]
    rates: Any = counts / np.diff(edges) / max(len(np.unique(trains.node_ids)), 1)
    return np.append(rates, rates[-1])


def _read(path: Path) -> SpikeTrains:
    if not path.is_dir():
        return read_spikes(path)
    files = [path / name for name in RESULTS if (path / name).is_file()]
    if not files:
        raise InputError(f"{path}: holds neither {' nor '.join(RESULTS)}; name the file of spikes")
    return read_spikes(files[0])
