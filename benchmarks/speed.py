"""How long a step takes, beside loops compiled by numba in the same run; writes docs/measured/speed.md.

    uv run --group bench python benchmarks/speed.py [--repeats 8] [--out docs/measured/speed.md]

What stands in one table is timed in turns, the shortest of all repeats counts, and compilation is timed apart.
"""

import argparse
import json
import platform
import sys
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numba
import numpy as np
from numba_loop import allensdk_order, constants, folded
from scipy.signal import lfilter
from timing import compiled, in_turns, machine, ratio, run_alone, table

import glifjax as gj
from glifjax.io.nwb.recording_writer import SweepArrays

STEPS, DT, FINE_DT = 600_000, 5e-5, 5e-6  # 30 s at the step of Allen's configs, 3 s at that of Allen's recordings
NEURONS, NEURON_STEPS, BLOCKS = 1000, 10_000, (50, 100)
DEVICE_NEURONS, DEVICE_STEPS = 10_000, 2000
CHECKPOINT = 100
GRADIENT = "--long-gradient"

ONE_NEURON = """## One neuron

{steps:,} steps of {dt:g} µs, float64; ns a step. `numba` is a loop in AllenSDK's order of operations, `numba, folded`
the same with its constants folded ([numba_loop.py](../../benchmarks/numba_loop.py)); both store voltage, threshold and
currents and jump over the spike cut, which glifjax steps through. Their spikes and NaNs are those of glifjax, their
voltages within 1e-12 V. AllenSDK's outputs are these and the spikes; the whole trace is all that `simulate` gives, 13
numbers a step. Ratios are to `numba`. AllenSDK's own `run()` was measured at 4,700 (LIF) to 13,900 ns (LIF-R-ASC-A),
on another machine.

{forward}

The gradient of one number in all parameters (reverse mode, through all steps), plain and with
`checkpoint={checkpoint}`; the forward pass is that number alone:

{gradient}"""

MANY_NEURONS = """## {neurons:,} neurons

One stimulus, every neuron with parameters of its own, float64, spike counts alone; ns a neuron and step over {steps:,}
steps. Alone is one neuron, not batched. In blocks, the states of a block stay in the processor's nearest cache:

    counts = jax.lax.map(lambda neuron: simulate(neuron, current, dt).spiked.sum(), neurons, batch_size=100)

`simulate_many` is `gj.simulate_many(neurons, current, dt)`, which chooses the block, and gives which neuron spikes in
which step, a byte each.

{double}

In float32:

{single}"""

LONG_SWEEP = """## A long sweep

LIF-R-ASC-A over {steps:,} steps (3 s at 200 kHz), each in a process of its own: Python's start, imports and compilation
are in the seconds, "again" is a second call. The gradient is that of one number in all parameters.

{table}"""

