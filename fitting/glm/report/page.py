"""One page on a fitted network, the unflattering first."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
from markupsafe import Markup

from glifjax import html
from glifjax.io.writing import check_target, write_whole
from glifjax.plots.trace import as_file

from ..fit import Fit
from ..scores import DOUBTFUL, Scores
from ..stability import Stability
from . import network, quality, spikes
from .correlograms import correlograms
from .drawing import Units, strongest_pairs

#: Pairs whose kernels and correlograms are drawn.
PAIRS = 12


def write_report(
    fit: Fit, path: str | Path, title: str, *, events: Sequence[float] | None = None, overwrite: bool = False
) -> str:
    """Write one HTML page that needs nothing else; it appears whole or not at all.

    Args:
        fit: what it is about.
        path: the file.
        title: at its top.
        events: times that responses are drawn around, s; the trials' starts if None and there are several.
        overwrite: whether it may take the place of another file.

    Returns:
        what the page says first.

    Raises:
        InputError: a file that exists, or a folder that does not.
    """
    path = Path(path)
    check_target(path, overwrite)
    score, free = fit.score(), fit.stability()
    write_whole(path, page(fit, score, free, title, events))
    return verdict(score, free)


def page(fit: Fit, score: Scores, free: Stability, title: str, events: Sequence[float] | None) -> str:
    """The page of a fit, its scores and its free runs; other arguments as `write_report`'s."""
    units = Units(fit.data)
    body = html.join(
        [
            html.header("glifjax glm", title, html.markup('<p class="verdict">{}</p>', verdict(score, free))),
            html.warnings([*fit.warnings, *score.warnings]),
            html.section("The fit", html.facts(_facts(fit, score))),
            html.section(
                "Does it predict?",
                html.note(
                    "Bits on time that it was not fitted to, and intervals between spikes there, rescaled by the "
                    "predicted rates: of a true model they are uniform, and stay within the grey band."
                ),
                _grid((quality.bits(score, units), "held-out bits a spike"), (quality.rescaled(score, units), "KS")),
            ),
            html.section(
                "May it be simulated?",
                html.note("Free runs from silence, without a stimulus, beside what was recorded."),
                _grid(
                    (spikes.rates(fit.data, units, free), "rates of free runs beside recorded ones"),
                    (spikes.population(fit.data, free), "mean rate over time, recorded and free"),
                ),
                _wide((spikes.raster(fit.data, units, free), "spikes, recorded and of a free run")),
            ),
            html.section("Spikes", *_spikes(fit, units, free, events)),
            html.section("Network", *_network(fit, units)),
            html.section("Units", _table(fit, score, free, units)),
        ]
    )
    style = (files("fitting.report") / "style.css").read_text(encoding="utf-8")
    return html.document(f"{title} · glifjax glm", style, body)


def verdict(score: Scores, free: Stability) -> str:
    """What is to be known first, the unflattering before the rest."""
    runs = len(free.unstable)
    away = int(free.unstable.sum())
    doubtful = int(np.sum(score.ks_probability < DOUBTFUL))
    worse = int(np.sum(score.neurons < 0))
    parts = []
    if away:
        parts.append(f"{away} of {runs} free runs ran away: do not simulate it.")
    if worse:
        parts.append(f"{worse} of {len(score.neurons)} units are predicted worse than by a constant rate.")
    if doubtful:
        parts.append(f"Rescaled intervals of {doubtful} of {len(score.neurons)} units are not uniform.")
    parts.append(f"{score.bits_per_spike:.3f} bits a spike on held-out time.")
    if not away:
        parts.append(f"Free runs fire at {free.rates.mean():.2f} Hz a unit, the data at {free.recorded.mean():.2f} Hz.")
    return " ".join(parts)


