// A neuron's runs beside what was recorded, on a canvas to move about in; which repeat is shown is chosen.

// data: {dt, reference, recorded: [{name, voltage}], runs: [{name, colour, voltage, threshold, spikes}], current, view}
async function view(root, data) {
  const dt = data.dt;
  const volts = async (row, colour, width) => ({ values: await unpackedValues(row), dt, scale: 1e3, colour, width });
  const canvas = made("canvas", { tabIndex: 0 });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "Recorded and simulated voltage over time; arrows move, + and - zoom, 0 shows all");
  const said = made("p", { className: "values" });
  const key = made("p", { className: "key" });
  const recorded = await Promise.all(data.recorded.map((row) => volts(row.voltage, "data", 1)));
  const simulated = await Promise.all(data.runs.map(async (run) => ({
    traces: [await volts(run.threshold, run.colour, 0.6), await volts(run.voltage, run.colour, 1.4)],
    spikes: run.spikes,
    colour: run.colour,
  })));
  const current = { values: await unpackedValues(data.current), dt, scale: 1e12, colour: "stimulus" };
  let [repeat, run] = [0, 0];
  const plot = new Plot(canvas, (time) => {
    said.textContent = time === null ? "" : `at ${(1e3 * time).toFixed(1)} ms`;
  });
  const show = () => {
    const { traces, spikes, colour } = simulated[run];
    key.replaceChildren(...keyOf([["data", data.recorded[repeat].name], [colour, `${data.runs[run].name}; thin: its threshold`]]));
    plot.show([
      { title: "Voltage", unit: "mV", weight: 5, traces: [recorded[repeat], ...traces], spikes: true },
      { title: "Stimulus", unit: "pA", weight: 1.2, traces: [current] },
    ], [[spikes, colour, 0], [data.recorded[repeat].spikes, "data", 1]], current.values.length * dt);
  };
  const chooser = (words, rows, changed) => select(words, rows.map((row, i) => [String(i), row.name]), "0", (value) => {
    changed(Number(value));
    show();
  });
  root.classList.add("glifjax-explorer", "glifjax-viewer");
  root.replaceChildren(
    made("div", { className: "bar" }, chooser("Recorded", data.recorded, (i) => { repeat = i; }),
      chooser("Neuron", data.runs, (i) => { run = i; }), said),
    key, canvas,
    made("p", { className: "note" }, "Drag moves, ctrl and wheel or two fingers zoom, a double click shows all; with the figure chosen, arrows, + − 0 do."),
  );
  show();
  if (data.view) plot.place(data.view[0], data.view[1] - data.view[0]);
}
