"""The notebooks run from their first cell to their last."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

#: What a notebook prints once all went well.
PRINTED = {
    "fit_your_first_cell": "md_star_4ms",
    "from_allensdk": "a = 0.100, b = -3.00 mV",
    "fit_a_firing_pattern": "recovered a = 5.0000 /s, A1 = 10.0000 nA, A2 = -0.6000 nA",
}
NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    printed = "".join(
        output.get("text", "") for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs
    )
    assert PRINTED.get(path.stem, "") in printed
