"""The report: one self-contained HTML page from which a person judges fitted neurons."""

import json
import math
import re
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

import glifjax as gj
from fitting import figures
from fitting.data import FitData
from fitting.figures import DATA, HARD, NOISE
from fitting.fit import Fit, parameters
from fitting.protocols import Part

#: Of each score: what a person calls it, what it says, and whether 1 is full marks.
SCORES = {
    "md_star_4ms": ("Md*, 4 ms", "Spikes that coincide within 4 ms, beside how well runs agree.", True),
    "md_star_8ms": ("Md*, 8 ms", "The same within 8 ms.", True),
    "gamma_4ms": ("Γ, 4 ms", "Coincidences within 4 ms, pair by pair; 0 is chance.", True),
    "evr_10ms": ("EVr, 10 ms", "Explained share of the cell's explainable rate (10 ms Gaussian).", True),
    "evr_single_10ms": ("EVr single, 10 ms", "The same for one run at a time.", True),
    "bits_per_spike": ("Bits per spike", "What the hazard tells of each spike beyond the mean rate.", False),
    "subthreshold_rmse_mv": ("Voltage error (mV)", "RMS between spikes, recorded spikes forced.", False),
    "subthreshold_explained_variance": ("Voltage explained", "Share of that voltage's variance.", True),
}
COLUMNS = {"test": "Escape noise", "deterministic": "Hard threshold", "ceiling": "The cell itself"}
KEY = (
    '<span class="test">Escape noise</span>: a soft threshold, scores are means over many runs; '
    '<span class="deterministic">hard threshold</span>: the same neuron without noise'
)
#: Held-out stimuli whose spikes are shown.
RASTERS = 3
#: Why a score may be missing where the fit gives no reason of its own.
MISSING = {
    "ceiling.bits_per_spike": "a repeat of the cell has no likelihood",
    "deterministic.bits_per_spike": "a hard threshold gives no probability of a spike",
    "ceiling.subthreshold_rmse_mv": "it takes two repeats of one stimulus that are silent at the same time",
    "ceiling.subthreshold_explained_variance": "not computed between repeats",
}
#: Of each parameter: symbol (HTML) and meaning.
PARAMETERS = {
    "C": ("C", "membrane capacitance"),
    "R_input": ("R", "input resistance"),
    "tau_m": ("τ<sub>m</sub>", "membrane time constant, R C"),
    "El_reference": ("E<sub>L</sub>", "resting potential"),
    "series_resistance": ("R<sub>s</sub>", "left of the electrode by the bridge balance; not the neuron's"),
    "th_inf": ("θ<sub>∞</sub>", "threshold at rest"),
    "spike_cut": ("δt", "how long a spike is cut out"),
    "spike_latency": ("t<sub>lat</sub>", "from the model's spike to the recorded one's upstroke"),
    "delta_v": ("Δ<sub>V</sub>", "softness of the threshold (escape noise)"),
    "lambda0": ("λ<sub>0</sub>", "rate of spikes at the threshold (escape noise)"),
    "reset_slope": ("f<sub>v</sub>", "voltage after a spike per voltage before it"),
    "reset_intercept": ("δV", "voltage added at the reset"),
    "a_spike": ("δθ<sub>s</sub>", "what a spike adds to the threshold"),
    "b_spike": ("b<sub>s</sub>", "rate at which that decays"),
    "a_voltage": ("a<sub>v</sub>", "how strongly the voltage drags the threshold along"),
    "b_voltage": ("b<sub>v</sub>", "rate at which that decays"),
    "asc_amp": ("δI", "what a spike adds to afterspike current"),
    "asc_tau": ("τ", "time constant of afterspike current"),
}
STYLE = f"""
:root {{ color-scheme: light; --ink: #222; --soft: #666; --line: #ddd;
  --data: {DATA}; --noise: {NOISE}; --hard: {HARD}; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; padding: 2.2rem 1.5rem 4rem; max-width: 1110px; color: var(--ink); background: #fff;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }}
h1 {{ font-size: 1.9rem; line-height: 1.2; margin: 0 0 1rem; overflow-wrap: anywhere; }}
h2 {{ font-size: 1.15rem; margin: 2.6rem 0 .6rem; }}
.kicker, figcaption, small, .note {{ color: var(--soft); font-size: .86rem; }}
.kicker {{ margin: 0 0 .2rem; }}
.verdict {{ font-size: 1.2rem; line-height: 1.45; margin: 1rem 0 1.2rem; max-width: 54rem; }}
.banner {{ border-left: 4px solid #009e73; background: #eef8f4; padding: .6rem 1rem; margin: 1rem 0; }}
.warning {{ border-left: 4px solid #e69f00; background: #fdf6e7; padding: .6rem 1rem; margin: 1rem 0; }}
.warning ul {{ margin: 0; padding-left: 1.1rem; }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.2rem; margin: 0; }}
dt {{ color: var(--soft); }} dd {{ margin: 0; overflow-wrap: anywhere; }}
.scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }}
th {{ overflow-wrap: normal; }} th, td {{ text-align: right; padding: .42rem .7rem;
  border-bottom: 1px solid var(--line); vertical-align: top; }}
thead th {{ font-weight: 600; font-size: .86rem; border-bottom: 1.5px solid #999; vertical-align: bottom; }}
th:first-child, td.text, th.text {{ text-align: left; padding-left: 0; }}
td.text {{ padding-left: .7rem; }}
tbody th {{ font-weight: 500; }} tbody td {{ white-space: nowrap; }}
td.text:last-child {{ white-space: normal; }} th small {{ display: block; font-weight: 400; line-height: 1.35; }}
.test {{ color: var(--noise); }} .deterministic {{ color: var(--hard); }} .ceiling {{ color: var(--data); }}
code {{ font-size: .84em; color: var(--soft); }}
abbr {{ text-decoration: none; cursor: help; }} sup {{ line-height: 0; font-size: .7em; }}
.bars {{ width: 24%; min-width: 130px; }} .bars svg {{ display: block; width: 100%; height: 26px; }}
figure {{ margin: 0 0 1.4rem; }} figure img {{ display: block; width: 100%; height: auto; }}
.wide img {{ min-width: 720px; }}
.grid {{ display: grid; gap: 0 1.6rem; }}
.two {{ grid-template-columns: repeat(auto-fit, minmax(min(100%, 380px), 1fr)); }}
.three {{ grid-template-columns: repeat(auto-fit, minmax(min(100%, 290px), 1fr)); }}
pre {{ background: #f6f6f6; padding: .8rem 1rem; overflow-x: auto; font-size: .86rem; }}
details.level {{ border-top: 1.5px solid #999; margin-top: 1.6rem; padding-top: .8rem; }}
details.level > summary {{ font-size: 1.4rem; font-weight: 600; cursor: pointer; }}
@media (max-width: 640px) {{
  body {{ padding: 1.2rem 1rem 3rem; }} h1 {{ font-size: 1.5rem; }} .verdict {{ font-size: 1.08rem; }}
  dl {{ grid-template-columns: 1fr; gap: 0; }} dd {{ margin-bottom: .5rem; }}
  .bars {{ display: none; }} td.text:last-child {{ min-width: 11rem; }}
  th, td {{ padding: .4rem .35rem; font-size: .9rem; }}
}}
@media print {{
  body {{ max-width: none; padding: 0; font-size: 10.5pt; }} .scroll {{ overflow: visible; }}
  .wide img {{ min-width: 0; }}
  figure, tr, .warning, .banner {{ break-inside: avoid; }} h2 {{ break-after: avoid; }}
  * {{ print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
  details::details-content {{ content-visibility: visible; height: auto; }}
}}
"""


