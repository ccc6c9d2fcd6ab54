"""Scores of spike trains and voltages: by hand, against slow loops, against examples, and by their laws."""

import json
import math
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from glifjax.spikes import scores
from glifjax.spikes.consensus import consensus, events

pytestmark = pytest.mark.filterwarnings("error")  # no RuntimeWarning may leak

EXAMPLES = Path(__file__).parents[3] / "shared" / "reference" / "score_examples.json"
KEYS = {"evr_10ms", "evr_single_10ms", "md_star_4ms", "md_star_8ms", "gamma_4ms"}
SILENT = np.array([])


def trains(*times):
    return [np.array(t, dtype=float) for t in times]


def poisson(rng, count, rate, duration):
    return [np.sort(rng.uniform(0, duration, rng.poisson(rate * duration))) for _ in range(count)]


def unreliable(rng, count, events, missed=0.2, jitter=0.003):
    """Repeats of one response: each event is missed now and then, and jittered."""
    return [np.sort(rng.normal(events, jitter)[rng.random(events.size) > missed]) for _ in range(count)]


@pytest.fixture(params=range(4))
def random_sets(request):
    """Data, model and duration: a few trains of different sizes with shared events, some of them silent."""
    rng = np.random.default_rng(request.param)
    events = np.sort(rng.uniform(0.05, 1.95, 20))
    data = unreliable(rng, 5, events)
    model = unreliable(rng, 4, events, missed=0.4, jitter=0.006) + poisson(rng, 2, 6.0, 2.0)
    return data, [*model, SILENT] if request.param % 2 else model, 2.0


# by hand


def test_md_star_by_hand():
    # within 4 ms: d1m1 2, d1m2 1 (100-103), d2m1 2, d2m2 2 (101-103, and 202-206, just 4 ms): <d,m> = 7/4
    # <d,d> = 2 (100-101, 200-202), <m,m> = 1 (102-103; 200-206 is too far): Md* = 2 (7/4) / (2 + 1)
    data = trains([0.100, 0.200], [0.101, 0.202])
    model = trains([0.102, 0.200], [0.103, 0.206])
    assert scores.md_star(data, model) == pytest.approx(3.5 / 3, rel=1e-12)


def test_md_star_counts_pairs_not_spikes():
    # <d,m> = 2: one spike meets two; <d,d> = 1 and <m,m> = 4: single trains are paired with themselves
    assert scores.md_star(trains([0.5]), trains([0.499, 0.501])) == pytest.approx(2 * 2 / (1 + 4), rel=1e-12)


def test_md_star_window():
    # 6 ms apart: no pair within 4 ms, the one pair within 8 ms
    assert scores.md_star(trains([0.5]), trains([0.506])) == 0
    assert scores.md_star(trains([0.5]), trains([0.506]), window=0.008) == 1


def test_gamma_by_hand():
    # N_d = 4 in 1 s, N_m = 3, 2 nu D = 2 * 4 * 0.004 = 0.032, N_c = 2 (100, 200):
    # (2 - 0.032 * 4) / (0.5 * 7 * 0.968) = 1.872 / 3.388
    data, model = trains([0.1, 0.2, 0.3, 0.4]), trains([0.101, 0.203, 0.35])
    assert scores.gamma(data, model, 1.0) == pytest.approx(1.872 / 3.388, rel=1e-12)


def test_gamma_counts_a_data_spike_once():
    # one spike of the data, met by two: N_c = 1, N_d = 1, N_m = 2, 2 nu D = 0.008: 0.992 / (1.5 * 0.992)
    assert scores.gamma(trains([0.5]), trains([0.499, 0.501]), 1.0) == pytest.approx(1 / 1.5, rel=1e-12)
    # the other way round N_c = 2, N_d = 2, N_m = 1, 2 nu D = 0.016: (2 - 0.032) / (1.5 * 0.984)
    assert scores.gamma(trains([0.499, 0.501]), trains([0.5]), 1.0) == pytest.approx(1.968 / 1.476, rel=1e-12)


