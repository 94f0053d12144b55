// One gene inside a region and outside of it: the shape of its values with median and quartiles.
import { count, fill, h, number } from "./dom.js";

const [WIDTH, HEIGHT, STEPS] = [268, 92, 64];
const NS = "http://www.w3.org/2000/svg";

export function violin(element, gene, region) {
  const inside = new Set(region ? region.rows : []);
  const split = region ? [[`in ${region.id}`, []], ["elsewhere", []]] : [["all spots", []]];
  gene.values.forEach((value, i) => { if (value === value) split[region && !inside.has(i) ? 1 : 0][1].push(value); });
  const all = split.flatMap(([, values]) => values);
  const [low, high] = [Math.min(...sampled(all)), Math.max(...sampled(all))];
  const svg = document.createElementNS(NS, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("role", "img");
  const told = split.map(([name, values]) => `median ${number(quantile(values, 0.5))} ${name}`).join(", ");
  svg.setAttribute("aria-label", `${gene.gene}: ${told}, log1p CP10K`);
  split.forEach(([name, values], row) => shape(svg, name, values, low, high, row, split.length));
  const known = gene.reliability === null ? "reliability unknown" : `reliability ${number(gene.reliability)}`;
  fill(element, h("div", { class: "sw-violin-title" }, h("strong", {}, gene.gene), h("span", { class: "sw-soft" }, known)), svg,
    h("div", { class: "sw-legend-ends" }, h("span", {}, number(low)), h("span", { class: "sw-soft" }, `log1p CP10K · ${count(all.length, "spot")}`), h("span", {}, number(high))));
}

function shape(svg, name, values, low, high, row, rows) {
  if (!values.length) return;
  const [tall, left] = [HEIGHT / rows, 66];
  const middle = tall * (row + 0.5);
  const x = (value) => left + ((value - low) / (high - low || 1)) * (WIDTH - left - 4);
  const density = smooth(values, low, high);
  const most = Math.max(...density);
  const half = (d) => (d / most) * (tall / 2 - 5);
  const at = (i) => left + (i / (STEPS - 1)) * (WIDTH - left - 4);
  const upper = density.map((d, i) => `${at(i).toFixed(1)},${(middle - half(d)).toFixed(1)}`);
  const lower = density.map((d, i) => `${at(i).toFixed(1)},${(middle + half(d)).toFixed(1)}`).reverse();
  add(svg, "polygon", { points: [...upper, ...lower].join(" "), class: row ? "sw-violin-out" : "sw-violin-in" });
  const [q1, q2, q3] = [0.25, 0.5, 0.75].map((q) => quantile(values, q));
  add(svg, "line", { x1: x(q1), x2: x(q3), y1: middle, y2: middle, class: "sw-violin-box" });
  add(svg, "circle", { cx: x(q2), cy: middle, r: 3, class: "sw-violin-median" });
  add(svg, "text", { x: 0, y: middle + 4, class: "sw-violin-name" }).textContent = name;
}

function add(svg, tag, attributes) {
  const node = document.createElementNS(NS, tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  svg.append(node);
  return node;
}

const sampled = (values) => (values.length > 20000 ? values.filter((_, i) => i % Math.ceil(values.length / 20000) === 0) : values);

function quantile(values, q) {
  const sorted = Float32Array.from(values).sort();
  return sorted[Math.round(q * (sorted.length - 1))];
}

// Gaussian kernel on a grid; its width by Silverman's rule.
function smooth(values, low, high) {
  const some = sampled(values);
  const mean = some.reduce((sum, v) => sum + v, 0) / some.length;
  const sd = Math.sqrt(some.reduce((sum, v) => sum + (v - mean) ** 2, 0) / some.length);
  const step = (high - low || 1) / (STEPS - 1);
  const width = Math.max(1.06 * sd * some.length ** -0.2, step);
  const density = new Array(STEPS).fill(0);
  for (const value of some) {
    const centre = (value - low) / step;
    const reach = Math.ceil((3 * width) / step);
    for (let i = Math.max(0, Math.floor(centre - reach)); i <= Math.min(STEPS - 1, Math.ceil(centre + reach)); i++) {
      density[i] += Math.exp(-0.5 * (((i - centre) * step) / width) ** 2);
    }
  }
  return density;
}
