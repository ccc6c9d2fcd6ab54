"""The fitted neuron to play with: its runs on a canvas in the report, and the explorer's page beside it."""

from pathlib import Path

import numpy as np
from jaxtyping import Float
from markupsafe import Markup

import glifjax as gj
from glifjax.explorer.viewer import Repeat, ShownRun, viewer
from glifjax.io import SweepArrays

from ..data.arrays import FitData
from ..fitted import FittedNeuron
from ..model.patched import PatchedNeuron, without_electrode
from .runs import Runs, busiest

#: Repeats of a stimulus that a page holds at most.
REPEATS = 8


def canvas(model: PatchedNeuron, runs: Runs) -> Markup:
    """The held-out voltage, one repeat at a time, with the neuron's runs over it."""
    data, length = runs.data, runs.data.steps
    recorded = [
        Repeat(f"sweep {data.numbers[i]}", voltage[:length], data.spike_times[i])
        for i, voltage in enumerate(_membrane(model, data))
    ]
    names = {"without noise": (runs.noiseless, "threshold"), "one run with escape noise": (runs.noisy, "voltage")}
    simulated = [
        ShownRun(
            name=name,
            voltage=1e-3 * runs.voltage(trace)[:length],
            threshold=np.asarray(trace.threshold)[:length] + 1e-3 * runs.rest,
            spikes=np.flatnonzero(np.asarray(trace.fired)[:length]) * data.dt + float(trace.spike_latency),
            colour=colour,
        )
        for name, (trace, colour) in names.items()
    ]
    return viewer(recorded, simulated, data.current[runs.sweep][:length], data.dt, runs.window)


def beside(report: Path) -> Path:
    """Where the explorer's page lies, beside a report."""
    return report.with_name(f"{report.stem}_explorer.html")


def explored(fit: FittedNeuron) -> gj.Exploration | None:
    """A fit's neuron to play with, over the held-out sweeps that its report shows.

    None where a rule of the user's has no JavaScript: a fit is reported all the same.
    """
    data = busiest(fit)
    length, file = data.steps, fit.recording.path.name
    sweeps = [
        SweepArrays(int(data.numbers[i]), "", 1 / data.dt, data.current[i][:length], voltage[:length], file)
        for i, voltage in enumerate(_membrane(fit.model, data))
    ]
    title = f"{fit.recording.name} · {fit.level}"
    try:
        return gj.explore(fit.neuron, sweeps, title=title, source=file, patterns=False)
    except gj.InputError:
        return None


def _membrane(model: PatchedNeuron, data: FitData) -> list[Float[np.ndarray, " T"]]:
    """The recorded voltage of each repeat less the electrode's drop, V."""
    return list(without_electrode(model, data.voltage[:REPEATS], data.current[:REPEATS]))
