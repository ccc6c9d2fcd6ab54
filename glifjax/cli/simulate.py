"""`glifjax simulate`: a neuron over the sweeps of a recording."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from glifjax.cli.console import NeuronId, err_console, escape, out_console, plain_errors
from glifjax.errors import InputError, shown

#: Of a step, s; all of its run is held in memory.
LONGEST_STEP = 3600.0


class SpikeCut(StrEnum):
    """What a spike cut keeps at another time step."""

    duration = "duration"
    steps = "steps"


def simulate(
    neuron_config: Annotated[
        Path, typer.Argument(metavar="NEURON_CONFIG", help="neuron_config.json, or a published model's .zip.")
    ],
    cell: Annotated[
        Path | None,
        typer.Argument(
            metavar="CELL.nwb", show_default=False, help="A recording, as NWB or an amplifier's file; none with --step."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="OUT.nwb", help="File to write.")] = None,
    sweeps: Annotated[
        str | None,
        typer.Option(help='Numbers, ranges or protocol names ("1,4-6"). Left out: all in current clamp but "Test".'),
    ] = None,
    step: Annotated[
        str | None, typer.Option(metavar="CURRENT", help='A step instead of a recording, such as "200pA".')
    ] = None,
    duration: Annotated[str, typer.Option(metavar="TIME", help='Of --step, such as "500ms".')] = "1s",
    spike_cut: Annotated[
        SpikeCut,
        typer.Option(
            help="What the spike cut keeps where a sweep's time step is not the config's; AllenSDK keeps its steps.",
        ),
    ] = SpikeCut.duration,
    spike_cut_value: Annotated[
        float | None,
        typer.Option(
            metavar="V", help="Voltage in place of NaN in the spike cut; 0.05 is AllenSDK's. NaN if left out."
        ),
    ] = None,
    absolute: Annotated[
        bool, typer.Option("--absolute", help="Add El_reference to voltages and thresholds; AllenSDK does not.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option(help="Draw spikes from the config's escape_noise. Left out: a hard threshold.")
    ] = None,
    plot: Annotated[bool, typer.Option("--plot", help="Draw each sweep: OUT_plots/sweep_<number>.png.")] = False,
    electrode: Annotated[str | None, typer.Option(help="The one to take, where several recorded at once.")] = None,
    id: NeuronId = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT.nwb and its plots.")] = False,
    in_place: Annotated[
        bool,
        typer.Option(
            "--in-place",
            help="Write into CELL.nwb itself, which takes typing its name; for NWB 1 the voltage "
            "replaces the response.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --in-place: do not ask.")] = False,
) -> None:
    """Simulate a neuron over the stimuli of a recording, as AllenSDK's simulate_neuron does.

    Writes voltage, threshold, afterspike currents and spike times of each sweep to OUT.nwb, a file of CELL.nwb's kind.
    CELL.nwb is left as it is.

    [bold]Example:[/bold]  glifjax simulate neuron_config.json cell.nwb --out simulated.nwb

    [bold]A step:[/bold]  glifjax simulate neuron_config.json --step 200pA
    """
    with plain_errors(), ExitStack() as stack:
        from glifjax.cli.checks import check_choices, check_neuron_config, check_recording

        check_neuron_config(neuron_config, id)
        check_choices(neuron_config, id, seed, absolute, spike_cut.value, spike_cut_value)
        if step is not None:
            cell = _step(neuron_config, id, cell, step, duration, out, plot, overwrite, seed, stack)
            if cell is None:
                return
        if cell is None:
            raise InputError("give a recording to simulate, or a step: --step 200pA")
        options = {"absolute": absolute, "seed": seed, "spike_cut": spike_cut.value, "spike_cut_value": spike_cut_value}
        target = _target(cell, out, in_place, yes, overwrite)
        if step is None:
            check_recording(cell, sweeps, electrode=electrode)
        _simulate(neuron_config, id, cell, target, sweeps, electrode, plot, overwrite, in_place and not yes, options)


def _step(config, id, cell, step, duration, out, plot, overwrite, seed, stack) -> Path | None:
    """Simulate a step and say what came of it; or, for --out, the recording of a step to simulate."""
    from glifjax.cli.units import AMPERES, SECONDS, quantity
    from glifjax.io.nwb.samples import LARGEST_CURRENT
    from glifjax.io.writing import check_target

    if cell is not None:
        raise InputError(f"--step takes the place of a recording; leave {cell} out, or --step")
    if plot and out is None:
        raise InputError("--plot draws beside --out OUT.nwb; add that")
    if abs(quantity("--step", step, AMPERES)) > LARGEST_CURRENT:
        raise InputError(
            f"--step {shown(step)} is more than any cell takes, {1e9 * LARGEST_CURRENT:g} nA; give it in pA or nA"
        )
    if not 0 < quantity("--duration", duration, SECONDS) <= LONGEST_STEP:
        raise InputError(f"--duration {shown(duration)}: give a time above 0 and up to {LONGEST_STEP:g} s")
    if out is not None:
        check_target(out, overwrite)
    import jax  # once there is something to simulate, for it takes seconds

    from glifjax.cli.neurons import read_neuron
    from glifjax.cli.step import print_step, step_recording

    jax.config.update("jax_enable_x64", True)
    if out is None:
        print_step(read_neuron(config, id), config.name, step, duration, seed)
        return None
    return step_recording(Path(stack.enter_context(TemporaryDirectory())), read_neuron(config, id), step, duration)


def _target(cell: Path, out: Path | None, in_place: bool, yes: bool, overwrite: bool) -> Path:
    from glifjax.io.writing import check_target

    if (out is None) != in_place:
        raise InputError("give --out OUT.nwb for a new file, or --in-place to change CELL.nwb: one of the two")
    if yes and not in_place:
        raise InputError("--yes answers what --in-place asks; without it there is nothing to answer")
    if out is None:
        return cell
    if out.exists() and cell.exists() and out.samefile(cell):
        raise InputError(f"{out}: is the recording itself; give another name, or --in-place instead of --out")
    check_target(out, overwrite)
    return out


def _simulate(config, id, cell, target, which, electrode, plot, overwrite, ask, options) -> None:
    import jax

    import glifjax as gj
    from glifjax.cli.neurons import read_neuron
    from glifjax.cli.simulations import Simulation, choose_sweeps
    from glifjax.cli.units import check_units
    from glifjax.io.nwb.selection import name_sweeps
    from glifjax.io.nwb.simulation_writer import write_simulation

    jax.config.update("jax_enable_x64", True)
    neuron = read_neuron(config, id)
    simulation = Simulation(neuron, config.name, **options)
    plots = target.with_name(f"{target.stem}_plots")
    with gj.read_recording(cell, electrode=electrode, trim=False) as recording:
        sweeps, left_out = choose_sweeps(recording, which)
        check_units(neuron, (), 1 / min(sweep.rate for sweep in sweeps), config.name)
        if ask:
            _ask(cell)
        out_console.print(f"[bold]{escape(recording.name)}[/bold], {name_sweeps(sweep.number for sweep in sweeps)}")
        for choice in (*left_out, *simulation.choices()):
            out_console.print(f"  {escape(choice)}", soft_wrap=True)
        with _new_folder(plots if plot else None, overwrite) as folder:
            summaries = []
            write_simulation(
                target,
                recording,
                sweeps,
                _followed(simulation, sweeps, folder, summaries),
                simulation.written,
                overwrite=overwrite,
            )
    _print_summaries(summaries)
    _print_files(target, plots if plot else None, simulation)


def _ask(cell: Path) -> None:
    out_console.print(f"--in-place changes [bold]{escape(cell.name)}[/bold] itself.")
    try:
        typed = typer.prompt("Type the file's name to go on", err=True)
    except typer.Abort as abort:
        raise InputError(f"{cell}: --in-place was not confirmed, nothing was changed; add --yes in a script") from abort
    if typed.strip() != cell.name:
        raise InputError(f"{cell}: '{typed.strip()}' is not its name, nothing was changed")


def _followed(simulation, sweeps, folder: Path | None, summaries: list) -> Iterator:
    """The runs, one by one, while a bar shows how far they are; each is drawn and summed up on its way."""
    from glifjax.cli.simulations import draw, summarize

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=err_console, transient=True) as progress:
        task = progress.add_task("simulating", total=len(sweeps))
        for sweep, trace in simulation.run(sweeps):
            yield sweep, trace
            summaries.append(summarize(sweep, trace))
            if folder is not None:
                draw(simulation, sweep, trace, folder)
            progress.update(task, advance=1)


@contextmanager
def _new_folder(folder: Path | None, overwrite: bool) -> Iterator[Path | None]:
    """A temporary folder that becomes `folder`, or whose files go into it, if the block ends well."""
    from glifjax.io.temporary import temporary_folder

    if folder is None:
        yield None
        return
    if folder.exists() and not (overwrite and folder.is_dir()):
        raise InputError(f"{folder}: exists already; move it, or add --overwrite to replace plots in it")
    with temporary_folder(folder.parent) as part:
        yield part
        folder.mkdir(exist_ok=True)
        for file in sorted(part.iterdir()):
            os.replace(file, folder / file.name)


def _print_summaries(summaries) -> None:
    table = Table(box=None, title="Spikes", title_justify="left")
    for heading in ("sweep", "protocol", "duration", "sampling", "recorded", "model", "model's rate", ""):
        table.add_column(heading, justify="left" if heading in ("protocol", "") else "right")
    for row in sorted(summaries, key=lambda row: row.number):
        table.add_row(
            str(row.number),
            escape(row.protocol),
            f"{row.duration:.3f} s",
            f"{1e-3 * row.sampling:g} kHz",
            "–" if row.recorded is None else str(row.recorded),
            str(row.spikes),
            f"{row.rate:.1f} Hz",
            f"[yellow]{row.status}[/yellow]" if row.status else "",
        )
    out_console.print()
    out_console.print(table)


def _print_files(target: Path, plots: Path | None, simulation) -> None:
    size = target.stat().st_size
    unit, scale = ("MB", 1e6) if size >= 1e6 else ("kB", 1e3)
    out_console.print(f"\n[bold]{escape(str(target))}[/bold] {size / scale:.1f} {unit}", soft_wrap=True)
    if plots is not None:
        out_console.print(f"[bold]{escape(str(plots))}/[/bold] a figure each sweep", soft_wrap=True)
    name = escape(str(target))
    if simulation.missing:
        words = f"Read it with pynwb or h5py; glifjax fit takes it if written with {' '.join(simulation.missing)}."
    else:
        words = f"Fit a neuron to the model's own answers: glifjax fit {name}"
    out_console.print(words, soft_wrap=True)
