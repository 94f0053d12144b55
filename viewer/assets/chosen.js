// The card of the region that the person chose: what it is, and what can be asked of it.
import { count, fill, h, iconButton } from "./dom.js";
import { store } from "./store.js";

export class Chosen {
  constructor(element, page) {
    this.element = element;
    this.page = page;
    store.on("state", () => this.show());
  }

  show() {
    const region = store.region(store.state.focus);
    this.element.hidden = !region;
    if (!region) return;
    const { id } = region;
    const name = h("input", {
      class: "sw-name", value: region.query, maxlength: 120, "aria-label": "Name of the region",
      onchange: (event) => event.target.value.trim() && store.act("PATCH", `regions/${id}`, { title: event.target.value.trim() }),
      onkeydown: (event) => { if (event.key === "Enter") event.target.blur(); },
    });
    fill(this.element,
      h("div", { class: "sw-chosen-head" }, h("span", { class: "sw-id" }, id), name, h("span", { class: "sw-soft" }, `${count(region.rows.length, "spot")} · ${region.area}`),
        iconButton("target", "Go to the region", () => this.page.left.flyToRegions([id])),
        iconButton("trash", "Remove the region", () => store.act("DELETE", `regions/${id}`)),
        iconButton("close", "Let go of the region", () => store.act("POST", "focus", { region: null }))),
      h("div", { class: "sw-chosen-acts" },
        this.button("Describe this", () => this.page.ask(`Describe ${id}`)),
        this.button("Genes against the rest", () => { this.page.drawer.open("genes", { region: id }); }),
        this.button("Similar tissue", () => this.page.ask(`Find tissue similar to ${id}`))));
  }

  button(words, onclick) {
    return h("button", { type: "button", class: "sw-small", onclick }, words);
  }
}