BOUNDS = """## What bounds a step, and what was tried

Read from the compiled loops (`XLA_FLAGS=--xla_dump_to=...`), and measured by CPU time on one core of a busy machine,
with the code changed by hand for each row: `benchmarks/speed.py` repeats the rows of the code as it is, not the others.

**One neuron.** The loop is one function, in which each operation of a step stands once. Beside them a step of
LIF-R-ASC-A writes 34 pointers (the loop's tuple again: one for each number of the state, each parameter and constant,
each output) of its 59 writes, and reads numbers through pointers that fit no registers. In ns for AllenSDK's outputs:

| tried | LIF | LIF-R-ASC-A | |
| --- | ---: | ---: | --- |
| as it is | 21 | 27 | |
| the state in one array | 28 | 37 | each number is looked for in it |
| the outputs in one array too | 43 | 55 | |
| two steps a turn (`unroll=2`) | 19 | 31 | |
| four | 20 | 75 | steps are computed again for every output; compiles in twice the time |
| eight | 63 | 184 | compiles in six times the time |

On an older machine, so written, 1.8 times the numba loop was missed narrowly where the tuple is short, and by a third
where it is long; the table at the top says what the machine named there gives, idle. All constants in one array,
behind a barrier that ties them to the step, change nothing (19 and 24 ns).

**Many neurons.** Each array of the state is written by a loop of its own, and the compiler computed anew in each what
its numbers follow from: the decision of a spike, the voltage before it. It does not do so with what it takes for dear,
such as a root, or an integer's division: `glifjax.scan.once` divides the bits of a number by a one that only the code
generator knows to be one. And of a population's arrays of time constants the first lie apart in memory; such parts are
taken out before the scan (`glifjax.scan.hoisted`). In ns a neuron and step, blocks of 100, the same spikes and bits:

| | LIF | LIF-R | LIF-ASC | LIF-R-ASC | LIF-R-ASC-A | Mihalas-Niebur, exponential Euler |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
| all in every loop | 3.3 | 4.3 | 4.2 | 5.4 | 8.5 | 3.1 |
| decided once, by a root | 2.1 | 2.9 | 2.9 | 3.5 | 5.3 | 2.5 |
| constants taken out; decision and state before a reset once, by a division | 1.9 | 2.9 | 2.3 | 3.1 | 4.0 | 1.8 |
| all in every loop, float32 | 2.1 | 2.7 | 2.6 | 3.3 | 5.6 | |
| decided once, by a root, float32 | 1.3 | 1.8 | 1.6 | 2.2 | 2.6 | |
| constants taken out, division, float32 | 1.1 | 1.5 | 1.3 | 1.7 | 2.1 | |

Tangents of many lanes are computed once too, which takes a seventh off the first stage of a fit. Barriers against
fusion are dropped by the compiler before it fuses. Loops of several outputs
(`xla_cpu_use_multi_output_fusion`) take a neuron's gradient from 400 to 12,000 ns. Aimed at were 2 (LIF), 4
(LIF-R-ASC-A) and 1.5 (Mihalas-Niebur).

**Gradients.** What a step computes of parameters alone was differentiated at every step of the way back; now it is
taken out first, and one array says which steps spiked where each part of the state had its own. Gradient / forward,
in one process before and after: LIF 3.4 and 2.8, LIF-R 4.0 and 3.3, LIF-ASC 4.7 and 3.7, LIF-R-ASC 5.8 and 3.9,
LIF-R-ASC-A 6.2 and 4.5. Aimed at was 4. Of what is left, 26 numbers are carried back, of which 18 gather parameters'
derivatives.

**One neuron, once more.** The state stays in memory, and so on the way of the next step, because the compiler copies
what it is about to overwrite, and says nothing of what such a copy may not touch. With a division as above there is
one copy left, the scan's counter, which is enough: 20 to 24 ns (LIF), as before. A bare LIF neuron with three outputs
and no more state than it needs takes 16 to 18 ns, in four steps a turn 14 to 16, of which 9 are numba's: a comparison
chooses here, where numba's loop branches and goes on.

Whether 1.8 times numba is reached depends on the machine and on what else it does: idle, an Intel Xeon gave 1.3 to
1.8 in two runs, an AMD EPYC 1.9 to 2.4, and a Xeon that others kept busy 2.0 to 2.3. On that, each row was changed by
hand: 100,000 steps, the shortest of 200 runs or more, a ratio that moves by a tenth from run to run:

| AllenSDK's outputs / numba | LIF | LIF-R | LIF-R-ASC-A | |
| --- | ---: | ---: | ---: | --- |
| as it is | 2.0 | 2.1 | 2.3 | |
| these outputs recorded, and no other (`record=` a function) | 2.0 | 2.2 | 2.3 | what nobody reads costs nothing |
| the reset behind a branch (`lax.cond`) | 2.0 | 2.4 | 2.7 | branches hand their numbers on in memory |
| a bad reset behind it too | 1.9 | 2.3 | 2.5 | |
| state before a reset, and decision, by a division | 2.6 | 2.7 | 2.7 | the decision makes its way through a float |
| the same, the decision a boolean | 2.3 | 2.4 | 2.4 | |
| the voltage alone by a division | 2.0 | 2.1 | 2.4 | one copy less on the voltage's way |
| a `while` loop that reads before it writes | 2.0 | 2.2 | 2.6 | no copy of the state; it stays in memory |
| LLVM's `-disable-select-optimize=false` | 1.8 | 2.1 | 2.3 | branches for choices; a flag of all the process |

The voltage's own way from step to step, a subtraction, two products, a division and two sums, is most of numba's time.
Here a comparison, two choices and its way through memory lie on it besides, and at the levels above LIF there is more
to write a step. What JAX can say of a loop takes away neither.

**Compiler flags.** Every one of jaxlib 0.10.2 that concerns the CPU's code, each in a process of its own, in turns, the
sixth part of repeats that are shortest; two cores of an Intel Xeon that others kept busy; ns, of which a tenth is
noise. Vectors of 512 bits are set where glifjax sets its other flag: the same bits, and what is not vectorised neither
faster nor slower.

| | LIF, outputs | LIF-R-ASC-A, outputs | its gradient, in blocks | 1,000 of it | 1,000 Mihalas-Niebur, Euler |
| --- | ---: | ---: | ---: | ---: | ---: |
| as it was | 19.9 | 22.9 | 99 | 4.5 | 1.77 |
| `xla_cpu_prefer_vector_width=512`, now set | 19.8 | 22.6 | 100 | 3.7 | 1.50 |
| `xla_cpu_copy_insertion_use_region_analysis` | 19.7 | 22.8 | 89 | 4.3 | 1.71 |
| LLVM's `-disable-select-optimize=false`, and 512 bits | 16.2 | 22.1 | 95 | 3.6 | 1.47 |
| without invariant loads' metadata | 19.3 | 23.1 | 99 | 4.5 | 1.74 |
| without aliases' metadata | 21.8 | 40.7 | 172 | 6.3 | 2.83 |
| without fusion | 28.6 | 48.9 | 179 | 27.2 | 17.3 |
| `xla_cpu_flatten_after_fusion` | 24.2 | 32.4 | 120 | 5.5 | 2.18 |
| `xla_cpu_optimize_for_size` | 18.7 | 21.8 | 90 | 16.8 | 4.72 |

The analysis of regions copies less on the way back, but LIF-R-ASC-A's last digits change with it, which are AllenSDK's.
No effect beyond noise: the schedulers, fusion emitters, code in one part, levels 1 and 2, cheap passes alone,
minima and maxima without NaN, vectorisation of straight code or unrolling off, constants folded, LLVM's other numbering
of values, its limits on memory that is looked at, and branches for all choices.

**Gradients, once more.** Sums of parameters' derivatives after a block of 100 steps, in place of one at every step, do
not pay, LIF-R-ASC-A, gradient / forward, in one process: as it is 3.8; parameters as inputs of the block, so that their
derivatives are written and summed once, 4.2; the step's derivative by parameters taken over all steps of a block at
once, and that by the state in a scan, 3.9 with the latter's numbers from one vectorised pass and 4.0 without, in three
times the time to compile. Blocks of 25 to 200 steps differ by 3 %; two steps a turn cost 15 % more, four twice as much.
The ratio was 3.0 to 4.1 there, by how busy the machine was; idle, in two runs, 4.1 for LIF-R-ASC-A and 3.2 to 4.0
for the levels below it.

**Mihalas-Niebur, once more.** Exponential Euler's step is eight loops over neurons: two of the state before a reset,
the decision, four of the new state, and which neurons fired. Nothing of parameters alone is left in them, and no choice
is made twice. Without a division on the decayed currents, which one loop alone reads, nothing changes (1.8); without
any, 2.3.
"""

