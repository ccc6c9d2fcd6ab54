"""The gallery's page: one HTML file that needs nothing else."""

from collections.abc import Callable, Sequence
from importlib.resources import files

from markupsafe import Markup

from glifjax.html import document, header, image, join, markup, note, variables
from glifjax.patterns.page.equations import MODEL, RESETS, mathml, pattern_equations, symbol
from glifjax.patterns.page.figures import painter
from glifjax.patterns.page.parameters import elements
from glifjax.patterns.page.runs import Entry, Result, Shown
from glifjax.patterns.page.words import code, measured, number, stimulus_words
from glifjax.plots.trace import THRESHOLD, VOLTAGE

#: Draws a run as SVG.
Paint = Callable[[Shown], str]
KINDS = {"claim": "Claim", "control": "Control", "robust": "Also"}
HOLDS = {True: Markup('<td class="holds">✓ holds</td>'), False: Markup('<td class="fails">✗ does not hold</td>')}
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
    title = "Twenty firing patterns of one neuron" if len(entries) == 20 else "Firing patterns of one neuron"
    style = variables(voltage=VOLTAGE, threshold=THRESHOLD)
    style += (files("glifjax.patterns.page") / "style.css").read_text(encoding="utf-8")
    with painter() as paint:
        panels = join(_pattern(entry, paint, is_open=len(entries) == 1) for entry in entries)
    top = header("glifjax gallery", title, _summary(entries))
    body = markup('{}\n<main class="grid">{}</main>', top, panels)
    return document(f"{title} · glifjax gallery", style, body)


def _summary(entries: Sequence[Entry]) -> Markup:
    """The model, how many checks hold, and the key to the figures."""
    results = [result for entry in entries for result in entry.results]
    held = sum(result.holds for result in results)
    runs = len({id(run) for result in results for run in result.runs})
    key = join(
        markup('<span><i class="{0}" aria-hidden="true"></i>{0}</span>', name)
        for name in ("voltage", "threshold", "spike", "stimulus")
    )
    spike = note("at V ≥ Θ, a spike:") + join(map(mathml, RESETS))
    return (
        Markup(
            "<p>The Mihalas–Niebur neuron is linear between spikes, so the runs here follow its closed-form solution, "
            "and a spike time is a real number rather than a step. A panel opens with what it claims, a control that "
            "shows what the behaviour rests on, its parameters and equations, and the code that makes it.</p>"
        )
        + markup('<div class="model"><div>{}</div><div>{}</div></div>', join(map(mathml, MODEL)), spike)
        + markup("<p>{} of {} checks hold, measured in {} runs.</p>", held, len(results), runs)
        + note(VARIANTS[entries[0].pattern.variant])
        + markup('<p class="key">{}</p>', key)
    )


def _pattern(entry: Entry, paint: Paint, is_open: bool) -> Markup:
    """A panel: the pattern at a glance, and all that is to say of it."""
    pattern, picture = entry.pattern, _image(entry.shown, entry.pattern.name, paint)
    failing = sum(not result.holds for result in entry.results)
    verdict = markup('<p class="fails">{} of {} checks do not hold</p>', failing, len(entry.results))
    summary = markup(
        "<summary><h2><b>{}</b> {}</h2>{}<p>{}</p>{}</summary>",
        pattern.letter,
        pattern.name,
        picture,
        pattern.behaviour,
        verdict if failing else "",
    )
    code_shown = markup('<h3>Code</h3><pre tabindex="0"><code>{}</code></pre>', code(pattern))
    body = markup(
        '{}{}{}<div class="columns"><div>{}</div><div>{}{}</div></div>',
        markup('<p class="warning">{}</p>', pattern.note) if pattern.note else "",
        _figures(entry, picture, paint),
        _checks(entry.results),
        _parameters(entry),
        _equations(entry),
        code_shown,
    )
    return markup(
        '<details class="pattern" id="{}"{}>{}<div class="body">{}</div></details>\n',
        pattern.slug,
        Markup(" open") if is_open else "",
        summary,
        body,
    )


def _image(shown: Shown, name: str, paint: Paint) -> Markup:
    """A run as an image inside the page, with what was measured in words."""
    said = measured(shown)
    words = (
        f"{name}: voltage, threshold and spikes over {number(shown.response.duration)} ms, the stimulus below. "
        f"{said[0].upper()}{said[1:]}."
    )
    return image(paint(shown).encode(), "svg+xml", words, size=(360, 230))


def _figures(entry: Entry, picture: Markup, paint: Paint) -> Markup:
    """The pattern, and every run of its checks that differs from it."""
    others = [(result, run) for result in entry.results for run in result.runs if run is not entry.shown]
    captions = [("The pattern", picture, "as it is")] + [
        (
            KINDS[result.kind],
            _image(run, KINDS[result.kind], paint),
            f"{result.check.expects} ({_difference(entry, run)})",
        )
        for result, run in others
    ]
    figures = join(
        markup("<figure>{}<figcaption><b>{}:</b> {}</figcaption></figure>", shown, name, words)
        for name, shown, words in captions
    )
    return markup('<div class="runs">{}</div>', figures)


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


def _checks(results: Sequence[Result]) -> Markup:
    rows = join(
        markup(
            '<tr><th scope="row" class="kind">{}</th><td>{}</td><td>{}</td>{}</tr>',
            KINDS[result.kind],
            result.check.expects,
            join(map(measured, result.runs), Markup("<br>")),
            HOLDS[result.holds],
        )
        for result in results
    )
    return markup(
        '<h3>Claim and control</h3><table class="checks"><thead><tr><th></th><th>expected</th><th>measured</th>'
        "<th></th></tr></thead><tbody>{}</tbody></table>",
        rows,
    )


def _parameters(entry: Entry) -> Markup:
    rows = join(
        markup(
            '<tr{}><th scope="row">{}</th><td>{} <code>{}</code></td><td class="value">{} {}</td></tr>',
            Markup(" class=changed") if element.changed else "",
            symbol(element.symbol),
            element.meaning,
            element.name,
            number(element.value),
            element.parameter.unit,
        )
        for element in elements(entry.pattern.neuron).values()
    )
    return markup(
        '<h3>Stimulus</h3><p>{}.</p><h3>Parameters</h3><table class="parameters"><thead><tr><th></th>'
        '<th>meaning, name in code</th><th class="value">value</th></tr></thead><tbody>{}</tbody></table>{}',
        stimulus_words(entry.pattern.stimulus),
        rows,
        note("Bold: not the neuron's default."),
    )


def _equations(entry: Entry) -> Markup:
    dynamics, resets = (join(map(mathml, lines)) for lines in pattern_equations(entry.pattern))
    return markup(
        '<h3>Equations with these numbers</h3>{}<div class="equations">{}{}{}</div>',
        note("In mV, ms and nA, with nF and µS."),
        dynamics,
        note("at V ≥ Θ:"),
        resets,
    )
