// Layers: what colours the slide, kept as a list; and how it is drawn.
import { fill, h, iconButton } from "../dom.js";
import { store } from "../store.js";

const KIND = { score: "text", gene: "gene", category: "groups" };

export function layers(body, page) {
  const words = h("input", { type: "text", placeholder: "Words or a gene", maxlength: 120, "aria-label": "Words or a gene to map" });
  const minus = h("input", { type: "text", placeholder: "minus (optional)", maxlength: 120, "aria-label": "Words to subtract" });
  const by = h("select", { "aria-label": "What words are matched with" }, [["", "as the chat does"], ["molecular", "by predicted expression"], ["image-text", "by the image"], ["fused", "by both, fused"], ["both", "expression | image, side by side"]]
    .map(([value, title]) => h("option", { value }, title)));
  const button = h("button", { type: "submit", class: "sw-small" }, "Map");
  const form = h("form", { class: "sw-form", onsubmit: (event) => { event.preventDefault(); make(words, minus, by.value, button, page); } },
    words, minus, h("div", { class: "sw-wide sw-by" }, by, button));
  const list = h("ul", { class: "sw-list", "aria-label": "Layers" });
  fill(body, form, list, settings());
  return {
    update(state) {
      form.hidden = !state.slide.prepared;
      const rows = [...state.layers].reverse().map((layer) => row(layer, state, page));
      fill(list, rows.length ? rows : h("li", { class: "sw-hint" }, "No map yet. What you ask for is listed here, to be shown again, named, compared or removed."));
    },
  };
}

export async function mapWords(text, more = {}) {
  const typed = text.trim();
  const gene = more.minus || more.scorer ? null : store.spots?.genes.find((symbol) => symbol.toUpperCase() === typed.toUpperCase());
  return store.act("POST", "layers", { kind: gene ? "gene" : "score", words: gene || typed, ...more });
}

async function make(words, minus, by, button, page) {
  if (!words.value.trim()) return;
  const more = { minus: minus.value.trim() };
  button.disabled = true; // the first look at the image takes a while
  let good = await mapWords(words.value, { ...more, scorer: by === "both" ? "molecular" : by || null });
  if (good && by === "both") good = await mapWords(words.value, { ...more, scorer: "image-text", side: "right" });
  button.disabled = false;
  if (!good) return;
  words.value = minus.value = "";
  if (by === "both") page.drawer.close();
}

function row(layer, state, page) {
  const shown = state.left === layer.id;
  const second = state.right === layer.id;
  const views = (left, right) => {
    if (right && !state.right) page.drawer.close(); // two views need the room
    return store.act("POST", "views", { left, right });
  };
  const name = h("input", {
    class: "sw-name", value: layer.title, maxlength: 120, "aria-label": `Name of layer ${layer.id}`,
    onchange: (event) => event.target.value.trim() && store.act("PATCH", `layers/${layer.id}`, { title: event.target.value.trim() }),
    onkeydown: (event) => { if (event.key === "Enter") event.target.blur(); },
  });
  return h("li", { class: shown || second ? "sw-row sw-on" : "sw-row" },
    iconButton(shown ? "eye" : "shut", shown ? `Hide ${layer.title}` : `Show ${layer.title}`, () => views(shown ? null : layer.id, second ? null : state.right), { "aria-pressed": String(shown) }),
    name, h("span", { class: "sw-tag" }, KIND[layer.kind]),
    iconButton("split", second ? "End the comparison" : `Compare: show ${layer.title} in a second view`, () => views(shown && !second ? null : state.left, second ? null : layer.id), { "aria-pressed": String(second), class: "sw-icon sw-compare" }),
    iconButton("close", `Remove ${layer.title}`, () => store.act("DELETE", `layers/${layer.id}`)));
}

function settings() {
  const { view } = store;
  const slider = (label, name, min, max, step) => h("label", { class: "sw-setting" }, h("span", {}, label),
    h("input", { type: "range", min, max, step, value: view[name], oninput: (event) => store.setView({ [name]: Number(event.target.value) }) }));
  const choice = (label, name, options) => h("label", { class: "sw-setting" }, h("span", {}, label),
    h("select", { onchange: (event) => store.setView({ [name]: event.target.value }) },
      options.map((option) => h("option", { value: option, selected: view[name] === option }, option))));
  const box = (label, name) => h("label", { class: "sw-check" },
    h("input", { type: "checkbox", checked: view[name], onchange: (event) => store.setView({ [name]: event.target.checked }) }), label);
  return h("fieldset", { class: "sw-settings" }, h("legend", {}, "How it is drawn"),
    slider("Opacity", "opacity", 0.05, 1, 0.05), slider("Spot size", "size", 0.3, 2, 0.1), slider("Clip %", "clip", 0, 20, 1),
    choice("Text colours", "diverging", ["blue-red", "purple-orange"]), choice("Gene colours", "sequential", ["viridis", "cividis", "magma"]),
    h("div", { class: "sw-checks" }, box("Spots", "spots"), box("Regions", "outlines"), box("Grey tissue", "grey")));
}
