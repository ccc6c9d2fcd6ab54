"""A file that appears under its name only when it is whole, whatever ends the writing of it.

It is written under a temporary name in the same folder and then renamed. That name is random and created exclusively,
so that no file or link that lies in wait is written through; its mode is the replaced file's, or what the umask leaves.
"""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from glifjax.errors import InputError
from glifjax.io.temporary import remove_leftovers, temporary_name

#: What the system says where a disk, a quota or a limit on the size of files is exhausted.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class WritingError(InputError):
    """A file that cannot be written; the message names it, and says why and what to do."""


def check_target(path: Path, overwrite: bool = False) -> None:
    """Refuse a name that a file cannot be written to: taken (unless `overwrite`), a folder, or in none.

    Raises:
        WritingError: with the remedy.
    """
    if path.is_dir():
        raise WritingError(f"{path}: is a folder; give the name of a file")
    if path.exists() and not overwrite:
        raise WritingError(f"{path}: the file exists; choose another name, or replace it with `overwrite=True`")
    if not path.parent.is_dir():
        raise WritingError(f"{path}: its folder does not exist; create it first")
    if not os.access(path.parent, os.W_OK | os.X_OK) and not _is_device(path):
        raise WritingError(f"{path}: its folder may not be written to; choose another")


def _is_device(path: Path) -> bool:
    """A pipe or a device, which is written to as it stands."""
    return path.exists() and not path.is_file()


@contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[Path]:
    """An empty file in the same folder, which replaces `path` if the block ends well and is removed if not.

    A link stays a link: the file that it leads to is replaced. What is no file (/dev/null, a pipe) is itself given.

    Raises:
        WritingError: the folder cannot be written to, or has no room.
    """
    path = Path(os.path.realpath(path))
    if path.is_dir():
        raise WritingError(f"{path}: is a folder; give the name of a file")
    if _is_device(path):
        yield path
        return
    remove_leftovers(path.parent)
    part = path.with_name(temporary_name(path.suffix if re.fullmatch(r"\.\w{1,16}", path.suffix, re.ASCII) else ""))
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        if path.exists():
            shutil.copymode(path, part)
        yield part
        with open(part, "r+b") as written:
            os.fsync(written.fileno())
        os.replace(part, path)
    except (OSError, RuntimeError) as error:
        if reason := _no_room(error) or _not_allowed(error, part):
            raise WritingError(
                f"{path}: cannot be written ({reason}); make room there, or choose another folder"
            ) from error
        raise
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: str | os.PathLike, content: str | bytes) -> None:
    """Write a file, text as UTF-8, so that not even a power cut leaves a part of it.

    What is no text, such as bytes of a file's name that are no UTF-8, is escaped as JSON would: "\\udce9".

    Raises:
        WritingError: see whole_file.
    """
    with whole_file(path) as part:
        part.write_bytes(content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content)


def _no_room(error: BaseException | None) -> str | None:
    """What the system says, where this error, or one that it came of, is for want of room."""
    while error is not None:
        stated = re.search(r"errno = (\d+)", str(error))  # HDF5 has it in its words alone
        number = int(stated[1]) if stated else getattr(error, "errno", None)
        if number in FULL:
            return os.strerror(number)
        error = error.__cause__ or error.__context__
    return None


def _not_allowed(error: BaseException, part: Path) -> str | None:
    return error.strerror if isinstance(error, OSError) and error.filename == str(part) else None
