"""explore(): a neuron, the twenty patterns and a recording as what a page is made of."""

import dataclasses
import json
import math
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np

from glifjax.checks import require_time_step
from glifjax.checks.magnitudes import LARGEST_DT
from glifjax.errors import InputError, to_install
from glifjax.explorer.page import embedded, page
from glifjax.explorer.program import Program, program_of, values_of
from glifjax.explorer.quantities import quantities
from glifjax.explorer.recorded import packed_sweeps
from glifjax.glif.glif import GLIF
from glifjax.io.config.neuron_config import neuron_to_config
from glifjax.io.nwb.recording_writer import SweepArrays
from glifjax.io.nwb.sweep import Sweep
from glifjax.io.writing import write_whole
from glifjax.mihalas_niebur import MihalasNiebur
from glifjax.neuron import AbstractNeuron
from glifjax.patterns.mapping import gallery

#: Time step of a page, s.
DT = 1e-4
#: The shortest time step of a page, s; its steps are computed while one looks.
SHORTEST_DT = 1e-6
#: Height of an IFrame in a notebook, pixels.
HEIGHT = 900


@dataclass(frozen=True)
class Exploration:
    """A neuron as a page; in a notebook it is shown where it stands at a cell's end.

    Attributes:
        data: what the page shows, JSON.
        programs: the neurons' steps, JavaScript.
        neurons: those that the data's models stand for.
    """

    data: dict[str, Any]
    programs: tuple[str, ...]
    neurons: tuple[AbstractNeuron, ...]

    def html(self) -> str:
        """The page: one HTML file that needs nothing else, no network either."""
        return page(self.data, self.programs)

    def save(self, path: str | os.PathLike) -> None:
        """Write the page; a file that exists is replaced.

        Raises:
            WritingError: there is no room for it, or no right to write it.
        """
        write_whole(Path(path), self.html())

    def widget(self) -> Any:
        """The same as a notebook's widget, whose `neuron` is what was made of it by hand.

        Raises:
            InputError: anywidget is not installed.
        """
        try:
            from glifjax.explorer.widget import ExplorerWidget
        except ModuleNotFoundError as error:
            raise InputError(
                f"a widget needs {error.name}, which is not installed: {to_install('notebook')}; "
                "without it the page itself is shown"
            ) from error
        return ExplorerWidget(self.data, self.programs, self.neurons)

    def _repr_html_(self) -> str:
        return embedded(self.html(), HEIGHT)


def explore(
    neuron: AbstractNeuron,
    sweeps: Sequence[Sweep | SweepArrays] = (),
    *,
    dt: float = DT,
    patterns: bool = True,
    title: str | None = None,
    source: str = "",
) -> Exploration:
    """A neuron to play with: its numbers and its stimulus are moved, and voltage, currents and spikes follow at once.

    Its own step is traced and printed as JavaScript, so that rules of one's own are explored like built-in ones. Spikes
    come as in `glifjax.simulate` without a key.

    Args:
        neuron: any, of one cell.
        sweeps: recorded ones, to lay it over; of any rate.
        dt: the page's time step, s.
        patterns: the twenty patterns are starting points too.
        title: of the page; the neuron's kind by default.
        source: where it comes from, shown below the title.

    Returns:
        An Exploration: `.save("explore.html")`, or a notebook's output.

    Raises:
        InputError: no neuron, several at once, a dt below 1e-6 or above 0.01, or a step that has no JavaScript.

    Example:
        >>> neuron = gj.from_level("LIF-R", C=1e-10, R_input=1e8, th_inf=0.02)
        >>> gj.explore(neuron).save("explore.html")
    """
    if not isinstance(neuron, AbstractNeuron):
        raise InputError(f"neuron is {neuron!r}; give a neuron: a file is read with glifjax.read_neuron_config(path)")
    if np.ndim(neuron.init_voltage):
        raise InputError(f"the neuron is {np.shape(neuron.init_voltage)} neurons; explore one of them at a time")
    require_time_step(dt)
    if dt < SHORTEST_DT:
        raise InputError(
            f"dt is {dt:g} s, and a page would never end a run of such steps; give {SHORTEST_DT:g} or above"
        )
    if dt > LARGEST_DT:
        raise InputError(f"dt is {dt:g} s, and no neuron is run in such steps; give {LARGEST_DT:g} or below, in s")
    stimulus = {"kind": "sweep", "sweep": 0} if sweeps else _step(neuron)
    starts = [{"name": "this neuron", "model": 0, "stimulus": stimulus}, *(_pattern_starts() if patterns else [])]
    neurons = (neuron, gallery["A"].neuron) if patterns else (neuron,)
    programs = [program_of(row) for row in neurons]
    data = {
        "title": title or type(neuron).__name__,
        "source": source,
        "models": [_model(*row) for row in zip(neurons, programs, range(len(neurons)), (float(dt), DT), strict=False)],
        "starts": starts,
    } | packed_sweeps(sweeps, float(dt))
    return Exploration(data, tuple(program.text for program in programs), neurons)


