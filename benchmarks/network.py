"""A network's step and its gradient beside NEST: CPU time of one thread, compiling, loading, memory.

    taskset -c 0 uv run --group bench python benchmarks/network.py [--cases 1000x100 ...] [--out PAGE.md]

Every case is written as SONATA by the builder, loaded, run and differentiated in a process of its own, then run by NEST
in another (where it is installed), from the same numbers, and the spikes compared.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from timing import machine, ratio, table

#: Cells, synapses each.
CASES = ("1x0", "100x100", "100x1000", "1000x100", "1000x1000", "10000x100", "10000x1000")
#: ms.
DT = 0.1
#: Cells times steps of an interval, at most so many steps; a run is so many intervals, of which the quickest counts.
CELL_STEPS = 5_000_000
LONGEST = 50_000
INTERVALS = 3
#: Observed cells of the gradient.
OBSERVED = 100
#: GLIF3 with four ports, after a mean cell of the Cell Types Database; it fires by itself, E_L lying above V_th.
CELL = {
    "V_th": -50.0, "V_reset": -75.0, "g": 5.0, "C_m": 80.0, "t_ref": 3.0, "tau_syn": [5.5, 8.5, 2.8, 5.8],
    "asc_amps": [-9.0, -100.0], "asc_decay": [0.003, 0.1], "after_spike_currents": True,
}  # fmt: skip
#: Share of inhibitory cells, and how much stronger their synapses are.
INHIBITORY = 0.2
STRONGER = 4.0
#: Sum of the weights of a cell's excitatory synapses, pA.
EXCITATION = 20.0
#: A current clamp that changes nothing but NEST's time, pA.
CLAMP = 1e-9
#: What was asked for: by case at least so many times as fast as NEST; the gradient at most so many forward runs.
WANTED = {"100x100": 0.9, "100x1000": 0.9, "1000x100": 2, "1000x1000": 2, "10000x100": 3, "10000x1000": 4}
GRADIENT = 9
COMPILE = 10
#: From so many cells on the gradient is asked about; from so many edges on memory is shown, and asked about.
FEWEST = 1_000
MANY = 1_000_000
MOST = 10_000_000

PAGE = """# Networks beside NEST

Made by `uv run --group bench python benchmarks/network.py` with jax {jax}, Python {python} and NEST {nest} on
{machine}.

GLIF3 with four ports, {rates} Hz, delays of 0.5 ... 3 ms, dt 0.1 ms, float64. Both run the same network, written by
`gj.NetworkBuilder` and loaded by `gj.load_network`, from the same voltages on. ns of CPU time a cell and step, one
thread, of the quickest of {intervals} intervals of {cell_steps:,} cells times steps, or fewer. The gradient is that of
spike times of {observed} cells in every weight and every cell parameter, forward included.

{speed}

{same}

"clamped": with a current into every cell, by a generator with a delay of one step, as PointNet makes of each clamp;
NEST then exchanges spikes every step and delivers the current to every cell, where ours takes it in when it changes.
"compiling" is CPU time of the first call beyond that of the next: run, gradient.

## Loading and memory

`gj.load_network` of the SONATA files, and the peak of resident memory beyond that before loading, per synapse: while
loading, while running, while differentiating.

{memory}

## Missed

