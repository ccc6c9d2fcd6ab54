"""Downloads, against a server on this machine that speaks the database's answers, and fails as servers do."""

import json
import threading
import time
import zipfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from urllib.parse import unquote

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

import glifjax as gj
from glifjax.cli import app
from glifjax.errors import InputError
from glifjax.io.config.neuron_config import neuron_to_config

MODEL, SPECIMEN = 11, 7


@dataclass
class Answer:
    """What the server says once: `length` overrides Content-Length, a stall comes halfway through the body, a drip
    between any two bytes.
    """

    body: bytes = b""
    status: int = 200
    length: int | None = None
    delay: float = 0.0
    stall: float = 0.0
    drip: float = 0.0


@dataclass
class Server:
    """Answers in turn, the last one for ever, by a part of the address that is asked for."""

    url: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def says(self, part: str, *answers: Answer | bytes) -> None:
        self.answers[part] = [answer if isinstance(answer, Answer) else Answer(answer) for answer in answers]

    def answer(self, path: str) -> Answer:
        self.asked.append(path)
        for part, answers in self.answers.items():
            if part in path:
                return answers.pop(0) if len(answers) > 1 else answers[0]
        return Answer(b"<html>not here</html>", 404)


@pytest.fixture
def server():
    found = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer = found.answer(unquote(self.path))
            time.sleep(answer.delay)
            half = len(answer.body) // 2 if answer.stall else len(answer.body)
            try:
                self.send_response(answer.status)
                self.send_header("Content-Length", str(len(answer.body) if answer.length is None else answer.length))
                self.end_headers()
                for start in range(half if answer.drip else 0):
                    self.wfile.write(answer.body[start : start + 1])
                    time.sleep(answer.drip)
                self.wfile.write(answer.body[:half])
                time.sleep(answer.stall)
                self.wfile.write(answer.body[half:])
            except OSError:
                pass  # the client has gone

        def log_message(self, format, *args):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{http.server_port}"
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield found
    http.shutdown()
    http.server_close()


def connect(server, folder, timeout=10.0):
    return gj.CellTypes(folder / "cache", base_url=server.url, timeout=timeout, retries=2, backoff=0.01)


@pytest.fixture
def cells(server, tmp_path):
    return connect(server, tmp_path)


def answer(*rows, **other):
    return json.dumps({"success": True, "id": 0, "start_row": 0, "num_rows": len(rows), "msg": rows} | other).encode()


def a_file(number, kind):
    link = f"/api/v2/well_known_file_download/{number}"
    return {"id": number, "download_link": link, "well_known_file_type": {"name": kind}}


def a_model(number=MODEL, level="LIF-ASC", files=None):
    files = [a_file(500, "NeuronalModelParameters")] if files is None else files
    name = f"3 In Words ({level})_Line-Cre;Ai14-1.2.3"
    return {"id": number, "name": name, "specimen_id": SPECIMEN, "well_known_files": files}


NEURON = gj.from_level("LIF", C=1e-10, R_input=2e8, th_inf=0.03)
CONFIG = json.dumps(neuron_to_config(NEURON)).encode()
SWEEPS = [{"sweep_number": n, "specimen_id": SPECIMEN, "stimulus_name": "Noise 1"} for n in (4, 2)]


def nwb():
    with BytesIO() as buffer:
        with h5py.File(buffer, "w") as file:
            file["voltage"] = np.arange(1000.0)
        return buffer.getvalue()


def model_zip(**members):
    contents = {"11_neuron_config.json": CONFIG, "ephys_sweeps.json": json.dumps(SWEEPS).encode(),
                "neuronal_model.json": json.dumps(a_model()).encode()} | members  # fmt: skip
    with BytesIO() as buffer:
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in contents.items():
                if content is not None:
                    archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        return buffer.getvalue()


