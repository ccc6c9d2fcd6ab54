"""The gallery's page: one HTML file that needs nothing else."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from html import escape
from importlib.resources import files

from glifjax.patterns.page.equations import MODEL, RESETS, mathml, pattern_equations, symbol
from glifjax.patterns.page.figures import painter
from glifjax.patterns.page.parameters import elements
from glifjax.patterns.page.runs import Entry, Result, Shown
from glifjax.patterns.page.words import code, measured, number, stimulus_words
from glifjax.plots import THRESHOLD, VOLTAGE

#: Draws a run as SVG.
Paint = Callable[[Shown], str]
KINDS = {"claim": "Claim", "control": "Control", "robust": "Also"}
HOLDS = {True: '<td class="holds">✓ holds</td>', False: '<td class="fails">✗ does not hold</td>'}
SOURCE = (
    'Ş. Mihalaş and E. Niebur, "A generalized linear integrate-and-fire neural model produces diverse spiking '
    'behaviors", Neural Computation 21:704, 2009'
)
VARIANTS = {
    "paper": f"Parameters: {SOURCE}.",
    "notebook": f"Model: {SOURCE}. Parameters: BrainPy's example Niebur_2009_GIF.",
}


def page(entries: Sequence[Entry]) -> str:
    """The page on one or more patterns: a panel each, which opens what is known of it.

    Args:
        entries: as `run_gallery` gives them, all of one variant.
    """
    colours = f":root {{ --voltage: {VOLTAGE}; --threshold: {THRESHOLD}; }}\n"
    style = colours + (files("glifjax.patterns.page") / "style.css").read_text(encoding="utf-8")
    title = "Twenty firing patterns of one neuron" if len(entries) == 20 else "Firing patterns of one neuron"
    with painter() as paint:
        patterns = "".join(_pattern(entry, paint, is_open=len(entries) == 1) for entry in entries)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title} · glifjax gallery</title><style>{style}</style></head>\n"
        f'<body><header><p class="kicker">glifjax gallery</p><h1>{title}</h1>{_header(entries)}</header>\n'
        f'<main class="grid">{patterns}</main></body></html>\n'
    )


def _header(entries: Sequence[Entry]) -> str:
    results = [result for entry in entries for result in entry.results]
    held = sum(result.holds for result in results)
    runs = len({id(run) for result in results for run in result.runs})
    key = "".join(
        f'<span><i class="{name}" aria-hidden="true"></i>{name}</span>'
        for name in ("voltage", "threshold", "spike", "stimulus")
    )
    equations = "".join(map(mathml, MODEL))
    resets = "".join(map(mathml, RESETS))
    return (
        "<p>The Mihalas–Niebur neuron is linear between spikes, so the runs here follow its closed-form solution, and "
        "a spike time is a real number rather than a step. A panel opens with what it claims, a control that shows "
        "what the behaviour rests on, its parameters and equations, and the code that makes it.</p>"
        f'<div class="model"><div>{equations}</div><div><p class="note">at V ≥ Θ, a spike:</p>{resets}</div></div>'
        f"<p>{held} of {len(results)} checks hold, measured in {runs} runs.</p>"
        f'<p class="note">{escape(VARIANTS[entries[0].pattern.variant])}</p><p class="key">{key}</p>'
    )


def _pattern(entry: Entry, paint: Paint, is_open: bool) -> str:
    pattern, image = entry.pattern, _image(entry.shown, entry.pattern.name, paint)
    failing = sum(not result.holds for result in entry.results)
    note = f'<p class="warning">{escape(pattern.note)}</p>' if pattern.note else ""
    verdict = f'<p class="fails">{failing} of {len(entry.results)} checks do not hold</p>' if failing else ""
    return (
        f'<details class="pattern" id="{pattern.slug}"{" open" if is_open else ""}>'
        f"<summary><h2><b>{pattern.letter}</b> {escape(pattern.name)}</h2>{image}"
        f"<p>{escape(pattern.behaviour)}</p>{verdict}</summary>"
        f'<div class="body">{note}{_figures(entry, image, paint)}{_checks(entry.results)}'
        f'<div class="columns"><div>{_parameters(entry)}</div><div>{_equations(entry)}'
        f'<h3>Code</h3><pre tabindex="0"><code>{escape(code(pattern))}</code></pre></div></div></div></details>\n'
    )


def _image(shown: Shown, name: str, paint: Paint) -> str:
    """A run as an image inside the page, with what was measured in words."""
    data, said = b64encode(paint(shown).encode()).decode(), measured(shown)
    words = (
        f"{name}: voltage, threshold and spikes over {number(shown.response.duration)} ms, the stimulus below. "
        f"{said[0].upper()}{said[1:]}."
    )
    return f'<img src="data:image/svg+xml;base64,{data}" width="360" height="230" alt="{escape(words)}">'


def _figures(entry: Entry, image: str, paint: Paint) -> str:
    """The pattern, and every run of its checks that differs from it."""
    others = [(result, run) for result in entry.results for run in result.runs if run is not entry.shown]
    captions = [("The pattern", image, "as it is")] + [
        (
            KINDS[result.kind],
            _image(run, KINDS[result.kind], paint),
            f"{result.check.expects} ({_difference(entry, run)})",
        )
        for result, run in others
    ]
    figures = "".join(
        f"<figure>{picture}<figcaption><b>{name}:</b> {escape(words)}</figcaption></figure>"
        for name, picture, words in captions
    )
    return f'<div class="runs">{figures}</div>'


def _difference(entry: Entry, run: Shown) -> str:
    """What a run has otherwise than its pattern."""
    own, other = (elements(pattern.neuron) for pattern in (entry.pattern, run.pattern))
    changed = [
        f"{name} = {number(element.value)} {element.parameter.unit}".strip()
        for name, element in other.items()
        if element.value != own[name].value
    ]
    if run.pattern.stimulus != entry.pattern.stimulus:
        changed.append(stimulus_words(run.pattern.stimulus))
    return "; ".join(changed)


def _checks(results: Sequence[Result]) -> str:
    rows = "".join(
        f'<tr><th scope="row" class="kind">{KINDS[result.kind]}</th><td>{escape(result.check.expects)}</td>'
        f"<td>{'<br>'.join(escape(measured(run)) for run in result.runs)}</td>{HOLDS[result.holds]}</tr>"
        for result in results
    )
    return (
        '<h3>Claim and control</h3><table class="checks"><thead><tr><th></th><th>expected</th><th>measured</th>'
        f"<th></th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _parameters(entry: Entry) -> str:
    rows = "".join(
        f'<tr{" class=changed" if element.changed else ""}><th scope="row">{symbol(element.symbol)}</th>'
        f"<td>{element.meaning} <code>{element.name}</code></td>"
        f'<td class="value">{number(element.value)} {element.parameter.unit}</td></tr>'
        for element in elements(entry.pattern.neuron).values()
    )
    return (
        f"<h3>Stimulus</h3><p>{stimulus_words(entry.pattern.stimulus)}.</p>"
        "<h3>Parameters</h3>"
        '<table class="parameters"><thead><tr><th></th><th>meaning, name in code</th><th class="value">value</th>'
        f'</tr></thead><tbody>{rows}</tbody></table><p class="note">Bold: not the neuron\'s default.</p>'
    )


def _equations(entry: Entry) -> str:
    dynamics, resets = ("".join(map(mathml, lines)) for lines in pattern_equations(entry.pattern))
    return (
        '<h3>Equations with these numbers</h3><p class="note">In mV, ms and nA, with nF and µS.</p>'
        f'<div class="equations">{dynamics}<p class="note">at V ≥ Θ:</p>{resets}</div>'
    )
