"""A fit's files: neuron_config.json, fit.json and report.html, whole or not at all."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax

import glifjax as gj
from glifjax.errors import InputError

from ..checkpoint import Checkpoint
from ..fitted import Fit
from ..pipeline import fit_as
from ..settings import FitSettings
from .provenance import fingerprint, provenance
from .record import write_fit

#: Where fits that are not finished keep their stages, beside their results.
UNFINISHED = ".glifjax-unfinished"
#: What a fit writes, and what therefore may not be in a folder already.
FILES = ("fit.json", "neuron_config.json", "neuron_config_*.json", "report.html")


class ResultsError(InputError):
    """A folder that results cannot go to; the message says why and what to do."""


def check_folder(out: Path, overwrite: bool) -> None:
    """Refuse a folder that already holds a fit (unless `overwrite`), or that is a file.

    Raises:
        ResultsError: with the remedy.
    """
    if out.exists() and not out.is_dir():
        raise ResultsError(f"{out}: is a file; choose another folder")
    found = _results(out)
    if found and not overwrite:
        raise ResultsError(
            f"{out}: already holds a fit ({found[0].name}); choose another folder, or replace it with `overwrite=True`"
        )


def _results(out: Path) -> list[Path]:
    """The files of a fit that a folder holds."""
    return [file for pattern in FILES for file in sorted(out.glob(pattern))]


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
    parent = out.parent if out is not None else Path("fits")
    parent.mkdir(parents=True, exist_ok=True)
    folder, final = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=parent)), []
    try:
        yield folder, final
        folder.chmod(0o755)
        if out is not None and out.exists():
            check_folder(out, overwrite)
            for stale in _results(out):
                stale.unlink()
            for file in folder.iterdir():
                os.replace(file, out / file.name)
            final.append(out)
        else:
            final.append(_claim(folder, parent, name) if out is None else Path(shutil.move(folder, out)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if out is None and not any(parent.iterdir()):
            parent.rmdir()


def _claim(folder: Path, parent: Path, name: str) -> Path:
    """Rename to the first fits/<name>-<n> that does not exist, also while others do the same."""
    n = 1
    while True:
        target = parent / f"{name}-{n}"
        try:
            target.mkdir()
        except FileExistsError:
            n += 1
            continue
        os.rename(folder, target)  # an empty folder is replaced
        return target


def unfinished(out: Path | None) -> Path:
    """The folder that holds the stages of unfinished fits whose results would go to `out`, see new_results."""
    return (out.parent if out is not None else Path("fits")) / UNFINISHED


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
    on_start: Callable[[gj.Recording, Checkpoint], None] = lambda recording, checkpoint: None,
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
        on_start: called with the recording and with what a stopped fit has left, before the fit.
        progress, callbacks: see fitting.fit.

    Returns:
        The fit, and the folder of its results.

    Raises:
        InputError: the recording cannot be fitted, or the results cannot go to `out`.
    """
    start, name = time.perf_counter(), name or path.stem
    with gj.read_recording(path) as recording:
        origin = provenance(path, settings)
        copy = path.read_bytes() if with_recording else b""
        checkpoint = Checkpoint(unfinished(out) / f"{name}-{fingerprint(origin)}")
        if fresh:
            checkpoint.remove()
        on_start(recording, checkpoint)
        fitted = fit_as(recording, settings, **callbacks, progress=progress, checkpoint=checkpoint)
        progress("", "writing the report")
        with new_results(out, name, overwrite) as (folder, final):
            seconds = round(time.perf_counter() - start + checkpoint.restored, 3)
            origin |= {"command": command, "fingerprint": fingerprint(origin), "seconds_in_all": seconds}
            write_results(fitted, folder, origin)
            if with_recording:
                (folder / path.name).write_bytes(copy)
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
    fitted.report(folder / "report.html")
