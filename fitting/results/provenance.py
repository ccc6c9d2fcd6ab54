"""Where a fit comes from: all that it takes to repeat it bit for bit on the same machine, and what its task was.

Two digests: `fingerprint` is shared by fits that come to the same bits, `task` by those that were asked the same, on
whatever machine.
"""

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from os.path import isfile
from pathlib import Path
from typing import Any

import jax

from glifjax.errors import InputError

from ..levels import describe
from ..pipeline.settings import FitSettings
from .record import FitRecord, read_fit

#: Distributions whose versions a fit's numbers may depend on.
LIBRARIES = ("glifjax", "jax", "jaxlib", "equinox", "optax", "numpy", "scipy", "h5py", "pynwb")

#: Doors of both packages that move no number of a fit: what only shows, and what only hands fits out.
SHOWING = ("cli", "command", "explorer", "html.py", "many", "plots", "report")


class LikeError(InputError):
    """A fit.json that cannot be followed; the message says why and what to do."""


def provenance(path: Path, settings: FitSettings) -> dict[str, Any]:
    """What fit.json says of a fit's origin: its `inputs` and the `circumstances`."""
    return {**inputs(path, settings), **circumstances(settings)}


def inputs(path: Path, settings: FitSettings) -> dict[str, dict[str, str]]:
    """`file`, the recording, and `stimulus`, the file of its current where that is one: name, place and SHA-256."""
    files = {"file": identity(path)}
    if settings.stimulus is not None:
        files["stimulus"] = identity(Path(settings.stimulus))
    return files


def _digests(origin: Mapping[str, Any]) -> str:
    """The SHA-256 of the inputs."""
    recording = origin["file"]["sha256"]
    stimulus = origin.get("stimulus")
    return recording if stimulus is None else f"{recording} {stimulus['sha256']}"


def circumstances(settings: FitSettings) -> dict[str, Any]:
    """All that a fit depends on beside its recording, as JSON can hold it.

    Returns:
        settings; versions; source: SHA-256 of the code of glifjax and fitting; machine: what the last bits may depend
        on; constants: the tunables of every level, by its name.
    """
    return {
        "settings": settings.as_json(),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
        "source": _source(),
        "machine": {
            "platform": platform.platform(),
            "device": jax.devices()[0].device_kind,
            "threads": _threads(),
            "XLA_FLAGS": os.environ.get("XLA_FLAGS", ""),
        },
        "constants": {level.name: describe(level) for level in settings.levels},
    }


def fingerprint(origin: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits that two fits share if they come to the same result.

    The number of threads is left out: it moves sums in their last bits, and a run of many cells may share its cores
    out differently when it goes on.
    """
    machine = {key: value for key, value in origin["machine"].items() if key != "threads"}
    parts = (_digests(origin), machine, *(origin[key] for key in ("settings", "versions", "source")))
    return _twelve_digits(parts)


def task(origin: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits that two fits share which were asked the same: recording, settings, project version.

    The machine and the versions of other libraries are no part of it: a fit that a compute node finished is finished
    for the login node too.

    Args:
        origin: of a fit to come (`provenance`), or what fit.json holds of one.

    Raises:
        LookupError, TypeError: it states no origin.
    """
    return _twelve_digits((_digests(origin), *assignment(origin).values()))


def _twelve_digits(parts: tuple) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def assignment(origin: Mapping[str, Any]) -> dict[str, Any]:
    """What several recordings may be fitted by alike: the settings, and the project's version and code.

    Raises:
        LookupError, TypeError: `origin` states none.
    """
    return {
        "settings": origin["settings"],
        "version": origin["versions"]["glifjax"],
        "source": origin["source"],
    }


def identity(path: Path) -> dict[str, str]:
    """A file's name, its place and its SHA-256, read in pieces."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"name": path.name, "path": str(path.resolve()), "sha256": digest}


def cores() -> int:
    """How many cores this process may use; of those of a Slurm task, as many as it was given."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    granted = os.environ.get("SLURM_CPUS_PER_TASK", "")
    return min(usable, max(1, int(granted))) if granted.isdigit() else usable


def _threads() -> int:
    """How many threads XLA and the linear algebra use at most."""
    limits = [os.environ.get(name, "") for name in ("NPROC", "OMP_NUM_THREADS")]
    return min([cores(), *(int(limit) for limit in limits if limit.isdigit())])


@cache
def _source() -> str:
    """SHA-256 of the code that fits, without SHOWING."""
    import fitting
    import glifjax

    digest = hashlib.sha256()
    for package in (glifjax, fitting):
        root = Path(str(package.__file__)).parent
        for file in sorted(root.rglob("*.py")):
            if file.relative_to(root).parts[0] in SHOWING:
                continue
            digest.update(f"{file.relative_to(root.parent).as_posix()}\n".encode() + file.read_bytes())
    return digest.hexdigest()


# ------------------------------------------------------------------------------------------------ repeating a fit


def read_like(path: Path) -> tuple[FitSettings, FitRecord]:
    """The settings of the fit that a fit.json tells of, and the whole of it.

    Raises:
        RecordError: it is none.
        LikeError: it states settings that no fit can follow.
    """
    record = read_fit(path)
    try:
        return FitSettings.from_json(record.settings), record
    except InputError as error:
        writer = record.versions.get("glifjax", "unknown")
        raise LikeError(f"{path}: {error} (written by glifjax {writer}, this is {version('glifjax')})") from error


def find_recording(like: Path, record: FitRecord) -> Path:
    """The recording that a fit.json was made from: beside it, or where it was; its stimulus file is checked too.

    Raises:
        LikeError: it is in neither place, or another file is; so is that of its current.
    """
    if record.stimulus is not None:
        current = Path(record.settings.get("stimulus") or record.stimulus.path)
        if not isfile(current) or identity(current)["sha256"] != record.stimulus.sha256:
            raise LikeError(f"{current}: not the current that {like} was fitted with; put that one there")
    file = record.file
    if file is None:
        raise LikeError(f"{like}: does not say what it was fitted to; give the recording too")
    folder = like if like.is_dir() else like.parent
    for place in (folder / file.name, folder / file.path):
        if isfile(place):
            if identity(place)["sha256"] != file.sha256:
                raise LikeError(
                    f"{place}: not the recording that {like} was made from (its SHA-256 differs); give the right one "
                    "too, or this one to fit it alike"
                )
            return place
    raise LikeError(f"{like}: its recording {file.name} is neither beside it nor at {file.path}; give it too")


def differences(then: FitRecord, now: Mapping[str, Any]) -> list[str]:
    """What differs between a fit and the circumstances of another, and may move its last bits, in words."""
    lines = []
    for old, new in ((then.versions, now["versions"]), (then.machine, now["machine"])):
        lines += [f"{key} {old.get(key, 'unknown')!s} then, {new[key]} now" for key in new if old.get(key) != new[key]]
    if not lines and then.source != now["source"]:
        lines.append("the code of glifjax has changed since")
    return lines
