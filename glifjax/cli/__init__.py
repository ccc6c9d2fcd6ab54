"""The `glifjax` command; one file a subcommand. Other packages add theirs through the entry-point group COMMANDS."""

from importlib.metadata import entry_points

import typer

from glifjax.cli.download import download
from glifjax.cli.gallery import gallery
from glifjax.cli.simulate import simulate

#: Entry points of this group are functions, which become subcommands of their names.
COMMANDS = "glifjax.commands"

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


for point in sorted(entry_points(group=COMMANDS), key=lambda point: point.name):
    app.command(point.name)(point.load())
app.command()(download)
app.command()(simulate)
app.command()(gallery)
