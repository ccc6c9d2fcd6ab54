"""What is printed as JavaScript is what jax computes: neurons spike for spike, primitives number for number."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from explorer.node import printed_by, run
from neurons import DRIVE, DT, NEURONS

import glifjax as gj
from glifjax.errors import InputError
from glifjax.explorer.javascript.jaxpr import walk
from glifjax.explorer.javascript.printer import Step, printed
from glifjax.explorer.javascript.scalars import STEP, Graph, array
from glifjax.explorer.page import asset
from glifjax.explorer.program import program_of, values_of
from glifjax.explorer.recorded import packed
from glifjax.io.nwb.recording_writer import SweepArrays

EULER = gj.MihalasNiebur(C=2e-10, G=1e-8, a=5.0, A=(-2e-11, 1e-12), integrator="exponential_euler")


def job(neuron, current, dt, program=None):
    program = program or program_of(neuron)
    parameters = [*values_of(neuron), dt]
    count = sum(program.outputs.values())
    return {"text": program.text, "parameters": parameters, "current": current, "outputs": count, "of": program.outputs}


def assert_is(trace, rows, outputs):
    """Spike for spike, and to 1e-12 V, A and s."""
    named = {"afterspike": trace.afterspike_currents, "crossing": trace.crossing, "spiked": trace.spiked}
    named |= {"threshold": trace.threshold, "voltage": trace.voltage}
    start = 0
    for name, count in outputs.items():
        if name in named:
            expected = np.asarray(named[name]).reshape(len(trace.fired), -1).T
            np.testing.assert_allclose(rows[start : start + count], expected, rtol=0, atol=1e-12, err_msg=name)
        start += count


@pytest.fixture(scope="module")
def neurons():
    """Every level and rule of the table of laws, and what node makes of its program."""
    built = {name: build() for name, build in NEURONS.items()} | {"Mihalas-Niebur, Euler": EULER}
    jobs = [job(neuron, DRIVE, DT) for neuron in built.values()]
    return dict(zip(built, zip(built.values(), jobs, run(jobs), strict=True), strict=True))


@pytest.mark.parametrize("name", [*NEURONS, "Mihalas-Niebur, Euler"])
def test_a_printed_step_is_the_neurons_own(neurons, name):
    neuron, asked, rows = neurons[name]
    trace = gj.simulate(neuron, DRIVE, DT)
    assert float(trace.fired.sum()) > 1
    assert_is(trace, rows, asked["of"])


def test_membrane_currents_are_shown_as_they_flow(neurons):
    neuron, asked, rows = neurons["augmented"]
    record = lambda state, sample: jnp.stack(
        [current(state.voltage, gates) for current, gates in zip(neuron.membrane_currents, state.membrane, strict=True)]
    )
    flowing = gj.simulate(neuron, DRIVE, DT, record=record).sample
    start = list(asked["of"]).index("membrane")
    place = sum(list(asked["of"].values())[:start])
    seen = np.isfinite(rows[place])
    assert 0 < seen.sum() < len(DRIVE)  # hidden while the spike is cut out
    np.testing.assert_allclose(rows[place : place + 2, seen], flowing.T[:, seen], rtol=1e-12, atol=1e-24)


@pytest.fixture(scope="module")
def patterns():
    """One program with the parameters of each of the twenty patterns, the exact integrator; all of one length."""
    program = program_of(gj.gallery["A"].neuron)
    longest = max(len(pattern.current) for pattern in gj.gallery.values())
    padded = lambda current: np.pad(current, (0, longest - len(current)))
    jobs = [job(pattern.neuron, padded(pattern.current), pattern.dt, program) for pattern in gj.gallery.values()]
    return dict(zip(gj.gallery, zip(jobs, run(jobs), strict=True), strict=True))


@pytest.mark.parametrize("slug", gj.gallery)
def test_one_program_runs_all_patterns(patterns, slug):
    asked, rows = patterns[slug]
    pattern = gj.gallery[slug]
    assert_is(gj.simulate(pattern.neuron, asked["current"], pattern.dt), rows, asked["of"])


def as_job(function, values):
    """A function of one number, from it to an array, as a program without a state."""
    jaxpr = jax.make_jaxpr(lambda x: jnp.ravel(function(x)))(0.5)
    graph = Graph()
    current = graph.given({STEP})
    (outputs,) = walk(graph, jaxpr, [array([current])])
    text = printed(Step([], [], [], current, [], list(outputs)))
    return {"text": text, "parameters": [], "current": values, "outputs": outputs.size}


TABLE = np.array([3.0, -1.0, 4.0, -1.5, 9.0])
#: Functions of a number, each with a primitive or a structure that no built-in neuron has.
FUNCTIONS = {
    "condition": lambda x: jax.lax.cond(x > 0.3, lambda: (x * 2, x), lambda: (x - 1, x))[0],
    "choice of three": lambda x: jax.lax.switch(jnp.int32(5 * x), [lambda: 1.0, lambda: x, lambda: -x]),
    "loop": lambda x: jax.lax.while_loop(lambda c: c[0] < 3, lambda c: (c[1], c[0] + abs(x) + 0.1), (x, x * x))[1],
    "loop in a condition": lambda x: jax.lax.cond(
        x > 0, lambda: jax.lax.while_loop(lambda y: y < 5, lambda y: y + x, x), lambda: 0.0
    ),
    "loop of so many turns": lambda x: jax.lax.fori_loop(0, 4, lambda i, y: y * x + i, x),
    "loop of many turns": lambda x: jax.lax.fori_loop(0, 1000, lambda i, c: (c[1], 0.9 * c[0] + x * i), (x, 1.0))[0],
    "scan": lambda x: jax.lax.scan(lambda c, t: (c + t * x, c), x, TABLE, reverse=True)[1],
    "index that moves": lambda x: jnp.asarray(TABLE)[jnp.int32(4 * jnp.abs(x))],
    "slice that moves": lambda x: jax.lax.dynamic_slice(jnp.asarray(TABLE), (jnp.int32(9 * x),), (2,)),
    "place that moves": lambda x: jnp.zeros(4).at[jnp.int32(3 * jnp.abs(x))].set(x),
    "product of matrices": lambda x: (jnp.arange(10.0).reshape(2, 5) - x) @ (x * jnp.asarray(TABLE).reshape(5, 1)),
    "sums": lambda x: jnp.cumsum(x * jnp.asarray(TABLE))[::2] + jnp.prod(x + jnp.asarray(TABLE)),
    "extremes": lambda x: jnp.stack([jnp.max(x * TABLE), jnp.min(x * TABLE), jnp.clip(x, -0.2, 0.4)]),
    "padding": lambda x: jax.lax.pad(x * jnp.asarray(TABLE), x, [(2, -1, 1)]),
    "32 bits wrap": lambda x: (jnp.int32(2e9) + jnp.int32(3e8 * jnp.abs(x) + 1e8) * 7).astype(float),
    "whole division": lambda x: (jnp.int32(20 * x) // 3 + jnp.int32(20 * x) % 7).astype(float),
    "halves": lambda x: jnp.stack([jnp.round(x * 10), jax.lax.round(x * 10, jax.lax.RoundingMethod.AWAY_FROM_ZERO)]),
    "powers": lambda x: jnp.stack([x**7, x**-3, jnp.abs(x) ** 0.3, jnp.exp2(x), jax.lax.rsqrt(x * x)]),
    "circles": lambda x: jnp.stack([jnp.sin(x), jnp.arctan2(x, 2.0), jnp.tanh(x), jnp.arcsinh(x), jnp.cosh(x)]),
    "logic": lambda x: ((x > 0) ^ (x > 0.5) | ~(x < 2)).astype(float) + jnp.any(jnp.asarray(TABLE) > 8 * x),
    "not finite": lambda x: jnp.stack([jnp.where(jnp.isnan(x / 0 * 0), 1.0, x), jnp.sign(x), jnp.log1p(x)]),
}
VALUES = np.array([-0.85, -0.25, 0.05, 0.25, 0.35, 0.75, 0.95])


@pytest.fixture(scope="module")
def functions():
    return dict(zip(FUNCTIONS, run([as_job(function, VALUES) for function in FUNCTIONS.values()]), strict=True))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_printed_function_is_the_function(functions, name):
    expected = [np.ravel(FUNCTIONS[name](jnp.asarray(x))) for x in VALUES]
    np.testing.assert_allclose(functions[name].T, expected, rtol=1e-13, atol=1e-15)


def test_what_follows_from_parameters_alone_is_computed_once():
    text = program_of(NEURONS["LIF-R-ASC-A"]()).text
    prepare, step = text.split("function run(")
    assert prepare.count("Math.exp(") >= 4
    assert "Math.exp" not in step


def test_a_branch_computes_what_only_it_needs():
    text = as_job(lambda x: jax.lax.cond(x > 0.3, lambda: jnp.exp(x), lambda: x), VALUES)["text"]
    before, branches = text.split("if (")[0], text.split("if (")[1]
    assert "Math.exp" in branches
    assert "Math.exp" not in before


def test_what_has_no_javascript_is_named():
    with pytest.raises(InputError, match="uses erf, which the explorer has no JavaScript for"):
        as_job(jax.scipy.special.erf, VALUES)


def test_in_single_precision_too_the_page_is_double():
    with jax.enable_x64(False):
        neuron = NEURONS["LIF"]()
        program = program_of(neuron)
    assert "fround" not in program.text


TAKEN = """
const { models, sweeps } = JSON.parse(require("fs").readFileSync(0));
process.stdout.write(pythonOf(models[0], models[0].values, { kind: "sweep", gain: 2, sweep: sweeps[0] }));
"""
UNPACKED = """
const rows = JSON.parse(require("fs").readFileSync(0));
(async () => {
  for (const row of rows) process.stdout.write(Buffer.from((await unpackedValues(row)).buffer));
})();
"""
SAMPLES = {
    "a voltage": -0.07 + 0.1 * np.random.default_rng(0).random(1000),
    "a smooth one, cut": np.where(np.arange(1000) % 100 < 3, np.nan, 0.01 * np.sin(np.arange(1000) / 50)),
    "from end to end": np.tile([-1.0, 1.0], 50),
    "nothing but cuts": np.full(7, np.nan),
    "always the same": np.full(7, 3e-10),
    "none": np.zeros(0),
}


@pytest.fixture(scope="module")
def unpacked():
    rows = [packed(samples) for samples in SAMPLES.values()]
    values = np.frombuffer(printed_by(asset("run.js") + UNPACKED, rows))
    return dict(zip(SAMPLES, np.split(values, np.cumsum([row["steps"] for row in rows])[:-1]), strict=True))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_page_has_the_samples_to_16_bits(unpacked, name):
    samples = SAMPLES[name]
    seen = samples[np.isfinite(samples)]
    np.testing.assert_allclose(unpacked[name], samples, rtol=1e-15, atol=np.ptp(seen) / 60000 if seen.size else 0)


NOISE = """
const given = JSON.parse(require("fs").readFileSync(0));
const stimulus = stimulusOf("noise", { seed: 7, duration: 0.3 });
if (given.asPython) process.stdout.write(pythonOf(given.models[0], given.models[0].values, stimulus));
else process.stdout.write(Buffer.from(currentOf(stimulus, 1e-4).buffer));
"""


def test_python_has_the_noise_of_the_page():
    data = gj.explore(NEURONS["LIF"](), patterns=False).data
    script, scope = asset("stimulus.js") + asset("take_away.js") + NOISE, {}
    exec(printed_by(script, data | {"asPython": True}).decode(), scope)
    np.testing.assert_allclose(scope["current"], np.frombuffer(printed_by(script, data)), rtol=1e-9, atol=1e-20)


@pytest.mark.parametrize("rate", [4e3, 2e4])
def test_python_over_a_recorded_sweep_has_the_current_of_the_page(tmp_path, monkeypatch, rate):
    """Also of a recording whose samples are further apart than the page's steps."""
    monkeypatch.chdir(tmp_path)
    current = np.repeat([0.0, 4e-10, 1e-10], round(0.1 * rate))
    gj.write_recording("cell.nwb", [SweepArrays(7, "step", rate, current, current / 1e-8 - 0.07)], description="a step")
    with gj.read_recording("cell.nwb") as recording:
        data = gj.explore(NEURONS["LIF"](), recording.sweeps, patterns=False).data
    scope = {}
    exec(printed_by(asset("stimulus.js") + asset("take_away.js") + TAKEN, data).decode(), scope)
    shown = np.frombuffer(printed_by(asset("run.js") + UNPACKED, data["stimuli"]))
    np.testing.assert_allclose(scope["current"], 2 * shown, atol=1e-13)
    assert scope["current"].max() == pytest.approx(8e-10)