def test_gamma_averages_pairs():
    # (N_d, N_m) in 1 s: (1, 1) is 1, (1, 0) is -0.008 / (0.5 * 0.992), (0, 1) is 0 / 0.5, (0, 0) has no value
    score = scores.gamma(trains([0.5], []), trains([0.5], []), 1.0)
    assert score == pytest.approx((1 - 0.008 / 0.496 + 0) / 3, rel=1e-12)


@pytest.mark.parametrize("score", [scores.explained_variance_ratio, scores.explained_variance_ratio_single])
def test_explained_variance_ratio_by_hand(score):
    # Two spikes 20 ms apart, sigma = 10 ms, T = 1 s. With E = 1 / (2 sigma sqrt(pi)) = 28.2095 /s,
    # var = E - 1 and cov = E exp(-(20 / 10)^2 / 4) - 1, so EV = (28.2095 * 0.367879 - 1) / 27.2095 = 0.344647
    assert score(trains([0.5]), trains([0.52]), 1.0) == pytest.approx(0.344647, abs=1e-6)


def test_explained_variance_ratio_against_the_explainable():
    # Two repeats far apart, T = 1 s, a model that is their PSTH: all that can be explained. With E as above,
    # var d = E - 1, var PSTH = E/2 - 1, cov(d, PSTH) = E/2 - 1, cov(d1, d2) = -1: the single runs have
    # mean EV = [1 - 1/(E - 1)] / 2 of EV(d, PSTH) = 2 (E/2 - 1) / (3E/2 - 2)
    data = trains([0.3], [0.7])
    e = 1 / (2 * 0.010 * math.sqrt(math.pi))
    expected = (1 - 1 / (e - 1)) / 2 / ((e - 2) / (1.5 * e - 2))
    assert scores.explained_variance_ratio(data, data, 1.0) == pytest.approx(1, rel=1e-12)
    assert scores.explained_variance_ratio_single(data, data, 1.0) == pytest.approx(expected, abs=1e-6)


def test_bits_per_spike_by_hand():
    # a rate of 2 r in the half with all n = r T spikes: log L = n log(2 r) - n, one bit above n log r - n
    n, duration = 40, 8.0
    assert scores.bits_per_spike(n * math.log(2 * n / duration) - n, n, duration) == pytest.approx(1)
    assert scores.bits_per_spike(n * math.log(n / duration) - n, n, duration) == pytest.approx(0, abs=1e-12)


def test_bits_per_spike_of_bins():
    # probabilities of bins at a constant 5 /s, made a density as the docstring says: nothing above Poisson
    n, dt, duration = 40, 1e-5, 8.0
    p = -math.expm1(-n / duration * dt)
    log_probability = n * math.log(p) + (duration / dt - n) * math.log1p(-p)
    assert scores.bits_per_spike(log_probability - n * math.log(dt), n, duration) == pytest.approx(0, abs=1e-4)


def test_voltage_scores_by_hand():
    # unmasked errors 1, -1, 2, 0: mean square 1.5; the recording 0, 2, 4, 6 has variance 5
    recorded = np.array([0.0, 2.0, np.nan, 4.0, 6.0])
    predicted = np.array([-1.0, 3.0, 7.0, 2.0, 6.0])
    mask = ~np.isnan(recorded)
    assert scores.rmse(recorded, predicted, mask) == pytest.approx(math.sqrt(1.5))
    assert scores.explained_variance(recorded, predicted, mask) == pytest.approx(1 - 1.5 / 5)


def test_explained_variance_counts_an_offset():
    recorded = np.array([-0.07, -0.06, -0.05])
    mask = np.ones(3, bool)
    assert scores.explained_variance(recorded, recorded, mask) == 1
    assert scores.explained_variance(recorded, np.full(3, recorded.mean()), mask) == pytest.approx(0)
    # 0.01 V off, variance 2/3 * 0.01^2
    assert scores.explained_variance(recorded, recorded + 0.01, mask) == pytest.approx(-0.5)


