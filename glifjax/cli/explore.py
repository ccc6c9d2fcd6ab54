"""`glifjax explore`: a neuron to play with, as one page."""

from pathlib import Path
from typing import Annotated

import typer

from glifjax.cli.console import NeuronId, escape, out_console, plain_errors


def explore(
    neuron_config: Annotated[
        Path, typer.Argument(metavar="NEURON_CONFIG", help="neuron_config.json, or a published model's .zip.")
    ],
    cell: Annotated[
        Path | None, typer.Argument(metavar="[CELL.nwb]", help="A recording, whose sweeps the neuron is laid over.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="EXPLORE.html", help="File to write.")] = Path("explore.html"),
    sweeps: Annotated[
        str | None,
        typer.Option(help='Numbers, ranges or protocol names ("1,4-6"). Left out: the first, up to 30 s of them.'),
    ] = None,
    dt: Annotated[float, typer.Option(metavar="S", min=1e-6, max=1e-2, help="The page's time step, s.")] = 1e-4,
    id: NeuronId = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
) -> None:
    """Make a page in which a neuron's numbers and stimulus are moved, and its voltage and spikes follow at once.

    One HTML file that opens in any browser, without Python and without a network.

    [bold]Example:[/bold]  glifjax explore neuron_config.json cell.nwb --out explore.html
    """
    with plain_errors():
        from glifjax.cli.checks import check_neuron_config, check_recording
        from glifjax.errors import InputError
        from glifjax.io.writing import check_target

        if sweeps is not None and cell is None:
            raise InputError("--sweeps chooses among those of a recording; give CELL.nwb too")
        check_target(out, overwrite)
        check_neuron_config(neuron_config, id)
        if cell is not None:
            check_recording(cell, sweeps)
        _explore(neuron_config, id, cell, out, sweeps, dt)


def _explore(config: Path, id: str | None, cell: Path | None, out: Path, which: str | None, dt: float) -> None:
    import jax

    import glifjax as gj
    from glifjax.cli.neurons import read_neuron
    from glifjax.explorer.recorded import sweeps_to_show
    from glifjax.io.nwb.selection import name_sweeps

    jax.config.update("jax_enable_x64", True)
    neuron = read_neuron(config, id)
    title, source = _title(config) if id is None else id, config.name
    if cell is None:
        gj.explore(neuron, dt=dt, title=title, source=source).save(out)
    else:
        with gj.read_recording(cell) as recording:
            chosen = sweeps_to_show(recording, which)
            out_console.print(f"{escape(recording.name)}, {name_sweeps(sweep.number for sweep in chosen)}")
            source = f"{source} over {cell.name}"
            gj.explore(neuron, chosen, dt=dt, title=recording.name, source=source).save(out)
    out_console.print(f"wrote [bold]{escape(str(out))}[/bold], {out.stat().st_size / 1e3:.0f} kB", soft_wrap=True)


def _title(config: Path) -> str:
    """A file's name without its ending; its folder's, where every file is named so."""
    return config.resolve().parent.name if config.stem == "neuron_config" else config.stem
