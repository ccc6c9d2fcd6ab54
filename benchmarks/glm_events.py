"""The introduction's Bernoulli GLM as an event loop compiled by numba: what it costs without JAX.

Each spike adds its kernels to a ring of drives, along its own targets alone; a uniform number a neuron and step.
"""

import numba
import numpy as np


def targets_of(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights by sender: where each sender's begin, (n + 1,), whom they reach, and what they are."""
    senders, targets = np.nonzero(weights)
    return np.searchsorted(senders, np.arange(len(weights) + 1)), targets, weights[senders, targets]


@numba.njit
def events(weights, coupling, own, threshold, driven, strength, period, tau, steps, warm_up, random):
    """Spikes, (n, steps), of one network.

    weights: as `targets_of` gives them. coupling, own: by lag. driven: which neurons get `strength` in the first `tau`
    steps of every `period`. random: a numpy Generator.
    """
    first, targets, values = weights
    size, lags = len(first) - 1, max(len(coupling), len(own))
    spikes = np.zeros((size, steps), np.uint8)
    ring = np.zeros((lags, size))
    for i in range(size):
        if random.random() < 0.5:
            add(ring, 0, i, first, targets, values, coupling, own)
    for t in range(-warm_up, steps):
        now = ring[t % lags]
        added = strength if (max(t, -1) % period < tau) and t >= 0 else 0.0
        for j in range(size):
            drive = now[j] + added * driven[j]
            now[j] = 0.0
            if random.random() < 1 / (1 + np.exp(threshold - drive)):
                add(ring, t + 1, j, first, targets, values, coupling, own)
                if t >= 0:
                    spikes[j, t] = 1
    return spikes


@numba.njit
def add(ring, start, i, first, targets, values, coupling, own):
    """What a spike of i does from a step on."""
    lags = len(ring)
    for k in range(len(coupling)):
        row = ring[(start + k) % lags]
        for place in range(first[i], first[i + 1]):
            row[targets[place]] += coupling[k] * values[place]
    for k in range(len(own)):
        ring[(start + k) % lags, i] += own[k]
