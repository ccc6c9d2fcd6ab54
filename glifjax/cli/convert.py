"""`glifjax convert`: a recording, as NWB; a neuron, in another simulator's form."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from glifjax.cli.console import NeuronId, escape, out_console, plain_errors, print_note


class Form(StrEnum):
    """What a neuron's file can be."""

    allen = "allen"
    nest = "nest"
    sonata = "sonata"


def convert(
    source: Annotated[
        Path,
        typer.Argument(metavar="IN", help="A recording: ABF, WinWCP, Spike2, HEKA, Igor, NWB; or a neuron's .json."),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="OUT.nwb, or a neuron's OUT.json, to be written.")],
    to: Annotated[
        Form | None,
        typer.Option(
            help="Of a neuron: a neuron_config.json, parameters of NEST's glif_psc, SONATA's dynamics_params."
        ),
    ] = None,
    stimulus: Annotated[
        Path | None,
        typer.Option(
            metavar="CURRENT.csv", help="The current, where IN does not hold it: time in s, then pA (.csv or .atf)."
        ),
    ] = None,
    electrode: Annotated[str | None, typer.Option(help="The one to take, where several recorded at once.")] = None,
    id: NeuronId = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT.")] = False,
) -> None:
    """Write a file in another form.

    The sweeps in current clamp go into OUT.nwb with their numbers and protocols; what cannot be read is left out, and
    said. A neuron goes into OUT.json in the form that --to names.

    [bold]Example:[/bold]  glifjax convert cell.abf cell.nwb

    [bold]Example:[/bold]  glifjax convert neuron_config.json glif_psc.json --to nest
    """
    with plain_errors():
        from glifjax.cli.checks import check_form, check_neuron_config, check_recording
        from glifjax.errors import InputError
        from glifjax.io.writing import check_target

        if to is not None:
            if stimulus is not None or electrode is not None:
                raise InputError("--stimulus and --electrode are of a recording; leave them out with --to, of a neuron")
            if out.suffix.lower() != ".json":
                raise InputError(f"{out}: a neuron is written as JSON; give a name that ends in .json")
            check_target(out, overwrite)
            check_neuron_config(source, id)
            check_form(source, id, to.value)
            return _neuron(source, id, out, to, overwrite)
        if id is not None:
            raise InputError("--id is of a neuron; leave it out, or say with --to in which form to write the neuron")
        if out.suffix.lower() == ".json":
            raise InputError(f"{out}: a neuron is written in the form that --to names; give allen, nest or sonata")
        if out.suffix.lower() != ".nwb":
            raise InputError(f"{out}: a recording is written as NWB; give a name that ends in .nwb")
        check_target(out, overwrite)
        check_recording(source, electrode=electrode, stimulus=stimulus)
        _recording(source, out, stimulus, electrode, overwrite)


def _neuron(source: Path, id: str | None, out: Path, to: Form, overwrite: bool) -> None:
    import jax  # once there is something to do, for it takes seconds

    from glifjax.io.config.convert import convert_neuron_config

    jax.config.update("jax_enable_x64", True)
    note = convert_neuron_config(source, out, to.value, id=id)
    out_console.print(f"[bold]{escape(str(out))}[/bold]", soft_wrap=True)
    if note:
        out_console.print(escape(note), soft_wrap=True)


def _recording(source: Path, out: Path, stimulus: Path | None, electrode: str | None, overwrite: bool) -> None:
    import glifjax as gj
    from glifjax.io.nwb.selection import name_sweeps

    with gj.read_recording(source, electrode=electrode, stimulus=stimulus) as recording:
        sweeps = []
        for sweep in recording.current_clamp:
            try:
                _ = sweep.current, sweep.voltage
                sweeps.append(sweep)
            except gj.RecordingError as error:
                print_note(f"left out: {error}")
        description = f"{recording.session_description or recording.name} (from {source.name})"
        gj.write_recording(out, sweeps, description=description, notes=recording.notes, overwrite=overwrite)
        for warning in recording.warnings:
            print_note(warning)
        numbers = name_sweeps(sweep.number for sweep in sweeps)
        out_console.print(f"[bold]{escape(str(out))}[/bold] {numbers} of {escape(source.name)}", soft_wrap=True)