def test_voltage_scores_of_single_precision_are_summed_in_double():
    recorded = np.random.default_rng(0).normal(-0.06, 0.005, 10_000).astype(np.float32)
    predicted, mask = recorded[::-1].copy(), np.ones(recorded.size, bool)
    exact = recorded.astype(float), predicted.astype(float), mask
    for score in (scores.rmse, scores.explained_variance):
        assert score(recorded, predicted, mask) == pytest.approx(score(*exact), rel=1e-12)


# slow and independent


def slow_md_star(data, model, window):
    def pairs(a, b):
        return sum(abs(s - t) <= window + 1e-9 for s in a for t in b)

    def within(sets):
        distinct = [(a, b) for i, a in enumerate(sets) for j, b in enumerate(sets) if i < j]
        return np.mean([pairs(a, b) for a, b in distinct or [(sets[0], sets[0])]])

    return 2 * np.mean([pairs(a, b) for a in data for b in model]) / (within(data) + within(model))


def slow_gamma(data, model, duration, window):
    values = []
    for d in data:
        for m in model:
            expected = 2 * len(d) / duration * window
            coincidences = sum(any(abs(s - t) <= window + 1e-9 for t in m) for s in d)
            values.append((coincidences - expected * len(d)) / (0.5 * (len(d) + len(m)) * (1 - expected)))
    return np.mean(values)


def slow_evr(data, model, duration, sigma):
    """Both ratios, from sums of Gaussians on a grid of 0.1 ms."""
    grid = (np.arange(round(duration / 1e-4)) + 0.5) * 1e-4

    def smooth(train):
        return sum((np.exp(-(((grid - t) / sigma) ** 2) / 2) for t in train), np.zeros_like(grid))

    def ev(a, b):
        return (a.var() + b.var() - (a - b).var()) / (a.var() + b.var())

    repeats, runs = [smooth(t) for t in data], [smooth(t) for t in model]
    explainable = np.mean([ev(d, np.mean(repeats, axis=0)) for d in repeats])
    whole = np.mean([ev(d, np.mean(runs, axis=0)) for d in repeats])
    return whole / explainable, np.mean([ev(d, m) for d in repeats for m in runs]) / explainable


@pytest.mark.parametrize("window", [0.002, 0.004, 0.008])
def test_coincidences_against_loops(random_sets, window):
    data, model, duration = random_sets
    assert scores.md_star(data, model, window) == pytest.approx(slow_md_star(data, model, window), rel=1e-12)
    assert scores.gamma(data, model, duration, window) == pytest.approx(
        slow_gamma(data, model, duration, window), rel=1e-12
    )


def test_one_run_against_loops(random_sets):
    data, model, _ = random_sets
    assert scores.md_star(data, model[:1]) == pytest.approx(slow_md_star(data, model[:1], 0.004), rel=1e-12)
    assert scores.md_star(data[:1], model) == pytest.approx(slow_md_star(data[:1], model, 0.004), rel=1e-12)


@pytest.mark.parametrize("sigma", [0.005, 0.010, 0.050])
def test_explained_variance_ratios_against_loops(random_sets, sigma):
    data, model, duration = random_sets
    whole, single = slow_evr(data, model, duration, sigma)
    assert scores.explained_variance_ratio(data, model, duration, sigma) == pytest.approx(whole, abs=1e-4)
    assert scores.explained_variance_ratio_single(data, model, duration, sigma) == pytest.approx(single, abs=1e-4)


def test_windows_of_score_trains(random_sets):
    data, model, duration = random_sets
    whole, single = slow_evr(data, model, duration, 0.010)
    expected = {
        "evr_10ms": whole,
        "evr_single_10ms": single,
        "md_star_4ms": slow_md_star(data, model, 0.004),
        "md_star_8ms": slow_md_star(data, model, 0.008),
        "gamma_4ms": slow_gamma(data, model, duration, 0.004),
    }
    assert scores.score_trains(data, model, duration) == pytest.approx(expected, abs=1e-4)


