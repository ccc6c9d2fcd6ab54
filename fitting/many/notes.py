"""What a study's folder says beside its fits: which cells are asked for, and why some failed.

In the folder of unfinished fits: `cells-<digest>.json`, the cells of a command, and `<name>.failed`, one that failed.
Whoever writes the table reads both; when every cell is fitted, they go.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from glifjax.errors import LONGEST, shortened
from glifjax.io.json_text import parse_json
from glifjax.io.writing import write_whole

from ..results.naming import folder_name
from .cells import Cell, Job


def note_cells(folder: Path, jobs: Sequence[Job]) -> None:
    """Note down which cells a command is to fit, its shard or not."""
    text = json.dumps([{"name": job.name, "path": str(job.path)} for job in jobs])
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"cells-{hashlib.sha256(text.encode()).hexdigest()[:12]}.json", text)


def asked_cells(folder: Path) -> list[Cell]:
    """The cells that commands were to fit, each once, in their order; what a file does not state is passed over."""
    cells: dict[str, Cell] = {}
    for file in sorted(folder.glob("cells-*.json"), key=lambda file: file.name):
        with suppress(OSError, ValueError, LookupError, TypeError):
            for entry in parse_json(file):
                name = folder_name(str(entry["name"]))
                cells.setdefault(name, Cell(name, Path(entry["path"])))
    return list(cells.values())


def note_failure(folder: Path, cell: Cell) -> Cell:
    """Note down that a cell failed; gives the cell."""
    with suppress(OSError, ValueError):  # of a full disk: the command says it too
        folder.mkdir(parents=True, exist_ok=True)
        note = {"path": str(cell.path), "error": cell.error} | ({} if cell.limit is None else {"limit": cell.limit})
        write_whole(_failure(folder, cell.name), json.dumps(note))
    return cell


def failure(folder: Path, name: str, since: float = 0.0) -> Cell | None:
    """A cell that failed, if it did at `since` (s since 1970) or later."""
    try:
        file = _failure(folder, name)
        content = parse_json(file)
        failed = Cell(
            name, Path(content["path"]), error=shortened(str(content["error"]), LONGEST), limit=_limit(content)
        )
        return failed if file.stat().st_mtime >= since else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _limit(content: Mapping[str, Any]) -> float | None:
    return None if content.get("limit") is None else float(content["limit"])


def forget_failure(folder: Path, name: str) -> None:
    """A cell that failed has been fitted, or is being."""
    _failure(folder, name).unlink(missing_ok=True)


def forget(folder: Path) -> None:
    """Nothing is left to say: remove the notes, and the folder if nothing else is in it."""
    for file in _notes(folder):
        file.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _notes(folder: Path) -> Iterator[Path]:
    yield from folder.glob("cells-*.json")
    yield from folder.glob("*.failed")


def _failure(folder: Path, name: str) -> Path:
    return folder / f"{name}.failed"
