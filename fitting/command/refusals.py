"""What `glifjax fit` refuses before jax is loaded, in a fraction of a second: options and files by themselves.

What only the whole of a recording can tell, such as a protocol that it does not hold, comes when it is read.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from glifjax.cli.checks import check_json, check_recording
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
    """Refuse files that do not exist, and the only one if it is no NWB file; give the shard that is meant, if any.

    Args:
        cells: recordings.
        shard: what was given.
        to_come: those that will be downloaded.

    Raises:
        InputError: says which, and what to do.
    """
    present = [cell for cell in cells if cell not in to_come]
    if len(cells) == 1 and shard is None and present:
        check_recording(cells[0])
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


def check_fit(path: Path) -> None:
    """Refuse what is neither a fit.json nor a folder that holds one: no file, or no JSON.

    Raises:
        InputError: says what it is, and what to do.
    """
    check_json(path / "fit.json" if path.is_dir() else path)
