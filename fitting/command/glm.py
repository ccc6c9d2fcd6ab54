"""`glifjax glm`: a stochastic network from the spikes of several units."""

from pathlib import Path
from typing import Annotated

import typer

from glifjax.cli.console import escape, out_console, plain_errors, stage


def glm(
    spikes: Annotated[
        Path, typer.Argument(metavar="UNITS.nwb", help="Spikes of several units: NWB, SONATA (.h5) or CSV.")
    ],
    dt: Annotated[float, typer.Option(help="Bin, s.")] = 1e-3,
    link: Annotated[str, typer.Option(help="logit (up to 1 ms), hazard or poisson.")] = "logit",
    basis: Annotated[int, typer.Option(help="Raised cosines over 100 ms, of each kernel.")] = 6,
    ridge: Annotated[
        str, typer.Option(help="Precision of the weights' prior; of several, with commas between, the best is taken.")
    ] = "1",
    duration: Annotated[float | None, typer.Option(help="Of the recording, s; to the last spike if left out.")] = None,
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("glm.html"),
) -> None:
    """Fit a network of stochastic neurons to spikes, and write a page on it.

    [bold]Example:[/bold]  glifjax glm units.nwb --dt 0.001 --link logit --out units.html
    """
    with plain_errors():
        import jax

        from glifjax.errors import InputError
        from glifjax.io.spikes import read_spikes

        from ..glm import fit
        from ..glm.report import write_report

        jax.config.update("jax_enable_x64", True)
        try:
            ridges = [float(value) for value in ridge.split(",")]
        except ValueError:
            raise InputError(f"`ridge` is {ridge}; give numbers with commas between") from None
        trains = read_spikes(spikes)
        with stage("fit"):
            fitted = fit(trains, dt, basis=basis, link=link, duration=duration, ridge=ridges)
        with stage("held-out time, free runs, page"):
            write_report(fitted, out, spikes.stem)
        out_console.print(f"{fitted.score().bits_per_spike:.3f} bits a spike on held-out time; {fitted.stability()}")
        out_console.print(f"Open {escape(str(out))} in a browser.", soft_wrap=True)
