"""`glifjax info`: what a recording holds, and what a fit would do with it."""

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from glifjax.cli.console import escape, out_console, plain_errors, print_note
from glifjax.io.nwb.selection import list_sweeps


def info(
    recorded: Annotated[
        Path,
        typer.Argument(
            metavar="CELL.nwb", show_default=False, help="A recording: NWB, ABF, WinWCP, Spike2, HEKA, Igor."
        ),
    ],
    train: Annotated[str | None, typer.Option(help="Sweeps to fit, as `glifjax fit` takes them.")] = None,
    test: Annotated[str | None, typer.Option(help="Sweeps to hold out, likewise.")] = None,
    cell: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of a file that holds several electrodes or cells, the one to take."),
    ] = None,
    stimulus: Annotated[
        Path | None,
        typer.Option(metavar="CURRENT.csv", help="The current, where the file does not hold it (.csv, .atf)."),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Draw all sweeps with samples into this file.")
    ] = None,
) -> None:
    """Say what a recording holds, and which sweeps a fit would train on, hold out, and why.

    [bold]Example:[/bold]  glifjax info cell.nwb --picture cell.png
    """
    with plain_errors({"train_sweeps": "train", "test_sweeps": "test", "electrode": "cell"}):
        import glifjax as gj

        from ..data.padding import without_padding
        from .refusals import check_picture, check_sweeps

        if picture is not None:
            check_picture(picture)
        check_sweeps(recorded, train, test, cell, stimulus)
        with gj.read_recording(recorded, electrode=cell, stimulus=stimulus) as recording:
            out_console.print(f"[bold]{escape(recording.name)}[/bold] {escape(recording.session_description)}")
            table, faults = _table(without_padding(recording)[0])
            out_console.print(table)
            _note_faults(recording, faults)
            _say_split(recording, train, test)
            if picture is not None:
                _draw(without_padding(recording)[0], picture)
                out_console.print(f"Drawn into {escape(str(picture))}", soft_wrap=True)
            for warning in recording.warnings:
                print_note(warning)


def _table(recording) -> tuple[Table, dict[int, str]]:
    """A line each sweep: protocol, clamp, rate, duration, how large current and voltage are, spikes; and its faults."""
    from glifjax.errors import InputError

    table, faults = Table(box=None), {}
    electrodes = {sweep.electrode for sweep in recording.sweeps}
    for heading in ("sweep", "protocol", "clamp", *(["electrode"] if len(electrodes) > 1 else [])):
        table.add_column(heading, overflow="fold")
    for heading in ("kHz", "s", "current (pA)", "voltage (mV)", "spikes"):
        table.add_column(heading, justify="right", no_wrap=True)
    for sweep in recording.sweeps:
        row = [str(sweep.number), sweep.protocol, sweep.clamp, *([sweep.electrode] if len(electrodes) > 1 else [])]
        try:
            rate, voltage = sweep.rate, sweep.voltage
            current = f"{_span(1e12 * sweep.current)}" if sweep.paired else "–"
            spikes = _spikes(sweep, voltage)
            row += [f"{rate / 1e3:g}", f"{sweep.duration:.4g}", current, _span(1e3 * voltage), spikes]
        except InputError as error:
            row += ["", "", "", "", "unusable"]
            faults[sweep.number] = str(error).partition(": ")[2]
        table.add_row(*map(escape, row))
    return table, faults


def _note_faults(recording, faults: dict[int, str]) -> None:
    """A line for each kind of fault: faults of which only the numbers differ are told by the first."""
    kinds: dict[str, list[int]] = {}
    for number, fault in faults.items():
        kinds.setdefault(re.sub(r"[\d.]+", "", fault), []).append(number)
    for first, *others in kinds.values():
        likewise = f"; likewise {list_sweeps(others)}" if others else ""
        print_note(f"{recording.name}, sweep {first}: {faults[first]}{likewise}")


def _spikes(sweep, voltage) -> str:
    """How many spikes a sweep's voltage holds."""
    from glifjax.spikes.detection import find_spike_peaks
    from glifjax.spikes.drop import without_drop

    if sweep.clamp == "voltage":
        return "–"
    straight = without_drop(voltage, sweep.current, sweep.rate) if sweep.paired else voltage
    return str(len(find_spike_peaks(straight, sweep.rate)))


def _span(values) -> str:
    return f"{values.min():.3g} … {values.max():.3g}"


def _say_split(recording, train: str | None, test: str | None) -> None:
    """What a fit would do with the sweeps; refused as it would refuse them."""
    from ..data.protocols import choose_sweeps
    from ..data.split import prepare_split
    from .progress import print_split

    out_console.print("A fit")
    split = choose_sweeps(recording, train, test)
    print_split(split)
    prepare_split(recording, split)


def _draw(recording, path: Path) -> None:
    """Every usable sweep's current and voltage, those of one protocol in one colour."""
    import numpy as np
    from matplotlib.figure import Figure

    from glifjax.errors import InputError
    from glifjax.io.writing import whole_file
    from glifjax.plots.text import plain

    figure = Figure(figsize=(9, 5), layout="constrained")
    voltage_axes, current_axes = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    colours: dict[str, str] = {}
    for sweep in recording.sweeps:
        try:
            time, voltage, current = np.arange(sweep.n_samples) / sweep.rate, sweep.voltage, sweep.current
        except InputError:
            continue
        step = max(1, len(time) // 20_000)
        label = None if sweep.protocol in colours else plain(sweep.protocol) or "no protocol"
        colour = colours.setdefault(sweep.protocol, f"C{len(colours) % 10}")
        style = {"color": colour, "lw": 0.5, "alpha": 0.7}
        voltage_axes.plot(time[::step], 1e3 * voltage[::step], label=label, **style)
        current_axes.plot(time[::step], 1e12 * current[::step], **style)
    voltage_axes.set_ylabel("voltage (mV)")
    current_axes.set(xlabel="time (s)", ylabel="current (pA)")
    if colours:
        voltage_axes.legend(loc="upper right", frameon=False)
    with whole_file(path) as part:
        figure.savefig(part, dpi=150, format=path.suffix.lstrip(".") or "png")
