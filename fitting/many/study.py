"""Many cells: each in its folder, as for one, by processes of this machine or an engine; then a table and a page."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from glifjax.errors import InputError
from glifjax.io.regular import check_file
from glifjax.io.writing import write_whole

from ..pipeline.settings import FitSettings
from ..results.folder import UNFINISHED, ResultsError
from ..results.provenance import assignment, circumstances, task
from ..results.record import RecordError, read_fit
from .cells import Cell, Job, Run, cell_names, check_timeout
from .collecting import collect
from .engine import Engine, run_on
from .notes import note_cells
from .resources import jobs_side_by_side
from .shard import Shard
from .workers import check_package, run

#: In a folder whose cells are not all fitted: which run it is of.
RUN = ".run"


def fit_many(
    paths: Sequence[str | Path],
    out: str | Path | None = None,
    settings: FitSettings | Mapping[str, Any] | None = None,
    *,
    client: Engine | None = None,
    shard: Shard | None = None,
    timeout: float | None = None,
    jobs: int | None = None,
    overwrite: bool = False,
    fresh: bool = False,
    command: str = "",
    on_start: Callable[[Path, int], None] = lambda folder, jobs: None,
    progress: Callable[[str, str, str], None] = lambda cell, level, stage: None,
    on_cell: Callable[[Cell], None] = lambda cell: None,
) -> tuple[list[Cell], Path]:
    """Fit several recordings in parallel, each into its own folder in `out`; then write cells.csv and cells.html.

    A cell whose folder holds a fit of the same recording, settings and project version is done, whichever machine did
    it, so that a run which was stopped goes on. Any number of runs over one folder do the work once: what one of them
    has begun, the others leave to it. A script that calls this without a client needs `if __name__ == "__main__":`, as
    every process imports it.

    Args:
        paths: recordings.
        out: folder of all results; None for fits/cells-<n>, a new one unless the last of the same run was stopped.
        settings: what is asked; a mapping is read as FitSettings.from_json does; None is the defaults.
        client: an engine with `submit(f, *arguments)`, such as dask.distributed.Client, whose machines see the same
            files; None is processes of this machine.
        shard: fit this part of the cells alone, and leave table and page to fitting.collect.
        timeout: s that a cell may take. A process of this machine is stopped then; an engine's fit stops when its next
            stage would start. A claim that is older on another machine is taken over.
        jobs: processes at most; as many as half the cores and the memory allow if None.
        overwrite: replace other fits that `out` holds.
        fresh: fit every cell anew, and forget what a stopped run has left.
        command: stands in every fit.json.
        on_start: called with the folder and the number of processes, 0 for an engine's; progress: as a stage of a cell
            starts, which an engine does not tell; on_cell: as a cell is done, or has failed.

    Returns:
        The cells, those of the shard, in the order of `paths`, and the folder.

    Raises:
        InputError: a path (of the shard) that does not exist, a folder that holds other results, a timeout or a number
            of jobs that is none, a shard without `out`, or another package named fitting that new processes would
            import; nothing is started then.
    """
    check_package()
    check_timeout(timeout)
    if jobs is not None and jobs < 1:
        raise InputError(f"`jobs={jobs}`: give 1 or more")
    asked = settings if isinstance(settings, FitSettings) else FitSettings.from_json(settings or {})
    places = list(dict.fromkeys(Path(path).resolve() for path in paths))
    if not places:
        raise InputError("no recordings were given; give one at least")
    own = places if shard is None else shard.of(places)
    for path in own:
        check_file(path)
    if shard is not None and out is None:
        raise InputError("a shard writes into the folder that all shards share; name it with `out=`")
    folder = Path(out) if out is not None else _default_folder(places, asked, fresh)
    whole_run = Run(asked, overwrite, fresh, command, timeout)
    everything = [
        Job(name, path, folder / name, whole_run) for name, path in zip(cell_names(places), places, strict=True)
    ]
    todo = everything if shard is None else shard.of(everything)
    _check(folder, todo, asked, overwrite)
    note_cells(folder / UNFINISHED, everything)
    jobs = min(jobs or jobs_side_by_side(), max(1, len(todo)))
    on_start(folder, jobs if client is None else 0)
    done: dict[str, Cell] = {}
    for cell in run(todo, jobs, progress) if client is None else run_on(client, todo):
        on_cell(cell)
        done[cell.name] = cell
    if shard is None:
        collect(folder, timeout)
        (folder / RUN).unlink(missing_ok=True)
    return [done[job.name] for job in todo], folder


def _default_folder(paths: Sequence[Path], settings: FitSettings, fresh: bool) -> Path:
    """The folder of the last run if that was of the same cells and settings, and was stopped; else a new one."""
    key = task({"file": {"sha256": [*map(str, paths)]}, **circumstances(settings)})
    last, n = None, 0
    while True:
        n += 1
        folder = Path("fits") / f"cells-{n}"
        if folder.exists():
            last = folder
            continue
        if last is not None and not fresh:
            with suppress(OSError):
                if (last / RUN).read_text() == key:
                    return last
        with suppress(FileExistsError):  # of two runs that start at once one makes it, the other goes on to the next
            folder.mkdir(parents=True)
            write_whole(folder / RUN, key)
            return folder


def _check(folder: Path, todo: Sequence[Job], settings: FitSettings, overwrite: bool) -> None:
    """Refuse a folder that holds fits of another kind, before anything is started."""
    if folder.exists() and not folder.is_dir():
        raise ResultsError(f"{folder}: is a file; choose another folder")
    wanted = assignment(circumstances(settings))
    for job in todo:
        if overwrite or not (job.out / "fit.json").exists():
            continue
        remedy = "choose another folder, or replace it with `overwrite=True`"
        try:
            other = assignment(asdict(read_fit(job.out))) != wanted
        except RecordError as error:
            raise ResultsError(f"{error}; {remedy}") from error
        if other:
            raise ResultsError(f"{job.out}: holds a fit with other settings or of another version; {remedy}")