def write_report(fits: Sequence[Fit], path: str | Path) -> None:
    """Write the report on fits of one recording, one for each level: one HTML page without outside resources.

    Args:
        fits: at least one; several are shown in the order of their levels, the last one open.
        path: the file to write; one that exists is replaced.

    Raises:
        ValueError: no fits.
    """
    if not fits:
        raise ValueError("there is no fit to report; give at least one")
    order = {level: place for place, level in enumerate(gj.LEVELS)}
    fits = sorted(fits, key=lambda fit: order.get(fit.level, len(order)))
    body = _header(fits)
    if len(fits) == 1:
        body += _details(fits[0], "neuron_config.json")
    else:
        body += _comparison(fits)
        for fit in fits:
            own = [line for line in fit.warnings if any(line not in other.warnings for other in fits)]
            body += (
                f'<details class="level"{" open" if fit is fits[-1] else ""}><summary>{escape(fit.level)}'
                f'</summary><p class="verdict">{_verdict(fit)}</p>{_warnings(own)}'
                f"{_details(fit, f'neuron_config_{fit.level}.json')}</details>"
            )
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(fits[0].recording.name)} · glifjax fit</title><style>{STYLE}</style></head>\n"
        f"<body>{body}</body></html>\n"
    )
    Path(path).write_text(page, encoding="utf-8")