{missed}
"""


def build(folder: Path, n: int, each: int) -> None:
    """The network as SONATA: every cell has `each` inputs, a fifth of them inhibitory."""
    import glifjax as gj

    rng = np.random.default_rng(0)
    builder = gj.NetworkBuilder(seed=1)
    cell = CELL | {"E_L": rng.uniform(-48.0, -43.5, n), "V_m": rng.uniform(-75.0, -50.0, n)}
    n_inhibitory = round(INHIBITORY * n)
    kind = np.array(["e"] * (n - n_inhibitory) + ["i"] * n_inhibitory)
    cells = builder.add_nodes("cells", n, kind=kind, model_template="nest:glif_psc", dynamics_params=cell)
    n_inhibitory = round(INHIBITORY * each)
    for own, inputs, port, sign in (("e", each - n_inhibitory, 1, 1.0), ("i", n_inhibitory, 2, -STRONGER)):
        sources = cells[{"kind": own}]
        while inputs:  # a pair has one edge of a call at most
            now = min(inputs, len(sources))
            weights = sign * EXCITATION / each * rng.uniform(0.5, 1.5, now * n)
            delays = np.round(rng.uniform(0.5, 3.0, now * n), 1)
            rule = gj.number_of_inputs(now)
            builder.add_edges(sources, cells, rule, syn_weight=weights, delay=delays, receptor_type=port)
            inputs -= now
    builder.write(folder, duration=steps(n) * DT, dt=DT)


def steps(n: int) -> int:
    """Of an interval."""
    return min(LONGEST, CELL_STEPS // n)


def ours(folder: Path) -> dict[str, float]:
    """Load, run and differentiate: seconds, and bytes beyond those before loading; for NEST, the network as arrays."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    import glifjax as gj
    from glifjax.network.run import run

    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_enable_compilation_cache", False)
    gj.simulate_network(gj.load_network(folder / "small/config.json"))  # what is imported once is no part of it
    before, measured = resident(), {}
    reset_peak()
    network, measured["load"] = cpu(lambda: gj.load_network(folder / "config.json"))
    measured["bytes_load"] = peak() - before
    circuit, drive = network.circuit, network.drive(gj.SpikeTrains([], [], "none"))
    state, n, n_steps = circuit.init(), circuit.size, network.n_steps
    spikes, seconds = [], []
    for interval in range(INTERVALS):
        reset_peak()
        (state, steps_of, cells_of, _), taken = cpu(partial(run, circuit, drive, state, n_steps))
        spikes.append((steps_of + interval * n_steps, cells_of))
        seconds.append(taken)
    quickest = min(seconds[1:])
    measured |= {"bytes_run": peak() - before, "seconds": quickest, "compile": seconds[0] - quickest}
    when, who = (np.concatenate(parts) for parts in zip(*spikes, strict=True))
    measured["rate"] = len(when) / n / (INTERVALS * n_steps * DT * 1e-3)
    cells = np.arange(min(n, OBSERVED))

    def loss(circuit):
        seen = gj.run_circuit(circuit, drive, n_steps, cells)
        return jnp.sum(seen.times * seen.spiked)

    gradient = eqx.filter_jit(eqx.filter_grad(loss))
    _, first = cpu(lambda: jax.block_until_ready(gradient(circuit)))
    reset_peak()
    _, taken = cpu(lambda: jax.block_until_ready(gradient(circuit)))
    measured |= {"gradient": taken, "bytes_gradient": peak() - before, "compile_gradient": first - taken}
    measured["edges"] = len(circuit.edges.weights)
    np.savez(folder / "ours.npz", steps=when + 1, cells=who)
    save_for_nest(folder / "network.npz", network)
    return measured


def save_for_nest(path: Path, network) -> None:
    """Parameters, and edges by source, target, weight, delay and receptor."""
    edges, (cells,) = network.circuit.edges, network.circuit.cells
    offsets = np.asarray(edges.offsets)
    slots, delays = offsets % network.circuit.n_slots, offsets // network.circuit.n_slots + 1
    np.savez(
        path,
        cell=json.dumps(CELL),
        dt=DT,
        duration=network.duration,
        E_L=np.asarray(cells.E_L),
        V_m=np.asarray(cells.V_m),
        sources=np.repeat(np.arange(cells.size), np.diff(edges.starts)),
        targets=slots % cells.size,
        receptors=slots // cells.size + 1,
        weights=np.asarray(edges.weights),
        delays=np.round(delays * DT, 9),
    )


def cpu(function: Callable):
    """What a function gives, and its CPU time, s."""
    start = time.process_time()
    result = function()
    return result, time.process_time() - start


def resident() -> int:
    """Resident memory now, bytes."""
    return _status("VmRSS")


def peak() -> int:
    """The most since `reset_peak`, bytes."""
    return _status("VmHWM")


def reset_peak() -> None:
    """Count the peak of resident memory from now on (Linux, proc_pid_clear_refs(5))."""
    Path("/proc/self/clear_refs").write_text("5")


def _status(key: str) -> int:
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key)]
    return 1024 * int(line.split()[1])


def alone(script: str, *arguments: str | Path | int) -> dict:
    """What a process of its own prints last, as JSON."""
    command = [sys.executable, str(Path(__file__).with_name(script)), *map(str, arguments)]
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def pairs(steps_of: np.ndarray, cells: np.ndarray) -> set[tuple[int, int]]:
    """Spikes as pairs of step and cell."""
    return set(zip(steps_of.tolist(), cells.tolist(), strict=True))


