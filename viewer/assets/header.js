// The line above all: the slide and its facts, the visitor's conversations, light or dark.
import { fill, h, icon, iconButton, say } from "./dom.js";
import { json, store } from "./store.js";

export class Header {
  constructor(element, page) {
    this.element = element;
    this.page = page;
    this.slide = h("button", { type: "button", class: "sw-slide-name", title: "Slides (1)", onclick: () => page.drawer.toggle("slides") });
    this.facts = h("div", { class: "sw-facts", "aria-label": "About this slide" });
    this.list = h("div", { class: "sw-menu", role: "group", "aria-label": "Your conversations", hidden: true });
    this.toggle = h("button", { type: "button", class: "sw-quiet", "aria-expanded": "false", onclick: () => this.menu(this.list.hidden) }, "Conversations", icon("down"));
    fill(element, h("h1", { class: "sw-brand" }, "SpotWhisperer"), this.slide, this.facts,
      h("div", { class: "sw-head-right" }, h("div", { class: "sw-anchor" }, this.toggle, this.list),
        h("button", { type: "button", class: "sw-quiet", onclick: () => page.go({ do: "begin" }) }, "New conversation"),
        iconButton("sun", "Light or dark", () => this.theme())));
    store.on("state", (state) => this.show(state));
    document.addEventListener("pointerdown", (event) => { if (!event.target.closest(".sw-anchor")) this.menu(false); });
    this.list.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.stopPropagation(); this.menu(false); this.toggle.focus(); } });
    const kept = localStorage.getItem("sw-theme");
    if (kept) document.body.classList.toggle("dark", kept === "dark");
  }

  show(state) {
    fill(this.slide, state.slide.title || "No slide", icon("down"));
    fill(this.facts, (state.slide.facts || []).map((fact) => h("span", {}, fact)));
  }

  theme() {
    const dark = document.body.classList.toggle("dark");
    localStorage.setItem("sw-theme", dark ? "dark" : "light");
  }

  async menu(open) {
    this.toggle.setAttribute("aria-expanded", String(open));
    this.list.hidden = !open;
    if (!open) return;
    try {
      this.rows(await json("GET", "conversations"));
    } catch (error) {
      say(error.message, true);
    }
  }

  rows(kept) {
    const when = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
    const row = (entry) => h("div", { class: "sw-menu-row" },
      h("button", { type: "button", class: "sw-resume", "aria-current": entry.id === store.state?.visit ? "true" : null, onclick: () => { this.menu(false); this.page.go({ do: "resume", visit: entry.id }); } },
        h("span", { class: "sw-menu-title" }, entry.title), h("span", { class: "sw-soft" }, `${entry.slide || ""} · ${when.format(new Date(entry.updated * 1000))}`)),
      iconButton("trash", `Forget “${entry.title}”`, async () => {
        this.rows(await json("DELETE", `conversations/${entry.id}`));
        if (entry.id === store.state?.visit) this.page.go({ do: "begin" });
      }));
    fill(this.list, kept.length ? kept.map(row) : h("p", { class: "sw-hint" }, "What you ask is kept here, for you alone."));
  }
}
