"""The table of many cells: a row each, as CSV, and as Parquet where pyarrow is installed."""

import csv
import importlib.util
import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from glifjax.io.writing import whole_file, write_whole

from ..results.text_field import text_field
from .cells import COLUMNS, TABLE, Cell

#: Scores that stand beside the cell's own.
CEILINGS = ("gamma_4ms", "evr_single_10ms", "md_star_4ms", "evr_10ms")


def row(cell: Cell, folder: Path) -> dict[str, Any]:
    """A cell's row in the table: its preferred level, that level's scores and parameters, and why there are none.

    Args:
        cell: what became of it.
        folder: of the table, to which the link to the report is relative.
    """
    from ..report.words import SCORES

    record = cell.record()
    scores = {} if record is None else asdict(record.scores)
    number = lambda group, key: scores.get(group, {}).get(key)
    hard = "hard" if scores.get("hard") else "deterministic"
    return {
        "cell": cell.name,
        "level": record and record.level,
        "bits_per_spike_cross_validated": record and record.validation and record.validation.bits_per_spike,
        **{key: number("test", key) for key in SCORES},
        **{f"{key}_hard_threshold": number(hard, key) for key in ("md_star_4ms", "evr_10ms")},
        **{f"{key}_of_the_cell": number("ceiling", key) for key in CEILINGS},
        "trust": record and record.trust and record.trust.word,
        "warnings": record and len(set(record.warnings)),
        "seconds": record and record.seconds_in_all,
        "recording": str(cell.path),
        "report": (cell.folder / "report.html").relative_to(folder).as_posix() if cell.folder else None,
        "error": cell.error,
        "pending": cell.pending,
        **{f"{name} ({entry.unit})": entry.value for name, entry in (record.parameters if record else {}).items()},
    }


def write_table(rows: Sequence[dict[str, Any]], folder: Path) -> None:
    """Write cells.csv, a header line and a line each row, and cells.parquet where pyarrow is installed.

    Raises:
        WritingError: there is no room for them, or no right to write them.
    """
    text = io.StringIO()
    # cells have the parameters of their own levels
    columns = list(dict.fromkeys(key for row in rows for key in row))
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writerow({key: text_field(key) for key in columns})
    table.writerows({key: text_field(value) for key, value in row.items()} for row in rows)
    write_whole(folder / TABLE, text.getvalue())
    if importlib.util.find_spec("pyarrow") is not None:
        import pandas as pd

        with whole_file(folder / COLUMNS) as part:
            pd.DataFrame(list(rows)).to_parquet(part)
