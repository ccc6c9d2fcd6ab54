"""Runs beside recordings on a canvas, as a part of another page: to move about in, one repeat at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from markupsafe import Markup

from glifjax.explorer.page import asset
from glifjax.explorer.recorded import drawn_finely, drawn_voltage, packed
from glifjax.html import data as data_element
from glifjax.html import markup

SCRIPTS = ("run.js", "plot.js", "controls.js", "viewer.js")


@dataclass(frozen=True)
class Repeat:
    """What was recorded of one sweep: its name, voltage (T,), V, and spike times, s."""

    name: str
    voltage: Float[np.ndarray, " T"]
    spikes: Float[np.ndarray, " k"]


@dataclass(frozen=True)
class ShownRun(Repeat):
    """One run of a neuron; also its threshold, (T,), V, and its colour, a variable of style.css."""

    threshold: Float[np.ndarray, " T"]
    colour: str


def viewer(
    recorded: Sequence[Repeat],
    runs: Sequence[ShownRun],
    current: Float[np.ndarray, " T"],
    dt: float,
    view: tuple[float, float] | None = None,
) -> Markup:
    """The part of a page: an element, its data, the style and script of our own. Once a page.

    Args:
        recorded: of each repeat of the stimulus.
        runs: of the neuron.
        current: the stimulus, (T,), A.
        dt: of all of them, s.
        view: what is shown at first, s; None: all.
    """
    data: dict[str, Any] = {
        "dt": dt,
        "view": view,
        "current": packed(current, drawn_finely(current)),
        "recorded": [
            {"name": row.name, "voltage": drawn_voltage(row.voltage), "spikes": row.spikes.tolist()} for row in recorded
        ],
        "runs": [
            {
                "name": row.name,
                "voltage": drawn_voltage(row.voltage),
                "threshold": drawn_voltage(row.threshold),
                "spikes": row.spikes.tolist(),
                "colour": row.colour,
            }
            for row in runs
        ],
    }
    start = 'view(document.getElementById("viewer"), JSON.parse(document.getElementById("viewer-data").textContent));'
    script = '"use strict";\n' + "\n".join(map(asset, SCRIPTS)) + start
    return markup(
        '<style>{}</style><div id="viewer"></div>\n{}\n<script type="module">{}</script>\n',
        Markup(asset("style.css")),
        data_element("viewer-data", data),
        Markup(script),
    )
