"""The report's page, section by section: one HTML file that needs nothing else."""

import re
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ..assess.predictive import bands
from ..example.cell import true_parameters
from ..fitted import FittedNeuron
from . import figures, preprocessing, tables
from .movements import movements
from .runs import run
from .words import KEY, SCORES, banded, preference, steps_up, sweeps, verdict

#: Held-out stimuli whose spikes are shown.
RASTERS = 3


def write_report(fits: Sequence[FittedNeuron], preferred: str, path: str | Path) -> None:
    """Write the report on fits of one recording, one for each level: one HTML page without outside resources.

    Args:
        fits: at least one, the simplest level first.
        preferred: the level that the page opens on.
        path: the file to write; one that exists is replaced.

    Raises:
        ValueError: no fits, or none of the preferred level.
    """
    chosen = next((fit for fit in fits if fit.level == preferred), None)
    if chosen is None:
        raise ValueError(f"there is no fit of level {preferred!r} to report")
    body = _header(fits, chosen)
    if len(fits) == 1:
        body += _details(chosen, "neuron_config.json")
    else:
        body += _section("Levels compared", _comparison(fits, chosen))
        for fit in (chosen, *(fit for fit in fits if fit is not chosen)):
            own = [line for line in fit.warnings if any(line not in other.warnings for other in fits)]
            opened, title = (" open", f"{fit.level}, preferred") if fit is chosen else ("", fit.level)
            body += (
                f'<details class="level"{opened}><summary>{escape(title)}</summary>'
                f'<p class="verdict">{verdict(fit)}</p>{_warnings(own)}'
                f"{_details(fit, f'neuron_config_{fit.level}.json', fit is chosen)}</details>"
            )
    body += _preprocessing(chosen)
    colours = f":root {{ --data: {figures.DATA}; --noise: {figures.NOISE}; --hard: {figures.HARD}; }}\n"
    style = colours + (files(str(__package__)) / "style.css").read_text(encoding="utf-8")
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(chosen.recording.name)} · glifjax fit</title><style>{style}</style></head>\n"
        f"<body>{body}</body></html>\n"
    )
    Path(path).write_text(page, encoding="utf-8")


def _header(fits: Sequence[FittedNeuron], fit: FittedNeuron) -> str:
    """What was fitted, to what, and the verdict on the preferred fit."""
    recording = fit.recording
    levels = escape(", ".join(fit.level for fit in fits))
    description = recording.session_description or ""
    banner = (
        '<div class="banner"><strong>Simulated cell.</strong> This recording was made by a model, not by a real '
        "cell; the parameters that made it stand beside the fitted ones.</div>"
    )
    facts = {
        "File": escape(recording.path.name),
        "Description": escape("" if description.upper() == "PLACEHOLDER" else description),
        "Level" if len(fits) == 1 else "Levels fitted": levels,
        "Trained on": sweeps(fit.split.train, [fit.train]),
        "Held out": sweeps([part for group in fit.split.test for part in group], fit.test),
        "Why these": escape("; ".join(fit.split.reasons)),
    }
    return (
        f'<header><p class="kicker">glifjax fit</p><h1>{escape(recording.name)} · {escape(fit.level)}</h1>'
        + (banner if true_parameters(recording) else "")
        + f'<p class="verdict">{verdict(fit)}</p>'
        + _facts(facts)
        + _warnings([line for line in fit.warnings if all(line in other.warnings for other in fits)])
        + "</header>"
    )


