"""The report's tables: scores, scores by level, parameters."""

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup

from glifjax.html import join, markup, note, table

from ..assess.steps import Step
from ..example.cell import true_parameters
from ..fitted import FittedNeuron
from ..model.parameters import parameters
from .colours import DATA, HARD, NOISE
from .words import COLUMNS, KEY, SCORES, TRADE_OFFS, called, doubtful, show_number, show_score


def score_table(fit: FittedNeuron) -> Markup:
    """The table of scores; what is missing is a dash, with its reason in a footnote."""
    marks: dict[str, int] = {}
    rows = []
    bound = {key: value for key, value in fit.scores.bound.items() if math.isfinite(value)}
    for key, (label, meaning, of_one) in SCORES.items():
        values = {kind: getattr(fit.scores, kind)[key] for kind in COLUMNS}
        row = markup("<th>{}<small>{}</small></th>", label, meaning)
        for kind, value in values.items():
            shown = show_score(value)
            if not math.isfinite(value):
                reason = fit.scores.reasons[f"{kind}.{key}"]
                mark = marks.setdefault(reason, len(marks) + 1)
                shown = markup('<abbr title="{}">–<sup>{}</sup></abbr>', reason, mark)
            row += markup('<td class="{}">{}</td>', kind, shown)
        if bound:
            row += markup("<td>{}</td>", show_score(bound[key]) if key in bound else "")
        rows.append(markup('<tr>{}<td class="bars">{}</td></tr>', row, _bars(values) if of_one else ""))
    head = join(markup('<th class="{}">{}</th>', kind, title) for kind, title in COLUMNS.items())
    reasons = join(markup("<br><sup>{}</sup> {}", mark, reason) for reason, mark in marks.items())
    if bound:
        head += Markup("<th>The repeats' consensus</th>")
    head = markup('<th></th>{}<th class="bars text">0 to 1, | the cell itself</th>', head)
    consensus = "; the consensus of the other repeats against each: about the best that is to be had without noise"
    the_cell = f"; the cell itself: one of its repeats as the model of the others{consensus if bound else ''}. "
    return table(head, rows) + note(
        KEY,
        the_cell,
        "1 is full marks, but for bits per spike (more is better) and the voltage error (less is better).",
        reasons,
    )


def _bars(values: dict[str, float]) -> Markup:
    """Two bars and a mark on a scale from 0 to 1."""
    share = lambda value: 100 * min(max(value, 0.0), 1.0) if math.isfinite(value) else None
    noise, silent, cell = (share(values[kind]) for kind in ("test", "deterministic", "ceiling"))
    mark = '<rect x="{:.1f}" y="1" width=".8" height="24" fill="{}"/>'
    return markup(
        '<svg viewBox="0 0 100 26" preserveAspectRatio="none" aria-hidden="true">'
        '<rect y="4" width="100" height="18" fill="#f1f1f1"/>'
        '<rect y="5" width="{:.1f}" height="8" fill="{}"/>'
        '<rect y="14" width="{:.1f}" height="7" fill="{}"/>{}</svg>',
        noise or 0,
        NOISE,
        silent or 0,
        HARD,
        "" if cell is None else markup(mark, min(cell, 99.2), DATA),
    )


def level_table(fits: Sequence[FittedNeuron], preferred: str) -> Markup:
    """The table of scores by level, with escape noise; last, the cell itself, where it is known."""
    lines = []
    for fit in fits:
        validation = fit.validation
        bits = (validation.training_bits, validation.bits) if validation else (math.nan, math.nan)
        numbers = _cells(show_score(value) for value in (*bits, *(fit.scores.test[key] for key in SCORES)))
        css = "test preferred" if fit.level == preferred else "test"
        lines.append(markup('<tr class="{}"><th>{}</th>{}</tr>', css, fit.level, numbers))
    own = [fits[-1].scores.ceiling[key] for key in SCORES]
    if any(map(math.isfinite, own)):
        cells = _cells(("–", "–", *map(show_score, own)))
        lines.append(markup('<tr class="ceiling"><th>{}</th>{}</tr>', COLUMNS["ceiling"], cells))
    bits = ("Bits per spike, training", "Bits per spike, cross-validated")
    titles = ("Level", *bits, *(label for label, _, _ in SCORES.values()))
    return table(join(markup("<th>{}</th>", title) for title in titles), lines)


