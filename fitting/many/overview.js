"use strict";
// The page over many cells: sorts and filters the rows that are there, and draws how quantities are distributed.

const body = document.querySelector("tbody");
const rows = [...body.rows].map((row, place) => ({ row, place, shown: true })); // read when they are asked for
const textOf = ({ row }, column) => row.cells[column].textContent;
const numberOf = (entry, column) => parseFloat(textOf(entry, column).replace("−", "-"));
const { levels, quantities } = JSON.parse(document.getElementById("quantities").textContent);

function made(name, attributes = {}, text = "") {
  const svg = ["svg", "path", "line", "text", "title"].includes(name);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
}

// ------------------------------------------------------------------------------------------------- sort and filter

// Text by its letters; numbers the largest first, what is no number last; at a second click the other way round.
function sort(column, heading) {
  const numeric = column > 0 && !heading.classList.contains("text");
  const [first, second] = numeric ? ["descending", "ascending"] : ["ascending", "descending"];
  const order = heading.getAttribute("aria-sort") === first ? second : first;
  const sign = order === "descending" ? -1 : 1;
  for (const entry of rows) entry.key = (numeric ? numberOf : textOf)(entry, column);
  const compare = numeric
    ? ({ key: x, place: a }, { key: y, place: b }) => (isNaN(x) - isNaN(y)) || (isNaN(x) ? 0 : sign * (x - y)) || a - b
    : (a, b) => sign * a.key.localeCompare(b.key, undefined, { numeric: true }) || a.place - b.place;
  body.append(...[...rows].sort(compare).map((entry) => entry.row));
  for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", order);
}

for (const [column, heading] of [...document.querySelector("thead tr").cells].entries()) {
  const button = made("button", { type: "button", title: "Sort" }, heading.textContent);
  heading.replaceChildren(button);
  button.addEventListener("click", () => sort(column, heading));
}

// Every word of the filter must stand in the row; "<0.5" and ">0.5" ask for Γ (4 ms) of one run, the first score.
const SCORE = 2;
function passes(entry, words) {
  return words.every((word) => {
    const bound = word.match(/^([<>])(-?[\d.]+)$/);
    entry.all ??= [...entry.row.cells].map((cell) => cell.textContent).join(" ").toLowerCase();
    if (!bound) return entry.all.includes(word);
    const value = numberOf(entry, SCORE);
    return bound[1] === "<" ? value < Number(bound[2]) : value > Number(bound[2]);
  });
}

const field = made("input", { type: "search", placeholder: "Filter: a name, a level, >0.6 for Γ", "aria-label": "Filter" });
const count = made("span", { class: "note", "aria-live": "polite" });
document.getElementById("filter").append(field, count);
function filter() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const entry of rows) {
    entry.shown = passes(entry, words);
    entry.row.hidden = !entry.shown;
  }
  count.textContent = `${rows.filter((entry) => entry.shown).length} of ${rows.length} cells`;
  panels.forEach((panel) => panel.draw());
}
field.addEventListener("input", filter);

// --------------------------------------------------------------------------------------------------- distributions

const [WIDTH, LEFT, RIGHT, HEIGHT, BINS] = [320, 84, 40, 34, 40];
const rounded = (value) => String(Number(value.toPrecision(3))).replace("-", "−");
const quantile = (sorted, part) => {
  const at = part * (sorted.length - 1), low = Math.floor(at);
  return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
};

// One quantity: a line for each level, the number of cells as a hill. Its axis ends at the 1st and 99th percentile.
function picture(quantity) {
  const lines = levels.map((level, index) => [level, quantity.values[index]
    .filter((value, place) => value !== null && rows[place].shown).sort((a, b) => a - b)])
    .filter(([, values]) => values.length);
  const svg = made("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT * Math.max(1, lines.length) + 18}`, role: "img" });
  const every = lines.flatMap(([, values]) => values).sort((a, b) => a - b);
  if (!every.length) return svg;
  const [low, high] = [quantile(every, 0.01), quantile(every, 0.99)];
  const span = high - low || Math.abs(low) || 1;
  const x = (value) => LEFT + (WIDTH - LEFT - RIGHT) * Math.min(1, Math.max(0, (value - low) / span));
  for (const [number, [level, values]] of lines.entries()) {
    const base = HEIGHT * (number + 1) - 6;
    const counts = new Array(BINS).fill(0);
    for (const value of values) counts[Math.min(BINS - 1, Math.max(0, Math.floor(BINS * (value - low) / span)))] += 1;
    const most = Math.max(...counts), step = (WIDTH - LEFT - RIGHT) / BINS;
    const hill = counts.map((n, bin) => `V${base - (HEIGHT - 10) * n / most}h${step}`).join("");
    const [first, middle, third] = [0.25, 0.5, 0.75].map((part) => quantile(values, part));
    const bar = made("line", { class: "quartiles", x1: x(first), x2: x(third), y1: base, y2: base });
    const mark = made("line", { class: "median", x1: x(middle), x2: x(middle), y1: base + 3, y2: base - HEIGHT + 12 });
    const name = made("text", { class: "level", x: 0, y: base }, level);
    const value = made("text", { x: WIDTH, y: base, "text-anchor": "end" }, rounded(middle));
    value.append(made("title", {}, `${values.length} cells, quartiles ${rounded(first)} and ${rounded(third)}`));
    svg.append(made("path", { d: `M${LEFT} ${base}${hill}V${base}Z` }), bar, mark, name, value);
  }
  const bottom = HEIGHT * lines.length + 12;
  svg.append(made("text", { x: LEFT, y: bottom }, rounded(low)));
  svg.append(made("text", { x: WIDTH - RIGHT, y: bottom, "text-anchor": "end" }, rounded(high)));
  return svg;
}

function panel(chosen) {
  const [box, select] = [made("div"), made("select", { "aria-label": "Quantity" })];
  for (const [place, quantity] of quantities.entries()) select.append(made("option", { value: place }, quantity.title));
  select.value = chosen;
  const draw = () => box.replaceChildren(select, picture(quantities[select.value]));
  select.addEventListener("change", draw);
  document.getElementById("distributions").append(box);
  return { draw };
}

const scores = quantities.map((quantity, place) => place).filter((place) => quantities[place].score);
const parameters = quantities.map((quantity, place) => place).filter((place) => !quantities[place].score);
const panels = [...scores.slice(0, 4), ...parameters.slice(0, 2)].map(panel);
filter();
