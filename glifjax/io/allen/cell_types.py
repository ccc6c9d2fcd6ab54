"""Published GLIF models and the cells they were fitted to, downloaded once from Allen's Cell Types Database.

Queries follow AllenSDK's GlifApi and CellTypesApi, the cache the layout of its CellTypesCache:

    specimen_<id>/ephys.nwb, ephys_sweeps.json, models.json, specimen.json
    neuronal_model_<id>/neuron_config.json, model_metadata.json, model.zip
    models.json
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import index
from pathlib import Path
from typing import Any

from glifjax.errors import InputError
from glifjax.glif.names import LEVELS
from glifjax.io.archive import AbstractArchive
from glifjax.io.downloads import (
    LARGEST_RECORDING,
    Damaged,
    DownloadError,
    NothingFound,
    check_hdf5,
    check_json,
    check_zip,
)

#: What a row of an answer must hold.
_MODEL = {"id": int, "name": str, "specimen_id": int}
_SWEEP = {"sweep_number": int, "specimen_id": int}
_ROW = {"id": int}


@dataclass(frozen=True)
class NeuronalModel:
    """A published GLIF model.

    Attributes:
        id: the model's number.
        name: "<n> <level in words> (<level>)_<cell>".
        level: one of LEVELS, from the name.
        specimen_id: the cell's number.
        metadata: all that the database says of the model, as it says it.
    """

    id: int
    name: str
    level: str
    specimen_id: int
    metadata: dict[str, Any] = field(repr=False)


class CellTypes(AbstractArchive):
    """The database, by the number of a model or of a specimen (a cell), and a cache of its files.

    A file that the cache holds is checked and used without asking the server; delete it to have it anew. A folder made
    by AllenSDK's CellTypesCache serves too. A download has its name only once it is whole. Every method raises
    DownloadError where a file cannot be had, and InputError for what is no id.

    Example:
        cells = gj.CellTypes()
        model = cells.model(566302806)
        neuron = gj.read_neuron_config(cells.neuron_config(model.id))
        recording = gj.read_recording(cells.recording(model.specimen_id))
    """

    address = "https://api.brain-map.org"
    variable = "GLIFJAX_CELL_TYPES_URL"

    def model(self, model_id: int) -> NeuronalModel:
        """The model of this number."""
        what = f"neuronal model {model_id}"
        url = self._query("NeuronalModel", f"[id$eq{_id(model_id)}]", "well_known_files(well_known_file_type)")
        path = self._rows(f"neuronal_model_{model_id}/model_metadata.json", url, _MODEL, what, single=True)
        model = _glif(check_json(path))
        if model is None:
            raise DownloadError(
                f"neuronal model {model_id}: is {check_json(path)['name']!r}, no GLIF model; choose another"
            )
        return model

    def models(self, specimen_id: int | None = None) -> list[NeuronalModel]:
        """The GLIF models of a specimen, simplest first; without a number those of every specimen (a long list)."""
        name, criteria, fields, what = "models.json", None, _ROW, "neuronal models"
        if specimen_id is not None:
            criteria = f"[specimen_id$eq{_id(specimen_id)}]"
            name, fields, what = (
                f"specimen_{specimen_id}/models.json",
                _MODEL,
                f"neuronal models of specimen {specimen_id}",
            )
        url = self._query("NeuronalModel", criteria, "well_known_files(well_known_file_type)")
        rows = check_json(self._rows(name, url, fields, what))
        published = [model for model in map(_glif, rows) if model is not None]
        if not published:
            raise NothingFound(f"the database has no GLIF {what}, only others")
        levels = list(LEVELS)
        return sorted(published, key=lambda model: (model.specimen_id, levels.index(model.level), model.id))

    def neuron_config(self, model_id: int) -> Path:
        """The model's neuron_config.json."""

        def url() -> str:
            files = self.model(model_id).metadata.get("well_known_files")
            return self.base_url + _link(files, "NeuronalModelParameters", f"neuronal model {model_id}")

        return self._files.fetch(f"neuronal_model_{_id(model_id)}/neuron_config.json", url, _check_config)

    def model_zip(self, model_id: int) -> Path:
        """The .zip with the model's config, its cell's sweep table and its metadata; see read_model_zip."""
        url = f"{self.base_url}/neuronal_model/download/{_id(model_id)}"
        return self._files.fetch(f"neuronal_model_{model_id}/model.zip", lambda: url, check_zip)

    def recording(self, specimen_id: int) -> Path:
        """The specimen's recording, an NWB file; by far the largest of its files."""
        files = "ephys_result(well_known_files(well_known_file_type))"

        def url() -> str:
            query = self._query("Specimen", f"[id$eq{specimen_id}]", files)
            what = f"specimen {specimen_id}"
            path = self._rows(f"specimen_{specimen_id}/specimen.json", query, _ROW, what, single=True)
            result = check_json(path).get("ephys_result")
            listed = result.get("well_known_files") if isinstance(result, dict) else None
            return self.base_url + _link(listed, "NWBDownload", what)

        return self._files.fetch(f"specimen_{_id(specimen_id)}/ephys.nwb", url, check_hdf5, largest=LARGEST_RECORDING)

    def sweep_table(self, specimen_id: int) -> Path:
        """The specimen's ephys_sweeps.json: an object a sweep."""
        url = self._query("EphysSweep", f"[specimen_id$eq{_id(specimen_id)}]")
        return self._rows(f"specimen_{specimen_id}/ephys_sweeps.json", url, _SWEEP, f"sweeps of specimen {specimen_id}")

    def sweeps(self, specimen_id: int) -> list[dict[str, Any]]:
        """The sweep table, read: a dictionary a sweep, in the order of their numbers.

        Among its keys: sweep_number, stimulus_name, stimulus_units ("Amps" or "Volts"), stimulus_absolute_amplitude
        (pA for "Amps"), stimulus_start_time and stimulus_duration (s), num_spikes.
        """
        return sorted(check_json(self.sweep_table(specimen_id)), key=lambda sweep: sweep["sweep_number"])

    def _query(self, model: str, criteria: str | None, include: str | None = None) -> str:
        """The address of a query in the database's own language (RESTful model access)."""
        stages = [f"model::{model}"]
        stages += ["rma::criteria", criteria] if criteria else []
        stages += ["rma::include", include] if include else []
        return f"{self.base_url}/api/v2/data/query.json?q={','.join(stages)},rma::options[num_rows$eq'all']"

    def _rows(self, name: str, url: str, fields: Mapping[str, type], what: str, single: bool = False) -> Path:
        """The path of a query's rows: a JSON list, or with `single` its only row."""

        def check(path: Path) -> None:
            value = check_json(path)
            rows = [value] if single else value
            if not isinstance(rows, list) or not rows or not all(_has(row, fields) for row in rows):
                raise Damaged(f"does not list {what} with {', '.join(fields)}")

        def unpack(path: Path) -> None:
            rows = _answer(check_json(path), what)
            path.write_text(json.dumps(rows[0] if single else rows, indent=2) + "\n")
            check(path)

        return self._files.fetch(name, lambda: url, check, unpack)


