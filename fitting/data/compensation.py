"""The electrode's part of a recorded voltage: its kernel, measured and convolved out; and what spikes leave in I.

Active electrode compensation (Brette et al. 2008, Neuron 59:379; as in Pozzorini et al. 2015, PLoS Comput Biol
11:e1004275). The recorded voltage answers the current with the kernel of electrode and membrane together,
V(t) = sum_k K_k I(t - k dt). The membrane's part, R/tau e^(-t/tau), is what the lags after the electrode's show,
continued to lag 0; the rest of the first lags is the electrode's kernel K_e, and V - K_e * I the membrane's voltage.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .arrays import FitData
from .masks import between_spikes

#: The electrode's lags end here, s.
ELECTRODE = 2e-3
#: The membrane's are read off from there to here, s.
TAIL = 20e-3
#: The longest lag, s.
LONGEST = 0.15
#: By how much a bin of lags is longer than the last, beyond the electrode's.
WIDER = 1.25
#: Left out after each spike's cut, s.
AFTER = 20e-3
#: Left out at the start of a sweep, s.
SETTLE = 0.2
#: Time constants tried for the membrane's tail, s.
TAUS = np.geomspace(2e-3, 0.3, 80)
#: The regression takes steps at even distances, about this many.
STEPS = 200_000
#: Parts of the data that take turns at being left out, for the standard error.
JACKKNIFE = 10
#: Their least length, s.
SHORTEST = 0.5
#: The smallest standard error that tells nothing of an electrode, ohm.
UNCERTAIN = 20e6
#: An artefact's mean jump of the current stands out by so many standard errors.
SIGNIFICANT = 6.0
#: And is so large a part of the current's SD.
SIZEABLE = 0.02
#: An artefact is looked for from here on, from a spike's upstroke, s.
UPSTROKE = 0.0
#: What the current does until here has made the spike, s; an amplifier answers the upstroke, from its foot on.
MADE = -0.3e-3
#: A current that mostly changes by no more than this part of its range from step to step was not measured.
NOISELESS = 1e-6
#: What is shown of it, s.
SHOWN = (-5e-3, 10e-3)
#: How many steps of the current foretell the next.
ORDER = 8


@dataclass(frozen=True)
class ElectrodeKernel:
    """An electrode's kernel and how it was found.

    Attributes:
        kernel: K_e by lag in steps of dt, ohm; it sums to the resistance.
        dt: s.
        lags: centres of the bins of lags, s.
        full: the kernel of electrode and membrane there, ohm/s.
        tail: the membrane's exponential, its height at lag 0, ohm/s, and its time constant, s.
        error: standard error of the resistance (jackknife), ohm.
        sweeps: measured on these.
    """

    kernel: Float[np.ndarray, " k"]
    dt: float
    lags: Float[np.ndarray, " n"]
    full: Float[np.ndarray, " n"]
    tail: tuple[float, float]
    error: float
    sweeps: tuple[int, ...]

    @property
    def resistance(self) -> float:
        """Of the electrode, as far as the bridge does not balance it, ohm."""
        return float(self.kernel.sum())

    def drop(self, current: Float[np.ndarray, "S T"]) -> Float[np.ndarray, "S T"]:
        """The voltage over the electrode, V, of a current (A) that was always what it is in the first step."""
        from scipy.signal import lfilter

        start = current[:, :1]
        return lfilter(self.kernel, [1.0], current - start, axis=1) + self.resistance * start

    def beyond_resistance(self, data: FitData) -> float:
        """RMS of the drop that no series resistance makes, V."""
        current, drop = data.current[data.valid], self.drop(data.current)[data.valid]
        current, drop = current - current.mean(), drop - drop.mean()
        return float(np.sqrt(np.mean((drop - current * (current @ drop) / (current @ current)) ** 2)))


def measure_kernel(data: FitData, cut: float) -> ElectrodeKernel | None:
    """The electrode's kernel, by regression of the voltage between spikes on the current of the last LONGEST.

    Args:
        data: sweeps, the less of them spikes and other nonlinear things the better.
        cut: of their spikes, s.

    Returns:
        None where the current does not tell: it hardly changes, there is too little data, or it leaves any electrode
        possible (UNCERTAIN).
    """
    edges = _edges(data.dt)
    keep = between_spikes(data, cut + AFTER)
    keep[:, : round(SETTLE / data.dt)] = False
    observed = keep.sum() * data.dt
    keep[:, np.arange(keep.shape[1]) % max(1, keep.sum() // STEPS) > 0] = False
    parts = min(JACKKNIFE, int(observed / SHORTEST))
    if parts < 3 or not np.ptp(data.current[data.valid]):
        return None
    order = np.cumsum(keep).reshape(keep.shape) - 1
    part = order * parts // keep.sum()
    grams = np.zeros((parts, len(edges) + 1, len(edges) + 1))
    for current, voltage, used, number in zip(data.current, data.voltage, keep, part, strict=True):
        _add(grams, current, voltage, used, number, edges)
    whole = grams.sum(axis=0)
    kernel, full, tail = _separate(whole, edges, data.dt)
    others = np.array([_separate(whole - gram, edges, data.dt)[0].sum() for gram in grams])
    error = float(np.sqrt((parts - 1) / parts * np.sum((others - others.mean()) ** 2)))
    if not error < UNCERTAIN:
        return None
    lags = (edges[:-1] + edges[1:] - 1) / 2 * data.dt
    return ElectrodeKernel(kernel, data.dt, lags, full / data.dt, tail, error, tuple(data.numbers.tolist()))


def _edges(dt: float) -> np.ndarray:
    """Edges of the bins of lags, steps: single steps for the electrode, then wider and wider."""
    edges = list(range(round(ELECTRODE / dt) + 1))
    while edges[-1] < LONGEST / dt:
        edges.append(max(edges[-1] + 1, round(edges[-1] * WIDER)))
    return np.array(edges)


def _add(grams, current, voltage, used, number, edges) -> None:
    """Add a sweep's normal equations, (parts, n, n), of (1, the current in each bin of lags, V)."""
    total = np.concatenate([[0.0], np.cumsum(current - current[0])])
    for i in range(len(grams)):
        at = np.flatnonzero(used & (number == i))
        if len(at):
            sums = total[np.maximum(at[:, None] + 1 - edges, 0)]
            rows = np.column_stack([np.ones(len(at)), 1e12 * (sums[:, :-1] - sums[:, 1:]), 1e3 * voltage[at]])
            grams[i] += rows.T @ rows


