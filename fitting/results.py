"""A fit's files: neuron_config.json, fit.json and report.html, whole or not at all."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax

import glifjax as gj
from fitting.fit import Fit
from glifjax.errors import InputError

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
        raise ResultsError(f"{out}: is a file; choose another folder with --out")
    found = _results(out)
    if found and not overwrite:
        raise ResultsError(
            f"{out}: already holds a fit ({found[0].name}); choose another folder, or add --overwrite to replace it"
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


def write_results(fitted: Fit, folder: Path) -> None:
    """Write the preferred neuron and its numbers, the report, and every level's own neuron where there are several."""
    record = {"file": _identity(fitted.recording.path), **fitted.as_dict()}
    with jax.enable_x64(True):
        gj.write_neuron_config(fitted.neuron, folder / "neuron_config.json")
        if len(fitted.levels) > 1:
            record["levels"] = {each.level: each.as_dict() for each in fitted.levels}
            for each in fitted.levels:
                gj.write_neuron_config(each.neuron, folder / f"neuron_config_{each.level}.json")
    (folder / "fit.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    fitted.report(folder / "report.html")


def _identity(path: Path) -> dict[str, str]:
    """A file's name and SHA-256, read in pieces."""
    with open(path, "rb") as file:
        return {"name": Path(path).name, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