@pytest.fixture
def database(server):
    """All that the server has of one cell and its models."""
    server.says("model::NeuronalModel,rma::criteria,[id$eq11]", answer(a_model()))
    models = (a_model(12, "LIF-R"), a_model(), a_model(13, "perisomatic"))
    server.says("model::NeuronalModel,rma::criteria,[specimen_id$eq7]", answer(*models))
    server.says("model::NeuronalModel,rma::include", answer(*models, {"id": 14, "name": None}))
    server.says("model::EphysSweep,rma::criteria,[specimen_id$eq7]", answer(*SWEEPS))
    files = [a_file(600, "Thumbnail"), a_file(601, "NWBDownload")]
    server.says(
        "model::Specimen,rma::criteria,[id$eq7]", answer({"id": 7, "ephys_result": {"well_known_files": files}})
    )
    server.says("/well_known_file_download/500", CONFIG)
    server.says("/well_known_file_download/601", nwb())
    server.says("/neuronal_model/download/11", model_zip())
    return server


def files_in(cells):
    return sorted(path.relative_to(cells.cache).as_posix() for path in cells.cache.rglob("*") if path.is_file())


def test_everything_of_a_model_and_its_cell(database, cells):
    model = cells.model(MODEL)
    assert (model.id, model.level, model.specimen_id) == (MODEL, "LIF-ASC", SPECIMEN)
    assert model.metadata == a_model()
    assert [(found.id, found.level) for found in cells.models(SPECIMEN)] == [(12, "LIF-R"), (MODEL, "LIF-ASC")]
    assert [found.id for found in cells.models()] == [12, MODEL]
    assert float(gj.read_neuron_config(cells.neuron_config(MODEL)).th_inf) == 0.03
    assert [sweep["sweep_number"] for sweep in cells.sweeps(SPECIMEN)] == [2, 4]
    assert cells.recording(SPECIMEN).read_bytes() == nwb()
    assert cells.model_zip(MODEL).read_bytes() == model_zip()
    assert files_in(cells) == [
        "models.json", "neuronal_model_11/model.zip", "neuronal_model_11/model_metadata.json",
        "neuronal_model_11/neuron_config.json", "specimen_7/ephys.nwb", "specimen_7/ephys_sweeps.json",
        "specimen_7/models.json", "specimen_7/specimen.json",
    ]  # fmt: skip
    assert "rma::include,well_known_files(well_known_file_type),rma::options[num_rows$eq'all']" in database.asked[0]


@pytest.mark.parametrize("model_id", [566283879, 566303332])
def test_the_databases_own_answers(server, cells, shared, model_id):
    folder = shared / "allen_metadata" if (shared / "allen_metadata").is_dir() else shared / "reference/allen_metadata"
    metadata, config, sweeps = (
        (folder / f"glif_{model_id}_{name}.json").read_bytes()
        for name in ("model_metadata", "neuron_config", "ephys_sweeps")
    )
    server.says("model::NeuronalModel", answer(json.loads(metadata)))
    server.says("well_known_file_download", config)
    server.says("model::EphysSweep", answer(*json.loads(sweeps)))
    model = cells.model(model_id)
    assert f"({model.level})" in model.name
    assert model.metadata == json.loads(metadata)
    assert cells.sweeps(model.specimen_id) == json.loads(sweeps)
    neuron = gj.read_neuron_config(cells.neuron_config(model_id))
    assert float(neuron.C) == json.loads(config)[str(model_id)]["C"]
    members = {"11_neuron_config.json": config, "ephys_sweeps.json": sweeps, "neuronal_model.json": metadata}
    server.says("/neuronal_model/download/", model_zip(**members))
    read = gj.read_model_zip(cells.model_zip(model_id))
    assert float(read.neuron.C) == float(neuron.C)
    assert (read.sweeps, read.metadata["id"]) == (json.loads(sweeps), model_id)