def _separate(gram, edges, dt):
    """K_e (ohm), K in each bin (ohm per step), and the membrane's exponential (ohm/s, s) from normal equations."""
    scale = np.sqrt(np.diag(gram)) + 1e-30
    scaled = gram / np.outer(scale, scale)
    solution = np.linalg.lstsq(scaled[:-1, :-1], scaled[:-1, -1], rcond=1e-12)[0] * scale[-1] / scale[:-1]
    full = 1e9 * solution[1:]  # mV/pA
    lags = (edges[:-1] + edges[1:] - 1) / 2 * dt
    tail = (lags >= ELECTRODE) & (lags <= TAIL)
    shapes = np.exp(-lags / TAUS[:, None])
    heights = shapes[:, tail] @ full[tail] / np.sum(shapes[:, tail] ** 2, axis=1)
    misfits = np.sum((heights[:, None] * shapes[:, tail] - full[tail]) ** 2, axis=1)
    best = int(np.argmin(misfits))
    steps = round(ELECTRODE / dt)
    kernel = full[:steps] - heights[best] * shapes[best, :steps]
    return kernel, full, (float(heights[best] / dt), float(TAUS[best]))


@dataclass(frozen=True)
class Artefact:
    """The mean current around spikes, and whether the spikes left something in it.

    Attributes:
        time: from the spikes' upstroke, s.
        mean: current at that time, A; error: its standard error, A.
        size: the largest mean jump of the current in a spike, A; 0 where none stands out.
        spikes: how many.
    """

    time: Float[np.ndarray, " n"]
    mean: Float[np.ndarray, " n"]
    error: Float[np.ndarray, " n"]
    size: float
    spikes: int


