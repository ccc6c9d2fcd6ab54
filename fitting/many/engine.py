"""Cells fitted by an engine that the user has: anything with `submit(f, *arguments)` whose answer has a `result()`.

`concurrent.futures` executors, `dask.distributed.Client`, `mpi4py.futures.MPIPoolExecutor`. A task returns what became
of its cell, a path and no fit, and asks first whether that is done: one which the engine runs twice does no harm.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from ..results.folder import unfinished
from .cells import Cell, Job
from .notes import note_failure
from .task import failed_cell, fit_cell


class Answer(Protocol):
    """What an engine gives for a task: a future."""

    def result(self) -> Any:
        """Wait for what the task returned; raises if its process ended."""
        ...

    def cancel(self) -> Any:
        """Do not begin with it, if that has not happened."""
        ...


class Engine(Protocol):
    """Whatever runs functions elsewhere."""

    def submit(self, fn: Callable[..., Any], /, *arguments: Any) -> Answer:
        """Run a function of the module's top level."""
        ...


def run_on(engine: Engine, todo: Sequence[Job]) -> Iterator[Cell]:
    """Submit all, and give each cell in its order; what is left is cancelled when the caller goes away.

    A task whose process ends is submitted once more.
    """
    waiting = deque((job, engine.submit(fit_cell, job)) for job in todo)
    try:
        while waiting:
            job, answer = waiting.popleft()
            try:
                cell = answer.result()
            except Exception as error:  # of the engine: fit_cell raises none
                if again := job.again():
                    waiting.append((again, engine.submit(fit_cell, again)))
                    continue
                words = f"its process ended twice ({type(error).__name__}: {error})"
                cell = note_failure(unfinished(job.out), failed_cell(job, words))
            yield cell
    finally:
        for _, answer in waiting:
            answer.cancel()