def _id(number: int) -> int:
    try:
        positive = index(number) > 0
    except TypeError:
        positive = False
    if not positive:
        raise InputError(f"{number!r} is no id; the database numbers models and specimens, such as 566302806")
    return index(number)


def _has(row: Any, fields: Mapping[str, type]) -> bool:
    return isinstance(row, dict) and all(isinstance(row.get(key), kind) for key, kind in fields.items())


def _answer(answer: Any, what: str) -> list:
    """The rows of an answer {"success": true, "msg": [...]}."""
    if not isinstance(answer, dict) or "success" not in answer:
        raise Damaged("has not the shape of the database's answers")
    if answer["success"] is not True:
        raise DownloadError(f"{what}: the database refuses the query ({answer.get('msg')!r}); check the id")
    if not isinstance(answer.get("msg"), list):
        raise Damaged("has not the shape of the database's answers")
    if not answer["msg"]:
        raise NothingFound(f"the database has no {what}; check the id (models and specimens are numbered apart)")
    return answer["msg"]


def _glif(row: dict[str, Any]) -> NeuronalModel | None:
    """The model of a row; None for one of another kind."""
    level = re.search(r"\((LIF[-A-Z]*)\)", row["name"]) if _has(row, _MODEL) else None
    if level is None or level[1] not in LEVELS:
        return None
    return NeuronalModel(row["id"], row["name"], level[1], row["specimen_id"], row)


def _link(files: Any, kind: str, what: str) -> str:
    """The path on the server of the file of a kind."""
    for file in files if isinstance(files, list) else []:
        named = file.get("well_known_file_type") if isinstance(file, dict) else None
        if isinstance(named, dict) and named.get("name") == kind:
            link = file.get("download_link")
            if isinstance(link, str) and link.startswith("/"):
                return link
    raise NothingFound(f"{what}: the database lists no file of the kind {kind}; choose another cell or model")


def _check_config(path: Path) -> None:
    value = check_json(path)
    inner = next(iter(value.values())) if isinstance(value, dict) and len(value) == 1 else value
    if not isinstance(inner, dict) or "th_inf" not in inner:
        raise Damaged("is not a neuron_config.json")
