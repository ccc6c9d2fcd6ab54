"""Processes of this machine that fit one cell after another, side by side.

A cell that fails comes back with its error, and the others go on. One whose process is killed is tried once more; one
that takes too long is stopped with its process.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.machinery import PathFinder
from multiprocessing import connection
from pathlib import Path
from typing import Any

from glifjax.errors import InputError

from ..results.folder import unfinished
from ..results.provenance import cores
from .cells import Cell, Job
from .notes import note_failure
from .task import failed_cell, fit_cell, late_cell

#: What tells the libraries of a process how many threads to use.
THREADS = ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
#: s that are waited for at once; a system counts them in 32 bits of ms.
LONGEST_WAIT = 86400.0


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
            heard = connection.wait(list(busy), timeout=_first_deadline(busy.values()))
            for worker in [worker for pipe, worker in busy.items() if pipe in heard or worker.late()]:
                job, message = worker.hear()
                if isinstance(message, tuple):
                    progress(job.name, *message)
                    continue
                if isinstance(message, Cell):
                    yield message
                else:
                    queue.append(message)  # once more
                if not worker.process.is_alive():
                    workers.remove(worker)
                    if not queue:
                        continue
                    workers.append(worker := _Worker(threads))
                worker.take(queue)
    finally:
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.process.join()


def _first_deadline(workers: "Iterator[_Worker] | Any") -> float | None:
    """s until the first of them is late, LONGEST_WAIT at most; None where none ever is."""
    deadlines = [worker.deadline for worker in workers if worker.deadline is not None]
    return min(max(0.0, min(deadlines) - time.monotonic()), LONGEST_WAIT) if deadlines else None


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
        self.deadline: float | None = None

    def take(self, queue: deque[Job]) -> None:
        """Give it the next job, if there is one."""
        self.job = queue.popleft() if queue else None
        limit = self.job.run.timeout if self.job else None
        self.deadline = None if limit is None else time.monotonic() + limit
        if self.job:
            with suppress(OSError):  # of a process that is gone: `hear` says so
                self.pipe.send(self.job)

    def late(self) -> bool:
        """Whether its cell has taken longer than it may."""
        return self.deadline is not None and time.monotonic() > self.deadline

    def hear(self) -> tuple[Job, "tuple[str, str] | Cell | Job"]:
        """Its job, and what became of it: a level and a stage, the Cell, or the job to try once more."""
        job = self.job
        assert job is not None
        if self.late() and not self.pipe.poll():
            self.process.kill()
            self.process.join()
            return job, note_failure(unfinished(job.out), late_cell(job))
        try:
            return job, self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
        if again := job.again():
            return job, again
        code = self.process.exitcode or 0
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        out_of_memory = ", as it does when memory runs out: try fewer processes" if code == -9 else ""
        words = f"its process ended twice ({name}{out_of_memory})"
        return job, note_failure(unfinished(job.out), failed_cell(job, words))


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
    threading.Thread(target=end_with_parent, daemon=True).start()
    jax.config.update("jax_enable_x64", True)
    with suppress(EOFError, ConnectionError):
        while True:
            job = pipe.recv()
            pipe.send(fit_cell(job, lambda level, stage: pipe.send((level, stage))))


def end_with_parent() -> None:
    """Wait for the end of the process that started this one, and end at once: a claim held on would block the next."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
