// The tooltip of a view: the spot under the pointer, its values, its region, and the genes that stand out there.
import { h, number } from "./dom.js";
import { json, store } from "./store.js";

const THINK_MS = 220; // before the genes of a spot are asked for

export class Tip {
  constructor(element, pane) {
    this.element = element;
    this.pane = pane;
    pane.stage.addEventListener("pointermove", (event) => this.hover(event));
    pane.stage.addEventListener("pointerleave", () => { this.element.hidden = true; store.tell("hover", -1); });
  }

  hover(event) {
    const { element: tip, pane } = this;
    clearTimeout(this.thinking);
    tip.hidden = true;
    if (!pane.map || event.buttons || pane.drawing) return;
    const [x, y] = pane.placeOf(event.clientX, event.clientY);
    const spot = store.spots && store.view.spots ? pane.spots.at(x, y) : -1;
    const region = pane.regionAt(x, y);
    store.tell("hover", spot);
    if (spot < 0 && !region) return;
    const lines = this.lines(spot, region);
    const frame = pane.stage.getBoundingClientRect();
    const show = () => {
      tip.replaceChildren(...lines.map((line) => h("span", {}, line)));
      tip.hidden = false;
      const [left, top] = [event.clientX - frame.left, event.clientY - frame.top];
      tip.style.left = `${Math.min(left + 16, frame.width - tip.offsetWidth - 6)}px`;
      tip.style.top = `${Math.min(top + 16, frame.height - tip.offsetHeight - 6)}px`;
    };
    show();
    if (spot >= 0) {
      this.thinking = setTimeout(async () => {
        const found = await genesOf(spot);
        if (tip.hidden || !found) return;
        lines.push(`high here: ${found}`);
        show();
      }, THINK_MS);
    }
  }

  lines(spot, region) {
    const lines = spot >= 0 ? [`spot ${store.spots.ids[spot]}`] : [];
    for (const id of spot >= 0 ? new Set([store.state.left, store.state.right]) : []) {
      const layer = store.layer(id);
      if (!layer || !store.values.has(id)) continue;
      const value = store.values.get(id)[spot];
      lines.push(layer.kind === "category" ? layer.labels[value] || "no label" : `${layer.title}: ${number(value)}`);
    }
    if (region) lines.push(`${region.id} · ${region.query} · ${region.area}`);
    return lines;
  }
}

const asked = new Map();

async function genesOf(spot) {
  const key = `${store.spots.key}:${spot}`;
  if (!asked.has(key)) {
    if (asked.size > 500) asked.clear();
    const found = json("GET", `${store.path}/spots/${spot}`).then((told) => told.genes.slice(0, 4).map((row) => row.gene).join(", "));
    asked.set(key, found.catch(() => ""));
  }
  return asked.get(key);
}