def test_a_consensus_spikes_where_half_of_the_repeats_do():
    repeats = trains([0.100, 0.300], [0.101, 0.500], [0.105], [0.305])
    shared = events(repeats)
    # 100, 101 and 105 lie within 4 ms of the second; 300 and 305 do not of each other
    np.testing.assert_allclose(shared.times, [0.101, 0.300, 0.305, 0.500])
    np.testing.assert_allclose(shared.shares, [0.75, 0.25, 0.25, 0.25])
    np.testing.assert_allclose(consensus(repeats), [0.101])
    with pytest.raises(ValueError, match="there are no trains"):
        events([])


def test_the_bound_is_what_repeats_agree_on():
    train = np.arange(0.05, 1.95, 0.13)
    assert scores.bound_trains([train] * 4, 2.0) == pytest.approx({"gamma_4ms": 1.0, "evr_single_10ms": 1.0})
    assert all(map(math.isnan, scores.bound_trains([train], 2.0).values()))
    rng = np.random.default_rng(0)
    chance = scores.bound_trains(poisson(rng, 6, 5.0, 50.0), 50.0)["gamma_4ms"]
    assert -0.1 < chance < 0.05  # hardly a spike is shared, and silence lies just below chance
    noisy = unreliable(rng, 10, np.sort(rng.uniform(0.05, 19.9, 120)))
    bound, ceiling = scores.bound_trains(noisy, 20.0), scores.ceiling_trains(noisy, 20.0)
    assert ceiling["gamma_4ms"] < bound["gamma_4ms"] < 1
    assert ceiling["evr_single_10ms"] < bound["evr_single_10ms"] < 1


def test_ceiling_against_loops(random_sets):
    data, _, duration = random_sets
    others = [(data[:i] + data[i + 1 :], [data[i]]) for i in range(len(data))]
    expected = {
        "evr_10ms": np.mean([slow_evr(*pair, duration, 0.010)[0] for pair in others]),
        "evr_single_10ms": np.mean([slow_evr(*pair, duration, 0.010)[1] for pair in others]),
        "md_star_4ms": np.mean([slow_md_star(*pair, 0.004) for pair in others]),
        "md_star_8ms": np.mean([slow_md_star(*pair, 0.008) for pair in others]),
        "gamma_4ms": np.mean([slow_gamma(*pair, duration, 0.004) for pair in others]),
    }
    assert scores.ceiling_trains(data, duration) == pytest.approx(expected, abs=1e-4)


# examples that two other implementations agree on


@pytest.mark.skipif(not EXAMPLES.exists(), reason=f"no examples at {EXAMPLES}")
def test_examples():
    cases = json.loads(EXAMPLES.read_text())
    assert cases
    for case in cases:
        data, model = ([np.array(t, float) * 1e-3 for t in case[key]] for key in ("data_ms", "model_ms"))
        duration = case["duration_ms"] * 1e-3
        found = scores.score_trains(data, model, duration)
        found["ceiling_md_star_4ms"] = scores.ceiling_trains(data, duration)["md_star_4ms"]
        for name, expected in case["scores"].items():
            tolerance = 1e-3 if name.startswith("evr") else 1e-6
            assert found[name] == pytest.approx(expected, abs=tolerance), f"{case['case']}: {name}"


# laws


def test_md_star_is_symmetric(random_sets):
    data, model, _ = random_sets
    assert scores.md_star(data, model) == pytest.approx(scores.md_star(model, data), rel=1e-12)


def test_order_of_trains_does_not_matter(random_sets):
    data, model, duration = random_sets
    expected = scores.score_trains(data, model, duration)
    assert scores.score_trains(data[::-1], [*model[2:], *model[:2]], duration) == pytest.approx(expected, rel=1e-9)