# ------------------------------------------------------------------------------------------ what comes first


def _header(fits: Sequence[Fit]) -> str:
    fit, recording = fits[0], fits[0].recording
    levels = escape(", ".join(fit.level for fit in fits))
    description = recording.session_description or ""
    banner = (
        '<div class="banner"><strong>Simulated cell.</strong> This recording was made by a model, not by a '
        "real "
        "cell; the parameters that made it stand beside the fitted ones.</div>"
    )
    facts = {
        "File": escape(recording.path.name),
        "Description": escape("" if description.upper() == "PLACEHOLDER" else description),
        "Level" if len(fits) == 1 else "Levels": levels,
        "Trained on": _sweeps(fit.split.train, [fit.train]),
        "Held out": _sweeps([part for group in fit.split.test for part in group], fit.test),
        "Why these": escape("; ".join(fit.split.reasons)),
    }
    return (
        f'<header><p class="kicker">glifjax fit</p><h1>{escape(recording.name)} · {levels}</h1>'
        + (banner if _truth(recording)[0] else "")
        + (f'<p class="verdict">{_verdict(fit)}</p>' if len(fits) == 1 else "")
        + _facts(facts)
        + _warnings([line for line in fit.warnings if all(line in other.warnings for other in fits)])
        + "</header>"
    )


def _verdict(fit: Fit) -> str:
    """A plain sentence or two, built from the numbers."""
    if not fit.test:
        return (
            "Nothing was held out, so how well this neuron predicts is not known; "
            "the figures show the data that it was trained on."
        )
    count, test = sum(len(group.numbers) for group in fit.test), fit.scores.test
    what = "sweep" if count == 1 else "repeats" if len(fit.test) == 1 else "sweeps"
    score, ceiling = test["md_star_4ms"], fit.scores.ceiling["md_star_4ms"]
    text = f"On {count} held-out {what} "
    if math.isnan(score):
        text += "there are too few spikes, of the cell or of the neuron, to score."
    elif math.isnan(ceiling):
        text += (
            f"the neuron predicts spikes with Md* {_score(score)}; how well the cell would predict itself "
            "cannot be said without three repeats of one stimulus."
        )
    else:
        text += (
            f"the neuron predicts spikes with Md* {_score(score)}, where one repeat of the cell predicts "
            f"the others with {_score(ceiling)}."
        )
    error, explained = test["subthreshold_rmse_mv"], test["subthreshold_explained_variance"]
    if math.isfinite(error) and explained > 0:
        text += f" Between spikes it follows the voltage to {_number(error, 2)} mV (RMS), "
        text += f"{100 * explained:.0f} % of the variance."
    return text


def _sweeps(parts: Sequence[Any], data: Sequence[FitData]) -> str:
    """Numbers, protocols, duration and spikes of sweeps, in words."""
    if not parts:
        return "nothing"
    runs: list[list[int]] = []
    for number in sorted({part.number for part in parts}):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    ranges = ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)
    cuts = {f"{p.start / p.rate:g}–{p.stop / p.rate:g} s of it" for p in parts if isinstance(p, Part)}
    protocols = ", ".join(sorted({part.protocol for part in parts}))
    seconds, spikes = sum(part.duration for part in data), sum(part.n_spikes for part in data)
    pieces = [f"sweep{'s' if len(parts) > 1 else ''} {ranges}", *sorted(cuts), protocols]
    return escape(" · ".join(filter(None, [*pieces, f"{seconds:.4g} s, {spikes} spikes"])))


