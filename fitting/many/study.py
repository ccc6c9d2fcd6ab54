"""Many cells on one machine: each in its folder, as for one, and a table and a page of all of them."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from glifjax.errors import InputError
from glifjax.io.writing import write_whole

from ..pipeline.settings import FitSettings
from ..results.files import ResultsError
from ..results.naming import folder_name
from ..results.provenance import circumstances, cores, fingerprint
from .workers import Cell, Job, check_package, run

#: The files of all cells together.
TABLE, PAGE = "cells.csv", "cells.html"
#: Scores that stand beside the cell's own.
CEILINGS = ("gamma_4ms", "evr_single_10ms", "md_star_4ms", "evr_10ms")
#: What formulas of spreadsheets begin with.
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
#: In a folder whose cells are not all fitted: which run it is of.
RUN = ".run"


def fit_many(
    paths: Sequence[Path],
    out: Path | None,
    settings: FitSettings | Mapping[str, Any],
    *,
    jobs: int | None = None,
    overwrite: bool = False,
    fresh: bool = False,
    command: str = "",
    on_start: Callable[[Path, int], None] = lambda folder, jobs: None,
    progress: Callable[[str, str, str], None] = lambda cell, level, stage: None,
    on_cell: Callable[[Cell], None] = lambda cell: None,
) -> tuple[list[Cell], Path]:
    """Fit several recordings in parallel processes, each into its own folder in `out`; then write TABLE and PAGE.

    Cells whose folder holds the very same fit already are left as they are, so that a run which was stopped goes on.
    A script that calls this needs `if __name__ == "__main__":`, as every process imports it.

    Args:
        paths: recordings.
        out: folder of all results; None for fits/cells-<n>, a new one unless the last of the same run was stopped.
        settings: what is asked; a mapping is read as FitSettings.from_json does.
        jobs: processes at most; half as many as there are cores if None.
        overwrite: replace other fits that `out` holds.
        fresh: fit every cell anew, and forget what a stopped run has left.
        command: kept in every fit.json.
        on_start: called with the folder and the number of processes; progress: as a stage of a cell starts;
            on_cell: as a cell is done, or has failed.

    Returns:
        The cells, in the order of `paths`, and the folder.

    Raises:
        InputError: a path that does not exist, a folder that holds other results, or another package named fitting
            that new processes would import; nothing is started then.
    """
    check_package()
    if not isinstance(settings, FitSettings):
        settings = FitSettings.from_json(settings)
    paths = list(dict.fromkeys(path.resolve() for path in paths))
    if missing := [path for path in paths if not path.is_file()]:
        raise InputError(f"{missing[0]}: there is no such file; nothing was started")
    folder = out if out is not None else _default_folder(paths, settings, fresh)
    todo = [
        Job(name, path, folder / name, settings, overwrite, fresh, command)
        for name, path in zip(cell_names(paths), paths, strict=True)
    ]
    _check(folder, todo, overwrite)
    jobs = min(jobs or max(1, cores() // 2), len(todo))
    on_start(folder, jobs)
    done: dict[str, Cell] = {}
    for cell in run(todo, jobs, progress):
        on_cell(cell)
        done[cell.name] = cell
    cells = [done[job.name] for job in todo]
    write_overview(cells, folder)
    (folder / RUN).unlink(missing_ok=True)
    return cells, folder


def write_overview(cells: Sequence[Cell], folder: Path) -> None:
    """Write what all cells came to: TABLE, a row each in their order, and PAGE."""
    from .overview import overview

    rows = [row(cell, folder) for cell in cells]
    text = io.StringIO()
    table = csv.DictWriter(text, rows[0])
    table.writeheader()
    table.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    write_whole(folder / TABLE, text.getvalue())
    write_whole(folder / PAGE, overview(cells, folder))


def _cell(value: Any) -> Any:
    """A value of the table; text that a spreadsheet would take for a formula begins with an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULAS) else value


def row(cell: Cell, folder: Path) -> dict[str, Any]:
    """A cell's row in the table: its preferred level, that level's scores, seconds, and the error if it failed."""
    from ..report.words import SCORES

    record = cell.record()
    scores = record.get("scores", {})
    number = lambda group, key: scores.get(group, {}).get(key)
    hard = "hard" if scores.get("hard") else "deterministic"
    return {
        "cell": cell.name,
        "level": record.get("level"),
        "bits_per_spike_cross_validated": (record.get("validation") or {}).get("bits_per_spike"),
        **{key: number("test", key) for key in SCORES},
        **{f"{key}_hard_threshold": number(hard, key) for key in ("md_star_4ms", "evr_10ms")},
        **{f"{key}_of_the_cell": number("ceiling", key) for key in CEILINGS},
        "trust": (record.get("trust") or {}).get("word"),
        "warnings": len(set(record.get("warnings", ()))) if record else None,
        "seconds": record.get("seconds_in_all"),
        "recording": str(cell.path),
        "report": str((cell.folder / "report.html").relative_to(folder)) if cell.folder else None,
        "error": cell.error,
    }


# ---------------------------------------------------------------------------------------------------- the folder


def cell_names(paths: Sequence[Path]) -> list[str]:
    """A name for each path: the file's, with as many of its folders before it as tell all apart; a folder's name."""
    parts = [(*path.parts[1:-1], path.stem) for path in paths]
    for depth in range(1, max(map(len, parts)) + 1):
        names = [folder_name("-".join(own[-depth:])) for own in parts]
        names = [f"{name}_" if name in (TABLE, PAGE) else name for name in names]
        if len({name.casefold() for name in names}) == len(names):
            return names
    return [f"{folder_name(path.stem)}-{number}" for number, path in enumerate(paths, start=1)]


def _default_folder(paths: Sequence[Path], settings: FitSettings, fresh: bool) -> Path:
    """The folder of the last run if that was of the same cells and settings, and was stopped; else a new one."""
    key = fingerprint({"file": {"sha256": [*map(str, paths)]}, **circumstances(settings)})
    last, n = None, 1
    while (folder := Path("fits") / f"cells-{n}").exists():
        last, n = folder, n + 1
    if last is not None and not fresh:
        with suppress(OSError):
            if (last / RUN).read_text() == key:
                return last
    write_whole(folder / RUN, key)
    return folder


def _check(folder: Path, todo: Sequence[Job], overwrite: bool) -> None:
    """Refuse a folder that holds fits of another kind, before anything is started."""
    if folder.exists() and not folder.is_dir():
        raise ResultsError(f"{folder}: is a file; choose another folder")
    for job in todo:
        try:
            record = json.loads((job.out / "fit.json").read_text(encoding="utf-8"))
            parts = circumstances(job.settings)
            other = any(record.get(key) != parts[key] for key in ("settings", "versions", "source"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            other = True
        if other and not overwrite:
            raise ResultsError(
                f"{job.out}: holds a fit with other settings or versions; choose another folder, or replace it "
                "with `overwrite=True`"
            )
