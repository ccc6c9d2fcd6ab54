"""Recordings of the DANDI archive, downloaded once and checked by their SHA-256.

Speaks the archive's public API: the versions of a dandiset, the assets of a version by a pattern of their paths, an
asset's digest and its bytes. The cache holds them as `dandi/<dandiset>/<version>/<path of the asset>`.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from glifjax.io.archive import AbstractArchive
from glifjax.io.downloads import (
    LARGEST_RECORDING,
    Damaged,
    DownloadError,
    NothingFound,
    check_json,
)

#: The version of a dandiset that may still change.
DRAFT = "draft"
#: A version that may not.
PUBLISHED = r"\d{1,9}\.\d{1,9}\.\d{1,9}"
#: dandi://dandi/<dandiset>[@<version>]/<pattern of paths>
ADDRESS = re.compile(
    rf"dandi://dandi/(?P<dandiset>\d{{6}})(@(?P<version>{DRAFT}|{PUBLISHED}))?/(?P<pattern>.+)", re.ASCII
)
#: Pages of a listing at most, of up to 1,000 rows each.
MOST_PAGES = 1000
#: The name of SHA-256 among an asset's digests.
SHA256 = "dandi:sha2-256"
#: Letters of an asset's own number.
NUMBER = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@dataclass(frozen=True)
class Asset:
    """A file of the archive: its number, its place in the cache's folder of the archive."""

    number: str
    place: PurePosixPath


class Dandi(AbstractArchive):
    """The archive, and a cache of its files; a file that the cache holds is checked, and not fetched again.

    Every method raises DownloadError where something cannot be had.

    Example:
        paths = Dandi().recordings("dandi://dandi/000020@0.210913.1639/sub-mouse-A*/*.nwb")
    """

    address = "https://api.dandiarchive.org/api"
    variable = "GLIFJAX_DANDI_URL"
    subfolder = "dandi"

    def recordings(self, address: str) -> list[Path]:
        """The files that an address means, see `assets`, downloaded where the cache lacks them."""
        return [self.recording(asset) for asset in self.assets(address)]

    def assets(self, address: str) -> list[Asset]:
        """The NWB files that an address means, by their paths in the archive; none of them is downloaded.

        Args:
            address: "dandi://dandi/000020@0.210913.1639/sub-*/*.nwb", the latest published version if none is given; or
                the API's own address of an asset, ".../assets/<number>/download/".

        Raises:
            DownloadError: it is no such address, or means no file.
        """
        try:
            assets = list(self._listed(address) if address.startswith("dandi:") else self._asset(address))
        except NothingFound as error:
            raise NothingFound(f"{address}: is not in the archive; check its numbers and version ({error})") from error
        if not assets:
            raise NothingFound(f"{address}: means no NWB file of the archive; check the pattern")
        return sorted(assets, key=lambda asset: asset.place)

    def place(self, asset: Asset) -> Path:
        """Where the cache has a file, or will have it."""
        return self._files.folder / asset.place

    def recording(self, asset: Asset) -> Path:
        """A file, downloaded where the cache lacks it.

        Raises:
            DownloadError: it cannot be had, or has another SHA-256 than the archive states.
        """
        digest = self._metadata(asset.number)["digest"][SHA256]

        def check(path: Path) -> None:
            with open(path, "rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                    raise Damaged("has not the SHA-256 that the archive states")

        url = f"{self.base_url}/assets/{asset.number}/download/"
        return self._files.fetch(str(asset.place), lambda: url, check, largest=LARGEST_RECORDING)

    def _asset(self, address: str) -> Iterator[Asset]:
        match = re.fullmatch(rf"{re.escape(self.base_url)}/(?:.+/)?assets/({NUMBER})(?:/download)?/?", address)
        if match is None:
            raise DownloadError(f"{address}: is no asset of {self.base_url}; give its .../assets/<number>/download/")
        number = match[1]
        yield Asset(number, PurePosixPath("assets") / number / f"{PurePosixPath(_path(self._metadata(number))).name}")

    def _listed(self, address: str) -> Iterator[Asset]:
        match = ADDRESS.fullmatch(address)
        if match is None:
            raise DownloadError(f"{address}: is no address; give dandi://dandi/<six digits>@<version>/<pattern>")
        dandiset, pattern = match["dandiset"], match["pattern"]
        version = match["version"] or self._latest(dandiset)
        first = f"dandisets/{dandiset}/versions/{version}/assets/?glob={quote(pattern)}&page_size=1000"
        root = PurePosixPath(dandiset) / version
        for row in self._pages(first, f"{root}/assets", renewed=version == DRAFT):
            number = row.get("asset_id")
            if str(row.get("path")).endswith(".nwb") and isinstance(number, str) and re.fullmatch(NUMBER, number):
                yield Asset(number, root / _path(row))

    def _latest(self, dandiset: str) -> str:
        rows = self._pages(f"dandisets/{dandiset}/versions/?page_size=1000", f"{dandiset}/versions", renewed=True)
        stated = [str(row.get("version")) for row in rows]
        versions = [version for version in stated if re.fullmatch(PUBLISHED, version, re.ASCII)]
        if not versions:
            raise NothingFound(f"dandiset {dandiset} has no published version; give @{DRAFT} for what may still change")
        return max(versions, key=lambda version: [int(part) for part in version.split(".")])

    def _pages(self, query: str, name: str, *, renewed: bool) -> Iterator[dict[str, Any]]:
        """The rows of a listing, page by page; with `renewed` the archive is asked again."""
        digest = hashlib.sha256(query.encode()).hexdigest()[:12]
        for page in range(1, MOST_PAGES + 1):
            file = f"{name}-{digest}-{page}.json"
            if renewed and not self._files.offline:
                (self._files.folder / file).unlink(missing_ok=True)
            url = f"{self.base_url}/{query}&page={page}"
            answer = check_json(self._files.fetch(file, lambda url=url: url, _check_listing))
            yield from answer["results"]
            if not answer.get("next"):
                return
        raise DownloadError(f"{query.split('?')[0]}: lists more than {MOST_PAGES} pages; narrow the pattern")

    def _metadata(self, number: str) -> dict[str, Any]:
        path = self._files.fetch(f"assets/{number}.json", lambda: f"{self.base_url}/assets/{number}/", _check_metadata)
        return check_json(path)


def _check_listing(path: Path) -> None:
    answer = check_json(path)
    rows = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Damaged("is no listing of the archive")


def _check_metadata(path: Path) -> None:
    answer = check_json(path)
    digests = answer.get("digest") if isinstance(answer, dict) else None
    digest = digests.get(SHA256) if isinstance(digests, dict) else None
    if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
        raise Damaged("states no SHA-256 of the asset")


def _path(row: dict[str, Any]) -> str:
    """An asset's path, which stays inside its folder whatever the server says."""
    path = PurePosixPath(str(row.get("path", "")))
    if (
        not path.parts
        or path.is_absolute()
        or not all(re.fullmatch(r"(?!\.)[\w.,+=@ -]+", part) for part in path.parts)
    ):
        raise DownloadError(f"{str(path)!r}: is no path of an asset; download it by hand")
    return str(path)