def _cells(texts: Iterable[str]) -> Markup:
    return join(markup("<td>{}</td>", text) for text in texts)


def step_table(steps: Sequence[Step]) -> Markup:
    """The table of steps by their current, three features of the cell beside those of the neuron."""
    shown = {
        "spike_count_stimint": ("Spikes", 1),
        "time_to_first_spike": ("First spike (ms)", 0),
        "adaptation_index2": ("Adaptation", 3),
    }
    rounded = lambda value, digits: f"{value:.{digits}f}".replace("-", "−") if math.isfinite(value) else "–"
    rows = []
    for step in steps:
        groups = (step.cell, step.noisy, step.alone)
        values = [rounded(group[name], digits) for name, (_, digits) in shown.items() for group in groups]
        sweeps = ", ".join(map(str, step.numbers))
        use = "held out" if step.held_out else "trained on"
        rows.append(
            markup(
                '<tr><th>{}</th><td class="text">{}</td><td class="text">{}</td>{}</tr>',
                show_number(1e12 * step.current),
                sweeps,
                use,
                _cells(values),
            )
        )
    kinds = ("cell", "with noise", "without")
    head = join(markup("<th>{}, {}</th>", title, kind) for title, _ in shown.values() for kind in kinds)
    return table(markup('<th>Step (pA)</th><th class="text">Sweeps</th><th class="text">Use</th>{}', head), rows)


def parameter_table(fit: FittedNeuron) -> Markup:
    """The table of parameters, beside the true ones where the recording is simulated."""
    fitted = parameters(fit.model)
    true = true_parameters(fit.recording) or {}
    rows = []
    for name, entry in {**true, **fitted}.items():
        symbol, meaning = called(name)
        value, true_value = (float(side[name]["value"]) if name in side else math.nan for side in (fitted, true))
        beside = _cells((show_number(true_value), _deviation(value, true_value))) if true else ""
        rows.append(
            markup(
                '<tr><th>{}</th><td class="text"><code>{}</code></td><td>{}</td>{}{}'
                '<td class="text">{}</td><td class="text">{}</td></tr>',
                symbol,
                name,
                show_number(value),
                _error(fit, name),
                beside,
                entry["unit"],
                meaning,
            )
        )
    extra = Markup("<th>±</th><th>90 %</th>") * (fit.uncertainty is not None) + Markup(
        "<th>True</th><th>Off by</th>"
    ) * bool(true)
    head = markup(
        '<th>Symbol</th><th class="text">Name</th><th>Fitted</th>{}<th class="text">Unit</th>'
        '<th class="text">Meaning</th>',
        extra,
    )
    notes = [*([TRADE_OFFS] if true else []), *(doubtful(fit.uncertainty) if fit.uncertainty else [])]
    return table(head, rows) + join(map(note, notes))


def _error(fit: FittedNeuron, name: str) -> Markup:
    """The cells of a parameter's standard error and interval; dashes where it is measured or chosen, not fitted."""
    uncertainty = fit.uncertainty
    if uncertainty is None:
        return Markup()
    if name not in uncertainty.names:
        return Markup("<td>–</td><td>–</td>")
    i = uncertainty.names.index(name)
    low, high = (show_number(end) for end in uncertainty.intervals[i])
    error = show_number(uncertainty.errors[i], 2)
    return markup("<td>{}</td><td>{} … {}</td>", error, low, high)


def _deviation(value: float, true: float) -> str:
    """How far off a fitted value is, in per cent of the true one."""
    if not (math.isfinite(value) and math.isfinite(true)) or true == 0:
        return "–"
    return f"{100 * (value - true) / abs(true):+.1f} %".replace("-", "−")
