// Genes: search over the panel, what sets a region apart as a sortable table, one gene inside and outside.
import { count, fill, h, number } from "../dom.js";
import { floats, json, store } from "../store.js";
import { violin } from "../violin.js";
import { mapWords } from "./layers.js";

const COLUMNS = [["gene", "Gene"], ["log2fc", "log2 FC"], ["auroc", "AUROC"], ["p_adj", "adj. p"], ["reliability", "Reliable"]];

export function genes(body, page, wish) {
  const panel = { region: wish.region || store.state?.focus || "", versus: "rest", sort: null, down: true, rows: null };
  const found = h("ul", { class: "sw-found", role: "listbox", id: "sw-gene-list", "aria-label": "Genes that fit", hidden: true });
  const input = h("input", { type: "text", role: "combobox", "aria-expanded": "false", "aria-controls": "sw-gene-list", "aria-autocomplete": "list",
    "aria-label": "Find a gene", placeholder: "Find a gene, such as KRT14", autocomplete: "off", spellcheck: "false" });
  const chart = h("div", { class: "sw-violin" });
  const choice = h("div", { class: "sw-pair" });
  const table = h("div", { class: "sw-table", tabindex: 0, role: "region", "aria-label": "Genes of the region" });
  fill(body, h("div", { class: "sw-anchor" }, input, found), chart, choice, table);
  completion(input, found, (gene) => show(gene));

  async function show(gene) {
    if (!(await mapWords(gene))) return;
    const told = await json("GET", `${store.path}/genes/${encodeURIComponent(gene)}`);
    panel.gene = { ...told, values: floats(told.values) };
    draw();
  }

  function draw() {
    const region = store.region(panel.region);
    if (panel.gene && panel.gene.values.length === store.spots?.n) violin(chart, panel.gene, region);
    else fill(chart);
  }

  async function load() {
    if (!store.region(panel.region)) {
      panel.rows = null;
      fill(table, h("p", { class: "sw-hint" }, store.state.regions.length ? "Choose a region to see which genes set it apart." : "Genes that set a region apart appear here. Draw around spots, or ask where something is."));
      return;
    }
    fill(table, h("p", { class: "sw-hint" }, "Comparing …"));
    const query = new URLSearchParams({ region: panel.region, versus: panel.versus });
    const asked = (panel.asked = query.toString());
    try {
      const rows = await json("GET", `${store.path}/markers?${query}`);
      if (panel.asked !== asked) return;
      panel.rows = rows;
      rowsOf();
    } catch (error) {
      fill(table, h("p", { class: "sw-hint" }, error.message));
    }
  }

  function rowsOf() {
    const rows = [...panel.rows];
    if (panel.sort) {
      const value = (row) => row[panel.sort] ?? -Infinity;
      rows.sort((a, b) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0) * (panel.down ? -1 : 1));
    }
    const head = COLUMNS.map(([key, title]) => h("th", { scope: "col", "aria-sort": panel.sort === key ? (panel.down ? "descending" : "ascending") : "none" },
      h("button", { type: "button", onclick: () => { panel.down = panel.sort === key ? !panel.down : key !== "gene" && key !== "p_adj"; panel.sort = key; rowsOf(); } }, title)));
    fill(table, rows.length ? h("table", {}, h("caption", {}, `${count(rows.length, "gene")} higher in ${panel.region} than in ${panel.versus === "rest" ? "the rest" : panel.versus}`),
      h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows.map(line))) : h("p", { class: "sw-hint" }, "No gene is higher here."));
  }

  function line(row) {
    return h("tr", {}, h("th", { scope: "row" }, h("button", { type: "button", title: `Show ${row.gene} on the slide`, onclick: () => show(row.gene) }, row.gene)),
      h("td", {}, number(row.log2fc)), h("td", {}, number(row.auroc)), h("td", {}, pValue(row.p_adj)),
      h("td", { title: "Correlation of this gene on held-out slides: how far its prediction can be trusted" }, number(row.reliability)));
  }

  return {
    update(state) {
      if (wish.region === undefined && panel.region === "" && state.genes.region && store.region(state.genes.region)) panel.region = state.genes.region;
      if (!store.region(panel.region)) panel.region = state.focus || "";
      const options = (first) => [first, ...state.regions.map((region) => [region.id, `${region.id} ${region.query}`])];
      const select = (label, name, first) => h("label", {}, h("span", {}, label), h("select", { onchange: (event) => { panel[name] = event.target.value; load(); draw(); } },
        options(first).map(([value, words]) => h("option", { value, selected: panel[name] === value }, words))));
      fill(choice, select("in", "region", ["", "a region …"]), select("against", "versus", ["rest", "the rest"]));
      const wanted = `${state.spots}|${panel.region}|${panel.versus}`;
      if (panel.seen !== wanted) { panel.seen = wanted; load(); }
      draw();
    },
  };
}

function pValue(p) {
  if (p === null) return "–";
  return p < 1e-300 ? "< 1e-300" : p < 0.01 ? p.toExponential(0).replace("e-", "e−") : p.toFixed(2);
}

// Names that begin with what is typed, then names that hold it; arrows and Enter choose.
function completion(input, list, chosen) {
  let at = -1;
  const close = () => { list.hidden = true; at = -1; input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); };
  const take = (gene) => { input.value = gene; close(); chosen(gene); };
  const point = (next) => {
    at = Math.max(0, Math.min(list.childElementCount - 1, next));
    [...list.children].forEach((item, i) => item.setAttribute("aria-selected", String(i === at)));
    list.children[at]?.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", `sw-gene-${at}`);
  };
  input.addEventListener("input", () => {
    const typed = input.value.trim().toUpperCase();
    const all = store.spots?.genes || [];
    const fits = typed ? [...all.filter((gene) => gene.toUpperCase().startsWith(typed)).sort(), ...all.filter((gene) => gene.toUpperCase().includes(typed, 1) && !gene.toUpperCase().startsWith(typed)).sort()].slice(0, 8) : [];
    fill(list, typed && !fits.length ? h("li", { class: "sw-hint", role: "option", "aria-disabled": "true" }, "No predicted gene has this name.") : fits.map((gene, i) => h("li", { role: "option", id: `sw-gene-${i}`, "aria-selected": "false", onpointerdown: (event) => { event.preventDefault(); take(gene); } }, gene)));
    list.hidden = !typed;
    input.setAttribute("aria-expanded", String(!list.hidden));
    at = -1;
  });
  input.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); point(at + (event.key === "ArrowDown" ? 1 : -1)); }
    if (event.key === "Enter") { const item = list.children[Math.max(at, 0)]; if (item?.id) take(item.textContent); }
    if (event.key === "Escape") { event.stopPropagation(); close(); }
  });
  input.addEventListener("blur", close);
}
