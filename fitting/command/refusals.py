"""What `glifjax fit` refuses before jax is loaded, in a fraction of a second: options and files by themselves.

What only the samples of a recording can tell, such as sweeps without a spike, comes when they are read.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from glifjax.errors import InputError

from ..data.choices import check_choices
from ..levels.names import level_names
from ..many.cells import check_timeout
from ..many.shard import Shard, shard_of
from ..report.formats import check_format
from ..results.folder import check_folder


def check_options(level: str, electrode: str, drift: str, timeout: float | None, figures: str | None) -> None:
    """Refuse values that no fit can follow.

    Raises:
        InputError: says which, and what to do.
    """
    level_names(level.split(","))
    check_choices(electrode, drift)
    check_timeout(timeout)
    if figures is not None:
        check_format(figures)


def check_cells(cells: Sequence[Path], shard: str | None, to_come: Collection[Path] = ()) -> Shard | None:
    """Refuse files that do not exist; give the shard that is meant, if any.

    Args:
        cells: recordings.
        shard: what was given.
        to_come: those that will be downloaded.

    Raises:
        InputError: says which, and what to do.
    """
    present = [cell for cell in cells if cell not in to_come]
    if missing := [cell for cell in present if not cell.is_file()]:
        raise InputError(f"{missing[0]}: there is no such file; nothing was started")
    return shard_of(shard) if shard is not None or len(cells) > 1 else None


def check_out(out: Path | None, several: bool, overwrite: bool) -> None:
    """Refuse a folder that results cannot go to.

    Raises:
        InputError: it is a file, or holds another fit.
    """
    if out is not None and not several:
        check_folder(out, overwrite)
    elif out is not None and out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file; choose another folder")
