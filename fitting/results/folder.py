"""Where a fit's files go: which folder, what may not be in it already; loads no jax."""

import os
from pathlib import Path

from glifjax.errors import InputError

from .replacing import beside, finish_replacing

#: Where results go, into a folder each, unless a place is given.
DEFAULT = Path("fits")
#: Where fits that are not finished keep their stages, beside their results.
UNFINISHED = ".glifjax-unfinished"
#: What a fit writes, and what therefore may not be in a folder already.
FILES = (
    "fit.json",
    "neuron_config.json",
    "neuron_config_*.json",
    "parameters.csv",
    "report.html",
    "report_explorer.html",
    "figure_*.svg",
    "figure_*.pdf",
)


class ResultsError(InputError):
    """A folder that results cannot go to; the message says why and what to do."""


def check_folder(out: Path | None, overwrite: bool) -> None:
    """Refuse a place that results cannot go to, before anything is computed; finish what a killed run began there.

    Args:
        out: the results' folder, None for a new one, see new_results.
        overwrite: a fit that is there may be replaced.

    Raises:
        ResultsError: it is a file, holds a fit already (unless `overwrite`), or may not be written to; with the remedy.
    """
    out = DEFAULT if out is None else out
    check_place(out)
    if out == DEFAULT or not out.is_dir():
        return
    finish_replacing(out)
    present = results(out)
    if present and not overwrite:
        raise ResultsError(
            f"{out}: already holds a fit ({present[0].name}); choose another, or replace it with `overwrite=True`"
        )
    if folders := [file.name for file in present if file.is_dir() and not file.is_symlink()]:
        raise ResultsError(f"{out}: {folders[0]} is a folder there; choose another folder")


def check_place(out: Path) -> None:
    """Refuse a folder that cannot be made, or not be written to.

    Raises:
        ResultsError: it, or what it is to lie in, is a file or may not be written to.
    """
    nearest = next(place for place in (out, *out.absolute().parents) if place.exists() or place.is_symlink())
    if not nearest.is_dir():
        raise ResultsError(f"{nearest}: is no folder; choose another folder")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise ResultsError(f"{nearest}: may not be written to; choose another folder")


def results(out: Path) -> list[Path]:
    """The files of a fit that a folder holds."""
    return [file for pattern in FILES for file in sorted(out.glob(pattern))]


def unfinished(out: Path | None) -> Path:
    """The folder that holds the stages of unfinished fits whose results would go to `out`, see new_results."""
    return (DEFAULT if out is None else beside(out)) / UNFINISHED
