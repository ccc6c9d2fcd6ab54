"""Many cells: parallel processes, a table and a page of all."""

from .study import fit_many, write_overview
from .workers import Cell

__all__ = ["Cell", "fit_many", "write_overview"]
