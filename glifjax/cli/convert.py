"""`glifjax convert`: a recording, as NWB."""

from pathlib import Path
from typing import Annotated

import typer

from glifjax.cli.console import err_console, escape, out_console, plain_errors


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A recording: ABF, WinWCP, Spike2, or NWB.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="OUT.nwb, to be written.")],
    stimulus: Annotated[
        Path | None,
        typer.Option(
            metavar="CURRENT.csv", help="The current, where IN does not hold it: time in s, then pA (.csv or .atf)."
        ),
    ] = None,
    electrode: Annotated[str | None, typer.Option(help="The one to take, where several recorded at once.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT.")] = False,
) -> None:
    """Write a file in another form.

    The sweeps in current clamp go into OUT.nwb with their numbers and protocols; what cannot be read is left out, and
    said.

    [bold]Example:[/bold]  glifjax convert cell.abf cell.nwb
    """
    with plain_errors():
        from glifjax.errors import InputError

        if out.suffix.lower() != ".nwb":
            raise InputError(f"{out}: a recording is written as NWB; give a name that ends in .nwb")
        _recording(source, out, stimulus, electrode, overwrite)


def _recording(source: Path, out: Path, stimulus: Path | None, electrode: str | None, overwrite: bool) -> None:
    import glifjax as gj
    from glifjax.io.nwb.sweeps import name_sweeps

    with gj.read_recording(source, electrode=electrode, stimulus=stimulus) as recording:
        sweeps = []
        for sweep in recording.current_clamp:
            try:
                _ = sweep.current, sweep.voltage
                sweeps.append(sweep)
            except gj.RecordingError as error:
                err_console.print(f"[yellow]note:[/yellow] left out: {escape(str(error))}", soft_wrap=True)
        description = f"{recording.session_description or recording.name} (from {source.name})"
        gj.write_recording(out, sweeps, description=description, notes=recording.notes, overwrite=overwrite)
        for warning in recording.warnings:
            err_console.print(f"[yellow]note:[/yellow] {escape(warning)}", soft_wrap=True)
        numbers = name_sweeps(sweep.number for sweep in sweeps)
        out_console.print(f"[bold]{escape(str(out))}[/bold] {numbers} of {escape(source.name)}", soft_wrap=True)