def test_what_the_cache_holds_is_not_asked_for_again_and_serves_offline(database, cells):
    first = cells.model(MODEL), cells.models(SPECIMEN), cells.sweeps(SPECIMEN)
    paths = cells.neuron_config(MODEL), cells.recording(SPECIMEN), cells.model_zip(MODEL)
    asked = len(database.asked)
    offline = gj.CellTypes(cells.cache, base_url="http://127.0.0.1:9", offline=True)
    for again in (cells, offline):
        assert (again.model(MODEL), again.models(SPECIMEN), again.sweeps(SPECIMEN)) == first
        assert (again.neuron_config(MODEL), again.recording(SPECIMEN), again.model_zip(MODEL)) == paths
    assert len(database.asked) == asked
    with pytest.raises(gj.DownloadError, match=r"specimen_8/ephys.nwb: is not in the cache, and offline"):
        offline.recording(8)


METADATA = answer(a_model())
FAILURES = {
    "404": (Answer(status=404), "404 Not Found; check the id", 1),
    "403": (Answer(status=403), "403 Forbidden", 1),
    "500": (
        Answer(status=500),
        "500 Internal Server Error, tried 3 times; check the connection, or try again later",
        3,
    ),
    "429": (Answer(status=429), "429 Too Many Requests, tried 3 times", 3),
    "HTML": (Answer(b"<html>maintenance</html>"), "is not JSON", 3),
    "cut short": (Answer(METADATA[:100], length=len(METADATA)), "breaks off", 3),
    "cut short without a word": (Answer(METADATA[:100]), "is not JSON", 3),
    "silent": (Answer(METADATA, delay=0.4), r"does not come within 0.2 s", 3),
    "stalling": (Answer(METADATA, stall=0.4), r"does not come within 0.2 s", 3),
    "dripping": (Answer(METADATA, drip=0.02), r"comes too slowly, \d\d? bytes in 0 s, tried 3 times", 3),
    "too large": (Answer(METADATA, length=10**15), r"has more than 8e\+07 bytes", 3),
    "refusing": (Answer(b'{"success": false, "msg": "no such field"}'), "refuses the query .'no such field'", 1),
    "empty": (Answer(answer()), "the database has no neuronal model 11; check the id", 1),
    "another shape": (Answer(b"[1, 2]"), "has not the shape", 3),
    "no list": (Answer(b'{"success": true, "msg": "fine"}'), "has not the shape", 3),
    "rows of another kind": (Answer(answer({"id": 11})), "does not list neuronal model 11 with id, name", 3),
    "another model": (Answer(answer(a_model(level="perisomatic"))), "no GLIF model; choose another", 1),
    "no config": (Answer(answer(a_model(files=[]))), "lists no file of the kind NeuronalModelParameters", 1),
    "foreign link": (
        Answer(answer(a_model(files=[a_file(1, "NeuronalModelParameters") | {"download_link": "@elsewhere/x"}]))),
        "lists no file of the kind",
        1,
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failing_server_gives_one_clear_error_and_no_file(server, tmp_path, failure):
    given, message, attempts = FAILURES[failure]
    cells = connect(server, tmp_path, timeout=0.2 if given.delay or given.stall or given.drip else 10.0)
    server.says("model::NeuronalModel", given)
    with pytest.raises(gj.DownloadError, match=message):
        cells.neuron_config(MODEL)
    assert len(server.asked) == attempts
    assert not [name for name in files_in(cells) if not name.endswith("model_metadata.json")]
    if failure not in ("another model", "no config", "foreign link"):
        assert files_in(cells) == []


@pytest.mark.parametrize("failure", ["500", "HTML", "cut short"])
def test_what_may_pass_is_tried_again(database, cells, failure):
    database.says("model::NeuronalModel,rma::criteria,[id$eq11]", FAILURES[failure][0], METADATA)
    assert cells.model(MODEL).metadata == a_model()
    assert len(database.asked) == 2


def test_waits_double(server, tmp_path, monkeypatch):
    waits = []
    monkeypatch.setattr(time, "sleep", waits.append)
    with pytest.raises(gj.DownloadError, match=r"no connection to the server\), tried 4 times"):
        gj.CellTypes(tmp_path, base_url="http://127.0.0.1:9", backoff=0.5).model(1)
    assert waits == [0.5, 1.0, 2.0]


@pytest.mark.parametrize(
    ("part", "body", "fetch", "message"),
    [
        ("download/601", nwb()[:-100], lambda cells: cells.recording(SPECIMEN), "is not a whole HDF5 file"),
        ("download/601", b"<html></html>", lambda cells: cells.recording(SPECIMEN), "is not a whole HDF5 file"),
        ("download/500", b'{"success": false}', lambda cells: cells.neuron_config(MODEL), "not a neuron_config.json"),
        ("model/download/11", model_zip()[:-50], lambda cells: cells.model_zip(MODEL), "is not a whole zip file"),
        ("model/download/11", model_zip()[:60] + b"?" + model_zip()[61:], lambda cells: cells.model_zip(MODEL), "zip"),
    ],
)
def test_a_file_is_what_it_should_be_or_is_not_kept(database, cells, part, body, fetch, message):
    key = next(key for key in database.answers if key.endswith(part))
    whole = database.answers[key]
    database.says(key, body)
    with pytest.raises(gj.DownloadError, match=message):
        fetch(cells)
    assert {name.rpartition("/")[2] for name in files_in(cells)} <= {"specimen.json", "model_metadata.json"}
    database.answers[key] = whole
    path = fetch(cells)
    path.write_bytes(body)  # as another program's broken download leaves it
    with pytest.raises(gj.DownloadError, match=rf"{path.name}: .*delete it to download it again"):
        fetch(cells)
    assert path.read_bytes() == body


def test_an_interrupted_download_leaves_nothing_that_looks_whole(database, cells):
    def interrupt(name, *_):
        if name == "ephys.nwb":
            raise KeyboardInterrupt

    stopped = gj.CellTypes(cells.cache, base_url=database.url, progress=interrupt)
    with pytest.raises(KeyboardInterrupt):
        stopped.recording(SPECIMEN)
    assert files_in(cells) == ["specimen_7/specimen.json"]
    assert cells.recording(SPECIMEN).read_bytes() == nwb()


def test_two_at_once_both_get_the_whole_file(database, cells):
    database.says("/well_known_file_download/601", Answer(nwb(), stall=0.1))
    found = []
    threads = [threading.Thread(target=lambda: found.append(cells.recording(SPECIMEN).read_bytes())) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [nwb(), nwb()]
    assert files_in(cells) == ["specimen_7/ephys.nwb", "specimen_7/specimen.json"]


def test_progress_reports_bytes_up_to_the_whole(database, cells):
    reports = []
    seen = gj.CellTypes(cells.cache, base_url=database.url, progress=lambda *report: reports.append(report))
    seen.recording(SPECIMEN)
    mine = [report for report in reports if report[0] == "ephys.nwb"]
    assert mine[-1] == ("ephys.nwb", len(nwb()), len(nwb()))


def test_what_is_asked_for_must_make_sense(tmp_path):
    for bad in (0, -3):
        with pytest.raises(InputError, match="is no id"):
            gj.CellTypes(tmp_path).recording(bad)
    with pytest.raises(InputError, match="file:///etc: is not the address"):
        gj.CellTypes(tmp_path, base_url="file:///etc")
    (tmp_path / "a_file").write_text("")
    with pytest.raises(gj.DownloadError, match="choose another folder"):
        gj.CellTypes(tmp_path / "a_file", base_url="http://127.0.0.1:9", retries=0).model(1)


def test_the_environment_names_server_and_cache(database, tmp_path, monkeypatch):
    monkeypatch.setenv("GLIFJAX_CELL_TYPES_URL", database.url + "/")
    monkeypatch.setenv("GLIFJAX_CACHE", str(tmp_path / "there"))
    assert gj.CellTypes().sweep_table(SPECIMEN) == tmp_path / "there/specimen_7/ephys_sweeps.json"


def test_a_models_zip_is_read_in_place(tmp_path):
    path = tmp_path / "model.zip"
    path.write_bytes(model_zip(**{"../outside.txt": b"no", "11_neuron_config.json": b'{"11": ' + CONFIG + b"}"}))
    read = gj.read_model_zip(path)
    assert float(read.neuron.C) == 1e-10
    assert [sweep["sweep_number"] for sweep in read.sweeps] == [2, 4]
    assert read.metadata["id"] == MODEL
    assert list(tmp_path.iterdir()) == [path]
    assert not (tmp_path.parent / "outside.txt").exists()


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"ephys_sweeps.json": None}, "holds no ephys_sweeps.json, among 11_neuron_config.json"),
        ({"12_neuron_config.json": CONFIG}, "holds 2 times neuron_config.json"),
        ({"11_neuron_config.json": b"{'a': 1}"}, "11_neuron_config.json is not JSON"),
        ({"ephys_sweeps.json": b"{}"}, "ephys_sweeps.json holds a dict"),
        ({"ephys_sweeps.json": b"[{}]"}, "a sweep without a sweep_number"),
    ],
)
def test_a_zip_of_something_else_is_refused(tmp_path, members, message):
    path = tmp_path / "model.zip"
    path.write_bytes(model_zip(**members))
    with pytest.raises(InputError, match=rf"model.zip: .*{message}"):
        gj.read_model_zip(path)


