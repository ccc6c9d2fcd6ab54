"""How well networks fitted to spike trains predict held-out time, and what the fits cost.

    uv run python benchmarks/glm_fits.py [FOLDER] [--long]

FOLDER holds the reference material's files (../shared/reference/glm where it is there): spikes of known networks
(fit_bernoulli.npz, fit_poisson.npz), recorded units (units_a2929.npz), trials of one neuron (stn_trials.npz), a
receptor with its stimulus (grasshopper.npz). Known networks are fitted from wrong starting values. Elsewhere ridge,
basis and, where a row does not name it, link are chosen on the fourth of every five blocks of time, and the fifth,
which nothing has seen, is scored. Processor seconds of one process, compilation included. Peers are not run here.
--long adds the recorded units in bins of 1 ms.
"""

import argparse
import json
import resource
from pathlib import Path
from time import process_time

import jax
import numpy as np

import fitting.glm
from glifjax import glm

RIDGES = (0.1, 1.0, 10.0)
BASES = (4, 6, 8)
#: Where fits of known networks start, in place of the true values; ms.
WRONG = {
    "fit_bernoulli": {"theta": 2.0, "alpha": 0.1, "beta": 0.3, "rel_ref_strength": -10.0},
    "fit_poisson": {"alpha": 100.0, "tau": 8.0},
}


def report(name: str, start: float, fit: fitting.glm.Fit) -> None:
    """One line of a table."""
    seconds, score = process_time() - start, fit.score()
    link, basis = type(fit.model.link).__name__, fit.model.coupling.taps(fit.model.dt).shape[1]
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    shares = ", ".join(f"{part} {value:.3f}" for part, value in score.shares.items())
    print(
        f"| {name} | {link}, {basis} functions, {fit.prior} | {score.bits_per_spike:.3f} | {shares} | {seconds:.0f} | "
        f"{megabytes:.0f} |",
        flush=True,
    )


def recovery(folder: Path, name: str) -> None:
    """A line on how a known network comes back."""
    pack = np.load(folder / f"{name}.npz")
    spikes = pack["spikes"]
    if name == "fit_bernoulli":
        spikes = np.unpackbits(spikes, axis=1)[:, :60_000]
    params, true = json.loads(str(pack["params"])) | WRONG[name], pack["W0"]
    kind = "BernoulliGLM" if name == "fit_bernoulli" else "PoissonGLM"
    start = process_time()
    fit = fitting.glm.fit(spikes, 1e-3, like=glm.from_spikeometric(kind, np.zeros_like(true), **params))
    away = ~np.eye(len(true), dtype=bool)
    r, slope = np.corrcoef(true[away], fit.weights[away])[0, 1], np.polyfit(true[away], fit.weights[away], 1)[0]
    inside = ((fit.intervals[..., 0] <= true) & (true <= fit.intervals[..., 1]))[away].mean()
    shared = ", ".join(f"{key} {value:.4g} ± {error:.2g}" for key, (value, error) in fit.shared.items())
    print(
        f"{name}: r {r:.3f}, slope {slope:.2f}, 90 % intervals hold {inside:.0%}; {shared}; "
        f"{process_time() - start:.0f} s",
        flush=True,
    )


def trains_of(pack) -> list[np.ndarray]:
    """Spike times of each unit, s."""
    return np.split(pack["spike_times"], pack["spike_times_index"][:-1])


def counts_of(trains: list[np.ndarray], dt: float, duration: float) -> np.ndarray:
    """Counts in bins, (n, T)."""
    return np.stack([np.histogram(train, np.arange(round(duration / dt) + 1) * dt)[0] for train in trains])


def main() -> None:
    """Print two lines and a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("../shared/reference/glm"))
    parser.add_argument("--long", action="store_true")
    asked = parser.parse_args()
    if not (asked.folder / "units_a2929.npz").is_file():
        print(f"{asked.folder} has no units_a2929.npz: nothing to fit")
        return
    jax.config.update("jax_enable_x64", True)
    for name in ("fit_bernoulli", "fit_poisson"):
        recovery(asked.folder, name)
    print("| data | chosen | held-out bits a spike | bits that each part adds | s | MB so far |")
    print("|---|---|---|---|---|---|")
    units = trains_of(np.load(asked.folder / "units_a2929.npz"))
    trials = np.load(asked.folder / "stn_trials.npz")["spikes"][:, None]
    receptor = np.load(asked.folder / "grasshopper.npz")
    spikes = counts_of([receptor["spike_times"]], 5e-4, 10.0)
    stimulus = receptor["stimulus"][None] / receptor["stimulus"].std()
    rows = {
        "trials, 1 ms": (trials, 1e-3, {"basis": BASES}),
        "receptor, 0.5 ms, Poisson": (
            spikes, 5e-4, {"link": "poisson", "basis": BASES, "stimulus": stimulus, "stimulus_basis": 8}
        ),
        "receptor, 0.5 ms": (spikes, 5e-4, {"basis": BASES, "stimulus": stimulus, "stimulus_basis": 8}),
        "units, 5 ms, Poisson": (counts_of(units, 5e-3, 1200.0), 5e-3, {"link": "poisson", "basis": BASES}),
    }  # fmt: skip
    if asked.long:
        rows["units, 1 ms, logit"] = (counts_of(units, 1e-3, 1200.0), 1e-3, {"link": "logit"})
    for name, (counts, dt, options) in rows.items():
        start = process_time()
        report(name, start, fitting.glm.fit(counts, dt, ridge=RIDGES, **options))


if __name__ == "__main__":
    main()
