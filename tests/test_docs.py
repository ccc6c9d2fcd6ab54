"""Pages and notebooks: links lead somewhere, and code imports names from the faces alone."""

import ast
import importlib
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
#: Where names that documents use may come from.
FACES = {"glifjax", "glifjax.rules", "glifjax.io", "glifjax.network", "glifjax.glm", "glifjax.spikes", "glifjax.errors"}
FACES |= {"fitting", "fitting.stages", "fitting.losses", "fitting.glm"}


def code(path: Path) -> list[str]:
    """The Python of a page or notebook, a piece each; lines that are IPython's are left out."""
    if path.suffix == ".md":
        return re.findall(r"```python\n(.*?)```", path.read_text(), flags=re.S)
    cells = nbformat.read(path, as_version=4).cells
    pieces = ["\n".join(line for line in cell.source.splitlines() if not line.startswith("%")) for cell in cells]
    return [piece for piece, cell in zip(pieces, cells, strict=True) if cell.cell_type == "code"]


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_files(path):
    text = path.read_text()
    if path.suffix == ".ipynb":
        text = "\n".join(
            cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"
        )
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    inside = [link for link in links if not re.match(r"\w+:", link)]
    assert [link for link in inside if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_code_imports_names_of_the_faces(path):
    imports = [node for piece in code(path) for node in ast.walk(ast.parse(piece))]
    for node in imports:
        names = {alias.name for alias in node.names} if isinstance(node, ast.Import | ast.ImportFrom) else set()
        if isinstance(node, ast.Import):
            ours = {name for name in names if name.partition(".")[0] in ("glifjax", "fitting")}
            assert ours <= FACES
        if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] in ("glifjax", "fitting"):
            assert node.module in FACES
            assert names <= set(importlib.import_module(node.module).__all__)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md"])
def test_code_to_paste_runs_as_it_stands(page, tmp_path, monkeypatch):
    """In a folder of its own, piece after piece."""
    monkeypatch.chdir(tmp_path)
    space = {}
    for piece in code(ROOT / page):
        exec(compile(piece, page, "exec"), space)
    assert (tmp_path / "report.html").exists()
    assert len(space["trace"].spikes().times)
