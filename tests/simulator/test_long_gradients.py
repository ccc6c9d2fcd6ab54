"""Gradients in little memory: `simulate(..., checkpoint=n)` is `simulate(...)` in blocks of n steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from neurons import DRIVE, DT, FORCED, NEURONS, STEPS, crossings, flat, smooth_loss

import glifjax as gj

CASES = [
    ("LIF-R-ASC-A", {}, 150),  # two blocks and a rest
    ("LIF-R-ASC", {"seed": 0}, 2 * STEPS),  # a rest alone
    ("LIF", {"spikes": FORCED}, 1),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options", "block"), CASES)
def test_blocks_change_neither_the_trace_nor_its_gradients(name, options, block):
    options = dict(options)
    if "seed" in options:
        options["key"] = jax.random.key(options.pop("seed"))
    at, _, rebuild = flat(NEURONS[name]())

    def run(checkpoint):
        def loss(factors):
            trace = gj.simulate(rebuild(factors), DRIVE, DT, checkpoint=checkpoint, **options)
            return smooth_loss(trace) + crossings(trace), trace

        (_, trace), gradient = jax.jit(jax.value_and_grad(loss, has_aux=True))(at)
        return trace, gradient

    (plain, expected), (trace, gradient) = run(None), run(block)
    assert len(plain.spikes()) > 1
    for field, value in vars(plain.sample).items():
        np.testing.assert_allclose(getattr(trace, field), value, rtol=1e-12, atol=1e-22, err_msg=field)
    np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())


def test_a_gradient_through_600000_steps_needs_little_memory():
    neuron, current = NEURONS["LIF-R-ASC-A"](), jax.ShapeDtypeStruct((600_000,), float)

    def megabytes(checkpoint):
        last = lambda neuron, current: gj.simulate(neuron, current, 5e-6, checkpoint=checkpoint).voltage[-1]
        compiled = jax.jit(jax.grad(last, allow_int=True)).lower(neuron, current).compile()
        return compiled.memory_analysis().temp_size_in_bytes / 1e6

    # without blocks, each step keeps several numbers of 4.8 MB over all steps
    assert megabytes(775) < 10 < megabytes(None)


def test_checkpoint_counts_steps():
    with pytest.raises(ValueError, match="checkpoint is 0; give a whole number"):
        gj.simulate(NEURONS["LIF"](), jnp.asarray(DRIVE), DT, checkpoint=0)
