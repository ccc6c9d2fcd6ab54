"""JSON from files of others, read within bounds: what is too large, too deep or ambiguous is refused in few words."""

import json
from pathlib import Path
from typing import Any

from glifjax.io.regular import check_regular

#: Bytes of a file, unless the caller says otherwise; published configs and sweep tables have at most 1e6.
LARGEST = 20_000_000
#: Lists and objects inside one another, at most; fit.json, the deepest of ours, has 6.
DEEPEST = 50


def parse_json(source: Path | str | bytes, largest: int = LARGEST, *, finite: bool = True) -> Any:
    """The value that a file, or a text, holds.

    Args:
        source: a file's path, or the text itself.
        largest: bytes; a file that has more is not read.
        finite: refuse NaN and Infinity, which are not JSON.

    Raises:
        OSError: the file cannot be read, or is a pipe or a device.
        ValueError: it is too large, no UTF-8, no JSON, nested deeper than DEEPEST, or holds a key twice; a few words,
            without the file's name.
    """
    if isinstance(source, Path):
        check_regular(source)
        with open(source, "rb") as file:
            source = file.read(largest + 1)
    if len(source) > largest:
        raise ValueError(f"it has more than {largest:.0e} bytes")
    try:
        text = source.decode("utf-8-sig") if isinstance(source, bytes) else source
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse if finite else None)
    except RecursionError:
        raise ValueError(f"it is nested more than {DEEPEST} deep") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is no UTF-8") from error
    _check_depth(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise ValueError(f"the key {twice[:40]!r} comes twice")
    return value


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON")


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level := [
        inner
        for outer in level
        if isinstance(outer, dict | list)
        for inner in (outer.values() if isinstance(outer, dict) else outer)
        if isinstance(inner, dict | list)
    ]:
        depth += 1
        if depth >= DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} deep")
