"""Stage results kept on disk while a fit runs, so that one which was stopped goes on where it was.

One JSON file a stage, written whole or not at all. Numbers keep every bit; a neuron, a stage and the like are written
as the class they are of and its fields, which may only be classes and functions of glifjax and fitting.
"""

import importlib
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

#: Packages whose classes and functions a kept result may name.
PACKAGES = ("glifjax", "fitting")


class Checkpoint:
    """Runs the stages of a fit, each once: a stage whose result is kept is not run again.

    Attributes:
        folder: where results are kept, of one fit alone (fitting.results.provenance.fingerprint tells fits
            apart); made when the first result is. None keeps nothing.
        restored: seconds that the stages took which were kept, and not run again.
    """

    def __init__(self, folder: Path | None = None):
        """Keep results in a folder, or nowhere."""
        self.folder, self.restored = folder, 0.0

    def __call__(self, level: str, stage: str, task: Callable[..., Any], *arguments) -> tuple[Any, float]:
        """The result of `task(*arguments)`, and the seconds it took, then or now."""
        if self.folder is None:
            return _timed(task, *arguments)
        file = self.folder / f"{level} {stage}.json".replace("/", "-")
        try:
            kept = json.loads(file.read_text(encoding="utf-8"))
            result, seconds = decode(kept["result"]), float(kept["seconds"])
            self.restored += seconds
            return result, seconds
        except (OSError, ValueError, LookupError, AttributeError, ImportError, TypeError):
            pass  # nothing kept, or nothing that can be used
        result, seconds = _timed(task, *arguments)
        try:
            kept = {"level": level, "stage": stage, "seconds": seconds, "result": encode(result)}
        except TypeError:
            return result, seconds  # of a kind that is not kept: such a stage is run again
        write_whole(file, json.dumps(kept))
        return result, seconds

    @property
    def done(self) -> list[str]:
        """The stages that are kept, in the order in which they ended."""
        files = sorted(self.folder.glob("*.json"), key=lambda file: file.stat().st_mtime_ns) if self.folder else []
        return [file.stem for file in files]

    def remove(self) -> None:
        """Forget everything."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            if self.folder.parent.is_dir() and not any(self.folder.parent.iterdir()):
                self.folder.parent.rmdir()


def _timed(task: Callable[..., Any], *arguments) -> tuple[Any, float]:
    start = time.perf_counter()
    result = task(*arguments)
    return result, time.perf_counter() - start


def write_whole(file: Path, text: str) -> None:
    """Write a file, and the folder it is in, so that not even a power cut leaves a part of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{os.getpid()}")
    with open(part, "w", encoding="utf-8") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    os.replace(part, file)


# ------------------------------------------------------------------------------------------ what JSON can hold


def encode(value: Any) -> Any:
    """A result as JSON can hold it.

    Raises:
        TypeError: it holds something that is neither data nor of glifjax or fitting.
    """
    match value:
        case np.generic() | np.ndarray() | jax.Array():
            kind = "jax" if isinstance(value, jax.Array) else "numpy"
            array = np.asarray(value)
            if array.dtype.kind not in "biuf":
                raise TypeError(f"arrays of {array.dtype} are not kept")
            found = {kind: array.ravel().tolist(), "dtype": array.dtype.name, "shape": array.shape}
            return found | ({"weak": True} if getattr(value, "weak_type", False) else {})
        case None | bool() | int() | float() | str():
            return value
        case list():
            return [encode(each) for each in value]
        case dict():
            return {"dict": [[encode(key), encode(each)] for key, each in value.items()]}
        case tuple() if names := getattr(value, "_fields", ()):
            return {"class": _name(type(value)), "fields": {key: encode(getattr(value, key)) for key in names}}
        case tuple():
            return {"tuple": [encode(each) for each in value]}
    if is_dataclass(value) and not isinstance(value, type):
        return {"class": _name(type(value)), "fields": {f.name: encode(getattr(value, f.name)) for f in fields(value)}}
    return {"named": _name(value)}


def decode(value: Any) -> Any:
    """What `encode` was given."""
    match value:
        case {"jax": [value], "weak": True, "shape": []}:
            return jnp.asarray(value)  # compiled functions tell a weak type from others
        case {"jax": values, "dtype": dtype, "shape": shape}:
            return jnp.asarray(np.array(values, dtype).reshape(shape))
        case {"numpy": values, "dtype": dtype, "shape": shape}:
            return np.array(values, dtype).reshape(shape)[()]
        case {"dict": items}:
            return {decode(key): decode(each) for key, each in items}
        case {"tuple": items}:
            return tuple(map(decode, items))
        case {"class": name, "fields": found}:
            made, found = _find(name), {key: decode(each) for key, each in found.items()}
            if issubclass(made, tuple):
                return made(**found)
            instance = object.__new__(made)  # as it was: nothing is converted or checked again
            for key, each in found.items():
                object.__setattr__(instance, key, each)
            return instance
        case {"named": name}:
            return _find(name)
        case list():
            return [decode(each) for each in value]
    return value


def _name(thing: Any) -> str:
    """Where a class or function is found again: "module:name"."""
    module, name = getattr(thing, "__module__", None) or "", getattr(thing, "__qualname__", "")
    if module.partition(".")[0] not in PACKAGES or not name or "<" in name:
        raise TypeError(f"{thing!r} is not kept")
    return f"{module}:{name}"


def _find(name: str) -> Any:
    module, _, name = name.partition(":")
    if module.partition(".")[0] not in PACKAGES:
        raise ImportError(f"{module} is none of {PACKAGES}")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found
