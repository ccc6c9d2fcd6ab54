"""An archive of files on a web server: its address, and the cache of what was downloaded from it."""

import os
import re
from pathlib import Path
from typing import ClassVar

from glifjax.errors import InputError
from glifjax.io.downloads import Downloads, Progress


class AbstractArchive:
    """An archive, and a cache of its files.

    Attributes:
        cache: the folder of the cache.
        base_url: the archive's address.
        address: this, where nothing else is said.
        variable: of the environment, which says otherwise.
        subfolder: of the cache, where this archive's files are.
    """

    address: ClassVar[str]
    variable: ClassVar[str]
    subfolder: ClassVar[str] = ""

    def __init__(
        self,
        cache: str | os.PathLike | None = None,
        *,
        offline: bool = False,
        base_url: str | None = None,
        timeout: float = 60.0,
        retries: int = 3,
        backoff: float = 1.0,
        progress: Progress | None = None,
    ) -> None:
        """The archive at `base_url`, its files in `cache`.

        Args:
            cache: the folder of the files; made when needed. Without it $GLIFJAX_CACHE, else the user's cache folder.
            offline: use the cache alone.
            base_url: the archive's address. Without it what a variable of the environment says, $GLIFJAX_CELL_TYPES_URL
                or $GLIFJAX_DANDI_URL, else the archive's own.
            timeout: how long the server may be silent (s).
            retries: how often to try again what may pass: a lost connection, a server's error, a broken answer.
            backoff: the wait before the first retry (s); it doubles with each.
            progress: called with a file's name, the bytes that are here, and the bytes in all or None.

        Raises:
            InputError: base_url is no http address.
        """
        self.base_url = (base_url or os.environ.get(self.variable) or self.address).rstrip("/")
        if not re.match(r"https?://[^\s/]", self.base_url):
            raise InputError(f"{self.base_url}: is not the address of an archive; expected http://... or https://...")
        self.cache = Path(cache).expanduser() if cache is not None else default_cache()
        self._files = Downloads(self.cache / self.subfolder, offline, timeout, retries, backoff, progress)


def default_cache() -> Path:
    """Where downloads are put unless a folder is given: $GLIFJAX_CACHE, else the user's cache folder."""
    if os.environ.get("GLIFJAX_CACHE", "off") not in ("", "off"):  # off: of compiled programs
        return Path(os.environ["GLIFJAX_CACHE"]).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("glifjax")
