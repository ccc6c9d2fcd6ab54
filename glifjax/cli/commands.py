"""Subcommands that are imported when they run; what help says of them is read from their docstrings."""

import ast
import importlib.util
import re
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import entry_points
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from glifjax.cli.console import print_error
from glifjax.cli.logs import with_options
from glifjax.errors import InputError

#: What typer raises for arguments that it cannot read; which click that is of depends on its version.
UsageError: Any = typer.BadParameter.__base__
#: Entry points of this group, "module:function", become subcommands of their names.
GROUP = "glifjax.commands"


class LazyGroup(TyperGroup):
    """A group that knows its subcommands by name and place, and imports the one that is asked for.

    Attributes:
        own: the places of glifjax's own subcommands, "module:function" by name.
    """

    own: Mapping[str, str] = {}

    def __init__(self, **attributes: Any):
        """Find the subcommands: those of other packages, then glifjax's own."""
        super().__init__(**attributes)
        points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
        self.places = {point.name: point.value for point in points} | dict(self.own)
        for name, place in self.places.items():
            self.add_command(TyperCommand(name, help=first_words(place)))

    def main(self, args: Sequence[str] | None = None, *rest: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run the command that the arguments name; what they cannot mean is one line, and exit 2."""
        args = sys.argv[1:] if args is None else list(args)
        if not standalone_mode or not args:
            return super().main(args, *rest, standalone_mode=standalone_mode, **extra)
        try:
            code = super().main(args, *rest, standalone_mode=False, **extra)
        except UsageError as error:
            path = error.ctx.command_path if error.ctx else "glifjax"
            print_error(f"{error.format_message().rstrip('.')}; see {path} --help")
            sys.exit(2)
        except typer.Abort:
            print_error("stopped")
            sys.exit(1)
        sys.exit(code if isinstance(code, int) else 0)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The subcommand that the arguments name, imported, and the arguments left."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, listed and load(str(name), self.places[str(name)]), rest


def load(name: str, place: str) -> Any:
    """Import a subcommand; where another package stands in its place, say so and exit 2."""
    module, _, function = place.partition(":")
    try:
        find(module)
    except InputError as error:
        print_error(f"glifjax {name}: {error}")
        sys.exit(2)
    single = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
    single.command(name)(getattr(importlib.import_module(module), function))
    command = with_options(typer.main.get_command(single))
    command.help = flowing(command.help or "")
    return command


def flowing(text: str) -> str:
    """Paragraphs that a terminal of any width breaks into lines by itself; a line that is indented begins anew."""
    return re.sub(r"(?<!\n)\n(?=\S)", " ", text)


def first_words(place: str) -> str:
    """The first paragraph of a function's docstring, the module not being run."""
    module, _, function = place.partition(":")
    try:
        source = find(module).loader.get_source(module)  # pyright: ignore
    except InputError as error:
        return f"Cannot run: {error}"
    nodes = ast.parse(source).body
    words = [ast.get_docstring(node) for node in nodes if getattr(node, "name", None) == function]
    return " ".join((words[0] or "").split("\n\n")[0].split()) if words else ""


def find(module: str) -> ModuleSpec:
    """Where a module is, without running any of it.

    Raises:
        InputError: a module or package of the user's has the name of its package, and comes first.
    """
    top, *parts = module.split(".")
    first = spec = importlib.util.find_spec(top)
    for part in parts:
        inside = spec.submodule_search_locations if spec else None
        spec = PathFinder.find_spec(f"{spec.name}.{part}", inside) if spec and inside else None
    if spec is None:
        there = first and (first.origin or ", ".join(first.submodule_search_locations or ()))
        raise InputError(
            f"it needs {module}, but Python takes {top} from {there}; rename that, or run from another folder"
            if there
            else f"it needs {module}, which is not installed"
        )
    return spec