ACCELERATOR = """## {neurons:,} neurons on an accelerator

{result}"""


def neuron(level: str) -> gj.GLIF:
    """Parameters of ordinary size, the same at all levels."""
    return gj.from_level(
        level, C=1e-10, R_input=2e8, th_inf=0.02, asc_tau_array=(0.1, 0.01), asc_amp_array=(-3e-11, -1e-11),
        reset_slope=0.3, reset_intercept=-2e-3, a_spike=3e-3, b_spike=80.0, a_voltage=8.0, b_voltage=25.0,
        spike_cut_length=40, dt=DT,
    )  # fmt: skip


def population(level: str, size: int) -> gj.GLIF:
    """Neurons whose every parameter differs by up to 10 %."""
    random = np.random.default_rng(1)

    def varied(leaf):
        values = np.asarray(leaf) * random.uniform(0.9, 1.1, (size, *leaf.shape))
        return jnp.asarray(values if jnp.issubdtype(leaf.dtype, jnp.floating) else np.rint(values), leaf.dtype)

    return jax.tree.map(varied, neuron(level))


def noise(steps: int, dt: float) -> np.ndarray:
    """Current with a mean of 120 pA and a standard deviation of 60 pA, correlated over 3 ms; A."""
    kept = np.exp(-dt / 3e-3)
    white = np.random.default_rng(0).standard_normal(steps)
    return 1.2e-10 + 6e-11 * lfilter([np.sqrt(1 - kept**2)], [1, -kept], white)


