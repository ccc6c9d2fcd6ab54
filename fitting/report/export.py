"""The report's figures as files of their own, for a paper: SVG or PDF."""

from pathlib import Path

from matplotlib.figure import Figure

from glifjax.io.writing import whole_file

from ..assess.trust import visited_voltages
from ..fitted import FittedNeuron
from .figures import mechanisms, predictions
from .formats import check_format
from .runs import run


def write_figures(fit: FittedNeuron, folder: Path, kind: str) -> list[Path]:
    """Write figure_<name>.<kind> of a fit into a folder, which is made where it does not exist.

    Returns:
        The files.

    Raises:
        InputError: an unknown format.
    """
    check_format(kind)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, figure in drawn(fit).items():
        files.append(folder / f"figure_{name}.{kind}")
        with whole_file(files[-1]) as file:
            figure.savefig(file, format=kind, metadata={"Date": None} if kind == "svg" else {"CreationDate": None})
    return files


def drawn(fit: FittedNeuron) -> dict[str, Figure]:
    """The figures of a fit by name: what it predicts, and what a spike does."""
    runs = run(fit)
    made = {"voltage": predictions.voltage(runs), "between_spikes": predictions.close_up(runs)}
    if runs.bands:
        made["predictive_bands"] = predictions.predictive_bands(runs, runs.bands)
    for number, (trains, data) in enumerate(zip(fit.scores.trains, fit.test, strict=True), start=1):
        made[f"spikes_{number}"] = predictions.raster(trains, data)
    made["spike_shape"] = mechanisms.spike_shape(fit)
    if fit.neuron.has_afterspike_currents:
        made["afterspike_currents"] = mechanisms.afterspike_currents(fit.neuron)
    if fit.neuron.membrane_currents:
        made["gated_currents"] = mechanisms.gated_currents(fit.neuron, visited_voltages(fit.model, fit.train))
    return made
