// What the numbers rest on, and how the page is used.
import { fill, h, number } from "../dom.js";

const KEYS = [["/", "ask"], ["+ − 0", "zoom, whole slide (slide in focus)"], ["arrows", "move (slide in focus)"], ["L, B", "lasso, box"], ["V", "select what is in view"], ["1 to 8", "panels"], ["Esc", "let go, close"]];

export function about(body) {
  return {
    update(state) {
      const { basis } = state;
      fill(body, basis.expression ? rests(basis) : h("p", { class: "sw-hint" }, "Nothing has been inferred on this slide yet."),
        h("h3", {}, "Keys"), h("dl", { class: "sw-keys" }, KEYS.map(([key, does]) => [h("dt", {}, key), h("dd", {}, does)])),
        h("p", { class: "sw-soft" }, "SpotWhisperer is for research. It is no medical device, and nothing here is a diagnosis. Licence: MIT."));
    },
  };
}

function rests(basis) {
  const known = basis.reliability;
  return [
    h("p", {}, "Expression on this slide is ", h("strong", {}, basis.expression), basis.expression === "predicted" ? " from the H&E image, never measured" : "", `; units ${basis.units}.`),
    known.genes ? h("p", {}, `Held-out correlation with the measured gene: median ${number(known.median)} over ${known.genes.toLocaleString("en")} genes, ${known.above.toLocaleString("en")} of them above 0.3. The gene table says it for each.`) : null,
    h("h3", {}, "Models"),
    h("ul", { class: "sw-models" }, basis.models.map((model) => h("li", {}, h("span", { class: "sw-soft" }, `${model.role} `), h("strong", {}, model.name), h("span", { class: "sw-soft" }, ` ${model.licence}`)))),
    basis.notes.length ? [h("h3", {}, "To know"), h("ul", { class: "sw-notes" }, basis.notes.map((note) => h("li", {}, note)))] : null,
  ];
}
