"""Every pattern of a gallery with every run of its checks, in one call."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from glifjax.patterns.pattern import Check, Pattern, Response, Run
from glifjax.patterns.populations import respond


@dataclass(frozen=True)
class Shown:
    """One run, with all that is drawn of it.

    Attributes:
        pattern: what was run.
        response: what it showed.
    """

    pattern: Pattern
    response: Response


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


def run_gallery(patterns: Iterable[Pattern]) -> list[Entry]:
    """Run patterns and their checks, all as one batch.

    Args:
        patterns: one or more, of one time step.
    """
    patterns = list(patterns)
    runs = [pattern.with_run(run) for pattern in patterns for run in every_run(pattern)]
    shown = map(Shown, runs, respond(runs))
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
