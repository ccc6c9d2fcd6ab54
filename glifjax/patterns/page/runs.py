"""Every pattern of a gallery with every run of its checks, in one call."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import equinox as eqx
import jax
import numpy as np
from jaxtyping import ArrayLike, Float

from glifjax.mihalas_niebur import MihalasNiebur
from glifjax.patterns.pattern import Check, Pattern, Response, Run
from glifjax.patterns.populations import batch
from glifjax.simulation.simulate import simulate
from glifjax.trace import times_of


@dataclass(frozen=True)
class Shown:
    """One run, with all that is drawn of it.

    Attributes:
        pattern: what was run.
        response: spike times and voltage.
        threshold: at the end of each step, mV.
    """

    pattern: Pattern
    response: Response
    threshold: Float[np.ndarray, " T"]


@dataclass(frozen=True)
class Result:
    """A check, the runs that it is about, and whether it holds."""

    kind: str
    check: Check
    runs: tuple[Shown, ...]
    holds: bool


@dataclass(frozen=True)
class Entry:
    """A pattern as it is, and the results of its checks."""

    pattern: Pattern
    shown: Shown
    results: tuple[Result, ...]


@eqx.filter_jit
def run_batch(neurons: MihalasNiebur, currents: Float[ArrayLike, "n T"], dt: float) -> tuple[jax.Array, ...]:
    """Crossings (n, T, k), voltage and threshold (n, T) of a batch, s and V."""

    def run(neuron, current):
        trace = simulate(neuron, current, dt)
        return trace.crossing, trace.voltage, trace.threshold

    return jax.vmap(run)(neurons, currents)


def run_gallery(patterns: Iterable[Pattern], run_batch: Callable = run_batch) -> list[Entry]:
    """Run patterns and their checks, all as one batch.

    Args:
        patterns: one or more, of one time step.
        run_batch: runs the batch; called once, as run_batch is.
    """
    patterns = list(patterns)
    shown = iter(_run([p.with_run(run) for p in patterns for run in every_run(p)], run_batch))
    return [_entry(pattern, shown) for pattern in patterns]


def every_run(pattern: Pattern) -> list[Run]:
    """The pattern as it is, then every other run of its checks."""
    return [Run(), *(run for check in pattern.checks for run in check.runs if not _is_own(pattern, run))]


def _is_own(pattern: Pattern, run: Run) -> bool:
    return pattern.with_run(run) == pattern


def _entry(pattern: Pattern, shown: Iterator[Shown]) -> Entry:
    own, results = next(shown), []
    for kind in ("claim", "control", "robust"):
        for check in getattr(pattern, kind):
            runs = tuple(own if _is_own(pattern, run) else next(shown) for run in check.runs)
            holds = bool(check.holds(*(run.response for run in runs)))
            results.append(Result(kind, check, runs, holds))
    return Entry(pattern, own, tuple(results))


def _run(patterns: list[Pattern], run_batch: Callable) -> list[Shown]:
    neurons, currents, steps = batch(patterns)
    dt, shown = patterns[0].dt, []
    traces = (np.asarray(values, float) for values in run_batch(neurons, currents, dt))
    for pattern, n, crossing, voltage, threshold in zip(patterns, steps, *traces, strict=True):
        response = Response(
            times=1e3 * times_of(crossing[:n], dt), voltage=1e3 * voltage[:n], duration=1e3 * float(n) * dt
        )
        shown.append(Shown(pattern, response, 1e3 * threshold[:n]))
    return shown
