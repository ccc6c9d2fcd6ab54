"""The report's page, section by section: one HTML file that needs nothing else."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np
from markupsafe import Markup

from glifjax.html import document, facts, header, items, join, markup, note, section, warnings
from glifjax.io.writing import write_whole

from ..assess.trust import visited_voltages
from ..example.cell import true_parameters
from ..fitted import FittedNeuron
from ..model.patched import without_electrode
from . import preprocessing, tables
from .choice import preference, steps_up
from .colours import style
from .explored import beside, canvas, explored
from .figures import levels, mechanisms, predictions
from .glossary import GLOSSARY
from .lost import CAPTION, lost, lost_spikes
from .movements import movements
from .picture import picture
from .runs import run
from .words import KEY, SCORES, banded, readout, steps_first, sweeps, trust, verdict

#: Held-out stimuli whose spikes are shown.
RASTERS = 3


def write_report(fits: Sequence[FittedNeuron], preferred: str, path: str | Path) -> None:
    """Write the report on fits of one recording, one for each level: one HTML page without outside resources.

    Beside it stands `<name>_explorer.html`, to which it links: the preferred neuron to play with.

    Args:
        fits: at least one, the simplest level first.
        preferred: the level that the page opens on.
        path: the file to write; one that exists is replaced.

    Raises:
        ValueError: no fits, or none of the preferred level.
        WritingError: there is no room for it, or no right to write it.
    """
    chosen = next((fit for fit in fits if fit.level == preferred), None)
    if chosen is None:
        raise ValueError(f"there is no fit of level {preferred!r} to report")
    page, place = explored(chosen), beside(Path(path))
    body = _header(fits, chosen, "" if page is None else quote(place.name))
    if len(fits) == 1:
        body += _details(chosen, "neuron_config.json")
    else:
        body += section("Levels compared", _comparison(fits, chosen))
        for fit in (chosen, *(fit for fit in fits if fit is not chosen)):
            own = [line for line in fit.warnings if any(line not in other.warnings for other in fits)]
            body += markup(
                '<details class="level"{}><summary>{}</summary>{}{}{}</details>',
                Markup(" open") if fit is chosen else "",
                f"{fit.level}, preferred" if fit is chosen else fit.level,
                "" if fit is chosen else markup('<p class="verdict">{}</p>', verdict(fit)),
                warnings(own),
                _details(fit, f"neuron_config_{fit.level}.json", fit is chosen),
            )
    body += _preprocessing(chosen) + markup('<div id="glossary">{}</div>', section("Glossary", facts(GLOSSARY)))
    write_whole(path, document(f"{chosen.recording.name} · glifjax fit", style(), body))
    if page is not None:
        page.save(place)


def _header(fits: Sequence[FittedNeuron], fit: FittedNeuron, link: str) -> Markup:
    """What was fitted, to what, the verdict on the preferred fit, and a link to the page in which it is explored."""
    recording = fit.recording
    banner = Markup(
        '<div class="banner"><strong>Simulated cell.</strong> This recording was made by a model, not by a real '
        "cell; the parameters that made it stand beside the fitted ones.</div>"
    )
    entries = {
        "File": recording.path.name,
        "Description": recording.session_description,
        "Level" if len(fits) == 1 else "Levels fitted": ", ".join(fit.level for fit in fits),
        "Trained on": sweeps(fit.split.train, [fit.train]),
        "Held out": sweeps([part for group in fit.split.test for part in group], fit.test),
        "Why these": "; ".join(fit.split.reasons),
    }
    return header(
        "glifjax fit",
        f"{recording.name} · {fit.level}",
        banner if true_parameters(recording) else "",
        markup('<p class="verdict">{}</p>', verdict(fit)),
        trust(fit),
        steps_first(fit),
        facts(entries),
        note(
            markup('<a href="{}">Explore this neuron</a>: move its numbers and its stimulus. ', link) if link else "",
            Markup('What the words mean: <a href="#glossary">glossary</a>.'),
        ),
        warnings(line for line in fit.warnings if all(line in other.warnings for other in fits)),
    )


def _comparison(fits: Sequence[FittedNeuron], chosen: FittedNeuron) -> Markup:
    """Why this level is preferred, what each step up bought, and all scores."""
    shown = ("gamma_4ms", "evr_single_10ms", "subthreshold_rmse_mv")
    figure = levels.levels_compared(fits, chosen.level, [(key, SCORES[key][0]) for key in shown])
    caption = "Left: what the choice rests on, cross-validated; circled. Others: {}; dashed: the cell."
    return (
        markup("<p>{}</p>", preference(fits, chosen))
        + picture(figure, markup(caption, KEY), wide=True)
        + items(steps_up(fits))
        + tables.level_table(fits, chosen.level)
        + note("With escape noise, on the held-out sweeps, but for the first two columns.")
    )


def _details(fit: FittedNeuron, config: str, drawn: bool = True) -> Markup:
    """What is said of one level, whose neuron lies in the file `config`; its figures are drawn on request."""
    usage = section("Use the neuron", _usage(fit, config))
    scores = section("Scores", tables.score_table(fit), note(readout(fit)) if fit.test else "")
    parameters = section("Parameters", tables.parameter_table(fit))
    if not drawn:
        return scores + parameters + usage + note("Its figures are in the report of a fit of this level alone.")
    several = [stage for stage in fit.stages if len(stage.losses) > 1]
    described = lambda stage: f"{stage.name}: {stage.unit}, from {stage.losses[0]:.4g} to {stage.losses[-1]:.4g}"
    stages = join(picture(levels.convergence(stage), words=described(stage)) for stage in several)
    went = section(
        "How the fit went",
        note("Each stage's objective by iteration; the larger dot is the best."),
        markup('<div class="grid three">{}</div>', stages),
        _settings(fit),
    )
    steps = section("Steps of current", _steps(fit)) if fit.steps else Markup()
    return scores + steps + _runs(fit) + parameters + section("What a spike does", _mechanisms(fit)) + went + usage


def _runs(fit: FittedNeuron) -> Markup:
    """The neuron's voltage and spikes beside the cell's."""
    runs = run(fit)
    held = "Held-out" if fit.test else "Training"
    sweep = f"{held} sweep {runs.data.numbers[runs.sweep]}"
    voltage = picture(
        predictions.voltage(runs),
        f"{sweep}, a stretch with more spikes than most: the neuron runs freely from the sweep's first voltage. "
        "The recorded voltage is shown less the drop over the electrode. Vertical lines are the neuron's spikes, "
        "whose voltage it cuts out.",
        wide=True,
    ) + picture(
        predictions.close_up(runs),
        f"Between spikes. Left: {sweep.lower()}, the neuron's spikes forced to where the cell's were. "
        f"Right: the error between spikes in all {held.lower()} sweeps.",
        wide=True,
    )
    if bands := runs.bands:
        voltage += picture(predictions.predictive_bands(runs, bands), banded(bands, len(runs.data.numbers)), wide=True)
    groups = sorted(zip(fit.scores.trains, fit.test, strict=True), key=lambda pair: -pair[1].n_spikes)
    rasters = join(
        picture(
            predictions.raster(trains, data),
            f"Spikes in sweep{'s' if len(data.numbers) > 1 else ''} {', '.join(map(str, data.numbers))} and in "
            f"{len(trains[1])} runs with escape noise; below, their rate (10 ms Gaussian).",
            wide=True,
        )
        for trains, data in groups[:RASTERS]
    )
    if losses := lost_spikes(fit):
        rasters += picture(lost(losses), CAPTION, wide=True)
    if len(groups) > RASTERS:
        rasters += note(f"The {RASTERS} of {len(groups)} held-out stimuli with most spikes.")
    voltage += canvas(fit.model, runs)
    return section(f"{held} voltage", voltage) + (section("Held-out spikes", rasters) if rasters else Markup())


def _steps(fit: FittedNeuron) -> Markup:
    """What the neuron does at each step beside the cell, silent steps included."""
    caption = "Spikes per step by its current; filled: held out, open: trained on. Means over repeats and runs."
    return (
        markup('<div class="grid two">{}</div>', picture(predictions.step_counts(fit.steps), caption))
        + tables.step_table(fit.steps)
        + note(
            "Features as eFEL defines them: spike_count_stimint, time_to_first_spike, adaptation_index2 (of four "
            "spikes or more), means over repeats and runs, where half of them have it. The neuron ran freely, also at "
            "steps that it was trained on."
        )
    )


def _preprocessing(fit: FittedNeuron) -> Markup:
    """What was made of the sweeps before any fit, with a figure for each step; nothing where that is not known."""
    done = fit.preprocessing
    if done is None:
        return Markup()
    spikes = (
        "Every training spike as recorded, what tells it from other peaks, and the voltage that a spike leaves behind."
    )
    kernel = "Left: how the voltage answers a current, electrode and membrane together; then what is the electrode's"
    if np.isfinite(done.artefact.mean).any():
        kernel += "; right: the current that was measured around the spikes, with two standard errors"
    drift = "Medians of what a linear cell leaves of the voltage, 1 s each, and the drift."
    small = picture(preprocessing.resampling(fit), "The time steps that are compared.")
    return section(
        "Before the fit",
        facts(preprocessing.settings(fit, done)),
        picture(preprocessing.spikes(fit, done.recorded), spikes, wide=True),
        picture(preprocessing.electrode(done), f"{kernel}.", wide=True),
        markup('<div class="grid two">{}{}</div>', small, picture(preprocessing.drift(done), drift)),
    )


def _mechanisms(fit: FittedNeuron) -> Markup:
    """What a spike looks like and leaves behind."""
    neuron = fit.neuron
    parts = picture(
        mechanisms.spike_shape(fit),
        "The recorded spike. Shaded: what the neuron cuts out, from the first point to the second.",
    )
    lacks = []
    if neuron.has_afterspike_currents:
        caption = "The currents that one spike leaves behind; negative ones hold the neuron back. Shaded: the cut."
        parts += picture(mechanisms.afterspike_currents(neuron), caption)
    else:
        lacks.append("no afterspike currents")
    if neuron.membrane_currents:
        caption = (
            "Gated currents, where the voltage stays; dashed: before they inactivate. Negative ones hold back. Shaded: "
            "voltages between spikes in the training sweeps (1 to 99 %)."
        )
        parts += picture(mechanisms.gated_currents(neuron, visited_voltages(fit.model, fit.train)), caption)
    if moved := movements(neuron, _onset(fit)):
        caption = "How the threshold moves. Shaded: the cut of the spike at 0."
        parts += picture(mechanisms.threshold_components(neuron, moved), caption)
    else:
        lacks.append("a threshold that nothing moves")
    return markup('<div class="grid two">{}</div>', parts) + (
        note(f"This level has {' and '.join(lacks)}.") if lacks else Markup()
    )


def _onset(fit: FittedNeuron) -> float:
    """The median membrane voltage at which the cell's training spikes start, V, relative to El_reference."""
    data = fit.train
    membrane = without_electrode(fit.model, data.voltage[data.forced], data.current[data.forced])
    return float(np.median(membrane)) - float(fit.neuron.El_reference)


