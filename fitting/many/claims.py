"""Who fits which cell: a file that is created exclusively, so that any number of commands do the work once.

`<name>.claim-<number>`, in the folder of unfinished fits, states host, process, run and time. A claim whose process is
gone is not removed, which two could do at once, but followed by the next number, which again one alone can create.
"""

import json
import os
import platform
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from glifjax.errors import InputError
from glifjax.io.json_text import parse_json
from glifjax.io.temporary import ABANDONED, runs

#: s beyond a cell's time limit, for the writing of its results.
GRACE = 60.0
#: Letters of a host's name, at most.
LONGEST_HOST = 255
#: The highest number that a process has.
LAST_PROCESS = 2**31 - 1
#: The last second that a claim is believed to be of, since 1970: in the year 2242.
LAST_TIME = 2.0**33


@dataclass(frozen=True)
class Claim:
    """Who fits a cell, and since when (s since 1970)."""

    host: str
    process: int
    run: str
    time: float

    def abandoned(self, run: str | None, limit: float | None) -> bool:
        """Whether another process of the run `run` may go on: the claim's is of the same run, gone, or too late.

        Args:
            run: a run's token; it gives a cell out again once the first process is gone. None is of no run.
            limit: s that a cell may take; None is a day, after which another host's is given up.
        """
        if self.run == run or (self.host == platform.node() and os.name == "posix" and not runs(self.process)):
            return True
        return time.time() - self.time > (ABANDONED if limit is None else limit + GRACE)

    def __str__(self) -> str:
        """In words."""
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.time))
        return f"being fitted by {self.host}, process {self.process}, since {since}"


class ClaimedError(InputError):
    """Another process fits this cell; the message says which."""


@contextmanager
def claimed(folder: Path, name: str, run: str, limit: float | None = None) -> Iterator[None]:
    """Hold the cell's claim while the block runs.

    Args:
        folder: of unfinished fits; made where it does not exist.
        name: of the cell.
        run: token of this run.
        limit: s that a cell may take, see Claim.abandoned.

    Raises:
        ClaimedError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    last, holder = _last(folder, name)
    if last and not holder.abandoned(run, limit):
        raise ClaimedError(str(holder))
    own = folder / f"{name}.claim-{last + 1}"
    try:
        with open(own, "x", encoding="utf-8") as file:
            json.dump(asdict(Claim(platform.node(), os.getpid(), run, time.time())), file)
    except FileExistsError as error:  # of one that was quicker
        raise ClaimedError(str(_read(own))) from error
    try:
        yield
    finally:
        for file, number in _files(folder, name):
            if number <= last + 1:
                file.unlink(missing_ok=True)


def holder(folder: Path, name: str, limit: float | None = None) -> Claim | None:
    """Who fits a cell; None where nobody does."""
    last, claim = _last(folder, name)
    return claim if last and not claim.abandoned(None, limit) else None


def _last(folder: Path, name: str) -> tuple[int, Claim]:
    """The number of the latest claim, 0 where there is none, and what it states."""
    files = sorted(_files(folder, name), key=lambda entry: entry[1])
    return (files[-1][1], _read(files[-1][0])) if files else (0, Claim("", 0, "", 0.0))


def _files(folder: Path, name: str) -> list[tuple[Path, int]]:
    pattern = re.compile(re.escape(name) + r"\.claim-(\d{1,9})")
    with suppress(OSError):
        entries = [(folder / entry, pattern.fullmatch(entry)) for entry in os.listdir(folder)]
        return [(file, int(match[1])) for file, match in entries if match]
    return []


def _read(file: Path) -> Claim:
    """What a claim states; one that is being written, or gone, or states nothing, is of now and of nobody."""
    with suppress(OSError, ValueError):
        match parse_json(file):
            case {"host": str(host), "process": int(process), "run": str(run), "time": float(since)} if (
                len(host) <= LONGEST_HOST and 0 <= process <= LAST_PROCESS and 0 <= since <= LAST_TIME
            ):
                return Claim(host, process, run, since)
    with suppress(OSError):
        return Claim("another host", 0, "", file.stat().st_mtime)
    return Claim("another host", 0, "", time.time())
