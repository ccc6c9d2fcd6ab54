"""A value in a table of text, which people and spreadsheets open."""

from typing import Any

from glifjax.errors import printable

#: What formulas of spreadsheets begin with.
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
#: Significant digits of a number: more than any fit knows, fewer than arithmetic spoils. fit.json has them all.
DIGITS = 7


def text_field(value: Any) -> Any:
    """A number in DIGITS; text in one line, an apostrophe before what a spreadsheet would take for a formula."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if not isinstance(value, str):
        return value
    line = " ".join(printable(value).split())
    return f"'{line}" if line.startswith(FORMULAS) else line
