"""The slope of the voltage reset: taken from the recording, fixed, or fitted; compared on training sweeps alone.

    uv run python benchmarks/reset_slope.py CELL.nwb [CELL.nwb ...]

Prints the objective of stage A (nats), bits per training spike, and the explained variance ratio of the training spikes
by 50 free runs.
"""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import glifjax as gj
from fitting import LEVELS
from fitting.assess.evaluate import spike_trains
from fitting.data.arrays import prepare
from fitting.data.protocols import choose_sweeps
from fitting.data.shape import measure_shape
from fitting.model.coordinates import Coordinate
from fitting.model.likelihood import log_likelihood
from fitting.stages import Membrane, Threshold, run_stages
from glifjax.spikes import scores

LEVEL = LEVELS["LIF-R-ASC-A"]
SLOPE = lambda model: model.neuron.voltage_reset.a
RESET = lambda model: (model.neuron.voltage_reset.a, model.neuron.voltage_reset.b)


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    for path in sys.argv[1:]:
        with gj.read_recording(path) as recording:
            train = choose_sweeps(recording).train
            shape = measure_shape([(part.voltage, part.rate) for part in train])
            data = prepare(train, shape)
        start = LEVEL.start(data, shape)
        for name, slope in (("from the recording", None), ("0.5", 0.5), ("0", 0.0), ("fitted", None)):
            model = start if slope is None else _with_slope(start, slope)
            extra = [Coordinate(SLOPE, SLOPE(model), 0.5)] if name == "fitted" else []
            moved = [*LEVEL.coordinates(model, data.duration).membrane, *extra]
            fitted, (stage, _) = run_stages((Membrane(moved=tuple(moved)), Threshold()), model, data)
            density = float(log_likelihood(fitted, data)) - data.n_spikes * np.log(data.dt)
            runs = [train[train < data.duration] for train in spike_trains(fitted, data, runs=50)]
            print(
                f"{recording.name}, slope {name} ({float(SLOPE(fitted)):.2f}): stage A {stage.losses[-1]:.0f},",
                f"{scores.bits_per_spike(density, data.n_spikes, data.duration):.2f} bits,",
                f"EVr {scores.explained_variance_ratio(data.spike_times, runs, data.duration):.2f}",
                flush=True,
            )


def _with_slope(model, slope: float):
    """The model with another slope, its reset from the threshold unchanged."""
    a, b = RESET(model)
    after = a * model.neuron.th_inf + b
    return eqx.tree_at(RESET, model, (jnp.asarray(slope), after - slope * model.neuron.th_inf))


if __name__ == "__main__":
    main()
