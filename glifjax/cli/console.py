"""What every command shares: the two consoles, a line per stage, one plain line per error."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

from glifjax.errors import InputError

out_console, err_console = Console(highlight=False), Console(stderr=True, highlight=False)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Show that something is being done, then that it is done and how long it took."""
    start = time.perf_counter()
    with out_console.status(f"{name} ..."):
        yield
    out_console.print(f"  [green]✓[/green] {name} [dim]{time.perf_counter() - start:.1f} s[/dim]")


@contextmanager
def plain_errors() -> Iterator[None]:
    """One clear line and exit 2 for what the user can mend; exit 130 for Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        err_console.print("stopped; nothing was written")
        sys.exit(130)
    except (InputError, OSError) as error:
        err_console.print(f"[red]error:[/red] {escape(' '.join(str(error).split()))}", soft_wrap=True)
        sys.exit(2)