def test_no_zip_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"none.zip: cannot be read .*check the path"):
        gj.read_model_zip(tmp_path / "none.zip")
    (tmp_path / "half.zip").write_bytes(model_zip()[:-50])
    with pytest.raises(InputError, match=r"half.zip: is not a whole zip file"):
        gj.read_model_zip(tmp_path / "half.zip")


def command(server, *arguments):
    environment = {"GLIFJAX_CELL_TYPES_URL": server.url, "COLUMNS": "120"}
    return CliRunner().invoke(app, ["download", *map(str, arguments)], env=environment)


def test_the_command_lists_files_and_says_what_to_type_next(database, tmp_path):
    out = tmp_path / "my cells"
    result = command(database, "--model", MODEL, "--out", out)
    assert result.exit_code == 0, result.output
    assert "neuronal_model_11/neuron_config.json" in result.output
    assert "level LIF-ASC" in result.output
    config, recording = out / "neuronal_model_11/neuron_config.json", out / "specimen_7/ephys.nwb"
    assert f"glifjax simulate '{config}' '{recording}' --out simulated.nwb" in result.output
    assert f"glifjax fit '{recording}'" in result.output
    config.write_text(config.read_text() + "\n")  # edited by the user
    again = command(database, "--model", MODEL, "--cache", out, "--offline")
    assert again.exit_code == 0, again.output
    assert config.read_text().endswith("\n")