def _settings(fit: FittedNeuron) -> Markup:
    """Seconds, settings and versions."""
    seconds = ", ".join(f"{name} {value:.1f}" for name, value in fit.seconds.items() if value >= 0.05)
    return facts(
        {
            "Seconds": f"{sum(fit.seconds.values()):.1f} in all: {seconds}",
            "Settings": f"level {fit.level}, time step {1e3 * fit.train.dt:.4g} ms, seed {fit.seed}",
            "Versions": ", ".join(f"{name} {value}" for name, value in fit.as_dict()["versions"].items()),
        }
    )


def _usage(fit: FittedNeuron, config: str) -> Markup:
    """How to load the neuron."""
    code = (
        f'import glifjax as gj\n\nneuron = gj.read_neuron_config("{config}")\n'
        "trace = gj.simulate(neuron, current, dt)      # current in A, dt in s\n"
        "trace.voltage + neuron.El_reference           # V\n"
        "trace.spikes().times                          # s"
    )
    reader = "; AllenSDK reads it too" if fit.recipe.allensdk else ""
    return markup("<pre>{}</pre>", code) + note(
        f"The command writes {config} beside this page{reader}. It holds the neuron without the electrode, which adds ",
        Markup(
            "R<sub>s</sub> I to a recorded voltage. <code>simulate(..., key=jax.random.key(0))</code> draws spikes "
        ),
        "with escape noise.",
    )
