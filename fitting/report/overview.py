"""The page over many cells: which level each prefers, how well it is predicted, and how levels compare."""

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..levels import LEVELS
from ..many.workers import Cell
from . import figures
from .page import _facts, _figure, _section, _warnings
from .tables import _table
from .words import SCORES, show_score

#: Scores in the figure, and those in the table: of these, the cell's own stands beside.
DRAWN = ("bits_per_spike", "md_star_4ms", "evr_10ms", "subthreshold_rmse_mv")
SHOWN = ("md_star_4ms", "md_star_8ms", "evr_10ms", "bits_per_spike", "subthreshold_rmse_mv")
OWN = ("md_star_4ms", "evr_10ms")


def overview(cells: Sequence[Cell], folder: Path) -> str:
    """The page, one HTML file without outside resources, that lies in `folder` beside the cells' own."""
    records = {cell.name: cell.record() for cell in cells}
    fitted = sorted((cell for cell in cells if cell.folder), key=lambda cell: _order(records[cell.name]))
    failed = [cell for cell in cells if not cell.folder]
    found = [records[cell.name] for cell in fitted]
    body = (
        f'<header><p class="kicker">glifjax fit</p><h1>{len(cells)} cells</h1>'
        f'<p class="verdict">{_verdict(found, len(failed))}</p>{_facts(_origin(found))}'
        + _warnings([f"{cell.name}: {cell.error}" for cell in failed])
        + "</header>"
    )
    if found:
        body += _section("Cells", _cells(fitted, records, folder))
        caption = "Held-out scores by level: a line each cell, its preferred level filled; thick: the mean"
        body += _section("Levels", _figure(scores(found), f"{caption}; dashed: the mean of the cells' own.", wide=True))
    colours = f":root {{ --data: {figures.DATA}; --noise: {figures.NOISE}; --hard: {figures.HARD}; }}\n"
    style = colours + (files(str(__package__)) / "style.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{len(cells)} cells · glifjax fit</title><style>{style}</style></head>\n<body>{body}</body></html>\n"
    )


def _score(record: dict[str, Any], key: str, kind: str = "test") -> float:
    """A score from fit.json, NaN where there is none."""
    value = record["scores"][kind].get(key)
    return float("nan") if value is None else float(value)


def _order(record: dict[str, Any]) -> float:
    """The best predicted first, the unknown last."""
    value = _score(record, "md_star_4ms")
    return -value if np.isfinite(value) else np.inf


def _verdict(records: Sequence[dict[str, Any]], failed: int) -> str:
    """How many were fitted, how well, and which levels they prefer."""
    words = []
    if records:
        values = np.array([_score(record, "md_star_4ms") for record in records])
        known = values[np.isfinite(values)]
        words.append(f"{len(records)} fitted")
        if len(known):
            words[-1] += (
                f", with Md* (4 ms) between {known.min():.2f} and {known.max():.2f}, median {np.median(known):.2f}"
            )
        levels = [record["level"] for record in records]
        if any(len(record.get("levels", ())) > 1 for record in records):
            counts = [f"{escape(level)} {levels.count(level)}" for level in LEVELS if level in levels]
            words.append("preferred levels: " + ", ".join(counts))
    if failed:
        words.append(f"{failed} failed")
    return "; ".join(words) + "."


def _origin(records: Sequence[dict[str, Any]]) -> dict[str, str]:
    """What all fits have in common, from the first of them."""
    if not records:
        return {}
    first = records[0]
    versions = ", ".join(f"{name} {value}" for name, value in first["versions"].items())
    seconds = [record["seconds_in_all"] for record in records]
    return {
        "Command": f"<code>{escape(first['command'])}</code>" if first["command"] else "",
        "Settings": escape(
            ", ".join(f"{key} {value}" for key, value in first["settings"].items() if value is not None)
        ),
        "Seconds": f"{np.median(seconds):.0f} a cell (median), {sum(seconds):.0f} in all",
        "Versions": escape(versions),
    }


def _cells(fitted: Sequence[Cell], records: dict[str, dict[str, Any]], folder: Path) -> str:
    """The table of cells, the best predicted first."""
    rows = []
    for cell in fitted:
        record = records[cell.name]
        assert cell.folder is not None
        link = escape((cell.folder / "report.html").relative_to(folder).as_posix())
        numbers = "".join(
            f'<td class="test">{show_score(_score(record, key))}</td>'
            + (f'<td class="ceiling">{show_score(_score(record, key, "ceiling"))}</td>' if key in OWN else "")
            for key in SHOWN
        )
        notes = len(set(record["warnings"]))
        rows.append(
            f'<tr><th><a href="{link}">{escape(cell.name)}</a></th><td class="text">{escape(record["level"])}</td>'
            f"{numbers}<td>{notes or '–'}</td><td>{record['seconds_in_all']:.0f}</td></tr>"
        )
    label = lambda key: SCORES[key][0].replace(" ms", "&nbsp;ms").replace(" (mV)", "&nbsp;(mV)")
    head = "".join(f"<th>{label(key)}</th>" + ("<th>the cell's own</th>" if key in OWN else "") for key in SHOWN)
    return (
        _table(f'<th>Cell</th><th class="text">Level</th>{head}<th>Notes</th><th>Seconds</th>', rows)
        + '<p class="note">Of the preferred level, with escape noise, on the held-out sweeps. The cell\'s own: one of '
        "its repeats as the model of the others. Notes stand in the cell's report.</p>"
    )


@figures._styled
def scores(records: Sequence[dict[str, Any]]) -> Figure:
    """Each of the DRAWN scores by level: a line for each cell, and their mean."""
    by_level = [record.get("levels") or {record["level"]: record} for record in records]
    levels = [level for level in LEVELS if any(level in each for each in by_level)]
    figure = Figure(figsize=(figures.FULL, 3.2), layout="constrained")
    places = np.arange(len(levels))
    for ax, key in zip(figure.subplots(1, len(DRAWN)), DRAWN, strict=True):
        value = lambda each, level, key=key: _score(each[level], key) if level in each else np.nan
        values = np.array([[value(each, level) for level in levels] for each in by_level])
        shift = np.linspace(-0.16, 0.16, len(records)) if len(records) > 1 else np.zeros(1)
        for cell, (row, record) in enumerate(zip(values, records, strict=True)):
            ax.plot(
                places + shift[cell], row, "o-", color=figures.DATA, ms=3.5, mfc="white", mew=0.7, lw=0.5, alpha=0.45
            )
            place = levels.index(record["level"])
            ax.plot(place + shift[cell], row[place], "o", color=figures.NOISE, ms=4.5)
        known = np.isfinite(values).any(axis=0)
        ax.plot(places[known], np.nanmean(values[:, known], axis=0), "_-", color=figures.NOISE, ms=16, mew=2, lw=1.4)
        own = np.array([_score(record, key, "ceiling") for record in records])
        if np.isfinite(own).any():
            ax.axhline(np.nanmean(own), color=figures.DATA, lw=1.0, ls="--")
        ax.set_xticks(places, levels, rotation=35, ha="right")
        ax.set_xlim(-0.5, len(levels) - 0.5)
        ax.set_title(SCORES[key][0])
        ax.margins(y=0.1)
        low, high = ax.get_ylim()
        ax.set_ylim(low if np.nanmin(values, initial=0.0) < 0 else 0.0, high)
    return figure
