"""Processes that fit one cell after another, side by side.

A cell that fails, or takes its process with it, comes back with its error; the others go on.
"""

import json
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.machinery import PathFinder
from multiprocessing import connection
from pathlib import Path
from typing import Any

from glifjax.errors import InputError

from ..pipeline.settings import FitSettings
from ..results.files import check_folder, fit_file
from ..results.provenance import cores, fingerprint, provenance
from ..results.replacing import finish_replacing

#: What tells the libraries of a process how many threads to use.
THREADS = ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True)
class Cell:
    """What became of one recording.

    Attributes:
        name: of the cell, and of its folder.
        path: the recording.
        folder: its results; None if the fit failed.
        error: why it failed.
        fitted_before: whether its results were there already.
    """

    name: str
    path: Path
    folder: Path | None = None
    error: str = ""
    fitted_before: bool = False

    def record(self) -> dict[str, Any]:
        """What its fit.json holds; nothing if the fit failed."""
        return json.loads((self.folder / "fit.json").read_text(encoding="utf-8")) if self.folder else {}


@dataclass(frozen=True)
class Job:
    """A recording to fit, and how."""

    name: str
    path: Path
    out: Path
    settings: FitSettings
    overwrite: bool
    fresh: bool
    command: str


def check_package() -> None:
    """Refuse to start processes that would import another `fitting` than this: one of the user's comes first.

    Raises:
        InputError: with the place of the other.
    """
    first = PathFinder.find_spec("fitting")  # as a new process will look for it
    ours = Path(__file__).parents[1] / "__init__.py"
    if first and first.origin and not ours.samefile(first.origin):
        raise InputError(
            f"processes that fit cells would import fitting from {first.origin} instead of {ours.parent}; rename that, "
            "or run from another folder"
        )


def run(todo: Sequence[Job], jobs: int, progress: Callable[[str, str, str], None]) -> Iterator[Cell]:
    """Fit all, and give each cell as it is done; whatever runs is stopped when the caller goes away.

    Args:
        todo: in the order in which they are started.
        jobs: processes; they share the cores.
        progress: called with the cell's name, a level and a stage as that starts.
    """
    queue, threads = deque(todo), max(1, cores() // jobs)
    workers: list[_Worker] = []
    try:
        workers += [_Worker(threads) for _ in range(jobs)]
        for worker in workers:
            worker.take(queue)
        while busy := {worker.pipe: worker for worker in workers if worker.job}:
            heard = connection.wait(list(busy))
            for worker in [worker for pipe, worker in busy.items() if pipe in heard]:
                job, message = worker.hear()
                if not isinstance(message, Cell):
                    progress(job.name, *message)
                    continue
                yield message
                if queue and not worker.process.is_alive():
                    workers.remove(worker)
                    workers.append(worker := _Worker(threads))
                worker.take(queue)
    finally:
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.process.join()


class _Worker:
    """A process that fits one cell after another, with so many threads."""

    def __init__(self, threads: int):
        spawn = multiprocessing.get_context("spawn")  # a fork would take over a backend that has started
        self.pipe, theirs = spawn.Pipe()
        self.process = spawn.Process(target=_serve, args=(theirs,), daemon=True)
        with _starting(threads):
            self.process.start()
        theirs.close()  # so that this end tells when the process is gone
        self.job: Job | None = None

    def take(self, queue: deque[Job]) -> None:
        """Give it the next job, if there is one."""
        self.job = queue.popleft() if queue else None
        if self.job:
            with suppress(OSError):  # of a process that is gone: `hear` says so
                self.pipe.send(self.job)

    def hear(self) -> tuple[Job, Any]:
        """Its job, and what it says of it: a level and a stage, or at last the Cell."""
        assert self.job is not None
        try:
            return self.job, self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            code = self.process.exitcode or 0
            name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            out_of_memory = ", as it does when memory runs out: try fewer processes" if code == -9 else ""
            return self.job, Cell(self.job.name, self.job.path, error=f"its process ended ({name}{out_of_memory})")


@contextmanager
def _starting(threads: int) -> Iterator[None]:
    """What a process started meanwhile inherits: how many threads to use, and that Ctrl-C is for this one."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, str(threads)))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if hasattr(signal, "pthread_sigmask") else None
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _serve(pipe: connection.Connection) -> None:
    """Fit what comes, until nobody listens."""
    import jax

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    jax.config.update("jax_enable_x64", True)
    with suppress(EOFError, ConnectionError):
        while True:
            job = pipe.recv()
            pipe.send(_fit(job, lambda level, stage: pipe.send((level, stage))))


def _fit(job: Job, progress: Callable[[str, str], None]) -> Cell:
    """Fit one cell, unless that is done."""
    try:
        finish_replacing(job.out)
        if not job.fresh and _holds(job.out, fingerprint(provenance(job.path, job.settings))):
            return Cell(job.name, job.path, job.out, fitted_before=True)
        check_folder(job.out, job.overwrite)
        fit_file(
            job.path,
            job.out,
            job.settings,
            name=job.name,
            overwrite=job.overwrite,
            fresh=job.fresh,
            command=job.command,
            progress=progress,
        )
    except ConnectionError:
        raise  # nobody listens
    except (InputError, OSError) as error:
        return Cell(job.name, job.path, error=" ".join(str(error).split()))
    except Exception as error:
        return Cell(job.name, job.path, error=" ".join(f"{type(error).__name__}: {error}".split()) + _place(error))
    return Cell(job.name, job.path, job.out)


def _holds(out: Path, digits: str) -> bool:
    """Whether a folder holds the fit of this fingerprint."""
    try:
        return json.loads((out / "fit.json").read_text(encoding="utf-8"))["fingerprint"] == digits
    except (OSError, ValueError, LookupError):
        return False


def _place(error: BaseException) -> str:
    """Where in the code an error came up."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" ({Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno})" if trace else ""
