"""The page over many cells: which level each prefers, how well it is predicted, and how levels compare."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from glifjax.html import document, facts, header, join, markup, note, section, table, warnings

from ..levels import NAMED
from ..report import figures
from ..report.page import style
from ..report.picture import picture
from ..report.words import SCORES, show_score
from .workers import Cell

#: Scores in the figure, and those in the table: of these, the cell's own stands beside.
DRAWN = ("bits_per_spike", "md_star_4ms", "evr_10ms", "subthreshold_rmse_mv")
SHOWN = ("md_star_4ms", "md_star_8ms", "evr_10ms", "bits_per_spike", "subthreshold_rmse_mv")
OWN = ("md_star_4ms", "evr_10ms")


def overview(cells: Sequence[Cell], folder: Path) -> str:
    """The page, one HTML file without outside resources, that lies in `folder` beside the cells' own."""
    records = {cell.name: cell.record() for cell in cells}
    fitted = sorted((cell for cell in cells if cell.folder), key=lambda cell: _order(records[cell.name]))
    failed = [cell for cell in cells if not cell.folder]
    scored = [records[cell.name] for cell in fitted]
    body = header(
        "glifjax fit",
        f"{len(cells)} cells",
        markup('<p class="verdict">{}</p>', _verdict(scored, len(failed))),
        facts(_origin(scored)),
        warnings(f"{cell.name}: {cell.error}" for cell in failed),
    )
    if scored:
        body += section("Cells", _cells(fitted, records, folder))
        caption = "Held-out scores by level: a line each cell, its preferred level filled; thick: the mean"
        levels = picture(scores(scored), f"{caption}; dashed: the mean of the cells' own.", wide=True)
        body += section("Levels", levels)
    return document(f"{len(cells)} cells · glifjax fit", style(), body)


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
        finite = values[np.isfinite(values)]
        words.append(f"{len(records)} fitted")
        if len(finite):
            words[-1] += (
                f", with Md* (4 ms) between {finite.min():.2f} and {finite.max():.2f}, median {np.median(finite):.2f}"
            )
        levels = [record["level"] for record in records]
        if any(len(record.get("levels", ())) > 1 for record in records):
            counts = [f"{level} {levels.count(level)}" for level in NAMED if level in levels]
            words.append("preferred levels: " + ", ".join(counts))
    if failed:
        words.append(f"{failed} failed")
    return "; ".join(words) + "."


def _origin(records: Sequence[dict[str, Any]]) -> dict[str, str | Markup]:
    """What all fits have in common, from the first of them."""
    if not records:
        return {}
    first = records[0]
    versions = ", ".join(f"{name} {value}" for name, value in first["versions"].items())
    seconds = [record["seconds_in_all"] for record in records]
    return {
        "Command": markup("<code>{}</code>", first["command"]) if first["command"] else "",
        "Settings": ", ".join(f"{key} {value}" for key, value in first["settings"].items() if value is not None),
        "Seconds": f"{np.median(seconds):.0f} a cell (median), {sum(seconds):.0f} in all",
        "Versions": versions,
    }


def _cells(fitted: Sequence[Cell], records: dict[str, dict[str, Any]], folder: Path) -> Markup:
    """The table of cells, the best predicted first."""
    score = '<td class="{}">{}</td>'
    rows = []
    for cell in fitted:
        record = records[cell.name]
        assert cell.folder is not None
        numbers = join(
            markup(score, "test", show_score(_score(record, key)))
            + (markup(score, "ceiling", show_score(_score(record, key, "ceiling"))) if key in OWN else "")
            for key in SHOWN
        )
        rows.append(
            markup(
                '<tr><th><a href="{}">{}</a></th><td class="text">{}</td>{}<td>{}</td><td>{:.0f}</td></tr>',
                "./" + quote((cell.folder / "report.html").relative_to(folder).as_posix()),
                cell.name,
                record["level"],
                numbers,
                len(set(record["warnings"])) or "–",
                record["seconds_in_all"],
            )
        )
    label = lambda key: SCORES[key][0].replace(" ms", "\N{NO-BREAK SPACE}ms").replace(" (mV)", "\N{NO-BREAK SPACE}(mV)")
    own = Markup("<th>the cell's own</th>")
    head = join(markup("<th>{}</th>{}", label(key), own if key in OWN else "") for key in SHOWN)
    head = markup('<th>Cell</th><th class="text">Level</th>{}<th>Notes</th><th>Seconds</th>', head)
    return table(head, rows) + note(
        "Of the preferred level, with escape noise, on the held-out sweeps. The cell's own: one of its repeats as the "
        "model of the others. Notes stand in the cell's report."
    )


@figures.styled
def scores(records: Sequence[dict[str, Any]]) -> Figure:
    """Each of the DRAWN scores by level: a line for each cell, and their mean."""
    by_level = [record.get("levels") or {record["level"]: record} for record in records]
    levels = [level for level in NAMED if any(level in scored for scored in by_level)]
    figure = Figure(figsize=(figures.FULL, 3.2), layout="constrained")
    places = np.arange(len(levels))
    for ax, key in zip(figure.subplots(1, len(DRAWN)), DRAWN, strict=True):
        value = lambda scored, level, key=key: _score(scored[level], key) if level in scored else np.nan
        values = np.array([[value(scored, level) for level in levels] for scored in by_level])
        shift = np.linspace(-0.16, 0.16, len(records)) if len(records) > 1 else np.zeros(1)
        for cell, (row, record) in enumerate(zip(values, records, strict=True)):
            ax.plot(
                places + shift[cell], row, "o-", color=figures.DATA, ms=3.5, mfc="white", mew=0.7, lw=0.5, alpha=0.45
            )
            place = levels.index(record["level"])
            ax.plot(place + shift[cell], row[place], "o", color=figures.NOISE, ms=4.5)
        some = np.isfinite(values).any(axis=0)
        ax.plot(places[some], np.nanmean(values[:, some], axis=0), "_-", color=figures.NOISE, ms=16, mew=2, lw=1.4)
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
