"""What an NWB 2 file says of its session, subject and electrodes, as pynwb takes it; the rest is left out."""

from datetime import UTC, datetime
from typing import Any

import h5py

from glifjax.io.nwb.fields import dataset, entry, linked_name, text, text_at, values
from glifjax.io.nwb.sweep import RecordingError

#: Texts of a session, by their names in pynwb.
TEXTS = {
    name: f"general/{name}"
    for name in (
        "session_id", "experiment_description", "institution", "lab", "pharmacology", "protocol", "slices", "surgery",
        "virus", "data_collection", "notes",
    )
} | {"stimulus_notes": "general/stimulus"}  # fmt: skip
LISTS = ("experimenter", "keywords", "related_publications")
OF_SUBJECTS = ("subject_id", "species", "sex", "age", "genotype", "strain", "weight", "description")
OF_ELECTRODES = (
    "description", "cell_id", "slice", "seal", "location", "resistance", "filtering", "initial_access_resistance",
)  # fmt: skip
#: Where a file does not say when it was recorded.
UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)


def stated_session(file: h5py.File) -> dict[str, Any]:
    """Times, texts and lists of texts; a start that is no date of ISO 8601 becomes 1970-01-01."""
    times = {name: _time(text_at(file, name)) for name in ("session_start_time", "timestamps_reference_time")}
    texts = {name: text_at(file, path) for name, path in TEXTS.items()}
    lists = {name: _texts_at(file, f"general/{name}") for name in LISTS}
    stated = {name: value for name, value in (times | texts | lists).items() if value}
    return {"session_start_time": UNKNOWN} | stated


def stated_subject(file: h5py.File) -> dict[str, Any]:
    """Of the subject; empty where there is none."""
    texts = {name: text_at(file, f"general/subject/{name}") for name in OF_SUBJECTS}
    born = _time(text_at(file, "general/subject/date_of_birth"))
    return {name: value for name, value in {**texts, "date_of_birth": born}.items() if value}


def stated_electrode(file: h5py.File, name: str) -> tuple[dict[str, Any], str]:
    """Of an electrode, and the name of its device."""
    folder = f"general/intracellular_ephys/{name}"
    fields = {key: value for key in OF_ELECTRODES if (value := text_at(file, f"{folder}/{key}"))}
    device = linked_name(entry(file, folder), "device") or "amplifier"
    return {"description": "intracellular electrode"} | fields, device


def _time(stated: str) -> datetime | None:
    try:
        return datetime.fromisoformat(stated)
    except ValueError:
        return None


def _texts_at(file: h5py.File, path: str) -> list[str]:
    try:
        data = dataset(file, path)
        return [] if data is None else [text(entry) for entry in values(data, "SUO", "texts")]
    except RecordingError:
        return []
