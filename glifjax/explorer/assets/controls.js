// Elements: made of text and other elements, never of markup.

function made(tag, properties, ...children) {
  const element = document.createElement(tag);
  Object.assign(element, properties);
  element.append(...children);
  return element;
}

// What lines of which colour are.
function keyOf(entries) {
  return entries.map(([colour, words]) =>
    made("span", {}, made("i", { className: `line ${colour}`, ariaHidden: "true" }), words));
}

// A number that is slid or typed, in its unit; double-click puts it back to `usual`.
function slider({ words, name, unit, low, high, logarithmic }, value, usual, changed) {
  const steps = 1000;
  const toStep = (x) => (logarithmic ? Math.log(x / low) / Math.log(high / low) : (x - low) / (high - low)) * steps;
  const fromStep = (s) => (logarithmic ? low * (high / low) ** (s / steps) : low + ((high - low) * s) / steps);
  const text = (x) => String(Number(x.toPrecision(4)));
  const range = made("input", { type: "range", min: 0, max: steps, step: 1, value: toStep(value), title: name });
  const box = made("input", { type: "number", step: "any", value: text(value) });
  range.setAttribute("aria-label", unit ? `${words}, ${unit}` : words);
  box.setAttribute("aria-label", unit ? `${words}, ${unit}, as a number` : `${words}, as a number`);
  range.dataset.quantity = name;
  const row = made("label", { className: "slider" }, made("span", { className: "words" }, words), range,
    made("span", { className: "number" }, box, made("span", { className: "unit" }, unit)));
  const mark = (x) => row.classList.toggle("moved", text(x) !== text(usual));
  range.addEventListener("input", () => {
    const x = fromStep(Number(range.value));
    box.value = text(x);
    mark(x);
    changed(x);
  });
  box.addEventListener("input", () => {
    const x = box.valueAsNumber;
    if (!Number.isFinite(x) || (logarithmic && x <= 0)) return;
    range.value = toStep(x);
    mark(x);
    changed(x);
  });
  range.addEventListener("dblclick", () => {
    range.value = toStep(usual);
    box.value = text(usual);
    mark(usual);
    changed(usual);
  });
  mark(value);
  return row;
}

function select(words, options, chosen, changed) {
  const list = made("select", {}, ...options.map(([value, text]) => made("option", { value, selected: value === chosen }, text)));
  list.addEventListener("change", () => changed(list.value));
  return made("label", { className: "choice" }, made("span", {}, words), list);
}

function layout(root, data) {
  const button = (text, title) => made("button", { type: "button", title }, text);
  const parts = {
    starts: made("select", {}, ...data.starts.map(({ name }, value) => made("option", { value }, name))),
    hold: button("Hold", "Hold this run, to compare it with what follows"),
    reset: button("Put back", "All numbers as they were"),
    copy: button("Copy as Python", "This neuron and stimulus as Python"),
    save: button("Save neuron_config.json", "This neuron as a file"),
    about: made("p", { className: "about" }),
    key: made("p", { className: "key" }),
    canvas: made("canvas", { tabIndex: 0 }),
    summary: made("p", { className: "summary", ariaLive: "polite" }),
    values: made("p", { className: "values" }),
    stimulus: made("div", { className: "stimulus" }),
    quantities: made("div", { className: "quantities" }),
    reference: made("p", { className: "note reference" }),
    code: made("code", {}),
  };
  parts.canvas.setAttribute("role", "img");
  parts.canvas.setAttribute("aria-label", "Voltage, threshold, currents and stimulus over time; arrows move, + and - zoom, 0 shows all");
  const close = button("Close", "");
  parts.dialog = made("dialog", {}, made("p", {}, "Copied, where the browser allows it:"),
    made("pre", { tabIndex: 0 }, parts.code), close);
  close.addEventListener("click", () => parts.dialog.close());
  root.classList.add("glifjax-explorer");
  root.replaceChildren(
    made("header", {}, made("p", { className: "kicker" }, "glifjax explore"), made("h1", {}, data.title), made("p", { className: "source" }, data.source)),
    made("div", { className: "bar" }, made("label", { className: "choice" }, made("span", {}, "Start from"), parts.starts),
      parts.hold, parts.reset, parts.copy, parts.save),
    made("main", {},
      made("section", { className: "figure" }, parts.about, parts.key, parts.canvas,
        made("div", { className: "below" }, parts.summary, parts.values), made("h2", {}, "Stimulus"), parts.stimulus,
        made("p", { className: "note" }, "Drag moves, ctrl and wheel or two fingers zoom, a double click shows all; with the figure chosen, arrows, + − 0 do.")),
      made("aside", {}, made("h2", {}, "Neuron"), parts.reference, parts.quantities,
        made("p", { className: "note" }, "Double-click a slider to put its number back."))),
    parts.dialog,
  );
  return parts;
}
