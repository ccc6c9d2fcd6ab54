"""`glifjax compare`: two fits beside each other."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from glifjax.cli.console import escape, out_console, plain_errors
from glifjax.io.nwb.selection import name_sweeps

if TYPE_CHECKING:
    from ..results.record import FitRecord

#: What is not there, or not said.
NONE = "–"


def compare(
    a: Annotated[Path, typer.Argument(metavar="A", show_default=False, help="A fit's folder, or its fit.json.")],
    b: Annotated[Path, typer.Argument(metavar="B", show_default=False, help="Another.")],
) -> None:
    """Compare two fits: their preferred levels, scores on held-out sweeps, parameters, settings and recordings.

    [bold]Example:[/bold]  glifjax compare fits/cell-1 fits/cell-2
    """
    with plain_errors():
        from ..assess.verdict import WORDS
        from ..results.record import read_fit

        records = [read_fit(path) for path in (a, b)]
        from .tables import SCORES  # once there is something to compare, for it takes seconds

        results = _table(a, b)
        row = lambda name, values: results.add_row(*map(escape, [name, *values]))
        row("recording", [record.file.name if record.file else NONE for record in records])
        row("level", [record.level for record in records])
        row("trust", [WORDS[record.trust.word] if record.trust else NONE for record in records])
        for key, meaning in SCORES.items():
            row(meaning, [_number(record.scores.test.get(key)) for record in records])
        for name in dict.fromkeys(name for record in records for name in record.parameters):
            entries = [record.parameters.get(name) for record in records]
            unit = next(entry.unit for entry in entries if entry)
            row(f"{name} ({unit})" if unit else name, [_number(entry.value if entry else None) for entry in entries])
        out_console.print(results)
        first, second = map(_circumstances, records)
        others = [name for name in {**first, **second} if first.get(name, NONE) != second.get(name, NONE)]
        if others:
            differences = _table(a, b, "What else differs")
            for name in others:
                differences.add_row(*map(escape, (name, first.get(name, NONE), second.get(name, NONE))))
            out_console.print()
            out_console.print(differences)
        for line in _remarks(*records, alike=not others):
            out_console.print(f"\n{line}", soft_wrap=True)


def _table(a: Path, b: Path, title: str | None = None) -> Table:
    table = Table(title=title, title_justify="left", box=None)
    table.add_column("", overflow="fold")
    for path in (a, b):
        table.add_column(escape(str(path)), justify="right", overflow="fold")
    return table


def _circumstances(record: "FitRecord") -> dict[str, str]:
    """What a fit was asked, what it made of that, and what it was made with, by name."""
    from ..assess.readout import KINDS
    from ..report.asked import asked, chosen

    decides = (record.without_noise or {}).get("kind")
    return {
        **asked(record.settings),
        "trained on": name_sweeps(record.train_sweeps),
        "scored on": name_sweeps(number for group in record.test_sweeps for number in group),
        **chosen(record.preprocessing or {}),
        "without noise": KINDS.get(decides, NONE) if isinstance(decides, str) else NONE,
        **{f"version of {name}": number for name, number in record.versions.items()},
    }


def _remarks(first: "FitRecord", second: "FitRecord", alike: bool) -> Iterator[str]:
    """What a reader of both should know; `alike`: no difference is listed."""
    sums = [record.file.sha256 if record.file else None for record in (first, second)]
    if None not in sums and sums[0] != sums[1]:
        yield "The recordings are not the same, so scores tell cells apart as well as fits."
    elif first.test_sweeps != second.test_sweeps:
        yield "They are scored on other sweeps, so scores tell sweeps apart as well as fits."
    code = first.source == second.source
    if not code and first.versions.get("glifjax") == second.versions.get("glifjax"):
        yield "The code of glifjax has changed between them."
    if alike and code and None not in sums and sums[0] == sums[1]:
        yield "Both were asked the same of the same recording."


def _number(value: float | None) -> str:
    return NONE if value is None or not math.isfinite(value) else f"{value:.4g}"
