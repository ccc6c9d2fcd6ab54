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


def check_file(path: str | os.PathLike, error: type[InputError] = InputError) -> None:
    """Refuse a path where there is no file.

    Raises:
        InputError: or the error of that kind; says what there is, and what to do.
    """
    if os.path.isdir(path):
        raise error(f"{path}: is a folder; name a file in it")
    if not os.path.exists(path):
        raise error(f"{path}: there is no such file; check the path")
    if not os.path.isfile(path):
        raise error(f"{path}: is a pipe or a device; name a file")
