// Regions: those that words found, those that the person drew, and annotations brought from elsewhere.
import { count, fill, h, iconButton } from "../dom.js";
import { store } from "../store.js";

export function regions(body, page) {
  const list = h("div", { class: "sw-groups" });
  const file = h("input", { type: "file", accept: ".geojson,.json,.csv,.tsv,.txt", class: "sw-file", "aria-label": "File of annotations: GeoJSON or a table of labels",
    onchange: () => { if (file.files[0]) store.act("POST", "annotations", file.files[0]).then((good) => { file.value = ""; if (good) page.left.flyToRegions(); }); } });
  fill(body, list, h("label", { class: "sw-drop" }, "Bring annotations: outlines from QuPath (GeoJSON), or a table with spot and label (CSV)", file));
  return {
    update(state) {
      const groups = Map.groupBy ? Map.groupBy(state.regions, (region) => region.query) : grouped(state.regions);
      fill(list, state.regions.length ? [...groups].map(([words, members]) => group(words, members, state, page)) :
        h("p", { class: "sw-hint" }, "No region yet. Ask where something is, or draw around spots with the lasso."));
    },
  };
}

function grouped(all) {
  const groups = new Map();
  for (const region of all) groups.set(region.query, [...(groups.get(region.query) || []), region]);
  return groups;
}

function group(words, members, state, page) {
  const shown = members.some((region) => region.shown);
  const ids = members.map((region) => region.id);
  const hidden = state.regions.filter((region) => !region.shown).map((region) => region.id);
  const toggle = () => store.act("POST", "hidden", { regions: shown ? [...hidden, ...ids] : hidden.filter((id) => !ids.includes(id)) });
  const total = members.reduce((sum, region) => sum + region.rows.length, 0);
  return h("section", { class: shown ? "sw-group sw-on" : "sw-group", "aria-label": words },
    h("div", { class: "sw-row" },
      iconButton(shown ? "eye" : "shut", shown ? `Hide ${words}` : `Show ${words}`, toggle, { "aria-pressed": String(shown) }),
      h("strong", { class: "sw-group-name", title: words }, words), h("span", { class: "sw-soft" }, count(total, "spot")),
      iconButton("target", `Go to ${words}`, () => page.left.flyToRegions(ids))),
    h("div", { class: "sw-members" }, members.map((region) => h("button", {
      type: "button", class: "sw-id", "aria-pressed": String(region.id === state.focus), title: `${region.id}: ${region.area}, ${count(region.rows.length, "spot")}`,
      onclick: () => store.act("POST", "focus", { region: region.id === state.focus ? null : region.id }).then(() => page.left.flyToRegions([region.id])),
    }, region.id))));
}
