"""The report's tables: scores, scores by level, parameters."""

import math
from collections.abc import Sequence
from html import escape

from ..example.cell import true_parameters
from ..fitted import FittedNeuron
from ..model.parameters import parameters
from .figures import DATA, HARD, NOISE
from .words import COLUMNS, KEY, SCORES, TRADE_OFFS, called, doubtful, show_number, show_score


def score_table(fit: FittedNeuron) -> str:
    """The table of scores; what is missing is a dash, with its reason in a footnote."""
    marks: dict[str, int] = {}
    rows = []
    for key, (label, meaning, of_one) in SCORES.items():
        values = {kind: getattr(fit.scores, kind)[key] for kind in COLUMNS}
        row = f"<th>{label}<small>{meaning}</small></th>"
        for kind, value in values.items():
            shown = show_score(value)
            if not math.isfinite(value):
                reason = fit.scores.reasons[f"{kind}.{key}"]
                mark = marks.setdefault(reason, len(marks) + 1)
                shown = f'<abbr title="{escape(reason)}">–<sup>{mark}</sup></abbr>'
            row += f'<td class="{kind}">{shown}</td>'
        rows.append(f'<tr>{row}<td class="bars">{_bars(values) if of_one else ""}</td></tr>')
    head = "".join(f'<th class="{kind}">{title}</th>' for kind, title in COLUMNS.items())
    notes = "".join(f"<br><sup>{mark}</sup> {escape(reason)}" for reason, mark in marks.items())
    return (
        _table(f'<th></th>{head}<th class="bars text">0 to 1, | the cell itself</th>', rows)
        + f'<p class="note">{KEY}; the cell itself: one of its repeats as the model of the others. 1 is full '
        f"marks, but for bits per spike (more is better) and the voltage error (less is better).{notes}</p>"
    )


def _bars(values: dict[str, float]) -> str:
    """Two bars and a mark on a scale from 0 to 1."""
    noise, hard, cell = (100 * min(max(v, 0.0), 1.0) if math.isfinite(v) else None for v in values.values())
    mark = "" if cell is None else f'<rect x="{min(cell, 99.2):.1f}" y="1" width=".8" height="24" fill="{DATA}"/>'
    return (
        '<svg viewBox="0 0 100 26" preserveAspectRatio="none" aria-hidden="true">'
        '<rect y="4" width="100" height="18" fill="#f1f1f1"/>'
        f'<rect y="5" width="{noise or 0:.1f}" height="8" fill="{NOISE}"/>'
        f'<rect y="14" width="{hard or 0:.1f}" height="7" fill="{HARD}"/>{mark}</svg>'
    )


def level_table(fits: Sequence[FittedNeuron], preferred: str) -> str:
    """The table of scores by level, with escape noise; last, the cell itself."""
    lines = []
    for fit in fits:
        validation = fit.validation
        bits = (validation.training_bits, validation.bits) if validation else (math.nan, math.nan)
        numbers = "".join(
            f"<td>{show_score(value)}</td>" for value in (*bits, *(fit.scores.test[key] for key in SCORES))
        )
        css = "test preferred" if fit.level == preferred else "test"
        lines.append(f'<tr class="{css}"><th>{escape(fit.level)}</th>{numbers}</tr>')
    ceiling = "".join(f"<td>{show_score(fits[-1].scores.ceiling[key])}</td>" for key in SCORES)
    lines.append(f'<tr class="ceiling"><th>{COLUMNS["ceiling"]}</th><td>–</td><td>–</td>{ceiling}</tr>')
    bits = ("Bits per spike, training", "Bits per spike, cross-validated")
    head = "".join(f"<th>{label}</th>" for label in (*bits, *(label for label, _, _ in SCORES.values())))
    return _table(f"<th>Level</th>{head}", lines)


def parameter_table(fit: FittedNeuron) -> str:
    """The table of parameters, beside the true ones where the recording is simulated."""
    fitted = parameters(fit.model)
    true = true_parameters(fit.recording) or {}
    simulated = bool(true)
    rows = []
    for name, entry in {**true, **fitted}.items():
        symbol, meaning = called(name)
        value, true_value = (float(side[name]["value"]) if name in side else math.nan for side in (fitted, true))
        beside = f"<td>{show_number(true_value)}</td><td>{_deviation(value, true_value)}</td>" if simulated else ""
        rows.append(
            f'<tr><th>{symbol}</th><td class="text"><code>{escape(name)}</code></td>'
            f"<td>{show_number(value)}</td>{_error(fit, name)}{beside}"
            f'<td class="text">{escape(entry["unit"])}</td><td class="text">{meaning}</td></tr>'
        )
    extra = "<th>±</th>" * (fit.uncertainty is not None) + "<th>True</th><th>Off by</th>" * simulated
    table = _table(
        f'<th>Symbol</th><th class="text">Name</th><th>Fitted</th>{extra}<th class="text">Unit</th>'
        '<th class="text">Meaning</th>',
        rows,
    )
    notes = [*([TRADE_OFFS] if simulated else []), *(doubtful(fit.uncertainty) if fit.uncertainty else [])]
    return table + "".join(f'<p class="note">{note}</p>' for note in notes)


def _error(fit: FittedNeuron, name: str) -> str:
    """The cell that holds a parameter's standard error; a dash where it is measured or chosen, not fitted."""
    known = fit.uncertainty
    if known is None:
        return ""
    if name not in known.names:
        return "<td>–</td>"
    i = known.names.index(name)
    low, high = (show_number(end) for end in known.intervals[i])
    return f'<td><abbr title="90 %: {low} … {high}">{show_number(known.errors[i], 2)}</abbr></td>'


def _deviation(value: float, true: float) -> str:
    """How far off a fitted value is, in per cent of the true one."""
    if not (math.isfinite(value) and math.isfinite(true)) or true == 0:
        return "–"
    return f"{100 * (value - true) / abs(true):+.1f} %".replace("-", "−")


def _table(head: str, rows: Sequence[str]) -> str:
    body = "".join(rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