def test_the_command_by_specimen(database, tmp_path):
    database.says("[id$eq12]", answer(a_model(12, "LIF-R")))
    result = command(database, "--specimen", SPECIMEN, "--out", tmp_path, "--no-recording")
    assert result.exit_code == 0, result.output
    assert "neuronal_model_11/neuron_config.json" in result.output
    assert "neuronal_model_12/neuron_config.json" in result.output
    assert f"glifjax download --specimen 7 --recording --out {tmp_path}" in result.output
    assert not (tmp_path / "specimen_7/ephys.nwb").exists()
    database.says("model::NeuronalModel,rma::criteria,[specimen_id$eq7]", answer(a_model(13, "perisomatic")))
    result = command(database, "--specimen", SPECIMEN, "--out", tmp_path / "other")
    assert result.exit_code == 0, result.output
    assert "Specimen 7 has no published GLIF model" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give either --model ID or --specimen ID"),
        (("--model", 1, "--specimen", 2), "give either --model ID or --specimen ID"),
        (("--model", 99), "404 Not Found; check the id"),
        (("--model", -1), "is no id"),
        (("--model", MODEL, "--offline"), "is not in the cache, and offline"),
    ],
)
def test_the_command_refuses_in_one_line(database, tmp_path, arguments, message):
    result = command(database, *arguments, "--out", tmp_path)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
