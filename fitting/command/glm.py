"""`glifjax glm`: a stochastic network from the spikes of several units."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from glifjax.cli.console import escape, out_console, plain_errors, print_note, stage

if TYPE_CHECKING:
    from glifjax.spikes.trains import SpikeTrains


def glm(
    spikes: Annotated[
        Path, typer.Argument(metavar="UNITS.nwb", help="Spikes of several units: NWB, SONATA (.h5) or CSV.")
    ],
    dt: Annotated[float, typer.Option(help="Bin, s.")] = 1e-3,
    link: Annotated[
        str | None,
        typer.Option(help="logit (up to 1 ms), hazard or poisson. Left out: what predicts validation blocks best."),
    ] = None,
    basis: Annotated[int, typer.Option(min=1, help="Raised cosines over 100 ms, of each kernel.")] = 6,
    ridge: Annotated[
        str, typer.Option(help="Precision of the weights' prior; of several, with commas between, the best is taken.")
    ] = "1",
    regions: Annotated[
        str | None, typer.Option(help="Populations or regions to fit, with commas between. All if left out.")
    ] = None,
    least: Annotated[int, typer.Option(min=1, help="Units with fewer spikes are left out.")] = 20,
    duration: Annotated[float | None, typer.Option(help="Of the recording, s; to the last spike if left out.")] = None,
    stable: Annotated[
        bool, typer.Option("--stable", help="Hold responses at recorded ones, so that free runs do not run away.")
    ] = False,
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("glm.html"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a page that --out already names.")] = False,
) -> None:
    """Fit a network of stochastic neurons to spikes, and write a page on it.

    Units are shown by region: the location of an NWB file's electrodes, the population elsewhere. Responses are drawn
    around the trials that an NWB file lists.

    [bold]Example:[/bold]  glifjax glm units.nwb --dt 0.001 --ridge 0.1,1,10 --out units.html
    """
    with plain_errors():
        from glifjax.io.nwb.units import read_located_units
        from glifjax.io.spikes import read_spikes
        from glifjax.io.writing import check_target

        from .refusals import check_network

        check_target(out, overwrite)
        ridges = check_network(dt, link, ridge, duration)
        with stage("reading"):
            trains, events = read_located_units(spikes) if _is_nwb(spikes) else (read_spikes(spikes), [])
        trains = _chosen(trains, regions, least, spikes)
        import jax  # once what was given can be read, for it takes seconds

        from ..glm import fit, write_report

        jax.config.update("jax_enable_x64", True)
        with _progress("fit") as progress:
            fitted = fit(
                trains, dt, basis=basis, link=link, duration=duration, ridge=ridges, stable=stable, progress=progress
            )
        with stage("held-out time, free runs, page"):
            verdict = write_report(fitted, out, spikes.stem, events=events or None, overwrite=overwrite)
        for line in fitted.warnings:
            print_note(line, "warning")
        out_console.print(escape(verdict), soft_wrap=True)
        out_console.print(f"Open {escape(str(out))} in a browser.", soft_wrap=True)


def _is_nwb(path: Path) -> bool:
    from glifjax.io.nwb.units import has_units
    from glifjax.io.spikes import is_hdf5

    return path.is_file() and is_hdf5(path) and has_units(path)


def _chosen(trains: "SpikeTrains", regions: str | None, least: int, path: Path) -> "SpikeTrains":
    """The units that are fitted, and a line on which they are."""
    import numpy as np

    from glifjax.errors import InputError

    names = trains.population_names
    wanted = names if regions is None else [name.strip() for name in regions.split(",")]
    for name in wanted:
        if name not in names:
            raise InputError(f"{path}: has no region {name}; there are {', '.join(names)}")
    parts, few = [], 0
    for name in wanted:
        own = trains.of(name)
        ids, counts = np.unique(own.node_ids, return_counts=True)
        parts.append((name, ids[counts >= least]))
        few += int(np.sum(counts < least))
    if not sum(len(ids) for _, ids in parts):
        raise InputError(f"{path}: no unit has {least} spikes; give a lower `least`, or another file")
    fitted = np.zeros(len(trains), bool)
    for name, ids in parts:
        fitted |= (trains.populations == name) & np.isin(trains.node_ids, ids)
    words = ", ".join(f"{len(ids)} of {name}" for name, ids in parts)
    left = f"; {few} with fewer than {least} spikes left out (--least)" if few else ""
    out_console.print(f"  units: {escape(words)}{left}", soft_wrap=True)
    return trains[fitted]


@contextmanager
def _progress(name: str) -> Iterator:
    """A line that tells how far it is, and one at the end that says how long it took."""
    start = monotonic()
    with out_console.status(f"{name} ...") as status:
        yield lambda words: status.update(f"{name}: {words}, {monotonic() - start:.0f} s")
    out_console.print(f"  [green]✓[/green] {name} [dim]{monotonic() - start:.1f} s[/dim]")