def _facts(fit: Fit, score: Scores) -> dict[str, str]:
    data = fit.data
    seconds = len(data.counts) * data.dt
    counts = {region: data.regions.count(region) for region in sorted(set(data.regions))}
    regions = ", ".join(f"{count} {region}" for region, count in counts.items() if region)
    shares = ", ".join(f"{name} {value:+.3f}" for name, value in score.shares.items())
    return {
        "Units": f"{len(data.units)}{f' ({regions})' if regions else ''}",
        "Spikes": f"{int(data.spikes.sum()):,} in {seconds:,.0f} s, {data.rates.mean():.2f} Hz a unit",
        "Bin": f"{1e3 * data.dt:g} ms",
        "Link": type(fit.model.link).__name__,
        "Prior": str(fit.prior),
        "Bits a spike that each part adds": shares,
    } | {name: f"{value:.4g} ± {error:.2g}" for name, (value, error) in fit.shared.items()}


def _spikes(fit: Fit, units: Units, free: Stability, events: Sequence[float] | None) -> list[Markup]:
    data = fit.data
    starts = data.starts * data.dt if events is None and len(data.starts) > 1 else events
    parts = [_wide((spikes.intervals(data, units, free), "interspike intervals"))]
    if starts is not None and len(starts):
        drawn = spikes.responses(data, units, fit.responses(), np.asarray(starts, float))
        if drawn is not None:
            words = "Rates around events, recorded and predicted from the recorded past."
            parts += [html.note(words), _wide((drawn, "rates around events"))]
    pairs = _pairs(fit)
    if pairs:
        words = "Cross-correlograms of the pairs whose kernels are clearest; free runs that ran away are left out."
        parts += [html.note(words), _wide((correlograms(data, units, free, pairs), "cross-correlograms"))]
    return parts


def _network(fit: Fit, units: Units) -> list[Markup]:
    kernels, pairs = fit.kernels, _pairs(fit)
    parts = [
        html.note("A dot, and an arrow: the 90 % interval leaves out zero."),
        _grid((network.matrix(kernels, units), "weights"), (network.graph(kernels, units), "weights as a graph")),
    ]
    if pairs:
        words = (
            "What a spike multiplies the other's rate by (of a logit, its odds), with 90 % bands: the clearest pairs."
        )
        parts += [html.note(words), _wide((network.gains(kernels, units, pairs), "coupling kernels as gain"))]
    if fit.model.own is not None:
        words = "The same of each unit's own spikes."
        parts += [html.note(words), _wide((network.own_gains(kernels, units), "own-spike kernels as gain"))]
    return parts


def _pairs(fit: Fit) -> Sequence[tuple[int, int]]:
    return strongest_pairs(fit.kernels.sums, fit.kernels.sum_errors, PAIRS)


def _table(fit: Fit, score: Scores, free: Stability, units: Units) -> Markup:
    names = ("region", "spikes", "rate (Hz)", "free runs (Hz)", "held-out bits a spike", "KS p")
    head = html.markup("<th>unit</th>{}", html.join(html.markup("<th>{}</th>", name) for name in names))
    rows = []
    for unit, name in zip(units.order, units.names, strict=True):
        p = score.ks_probability[unit]
        values = (
            fit.data.regions[unit],
            f"{int(fit.data.spikes[unit]):,}",
            f"{fit.data.rates[unit]:.2f}",
            f"{np.median(free.rates[:, unit]):.2f}",
            f"{score.neurons[unit]:.3f}",
            f"{p:.2g}" if np.isfinite(p) else "",
        )
        cells = html.join(html.markup("<td>{}</td>", value) for value in values)
        rows.append(html.markup("<tr><th>{}</th>{}</tr>", name, cells))
    return html.table(head, rows)


def _figure(drawn, words: str) -> Markup:
    return html.markup("<figure>{}</figure>", html.image(as_file(drawn, dpi=130), "png", words))


def _grid(*figures) -> Markup:
    return html.markup('<div class="grid two">{}</div>', html.join(_figure(*one) for one in figures))


def _wide(one) -> Markup:
    return html.markup('<div class="scroll wide">{}</div>', _figure(*one))