def whole_trace(neuron, current):
    return gj.simulate(neuron, current, DT)


def allensdk_outputs(neuron, current):
    trace = gj.simulate(neuron, current, DT)
    return trace.voltage, trace.threshold, trace.afterspike_currents, trace.spiked


def count(neuron, current):
    return jnp.sum(gj.simulate(neuron, current, DT).spiked)


def loss(neuron, current, dt=DT, checkpoint=None):
    """Mean square of V - Theta outside spikes, and the rate of spikes: a number that every parameter moves."""
    trace = gj.simulate(neuron, current, dt, checkpoint=checkpoint)
    below = jnp.where(jnp.isnan(trace.voltage), 0.0, trace.voltage - trace.threshold)
    return jnp.mean(below**2) + 1e-3 * jnp.mean(trace.spiked)


def gradient(neuron, current, dt=DT, checkpoint=None):
    return jax.value_and_grad(loss, allow_int=True)(neuron, current, dt, checkpoint)


def one_neuron(repeats: int) -> str:
    forward, backward = zip(*(one_level(level, repeats) for level in gj.LEVELS), strict=True)
    backward_heads = ["level", "forward", "with gradient", "ratio", f"checkpoint={CHECKPOINT}", "ratio"]
    heads = ["level", "spikes", "numba, folded", "numba", "AllenSDK's outputs", "ratio", "whole trace", "ratio"]
    return ONE_NEURON.format(
        steps=STEPS,
        dt=1e6 * DT,
        checkpoint=CHECKPOINT,
        forward=table([*heads, "compilation, s"], list(forward)),
        gradient=table([*backward_heads, "compilation, s"], list(backward)),
    )


def one_level(level: str, repeats: int) -> tuple[list, list]:
    """A row of each table."""
    cell, stimulus = neuron(level), noise(STEPS, DT)
    current, numbers = jnp.asarray(stimulus), constants(cell, DT)
    loop, folded_loop = allensdk_order(level), folded(level)
    trace = gj.simulate(cell, current, DT)
    for run in (loop, folded_loop):
        check_same(trace, run(stimulus, numbers))
    in_blocks = lambda cell, current: gradient(cell, current, DT, CHECKPOINT)
    functions = {"outputs": allensdk_outputs, "whole": whole_trace}
    functions |= {"loss": loss, "gradient": gradient, "checkpointed": in_blocks}
    ready = {name: compiled(function, cell, current) for name, function in functions.items()}
    runs = {"loop": lambda: loop(stimulus, numbers), "folded": lambda: folded_loop(stimulus, numbers)}
    times = in_turns(runs | {name: run for name, (run, _) in ready.items()}, repeats)
    ns = {name: 1e9 * time / STEPS for name, time in times.items()}
    compared = lambda name, with_what: [ns[name], ratio(ns[name], ns[with_what])]
    forward = [level, len(trace.spikes()), ns["folded"], ns["loop"]]
    forward += [*compared("outputs", "loop"), *compared("whole", "loop"), ready["whole"][1]]
    backward = [level, ns["loss"], *compared("gradient", "loss"), *compared("checkpointed", "loss")]
    return forward, [*backward, ready["gradient"][1]]


def check_same(trace: gj.Trace, run) -> None:
    voltage, threshold, currents, spikes = run
    np.testing.assert_array_equal(trace.spikes().steps, spikes)
    np.testing.assert_allclose(trace.voltage, voltage, rtol=0, atol=1e-12)
    np.testing.assert_allclose(trace.threshold, threshold, rtol=0, atol=1e-12)
    np.testing.assert_allclose(trace.afterspike_currents, currents, rtol=0, atol=1e-20)


def counts(neurons, current):
    return jax.vmap(count, (0, None))(neurons, current)


def counts_in_blocks(size: int):
    return lambda neurons, current: jax.lax.map(lambda one: count(one, current), neurons, batch_size=size)


