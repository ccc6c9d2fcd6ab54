"""Fit simulated cells with known parameters: how far off the parameters are, and how often their intervals hold them.

    uv run python benchmarks/interval_coverage.py [--cells 20] [--first 1] [--levels | --intervals] [--out coverage.md]

Each cell is a LIF-R-ASC-A neuron drawn from the published range (fitting/published.py), with escape noise and 1 mV of
measurement noise, recorded for 60 s; ten repeats of 10 s are held out. It is fitted twice: with its spikes' onset and
cut known, which the intervals assume, and from the recording alone, where they are measured. --levels fits all levels
to the recording, to see which one cross-validation prefers. --intervals fits each once, from a recording of its
training alone, for what it says of parameters: a tenth of the time.
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import fitting
import glifjax as gj
from fitting import LEVELS
from fitting.assess.evaluate import evaluate
from fitting.assess.predictive import as_dict
from fitting.assess.uncertainty import Uncertainty, laplace
from fitting.data.arrays import FitData
from fitting.data.protocols import choose_sweeps
from fitting.data.shape import SpikeShape
from fitting.data.split import prepare_split
from fitting.example import cell as example
from fitting.model.parameters import parameters
from fitting.model.patched import PatchedNeuron
from fitting.stages import HardThreshold, run_stages
from fitting.stages.deterministic import shifted
from glifjax.rules.voltage import LinearExact

LEVEL = "LIF-R-ASC-A"
#: Measurement noise, V; time step where spikes are known, s; ranges of the afterspike currents' time constants, s.
NOISE, DT, TAUS = 1e-3, 1e-4, ((10e-3, 40e-3), (70e-3, 250e-3))
GROUPS = {
    "membrane": ("C", "R_input", "tau_m", "El_reference"),
    "threshold": ("th_inf", "delta_v", "a_spike", "b_spike", "a_voltage", "b_voltage"),
}


@dataclass(frozen=True)
class Found:
    """One parameter of one cell: true and fitted value, standard error, whether its interval holds the truth."""

    name: str
    true: float
    value: float
    error: float
    covered: bool

    @property
    def off(self) -> float:
        """Relative to the true value, %."""
        return 100 * abs(self.value - self.true) / abs(self.true)


def draw_cell(seed: int) -> PatchedNeuron:
    """The example's kind of cell, its afterspike currents' time constants drawn too, its voltage integrated exactly.

    The example's Euler steps of 50 us make its membrane's time constant 25 us shorter, which is more than the interval.
    """
    cell = example.example_cell(seed)
    cell = eqx.tree_at(lambda m: m.neuron.voltage_dynamics, cell, LinearExact())
    random = np.random.default_rng([seed, 2])
    taus = [np.exp(random.uniform(*np.log(ends))) for ends in TAUS]
    return eqx.tree_at(lambda m: m.neuron.asc_tau_array, cell, jnp.asarray(taus))


def record(cell: PatchedNeuron, seed: int) -> tuple[FitData, FitData]:
    """Training sweep and held-out repeats, with the spikes where the cell had them."""
    random = np.random.default_rng([seed, 1])
    scale = example._noise_scale(cell, random)
    every = round(DT / example.DT)
    stimulus = lambda seconds: scale * (example._ornstein_uhlenbeck(seconds, random) + example.OFFSET)[::every]
    train, test = stimulus(example.TRAINING), stimulus(example.HELD_OUT)
    return _sweeps(cell, train[None], seed, random), _sweeps(cell, np.tile(test, (example.REPEATS, 1)), -seed, random)


def _sweeps(cell, current, seed, random) -> FitData:
    keys = jax.random.split(jax.random.key(seed), len(current))
    trace = jax.vmap(lambda i, key: cell.simulate(i, DT, key=key))(jnp.asarray(current), keys)
    forced = np.asarray(trace.spiked) > 0.5
    after = np.asarray(trace.voltage_before_reset)
    before = np.concatenate([np.asarray(trace.initial_voltage)[:, None], after[:, :-1]], axis=1)
    voltage = np.asarray(cell.recorded((before + after) / 2, current))
    return FitData(
        numbers=np.arange(len(current)),
        current=current,
        voltage=voltage + NOISE * random.normal(size=voltage.shape),
        valid=np.ones_like(forced),
        seen=np.ones_like(forced),
        counted=np.ones_like(forced),
        forced=forced,
        crossings=np.where(forced, (np.arange(forced.shape[1]) + 0.5) * DT, np.nan),
        dt=DT,
    )


def known_spikes(cell: PatchedNeuron, seed: int) -> tuple[list[Found], float]:
    """Fit with onset and cut known; the parameters, and Md* relative to the true neuron's."""
    timing = lambda m: (m.neuron.spike_cut_length, m.neuron.dt, m.neuron.spike_latency)
    fine = cell.neuron.at_dt(jnp.asarray(DT))
    cell = eqx.tree_at(timing, cell, (fine.spike_cut_length, fine.dt, jnp.asarray(0.0)))
    train, test = record(cell, seed)
    neuron = cell.neuron
    slope, rest = neuron.voltage_reset.a, neuron.El_reference
    shape = SpikeShape(
        level=0.0,
        latency=0.0,
        cut=float(neuron.spike_cut_duration),
        reset_slope=float(slope),
        reset_intercept=float(neuron.voltage_reset.b + (1 - slope) * rest),
        count=train.n_spikes,
    )
    level = LEVELS[LEVEL]
    start = eqx.tree_at(lambda m: m.neuron.voltage_reset.a, level.start(train, shape), neuron.voltage_reset.a)
    moved = level.coordinates(start, train.duration).membrane
    model, _ = run_stages((*level.stages(moved), HardThreshold()), start, train)
    reached = [evaluate(each, (test,)).test["md_star_4ms"] for each in (model, cell)]
    return compare(cell, model, laplace(model, train, level, spike_errors=(0.0, 0.0, 0.0))), reached[0] / reached[1]


