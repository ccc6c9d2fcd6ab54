"""The type tables of nodes and edges: text, separated by spaces, NULL and NONE for what is missing."""

from pathlib import Path

import pandas

from glifjax.errors import InputError
from glifjax.io.csv import first_line, read_table

#: How a missing value is written.
MISSING = ["NULL", "NONE", "None", "nan", "NaN", ""]


def read_types(path: Path, key: str) -> pandas.DataFrame:
    """A type table, its rows under their ids; text stays Python's.

    Raises:
        InputError: no column `key`, ids that are no whole numbers or come twice.
    """
    first = first_line(path)
    separator = "," if "," in first and " " not in first.strip() else r"\s+"
    table = read_table(path, separator, na_values=MISSING, keep_default_na=False, quotechar='"')
    if key not in table:
        raise InputError(f"{path}: has no column {key}; its columns are {', '.join(map(str, table.columns))}")
    if not pandas.api.types.is_integer_dtype(table[key]) or table[key].duplicated().any():
        raise InputError(f"{path}: {key} must be whole numbers, a different one in every row")
    text = [name for name in table if not pandas.api.types.is_numeric_dtype(table[name])]
    return table.astype(dict.fromkeys(text, object)).set_index(key)
