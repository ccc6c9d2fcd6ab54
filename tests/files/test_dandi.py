"""The DANDI archive, stood in for by a server on this machine that speaks its answers."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner

from glifjax.cli import app
from glifjax.io import dandi
from glifjax.io.dandi import Dandi
from glifjax.io.downloads import DownloadError, NothingFound

FILES = {"sub-1/a.nwb": b"first", "sub-2/b.nwb": b"second", "sub-2/notes.txt": b"no recording"}
NUMBERS = {path: f"0000000{n}-0000-0000-0000-000000000000" for n, path in enumerate(FILES)}


class Archive(BaseHTTPRequestHandler):
    """A page holds one file; what an asset's bytes are, and its path in a listing, may be changed."""

    bytes = FILES
    versions = ("draft", "0.9.1", "0.210913.1639")
    endless = False
    missing = ""
    asked: list[str] = []  # noqa: RUF012

    def do_GET(self):
        address = urlsplit(self.path)
        query, parts = parse_qs(address.query), address.path.strip("/").split("/")
        self.asked.append(address.path)
        if self.missing and self.missing in address.path:
            return self.send_error(404)
        if address.path.endswith("/versions/"):
            answer = {"results": [{"version": version} for version in self.versions], "next": None}
        elif address.path.endswith("/assets/"):
            paths = [path for path in FILES if query["glob"] == ["sub-*/*"] and parts[4] == "0.210913.1639"]
            page = int(query["page"][0])
            rows = [{"asset_id": NUMBERS[path], "path": path} for path in paths[page - 1 : page]]
            answer = {"results": rows, "next": "more" if self.endless or page < len(paths) else None}
        else:
            path = next(path for path, number in NUMBERS.items() if number in parts)
            digest = {"dandi:sha2-256": hashlib.sha256(FILES[path]).hexdigest()}
            answer = self.bytes[path] if parts[-1] == "download" else {"path": path, "digest": digest}
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return None

    def log_message(self, *_):
        """Nothing is printed."""


@pytest.fixture
def archive(tmp_path, monkeypatch):
    monkeypatch.setattr(Archive, "bytes", FILES)
    monkeypatch.setattr(Archive, "asked", [])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Archive)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield lambda **more: Dandi(tmp_path, base_url=f"http://127.0.0.1:{server.server_port}/api", retries=0, **more)
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("address", ["dandi://dandi/000020/sub-*/*", "dandi://dandi/000020@0.210913.1639/sub-*/*"])
def test_recordings_are_downloaded_once_from_the_latest_version(archive, tmp_path, address):
    paths = archive().recordings(address)
    folder = tmp_path / "dandi" / "000020" / "0.210913.1639"
    assert paths == [folder / "sub-1" / "a.nwb", folder / "sub-2" / "b.nwb"]
    assert [path.read_bytes() for path in paths] == [b"first", b"second"]
    Archive.asked.clear()
    assert archive().recordings("dandi://dandi/000020@0.210913.1639/sub-*/*") == paths
    assert not [path for path in Archive.asked if "download" in path]


def test_an_asset_by_its_own_address(archive, tmp_path):
    one = archive()
    (path,) = one.recordings(f"{one.base_url}/assets/{NUMBERS['sub-1/a.nwb']}/download/")
    assert path.name == "a.nwb"
    assert path.read_bytes() == b"first"


def test_bytes_of_another_digest_are_refused(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(Archive, "bytes", FILES | {"sub-2/b.nwb": b"another"})
    with pytest.raises(DownloadError, match=r"b\.nwb.*has not the SHA-256 that the archive states"):
        archive().recordings("dandi://dandi/000020/sub-*/*")
    assert not list(tmp_path.rglob("b.nwb"))


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("dandi://dandi/20/a.nwb", "six digits"),
        ("dandi://dandi/000020", "six digits"),
        ("dandi://dandi/000020@0.9.1/sub-*/*", "means no NWB file"),
        ("dandi://dandi/000020@../sub-*/*", "is no address"),
        ("http://elsewhere/assets/1/download/", "is no asset of"),
    ],
)
def test_addresses_that_mean_nothing(archive, address, words):
    with pytest.raises(DownloadError, match=words):
        archive().recordings(address)


@pytest.mark.parametrize(
    ("missing", "address"),
    [("/000020/", "dandi://dandi/000020/*"), ("/0.9.9/", "dandi://dandi/000020@0.9.9/*"), ("/assets/", None)],
)
def test_what_the_archive_does_not_have_is_named_as_it_was_asked_for(archive, monkeypatch, missing, address):
    monkeypatch.setattr(Archive, "missing", missing)
    one = archive()
    address = address or f"{one.base_url}/assets/{NUMBERS['sub-1/a.nwb']}/download/"
    with pytest.raises(NothingFound) as refused:
        one.recordings(address)
    assert str(refused.value).startswith(f"{address}: is not in the archive; check its numbers and version (")


def test_other_files_of_a_version_may_have_any_name(archive, monkeypatch):
    monkeypatch.setitem(NUMBERS, "sub-1/film (1).mp4", NUMBERS["sub-2/notes.txt"])
    monkeypatch.setitem(FILES, "sub-1/film (1).mp4", b"")
    assert [path.name for path in archive().recordings("dandi://dandi/000020/sub-*/*")] == ["a.nwb", "b.nwb"]


def test_a_path_that_leads_out_of_its_folder_is_refused(archive, monkeypatch, tmp_path):
    monkeypatch.setitem(NUMBERS, "../../a.nwb", NUMBERS["sub-1/a.nwb"])
    monkeypatch.setitem(FILES, "../../a.nwb", b"")
    with pytest.raises((DownloadError, NothingFound), match="no path of an asset"):
        archive().recordings("dandi://dandi/000020/sub-*/*")


@pytest.mark.parametrize("version", ["../../../outside", "9" * 5000, "1.2", None])
def test_a_version_that_is_none_is_no_folder_of_the_cache(archive, monkeypatch, tmp_path, version):
    monkeypatch.setattr(Archive, "versions", (*Archive.versions, version))
    paths = archive().recordings("dandi://dandi/000020/sub-*/*")
    assert {path.parents[1].name for path in paths} == {"0.210913.1639"}
    monkeypatch.setattr(Archive, "versions", (version,))
    with pytest.raises(NothingFound, match="has no published version"):
        archive().recordings("dandi://dandi/000020/sub-*/*")


def test_a_listing_without_end_is_given_up(archive, monkeypatch):
    monkeypatch.setattr(Archive, "endless", True)
    monkeypatch.setattr(dandi, "MOST_PAGES", 4)
    with pytest.raises(DownloadError, match=r"assets/: lists more than 4 pages; narrow the pattern"):
        archive().recordings("dandi://dandi/000020/sub-*/*")


def test_the_command_downloads_its_shard_alone(archive, tmp_path, monkeypatch):
    one = archive()
    monkeypatch.setenv("GLIFJAX_DANDI_URL", one.base_url)
    monkeypatch.setenv("GLIFJAX_CACHE", str(tmp_path))
    out = tmp_path / "study"
    arguments = ["fit", "dandi://dandi/000020/sub-*/*", "--out", str(out), "--shard", "2/2", "--jobs", "1"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1, result.output
    assert "b: b.nwb: not a whole HDF5 file" in result.output
    assert [path.name for path in tmp_path.rglob("*.nwb")] == ["b.nwb"]
    result = CliRunner().invoke(app, ["fit", "dandi://nowhere"])
    assert result.exit_code == 2
    assert result.stderr.startswith("error: dandi://nowhere: is no address")
