"""What `glifjax fit` prints at its end."""

import math

from rich.table import Table

from glifjax.cli.console import escape, out_console, print_note

from ..assess.readout import KINDS

#: What the table at the end says of each score.
SCORES = {
    "gamma_4ms": "one run: coincidences Γ",
    "evr_single_10ms": "one run: explained rate EVr",
    "evr_10ms": "all runs: explained rate EVr",
    "md_star_4ms": "all runs: Md* (4 ms)",
    "md_star_8ms": "all runs: Md* (8 ms)",
    "bits_per_spike": "bits per spike",
    "subthreshold_rmse_mv": "sub-threshold RMSE (mV)",
}


def print_results(fitted) -> None:
    """Levels, parameters, scores and warnings of a fit."""
    out_console.print()
    if len(fitted.levels) > 1:
        out_console.print(_level_table(fitted))
        out_console.print()
    out_console.print(_parameter_table(fitted))
    if fitted.test:
        out_console.print()
        out_console.print(_score_table(fitted))
    out_console.print()
    out_console.print(f"[bold]Can it be trusted?[/bold] {fitted.trust.verdict}", soft_wrap=True)
    for reason in fitted.trust.reasons:
        out_console.print(f"  {escape(reason)}", soft_wrap=True)
    for warning in dict.fromkeys(fitted.warnings):
        print_note(warning)


def _level_table(fitted) -> Table:
    title = "Levels: cross-validated bits choose (✓); scores are held out"
    table = Table(title=title, title_justify="left", box=None)
    table.add_column("level")
    for heading in ("bits", "Γ, one run", "EVr, one run", "Md*, all runs", "RMSE, mV"):
        table.add_column(heading, justify="right")
    for fit in fitted.levels:
        scores = fit.scores.test
        keys = ("gamma_4ms", "evr_single_10ms", "md_star_4ms", "subthreshold_rmse_mv")
        numbers = (fit.validation.bits, *(scores[key] for key in keys))
        style = "bold" if fit.level == fitted.level else None
        name = f"{fit.level} [green]✓[/green]" if style else fit.level
        table.add_row(name, *map(_number, numbers), style=style)
    return table


def _parameter_table(fitted) -> Table:
    from ..example.cell import true_parameters
    from ..model.parameters import parameters

    truth = true_parameters(fitted.recording) or {}
    table = Table(title=f"Parameters, level {fitted.level}", title_justify="left", box=None)
    table.add_column("parameter")
    table.add_column("value", justify="right")
    table.add_column("unit")
    if truth:
        table.add_column("true", justify="right")
    for name, entry in parameters(fitted.model).items():
        true = [f"{truth[name]['value']:.4g}" if name in truth else ""] if truth else []
        table.add_row(name, f"{entry['value']:.4g}", entry["unit"], *true)
    return table


def _score_table(fitted) -> Table:
    title = f"Scores on held-out sweeps, level {fitted.level} (without noise: {KINDS[fitted.scores.kind]})"
    table = Table(title=title, title_justify="left", box=None)
    table.add_column("score")
    scores = fitted.scores
    columns = {"without noise": scores.deterministic, "escape noise": scores.test, "cell itself": scores.ceiling}
    if any(map(math.isfinite, scores.bound.values())):
        columns["bound"] = scores.bound
    for heading in columns:
        table.add_column(heading, justify="right")
    for key, meaning in SCORES.items():
        table.add_row(meaning, *(_number(column.get(key)) for column in columns.values()))
    return table


def _number(value: float | None) -> str:
    return "–" if value is None or value != value else f"{value:.3f}"
