"""The page over many cells: a table to sort and filter, and how scores and parameters are distributed by level."""

from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import numpy as np
from markupsafe import Markup

from glifjax.html import data, document, facts, header, join, markup, note, script, section, table, warnings
from glifjax.io.writing import write_whole

from ..levels import NAMED
from ..report.asked import asked
from ..report.colours import style
from ..report.words import SCORES, show_score
from ..results.record import FitRecord, LevelRecord
from .cells import PAGE, Cell

#: Scores in the table, one run's first, and of these, those that the cell's own stands beside.
SHOWN = ("gamma_4ms", "evr_single_10ms", "md_star_4ms", "evr_10ms", "bits_per_spike", "subthreshold_rmse_mv")
OWN = ("gamma_4ms", "evr_single_10ms", "md_star_4ms")
Group = Literal["test", "ceiling"]
#: Cells without results that are listed one by one; of more, the table alone tells.
LISTED = 20


def write_page(cells: Sequence[Cell], folder: Path) -> None:
    """Write cells.html, one file without outside resources, beside the cells' own folders.

    Raises:
        WritingError: there is no room for it, or no right to write it.
    """
    write_whole(folder / PAGE, overview(cells, folder))


def overview(cells: Sequence[Cell], folder: Path) -> str:
    """The page's text; links are relative to `folder`."""
    records = {cell.name: record for cell in cells if (record := cell.record()) is not None}
    fitted = sorted((cell for cell in cells if cell.folder), key=lambda cell: _order(records[cell.name]))
    rest = [cell for cell in cells if not cell.folder]
    lines = [f"{cell.name}: {cell.error or cell.pending}" for cell in rest[:LISTED]]
    if len(rest) > LISTED:
        lines.append(f"and {len(rest) - LISTED} more, which stand in cells.csv")
    ordered = [records[cell.name] for cell in fitted]
    body = header(
        "glifjax fit",
        f"{len(cells)} cells",
        markup('<p class="verdict">{}</p>', _verdict(ordered, rest)),
        facts(_origin(ordered)),
        warnings(lines),
    )
    if ordered:
        body += section("By level", markup('<div id="distributions"></div>'), note(_caption(len(ordered))))
        body += section("Cells", markup('<div id="filter"></div>'), _table(fitted, ordered, folder))
        body += data("quantities", _quantities(ordered))
        body += script(_own("overview.js"))
    return document(f"{len(cells)} cells · glifjax fit", style() + _own("overview.css"), body)


def _own(name: str) -> str:
    return (files(str(__package__)) / name).read_text(encoding="utf-8")


def _score(record: FitRecord, key: str, group: Group = "test") -> float:
    """A score from fit.json, NaN where there is none."""
    scores = record.scores.test if group == "test" else record.scores.ceiling
    value = scores.get(key)
    return float("nan") if value is None else value


def _order(record: FitRecord) -> float:
    """The best predicted by one run first, the unknown last."""
    value = _score(record, SHOWN[0])
    return -value if np.isfinite(value) else np.inf


def _finite(records: Sequence[FitRecord], key: str, group: Group = "test") -> np.ndarray:
    values = np.array([_score(record, key, group) for record in records])
    return values[np.isfinite(values)]


def _verdict(records: Sequence[FitRecord], rest: Sequence[Cell]) -> str:
    """How many were fitted, how well, and which levels they prefer."""
    words = []
    if records:
        words.append(f"{len(records)} fitted")
        one, own = _finite(records, "gamma_4ms"), _finite(records, "gamma_4ms", "ceiling")
        if len(one):
            words[-1] += f": one run's Γ (4 ms) {one.min():.2f} to {one.max():.2f}, median {np.median(one):.2f}"
        if len(one) and len(own):
            words[-1] += f" (another repeat of the cell: {np.median(own):.2f})"
        if len(many := _finite(records, "md_star_4ms")):
            words.append(f"Md* of many runs: median {np.median(many):.2f}")
        levels = [record.level for record in records]
        if any(len(record.levels) > 1 for record in records):
            counts = [f"{level} {levels.count(level)}" for level in NAMED if level in levels]
            words.append("preferred levels: " + ", ".join(counts))
    failed = sum(bool(cell.error) for cell in rest)
    words += [f"{failed} failed"] if failed else []
    words += [f"{len(rest) - failed} not fitted yet"] if len(rest) > failed else []
    return "; ".join(words) + "."


