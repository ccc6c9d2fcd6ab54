// A neuron's program over a current: its outputs by name, and its spikes.

class Runner {
  constructor(program, model) {
    this.program = program;
    this.model = model;
    this.rows = [];
  }

  // parameters: SI, in the program's order; current: A, a step of dt s
  run(parameters, current) {
    const { outputs, dt } = this.model;
    const count = Object.values(outputs).reduce((a, b) => a + b, 0);
    if (this.rows.length !== count || this.rows[0]?.length !== current.length) {
      this.rows = Array.from({ length: count }, () => new Float64Array(current.length));
    }
    const began = performance.now();
    const [constants, start] = this.program.prepare([...parameters, dt]);
    this.program.run(constants, start, current, this.rows);
    const milliseconds = performance.now() - began;
    let place = 0;
    const named = {};
    for (const [name, size] of Object.entries(outputs)) named[name] = this.rows.slice(place, (place += size));
    return { ...named, current, dt, milliseconds, spikes: spikesOf(named, dt) };
  }
}

// Times of spikes, s: inside their steps, where the neuron says so.
function spikesOf({ spiked, crossing }, dt) {
  const times = [];
  const fired = spiked[0];
  for (let t = 0; t < fired.length; t++) {
    if (fired[t] <= 0.5) continue;
    const inside = crossing ? crossing.map((row) => row[t]).filter(Number.isFinite) : [dt / 2];
    for (const after of inside) times.push(t * dt + after);
  }
  return times;
}

// The least and greatest value under each pixel: what a line through all values covers. NaN where there is none.
function envelope(values, from, to, pixels) {
  const low = new Float64Array(pixels).fill(NaN);
  const high = new Float64Array(pixels).fill(NaN);
  const first = Math.max(0, Math.floor(from));
  const last = Math.min(values.length, Math.ceil(to));
  const scale = pixels / (to - from);
  for (let i = first; i < last; i++) {
    const value = values[i];
    if (value !== value) continue;
    const pixel = Math.min(pixels - 1, Math.max(0, Math.floor((i - from) * scale)));
    if (!(low[pixel] <= value)) low[pixel] = value;
    if (!(high[pixel] >= value)) high[pixel] = value;
  }
  return { low, high };
}

// Samples from the differences of their levels, zigzag in base 128, deflated; the level -32768 stands for none.
async function unpackedValues({ steps, data, scale, offset }) {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const digits = new Uint8Array(await new Response(inflated).arrayBuffer());
  const values = new Float64Array(steps);
  let [place, level] = [0, 0];
  for (let t = 0; t < steps; t++) {
    let number = 0;
    for (let shift = 0, more = true; more; shift += 7) {
      number |= (digits[place] & 127) << shift;
      more = digits[place++] > 127;
    }
    level += (number >>> 1) ^ -(number & 1);
    values[t] = level === -32768 ? NaN : offset + scale * level;
  }
  return values;
}
