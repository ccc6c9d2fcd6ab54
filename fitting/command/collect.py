"""`glifjax collect`: one table and one page of cells that any number of commands have fitted."""

from pathlib import Path
from typing import Annotated

import typer

from glifjax.cli.console import escape, out_console, plain_errors


def collect(
    folder: Annotated[Path, typer.Argument(metavar="DIR", show_default=False, help="What --out named.")],
    timeout: Annotated[
        float | None,
        typer.Option(metavar="S", help="When a cell that another machine began is given up, s. A day if left out."),
    ] = None,
) -> None:
    """Write cells.csv and cells.html of all cells that a folder holds, and say which are missing or failed, and why.

    Whatever fitted them: one command, the shards of a job array, several machines. Exits with 0 where every cell is
    fitted, and with 1 where one failed or is not fitted yet; both files are written all the same.

    [bold]Example:[/bold]  glifjax collect my_cells
    """
    with plain_errors():
        from ..many.cells import PAGE, TABLE
        from ..many.collecting import collect as collect_cells
        from .cells import say_rest

        cells = collect_cells(folder, timeout)
        count = sum(cell.folder is not None for cell in cells)
        out_console.print(f"{count} of {len(cells)} cells are fitted")
        for file in (TABLE, PAGE):
            out_console.print(f"  {escape(str(folder / file))}", soft_wrap=True)
        say_rest(cells)
        if count < len(cells):
            raise typer.Exit(1)
