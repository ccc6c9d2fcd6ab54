"""A file of options for `glifjax fit --config`: TOML, each under its name; what the command line says goes first."""

import tomllib
from os.path import isfile
from pathlib import Path
from typing import Any

import typer

from glifjax.cli.console import print_error
from glifjax.errors import InputError, shown
from glifjax.io.regular import check_regular


def obey(context: typer.Context, path: Path | None) -> Path | None:
    """Take a file's options as defaults of the command, before it reads its own."""
    if path is not None and not context.resilient_parsing:
        try:
            context.default_map = read_options(path, {str(parameter.name) for parameter in context.command.params})
        except InputError as error:
            print_error(str(error))
            raise typer.Exit(2) from error
    return path


def read_options(path: Path, names: set[str]) -> dict[str, Any]:
    """The options in a file, by parameter; paths with *, ? and [...] in `cells` are looked up.

    Args:
        path: a TOML file: cells = ["data/*.nwb"], level = "all", out = "study"; paths are relative to where the command
            runs.
        names: of the command's parameters.

    Raises:
        InputError: the file cannot be read, is no TOML, names no such option, cells that are no list of paths, or
            another option that is neither text nor number.
    """
    try:
        check_regular(path)
        options = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f'{path}: is not TOML ({error}); write a line for each option, as in level = "all"') from error
    options = {name.replace("-", "_"): value for name, value in options.items()}
    if unknown := [name for name in options if name not in names - {"config"}]:
        raise InputError(f"{path}: {shown(unknown[0])} is no option of glifjax fit; use {', '.join(sorted(names))}")
    cells = options.get("cells", [])
    if not isinstance(cells, list) or not all(isinstance(cell, str) for cell in cells):
        raise InputError(f"{path}: cells is {shown(cells)}; give a list of paths")
    for name, value in options.items():
        if name != "cells" and not isinstance(value, str | int | float):
            raise InputError(f"{path}: {name} is {shown(value)}; give it as on the command line, as one text or number")
    return options | ({"cells": [meant for cell in cells for meant in _paths(cell, path)]} if cells else {})


def _paths(cell: str, source: Path) -> list[str]:
    """Files that a path with *, ? and [...] means, by name; itself where it has none, means none, or is a file's."""
    if not {"*", "?", "["} & set(cell) or isfile(cell):
        return [cell]
    pattern = Path(cell)
    root = Path(pattern.anchor)
    try:
        return sorted(map(str, root.glob(str(pattern.relative_to(root))))) or [cell]
    except ValueError as error:
        raise InputError(f"{source}: {shown(cell)} of cells means no paths ({error}); name the files") from error