def _warnings(lines: Sequence[str]) -> str:
    """A box with one line for each warning, or nothing."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<div class="warning"><ul>{items}</ul></div>' if lines else ""


def _comparison(fits: Sequence[FittedNeuron], chosen: FittedNeuron) -> str:
    """Why this level is preferred, what each step up bought, and all scores."""
    shown = ("md_star_4ms", "evr_10ms", "subthreshold_rmse_mv")
    figure = figures.levels_compared(fits, chosen.level, [(key, SCORES[key][0]) for key in shown])
    return (
        f"<p>{preference(fits, chosen)}</p>"
        + _figure(
            figure,
            f"Left: what the choice rests on, cross-validated; circled. Others: {KEY}; dashed: the cell.",
            wide=True,
        )
        + f"<ul>{''.join(f'<li>{line}</li>' for line in steps_up(fits))}</ul>"
        + tables.level_table(fits, chosen.level)
        + '<p class="note">With escape noise, on the held-out sweeps, but for the first two columns.</p>'
    )


def _details(fit: FittedNeuron, config: str, drawn: bool = True) -> str:
    """What is said of one level, whose neuron lies in the file `config`; its figures are drawn on request."""
    figured = _section("Use the neuron", _usage(fit, config))
    if drawn:
        stages = "".join(_figure(figures.convergence(stage)) for stage in fit.stages)
        went = (
            '<p class="note">Each stage\'s objective by iteration; the larger dot is the best.</p>'
            f'<div class="grid three">{stages}</div>{_settings(fit)}'
        )
        figured = _section("What a spike does", _mechanisms(fit)) + _section("How the fit went", went) + figured
    else:
        figured += '<p class="note">Its figures are in the report of a fit of this level alone.</p>'
    return (
        _section("Scores", tables.score_table(fit))
        + (_runs(fit) if drawn else "")
        + _section("Parameters", tables.parameter_table(fit))
        + figured
    )


def _runs(fit: FittedNeuron) -> str:
    """The neuron's voltage and spikes beside the cell's."""
    runs = run(fit)
    held = "Held-out" if fit.test else "Training"
    sweep = f"{held} sweep {runs.data.numbers[runs.sweep]}"
    voltage = _figure(
        figures.voltage(runs),
        f"{sweep}, a stretch with more spikes than most: the neuron runs freely from the sweep's first voltage. "
        "The recorded voltage is shown less the drop over the electrode. Vertical lines are the neuron's spikes, "
        "whose voltage it cuts out.",
        wide=True,
    ) + _figure(
        figures.close_up(runs),
        f"Between spikes. Left: {sweep.lower()}, the neuron's spikes forced to where the cell's were. "
        f"Right: the error between spikes in all {held.lower()} sweeps.",
        wide=True,
    )
    if fit.uncertainty is not None and fit.test:
        known = bands(fit.model, fit.uncertainty.draws, fit.train, runs.data, runs.sweep, fit.seed)
        voltage += _figure(figures.predictive_bands(runs, known), banded(known, len(runs.data.numbers)), wide=True)
    groups = sorted(zip(fit.scores.trains, fit.test, strict=True), key=lambda pair: -pair[1].n_spikes)
    rasters = "".join(
        _figure(
            figures.raster(trains, data),
            f"Spikes in sweep{'s' if len(data.numbers) > 1 else ''} {', '.join(map(str, data.numbers))} and in "
            f"{len(trains[1])} runs with escape noise; below, their rate (10 ms Gaussian).",
            wide=True,
        )
        for trains, data in groups[:RASTERS]
    )
    if len(groups) > RASTERS:
        rasters += f'<p class="note">The {RASTERS} of {len(groups)} held-out stimuli with most spikes.</p>'
    return _section(f"{held} voltage", voltage) + (_section("Held-out spikes", rasters) if rasters else "")


def _preprocessing(fit: FittedNeuron) -> str:
    """What was made of the sweeps before any fit, with a figure for each step; nothing where that is not known."""
    done = fit.preprocessing
    if done is None:
        return ""
    spikes = (
        "Every training spike as recorded, what tells it from other peaks, and the voltage that a spike leaves behind."
    )
    kernel = (
        "Left: how the voltage answers a current, electrode and membrane together; middle: what is the electrode's; "
        "right: the current that was measured around the spikes, with two standard errors."
    )
    drift = "Medians of what a linear cell leaves of the voltage, 1 s each, and the drift."
    return _section(
        "Before the fit",
        _facts(preprocessing.settings(fit, done))
        + _figure(preprocessing.spikes(fit, done.recorded), spikes, wide=True)
        + _figure(preprocessing.electrode(done), kernel, wide=True)
        + f'<div class="grid two">{_figure(preprocessing.resampling(fit), "The time steps that are compared.")}'
        + f"{_figure(preprocessing.drift(done), drift)}</div>",
    )


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>"


def _mechanisms(fit: FittedNeuron) -> str:
    """What a spike looks like and leaves behind."""
    neuron = fit.neuron
    parts = _figure(
        figures.spike_shape(fit),
        "The recorded spike. Shaded: what the neuron cuts out, from the first point to the second.",
    )
    lacks = []
    if neuron.has_afterspike_currents:
        caption = "The currents that one spike leaves behind; negative ones hold the neuron back. Shaded: the cut."
        parts += _figure(figures.afterspike_currents(neuron), caption)
    else:
        lacks.append("no afterspike currents")
    if neuron.membrane_currents:
        caption = "Gated currents, where the voltage stays; dashed: before they inactivate. Negative ones hold back."
        parts += _figure(figures.gated_currents(neuron), caption)
    if moved := movements(neuron, _onset(fit)):
        caption = "How the threshold moves. Shaded: the cut of the spike at 0."
        parts += _figure(figures.threshold_components(neuron, moved), caption)
    else:
        lacks.append("a threshold that nothing moves")
    note = f'<p class="note">This level has {" and ".join(lacks)}.</p>' if lacks else ""
    return f'<div class="grid two">{parts}</div>{note}'


def _onset(fit: FittedNeuron) -> float:
    """The median membrane voltage at which the cell's training spikes start, V, relative to El_reference."""
    membrane = fit.model.membrane(jnp.asarray(fit.train.voltage), jnp.asarray(fit.train.current))
    return float(np.median(np.asarray(membrane)[fit.train.forced]))