def compare(cell: PatchedNeuron, model: PatchedNeuron, uncertainty: Uncertainty) -> list[Found]:
    """Each fitted parameter beside the true one; the true threshold is taken where the hazard is the fitted lambda0."""
    shift = cell.noise.delta_v * jnp.log(model.noise.lambda0 / cell.noise.lambda0)
    true, fitted = parameters(shifted(cell, shift)), parameters(model)
    found = []
    for name, error, (low, high) in zip(uncertainty.names, uncertainty.errors, uncertainty.intervals, strict=True):
        value = true[name]["value"]
        if value == 0:  # jitter, which the true neurons do not have
            continue
        found.append(Found(name, value, fitted[name]["value"], float(error), bool(low <= value <= high)))
    return found


def measured_spikes(cell: PatchedNeuron, seed: int, levels: bool) -> tuple[list[Found], dict]:
    """Fit from the recording alone; the parameters, and what of the levels."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cell.nwb"
        example.write_example(path, seed, noise=NOISE, cell=cell)
        with gj.read_recording(path) as recording:
            fit = fitting.fit(recording, None if levels else LEVEL, uncertainty=True)
    by_level = {each.level: each for each in fit.levels}
    own = by_level[LEVEL]
    truth = evaluate(cell, own.test).test["md_star_4ms"]
    known = own.uncertainty or laplace(own.stages[-1].model, own.train, LEVEL)
    return compare(cell, own.model, known), {
        "onset": own.shape.latency - float(cell.neuron.spike_latency),
        "cut": own.shape.cut - float(cell.neuron.spike_cut_duration),
        "preferred": fit.level,
        "own": own.scores.test["md_star_4ms"] / truth,
        "preferred_md": fit.scores.test["md_star_4ms"] / truth,
        "bits": fit.scores.test["bits_per_spike"] - own.scores.test["bits_per_spike"],
        "band": (band := as_dict(by_level[fit.level].bands)["voltage"])["coverage"],
        "width": band["width_mv"] / fit.scores.test["subthreshold_rmse_mv"],
    }


def intervals(cell: PatchedNeuron, seed: int) -> list[Found]:
    """Fit from a recording of the training, which a default fit would see through a series resistance, too."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cell.nwb"
        example.write_example(path, seed, noise=NOISE, cell=cell, repeats=1, held_out=1.0)
        with gj.read_recording(path) as recording:
            shape, train, _ = prepare_split(recording, choose_sweeps(recording, "1", "2"))
    level = LEVELS[LEVEL]
    start = level.start(train, shape)
    model, _ = run_stages(level.stages(level.coordinates(start, train.duration).membrane), start, train)
    return compare(cell, model, laplace(model, train, level))


