"""The files of one folder put in place of those of another: all of them or none, whatever ends it.

The two folders exchange their names in one step, where the system has such a call (Linux) and nothing speaks against
it; what else the old folder held has a second name in the new one by then. Where it cannot, the new folder is first
renamed to stand beside the old one as what is to come, which decides it, and its files are then moved one by one; what
a killed process has left of that, `finish_replacing` does.
"""

import ctypes
import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

#: Arguments of renameat2(2), from Linux' headers: paths from the working directory; exchange both names.
AT_FDCWD = -100
RENAME_EXCHANGE = 2
#: A folder in what is to come: by their names, the files that it has nothing for.
STALE = ".stale"


def replace_files(new: Path, old: Path, replaced: Callable[[Path], list[Path]]) -> None:
    """Put the files of `new`, a temporary folder, into `old` in place of those that `replaced` lists there.

    What is replaced is in `new` afterwards, if that exists then.

    Raises:
        OSError: it cannot be done; `old` is as it was, or `finish_replacing` completes it.
    """
    old = old.resolve()  # a link stays a link
    finish_replacing(old)
    stale = replaced(old)
    others = [entry for entry in old.iterdir() if entry not in stale and not (new / entry.name).exists()]
    if _may_exchange(new, old, others):
        try:
            for entry in others:
                os.link(entry, new / entry.name, follow_symlinks=False)
            shutil.copymode(old, new)
            exchanged = _exchange(new, old)
        except OSError:  # a file system without second names
            exchanged = False
        if exchanged:
            taken = {file.name for file in (*replaced(new), *old.iterdir())}
            for late in [file for file in new.iterdir() if file.name not in taken]:  # made in the meantime
                os.replace(late, old / late.name)
            return
        for entry in others:
            (new / entry.name).unlink(missing_ok=True)
    (new / STALE).mkdir()
    for file in stale:
        if not (new / file.name).exists():
            (new / STALE / file.name).touch()
    os.rename(new, _coming(old))
    finish_replacing(old)


def finish_replacing(old: Path) -> None:
    """Do what is left of a replacement that a killed process had decided; nothing where there is none."""
    old = old.resolve()
    coming = _coming(old)
    if not coming.is_dir() or not old.is_dir():
        return
    for file in coming.glob(f"{STALE}/*"):
        (old / file.name).unlink(missing_ok=True)
    shutil.rmtree(coming / STALE, ignore_errors=True)
    for file in coming.iterdir():
        os.replace(file, old / file.name)
    coming.rmdir()


def beside(folder: Path) -> Path:
    """Where to write what will be moved into a folder: its parent; itself where that is another file system's, or
    may not be written to."""
    apart = folder.is_dir() and (os.path.ismount(folder) or not os.access(folder.parent, os.W_OK))
    return folder if apart else folder.parent


def _coming(old: Path) -> Path:
    return beside(old) / f".glifjax-coming-{hashlib.sha256(os.fsencode(old.name)).hexdigest()[:16]}"


def _may_exchange(new: Path, old: Path, others: list[Path]) -> bool:
    """Whether `old` may become another folder: nobody works in it, and what is in it can be in `new` too."""
    same_owner = (old.stat().st_uid, old.stat().st_gid) == (new.stat().st_uid, new.stat().st_gid)
    return same_owner and old != Path.cwd() and not any(entry.is_dir() and not entry.is_symlink() for entry in others)


def _exchange(a: Path, b: Path) -> bool:
    """Exchange the names of two folders in one step; False where the system does not."""
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    return rename is not None and not rename(AT_FDCWD, os.fsencode(a), AT_FDCWD, os.fsencode(b), RENAME_EXCHANGE)
