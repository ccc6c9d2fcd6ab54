// The explorer: a neuron, what moves it, and what it does. Text of files is shown as text: nothing here makes markup.

// root: an element to fill; data: see glifjax.explorer.page; programs: {prepare, run} each; moved: called with the values
async function mount(root, data, programs, moved = () => {}) {
  const state = { model: null, values: [], stimulus: null, start: 0, held: null, result: null, current: null };
  for (const model of data.models) model.values = model.values.map(Number); // "Infinity" is one that JSON lacks
  const runners = data.models.map((model) => new Runner(programs[model.program], model));
  const unpacked = (rows) => Promise.all(rows.map(unpackedValues));
  const [stimuli, voltages] = await Promise.all([data.stimuli, data.sweeps.map((sweep) => sweep.voltage)].map(unpacked));
  const sweeps = data.sweeps.map((sweep, i) => ({ ...sweep, current: stimuli[sweep.stimulus], voltage: voltages[i] }));
  const parts = layout(root, data);
  const plot = new Plot(parts.canvas, showValues);

  function begin(number) {
    const start = data.starts[number];
    state.start = number;
    state.model = data.models[start.model];
    state.values = [...(start.values ?? state.model.values)];
    state.held = null;
    const { kind, ...values } = start.stimulus;
    state.stimulus = stimulusOf(kind, kind === "sweep" ? { sweep: sweeps[values.sweep] } : values);
    parts.about.textContent = start.about ?? "";
    parts.hold.setAttribute("aria-pressed", "false");
    parts.save.hidden = !state.model.config;
    const rest = (1e3 * state.model.reference).toFixed(1).replace("-", "−");
    parts.reference.textContent = state.model.reference ? `Voltages here are counted from ${rest} mV, as in its file; in the figure they are absolute.` : "";
    plot.view = [0, plot.duration];
    showQuantities();
    showStimulus();
    renew();
  }

  // The stimulus changed: its current is made anew.
  function renew() {
    state.current = currentOf(state.stimulus, state.model.dt);
    rerun();
  }

  let asked = false;
  function rerun() {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      state.result = runners[data.models.indexOf(state.model)].run(state.values, state.current);
      root.dataset.runs = Number(root.dataset.runs ?? 0) + 1;
      root.dataset.spikes = state.result.spikes.length;
      draw();
      moved(state.start, state.values);
    });
  }

  function draw() {
    const { result, model, held } = state;
    const dt = model.dt;
    const sweep = state.stimulus.kind === "sweep" ? state.stimulus.sweep : null;
    const volts = (values, colour, width) => ({ values, dt, scale: 1e3, shift: 1e3 * model.reference, colour, width });
    const voltage = [volts(result.threshold[0], "threshold"), volts(result.voltage[0], "voltage", 1.5)];
    if (held) voltage.unshift(volts(held.voltage, "held"));
    if (sweep) voltage.unshift({ values: sweep.voltage, dt, scale: 1e3, colour: "data", width: 1 });
    const spikes = [[result.spikes.map((time) => time + (state.values[model.latency] ?? 0)), "voltage", 0]];
    if (held) spikes.push([held.spikes, "held", 1]);
    const all = [...(result.afterspike ?? []), ...(result.membrane ?? [])];
    const flowing = all.slice(all.length - model.currents.length); // those that nothing moves come first
    const amperes = amperesFor([...flowing, result.current]);
    const currents = flowing.map((values, i) => ({ values, dt, scale: amperes.scale, colour: `current${i % 6}` }));
    const panels = [{ title: "Voltage", unit: "mV", weight: 5, traces: voltage, spikes: true }];
    if (currents.length) panels.push({ title: "Currents", unit: amperes.unit, weight: 2, traces: currents });
    const stimulus = { values: result.current, dt, scale: amperes.scale, colour: "stimulus" };
    panels.push({ title: "Stimulus", unit: amperes.unit, weight: 1.4, traces: [stimulus] });
    plot.show(panels, spikes, result.current.length * dt);
    showKey(sweep, held, currents.length);
    showSummary();
  }

  function showSummary() {
    const { result, model } = state;
    const seconds = result.current.length * model.dt;
    const count = result.spikes.length;
    parts.summary.textContent = `${count} spike${count === 1 ? "" : "s"} in ${seconds.toPrecision(3) / 1} s, ${(count / seconds).toFixed(1)} Hz; `
      + `${result.current.length} steps of ${(1e3 * model.dt).toPrecision(3) / 1} ms in ${result.milliseconds.toFixed(1)} ms`;
  }

  function showKey(sweep, held, currents) {
    const entries = [["voltage", "voltage"], ["threshold", "threshold"]];
    if (sweep) entries.push(["data", "recorded"]);
    if (held) entries.push(["held", "held"]);
    const names = state.model.currents;
    for (let i = 0; i < currents; i++) entries.push([`current${i % 6}`, names[i]]);
    parts.key.replaceChildren(...keyOf(entries));
  }

  function showValues(time) {
    const { result, model } = state;
    if (time === null || !result) return void (parts.values.textContent = "");
    const t = Math.min(result.current.length - 1, Math.floor(time / model.dt));
    const at = (rows, scale, shift, unit) => {
      const value = scale * rows[0][t] + shift;
      return Number.isNaN(value) ? "in the spike's cut" : `${value.toFixed(1)} ${unit}`;
    };
    parts.values.textContent = `at ${(1e3 * time).toFixed(1)} ms: V ${at(result.voltage, 1e3, 1e3 * model.reference, "mV")}, `
      + `Θ ${at(result.threshold, 1e3, 1e3 * model.reference, "mV")}, I ${(1e12 * result.current[t]).toFixed(1)} pA`;
  }

  function showQuantities() {
    const groups = Map.groupBy ? Map.groupBy(state.model.quantities, (q) => q.group) : grouped(state.model.quantities);
    parts.quantities.replaceChildren(...[...groups].map(([group, quantities]) => {
      const folded = ["At the start", "Others"].includes(group) || quantities.length > 12;
      return made("details", { open: !folded }, made("summary", {}, group), ...quantities.map((quantity) =>
        slider(quantity, quantity.scale * state.values[quantity.places[0]],
          quantity.scale * (data.starts[state.start].values ?? state.model.values)[quantity.places[0]], (shown) => {
            const value = quantity.whole ? Math.round(shown / quantity.scale) : shown / quantity.scale;
            for (const place of quantity.places) state.values[place] = value;
            rerun();
          })));
    }));
  }

  function showStimulus() {
    const kinds = ["step", "ramp", "noise"];
    const start = data.starts[state.start];
    if (start.stimulus.kind === "pieces") kinds.unshift("pieces");
    const own = sweeps.filter(() => data.starts[state.start].model === 0);
    const options = [
      ...own.map((sweep, i) => [`sweep ${i}`, `sweep ${sweep.number}${sweep.protocol ? `, ${sweep.protocol}` : ""}`]),
      ...kinds.map((kind) => [kind, STIMULI[kind].words]),
    ];
    const { kind, sweep } = state.stimulus;
    const chosen = kind === "sweep" ? `sweep ${own.indexOf(sweep)}` : kind;
    const choice = select("Stimulus", options, chosen, (name) => {
      const [next, number] = name.split(" ");
      const values = next === "sweep" ? { sweep: own[Number(number)] } : next === "pieces" ? start.stimulus : {};
      state.stimulus = stimulusOf(next, { ...values, kind: next });
      plot.view = [0, plot.duration];
      showStimulus();
      renew();
    });
    parts.stimulus.replaceChildren(choice, ...STIMULI[kind].fields.map((f) => {
      const usual = f.scale * (kind === start.stimulus.kind ? start.stimulus[f.key] ?? f.value : f.value);
      const reach = { low: Math.min(f.low, 2 * usual), high: Math.max(f.high, 2 * usual) }; // some neurons take nA
      const quantity = { ...f, ...reach, name: f.key, logarithmic: false };
      return slider(quantity, f.scale * state.stimulus[f.key], usual, (shown) => {
        state.stimulus[f.key] = shown / f.scale;
        renew();
      });
    }));
  }

  parts.hold.addEventListener("click", () => {
    const { result, values, model } = state;
    state.held = state.held ? null : {
      voltage: result.voltage[0].slice(), spikes: result.spikes.map((time) => time + (values[model.latency] ?? 0)),
    };
    parts.hold.setAttribute("aria-pressed", String(state.held !== null));
    draw();
  });
  parts.reset.addEventListener("click", () => begin(state.start));
  parts.copy.addEventListener("click", () => {
    const text = pythonOf(state.model, state.values, state.stimulus);
    parts.code.textContent = text;
    parts.dialog.showModal();
    navigator.clipboard?.writeText(text).catch(() => {}); // the text stands there to be copied by hand
  });
  parts.save.addEventListener("click", () => {
    const text = `${JSON.stringify(configOf(state.model, state.values), null, 2)}\n`;
    const link = made("a", { href: URL.createObjectURL(new Blob([text], { type: "application/json" })), download: "neuron_config.json" });
    link.click();
    URL.revokeObjectURL(link.href);
  });
  parts.starts.addEventListener("change", () => begin(Number(parts.starts.value)));
  begin(0);
  return { state, plot };
}

function grouped(items) {
  const groups = new Map();
  for (const item of items) groups.set(item.group, [...(groups.get(item.group) ?? []), item]);
  return groups;
}

// The unit that currents are drawn in.
function amperesFor(rows) {
  let most = 0;
  for (const row of rows) for (const value of row) if (Math.abs(value) > most) most = Math.abs(value);
  return most < 2e-9 ? { unit: "pA", scale: 1e12 } : { unit: "nA", scale: 1e9 };
}
