"""The `glifjax` command; one file a subcommand. Other packages add theirs through the entry-point group GROUP."""

from typing import Annotated

import typer

import glifjax
from glifjax.cli.commands import LazyGroup
from glifjax.cli.compiled import hold_programs
from glifjax.cli.interrupts import hear_interrupts


class Commands(LazyGroup):
    """The subcommands of glifjax itself, in the order of the help page."""

    own = {  # noqa: RUF012
        "download": "glifjax.cli.download:download",
        "convert": "glifjax.cli.convert:convert",
        "simulate": "glifjax.cli.simulate:simulate",
        "run": "glifjax.cli.run:run",
        "gallery": "glifjax.cli.gallery:gallery",
        "explore": "glifjax.cli.explore:explore",
    }


app = typer.Typer(
    cls=Commands,
    help="Fit and simulate generalized leaky integrate-and-fire neurons.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"glifjax {glifjax.__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Fit and simulate generalized leaky integrate-and-fire neurons."""
    hear_interrupts()
    hold_programs()
