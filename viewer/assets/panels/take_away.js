// Files of what was found.
import { fill, h } from "../dom.js";
import { store } from "../store.js";

const FILES = [
  ["png", "Figure (PNG)", "What is drawn now, with scale bar and legend, for 300 dpi", true],
  ["geojson", "Regions for QuPath (GeoJSON)", "Regions as annotations, spots with every layer as detections", true],
  ["h5ad", "Spots (h5ad)", "For scanpy and squidpy: expression, joint embedding, layers, regions", true],
  ["csv", "Spots (CSV)", "A row per spot: place, regions, layers", true],
  ["report", "Report (HTML)", "The conversation with its figures and tables, in one file", false],
  ["talk", "Conversation (Markdown)", "What was asked and answered, with every step", false],
];

export function takeAway(body) {
  const list = h("ul", { class: "sw-files" });
  fill(body, list);
  return {
    update(state) {
      fill(list, FILES.map(([kind, title, what, slide]) => h("li", {}, slide && !state.slide.prepared
        ? h("span", { class: "sw-off" }, h("strong", {}, title), h("span", { class: "sw-soft" }, "once the slide is prepared"))
        : h("a", { href: `sw/visits/${store.state.visit}/export/${kind}`, download: "" }, h("strong", {}, title), h("span", { class: "sw-soft" }, what)))));
    },
  };
}
