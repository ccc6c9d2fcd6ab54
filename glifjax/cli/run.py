"""`glifjax run`: a network from a SONATA config."""

import ast
import importlib.util
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from glifjax.cli.console import err_console, escape, out_console, plain_errors, print_note


def run(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.json", help="SONATA config, as BMTK's PointNet takes it.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of results. Left out: the config's output_dir.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, simulate and write nothing.")] = False,
    plot: Annotated[bool, typer.Option("--plot", help="Draw spikes and rates: DIR/raster.png.")] = False,
    functions: Annotated[
        Path | None,
        typer.Option(metavar="FILE.py", help="Python file with the functions that inputs of module function name."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of all that is drawn.")] = 0,
) -> None:
    """Simulate a network of point neurons: the cells, synapses, inputs and reports of a SONATA config.

    Writes spikes and reports under the names that the config gives. What PointNet on NEST runs gives the same spikes
    here.

    [bold]Example:[/bold]  glifjax run config.json --out results --plot
    """
    with plain_errors():
        from glifjax.cli.checks import check_json, check_seed
        from glifjax.errors import InputError
        from glifjax.io.sonata.stated import check_stated

        if functions is not None:
            _check_functions(functions)
        if out is not None and out.exists() and not out.is_dir():
            raise InputError(f"{out}: is a file; name a folder for the results")
        check_seed(seed, least=0)
        check_json(config)
        check_stated(config)
        _run(config, out, dry_run, plot, functions, seed)


def _run(config: Path, out: Path | None, dry_run: bool, plot: bool, functions: Path | None, seed: int) -> None:
    import jax
    import numpy as np

    import glifjax as gj
    from glifjax.io.sonata.outputs import outputs, write_outputs
    from glifjax.network.summary import rates, size

    jax.config.update("jax_enable_x64", True)
    if functions is not None:
        _import(functions)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        network = gj.load_network(config)
        to = outputs(network, out)
        if dry_run:
            for part in network.inputs:
                part.trains(np.random.default_rng(seed))
            result = None
        else:
            with _bar(network.n_steps) as progress:
                result = gj.simulate_network(network, seed, progress=progress)
    words = list(dict.fromkeys(" ".join(str(item.message).split()) for item in caught if item.category is UserWarning))
    lines = [size(network)]
    out_console.print(escape(lines[0]), soft_wrap=True)
    if result is not None:
        table = Table(box=None)
        for heading in ("population", "type", "cells", "spikes", "rate"):
            table.add_column(heading, justify="left" if heading in ("population", "type") else "right")
        for row in rates(network, result):
            table.add_row(*map(escape, row))
            lines.append("  ".join(row))
        out_console.print(table)
    for line in words:
        print_note(line, "warning")
        lines.append(f"warning: {line}")
    if result is None:
        out_console.print("dry run: all of it can be run; nothing was simulated or written")
        return
    figures = (
        [("raster.png", gj.plot_raster(result.spikes, rates=True, duration=result.duration / 1e3))] if plot else []
    )
    for path in write_outputs(result, to, network.reports, "\n".join(lines) + "\n", figures):
        out_console.print(f"[bold]{escape(str(path))}[/bold]", soft_wrap=True)


class _bar:
    """A bar that shows how many steps are done, and then goes."""

    def __init__(self, n_steps: int):
        columns = TextColumn("simulating"), BarColumn(), TextColumn("{task.percentage:.0f} %"), TimeElapsedColumn()
        self.progress = Progress(*columns, console=err_console, transient=True)
        self.task = self.progress.add_task("simulating", total=n_steps)

    def __enter__(self):
        self.progress.start()
        return lambda done: self.progress.update(self.task, completed=done)

    def __exit__(self, *error):
        self.progress.stop()


def _check_functions(path: Path) -> None:
    """Refuse what is no Python file; nothing of it is run."""
    from glifjax.errors import InputError
    from glifjax.io.regular import check_file

    check_file(path)
    if path.suffix != ".py":
        raise InputError(f"{path}: is no Python file; --functions names one that ends in .py")
    try:
        ast.parse(path.read_bytes(), path)
    except (SyntaxError, ValueError) as error:
        raise InputError(f"{path}: is no Python ({error}); mend it") from error


def _import(path: Path) -> None:
    """Run a Python file, so that it marks its functions."""
    from glifjax.errors import InputError

    spec: Any = importlib.util.spec_from_file_location(path.stem, path)
    try:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    except Exception as error:
        raise InputError(f"{path}: cannot be run ({type(error).__name__}: {error}); mend it") from error
