"""A SONATA config: one JSON file or several, `$VARIABLES` of a manifest, paths relative to the file.

Source: the SONATA developer guide, "Simulation configuration"; BMTK's PointNet for `run`, `inputs` and `reports`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from glifjax.errors import InputError, shown
from glifjax.io.config.values import is_number
from glifjax.io.json_text import DEEPEST, parse_json
from glifjax.io.regular import check_file

#: The largest JSON file that is read, bytes.
LARGEST = 2**28
#: Letters that a text with variables may come to; a few that hold one another twice come to any length.
LONGEST = 10_000
#: Keys that may hold the name of a file with more of the config.
PARTS = ("network", "simulation")
#: `$NAME` or `${NAME}`.
VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")


@dataclass(frozen=True)
class Section:
    """A JSON object of a config, which knows where it stands, for errors.

    Attributes:
        values: the object.
        where: the file and the keys to it.
        folder: what relative paths start from.
    """

    values: Mapping[str, Any]
    where: str
    folder: Path

    def __contains__(self, key: str) -> bool:
        """Whether the key is there, and not null."""
        return self.values.get(key) is not None

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or the default where it is absent or null."""
        value = self.values.get(key)
        return default if value is None else value

    def error(self, key: str, words: str) -> InputError:
        """The error of a key; `words` says what is wrong and what to do."""
        return InputError(f"{self.where}.{key} {words}")

    def section(self, key: str) -> "Section":
        """An object, empty where it is absent."""
        value = self.get(key, {})
        if not isinstance(value, Mapping):
            raise self.error(key, f"is {value!r}; it must be an object {{...}}")
        return Section(value, f"{self.where}.{key}", self.folder)

    def sections(self, key: str) -> "dict[str, Section]":
        """An object of objects."""
        parts = self.section(key)
        return {name: parts.section(name) for name in parts.values}

    def rows(self, key: str) -> "list[Section]":
        """A list of objects."""
        value = self.get(key, [])
        if not isinstance(value, list) or not all(isinstance(row, Mapping) for row in value):
            raise self.error(key, f"is {value!r}; it must be a list of objects")
        return [Section(row, f"{self.where}.{key}[{i}]", self.folder) for i, row in enumerate(value)]

    def number(self, key: str, default: float | None = None) -> float:
        """A finite number; an error where it is neither there nor has a default."""
        value = self.get(key, default)
        if not is_number(value):
            given = "is missing" if value is None else f"is {value!r}"
            raise self.error(key, f"{given}; give a finite number")
        return float(value)

    def numbers(self, key: str, default: float | None = None) -> np.ndarray:
        """A finite number or a list of them, as an array."""
        value = self.get(key, default)
        if isinstance(value, list):
            return np.array([Section({key: item}, self.where, self.folder).number(key) for item in value], float)
        return np.array([self.number(key, default)])

    def text(self, key: str, default: str | None = None) -> str:
        """A string."""
        value = self.get(key, default)
        if not isinstance(value, str) or "\0" in value:
            raise self.error(key, f"is {'missing' if value is None else repr(value)}; give a text")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self.get(key, default)
        if not isinstance(value, bool):
            raise self.error(key, f"is {value!r}; it must be true or false")
        return value

    def path(self, key: str, default: str | None = None) -> Path:
        """A path, from the config's folder where it is relative."""
        return self.folder / self.text(key, default)

    def file(self, key: str, default: str | None = None) -> str:
        """A file in output_dir: a path within it, output_dir before it or not; the name of other absolute ones."""
        path, folder = Path(self.text(key, default)), Path(self.text("output_dir", "."))
        path = path.relative_to(folder) if path.is_relative_to(folder) else path
        if ".." in path.parts:
            raise self.error(key, f"is {path}; name a file within output_dir")
        return path.name if path.is_absolute() else str(path)

    def paths(self, key: str) -> list[Path]:
        """A path or a list of them."""
        value = self.get(key)
        if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            return [self.folder / item for item in value]
        return [self.path(key)]


def read_config(path: str | Path) -> Section:
    """A config with its parts joined, what they say before what the config itself does, and its variables replaced.

    Raises:
        InputError: a file that is missing, too large or no JSON object; a variable that the manifest lacks.
    """
    path = Path(path)
    values = dict(_read(path))
    for part in PARTS:
        if isinstance(values.get(part), str):
            file = path.parent / values.pop(part)
            values |= _read(file)
    return Section(values, str(path), path.resolve().parent)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a file.

    Raises:
        InputError: a file that is missing, above LARGEST, or no JSON object.
    """
    check_file(path)
    try:
        values = parse_json(path, LARGEST, finite=False)
    except ValueError as error:
        raise InputError(f"{path}: is no JSON file ({error}); mend it or copy it again") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: holds no object {{...}}; it is not the file meant here")
    return values


def _read(path: Path) -> dict[str, Any]:
    """A file's object, its variables replaced by its own manifest."""
    values = read_json(path)
    manifest = values.pop("manifest", None) or {}
    if not isinstance(manifest, Mapping):
        raise InputError(f"{path}.manifest is {manifest!r}; it must be an object {{...}}")
    now = datetime.now()
    builtin = {
        "configdir": str(path.resolve().parent),
        "workingdir": str(Path.cwd()),
        "configfname": str(path),
        "date": f"{now:%Y-%m-%d}",
        "time": f"{now:%H-%M-%S}",
        "datetime": f"{now:%Y-%m-%d_%H-%M-%S}",
    }
    variables = {**builtin, **{name.strip("${}"): value for name, value in manifest.items()}}

    meanings: dict[str, str] = {}

    def replaced(value: Any, within: tuple[str, ...]) -> Any:
        if isinstance(value, Mapping):
            return {key: replaced(item, within) for key, item in value.items()}
        if isinstance(value, list):
            return [replaced(item, within) for item in value]
        if not isinstance(value, str):
            return value
        text = VARIABLE.sub(lambda match: meaning(match[1] or match[2], value, within), value)
        if len(text) > LONGEST:
            raise InputError(f"{path}: {shown(value)} has more than {LONGEST} letters; shorten what it stands for")
        return text

    def meaning(name: str, text: str, within: tuple[str, ...]) -> str:
        if name not in variables or name in within or len(within) > DEEPEST:
            raise InputError(f"{path}: ${name} in {shown(text)} has no value; give it one in the manifest")
        if name not in meanings:  # looked up once: variables of variables are many
            meanings[name] = str(replaced(variables[name], (*within, name)))
        return meanings[name]

    return replaced(values, ())
