"""Spikes in text files: BMTK's columns timestamps (ms), population and node_ids, or two columns without names."""

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from glifjax.errors import InputError
from glifjax.io.regular import check_file
from glifjax.io.writing import whole_file
from glifjax.spikes.trains import NO_POPULATION, SpikeTrains

if TYPE_CHECKING:
    import pandas

#: The largest text file that is read, bytes.
LARGEST = 2**33
#: How a missing number is written; a population may have any of these names.
MISSING = ["", "nan", "NaN", "NA", "NULL", "None"]


def separator_of(line: str) -> str:
    """What separates the columns of a text file, from its first line: commas, semicolons, or spaces and tabs."""
    return next((mark for mark in ",;" if mark in line), r"\s+")


def read_table(path: Path, separator: str | None = None, **options) -> "pandas.DataFrame":
    """A text file with columns, read by pandas; separated as its first line is, unless told.

    Raises:
        InputError: no such file, one above LARGEST, or one that is no table.
    """
    first = first_line(path)
    if path.stat().st_size > LARGEST:
        raise InputError(f"{path}: has {path.stat().st_size} bytes, more than {LARGEST}; store it as HDF5")
    import pandas  # once there is something to read, for it takes a second

    try:
        return pandas.read_csv(path, sep=separator or separator_of(first), skipinitialspace=True, **options)
    except (ValueError, OSError) as error:  # pandas' own errors are ValueErrors
        words = " ".join(str(error).split())
        raise InputError(f"{path}: cannot be read as a table ({words}); write it again") from error


def read_csv_spikes(path: Path, population: str | None = None) -> SpikeTrains:
    """The spikes of a text file, separated by spaces, commas or semicolons; more columns than the three are allowed.

    A file of two columns without names holds ms and node ids, of `population`, and a warning says so.

    Raises:
        InputError: other columns, which are named; or values that are no numbers.
    """
    first = first_line(path)
    separator = separator_of(first)
    names = [name.strip().strip('"') for name in re.split(separator, first)]
    if all(map(_is_number, names)) and len(names) == 2:
        warnings.warn(
            f"{path}: has no header; read as times in ms and node ids of population {population or NO_POPULATION}",
            stacklevel=2,
        )
        frame = read_table(path, header=None, names=["timestamps", "node_ids"])
        return _trains(frame.assign(population=population or NO_POPULATION), path)
    if not {"timestamps", "population", "node_ids"} <= set(names):
        raise InputError(
            f"{path}: its columns are {', '.join(names) or 'none'}; name them timestamps (ms), population and node_ids"
        )
    numbers = dict.fromkeys(("timestamps", "node_ids"), MISSING)
    return _trains(read_table(path, dtype={"population": str}, keep_default_na=False, na_values=numbers), path)


def _trains(frame: "pandas.DataFrame", path: Path) -> SpikeTrains:
    try:
        return SpikeTrains.from_dataframe(frame)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def first_line(path: Path) -> str:
    """The first line of a text file, without what is blank around it."""
    check_file(path)
    try:
        with path.open(encoding="utf-8-sig") as lines:
            return lines.readline(10_000).strip()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no text file ({error}); check the path") from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def write_csv_spikes(trains: SpikeTrains, path: Path) -> None:
    """BMTK's form: separated by spaces, times in ms, every digit.

    Raises:
        InputError: a population without a name, or with a tab in it, which is read as the end of a column.
    """
    for name in trains.population_names:
        if not name or "\t" in name:
            raise InputError(f"{path}: a population is called {name!r}, which no column of text can hold; rename it")
    with whole_file(path) as part:
        trains.to_dataframe().to_csv(part, sep=" ", index=False)
