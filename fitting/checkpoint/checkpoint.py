"""Stage results kept on disk while a fit runs, so that one which was stopped goes on where it was.

One JSON file a stage, written whole or not at all, with a digest against accidents: a changed file is not believed.
What may be in it is a closed list, see registry.py; a stage whose result is not of it is run again.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from glifjax.io.json_text import parse_json
from glifjax.io.writing import write_whole

from .encoding import decode, encode
from .registry import NotKept

#: Bytes of a kept stage at most; the largest have some 1e6.
LARGEST = 200_000_000


class Checkpoint:
    """Runs the stages of a fit, each once: a stage whose result is on disk is not run again.

    Attributes:
        folder: where results are, of one fit alone (fitting.results.provenance.fingerprint tells fits
            apart); made when the first result is. None writes nothing.
        restored: seconds that the stages took which were not run again.
    """

    def __init__(self, folder: Path | None = None):
        """Keep results in a folder, or nowhere."""
        self.folder, self.restored = folder, 0.0

    def __call__(self, level: str, stage: str, task: Callable[..., Any], *arguments) -> tuple[Any, float]:
        """The result of `task(*arguments)`, and the seconds it took, then or now.

        Raises:
            WritingError: there is no room for the result, or no right to write it.
        """
        if self.folder is None:
            return _timed(task, *arguments)
        file = self.folder / f"{level} {stage}.json".replace("/", "-")
        try:
            result, seconds = _read(file)
            self.restored += seconds
            return result, seconds
        except (OSError, NotKept):
            result, seconds = _timed(task, *arguments)
        try:
            content = {"level": level, "stage": stage, "seconds": seconds, "result": encode(result)}
        except NotKept:
            return result, seconds
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps(content | {"sha256": _digest(content)}))
        return result, seconds

    @property
    def done(self) -> list[str]:
        """The stages that are on disk, in the order in which they ended."""
        files = sorted(self.folder.glob("*.json"), key=lambda file: file.stat().st_mtime_ns) if self.folder else []
        return [file.stem for file in files]

    def remove(self) -> None:
        """Forget everything."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            with suppress(OSError):  # it holds those of other fits
                self.folder.parent.rmdir()


def _timed(task: Callable[..., Any], *arguments) -> tuple[Any, float]:
    start = time.perf_counter()
    result = task(*arguments)
    return result, time.perf_counter() - start


def _read(file: Path) -> tuple[Any, float]:
    """A kept result, and the seconds it took; NotKept for what this version did not write, or what has changed."""
    try:
        content = parse_json(file, LARGEST, finite=False)
    except ValueError as error:
        raise NotKept(str(error)) from error
    match content:
        case {"seconds": float(seconds), "result": result, "sha256": digest}:
            if digest == _digest({key: value for key, value in content.items() if key != "sha256"}):
                return decode(result), seconds
    raise NotKept(f"{file}: has not the form, or not the digest, of a kept stage")


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