def _origin(records: Sequence[FitRecord]) -> dict[str, str | Markup]:
    """What all fits have in common, from the first of them."""
    if not records:
        return {}
    first = records[0]
    versions = ", ".join(f"{name} {value}" for name, value in first.versions.items())
    seconds = [record.seconds_in_all for record in records if record.seconds_in_all is not None]
    return {
        "Command": markup("<code>{}</code>", first.command) if first.command else "",
        "Settings": "; ".join(f"{name}: {value}" for name, value in asked(first.settings).items()),
        "Seconds": f"{np.median(seconds):.0f} a cell (median), {sum(seconds):.0f} in all" if seconds else "",
        "Versions": versions,
    }


def _caption(count: int) -> str:
    return (
        f"Held-out scores and parameters of {count} cells that the filter leaves, by level: how many cells lie where, "
        "the quartiles as a bar, the median as a line with its number."
    )


# ------------------------------------------------------------------------------------------------------ the table


def _table(fitted: Sequence[Cell], records: Sequence[FitRecord], folder: Path) -> Markup:
    """A row each cell, the best predicted first; a click on a heading sorts."""
    scored: list[tuple[str, Group]] = [(key, "test") for key in SHOWN]
    own: list[tuple[str, Group]] = [(key, "ceiling") for key in OWN]
    columns = sorted(
        (column for column in scored + own if _finite(records, *column).size), key=lambda column: SHOWN.index(column[0])
    )
    label = lambda key: SCORES[key][0].replace(" ms", "\N{NO-BREAK SPACE}ms")
    head = join(markup("<th>{}</th>", label(key) if group == "test" else "the cell's own") for key, group in columns)
    head = markup(
        '<th>Cell</th><th class="text">Level</th>{}<th class="text">Trust</th><th>Notes</th><th>Seconds</th>', head
    )
    rows = (_row(cell, record, columns, folder) for cell, record in zip(fitted, records, strict=True))
    return table(head, rows) + note(
        "Of the preferred level, with escape noise, on the held-out sweeps. The cell's own: one of its repeats as the "
        "model of the others. Notes stand in the cell's report, which a click on its name opens."
    )


def _row(cell: Cell, record: FitRecord, columns: Sequence[tuple[str, Group]], folder: Path) -> Markup:
    assert cell.folder is not None
    seconds = record.seconds_in_all
    numbers = join(
        markup('<td class="{}">{}</td>', group, show_score(_score(record, key, group))) for key, group in columns
    )
    return markup(
        '<tr><th><a href="{}">{}</a></th><td class="text">{}</td>{}<td class="text">{}</td><td>{}</td><td>{}</td></tr>',
        "./" + quote((cell.folder / "report.html").relative_to(folder).as_posix()),
        cell.name,
        record.level,
        numbers,
        "–" if record.trust is None else record.trust.word,
        len(set(record.warnings)) or "–",
        "–" if seconds is None else f"{seconds:.0f}",
    )


# ---------------------------------------------------------------------------------------------- the distributions


def _quantities(records: Sequence[FitRecord]) -> dict[str, Any]:
    """What the script draws: levels, and of each quantity its name and, by level, a value for each row of the table."""
    by_level = [record.levels or {record.level: record} for record in records]
    levels = list(dict.fromkeys([name for name in NAMED if any(name in own for own in by_level)]))
    levels += sorted({name for own in by_level for name in own} - {*levels})
    quantities = []
    for key, title in _named(by_level):
        values = [[_value(own.get(level), key) for own in by_level] for level in levels]
        if any(value is not None for level in values for value in level):
            quantities.append({"title": title, "score": key in SCORES, "values": values})
    return {"levels": levels, "quantities": quantities}


def _named(by_level: Sequence[dict[str, LevelRecord]]) -> Iterator[tuple[str, str]]:
    """Scores, then every parameter of any level, with its unit."""
    yield from ((key, title) for key, (title, *_) in SCORES.items())
    entries = {name: entry for own in by_level for level in own.values() for name, entry in level.parameters.items()}
    for name, entry in entries.items():
        yield name, f"{name} ({entry.unit})" if entry.unit else name


def _value(level: LevelRecord | None, key: str) -> float | None:
    """A level's score or parameter to four digits; None where there is none, or none that is finite."""
    if level is None:
        return None
    parameter = level.parameters.get(key)
    value = level.scores.test.get(key) if key in SCORES else parameter and parameter.value
    return float(f"{value:.4g}") if value is not None and np.isfinite(value) else None
