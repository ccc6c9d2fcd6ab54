"""The `glifjax` command; one file a subcommand."""

import typer

from fitting.cli.download import download
from fitting.cli.fit import fit
from fitting.cli.gallery import gallery
from fitting.cli.simulate import simulate

app = typer.Typer(
    help="Fit and simulate generalized leaky integrate-and-fire neurons.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


@app.callback()
def main() -> None:
    """Fit and simulate generalized leaky integrate-and-fire neurons."""


app.command()(fit)
app.command()(download)
app.command()(simulate)
app.command()(gallery)
