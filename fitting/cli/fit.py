"""`glifjax fit`: a neuron from a recording."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from fitting.cli.console import err_console, out_console, plain_errors, stage

#: What the table at the end says of each score.
SCORES = {
    "md_star_4ms": "Md* (4 ms)",
    "md_star_8ms": "Md* (8 ms)",
    "evr_10ms": "explained variance ratio (10 ms)",
    "evr_single_10ms": "the same, single runs",
    "gamma_4ms": "coincidence factor Γ (4 ms)",
    "bits_per_spike": "bits per spike",
    "subthreshold_rmse_mv": "sub-threshold RMSE (mV)",
}


def fit(
    cell: Annotated[
        Path | None,
        typer.Argument(
            metavar="CELL.nwb",
            help="NWB file with current-clamp sweeps; without it, a simulated example.",
        ),
    ] = None,
    level: Annotated[
        str,
        typer.Option(
            help="LIF, LIF-R, LIF-ASC, LIF-R-ASC, LIF-R-ASC-A (or glif1 ... glif5), augmented; "
            "all fits the six, compares them and prefers one."
        ),
    ] = "all",
    train: Annotated[
        str | None,
        typer.Option(help='Sweeps to fit: numbers, ranges or protocol names ("1,4-6"). Guessed if left out.'),
    ] = None,
    test: Annotated[str | None, typer.Option(help="Sweeps to hold out and score. Guessed if left out.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the results. A new one each time if left out: fits/<cell>-<n>."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a fit that --out already holds.")] = False,
    seed: Annotated[int, typer.Option(help="Of the simulations that the scores rest on.")] = 0,
    electrode: Annotated[
        str,
        typer.Option(
            help="Its part in the voltage: none, series (a resistance, fitted), aec (its kernel, convolved out); "
            "auto chooses on the training sweeps."
        ),
    ] = "auto",
    drift: Annotated[str, typer.Option(help="Of the baseline: keep, remove; auto chooses likewise.")] = "auto",
) -> None:
    """Fit a neuron to a recording, and score it on sweeps it was not fitted to.

    Fits every level, prefers the simplest that predicts training spikes kept aside as well as the best does, and
    writes neuron_config.json (the preferred level's), fit.json and report.html; and neuron_config_<level>.json each,
    of which AllenSDK reads all but the augmented one.

    [bold]Example:[/bold]  glifjax fit cell.nwb --train "noise 1" --test "noise 2" --out my_cell
    """
    with plain_errors():
        _fit(cell, level, train, test, out, overwrite, seed, electrode, drift)


def _fit(cell, level, train, test, out, overwrite, seed, electrode, drift) -> None:
    import jax

    import glifjax as gj
    from fitting.levels import level_name
    from fitting.preprocessing import check_choices
    from fitting.results import check_folder, new_results, write_results

    jax.config.update("jax_enable_x64", True)
    if level.strip().lower() != "all":
        level = level_name(level)
    check_choices(electrode, drift)
    if out is not None:
        check_folder(out, overwrite)
    if cell is not None:
        gj.read_recording(cell).close()  # refuse what is no recording before anything is made
    name = cell.stem if cell is not None else "example"
    with new_results(out, name, overwrite) as (folder, final):
        path = cell
        if path is None:
            path = folder / "example.nwb"
            _make_example(path)
        with gj.read_recording(path) as recording:
            fitted = _run(recording, level, train, test, seed, electrode, drift)
            with stage("writing the report"):
                write_results(fitted, folder)
    _print_results(fitted)
    out_console.print(f"\n[bold]{escape(str(final[0]))}/[/bold]", soft_wrap=True)
    for file in sorted(final[0].iterdir()):
        out_console.print(f"  {escape(file.name)}", soft_wrap=True)
    out_console.print(f"Open {escape(str(final[0] / 'report.html'))} in a browser.", soft_wrap=True)


def _make_example(path: Path) -> None:
    from fitting.example import write_example

    out_console.print("No recording given: fitting the built-in example, a [bold]simulated[/bold] cell.")
    with stage("simulating and recording the example cell"):
        write_example(path)


def _run(recording, level: str, train, test, seed: int, electrode: str, drift: str):
    """Fit, with a line for every stage of one level, or for every level of several."""
    import fitting

    several = level == "all"
    started = [time.perf_counter(), ""]

    def finish(then: str = "") -> None:
        if started[1] and started[1] != then:
            out_console.print(f"  [green]✓[/green] {started[1]} [dim]{time.perf_counter() - started[0]:.1f} s[/dim]")
        if started[1] != then:
            started[:] = [time.perf_counter(), then]

    out_console.print(f"\n[bold]{escape(recording.name)}[/bold], {'every level' if several else f'level {level}'}")
    with out_console.status("") as status:

        def progress(level: str, name: str) -> None:
            finish(level if level and several else name)
            status.update(f"{level} {name} ..." if several else f"{name} ...")

        fitted = fitting.fit(
            recording,
            level,
            train_sweeps=train,
            test_sweeps=test,
            seed=seed,
            electrode=electrode,
            drift=drift,
            progress=progress,
            on_split=_print_split,
        )
        finish()
    return fitted


def _print_split(split) -> None:
    out_console.print(f"  trains on   {_describe(split.train)}")
    for group in split.test:
        out_console.print(f"  holds out   {_describe(group)}")
    for reason in split.reasons:
        out_console.print(f"  because     {escape(reason)} [dim](--train and --test choose others)[/dim]")


def _describe(parts) -> str:
    numbers = ", ".join(str(part.number) for part in parts)
    protocols = ", ".join(dict.fromkeys(part.protocol for part in parts if part.protocol))
    seconds = sum(part.duration for part in parts)
    return f"sweep{'s' if len(parts) > 1 else ''} {numbers} [dim]({escape(protocols)}; {seconds:.0f} s in all)[/dim]"


def _print_results(fitted) -> None:
    out_console.print()
    if len(fitted.levels) > 1:
        out_console.print(_level_table(fitted))
        out_console.print()
    out_console.print(_parameter_table(fitted))
    if fitted.test:
        out_console.print()
        out_console.print(_score_table(fitted))
    for warning in dict.fromkeys(fitted.warnings):
        err_console.print(f"[yellow]note:[/yellow] {escape(warning)}", soft_wrap=True)


def _level_table(fitted) -> Table:
    table = Table(title="Levels", title_justify="left", box=None)
    table.add_column("level")
    for heading in ("bits per spike, cross-validated", "Md* (4 ms), held out", "EVr", "RMSE (mV)"):
        table.add_column(heading, justify="right")
    for each in fitted.levels:
        scores = each.scores.test
        numbers = (each.validation.bits, scores["md_star_4ms"], scores["evr_10ms"], scores["subthreshold_rmse_mv"])
        style = "bold" if each.level == fitted.level else None
        name = f"{each.level} [green]preferred[/green]" if style else each.level
        table.add_row(name, *map(_number, numbers), style=style)
    return table


def _parameter_table(fitted) -> Table:
    from fitting.example import true_parameters
    from fitting.parameters import parameters

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
    table = Table(title=f"Scores on held-out sweeps, level {fitted.level}", title_justify="left", box=None)
    table.add_column("score")
    for heading in ("escape noise", "hard threshold", "the cell's own"):
        table.add_column(heading, justify="right")
    columns = (fitted.scores.test, fitted.scores.deterministic, fitted.scores.ceiling)
    for key, meaning in SCORES.items():
        table.add_row(meaning, *(_number(column.get(key)) for column in columns))
    return table


def _number(value: float | None) -> str:
    return "–" if value is None or value != value else f"{value:.3f}"
