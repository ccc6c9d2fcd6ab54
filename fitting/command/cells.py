"""`glifjax fit` of several cells: how far they are, then a table of all, or of a shard's."""

import logging
import shlex
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from glifjax.cli.console import as_options, err_console, escape, out_console

if TYPE_CHECKING:
    from ..many.shard import Shard
    from ..pipeline.settings import FitSettings

log = logging.getLogger(__name__)

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
    paths: list[Path],
    out: Path | None,
    settings: "FitSettings",
    cluster: str | None,
    shard: "Shard | None",
    options: dict[str, Any],
) -> bool:
    """Fit them, show how far they are, and say whether any failed."""
    from ..many.cells import PAGE, TABLE
    from ..many.cluster import cluster_engine
    from ..many.study import fit_many
    from ..many.table import row

    paths = list(dict.fromkeys(path.resolve() for path in paths))
    count = len(paths if shard is None else shard.of(paths))
    engine = cluster_engine(cluster, count, options["jobs"]) if cluster else nullcontext()
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    done = []
    with engine as client, Progress(*columns, console=out_console, transient=True) as bars:
        whole = bars.add_task("cells", total=count)
        running = {}

        def start(folder: Path, processes: int) -> None:
            word = f"in {processes} process{'es' if processes > 1 else ''}" if processes else f"by {cluster}"
            part = f"{count} of {len(paths)} cells, shard {shard}," if shard else f"{count} cells"
            bars.console.print(f"{part} {escape(word)}, into [bold]{escape(str(folder))}/[/bold]", soft_wrap=True)

        def progress(cell: str, level: str, stage: str) -> None:
            log.info("%s: %s", cell, f"{level} {stage}".strip())
            if cell not in running:
                running[cell] = bars.add_task("", total=None)
            bars.update(running[cell], description=escape(f"  {cell}: {level} {stage}"))

        def finish(cell) -> None:
            log.info("%s: %s", cell.name, cell.error or cell.pending or "is done")
            if cell.name in running:
                bars.remove_task(running.pop(cell.name))
            bars.advance(whole)
            done.append(cell)
            bars.console.print(_line(cell), soft_wrap=True)

        try:
            cells, folder = fit_many(
                paths,
                out,
                settings,
                client=client,
                shard=shard,
                **options,
                on_start=start,
                progress=progress,
                on_cell=finish,
            )
        except KeyboardInterrupt:
            what = f"{len(done)} of {count} cells"
            err_console.print(f"stopped; {what} are done, the same command continues there", soft_wrap=True)
            sys.exit(130)
    if cells:
        out_console.print()
        out_console.print(_table([row(cell, folder) for cell in cells]))
    out_console.print(f"\n[bold]{escape(str(folder))}/[/bold]", soft_wrap=True)
    if shard is None:
        out_console.print(f"  {TABLE}\n  {PAGE}\n  a folder each cell")
        out_console.print(f"Open {escape(str(folder / PAGE))} in a browser.", soft_wrap=True)
    else:
        hint = f"When all shards are done: glifjax collect {escape(shlex.quote(str(folder)))}"
        out_console.print(f"  a folder each cell\n{hint}", soft_wrap=True)
    return say_rest(cells)


def say_rest(cells) -> bool:
    """Say which cells have no results, by reason, and whether any failed."""
    from ..many.collecting import reasons

    failed, pending = [cell for cell in cells if cell.error], [cell for cell in cells if cell.pending]
    for group, words in (
        (failed, "[red]{} of {} cells failed[/red]:"),
        (pending, "{} of {} cells are not fitted yet:"),
    ):
        if group:
            err_console.print(words.format(len(group), len(cells)))
            for reason, count in reasons(group).items():
                err_console.print(f"  {count}: {escape(_in_options(reason))}", soft_wrap=True)
    return bool(failed)


def _in_options(reason: str) -> str:
    """Why a cell has no results, in the command's terms."""
    from .fit import SETTINGS

    return as_options(reason, {argument: option for option, argument in SETTINGS.items()})


def _line(cell) -> str:
    """What became of a cell."""
    if cell.error:
        return f"  [red]✗[/red] {escape(cell.name)}: {escape(_in_options(cell.error))}"
    if cell.pending:
        return f"  [dim]– {escape(cell.name)}: {escape(cell.pending)}[/dim]"
    if cell.fitted_before:
        return f"  [green]✓[/green] {escape(cell.name)} [dim]fitted before[/dim]"
    record = cell.record()
    gamma = record.scores.test["gamma_4ms"]
    score = "no score" if gamma is None else f"Γ {gamma:.2f}"
    words = f"{record.level}, {score}, trust: {record.trust.word}"
    return f"  [green]✓[/green] {escape(cell.name)}: {escape(words)} [dim]{record.seconds_in_all:.0f} s[/dim]"


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(title="Scores on held-out sweeps, preferred levels", title_justify="left", box=None)
    for heading in ("cell", "level"):
        table.add_column(heading, overflow="fold")
    for heading in (*COLUMNS.values(), "s"):
        table.add_column(heading, justify="right")
    for row in rows:
        if row["level"] is None:
            table.add_row(escape(row["cell"]), "[dim]not yet[/dim]" if row["pending"] else "[red]no fit[/red]")
            continue
        numbers = ("–" if row[key] is None else f"{row[key]:.3f}" for key in COLUMNS)
        table.add_row(escape(row["cell"]), escape(row["level"]), *numbers, f"{row['seconds']:.0f}")
    return table