def _pattern_starts() -> list[dict[str, Any]]:
    """The twenty patterns, of one model."""
    return [
        {
            "name": f"{row.letter}  {row.name}",
            "about": row.behaviour,
            "model": 1,
            "values": values_of(row.neuron),
            "stimulus": {"kind": "pieces", "pieces": row.stimulus},
        }
        for row in gallery.values()
    ]


def _model(neuron: Any, program: Program, number: int, dt: float) -> dict[str, Any]:
    """A neuron and its program as a page needs them."""
    values, rows = values_of(neuron), quantities(neuron, program.moving)
    return {
        "program": number,
        "outputs": program.outputs,
        "values": [value if math.isfinite(value) else javascript_name(value) for value in values],
        "quantities": [dataclasses.asdict(row) | {"places": row.places} for row in rows],
        "reference": float(neuron.El_reference) if isinstance(neuron, GLIF) else 0.0,
        "dt": dt,
        "latency": place_of(neuron, "spike_latency"),
        "currents": _current_names(neuron, program, {row.group for row in rows}),
        "config": _config(neuron),
    }


def _config(neuron: AbstractNeuron) -> dict[str, Any] | None:
    """What a file says of the neuron; None where files hold none such."""
    if not isinstance(neuron, GLIF | MihalasNiebur):
        return None
    try:
        config = neuron_to_config(neuron)
        json.dumps(config, allow_nan=False)
    except ValueError:  # a rule of one's own without a name in files; a number that is not finite
        return None
    return config


def javascript_name(value: float) -> str:
    """What JSON has no number for, in a form that JavaScript's `Number` reads."""
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def place_of(neuron: AbstractNeuron, field: str) -> int | None:
    """Where a field of one number lies in `values_of(neuron)`; None where it has none of this name."""
    start = 0
    for path, leaf in jax.tree_util.tree_leaves_with_path(eqx.filter(neuron, eqx.is_array)):
        if len(path) == 1 and getattr(path[0], "name", None) == field:
            return start
        start += leaf.size
    return None


def _current_names(neuron: AbstractNeuron, program: Program, groups: Collection[str]) -> list[str]:
    """Of the currents that a page draws; none of afterspike currents that nothing moves from zero."""
    kind = "internal" if isinstance(neuron, MihalasNiebur) else "afterspike"
    afterspike = program.outputs.get("afterspike", 0) if "Afterspike currents" in groups else 0
    names = [f"{kind} current {i + 1}" for i in range(afterspike)]
    return names + [f"membrane current {i + 1}" for i in range(program.outputs.get("membrane", 0))]


def _step(neuron: Any) -> dict[str, Any]:
    """A step that makes a neuron fire: half as strong again as what holds it at the threshold."""
    if isinstance(neuron, GLIF):
        rheobase = float((neuron.threshold_infinity - neuron.El) * neuron.conductance)
        return {"kind": "step", "amplitude": float(f"{1.5 * abs(rheobase):.2g}")}
    if isinstance(neuron, MihalasNiebur):
        return {"kind": "step", "amplitude": float(f"{1.5 * abs(neuron.G * (neuron.th_inf - neuron.El)):.2g}")}
    return {"kind": "step"}