def _warnings(lines: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<div class="warning"><ul>{items}</ul></div>' if lines else ""


def _comparison(fits: Sequence[Fit]) -> str:
    """Scores by level, as a table and as a figure."""
    rows = [(escape(fit.level), "test", fit.scores.test) for fit in fits]
    rows.append((COLUMNS["ceiling"], "ceiling", fits[-1].scores.ceiling))
    table = [
        f'<tr class="{css}"><th>{title}</th>'
        + "".join(f"<td>{_score(scores.get(key, math.nan))}</td>" for key in SCORES)
        + "</tr>"
        for title, css, scores in rows
    ]
    shown = ("md_star_4ms", "evr_10ms", "bits_per_spike", "subthreshold_rmse_mv")
    figure = figures.scores_by_level(fits, [(key, SCORES[key][0]) for key in shown])
    head = "".join(f"<th>{label}</th>" for label, _, _ in SCORES.values())
    return (
        f"<section><h2>Levels compared</h2>{_table(f'<th>Level</th>{head}', table)}"
        '<p class="note">With escape noise, on the held-out sweeps. The page picks no level: whoever picks '
        "one by "
        "these scores has spent the held-out sweeps, and needs others to say how well it predicts.</p>"
        + _figure(figure, f"{KEY}; dashed: the cell itself.", wide=True)
        + "</section>"
    )


# ------------------------------------------------------------------------------------------------- one level


def _details(fit: Fit, config: str) -> str:
    """All that is said of one level, whose neuron lies in the file `config`."""
    runs = figures.run(fit)
    held = "Held-out" if fit.test else "Training"
    sweep = f"{held} sweep {runs.data.numbers[runs.sweep]}"
    voltage = _figure(
        figures.voltage(runs),
        f"{sweep}, a stretch with more spikes than most: the neuron runs freely from the sweep's first "
        f"voltage. "
        "The recorded voltage is shown less the drop over the electrode. Vertical lines are the neuron's "
        "spikes, "
        "whose voltage it cuts out.",
        wide=True,
    ) + _figure(
        figures.close_up(runs),
        f"Between spikes. Left: {sweep.lower()}, the neuron's spikes forced to where the cell's were. "
        f"Right: the "
        f"error between spikes in all {held.lower()} sweeps.",
        wide=True,
    )
    groups = sorted(zip(fit.scores.trains, fit.test, strict=True), key=lambda pair: -pair[1].n_spikes)
    rasters = "".join(
        _figure(
            figures.raster(trains, data),
            f"Spikes in sweep{'s' if len(data.numbers) > 1 else ''} {', '.join(map(str, data.numbers))} and "
            f"in "
            f"{len(trains[1])} runs with escape noise; below, their rate (10 ms Gaussian).",
            wide=True,
        )
        for trains, data in groups[:RASTERS]
    )
    if len(groups) > RASTERS:
        rasters += f'<p class="note">The {RASTERS} of {len(groups)} held-out stimuli with most spikes.</p>'
    stages = "".join(_figure(figures.convergence(stage)) for stage in fit.stages)
    return (
        _section("Scores", _scores(fit))
        + _section(f"{held} voltage", voltage)
        + (_section("Held-out spikes", rasters) if rasters else "")
        + _section("What a spike does", _mechanisms(fit))
        + _section("Parameters", _parameters(fit))
        + _section(
            "How the fit went",
            '<p class="note">Each stage\'s objective by iteration; the larger dot is the best.</p>'
            f'<div class="grid three">{stages}</div>{_settings(fit)}',
        )
        + _section("Use the neuron", _usage(config))
    )


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>"


def _mechanisms(fit: Fit) -> str:
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
    if neuron.has_reset_rules:
        caption = "How the threshold moves. Shaded: the cut of the spike at 0."
        parts += _figure(figures.threshold_components(neuron), caption)
    else:
        lacks.append("a threshold that nothing moves")
    note = f'<p class="note">This level has {" and ".join(lacks)}.</p>' if lacks else ""
    return f'<div class="grid two">{parts}</div>{note}'


def _scores(fit: Fit) -> str:
    """The table of scores; what is missing is a dash, with its reason in a footnote."""
    marks: dict[str, int] = {}
    rows = []
    for key, (label, meaning, of_one) in SCORES.items():
        values = {kind: getattr(fit.scores, kind).get(key, math.nan) for kind in COLUMNS}
        row = f"<th>{label}<small>{meaning}</small></th>"
        for kind, value in values.items():
            shown = _score(value)
            if not math.isfinite(value):
                reason = _reason(fit, f"{kind}.{key}")
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


def _reason(fit: Fit, name: str) -> str:
    """Why a score is missing."""
    if not fit.test:
        return "nothing was held out"
    return fit.scores.reasons.get(name) or MISSING.get(name, "not defined for these sweeps: too few spikes")


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


def _parameters(fit: Fit) -> str:
    """The table of parameters, beside the true ones where the recording is simulated."""
    fitted = parameters(fit.model)
    simulated, true = _truth(fit.recording)
    rows = []
    for name, entry in {**true, **fitted}.items():
        stem, _, index = name.rpartition("_")
        if index.isdigit() and stem in PARAMETERS:
            symbol, meaning = (
                f"{text}{end}" for text, end in zip(PARAMETERS[stem], (f"<sub>{index}</sub>", f" {index}"), strict=True)
            )
        else:
            symbol, meaning = PARAMETERS.get(name, (escape(name), ""))
        value, truth = (float(side[name]["value"]) if name in side else math.nan for side in (fitted, true))
        beside = f"<td>{_number(truth)}</td><td>{_deviation(value, truth)}</td>" if simulated else ""
        rows.append(
            f'<tr><th>{symbol}</th><td class="text"><code>{escape(name)}</code></td><td>{_number(value)}</td>'
            f'{beside}<td class="text">{escape(entry["unit"])}</td><td class="text">{meaning}</td></tr>'
        )
    extra = "<th>True</th><th>Off by</th>" if simulated else ""
    return _table(
        f'<th>Symbol</th><th class="text">Name</th><th>Fitted</th>{extra}<th class="text">Unit</th>'
        '<th class="text">Meaning</th>',
        rows,
    )


def _deviation(value: float, truth: float) -> str:
    if not (math.isfinite(value) and math.isfinite(truth)) or truth == 0:
        return "–"
    return f"{100 * (value - truth) / abs(truth):+.1f} %".replace("-", "−")


def _truth(recording: gj.Recording) -> tuple[bool, dict[str, dict[str, Any]]]:
    """Whether a recording says that it is simulated, and the parameters it was simulated with."""
    try:
        notes = json.loads(recording.notes or "")
    except ValueError:
        return False, {}
    simulated = isinstance(notes, dict) and notes.get("simulated") is True
    return simulated, notes.get("true_parameters", {}) if simulated else {}


def _settings(fit: Fit) -> str:
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


def _usage(config: str) -> str:
    """How to load the neuron."""
    return (
        f'<pre>import glifjax as gj\n\nneuron = gj.read_neuron_config("{escape(config)}")\n'
        "trace = gj.simulate(neuron, current, dt)      # current in A, dt in s\n"
        "trace.voltage + neuron.El_reference           # V\n"
        "trace.spikes().times                          # s</pre>"
        f'<p class="note">The command writes {escape(config)} beside this page; AllenSDK reads it too. It '
        f"holds the "
        "neuron without the electrode, which adds R<sub>s</sub> I to a recorded voltage. "
        "<code>simulate(..., key=jax.random.key(0))</code> draws spikes with escape noise.</p>"
    )


# ------------------------------------------------------------------------------------------- building blocks


def _table(head: str, rows: Sequence[str]) -> str:
    body = "".join(rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _facts(facts: dict[str, str]) -> str:
    items = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts.items() if value)
    return f"<dl>{items}</dl>"


def _figure(figure: Figure, caption: str = "", wide: bool = False) -> str:
    """A figure as an image inside the page; a wide one scrolls in a narrow window."""
    raw, small = BytesIO(), BytesIO()
    figure.savefig(raw, format="png", dpi=200)
    # few colours make an image of lines three times as small
    Image.open(raw).convert("RGB").quantize(96).save(small, "PNG", optimize=True)
    data = b64encode(small.getvalue()).decode()
    words = escape(re.sub("<.*?>", "", caption)) or "figure"
    return (
        f'<figure{" class=wide" if wide else ""}><div class="scroll">'
        f'<img src="data:image/png;base64,{data}" '
        f'alt="{words}"></div><figcaption>{caption}</figcaption></figure>'
    )


def _score(value: float) -> str:
    return f"{value:.2f}".replace("-", "−") if math.isfinite(value) else "–"


def _number(value: float, digits: int = 3) -> str:
    """A number as a person writes it, a dash for none."""
    if not math.isfinite(value):
        return "–"
    size = math.floor(math.log10(abs(value))) if value else 0
    return f"{value:,.{min(max(digits - 1 - size, 0), 6)}f}".replace("-", "−")