def test_shift_of_time_does_not_matter(random_sets):
    # by no multiple of any grid
    data, model, duration = random_sets
    early, late = ([[t + shift for t in s] for s in (data, model)] for shift in (1.0, 1.71234567))
    expected = scores.score_trains(*early, duration + 2)
    assert scores.score_trains(*late, duration + 2) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("shift", [0.0, -5.0, 1234.5678])
def test_edge_of_the_window_survives_rounding(shift):
    # 4 ms apart, on a grid of 0.1 ms, each time rounded by itself: always a pair, and 4.1 ms never
    steps = np.arange(1000, 100_000, 123)
    times, later, earlier, too_late = ((steps + k) * 1e-4 + shift for k in (0, 40, -40, 41))
    for near in (later, earlier):
        assert scores.md_star([times], [near]) == 1
    assert scores.md_star([times], [too_late]) == 0


def test_edge_of_gammas_window_survives_rounding():
    steps = np.arange(1000, 100_000, 123)
    times, later, earlier, too_late = ([(steps + k) * 1e-4] for k in (0, 40, -40, 41))
    for near in (later, earlier):
        assert scores.gamma(times, near, 11.0) == pytest.approx(1, rel=1e-12)
    assert scores.gamma(times, too_late, 11.0) < 0


def test_identical_repeats_are_predicted_perfectly():
    train = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.1, 100))
    found = scores.score_trains([train] * 4, [train], 10.0)
    assert found == pytest.approx(dict.fromkeys(KEYS, 1.0), rel=1e-12)
    assert scores.ceiling_trains([train] * 4, 10.0) == pytest.approx(found, rel=1e-12)


def test_chance():
    # 5 spikes/s: the coincidences that gamma expects, 2 nu D = 0.04, overlap in 0.0008; sampling error 0.003.
    # Md* is not corrected for chance, and an equal flat rate is all that it sees.
    rng = np.random.default_rng(1)
    data, model = poisson(rng, 10, 5.0, 100.0), poisson(rng, 50, 5.0, 100.0)
    found = scores.score_trains(data, model, 100.0)
    assert abs(found["gamma_4ms"]) < 0.01
    assert abs(found["evr_single_10ms"]) < 0.03
    assert found["md_star_4ms"] == pytest.approx(1, abs=0.05)


def test_perfect_model_of_noisy_data():
    # data and model are the same process; a single repeat of it is far from perfect
    rng = np.random.default_rng(2)
    events = np.sort(rng.uniform(0.1, 99.9, 600))
    data, model = unreliable(rng, 20, events), unreliable(rng, 100, events)
    found, ceiling = scores.score_trains(data, model, 100.0), scores.ceiling_trains(data, 100.0)
    assert found["md_star_4ms"] == pytest.approx(1, abs=0.01)
    assert found["md_star_8ms"] == pytest.approx(1, abs=0.01)
    assert found["evr_10ms"] == pytest.approx(1, abs=0.02)
    assert ceiling["md_star_4ms"] < 0.85
    for name in ("gamma_4ms", "evr_single_10ms"):
        assert ceiling[name] == pytest.approx(found[name], abs=0.02)
        assert found[name] < 0.9


def test_a_worse_model_scores_worse(random_sets):
    data, _, duration = random_sets
    rng = np.random.default_rng(3)
    events = data[0]
    good, poor = (unreliable(rng, 50, events, jitter=j) for j in (0.001, 0.012))
    good, poor = (scores.score_trains(data, [np.clip(t, 0, duration) for t in runs], duration) for runs in (good, poor))
    assert all(good[name] > poor[name] for name in KEYS)


def test_single_run_has_one_explained_variance_ratio(random_sets):
    data, model, duration = random_sets
    found = scores.score_trains(data, model[:1], duration)
    assert found["evr_10ms"] == pytest.approx(found["evr_single_10ms"], rel=1e-12)


