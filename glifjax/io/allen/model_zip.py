"""The .zip of a published GLIF model: its neuron_config, the cell's sweep table and the model's metadata.

Members are known by the end of their names (472423251_neuron_config.json, ephys_sweeps.json, and neuronal_model.json
or model_metadata.json) and are read in memory; nothing is extracted.
"""

import lzma
import os
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any

from glifjax.errors import InputError
from glifjax.glif.glif import GLIF
from glifjax.io.config.neuron_config import glif_from_config
from glifjax.io.json_text import parse_json
from glifjax.io.regular import check_regular

#: Bytes of a member at most; the largest sweep tables have about 1e5.
LARGEST = 20_000_000
#: What zipfile raises where an archive is damaged.
DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    UnicodeDecodeError,
    NotImplementedError,
    RuntimeError,
)


class ModelZipError(InputError):
    """A .zip that holds no GLIF model; the message names the file and what it lacks."""


@dataclass(frozen=True)
class ModelZip:
    """What a model's .zip holds.

    Attributes:
        source: the file, as errors name it.
        config: the neuron_config, without the {"<id>": ...} around it.
        sweeps: a dictionary a sweep, in the order of their numbers.
        metadata: id, name, specimen_id and what else the database says of the model.
    """

    source: str
    config: dict[str, Any]
    sweeps: list[dict[str, Any]]
    metadata: dict[str, Any]

    @property
    def neuron(self) -> GLIF:
        """The neuron of the config; raises NeuronConfigError where read_neuron_config would."""
        return glif_from_config(self.config, self.source)


def read_model_zip(path: str | os.PathLike) -> ModelZip:
    """Read a model's .zip as it is.

    Raises:
        ModelZipError: no file, no whole zip, or a member that is missing, there twice, too large or no JSON.
    """
    source = os.fspath(path)
    try:
        check_regular(source)
        with zipfile.ZipFile(source) as archive:
            config = _member(archive, source, dict, "neuron_config.json")
            sweeps = _member(archive, source, list, "ephys_sweeps.json")
            metadata = _member(archive, source, dict, "neuronal_model.json", "model_metadata.json")
    except DAMAGES as error:
        raise ModelZipError(f"{source}: is not a whole zip file ({error}); download it again") from error
    except OSError as error:
        raise ModelZipError(f"{source}: cannot be read ({error.strerror}); check the path") from error
    if len(config) == 1 and isinstance(inner := next(iter(config.values())), dict):
        config = inner
    if not all(isinstance(sweep, dict) and isinstance(sweep.get("sweep_number"), int) for sweep in sweeps):
        raise ModelZipError(f"{source}: its ephys_sweeps.json has a sweep without a sweep_number; download it again")
    return ModelZip(source, config, sorted(sweeps, key=lambda sweep: sweep["sweep_number"]), metadata)


def _member(archive: zipfile.ZipFile, source: str, kind: type, *endings: str) -> Any:
    """The JSON of the one member whose name has one of these endings."""
    wanted = " or ".join(endings)
    members = [member for member in archive.infolist() if member.filename.endswith(endings)]
    if len(members) != 1:
        names = ", ".join(archive.namelist()[:8]) or "nothing"
        number = "no" if not members else f"{len(members)} times"
        raise ModelZipError(f"{source}: holds {number} {wanted}, among {names}; expected the .zip of one GLIF model")
    if members[0].file_size > LARGEST:
        raise ModelZipError(f"{source}: {members[0].filename} has {members[0].file_size} bytes; that is no GLIF model")
    try:
        with archive.open(members[0]) as member:
            value = parse_json(member.read(LARGEST + 1), LARGEST, finite=False)
    except ValueError as error:
        raise ModelZipError(f"{source}: {members[0].filename} is not JSON ({error}); download it again") from error
    if not isinstance(value, kind):
        raise ModelZipError(f"{source}: {members[0].filename} holds a {type(value).__name__}; download it again")
    return value