def _settings(fit: FittedNeuron) -> str:
    """Seconds, settings and versions."""
    seconds = ", ".join(f"{escape(name)} {value:.1f}" for name, value in fit.seconds.items())
    versions = ", ".join(f"{name} {escape(value)}" for name, value in fit.as_dict()["versions"].items())
    return _facts(
        {
            "Seconds": f"{sum(fit.seconds.values()):.1f} in all: {seconds}",
            "Settings": f"level {escape(fit.level)}, time step {1e3 * fit.train.dt:.4g} ms, seed {fit.seed}",
            "Versions": versions,
        }
    )


def _usage(fit: FittedNeuron, config: str) -> str:
    """How to load the neuron."""
    reader = "; AllenSDK reads it too" if fit.recipe.allensdk else ""
    return (
        f'<pre>import glifjax as gj\n\nneuron = gj.read_neuron_config("{escape(config)}")\n'
        "trace = gj.simulate(neuron, current, dt)      # current in A, dt in s\n"
        "trace.voltage + neuron.El_reference           # V\n"
        "trace.spikes().times                          # s</pre>"
        f'<p class="note">The command writes {escape(config)} beside this page{reader}. It '
        "holds the neuron without the electrode, which adds R<sub>s</sub> I to a recorded voltage. "
        "<code>simulate(..., key=jax.random.key(0))</code> draws spikes with escape noise.</p>"
    )


def _facts(facts: dict[str, str]) -> str:
    """A list of names and what is known of each; the empty ones are left out."""
    items = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts.items() if value)
    return f"<dl>{items}</dl>"


def _figure(figure: Figure, caption: str = "", wide: bool = False) -> str:
    """A figure as an image inside the page; a wide one scrolls in a narrow window."""
    figure.set_dpi(200)
    canvas, png = FigureCanvasAgg(figure), BytesIO()
    canvas.draw()
    # few colours make an image of lines three times as small
    Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(96).save(png, "PNG", optimize=True)
    data = b64encode(png.getvalue()).decode()
    words = escape(re.sub("<.*?>", "", caption)) or "figure"
    return (
        f'<figure{" class=wide" if wide else ""}><div class="scroll">'
        f'<img src="data:image/png;base64,{data}" alt="{words}"></div><figcaption>{caption}</figcaption></figure>'
    )
