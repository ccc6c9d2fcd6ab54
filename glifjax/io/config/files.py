"""Config files: what is in one, and how to change it without losing the rest."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glifjax.errors import shown
from glifjax.io.config.forms import is_several
from glifjax.io.config.older import parse_older
from glifjax.io.config.values import NeuronConfigError
from glifjax.io.json_text import parse_json


def load(path: str | os.PathLike) -> tuple[Mapping[str, Any], str | None]:
    """The config in a file, and the id that it is wrapped in as {"<id>": {...}}.

    Raises:
        NeuronConfigError: a file that cannot be read, or that holds no JSON object (nor a Python literal of one, as
            some files of 2014 and 2015 do).
    """
    if not isinstance(path, str | os.PathLike):
        raise NeuronConfigError(
            f"{shown(path)} is no path; give a file's, or read a dictionary by "
            "glifjax.io.config.neuron_config.neuron_from_config"
        )
    path, wrapped = Path(path), None
    try:
        config = parse_json(path, finite=False)  # of keys that nobody needs; others must be finite
    except OSError as error:
        raise NeuronConfigError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except ValueError as error:
        try:
            config = parse_older(path)
        except ValueError:
            raise NeuronConfigError(f"{path}: is not JSON ({error}); expected a GLIF neuron_config.json") from error
    if isinstance(config, dict) and len(config) == 1 and isinstance(next(iter(config.values())), dict):
        ((wrapped, config),) = config.items()
    if not isinstance(config, dict):
        raise NeuronConfigError(f"{path}: holds a {type(config).__name__}, not an object with parameters")
    return config, wrapped


def neuron_ids(path: str | os.PathLike) -> list[str]:
    """The ids of a file's neurons; none where it holds one neuron without an id.

    Raises:
        NeuronConfigError: a file that cannot be read, or is not JSON.
    """
    config, wrapped = load(path)
    return [wrapped] if wrapped is not None else list(config) if is_several(config) else []


def with_changes(like: Any, before: Any, after: Any) -> Any:
    """`like`, with what differs between `before` and `after` replaced by what `after` holds.

    A three-way merge of JSON objects: `before` is `like` as this library would write it, so that whatever it does not
    know, or writes in another way, stays as it is in `like`.
    """
    if before == after:
        return like
    if not all(isinstance(entries, Mapping) for entries in (like, before, after)):
        return after
    unchanged = {
        key: with_changes(value, before.get(key), after[key]) if key in after else value
        for key, value in like.items()
        if key in after or key not in before
    }
    added = {key: value for key, value in after.items() if key not in like and before.get(key) != value}
    return unchanged | added