def measure(case: str) -> dict:
    """One case: ours, NEST's, and how many spikes are the same."""
    n, each = map(int, case.split("x"))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        build(folder / "small", 10, 10)
        alone("network.py", "--build", folder, n, each)
        measured = {"case": case, "cells": n, "each": each} | alone("network.py", "--ours", folder)
        unit = 1e9 / n / steps(n)
        measured["unit"] = unit
        if find_spec("nest") is not None:
            measured["nest"] = alone("network_in_nest.py", folder, INTERVALS, 0)
            theirs, own = np.load(folder / "nest.npz"), np.load(folder / "ours.npz")
            steps_of = np.rint(theirs["times"] / DT).astype(int)
            same = pairs(steps_of, theirs["cells"]) & pairs(own["steps"], own["cells"])
            measured["spikes"] = len(steps_of)
            measured["other"] = len(steps_of) + len(own["steps"]) - 2 * len(same)
            measured["clamped"] = alone("network_in_nest.py", folder, INTERVALS, CLAMP)
    print(json.dumps(measured), flush=True)
    return measured


def page(cases: list[dict], start: str) -> str:
    """The page, with what was missed."""
    import jax

    speed, memory, missed = [], [], []
    for case in cases:
        theirs, clamped = (
            case[key]["seconds"] * case["unit"] if key in case else np.nan for key in ("nest", "clamped")
        )
        forward, gradient = (case[key] * case["unit"] for key in ("seconds", "gradient"))
        speed.append([
            f"{case['cells']:,} x {case['each']:,}", theirs, clamped, forward, ratio(theirs, forward),
            ratio(clamped, forward), gradient,
            ratio(gradient, forward), f"{case['compile']:.1f}, {case['compile_gradient']:.1f}",
        ])  # fmt: skip
        wanted = WANTED.get(case["case"])
        for name, ns in (("clamped", clamped), ("undriven", theirs)):
            if wanted and ns < wanted * forward:
                missed.append(f"{case['case']} is {ratio(ns, forward)} as fast as NEST {name}, {wanted} was wanted")
        if case["cells"] >= FEWEST and gradient > GRADIENT * forward:
            missed.append(f"the gradient of {case['case']} takes {ratio(gradient, forward)} forward, not {GRADIENT}")
        if max(case["compile"], case["compile_gradient"]) > COMPILE:
            missed.append(f"{case['case']} compiles for more than {COMPILE} s")
    for case in (case for case in cases if case["edges"] >= MANY):
        name, per_edge = f"{case['cells']:,} x {case['each']:,}", lambda key, case=case: case[key] / case["edges"]
        bytes_ = [per_edge(f"bytes_{key}") for key in ("load", "run", "gradient")]
        memory.append([name, case["load"], *bytes_])
        if case["edges"] >= MOST:
            figures = (("loads in", case["load"], 10, "s"), ("takes to load", bytes_[0], 100, "bytes a synapse"),
                       ("takes to run", bytes_[1], 24, "bytes a synapse"))  # fmt: skip
            missed += [f"{name} {what} {is_:.0f} {unit}, not {most}" for what, is_, most, unit in figures if is_ > most]
    heads = ["cells x synapses each", "NEST", "NEST, clamped", "glifjax", "NEST / glifjax", "clamped / glifjax",
             "gradient", "gradient / run", "compiling, s"]  # fmt: skip
    compared = [case for case in cases if "nest" in case]
    same = "NEST is not installed here: only our own numbers."
    if compared:
        spikes, other = (sum(case[key] for case in compared) for key in ("spikes", "other"))
        same = f"Of NEST's {spikes:,} spikes all are ours, cell by cell and step by step."
        if other:
            cells = ", ".join(case["case"] for case in compared if case["other"])
            same = f"Of NEST's {spikes:,} spikes and ours, {other:,} are of one of the two alone ({cells})."
    rates = [case["rate"] for case in cases]
    return PAGE.format(
        jax=jax.__version__, python=platform.python_version(), machine=start, same=same, cell_steps=CELL_STEPS,
        nest=compared[0]["nest"]["version"] if compared else "(absent)", intervals=INTERVALS - 1, observed=OBSERVED,
        rates=f"{min(rates):.0f} ... {max(rates):.0f}", speed=table(heads, speed),
        memory=table(["cells x synapses each", "loading, s", "loading, B", "running, B", "gradient, B"], memory),
        missed="\n".join(f"- {words}" for words in missed or ["nothing that was wanted"]),
    )  # fmt: skip


def main() -> None:
    """Every case, and the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", default=list(CASES))
    parser.add_argument("--out", type=Path, default=Path("docs/measured/network.md"))
    parser.add_argument("--build", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--ours", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.build:
        build(Path(options.build[0]), *map(int, options.build[1:]))
        print("{}")
    elif options.ours:
        print(json.dumps(ours(options.ours)))
    else:
        start = machine()
        options.out.write_text(page([measure(case) for case in options.cases], start))
        print(options.out)


if __name__ == "__main__":
    main()
