"""What every command shares: the two consoles, a line per stage, one plain line per error."""

import re
import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated

import typer
from rich import markup
from rich.console import Console

from glifjax.errors import LONGEST, InputError, printable, shortened

#: The option of commands that read one neuron.
NeuronId = Annotated[
    str | None,
    typer.Option("--id", metavar="ID", show_default=False, help="Of the neuron, where its file holds several."),
]
out_console, err_console = Console(highlight=False), Console(stderr=True, highlight=False)


def escape(text: str) -> str:
    """Text that is shown as it is: neither markup of rich's nor escape sequences of a terminal's."""
    return markup.escape(printable(text))


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Show that something is being done, then that it is done and how long it took."""
    start = time.perf_counter()
    with out_console.status(f"{name} ..."):
        yield
    out_console.print(f"  [green]✓[/green] {name} [dim]{time.perf_counter() - start:.1f} s[/dim]")


@contextmanager
def plain_errors(options: Mapping[str, str] | None = None) -> Iterator[None]:
    """One clear line and exit 2 for what the user can mend, an end of memory too; exit 130 for Ctrl-C.

    Args:
        options: see `as_options`.
    """
    try:
        yield
    except KeyboardInterrupt:
        err_console.print("stopped; nothing was written")
        sys.exit(130)
    except MemoryError as error:
        print_error(f"memory is at its end ({error or 'nothing is left'}); free some, or give less at a time")
        sys.exit(2)
    except InputError as error:
        print_error(as_options(str(error), options or {}))
        sys.exit(2)
    except OSError as error:
        named = error.filename is not None and error.strerror
        print_error(f"{error.filename}: {error.strerror}; check the path" if named else str(error))
        sys.exit(2)


def print_note(message: str, kind: str = "note") -> None:
    """A line on the error console that is no error."""
    err_console.print(f"[yellow]{kind}:[/yellow] {escape(message)}", soft_wrap=True)


def print_error(message: str) -> None:
    """One line on the error console, of LONGEST letters at most."""
    err_console.print(f"[red]error:[/red] {escape(shortened(' '.join(message.split()), LONGEST))}", soft_wrap=True)


def as_options(message: str, options: Mapping[str, str]) -> str:
    """A message of the library in the command's terms: `` `overwrite=True` `` becomes --overwrite.

    Args:
        message: in which arguments stand between backticks, alone or as argument=value.
        options: names of options, by argument, where they are not the argument's own.
    """

    def option(match: re.Match) -> str:
        name, value = match["name"], (match["value"] or "").strip("\"'")
        flag = f"--{options.get(name, name).replace('_', '-')}"
        plain = re.fullmatch(r"[\w.,:/+-]*", value)
        return flag if value in ("", "True") else f"{flag} {value if plain else shlex.quote(value)}"

    return re.sub(r"`(?P<name>\w+)(=(?P<value>[^`]*))?`", option, message)
