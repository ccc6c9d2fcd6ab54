"""The notebooks run from first cell to last, on less data: their parameters are set anew, as papermill does it."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

#: What a notebook prints once all went well.
PRINTED = {
    "fit_your_first_cell": "md_star_4ms",
    "comparing_levels": "preferred: LIF-R-ASC-A",
    "a_rule_of_your_own": "with the network",
    "from_allensdk": "a = 0.100, b = -3.00 mV",
    "stochastic_networks": "90 % intervals hold",
    "spike_inputs": "the same spikes: True",
    "rates_of_a_network": "signs kept: True",
    "from_spike_times": "recovered: threshold -50.0",
    "fit_a_firing_pattern": "recovered a = 5.0000 /s, A1 = 10.0000 nA, A2 = -0.6000 nA",
}
#: The sizes that other tests fit, too, so that compiled functions are found again.
SIZES = "TRAINING, HELD_OUT, REPEATS, RUNS = 15.0, 4.0, 3, 20\n"
#: What is run after a notebook's cell of parameters. The augmented level takes as long as all others together.
SHORTER = {
    "fit_your_first_cell": SIZES + "STEPS = 2",
    "comparing_levels": SIZES + 'LEVELS = "LIF-R-ASC, LIF-R-ASC-A"',
    "fit_a_firing_pattern": "WIDTHS, TAUS, OTHERS = (10e-3,), (2e-3,), 1",
    "stochastic_networks": "STEPS, NETWORKS, NEURONS = 10_000, 3, 20",
    "rates_of_a_network": "STEPS, DURATION = 3, 150.0",
    "a_rule_of_your_own": SIZES + "STEPS, TUNING = 20, 2",
}
NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    if path.stem in SHORTER:
        (place,) = [i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ())]
        notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(SHORTER[path.stem]))
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    printed = "".join(
        output.get("text", "") for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs
    )
    assert PRINTED[path.stem] in printed
