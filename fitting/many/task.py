"""One cell of many: fitted, unless that is done or another process is at it; what every process runs, wherever."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jax

from glifjax.errors import InputError
from glifjax.io.json_text import parse_json

from ..results.files import fit_file
from ..results.folder import check_folder, unfinished
from ..results.provenance import provenance, task
from ..results.replacing import finish_replacing
from . import notes
from .cells import Cell, Job
from .claims import ClaimedError, claimed


class TimeoutPassed(Exception):
    """A cell took longer than it may."""


def fit_cell(job: Job, progress: Callable[[str, str], None] = lambda level, stage: None) -> Cell:
    """Fit one cell into its folder, in float64; what becomes of it is returned, never raised, and no fit is.

    Args:
        job: the cell, and how to fit it.
        progress: called with a level and a stage as that starts.
    """
    place = unfinished(job.out)
    try:
        if _fitted(job):
            return Cell(job.name, job.path, job.out, fitted_before=True)
        with claimed(place, job.name, job.run.token, job.run.timeout), jax.enable_x64(True):
            if _fitted(job):  # while this process came to claim it
                return Cell(job.name, job.path, job.out, fitted_before=True)
            failed = notes.failure(place, job.name, since=job.run.started)
            if failed and not job.run.gives_more(failed):
                return failed
            _fit(job, progress)
            notes.forget_failure(place, job.name)
            return Cell(job.name, job.path, job.out)
    except ConnectionError:
        raise  # nobody listens
    except ClaimedError as other:
        return Cell(job.name, job.path, pending=str(other))
    except TimeoutPassed:
        return notes.note_failure(place, late_cell(job))
    except (InputError, OSError) as error:
        return notes.note_failure(place, failed_cell(job, str(error)))
    except Exception as error:
        words = f"{type(error).__name__}: {error}{_place(error)}"
        return notes.note_failure(place, failed_cell(job, words))


def failed_cell(job: Job, words: str) -> Cell:
    """The cell of a job that failed, the reason in one line."""
    return Cell(job.name, job.path, error=" ".join(words.split()))


def late_cell(job: Job) -> Cell:
    """The cell of a job that took longer than it may."""
    words = f"it took longer than `timeout={job.run.timeout:g}` s; give it more, or fewer levels"
    return replace(failed_cell(job, words), limit=job.run.timeout)


def _fit(job: Job, progress: Callable[[str, str], None]) -> None:
    start, limit = time.monotonic(), job.run.timeout

    def watched(level: str, stage: str) -> None:
        if limit is not None and time.monotonic() - start > limit:
            raise TimeoutPassed
        progress(level, stage)

    check_folder(job.out, job.run.overwrite)
    fit_file(
        job.path,
        job.out,
        job.run.settings,
        name=job.name,
        overwrite=job.run.overwrite,
        fresh=job.run.fresh,
        command=job.run.command,
        progress=watched,
    )


def _fitted(job: Job) -> bool:
    """Whether the folder holds the results of this very task; if all is to be fitted anew, those of this run."""
    finish_replacing(job.out)
    file = job.out / "fit.json"
    try:
        if job.run.fresh and file.stat().st_mtime < job.run.started:
            return False
        done = task(parse_json(file, finite=False))
    except (FileNotFoundError, LookupError, TypeError, ValueError):
        return False
    return done == task(provenance(job.path, job.run.settings))


def _place(error: BaseException) -> str:
    """Where in the code an error came up."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" ({Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno})" if trace else ""
