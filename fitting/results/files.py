"""A fit's files: neuron_config.json, fit.json, parameters.csv and report.html, whole or not at all."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import jax

import glifjax as gj
from glifjax.io.temporary import temporary_folder
from glifjax.io.writing import write_whole

from ..checkpoint import Checkpoint
from ..pipeline.fit import fit
from ..pipeline.result import Fit
from ..pipeline.settings import FitSettings
from .folder import DEFAULT, check_folder, results, unfinished
from .naming import folder_name
from .parameter_table import write_parameters
from .provenance import fingerprint, inputs, provenance, task
from .record import write_fit
from .replacing import beside, replace_files


@contextmanager
def new_results(out: Path | None, name: str, overwrite: bool = False) -> Iterator[tuple[Path, list[Path]]]:
    """A folder to write results into, which appears under its name only if the block ends well.

    Args:
        out: where the results go; None for a new folder, fits/<name>-<n>.
        name: of the cell.
        overwrite: replace the fit that `out` holds.

    Yields:
        The folder to write to, and a list that holds the results' final folder afterwards.

    Raises:
        ResultsError: `out` holds a fit, perhaps one that was written meanwhile.
    """
    parent, final = DEFAULT if out is None else beside(out), []
    parent.mkdir(parents=True, exist_ok=True)
    try:
        with temporary_folder(parent) as folder:
            yield folder, final
            if out is None:
                final.append(_claim(folder, parent, folder_name(name)))
            elif out.exists():
                check_folder(out, overwrite)
                replace_files(folder, out, results)
                final.append(out)
            else:
                os.rename(folder, out)
                final.append(out)
    finally:
        if out is None:
            with suppress(OSError):  # it holds results, as a rule
                parent.rmdir()


def _claim(folder: Path, parent: Path, name: str) -> Path:
    """Rename to the first fits/<name>-<n> that does not exist, also while others do the same."""
    n = 1
    while True:
        target = parent / f"{name}-{n}"
        try:
            if not target.exists():
                os.rename(folder, target)  # onto something, Windows renames never, Linux onto an empty folder alone
                return target
        except OSError:
            if not target.exists():
                raise
        n += 1


def fit_file(
    path: Path,
    out: Path | None,
    settings: FitSettings,
    *,
    name: str | None = None,
    overwrite: bool = False,
    fresh: bool = False,
    command: str = "",
    with_recording: bool = False,
    figures: str | None = None,
    on_start: Callable[[gj.Recording, Checkpoint], None] = lambda recording, checkpoint: None,
    on_written: Callable[[Path], None] = lambda folder: None,
    progress: Callable[[str, str], None] = lambda level, stage: None,
    **callbacks: Any,
) -> tuple[Fit, Path]:
    """Fit a recording and write the results, going on where the same fit was stopped.

    Args:
        path: the recording.
        out: the results' folder, None for a new one, see new_results.
        settings: what is asked; they stand in fit.json.
        name: of the cell; the file's if None.
        overwrite: replace the fit that `out` holds.
        fresh: forget what a stopped fit has left.
        command: kept in fit.json.
        with_recording: put a copy of the recording beside its fit.
        figures: "svg" or "pdf": write the report's figures as files of their own too.
        on_start: called with the recording and with what a stopped fit has left, before the fit.
        on_written: called with the results' folder once they are in it.
        progress, callbacks: see fitting.fit.

    Returns:
        The fit, and the folder of its results.

    Raises:
        InputError: the recording cannot be fitted, or changes meanwhile, or the results cannot go to `out`.
    """
    start, name = time.perf_counter(), name or path.stem
    check_folder(out, overwrite)
    with gj.read_recording(path, electrode=settings.cell, stimulus=settings.stimulus) as recording:
        origin = provenance(path, settings)
        copy = path.read_bytes() if with_recording else b""
        checkpoint = Checkpoint(unfinished(out) / f"{folder_name(name)}-{fingerprint(origin)}")
        if fresh:
            checkpoint.remove()
        on_start(recording, checkpoint)
        asked = {name: value for name, value in vars(settings).items() if name != "stimulus"}
        fitted = fit(recording, **asked, **callbacks, progress=progress, checkpoint=checkpoint)
        if path.is_file() and any(origin[name] != now for name, now in inputs(path, settings).items()):
            checkpoint.remove()
            raise gj.RecordingError(f"{path}: changed while it was fitted; fit it again once it is whole")
        progress("", "writing the report")
        with new_results(out, name, overwrite) as (folder, final):
            seconds = round(time.perf_counter() - start + checkpoint.restored, 3)
            digests = {"fingerprint": fingerprint(origin), "task": task(origin)}
            origin |= {"command": command, **digests, "seconds_in_all": seconds}
            if with_recording:
                origin["file"] |= {"path": path.name}  # seen from fit.json
                write_whole(folder / path.name, copy)
            write_results(fitted, folder, origin)
            if figures is not None:
                fitted.figures(folder, figures)
        on_written(final[0])
    checkpoint.remove()
    return fitted, final[0]


def write_results(fitted: Fit, folder: Path, origin: Mapping[str, Any]) -> None:
    """Write the preferred neuron and its numbers, the report, and every level's own neuron where there are several.

    fit.json holds `origin` too, by which the fit can be repeated (fitting.results.provenance).
    """
    with jax.enable_x64(True):
        gj.write_neuron_config(fitted.neuron, folder / "neuron_config.json")
        if len(fitted.levels) > 1:
            for neuron in fitted.levels:
                gj.write_neuron_config(neuron.neuron, folder / f"neuron_config_{neuron.level}.json")
    write_fit(folder / "fit.json", fitted, origin)
    write_parameters(folder / "parameters.csv", fitted)
    fitted.report(folder / "report.html")
