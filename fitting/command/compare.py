"""`glifjax compare`: two fits beside each other."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from glifjax.cli.console import escape, out_console, plain_errors
from glifjax.errors import shortened

#: Letters of a setting that two fits differ in.
LONGEST_SETTING = 60


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

        table = Table(box=None)
        table.add_column("")
        for path in (a, b):
            table.add_column(escape(str(path)), justify="right", overflow="fold")
        row = lambda name, values: table.add_row(*map(escape, [name, *values]))
        row("recording", [record.file.name if record.file else "–" for record in records])
        row("level", [record.level for record in records])
        row("trust", [WORDS[record.trust.word] if record.trust else "–" for record in records])
        for key, meaning in SCORES.items():
            row(meaning, [_number(record.scores.test.get(key)) for record in records])
        for name in dict.fromkeys(name for record in records for name in record.parameters):
            entries = [record.parameters.get(name) for record in records]
            unit = next(entry.unit for entry in entries if entry)
            row(f"{name} ({unit})" if unit else name, [_number(entry.value if entry else None) for entry in entries])
        out_console.print(table)
        first, second = (record.settings for record in records)
        for name in dict.fromkeys([*first, *second]):
            if first.get(name) != second.get(name):
                a_has, b_has = (shortened(str(settings.get(name)), LONGEST_SETTING) for settings in (first, second))
                words = f"setting {shortened(name, LONGEST_SETTING)}: {a_has} in A, {b_has} in B"
                out_console.print(escape(" ".join(words.split())), soft_wrap=True)
        sums = [record.file.sha256 if record.file else None for record in records]
        if None not in sums and sums[0] != sums[1]:
            out_console.print("The recordings are not the same, so scores tell cells apart as well as fits.")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
