"""A file that appears under its name only when it is whole."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from glifjax.io.nwb.sweeps import RecordingError


def check_target(path: Path, overwrite: bool = False) -> None:
    """Refuse a name that a file cannot be written to: taken (unless `overwrite`), a folder, or in none.

    Raises:
        RecordingError: with the remedy.
    """
    if path.is_dir():
        raise RecordingError(f"{path}: is a folder; give the name of a file")
    if path.exists() and not overwrite:
        raise RecordingError(f"{path}: the file exists; choose another name, or replace it with `overwrite=True`")
    if not path.parent.is_dir():
        raise RecordingError(f"{path}: its folder does not exist; create it first")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary name in the same folder, which replaces `path` if the block ends well and is removed if not."""
    part = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
