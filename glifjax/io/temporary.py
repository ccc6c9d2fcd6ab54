"""Temporary names beside what is being written, and the removal of those whose process is gone.

`.glifjax-<host>-<process>-<random digits>`: random, so that nobody can lay a link where one will be; with host and
process, so that the next run can tell what a killed one has left from what another is still writing.
"""

import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: s; what a process on another host writes is taken for abandoned after this long.
ABANDONED = 86400.0


def temporary_name(suffix: str = "") -> str:
    """A hidden name that nothing has yet, ending with `suffix`."""
    return f".glifjax-{_host()}-{os.getpid()}-{secrets.token_hex(8)}{suffix}"


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """A folder in `parent`, with the mode that the umask leaves; removed at the end unless it was renamed.

    Raises:
        OSError: it cannot be made.
    """
    remove_leftovers(parent)
    folder = parent / temporary_name()
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files and folders in `folder` whose process is gone: on this host; on others after a day."""
    with suppress(OSError):  # what cannot be listed or removed stays
        for entry in os.scandir(folder):
            name = re.fullmatch(r"\.glifjax-(\w*)-(\d+)-[0-9a-f]{16}(\.\w+)?", entry.name)
            if name is None or not _abandoned(name[1], int(name[2]), entry):
                continue
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                os.unlink(entry.path)


def _abandoned(host: str, process: int, entry: os.DirEntry) -> bool:
    if host == _host() and os.name == "posix":
        return not runs(process)
    return time.time() - entry.stat(follow_symlinks=False).st_mtime > ABANDONED


def runs(process: int) -> bool:
    """Whether a process of this host is there (POSIX)."""
    try:
        os.kill(process, 0)  # no signal: asks whether there is one
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _host() -> str:
    return re.sub(r"\W+", "", platform.node(), flags=re.ASCII)[:32]
