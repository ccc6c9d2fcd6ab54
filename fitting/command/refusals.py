"""What `glifjax fit` refuses before jax is loaded, in a fraction of a second: options and files by themselves.

What only the samples of a recording can tell, such as sweeps without a spike, comes when they are read.
"""

import math
from collections.abc import Collection, Sequence
from pathlib import Path

from glifjax.cli.checks import check_recording, check_seed
from glifjax.errors import InputError, shown
from glifjax.io.regular import check_file
from glifjax.io.writing import check_target

from ..data.choices import check_choices, refuse_both
from ..levels.names import level_names
from ..many.cells import check_timeout
from ..many.shard import Shard, shard_of
from ..report.formats import check_format
from ..results.folder import check_folder, check_place

#: Endings of pictures.
PICTURES = (".png", ".svg", ".pdf", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".eps")
#: What `glifjax glm --link` names.
LINKS = ("logit", "hazard", "poisson")


def check_options(
    level: str, electrode: str, drift: str, seed: int, timeout: float | None, figures: str | None
) -> None:
    """Refuse values that no fit can follow.

    Raises:
        InputError: says which, and what to do.
    """
    level_names(level.split(","))
    check_choices(electrode, drift)
    check_seed(seed)
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
    for cell in cells:
        if cell not in to_come:
            check_file(cell)
    return shard_of(shard) if shard is not None or len(cells) > 1 else None


def check_out(out: Path | None, several: bool, overwrite: bool) -> None:
    """Refuse a folder that results cannot go to.

    Raises:
        InputError: it is a file, or holds another fit.
    """
    if out is not None and not several:
        check_folder(out, overwrite)
    elif out is not None:
        check_place(out)


def check_sweeps(
    path: Path, train: str | None, test: str | None, electrode: str | None, stimulus: str | Path | None
) -> None:
    """Refuse what is no recording, and sweeps that it does not hold, or that are to serve twice.

    Raises:
        InputError: says which, and what to do.
    """
    refuse_both(path, set.intersection(*check_recording(path, train, test, electrode=electrode, stimulus=stimulus)))


def check_network(dt: float, link: str | None, ridge: str, duration: float | None) -> list[float]:
    """Refuse what no network of `glifjax glm` can be fitted with; give the numbers of --ridge.

    Raises:
        InputError: says which, and what to do.
    """
    if not 0 < dt < math.inf:
        raise InputError(f"--dt {dt:g}: give a positive step in seconds, such as 0.001")
    if link is not None and link not in LINKS:
        raise InputError(f"there is no link {shown(link)}; give one of {', '.join(LINKS)}")
    if duration is not None and not dt <= duration < math.inf:
        raise InputError(f"--duration {duration:g}: give seconds, one step of {dt:g} s or more")
    try:
        ridges = [float(value) for value in ridge.split(",")]
    except ValueError:
        ridges = []
    if not ridges or not all(0 <= value < math.inf for value in ridges):
        raise InputError(f"--ridge {shown(ridge)}: give numbers with commas between, finite and from 0 on")
    return ridges


def check_picture(path: Path) -> None:
    """Refuse a name that no picture can be written to, or that ends as no picture does.

    Raises:
        InputError: says which, and what to do.
    """
    check_target(path, overwrite=True)
    if path.suffix.lower() not in ("", *PICTURES):
        raise InputError(f"{path}: a picture is written as {', '.join(PICTURES)}; give it one of these endings")
