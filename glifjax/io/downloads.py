"""Files from a web server into a folder, whole or not at all.

A download goes under a temporary name, is checked, and is then renamed: whatever has the file's own name is whole, and
two processes may fetch it at once. requests does the transfer.
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

from glifjax.errors import InputError, printable
from glifjax.io.json_text import parse_json
from glifjax.io.writing import WritingError, whole_file

#: Told the file's name, the bytes that are here, and the bytes in all where the server says.
Progress = Callable[[str, int, int | None], None]

#: Bytes of a file at most: of a recording (the largest have some 1e9), and of what the database lists (some 1e7).
LARGEST_RECORDING = 20_000_000_000
LARGEST_JSON = 80_000_000
#: bytes/s that a download must bring on average, once `timeout` has passed.
SLOWEST = 1000.0
#: Bytes that are taken at once, of those that have come.
CHUNK = 65536


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
                _get(url, source, partial, _Meter(name, self.progress, largest, self.timeout))
                return accept(partial)
            except Damaged as error:
                if attempt == self.retries:
                    times = f"{attempt + 1} times" if attempt else "once"
                    advice = "check the connection, or try again later"
                    raise DownloadError(f"{source}: the answer {error}, tried {times}; {advice}") from error
                wait = self.backoff * 2**attempt
                answer = printable(f"{source}: the answer {error}")
                logging.getLogger(__name__).warning("%s; trying again in %g s", answer, wait)
                time.sleep(wait)


def _get(url: str, source: str, file: Path, meter: "_Meter") -> None:
    """One attempt; Damaged for what another attempt may mend."""
    import requests
    import urllib3

    # as stored, so that Content-Length is the length of the file
    headers = {"Accept-Encoding": "identity"}
    try:
        with requests.get(url, headers=headers, stream=True, timeout=meter.patience) as answer, open(file, "wb") as out:
            _check_status(answer.status_code, answer.reason, source)
            meter.expect(answer.headers.get("Content-Length", ""))
            while data := answer.raw.read1(CHUNK):  # what has come, however little: so a slow server is noticed
                out.write(data)
                meter.count(len(data))
    except requests.exceptions.InvalidURL as error:
        raise DownloadError(f"{url}: is not an address") from error
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
        if "timed out" in str(error):
            raise Damaged(f"does not come within {meter.patience:g} s") from error
        if isinstance(error, requests.exceptions.ConnectionError):
            raise Damaged("does not come (no connection to the server)") from error
        raise Damaged("breaks off") from error


def _check_status(status: int, reason: str, source: str) -> None:
    if status >= 500 or status in (408, 429):
        raise Damaged(f"is {status} {reason}")
    if status >= 400:
        refusal = NothingFound if status in (404, 410) else DownloadError
        raise refusal(f"{source}: the server answers {status} {reason}; check the id")


class _Meter:
    """Counts what comes, hands the numbers on, and refuses what is too much or too slow."""

    def __init__(self, name: str, report: Progress | None, largest: int, patience: float) -> None:
        self.name, self.report, self.largest, self.patience = name, report, largest, patience
        self.start, self.done = time.monotonic(), 0
        self.total: int | None = None

    def expect(self, length: str) -> None:
        """What the server says of the file's length, which may be nothing."""
        self.total = int(length) if length.isdecimal() and len(length) < 20 else None
        self.count(0)

    def count(self, size: int) -> None:
        """So many bytes more have come."""
        self.done += size
        seconds = time.monotonic() - self.start
        if max(self.done, self.total or 0) > self.largest:
            raise Damaged(f"has more than {self.largest:.0e} bytes, which no such file has")
        if seconds > self.patience and self.done < SLOWEST * seconds:
            raise Damaged(f"comes too slowly, {self.done} bytes in {seconds:.0f} s")
        if self.report is not None and size:
            self.report(self.name, self.done, self.total)


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
