"""glifjax: simulate and fit generalized leaky integrate-and-fire neurons in JAX."""

from glifjax import _backend  # noqa: F401  (first: it sets a flag that the backend reads when it starts)
from glifjax.batches import simulate_sweeps
from glifjax.glif.glif import GLIF, Coefficients
from glifjax.glif.levels import LEVELS, from_level, level_name
from glifjax.io.allen.cell_types import CellTypes, NeuronalModel
from glifjax.io.allen.downloads import DownloadError
from glifjax.io.allen.model_zip import ModelZip, read_model_zip
from glifjax.io.config.nest import neuron_to_nest
from glifjax.io.config.neuron_config import read_neuron_config, register_rule, write_neuron_config
from glifjax.io.nwb.recording_writer import write_recording
from glifjax.io.nwb.recordings import read_recording
from glifjax.io.nwb.sweeps import Recording, RecordingError, Sweep
from glifjax.io.spikes import read_spikes, write_spikes
from glifjax.mihalas_niebur import MihalasNiebur
from glifjax.neuron import AbstractNeuron, Input, Sample, Status
from glifjax.patterns import gallery
from glifjax.plots import plot_trace
from glifjax.simulation import Spikes, Trace, simulate
from glifjax.spike import EscapeNoise, SurrogateSpike
from glifjax.spikes.trains import SpikeTrains

__all__ = [
    "GLIF", "LEVELS", "AbstractNeuron", "CellTypes", "Coefficients", "DownloadError", "EscapeNoise", "Input",
    "MihalasNiebur", "ModelZip", "NeuronalModel", "Recording", "RecordingError", "Sample", "SpikeTrains", "Spikes",
    "Status", "SurrogateSpike", "Sweep", "Trace", "from_level", "gallery", "level_name", "neuron_to_nest",
    "plot_trace", "read_model_zip", "read_neuron_config", "read_recording", "read_spikes", "register_rule",
    "simulate", "simulate_sweeps", "write_neuron_config", "write_recording", "write_spikes",
]  # fmt: skip
