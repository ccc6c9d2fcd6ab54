"""Files from a web server into a folder, whole or not at all.

A download goes under a temporary name, is checked, and is then renamed: whatever has the file's own name is whole, and
two processes may fetch it at once. pooch does the transfer.
"""

import itertools
import logging
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glifjax.errors import InputError
from glifjax.io.json_text import parse_json
from glifjax.io.writing import WritingError, whole_file

#: Told the file's name, the bytes that are here, and the bytes in all where the server says.
Progress = Callable[[str, int, int | None], None]


#: Bytes of a file at most: of a recording (the largest have some 1e9), and of what the database lists (some 1e7).
LARGEST_RECORDING = 20_000_000_000
LARGEST_JSON = 80_000_000
#: bytes/s that a download must bring on average, once `timeout` has passed; and how many are waited for at once.
SLOWEST = 1000.0
CHUNK = 1024


class DownloadError(InputError):
    """A file that cannot be had; the message says why and what to do."""


class NothingFound(DownloadError):
    """The server answers, and has no such thing."""


class Damaged(ValueError):
    """A file that is not what it should be; a check's word for it, never shown as it is."""


@dataclass(frozen=True)
class Downloads:
    """Fetches files into a folder; what the folder holds is not fetched again.

    What may pass (no connection, no answer within `timeout` s, a server's 5xx, an answer that breaks off or is not what
    it should be) is tried again `retries` times, after waits of backoff, 2 backoff, 4 backoff ... s.
    """

    folder: Path
    offline: bool = False
    timeout: float = 60.0
    retries: int = 3
    backoff: float = 1.0
    progress: Progress | None = None

    def fetch(
        self,
        name: str,
        url: Callable[[], str],
        check: Callable[[Path], None],
        unpack: Callable[[Path], None] | None = None,
        largest: int = LARGEST_JSON,
    ) -> Path:
        """The path of the file `name`, downloaded from `url()` if the folder lacks it.

        `check` raises Damaged for a file that is not what it should be. `unpack` takes its place for a fresh download,
        which it may rewrite. More than `largest` bytes are not taken.

        Raises:
            DownloadError: it cannot be had, is damaged, or the folder cannot be written.
        """
        path = self.folder / name
        if path.exists():
            try:
                check(path)
            except Damaged as error:
                raise DownloadError(f"{path}: {error}; delete it to download it again") from error
            except OSError as error:
                raise DownloadError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
            return path
        if self.offline:
            raise DownloadError(f"{path}: is not in the cache, and offline forbids to download it; go online once")
        self._download(url(), path, unpack or check, largest)
        return path

    def _download(self, url: str, path: Path, accept: Callable[[Path], None], largest: int) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as partial:
                self._transfer(url, partial, path.name, accept, largest)
        except WritingError as error:
            raise DownloadError(str(error)) from error
        except OSError as error:
            reason = error.strerror or error
            raise DownloadError(f"{path}: cannot be written ({reason}); make room or choose another folder") from error

    def _transfer(self, url: str, partial: Path, name: str, accept: Callable[[Path], None], largest: int) -> None:
        source = f"{name} from {'/'.join(url.split('/')[:3])}"
        for attempt in itertools.count():
            try:
                _get(url, source, partial, _Meter(name, self.progress, largest, self.timeout), self.timeout)
                return accept(partial)
            except Damaged as error:
                if attempt == self.retries:
                    times = f"{attempt + 1} times" if attempt else "once"
                    advice = "check the connection, or try again later"
                    raise DownloadError(f"{source}: the answer {error}, tried {times}; {advice}") from error
                wait = self.backoff * 2**attempt
                logging.getLogger(__name__).warning("%s: the answer %s; trying again in %g s", source, error, wait)
                time.sleep(wait)


def _get(url: str, source: str, file: Path, meter: Any, timeout: float) -> None:
    """One attempt; Damaged for what another attempt may mend."""
    import pooch
    from requests import HTTPError, Timeout, exceptions

    # as stored, so that Content-Length is the length of the file
    headers = {"Accept-Encoding": "identity"}
    get = pooch.HTTPDownloader(progressbar=meter, chunk_size=CHUNK, timeout=timeout, headers=headers)
    try:
        get(url, str(file), None)
    except HTTPError as error:
        response: Any = error.response
        status = response.status_code
        if status < 500 and status not in (408, 429):
            refusal = NothingFound if status in (404, 410) else DownloadError
            raise refusal(f"{source}: the server answers {status} {response.reason}; check the id") from error
        raise Damaged(f"is {status} {response.reason}") from error
    except exceptions.InvalidURL as error:
        raise DownloadError(f"{url}: is not an address") from error
    except exceptions.RequestException as error:
        if isinstance(error, Timeout) or "timed out" in str(error):
            raise Damaged(f"does not come within {timeout:g} s") from error
        if isinstance(error, exceptions.ConnectionError):
            raise Damaged("does not come (no connection to the server)") from error
        raise Damaged("breaks off") from error
    if file.stat().st_size < meter.total:
        raise Damaged(f"breaks off after {file.stat().st_size} of {meter.total} bytes")


class _Meter:
    """A progress bar as pooch drives one, that hands the numbers on, and refuses what is too much or too slow."""

    total = 0  # set by pooch; 0 where the server does not say

    def __init__(self, name: str, report: Progress | None, largest: int, patience: float) -> None:
        self.name, self.report, self.done = name, report, 0
        self.largest, self.patience, self.start = largest, patience, time.monotonic()

    def update(self, size: int) -> None:
        seconds = time.monotonic() - self.start
        if max(self.done + size, self.total) > self.largest:
            raise Damaged(f"has more than {self.largest:.0e} bytes, which no such file has")
        if seconds > self.patience and self.done + size < SLOWEST * seconds:
            raise Damaged(f"comes too slowly, {self.done + size} bytes in {seconds:.0f} s")
        self.done = min(self.done + size, self.total) if self.total else self.done + size
        if self.report is not None:
            self.report(self.name, self.done, self.total or None)

    def reset(self) -> None:
        """Nothing: pooch resets before it fills the bar up."""

    def close(self) -> None:
        """Nothing to close."""


def check_json(path: Path) -> Any:
    """The content of a JSON file; Damaged if it is none."""
    try:
        return parse_json(path, LARGEST_JSON)
    except ValueError as error:
        raise Damaged(f"is not JSON ({error})") from error


def check_hdf5(path: Path) -> None:
    """Damaged for what HDF5 cannot open: another format, or a file cut short."""
    import h5py

    try:
        h5py.File(path, "r", locking=False).close()
    except OSError as error:
        raise Damaged(f"is not a whole HDF5 file ({error})") from error


def check_zip(path: Path) -> None:
    """Damaged for what is not a zip file with every member whole."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > LARGEST_JSON:
                raise Damaged("unpacks to more than a model's files have")
            bad = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise Damaged(f"is not a whole zip file ({error})") from error
    if bad is not None:
        raise Damaged(f"is not a whole zip file ({bad} is damaged)")
