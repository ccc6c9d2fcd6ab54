"""glifjax: simulate and fit generalized leaky integrate-and-fire neurons in JAX."""

from glifjax import _backend  # noqa: F401  (first: it sets a flag that the backend reads when it starts)
from glifjax.batches import simulate_sweeps
from glifjax.gallery import gallery
from glifjax.glif import GLIF, Coefficients
from glifjax.io._downloads import DownloadError
from glifjax.io.cell_types import CellTypes, NeuronalModel
from glifjax.io.model_zip import ModelZip, read_model_zip
from glifjax.io.nest import neuron_to_nest
from glifjax.io.neuron_config import read_neuron_config, register_rule, write_neuron_config
from glifjax.io.recording_writer import write_recording
from glifjax.io.recordings import read_recording
from glifjax.io.sweeps import Recording, RecordingError, Sweep
from glifjax.levels import LEVELS, from_level, level_name
from glifjax.mihalas_niebur import MihalasNiebur
from glifjax.neuron import AbstractNeuron, Input, Sample, Status
from glifjax.plots import plot_trace
from glifjax.simulate import Spikes, Trace, simulate
from glifjax.spike import EscapeNoise, SurrogateSpike

__all__ = [
    "GLIF", "LEVELS", "AbstractNeuron", "CellTypes", "Coefficients", "DownloadError", "EscapeNoise", "Input",
    "MihalasNiebur", "ModelZip", "NeuronalModel", "Recording", "RecordingError", "Sample", "Spikes", "Status",
    "SurrogateSpike", "Sweep", "Trace", "from_level", "gallery", "level_name", "neuron_to_nest", "plot_trace",
    "read_model_zip", "read_neuron_config", "read_recording", "register_rule", "simulate", "simulate_sweeps",
    "write_neuron_config", "write_recording",
]  # fmt: skip
