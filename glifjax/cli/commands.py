"""Subcommands that are imported when they run; what help says of them is read from their docstrings."""

import ast
import importlib.util
import sys
from collections.abc import Mapping
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import entry_points
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from glifjax.cli.console import print_error
from glifjax.errors import InputError

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
    return typer.main.get_command(single)


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
