"""The cells of a study: what is asked of each, what becomes of it, and its name."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from glifjax.errors import InputError

from ..results.naming import folder_name

if TYPE_CHECKING:
    from ..pipeline.settings import FitSettings
    from ..results.record import FitRecord

#: The files of all cells together, whose names no cell's folder can have.
TABLE = "cells.csv"
PAGE = "cells.html"
COLUMNS = "cells.parquet"


def check_timeout(timeout: float | None) -> None:
    """Refuse a time that no cell can be given.

    Raises:
        InputError: says what to give.
    """
    if timeout is not None and not timeout > 0:
        raise InputError(f"`timeout={timeout:g}`: give the seconds that a cell may take, above 0")


@dataclass(frozen=True)
class Run:
    """One command over many cells, the same for all of them.

    Attributes:
        settings: what is asked of every fit.
        overwrite: replace other fits.
        fresh: fit anew what was fitted before this run started.
        command: as it was typed; stands in every fit.json.
        timeout: s that one cell may take; None for as long as it likes.
        token: tells this run from others; started: when, s since 1970.
    """

    settings: "FitSettings"
    overwrite: bool = False
    fresh: bool = False
    command: str = ""
    timeout: float | None = None
    token: str = field(default_factory=lambda: uuid4().hex)
    started: float = field(default_factory=time.time)

    def gives_more(self, failed: "Cell") -> bool:
        """Whether a cell that another run gave up may take longer here."""
        return failed.limit is not None and (self.timeout is None or self.timeout > failed.limit)


@dataclass(frozen=True)
class Job:
    """A recording to fit, and how.

    Attributes:
        name: of the cell.
        path: the recording.
        out: the folder of its results.
        run: what all cells share.
        attempt: 1, or 2 where the first one's process was killed.
    """

    name: str
    path: Path
    out: Path
    run: Run
    attempt: int = 1

    def again(self) -> "Job | None":
        """The second attempt; there is no third."""
        return replace(self, attempt=2) if self.attempt == 1 else None


@dataclass(frozen=True)
class Cell:
    """What became of one recording.

    Attributes:
        name: of the cell, and of its folder.
        path: the recording.
        folder: its results; None if there are none.
        error: why it failed.
        fitted_before: whether its results were there already.
        pending: why there are neither results nor an error: who else fits it, or that nobody began.
        limit: s that it was given, where it failed by taking longer; another run may give it more.
    """

    name: str
    path: Path
    folder: Path | None = None
    error: str = ""
    fitted_before: bool = False
    pending: str = ""
    limit: float | None = None

    def record(self) -> "FitRecord | None":
        """Its fit.json; None if there is none.

        Raises:
            RecordError: it cannot be read.
        """
        from ..results.record import read_fit

        return read_fit(self.folder) if self.folder else None


def cell_names(paths: Sequence[Path]) -> list[str]:
    """A name for each path: the file's, with as many of its folders before it as tell all apart; a folder's name."""
    parts = [(*path.parts[1:-1], path.stem) for path in paths]
    for depth in range(1, max(map(len, parts)) + 1):
        names = [folder_name("-".join(own[-depth:])) for own in parts]
        names = [f"{name}_" if name in (TABLE, PAGE, COLUMNS) else name for name in names]
        if len({name.casefold() for name in names}) == len(names):
            return names
    return [f"{folder_name(path.stem)}-{number}" for number, path in enumerate(paths, start=1)]
