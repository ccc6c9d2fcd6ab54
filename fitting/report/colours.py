"""The colours of the report, in its figures and its style sheet; colour-blind readers can tell them apart."""

from importlib.resources import files

from glifjax.html import variables

#: The cell.
DATA = "#2b2b2b"
#: The model with escape noise.
NOISE = "#0072b2"
#: The model without noise.
HARD = "#d55e00"
#: Shading.
FAINT = "#ececec"
#: Parts of a whole.
COMPONENTS = ("#009e73", "#cc79a7", "#56b4e9", "#e69f00")


def style() -> str:
    """The style of the report, and of the page over many cells."""
    colours = variables(data=DATA, noise=NOISE, hard=HARD)
    return colours + (files(str(__package__)) / "style.css").read_text(encoding="utf-8")