def test_mean_of_runs_explains_more_than_one(random_sets):
    data, model, duration = random_sets
    found = scores.score_trains(data, model, duration)
    assert found["evr_10ms"] > found["evr_single_10ms"]


# degenerate cases


def test_nothing_spikes():
    assert all(math.isnan(value) for value in scores.score_trains([SILENT] * 3, [SILENT] * 2, 1.0).values())
    ceiling = scores.ceiling_trains([SILENT] * 3, 1.0)
    assert all(value is not None and math.isnan(value) for value in ceiling.values())


def test_silent_data():
    found = scores.score_trains([SILENT] * 3, trains([0.5], [0.6]), 1.0)
    assert found["md_star_4ms"] == found["md_star_8ms"] == found["gamma_4ms"] == 0
    assert math.isnan(found["evr_10ms"])
    assert math.isnan(found["evr_single_10ms"])


@pytest.mark.parametrize("runs", [1, 3])
@pytest.mark.parametrize("data", [trains([0.5], [0.501]), trains([0.2], [0.8]), trains([0.5], []), trains([0.5])])
def test_silent_model(data, runs):
    found = scores.score_trains(data, [SILENT] * runs, 1.0)
    assert found["md_star_4ms"] == found["md_star_8ms"] == 0
    assert found["evr_10ms"] == found["evr_single_10ms"] == 0
    # one spike in 1 s: -0.008 / (0.5 * 0.992), less than chance has
    assert found["gamma_4ms"] == pytest.approx(-0.008 / 0.496)


def test_md_star_without_repetition():
    # each spike of the data meets one of the model, none meets another of its own set: x / 0
    data, model = trains([0.2], [0.8]), trains([0.2], [0.8])
    assert math.isnan(scores.md_star(data, model))
    assert scores.md_star(data, trains([0.4], [0.6])) == 0


def test_gamma_without_room_for_chance():
    # 2 nu D = 2 * 200 * 0.004 > 1
    dense = trains(np.linspace(0.001, 0.999, 200))
    assert math.isnan(scores.gamma(dense, dense, 1.0))
    assert scores.gamma(dense, dense, 1.0, window=0.001) == pytest.approx(1)


def test_spikes_at_both_ends():
    ends = trains([0.0, 3 * 0.1])  # rounded to more than 0.3
    assert scores.score_trains(ends, ends, 0.3) == pytest.approx(dict.fromkeys(KEYS, 1.0))


def test_duration_shorter_than_the_gaussian():
    # the data's Gaussian, cut off at 4 ms, still varies; only the same train explains all of it
    data = trains([0.001])
    assert scores.explained_variance_ratio(data, data, 0.004) == pytest.approx(1)
    assert scores.explained_variance_ratio(data, trains([0.003]), 0.004) < 0


@pytest.mark.parametrize(("count", "missing"), [(1, KEYS), (2, {"md_star_4ms", "md_star_8ms"}), (3, set()), (4, set())])
def test_ceilings_without_repeats(count, missing):
    data = trains([0.5, 0.7], [0.501], [0.499, 0.702], [0.5])[:count]
    found, reasons = scores.ceiling_trains(data, 1.0), scores.ceiling_reasons(data)
    assert found.keys() == KEYS
    assert {name for name, value in found.items() if value is None} == missing == reasons.keys()
    assert all(value is None or math.isfinite(value) for value in found.values())
    assert all(f"there are {count}" in reason for reason in reasons.values())


def test_ceiling_leaves_each_out():
    data = trains([0.1], [0.2], [0.3])
    seen = []

    def score(others, one):
        seen.append(([float(t[0]) for t in others], [float(t[0]) for t in one]))
        return float(len(seen))

    assert scores.ceiling(score, data) == 2
    assert seen == [([0.2, 0.3], [0.1]), ([0.1, 0.3], [0.2]), ([0.1, 0.2], [0.3])]
    assert scores.ceiling(score, data[:1]) is None
    assert scores.ceiling(score, data, least=4) is None