def many_neurons(repeats: int) -> str:
    rows = {True: [], False: []}
    for double, level in ((double, level) for double in rows for level in gj.LEVELS):
        with jax.enable_x64(double):
            current = jnp.asarray(noise(NEURON_STEPS, DT))
            alone, _ = compiled(count, neuron(level), current)
            cells = population(level, NEURONS)
            ways = [counts, *(counts_in_blocks(size) for size in BLOCKS)]
            runs = {str(i): compiled(way, cells, current)[0] for i, way in enumerate(ways)}
            runs["many"] = lambda cells=cells, current=current: gj.simulate_many(cells, current, DT).fired
            runs["many"]()  # compiled
            times = in_turns({"alone": alone} | runs, max(2, repeats // 4))
        ns = [1e9 * time / NEURON_STEPS for time in times.values()]
        rows[double].append([level, ns[0], *(each / NEURONS for each in ns[1:])])
    heads = ["level", "alone", "vmap", *(f"blocks of {size}" for size in BLOCKS), "simulate_many"]
    tables = {"double": table(heads, rows[True]), "single": table(heads, rows[False])}
    return MANY_NEURONS.format(neurons=NEURONS, steps=NEURON_STEPS, **tables)


def long_sweep() -> str:
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        config, recording = folder / "neuron_config.json", folder / "cell.nwb"
        gj.write_neuron_config(neuron("LIF-R-ASC-A"), config)
        sweep = SweepArrays(1, "noise", 1 / FINE_DT, noise(STEPS, FINE_DT), np.zeros(STEPS))
        gj.write_recording(recording, [sweep], description="noise")
        glifjax = Path(sys.executable).with_name("glifjax")
        seconds, peak, _ = run_alone([glifjax, "simulate", config, recording, "--out", folder / "out.nwb"])
    rows.append(["`glifjax simulate`, files read and written", f"{seconds:.1f} s", "", f"{peak:.2f} GB"])
    for checkpoint in (None, CHECKPOINT):
        seconds, peak, out = run_alone([sys.executable, __file__, GRADIENT, json.dumps(checkpoint)])
        name = f"gradient, `checkpoint={checkpoint}`" if checkpoint else "gradient"
        rows.append([name, f"{seconds:.1f} s", f"{json.loads(out):.2f} s", f"{peak:.2f} GB"])
    return LONG_SWEEP.format(steps=STEPS, table=table(["", "seconds", "again", "peak memory"], rows))


def long_gradient(checkpoint: int | None) -> None:
    """What runs in the process of its own; prints the seconds of the second call."""
    cell, current = neuron("LIF-R-ASC-A"), jnp.asarray(noise(STEPS, FINE_DT))
    run, _ = compiled(lambda cell, current: gradient(cell, current, FINE_DT, checkpoint), cell, current)
    jax.block_until_ready(run())
    print(in_turns({"again": run}, 1)["again"])


def accelerator(repeats: int) -> str:
    if jax.default_backend() == "cpu":
        return ACCELERATOR.format(neurons=DEVICE_NEURONS, result="Not measured: there was none.")
    rows = []
    for level in gj.LEVELS:
        runs = {}
        for double in (False, True):
            with jax.enable_x64(double):
                current = jnp.asarray(noise(DEVICE_STEPS, DT))
                runs[str(double)], _ = compiled(counts, population(level, DEVICE_NEURONS), current)
        times = in_turns(runs, repeats)
        rows.append([level, *(f"{1e9 * time / DEVICE_STEPS / DEVICE_NEURONS:.3f}" for time in times.values())])
    what = (
        f"{jax.devices()[0].device_kind}; `vmap`, spike counts alone over {DEVICE_STEPS:,} steps; ns a neuron and step."
    )
    result = f"{what}\n\n{table(['level', 'float32', 'float64'], rows)}"
    return ACCELERATOR.format(neurons=DEVICE_NEURONS, result=result)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path("docs/measured/speed.md"))
    parser.add_argument(GRADIENT, type=json.loads, default=False, help=argparse.SUPPRESS)
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    if options.long_gradient is not False:
        return long_gradient(options.long_gradient)
    versions = f"jax {jax.__version__}, numba {numba.__version__} and Python {platform.python_version()}"
    head = (
        f"# Speed\n\nMade by `uv run --group bench python benchmarks/speed.py` with {versions} on {machine()}.\n"
        "What stands in one table was timed in turns; the shortest of several repeats counts; compilation is apart."
    )
    long = long_sweep()  # first, while this process is small
    with jax.default_device(jax.devices("cpu")[0]):
        parts = [head, one_neuron(options.repeats), many_neurons(options.repeats), long]
    page = "\n\n".join([*parts, accelerator(options.repeats), BOUNDS]) + "\n"
    options.out.write_text(page)
    print(page)


if __name__ == "__main__":
    main()
