// The legend of one view: title, units, histogram in the map's colours; dragging over it, or its two sliders, picks spots.
import { codesOf, css, histogram, paletteOf, rangeOf } from "./colour.js";
import { count, fill, h, iconButton, number } from "./dom.js";
import { store } from "./store.js";

const [WIDTH, HEIGHT, BINS] = [226, 38, 56];

export class Legend {
  constructor(element, pane) {
    this.element = element;
    this.pane = pane;
    this.span = null;
    this.canvas = h("canvas", { width: WIDTH * 2, height: HEIGHT * 2, "aria-hidden": "true" });
    this.brush = h("span", { class: "sw-brush", hidden: true });
    this.chart = h("div", { class: "sw-histogram", title: "Drag to choose spots by value" }, this.canvas, this.brush);
    this.chart.addEventListener("pointerdown", (event) => this.drag(event));
  }

  update(layer, values) {
    this.element.hidden = !layer || !values;
    if (this.element.hidden) { this.layer = null; return; }
    if (layer !== this.layer) this.span = null;
    const same = layer.id === this.layer?.id && this.element.dataset.layer === layer.id + layer.title;
    this.layer = layer;
    this.values = values;
    this.element.dataset.layer = layer.id + layer.title;
    if (layer.kind === "category") return this.categories();
    this.shape = histogram(values, BINS);
    if (!same || !this.element.childElementCount) this.build();
    this.paint();
    return undefined;
  }

  build() {
    const { layer } = this;
    const slider = (label, at) => h("input", { type: "range", min: 0, max: 1000, value: at, "aria-label": label, oninput: () => this.slide() });
    this.low = slider("Least value of the spots to choose", 0);
    this.high = slider("Greatest value of the spots to choose", 1000);
    this.choice = h("button", { type: "button", class: "sw-small", onclick: () => this.select() }, "");
    this.sliders = h("div", { class: "sw-sliders", hidden: true }, this.low, this.high, this.choice);
    this.ends = [h("span"), h("span")];
    fill(this.element,
      h("div", { class: "sw-legend-head" }, h("span", { class: "sw-legend-title", title: layer.title }, layer.title),
        iconButton("gear", "Choose spots by value", () => { this.sliders.hidden = !this.sliders.hidden; if (!this.sliders.hidden) this.slide(); else this.clear(); })),
      this.chart, h("div", { class: "sw-legend-ends" }, this.ends[0], h("span", { class: "sw-legend-units" }, layer.units), this.ends[1]), this.sliders);
  }

  paint() {
    const { layer, shape } = this;
    const context = this.canvas.getContext("2d");
    const palette = paletteOf(layer);
    const [low, high] = rangeOf(layer, this.values);
    const step = (WIDTH * 2) / BINS;
    const most = Math.max(...shape.counts, 1);
    context.clearRect(0, 0, WIDTH * 2, HEIGHT * 2);
    for (let i = 0; i < BINS; i++) {
      const value = shape.least + ((i + 0.5) / BINS) * (shape.most - shape.least);
      const code = Math.max(0, Math.min(254, Math.round(((value - low) / (high - low)) * 254)));
      context.fillStyle = css(palette, code);
      const tall = shape.counts[i] ? 4 + Math.sqrt(shape.counts[i] / most) * (HEIGHT * 2 - 18) : 0;
      context.fillRect(i * step, HEIGHT * 2 - 12 - tall, step - 1, tall);
      context.fillRect(i * step, HEIGHT * 2 - 10, step + 1, 10);
    }
    this.ends[0].textContent = number(shape.least);
    this.ends[1].textContent = number(shape.most);
    const middle = layer.kind === "score" ? ", pale is 0" : "";
    this.element.setAttribute("aria-label", `Legend. ${layer.title}: ${number(low)} to ${number(high)} ${layer.units}${middle}`);
  }

  categories() {
    const codes = codesOf(this.layer, this.values);
    const palette = paletteOf(this.layer);
    const sizes = this.layer.labels.map((_, label) => codes.reduce((sum, code) => sum + (code === label), 0));
    const row = (label, number_) => h("button", {
      type: "button", class: "sw-category", title: `Choose the spots of ${label}`,
      onclick: () => this.selectRows(rowsWhere(codes, (code) => code === number_), label),
      onpointerenter: () => this.highlight(codes, number_), onpointerleave: () => store.setMask(null),
      onfocus: () => this.highlight(codes, number_), onblur: () => store.setMask(null),
    }, h("span", { class: "sw-dot", style: `background:${css(palette, number_)}` }), h("span", { class: "sw-category-name" }, label),
      h("span", { class: "sw-soft" }, `${Math.round((100 * sizes[number_]) / codes.length)} %`));
    fill(this.element, h("div", { class: "sw-legend-head" }, h("span", { class: "sw-legend-title" }, this.layer.title)),
      h("div", { class: "sw-categories" }, this.layer.labels.map(row)));
    this.element.setAttribute("aria-label", `Legend. ${this.layer.title}`);
  }

  highlight(codes, wanted) {
    store.setMask(Uint8Array.from(codes, (code) => (code === wanted ? 1 : 0)));
  }

  drag(event) {
    const frame = this.chart.getBoundingClientRect();
    const at = (e) => Math.max(0, Math.min(1, (e.clientX - frame.left) / frame.width));
    const from = at(event);
    this.chart.setPointerCapture(event.pointerId);
    const move = (e) => this.setSpan(Math.min(from, at(e)), Math.max(from, at(e)));
    const up = () => {
      this.chart.removeEventListener("pointermove", move);
      if (!this.span || this.span[1] - this.span[0] < 0.01) this.clear();
      else this.sliders.hidden = false;
    };
    this.chart.addEventListener("pointermove", move);
    this.chart.addEventListener("pointerup", up, { once: true });
  }

  slide() {
    const [a, b] = [Number(this.low.value), Number(this.high.value)].sort((x, y) => x - y);
    this.setSpan(a / 1000, b / 1000);
  }

  setSpan(from, to) {
    this.span = [from, to];
    [this.low.value, this.high.value] = [from * 1000, to * 1000];
    const { least, most } = this.shape;
    const [low, high] = [least + from * (most - least), least + to * (most - least)];
    const mask = Uint8Array.from(this.values, (v) => (v >= low - 1e-6 && v <= high + 1e-6 ? 1 : 0));
    this.chosen = rowsWhere(mask, Boolean);
    this.words = `${this.layer.title} ${number(low)} to ${number(high)}`;
    this.choice.textContent = `Select ${count(this.chosen.length, "spot")} from ${number(low)} to ${number(high)}`;
    Object.assign(this.brush.style, { left: `${from * 100}%`, width: `${(to - from) * 100}%` });
    this.brush.hidden = false;
    store.setMask(mask);
  }

  clear() {
    this.span = null;
    this.brush.hidden = true;
    this.sliders.hidden = true;
    store.setMask(null);
  }

  select() {
    const { chosen, words } = this;
    this.clear();
    this.selectRows(chosen, words);
  }

  selectRows(rows, name) {
    if (rows.length) store.act("POST", "regions", { rows, name: name.slice(0, 120) });
  }
}

function rowsWhere(array, wanted) {
  const rows = [];
  for (let i = 0; i < array.length; i++) if (wanted(array[i])) rows.push(i);
  return rows;
}
