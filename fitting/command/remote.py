"""Recordings named by addresses of an archive: their places in the cache, and their download."""

from collections.abc import Callable, Sequence
from pathlib import Path

from glifjax.cli.console import escape, out_console


def places(cells: Sequence[str]) -> tuple[list[Path], dict[Path, Callable[[], Path]]]:
    """The path of every recording that is named, and of those of an archive, what downloads them.

    Args:
        cells: paths, and addresses such as "dandi://dandi/000020/sub-*/*.nwb".

    Raises:
        DownloadError: an address that is none, or means nothing.
    """
    paths: list[Path] = []
    downloads: dict[Path, Callable[[], Path]] = {}
    for cell in cells:
        if "://" not in cell:
            paths.append(Path(cell))
            continue
        from glifjax.io.dandi import Dandi

        archive = Dandi()
        for asset in archive.assets(cell):
            paths.append(archive.place(asset))
            downloads[paths[-1]] = lambda archive=archive, asset=asset: archive.recording(asset)
    return paths, downloads


def download(paths: Sequence[Path], downloads: dict[Path, Callable[[], Path]]) -> None:
    """Download those of an archive among them.

    Raises:
        DownloadError: one cannot be had.
    """
    wanted = [path for path in paths if path in downloads]
    for number, path in enumerate(wanted, start=1):
        with out_console.status(escape(f"{path.name}, {number} of {len(wanted)} from the archive ...")):
            downloads[path]()
