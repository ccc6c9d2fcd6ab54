// A neuron as it stands, to take away: as a neuron_config.json, and as Python.

// A config with the numbers that were moved put into their places; the rest is as it was.
function configOf(model, values) {
  const config = structuredClone(model.config);
  for (const { places, paths } of model.quantities) {
    if (values[places[0]] === model.values[places[0]]) continue;
    for (const path of paths) {
      const parent = path.slice(0, -1).reduce((part, key) => part[key], config);
      parent[path.at(-1)] = values[places[0]];
    }
  }
  return config;
}

function pythonOf(model, values, stimulus) {
  const { current, dt } = { current: STIMULI[stimulus.kind], dt: model.dt };
  const time = stimulus.duration ? `t = np.arange(${Math.round(stimulus.duration / dt)}) * ${dt}  # s\n` : "";
  return `import jax
import numpy as np
${current.imports ?? ""}
import glifjax as gj

jax.config.update("jax_enable_x64", True)
${current.helper ? `\n${current.helper}\n` : ""}
${neuronInPython(model, values)}
${time}current = ${current.python(stimulus, dt)}  # A
trace = gj.simulate(neuron, current, ${dt})
print(trace.spikes().times)  # s
`;
}

function neuronInPython(model, values) {
  if (model.config) return `neuron = gj.io.neuron_from_config(${python(configOf(model, values))})`;
  const moved = model.quantities.flatMap(({ elements }) => elements.filter(([, i]) => values[i] !== model.values[i]));
  const lines = moved.map(([name, i]) => `neuron = eqx.tree_at(lambda n: n.${name.replace(/(\[\d+\])$/, "")}, neuron, `
    + (/\]$/.test(name) ? `neuron.${name.replace(/\[(\d+)\]$/, ".at[$1]")}.set(${values[i]}))` : `jax.numpy.asarray(${values[i]}))`));
  return ["import equinox as eqx", "# neuron: the one that was given to the explorer", ...lines].join("\n");
}

// JSON's values as Python writes them.
function python(value, indent = "") {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => python(item, indent)).join(", ")}]`;
  const inner = `${indent}    `;
  const lines = Object.entries(value).map(([key, item]) => `${inner}${JSON.stringify(key)}: ${python(item, inner)},\n`);
  return lines.length ? `{\n${lines.join("")}${indent}}` : "{}";
}
