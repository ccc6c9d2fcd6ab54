// Stimuli: what each kind is made of, the current that it comes to, and the same in Python. SI but where a unit is named.

const field = (key, words, unit, scale, value, low, high) => ({ key, words, unit, scale, value, low, high });
const DURATION = field("duration", "duration", "ms", 1e3, 1, 100, 5000);
const ONSET = field("onset", "onset", "ms", 1e3, 0.1, 0, 2000);
const WIDTH = field("width", "width", "ms", 1e3, 0.7, 1, 5000);

const STIMULI = {
  step: {
    words: "step",
    fields: [
      field("base", "before and after", "pA", 1e12, 0, -500, 500),
      field("amplitude", "amplitude", "pA", 1e12, 2e-10, -500, 1000),
      ONSET, WIDTH, DURATION,
    ],
    current: (s, times) => times.map((t) => (t >= s.onset && t < s.onset + s.width ? s.amplitude : s.base)),
    python: (s) => `np.where((t >= ${s.onset}) & (t < ${s.onset + s.width}), ${s.amplitude}, ${s.base})`,
  },
  ramp: {
    words: "ramp",
    fields: [
      field("from", "from", "pA", 1e12, 0, -500, 1000),
      field("to", "to", "pA", 1e12, 4e-10, -500, 1000),
      ONSET, WIDTH, DURATION,
    ],
    current: (s, times) => times.map((t) => {
      const x = Math.min(Math.max((t - s.onset) / s.width, 0), 1);
      return t < s.onset + s.width ? s.from + x * (s.to - s.from) : s.from;
    }),
    python: (s) => `np.where(t < ${s.onset + s.width}, `
      + `np.interp(t, [${s.onset}, ${s.onset + s.width}], [${s.from}, ${s.to}]), ${s.from})`,
  },
  noise: {
    words: "noise",
    fields: [
      field("mean", "mean", "pA", 1e12, 1e-10, -500, 1000),
      field("deviation", "standard deviation", "pA", 1e12, 1e-10, 0, 500),
      field("tau", "correlation time", "ms", 1e3, 5e-3, 0.1, 100),
      field("seed", "seed", "", 1, 1, 1, 100),
      DURATION,
    ],
    current: ornsteinUhlenbeck,
    python: (s) => `ornstein_uhlenbeck(t, ${s.mean}, ${s.deviation}, ${s.tau}, ${s.seed})`,
    helper: `
def ornstein_uhlenbeck(t, mean, deviation, tau, seed):
    """The noise of the explorer: numbers of mulberry32, made normal as Box and Muller do."""
    x = (round(seed) + 0x6D2B79F5 * np.arange(1, 2 * len(t) + 1)).astype(np.uint32)
    x = (x ^ x >> 15) * (x | 1)
    x ^= x + (x ^ x >> 7) * (x | 61)
    uniform = ((x ^ x >> 14) + 0.5) / 2**32
    white = np.sqrt(-2 * np.log(uniform[::2])) * np.cos(2 * np.pi * uniform[1::2])
    left = np.exp(-(t[1] - t[0]) / tau)
    return mean + deviation * lfilter([np.sqrt(1 - left**2)], [1, -left], white)
`,
    imports: "from scipy.signal import lfilter\n",
  },
  pieces: {
    words: "the pattern's own",
    fields: [field("gain", "times", "", 1, 1, 0, 3)],
    current: (s, times, dt) => Float64Array.from(
      s.pieces.flatMap(([amperes, seconds]) => Array(Math.round(seconds / dt)).fill(s.gain * amperes)),
    ),
    python: (s, dt) => `${s.gain} * np.concatenate([${s.pieces
      .map(([amperes, seconds]) => `np.full(${Math.round(seconds / dt)}, ${amperes})`).join(", ")}])`,
  },
  sweep: {
    words: "recorded sweep",
    fields: [field("gain", "times", "", 1, 1, 0, 3)],
    current: (s) => s.sweep.current.map((amperes) => s.gain * amperes),
    python: (s, dt) => s.sweep.file === null ? `${s.gain} * sweep_${s.sweep.number}  # that of the recording, means over dt` : `${s.gain} * resampled(gj.read_recording(${JSON.stringify(s.sweep.file)}), ${s.sweep.number}, ${dt})`,
    helper: `
def resampled(recording, number, dt):
    """The current of a sweep as means over steps of dt."""
    (sweep,) = recording.select(str(number))
    return stepwise(sweep.current, sweep.rate, dt)
`,
    imports: "from glifjax.explorer.recorded import stepwise\n",
  },
};

// The exact Ornstein-Uhlenbeck process, from mulberry32's numbers by Box and Muller's way.
function ornsteinUhlenbeck(s, times, dt) {
  let seed = Math.round(s.seed) >>> 0;
  const uniform = () => {
    seed = (seed + 0x6d2b79f5) >>> 0;
    let x = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return (((x ^ (x >>> 14)) >>> 0) + 0.5) / 4294967296;
  };
  const left = Math.exp(-dt / s.tau);
  const fresh = Math.sqrt(1 - left * left);
  let noise = 0;
  return times.map(() => {
    noise = left * noise + fresh * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
    return s.mean + s.deviation * noise;
  });
}

function stimulusOf(kind, values = {}) {
  const numbers = Object.fromEntries(STIMULI[kind].fields.map((f) => [f.key, f.value]));
  return { kind, ...numbers, ...values };
}

// Steps of a run that a browser does while one waits; a duration that is typed may come to any number.
const MOST_STEPS = 1e6;

function currentOf(stimulus, dt) {
  const length = Math.min(Math.max(Math.round((stimulus.duration ?? 0) / dt), 1), MOST_STEPS);
  const times = Float64Array.from({ length }, (_, t) => t * dt);
  return STIMULI[stimulus.kind].current(stimulus, times, dt);
}
