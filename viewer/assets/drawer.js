// The rail of panels and the drawer in which one of them is open.
import { fill, h, iconButton } from "./dom.js";
import { about } from "./panels/about.js";
import { genes } from "./panels/genes.js";
import { layers } from "./panels/layers.js";
import { map } from "./panels/map.js";
import { regions } from "./panels/regions.js";
import { search } from "./panels/search.js";
import { slides } from "./panels/slides.js";
import { takeAway } from "./panels/take_away.js";
import { store } from "./store.js";

const PANELS = {
  slides: ["Slides", slides, "M4 5h7v6H4zM13 5h7v6h-7zM4 13h7v6H4zM13 13h7v6h-7z"],
  search: ["Search", search, "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5"],
  layers: ["Layers", layers, "M12 4l9 5-9 5-9-5zM3 14l9 5 9-5"],
  regions: ["Regions", regions, "M6 5l11-1 3 9-7 7-9-4z"],
  genes: ["Genes", genes, "M7 3c0 6 10 6 10 12v6M17 3c0 6-10 6-10 12v6M8 6h8M8 18h8M9 10h6"],
  map: ["Clusters", map, "M6 7h.01M10 5h.01M9 9h.01M16 15h.01M18 18h.01M14 19h.01M17 7h.01M6 17h.01"],
  take: ["Export", takeAway, "M12 4v11M7 10l5 5 5-5M5 20h14"],
  about: ["About", about, "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v5M12 8h.01"],
};

export class Drawer {
  constructor(element, page) {
    this.page = page;
    this.aside = element.querySelector(".sw-drawer");
    this.body = this.aside.querySelector(".sw-drawer-body");
    this.name = null;
    this.buttons = {};
    this.aside.querySelector("header").append(iconButton("close", "Close the panel", () => this.close()));
    fill(element.querySelector(".sw-rail"), Object.entries(PANELS).map(([name, [title, , path]], i) => this.railButton(name, title, path, i)));
    store.on("state", () => this.refresh());
  }

  railButton(name, title, path, i) {
    const button = h("button", { type: "button", "aria-expanded": "false", "data-panel": name, title: `${title} (${i + 1})`, onclick: () => this.toggle(name) });
    button.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${path}"/></svg>`;
    button.append(h("span", {}, title));
    this.buttons[name] = button;
    return button;
  }

  toggleNumber(i) {
    const name = Object.keys(PANELS)[i];
    this.toggle(name);
    if (this.name) this.body.focus();
  }

  toggle(name) {
    if (this.name === name) this.close();
    else this.open(name);
  }

  open(name, wish = {}) {
    this.panel?.leave?.();
    this.name = name;
    const [title, make] = PANELS[name];
    this.aside.hidden = false;
    this.aside.querySelector("h2").textContent = title;
    this.aside.setAttribute("aria-label", title);
    this.aside.dataset.panel = name;
    fill(this.body);
    this.body.scrollTop = 0;
    this.panel = make(this.body, this.page, wish);
    this.mark();
    this.refresh();
  }

  close() {
    this.panel?.leave?.();
    const button = this.buttons[this.name];
    this.name = this.panel = null;
    this.aside.hidden = true;
    this.mark();
    button?.focus();
  }

  mark() {
    for (const [name, button] of Object.entries(this.buttons)) button.setAttribute("aria-expanded", String(name === this.name));
  }

  refresh() {
    if (store.state) this.panel?.update?.(store.state);
  }
}
