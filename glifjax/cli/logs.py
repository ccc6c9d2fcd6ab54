"""How much a command says, and where: -v, -q and --log-file, which every command has."""

import logging
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from glifjax.cli.console import out_console, print_error, print_note
from glifjax.errors import printable

#: The loggers of both packages.
LOGGERS = ("glifjax", "fitting", "py.warnings")
LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class Plain(logging.Formatter):
    """Steps in which what is no visible letter, of a file's name too, is spelt out."""

    def format(self, record: logging.LogRecord) -> str:
        """A step as it is written."""
        return printable(super().format(record))


class LogFile(logging.FileHandler):
    """A file of steps; one that cannot be written to any more, as its disk is full, is left, and that said once."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Leave the file."""
        self.setLevel(logging.CRITICAL + 1)
        words = f"{self.baseFilename}: cannot be written any more, so later steps are not in it; free some room"
        print_note(words)


def options(
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say each step, with the time, on the error stream.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors and notes alone.")] = False,
    log_file: Annotated[
        Path | None, typer.Option("--log-file", metavar="FILE", help="Write each step, with the time, to a file too.")
    ] = None,
) -> None:
    """Obey the three, before the command runs."""
    out_console.quiet = quiet
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)] if verbose else []
    if log_file is not None:
        try:
            handlers.append(LogFile(log_file, encoding="utf-8"))
        except OSError as error:
            print_error(f"{log_file}: cannot be written ({error.strerror}); choose another --log-file")
            sys.exit(2)
    if not handlers:
        return
    logging.captureWarnings(True)
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.DEBUG)
        logger.handlers = handlers
    for handler in handlers:
        handler.setFormatter(Plain(LINE))
    logging.getLogger("glifjax").info("glifjax %s: %s", version("glifjax"), " ".join(sys.argv[1:]))


def with_options(command: Any) -> Any:
    """The command with these options beside its own; they are obeyed before it runs."""
    single = typer.Typer(add_completion=False)
    single.command()(options)
    common = typer.main.get_command(single).params
    names = [str(parameter.name) for parameter in common]
    run = command.callback

    def obeying(**values: Any) -> Any:
        options(**{name: values.pop(name) for name in names})
        return run(**values)

    command.callback = obeying
    command.params = [*command.params, *common]
    return command