def test_bits_per_spike_without_spikes():
    assert math.isnan(scores.bits_per_spike(-3.0, 0, 10.0))
    with pytest.raises(ValueError, match="duration"):
        scores.bits_per_spike(-3.0, 5, 0.0)


def test_voltage_scores_without_a_value():
    voltage, nothing, all_of_it = np.full(1000, -0.07), np.zeros(1000, bool), np.ones(1000, bool)
    assert math.isnan(scores.rmse(voltage, voltage, nothing))
    assert math.isnan(scores.explained_variance(voltage, voltage, nothing))
    assert math.isnan(scores.explained_variance(voltage, voltage + 0.001, all_of_it))
    assert math.isnan(scores.rmse(np.array([0.0, np.nan]), np.zeros(2), np.ones(2, bool)))


@pytest.mark.parametrize(
    ("data", "model", "duration", "message"),
    [
        ([], trains([0.5]), 1.0, "data has no spike trains"),
        (trains([0.5]), [], 1.0, "model has no spike trains"),
        (trains([0.5], [0.6, 0.4]), trains([0.5]), 1.0, r"data\[1\] must be a sorted"),
        (trains([0.5]), trains([0.5, np.nan]), 1.0, r"model\[0\] must be .* finite"),
        (trains([0.5]), trains([-np.inf]), 1.0, r"model\[0\] must be .* finite"),
        (trains([0.5]), trains([500.0]), 1.0, r"model\[0\] holds 500.0 .* outside 0 ... 1.0 s"),
        (trains([-0.1, 0.5]), trains([0.5]), 1.0, r"data\[0\] holds -0.1"),
        (trains([0.5]), trains([0.5]), 0.0, "duration must be positive"),
        (trains([0.5]), trains([0.5]), math.nan, "duration must be positive"),
    ],
)
def test_bad_input_is_refused(data, model, duration, message):
    for score in (scores.gamma, scores.explained_variance_ratio, scores.explained_variance_ratio_single):
        with pytest.raises(ValueError, match=message):
            score(data, model, duration)
    if not any(word in message for word in ("outside", "-0.1", "duration")):  # md_star has no duration
        with pytest.raises(ValueError, match=message):
            scores.md_star(data, model)


@pytest.mark.parametrize("data", [np.array([0.5, 0.6]), [np.array([[0.5]])], [[0.5]]])
def test_wrong_types_are_refused(data):
    # by the function itself, or earlier by a run-time type checker
    for score in (scores.md_star, lambda a, b: scores.gamma(a, b, 1.0)):
        with pytest.raises((ValueError, TypeError), match="data"):
            score(data, trains([0.5]))
    with pytest.raises((ValueError, TypeError), match=r"shape|type"):
        scores.rmse(np.zeros(3), np.zeros(1), np.ones(3, bool))


@pytest.mark.parametrize("value", [0.0, -0.004, math.nan, math.inf])
def test_bad_widths_are_refused(value):
    some = trains([0.5])
    for score in (
        lambda: scores.md_star(some, some, window=value),
        lambda: scores.gamma(some, some, 1.0, window=value),
        lambda: scores.explained_variance_ratio(some, some, 1.0, sigma=value),
    ):
        with pytest.raises(ValueError, match=r"(window|sigma) must be positive"):
            score()


# size


def test_five_hundred_runs_are_cheap():
    # 500 runs and 10 repeats of 150 spikes in 10 s: about 0.2 s and 50 MB; a loop over pairs takes minutes
    rng = np.random.default_rng(4)
    data, model = poisson(rng, 10, 15.0, 10.0), poisson(rng, 500, 15.0, 10.0)
    start = time.perf_counter()
    scores.score_trains(data, model, 10.0)
    assert time.perf_counter() - start < 3
    tracemalloc.start()
    scores.score_trains(data, model, 10.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6
