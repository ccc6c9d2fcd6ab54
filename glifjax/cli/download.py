"""`glifjax download`: a published GLIF model and the recording of its cell."""

import shlex
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from glifjax.cli.console import err_console, escape, out_console, plain_errors


def download(
    model: Annotated[
        int | None, typer.Option(metavar="ID", help="A model: its neuron_config.json, and the files of its cell.")
    ] = None,
    specimen: Annotated[
        int | None, typer.Option(metavar="ID", help="A cell: its files, and the neuron_config.json of all its models.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "--cache",
            metavar="DIR",
            help="Folder for the files; what it already holds is kept. The user's cache folder if left out.",
        ),
    ] = None,
    recording: Annotated[bool, typer.Option(help="The cell's NWB file too, by far the largest.")] = True,
    offline: Annotated[bool, typer.Option("--offline", help="Use what is there; never ask the server.")] = False,
) -> None:
    """Download published GLIF models, and the cells they were fitted to, from the Allen Cell Types Database.

    Files go to DIR/neuronal_model_<id>/ and DIR/specimen_<id>/.
    After an interruption, the same command fetches what is not yet whole.

    [bold]Example:[/bold]  glifjax download --model 566302806 --out allen
    """
    with plain_errors():
        _download(model, specimen, out, recording, offline)


def _download(model_id, specimen_id, out, recording, offline) -> None:
    import glifjax as gj
    from glifjax.errors import InputError
    from glifjax.io.downloads import NothingFound

    if (model_id is None) == (specimen_id is None):
        raise InputError("give either --model ID or --specimen ID")
    with _progress() as progress:
        cells = gj.CellTypes(out, offline=offline, progress=progress)
        try:
            models = [] if model_id is None else [cells.model(model_id)]
            specimen_id = models[0].specimen_id if models else specimen_id
            files = [cells.sweep_table(specimen_id)]
            if model_id is None:
                with suppress(NothingFound):
                    models = cells.models(specimen_id)
            configs = [cells.neuron_config(model.id) for model in models]
            nwb = cells.recording(specimen_id) if recording else None
        except KeyboardInterrupt:
            err_console.print(f"stopped; whole files are kept in {escape(str(cells.cache))}", soft_wrap=True)
            sys.exit(130)
    _print_files(cells.cache, models, configs, files + [nwb] * recording)
    _print_next(configs, nwb, specimen_id, out)


@contextmanager
def _progress():
    """A bar per file; yields what CellTypes reports to."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    seen = err_console.is_terminal
    with Progress(*columns, TimeRemainingColumn(), console=err_console, transient=True, disable=not seen) as bars:
        tasks = {}

        def report(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=done, total=total)

        yield report


def _print_files(folder: Path, models, configs, files) -> None:
    from rich.filesize import decimal

    out_console.print(f"[bold]{escape(str(folder))}/[/bold]", soft_wrap=True)
    table = Table(box=None)
    table.add_column("file", overflow="fold")
    table.add_column("size", justify="right")
    table.add_column("")
    levels = {config: f"level {model.level}" for model, config in zip(models, configs, strict=True)}
    for file in [*configs, *files]:
        table.add_row(escape(str(file.relative_to(folder))), decimal(file.stat().st_size), levels.get(file, ""))
    out_console.print(table)


def _print_next(configs, nwb, specimen_id: int, out: Path | None) -> None:
    if not configs:
        out_console.print(f"Specimen {specimen_id} has no published GLIF model.")
    if nwb is None:
        commands = [["download", "--specimen", specimen_id, "--recording", *(["--out", out] if out else [])]]
    else:
        commands = [["simulate", configs[-1], nwb, "--out", "simulated.nwb"]] if configs else []
        commands.append(["fit", nwb])
    for i, words in enumerate(commands):
        command = shlex.join(["glifjax", *map(str, words)])
        out_console.print(f"{'or:  ' if i else 'Next:'}  {escape(command)}", soft_wrap=True)
