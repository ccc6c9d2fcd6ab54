"""Currents in a text file: a time column in s, and one of current for all sweeps or for each.

Comma- or tab-separated (CSV), or an Axon text file (ATF). A title names a current's unit, as in "I (nA)"; pA if it does
not. The time column serves people: the recording's own sampling counts.
"""

import io
import re
from os.path import isfile
from pathlib import Path

import numpy as np
from jaxtyping import Float

from glifjax.io.csv import LARGEST
from glifjax.io.nwb.sweep import RecordingError

#: One of each unit in A.
AMPERES = {"a": 1.0, "ma": 1e-3, "ua": 1e-6, "µa": 1e-6, "μa": 1e-6, "na": 1e-9, "pa": 1e-12, "fa": 1e-15}


def read_stimulus(path: str | Path) -> list[Float[np.ndarray, " T"]]:
    """The currents of a text file, A, (T,) each, in the order of its columns.

    Raises:
        RecordingError: no such file, no table of numbers, or a unit that is no current's.
    """
    path = Path(path)
    if not isfile(path):
        raise RecordingError(f"{path}: there is no such file; check the path of the stimulus")
    if path.stat().st_size > LARGEST:
        raise RecordingError(f"{path}: has {path.stat().st_size} bytes, and a stimulus {LARGEST} at most")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise RecordingError(f"{path}: is no text file ({error}); give a .csv or .atf file") from error
    titles, rows = _split(path, lines)
    separator = "\t" if rows and "\t" in rows[0] else ","
    try:
        table = np.loadtxt(io.StringIO("\n".join(rows)), delimiter=separator, ndmin=2) if rows else np.zeros((0, 1))
    except ValueError as error:
        raise RecordingError(f"{path}: is no table of numbers ({error}); give time in s and current in pA") from error
    if table.shape[1] < 2 or not len(table) or not np.isfinite(table).all():
        raise RecordingError(
            f"{path}: has {table.shape[1]} columns and {len(table)} rows; give a column of time in s and one or more "
            "of current in pA, without gaps"
        )
    names = [name.strip(' "') for name in titles.split(separator)] if titles else [""] * table.shape[1]
    if len(names) != table.shape[1]:
        raise RecordingError(f"{path}: has {len(names)} titles over {table.shape[1]} columns; give each column its own")
    return [column * _scale(path, name) for column, name in zip(table.T[1:], names[1:], strict=True)]


def _split(path: Path, lines: list[str]) -> tuple[str, list[str]]:
    """The line of titles, "" where there is none, and the rows."""
    lines = [line for line in lines if line.strip()]
    if lines and lines[0].upper().startswith("ATF"):
        extra = re.match(r"\W*(\d{1,6})\b", lines[1]) if len(lines) > 1 else None
        if extra is None:
            raise RecordingError(
                f"{path}: is no whole ATF file: its second line counts no header lines; export it again, or as CSV"
            )
        lines = lines[2 + int(extra[1]) :]
    titled = bool(lines) and re.search(r"[A-DF-Za-df-z]", lines[0]) is not None
    return (lines[0], lines[1:]) if titled else ("", lines)


def _scale(path: Path, title: str) -> float:
    """What a column's unit is in A."""
    unit = re.search(r"\(\s*([^)]*?)\s*\)", title)
    if unit is None:
        return AMPERES["pa"]
    if unit[1].lower() not in AMPERES:
        raise RecordingError(f"{path}: its column '{title}' is in {unit[1]}; give a current, as in (pA)")
    return AMPERES[unit[1].lower()]
