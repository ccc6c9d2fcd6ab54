"""`glifjax fit` of several cells: how far they are, then a table of all."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from glifjax.cli.console import err_console, escape, out_console

if TYPE_CHECKING:
    from ..pipeline.settings import FitSettings

#: Columns of the table at the end, by column of cells.csv.
COLUMNS = {
    "gamma_4ms": "Γ, one run",
    "gamma_4ms_of_the_cell": "one repeat",
    "evr_single_10ms": "EVr, one run",
    "md_star_4ms": "Md*, all runs",
    "bits_per_spike": "bits",
    "subthreshold_rmse_mv": "RMSE, mV",
}


def fit_cells(
    paths: list[Path], out: Path | None, settings: "FitSettings", jobs: int | None, options: dict[str, Any]
) -> bool:
    """Fit them, show how far they are, and say whether any failed."""
    from ..many.study import PAGE, TABLE, fit_many, row

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    done = []
    with Progress(*columns, console=out_console, transient=True) as bars:
        whole = bars.add_task("cells", total=len(paths))
        running = {}

        def start(folder: Path, processes: int) -> None:
            bars.update(whole, total=len(paths))
            word = "process" if processes == 1 else "processes"
            bars.console.print(f"{len(paths)} cells in {processes} {word}, into [bold]{escape(str(folder))}/[/bold]")

        def progress(cell: str, level: str, stage: str) -> None:
            if cell not in running:
                running[cell] = bars.add_task("", total=None)
            bars.update(running[cell], description=escape(f"  {cell}: {level} {stage}"))

        def finish(cell) -> None:
            if cell.name in running:
                bars.remove_task(running.pop(cell.name))
            bars.advance(whole)
            done.append(cell)
            bars.console.print(_line(cell), soft_wrap=True)

        try:
            cells, folder = fit_many(
                paths, out, settings, jobs=jobs, **options, on_start=start, progress=progress, on_cell=finish
            )
        except KeyboardInterrupt:
            count = f"{len(done)} of {len(paths)} cells"
            err_console.print(f"stopped; {count} are done, the same command continues there", soft_wrap=True)
            sys.exit(130)
    out_console.print()
    out_console.print(_table([row(cell, folder) for cell in cells]))
    failed = [cell for cell in cells if cell.error]
    out_console.print(f"\n[bold]{escape(str(folder))}/[/bold]", soft_wrap=True)
    out_console.print(f"  {TABLE}\n  {PAGE}\n  a folder each cell")
    out_console.print(f"Open {escape(str(folder / PAGE))} in a browser.", soft_wrap=True)
    if failed:
        err_console.print(f"[red]{len(failed)} of {len(cells)} cells failed[/red], see the table", soft_wrap=True)
    return bool(failed)


def _line(cell) -> str:
    """What became of a cell."""
    if cell.error:
        return f"  [red]✗[/red] {escape(cell.name)}: {escape(cell.error)}"
    if cell.fitted_before:
        return f"  [green]✓[/green] {escape(cell.name)} [dim]fitted before[/dim]"
    record = cell.record()
    gamma = record["scores"]["test"]["gamma_4ms"]
    score = "no score" if gamma is None else f"Γ {gamma:.2f}"
    words = f"{record['level']}, {score}, trust: {record['trust']['word']}"
    return f"  [green]✓[/green] {escape(cell.name)}: {escape(words)} [dim]{record['seconds_in_all']:.0f} s[/dim]"


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(title="Scores on held-out sweeps, preferred levels", title_justify="left", box=None)
    for heading in ("cell", "level"):
        table.add_column(heading, overflow="fold")
    for heading in (*COLUMNS.values(), "s"):
        table.add_column(heading, justify="right")
    for row in rows:
        if row["error"]:
            table.add_row(escape(row["cell"]), "[red]failed[/red]")
            continue
        numbers = ("–" if row[key] is None else f"{row[key]:.3f}" for key in COLUMNS)
        table.add_row(escape(row["cell"]), escape(row["level"]), *numbers, f"{row['seconds']:.0f}")
    return table
