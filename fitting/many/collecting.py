"""A study's folder, read: which cells are fitted, which failed and why, which are missing; its table and page."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ..results.folder import UNFINISHED, ResultsError
from . import notes
from .cells import Cell, check_timeout
from .claims import holder
from .table import row, write_table

#: What is said of a cell that no command has begun with, or whose command ended before it did.
MISSING = "not fitted yet"


def collect(folder: str | Path, timeout: float | None = None) -> list[Cell]:
    """Write cells.csv and cells.html over all cells of a folder, whichever commands fitted them, on which machine.

    Args:
        folder: of a study: a folder each cell in it.
        timeout: s after which the claim of a cell on another machine is taken for abandoned; a day if None.

    Returns:
        The cells that were asked for, in that order, then others that lie there by name: those that are fitted, failed
        (`error`), or are neither yet (`pending`).

    Raises:
        InputError: a timeout that is none.
        ResultsError: there is no such folder, or no cell in it.
        WritingError: there is no room for table and page, or no right to write them.
    """
    check_timeout(timeout)
    folder = Path(folder)
    if not folder.is_dir():
        raise ResultsError(f"{folder}: there is no such folder; give the one that glifjax fit wrote into")
    if (folder / "fit.json").is_file():
        raise ResultsError(f"{folder}: holds the fit of one cell; give the folder in which each cell has its own")
    cells = list(_cells(folder, timeout))
    if not cells:
        raise ResultsError(f"{folder}: holds no fitted cells; give the folder that --out named")
    _write(cells, folder)
    if all(cell.folder for cell in cells):
        notes.forget(folder / UNFINISHED)
    return cells


def write_overview(cells: Sequence[Cell], folder: Path) -> None:
    """Write what cells came to: cells.csv, a row each in their order, and cells.html.

    One whose fit.json cannot be read stands there with that for its error.

    Raises:
        WritingError: there is no room for them, or no right to write them.
    """
    _write([_fitted(cell.name, cell.folder, cell) if cell.folder else cell for cell in cells], folder)


def _write(cells: Sequence[Cell], folder: Path) -> None:
    from .overview import write_page

    write_table([row(cell, folder) for cell in cells], folder)
    write_page(cells, folder)


def reasons(cells: Sequence[Cell]) -> dict[str, int]:
    """Why cells have no results, and how many for each reason, the most frequent first."""
    return dict(Counter(cell.error or cell.pending for cell in cells if not cell.folder).most_common())


def _cells(folder: Path, timeout: float | None) -> Iterator[Cell]:
    present = {file.parent.name: file.parent for file in sorted(folder.glob("[!.]*/fit.json"))}
    asked = {cell.name: cell for cell in notes.asked_cells(folder / UNFINISHED)}
    for name in [*asked, *(name for name in present if name not in asked)]:
        if name in present:
            yield _fitted(name, present[name], asked.get(name))
        elif failed := notes.failure(folder / UNFINISHED, name):
            yield failed
        else:
            claim = holder(folder / UNFINISHED, name, timeout)
            yield Cell(name, asked[name].path, pending=str(claim) if claim else MISSING)


def _fitted(name: str, place: Path, asked: Cell | None) -> Cell:
    """A cell with results; or its error, where they cannot be read."""
    from ..results.record import RecordError, read_fit

    try:
        file = read_fit(place).file
    except RecordError as error:
        return Cell(name, asked.path if asked else place, error=" ".join(str(error).split()))
    return replace(asked, folder=place) if asked else Cell(name, Path(file.path) if file else place, place)
