"""What may be opened to be read: a file of bytes, as a pipe may wait for ever and a device may never end."""

import errno
import os
import stat

from glifjax.errors import InputError


def check_regular(path: str | os.PathLike) -> None:
    """Refuse a pipe, a socket or a device; a folder is left to what opens it.

    Raises:
        OSError: it is one, or there is no file.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "a pipe or a device, not a file", os.fspath(path))


def check_present(path: str | os.PathLike) -> None:
    """Refuse a path where there is no file.

    Raises:
        InputError: says so.
    """
    if not os.path.isfile(path):
        raise InputError(f"{path}: there is no such file; check the path")