def spike_artefact(data: FitData, cut: float) -> Artefact:
    """Look for jumps of the current that are locked to spikes, from their upstroke to the end of their cut (s).

    The stimulus makes spikes, so before an upstroke the current differs from its mean, to which it then returns. But
    what does not follow from its own last ORDER steps, comes too late to have made the spike, and comes at the same
    time in every spike (so that the median over spikes shows it), is made by it: the amplifier's doing. A pulse that
    makes a spike ends, and the next begins, at the same time after it too, but it jumped as much before. A current as
    it was commanded, mostly without any change, answers nothing.
    """
    first, last = (round(time / data.dt) for time in SHOWN)
    around = np.arange(first, last)
    spikes = [
        (sweep, step)
        for sweep, (valid, times) in enumerate(zip(data.valid, data.spike_times, strict=True))
        for step in np.floor(times / data.dt).astype(int)
        if step + first > ORDER and step + last < valid.sum()
    ]
    rows = [data.current[sweep, step + around] for sweep, step in spikes]
    time = (around + 0.5) * data.dt
    if len(rows) < 5 or _commanded(data):
        return Artefact(time, np.full(len(time), np.nan), np.full(len(time), np.nan), 0.0, len(rows))
    currents, n = np.array(rows), np.sqrt(len(rows))
    jumps = _unforeseen(data)
    within = (time >= UPSTROKE) & (time <= cut)
    locked = np.abs(np.median([jumps[sweep, step + around] for sweep, step in spikes], axis=0))
    size, made = locked[within], locked[time < MADE].max()
    spread = np.std(jumps[data.valid])
    large = SIZEABLE * np.std(data.current[data.valid])
    stands_out = (size > SIGNIFICANT * spread / n) & (size > large) & (size > 2 * made)
    largest = float(size[stands_out].max()) if stands_out.any() else 0.0
    return Artefact(time, currents.mean(axis=0), currents.std(axis=0) / n, largest, len(rows))


def _commanded(data: FitData) -> bool:
    """Whether the current has no noise of an amplifier in it: mostly no change, or the very same in two sweeps."""
    if len({row.tobytes() for row in data.current}) < len(data.current):
        return True
    change = np.abs(np.diff(data.current))[data.valid[:, 1:]]
    return bool(np.median(change) <= NOISELESS * np.ptp(data.current[data.valid]))


def _unforeseen(data: FitData) -> Float[np.ndarray, "S T"]:
    """What of the current does not follow from its last ORDER steps, by linear regression, A; 0 in a sweep's first."""
    scale = np.abs(data.current[data.valid]).max() + 1e-30
    left = np.zeros_like(data.current)
    triangle = np.zeros((0, ORDER + 2))  # R of a QR decomposition of all sweeps, one after another
    for current, samples in zip(data.current, data.valid.sum(axis=1), strict=True):
        triangle = np.linalg.qr(np.concatenate([triangle, _steps(current[:samples] / scale)]), mode="r")
    columns, observed = np.split(triangle, [ORDER + 1], axis=1)
    weights, *_ = np.linalg.lstsq(columns, observed[:, 0], rcond=None)
    for row, current, samples in zip(left, data.current, data.valid.sum(axis=1), strict=True):
        steps = _steps(current[:samples] / scale)
        row[samples - len(steps) : samples] = scale * (steps @ np.append(-weights, 1.0))
    return left


def _steps(current: Float[np.ndarray, " T"]) -> Float[np.ndarray, "t k"]:
    """The last ORDER steps of the current before each, latest first, a one, and the step itself."""
    if len(current) <= ORDER:
        return np.zeros((0, ORDER + 2))
    past = np.lib.stride_tricks.sliding_window_view(current, ORDER + 1)[:, ::-1]
    return np.column_stack([past[:, 1:], np.ones(len(past)), past[:, :1]])
