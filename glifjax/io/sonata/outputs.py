"""What a run leaves in a folder, under the names that the config's output gives: spikes, reports, a log."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from glifjax.errors import InputError
from glifjax.io.csv import write_csv_spikes
from glifjax.io.sonata.config import Section
from glifjax.io.sonata.reports import write_report
from glifjax.io.sonata.spikes import SORTING, write_sonata_spikes
from glifjax.network.network import Network, Report
from glifjax.network.simulate import NetworkRun


class Outputs(NamedTuple):
    """Where results go; names are within the folder, None for what is not asked for.

    Attributes:
        folder: of the results.
        spikes, spikes_csv, log: files.
        sort: how the spikes of the HDF5 file are sorted.
    """

    folder: Path
    spikes: str | None
    spikes_csv: str | None
    log: str | None
    sort: str


def outputs(network: Network, folder: Path | None = None) -> Outputs:
    """What a network's config asks for; `folder` takes the place of its output_dir.

    Raises:
        InputError: no folder, an unknown sorting, a name outside the folder, results that must not be overwritten.
    """
    section: Section = network.outputs
    folder = folder if folder is not None else section.path("output_dir")
    keys = ("spikes_file", "spikes_file_csv", "log_file")
    names = [section.file(key) if key in section else None for key in keys]
    sort = section.text("spikes_sort_order", "none")
    sort = {"time": "by_time", "id": "by_id"}.get(sort, sort)
    if sort not in SORTING:
        raise section.error("spikes_sort_order", f"is {sort!r}; use one of {', '.join(SORTING)}")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; name a folder for the results")
    files = [name for name in (*names, *(report.file for report in network.reports)) if name]
    if len(set(files)) < len(files):
        raise InputError(f"{network.source}: its outputs are {', '.join(files)}; give each a name of its own")
    there = [name for name in files if os.path.exists(folder / name)]
    if there and not section.flag("overwrite_output_dir", True):
        raise section.error(
            "overwrite_output_dir",
            f"is false and {folder / there[0]} exists; move it, or choose another folder (--out)",
        )
    return Outputs(folder, names[0], names[1], names[2], sort)


def write_outputs(
    run: NetworkRun, to: Outputs, reports: tuple[Report, ...], log: str, figures: list[tuple[str, Any]]
) -> list[Path]:
    """Write all results, or none: into a folder beside the place, moved there when they are whole.

    Args:
        run: the run.
        to: where.
        reports: those that were asked for.
        log: the text of the log file.
        figures: pairs of a name and a matplotlib figure.

    Returns:
        the files.
    """
    with _staged(to.folder) as (part, files):
        if to.spikes:
            write_sonata_spikes(run.spikes, _place(part, to.spikes, files), to.sort)
        if to.spikes_csv:
            write_csv_spikes(run.spikes, _place(part, to.spikes_csv, files))
        for report in reports:
            write_report(run.report(report.name), _place(part, report.file, files))
        for name, figure in figures:
            figure.savefig(_place(part, name, files))
        if to.log:
            _place(part, to.log, files).write_text(log, encoding="utf-8")
    return [to.folder / name for name in files]


def _place(part: Path, name: str, files: list[str]) -> Path:
    (part / name).parent.mkdir(parents=True, exist_ok=True)
    files.append(name)
    return part / name


@contextmanager
def _staged(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """A temporary folder whose files are moved into `folder` if the block ends well."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=".run-", dir=folder))
    except OSError as error:
        raise InputError(f"{folder}: results cannot be written there ({error}); choose another folder") from error
    files: list[str] = []
    try:
        yield part, files
        for name in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(part / name, folder / name)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if not files and not any(folder.iterdir()):
            folder.rmdir()
