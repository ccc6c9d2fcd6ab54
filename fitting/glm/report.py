"""A page on a fitted network: what it predicts, whether it may be simulated, its weights and kernels."""

from importlib.resources import files
from pathlib import Path

import numpy as np

from glifjax import html

from . import figures
from .fit import Fit


def write_report(fit: Fit, path: str | Path, title: str) -> None:
    """Write one HTML page without outside resources; a file that exists is replaced."""
    score, stability = fit.score(), fit.stability()
    size = len(fit.data.units)
    predicts = f"{score.bits_per_spike:.3f} bits a spike on held-out time"
    runs = "Left to itself it fires as the data do." if stability.stable else f"{stability}: do not simulate it."
    verdict = f"{size} neurons, {int(fit.data.spikes.sum()):,} spikes: {predicts}. {runs}"
    facts = {
        "Bin": f"{1e3 * fit.data.dt:g} ms",
        "Link": type(fit.model.link).__name__,
        "Prior": f"ridge {fit.ridge:g}",
        "Recorded": f"{fit.data.rates.mean():.2f} Hz a neuron",
        "Free runs": str(stability),
    } | {name: f"{value:.4g} ± {error:.2g}" for name, (value, error) in fit.shared.items()}
    head = html.markup("<th>neuron</th><th>spikes</th><th>rate (Hz)</th><th>held-out bits a spike</th><th>KS p</th>")
    rows = [
        html.markup("<tr><th>{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", name, *values)
        for name, *values in zip(
            fit.data.units,
            fit.data.spikes,
            (f"{rate:.2f}" for rate in fit.data.rates),
            (f"{bits:.3f}" for bits in score.neurons),
            (f"{p:.2g}" if np.isfinite(p) else "" for p in score.ks_probability),
            strict=True,
        )
    ]
    show = lambda figure, words: html.image(figures.png(figure), "png", words)
    pictures = html.markup(
        '<div class="grid two">{}{}{}{}</div>',
        show(figures.weights_matrix(fit), "weights from row to column"),
        show(figures.own_kernels(fit), "own-spike kernels as gain"),
        show(figures.intervals(fit), "interspike intervals"),
        show(figures.bits(fit), "held-out bits a spike of each neuron"),
    )
    body = html.join(
        [
            html.header("glifjax glm", title, html.markup('<p class="verdict">{}</p>', verdict), html.facts(facts)),
            html.warnings([*fit.warnings, *score.warnings]),
            html.section("Weights, kernels, intervals", pictures),
            html.section("Neurons", html.table(head, rows)),
        ]
    )
    style = (files("fitting.report") / "style.css").read_text(encoding="utf-8")
    Path(path).write_text(html.document(f"{title} · glifjax glm", style, body), encoding="utf-8")
