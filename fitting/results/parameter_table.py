"""parameters.csv: every level's parameters with their units, a row each; with errors and intervals where they are."""

import csv
import io
from pathlib import Path

from glifjax.io.writing import write_whole

from ..model.parameters import parameters
from ..pipeline.result import Fit
from .text_field import text_field

#: The table's columns; the last three are empty where a parameter has no error (measured or chosen, or not asked for).
COLUMNS = ("level", "parameter", "value", "unit", "standard_error", "low_90", "high_90")


def write_parameters(path: Path, fitted: Fit) -> None:
    """Write the table: the preferred level first, then the others in their order."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for neuron in (fitted.preferred, *(other for other in fitted.levels if other is not fitted.preferred)):
        errors = {}
        if (uncertainty := neuron.uncertainty) is not None:
            errors = {
                name: (error, *interval)
                for name, error, interval in zip(
                    uncertainty.names, uncertainty.errors, uncertainty.intervals.tolist(), strict=True
                )
            }
        for name, entry in parameters(neuron.model).items():
            row = (neuron.level, name, entry["value"], entry["unit"], *errors.get(name, ("", "", "")))
            table.writerow(map(text_field, row))
    write_whole(path, text.getvalue())