def table(cells: list[list[Found]]) -> str:
    """Coverage, mean and median error and median standard error of each parameter, then of groups."""
    everything = [found for cell in cells for found in cell]
    lines = [
        "| parameter | 90 % interval holds it, % | mean error, standard errors | median error, % | median standard "
        "error, % |",
        "|---|---|---|---|---|",
    ]
    groups = {name: (name,) for name in dict.fromkeys(found.name for found in everything)}
    for title, names in (groups | GROUPS | {"all": tuple(groups)}).items():
        chosen = [found for found in everything if found.name in names]
        numbers = (
            100 * np.mean([found.covered for found in chosen]),
            np.mean([(found.value - found.true) / found.error for found in chosen]),
            np.median([found.off for found in chosen]),
            np.median([100 * found.error / abs(found.true) for found in chosen]),
        )
        lines.append(f"| {title} | {numbers[0]:.0f} | {numbers[1]:+.2f} | {numbers[2]:.2g} | {numbers[3]:.2g} |")
    return "\n".join(lines)


def page(known, reached, measured, compared, levels: bool, first: int = 1) -> str:
    """The page: how well parameters are found with the spikes known, and without."""
    share = lambda shares: (
        f"Held-out Md* over the true neuron's: median {np.median(shares):.3f}, lowest {min(shares):.3f}."
    )
    text = (
        "# Fits of simulated cells\n\nWritten by `benchmarks/interval_coverage.py`.\n\n"
        f"{len(known)} {LEVEL} neurons drawn from the published range, with escape noise and {1e3 * NOISE:g} mV of "
        f"measurement noise; {example.TRAINING:g} s of training, {example.REPEATS} repeats of {example.HELD_OUT:g} s "
        "held out. An interval is nominally a 90 % one; errors are relative to the true value.\n"
    )
    if measured:
        off = lambda name: 1e3 * np.array([each[name] for each in compared])
        told = "; ".join(
            f"the {what} by {np.median(off(name)):+.2f} ms (median), {np.sqrt(np.mean(off(name) ** 2)):.2f} ms (RMS)"
            for name, what in (("onset", "latency"), ("cut", "cut"))
        )
        text += f"\n## From the recording alone\n\n{table(measured)}\n\n{share([c['own'] for c in compared])}\n"
        text += f"\nWhat is measured on the spikes is off: {told}.\n"
        bands = [f"{100 * c['band']:.0f} % ({c['width']:.2f})" for c in compared]
        text += (
            "\nThe 90 % band of the voltage holds, of the held-out samples between spikes (its mean full width over "
            f"the RMSE): {', '.join(bands)}.\n"
        )
    text += f"\n## With the spikes' onset and cut known\n\n{table(known)}\n\n{share(reached)}\n"
    if levels:
        text += "\n## Which level is preferred\n\n"
        text += "| cell | preferred | its Md*, relative | the true level's | held-out bits per spike beyond it |\n"
        text += "|---|---|---|---|---|\n" + "".join(
            f"| {i} | {c['preferred']} | {c['preferred_md']:.3f} | {c['own']:.3f} | {c['bits']:+.3f} |\n"
            for i, c in enumerate(compared, start=first)
        )
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=20)
    parser.add_argument("--first", type=int, default=1, help="the first cell's number")
    parser.add_argument("--levels", action="store_true")
    parser.add_argument("--intervals", action="store_true", help="one fit each, to its training alone")
    parser.add_argument("--known-only", action="store_true", help="leave the fits from the recording out")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    known, measured, reached, compared, text = [], [], [], [], ""
    for seed in range(options.first, options.first + options.cells):
        cell = draw_cell(seed)
        if options.intervals:
            measured.append(intervals(cell, seed))
            text = table(measured)
            print(f"cell {seed}: {np.mean([f.covered for f in measured[-1]]):.2f} covered", flush=True)
            if options.out:
                options.out.write_text(f"{text}\n", encoding="utf-8")
            continue
        found, share = known_spikes(cell, seed)
        known.append(found)
        reached.append(share)
        print(f"cell {seed}: {np.mean([f.covered for f in found]):.2f} covered, Md* {share:.3f} of the true neuron's")
        if not options.known_only:
            found, levels = measured_spikes(cell, seed, options.levels)
            measured.append(found)
            compared.append(levels)
            print(f"  from the recording: {np.mean([f.covered for f in found]):.2f} covered, {levels}", flush=True)
        text = page(known, reached, measured, compared, options.levels, options.first)
        if options.out:
            options.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
