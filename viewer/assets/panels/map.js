// Spots laid out by likeness (UMAP), linked both ways with the slide; clusters with captions and their share.
import { codesOf, css, MISSING, paletteOf } from "../colour.js";
import { count, fill, h, say } from "../dom.js";
import { inside } from "../outlines.js";
import { floats, json, store } from "../store.js";

const SIDE = 268;
const laid = new Map(); // by the key of the spots

export function map(body, page) {
  const canvas = h("canvas", { width: SIDE * 2, height: SIDE * 2, class: "sw-umap", role: "img", "aria-label": "Spots laid out by likeness of their transcriptome. Draw around points to select their spots." });
  const frame = h("div", { class: "sw-umap-frame" }, canvas, h("p", { class: "sw-hint", hidden: true }, ""));
  const start = h("button", { type: "button", class: "sw-small", onclick: () => load() }, "Lay the spots out by likeness (UMAP)");
  const number_ = h("input", { type: "number", min: 2, max: 12, placeholder: "auto", "aria-label": "Number of clusters; empty lets the data decide" });
  const groups = h("form", { class: "sw-form", onsubmit: (event) => { event.preventDefault(); cluster(event.submitter); } }, number_, h("button", { type: "submit", class: "sw-small" }, "Find clusters"));
  const shares = h("div", { class: "sw-shares" });
  fill(body, start, frame, groups, shares);
  let [marked, ring] = [-1, []];
  const unheard = store.on("hover", (spot) => { if (marked !== spot) { marked = spot; draw(); } });

  async function load() {
    const key = store.state.spots;
    if (!key) { say("Spots can be laid out once the slide is prepared."); return; }
    start.disabled = true;
    start.textContent = "Laying out … (the first time takes half a minute)";
    try {
      laid.set(key, scaled(floats((await json("GET", `${store.path}/embedding`)).xy)));
    } catch (error) {
      say(error.message, true);
    }
    start.disabled = false;
    start.textContent = "Lay the spots out by likeness (UMAP)";
    update();
  }

  async function cluster(button) {
    button.disabled = true;
    button.textContent = "Finding …";
    await store.act("POST", "clusters", { n: number_.value ? Number(number_.value) : null });
    button.disabled = false;
    button.textContent = "Find clusters";
  }

  function draw() {
    const points = laid.get(store.state.spots);
    if (!points) return;
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, SIDE * 2, SIDE * 2);
    const layer = store.layer(store.state.left);
    const codes = layer && codesOf(layer, store.values.get(layer.id));
    const palette = layer && paletteOf(layer);
    const chosen = new Set(store.region(store.state.focus)?.rows || []);
    const radius = points.length > 20000 ? 2 : points.length > 4000 ? 3 : 5;
    for (let i = 0; i < points.length / 2; i++) {
      context.fillStyle = codes && codes[i] !== MISSING ? css(palette, codes[i]) : "#94a3b8";
      context.globalAlpha = store.mask && !store.mask[i] ? 0.12 : 0.9;
      context.fillRect(points[2 * i] - radius / 2, points[2 * i + 1] - radius / 2, radius, radius);
    }
    context.globalAlpha = 1;
    context.strokeStyle = "#c2410c";
    context.lineWidth = 2;
    for (const i of chosen) context.strokeRect(points[2 * i] - radius / 2 - 1, points[2 * i + 1] - radius / 2 - 1, radius + 2, radius + 2);
    if (marked >= 0) {
      context.strokeStyle = "#0f172a";
      context.lineWidth = 4;
      context.beginPath();
      context.arc(points[2 * marked], points[2 * marked + 1], 10, 0, 7);
      context.stroke();
    }
    if (ring.length > 4) {
      context.strokeStyle = "#0f766e";
      context.lineWidth = 3;
      context.beginPath();
      for (let i = 0; i < ring.length; i += 2) context.lineTo(ring[i], ring[i + 1]);
      context.closePath();
      context.stroke();
    }
  }

  const place = (event) => { const box = canvas.getBoundingClientRect(); return [((event.clientX - box.left) / box.width) * SIDE * 2, ((event.clientY - box.top) / box.height) * SIDE * 2]; };
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); ring = place(event); });
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons && ring.length) { ring.push(...place(event)); draw(); } else point(place(event));
  });
  canvas.addEventListener("pointerup", () => {
    const [points, drawn] = [laid.get(store.state.spots), ring];
    ring = [];
    if (!points || drawn.length < 8) { draw(); return; }
    const rows = [];
    for (let i = 0; i < points.length / 2; i++) if (inside(drawn, points[2 * i], points[2 * i + 1])) rows.push(i);
    if (rows.length) store.act("POST", "regions", { rows }); else draw();
  });
  canvas.addEventListener("pointerleave", () => store.tell("mark", -1));

  function point([x, y]) {
    const points = laid.get(store.state.spots);
    let [best, near] = [-1, 144];
    for (let i = 0; points && i < points.length / 2; i++) {
      const far = (points[2 * i] - x) ** 2 + (points[2 * i + 1] - y) ** 2;
      if (far < near) [best, near] = [i, far];
    }
    store.tell("mark", best);
  }

  function update() {
    const known = laid.has(store.state.spots);
    start.hidden = known;
    frame.hidden = !known;
    draw();
    const layer = store.layer(store.state.left);
    fill(shares, layer?.kind === "category" ? composition(layer) : h("p", { class: "sw-hint" }, "Clusters group spots of like transcriptome and are captioned by terms and genes that stand out in them."));
  }

  return { update, leave: unheard };
}

function composition(layer) {
  const codes = codesOf(layer, store.values.get(layer.id));
  const palette = paletteOf(layer);
  return layer.labels.map((label, i) => {
    const rows = [];
    codes.forEach((code, row) => { if (code === i) rows.push(row); });
    const share = rows.length / codes.length;
    return h("button", {
      type: "button", class: "sw-share", title: "Select these spots", onclick: () => store.act("POST", "regions", { rows, name: label.slice(0, 120) }),
      onpointerenter: () => store.setMask(Uint8Array.from(codes, (code) => (code === i ? 1 : 0))), onpointerleave: () => store.setMask(null),
    }, h("span", { class: "sw-share-name" }, h("span", { class: "sw-dot", style: `background:${css(palette, i)}` }), label),
      h("span", { class: "sw-share-bar" }, h("span", { style: `width:${100 * share}%;background:${css(palette, i)}` })),
      h("span", { class: "sw-soft" }, `${Math.round(100 * share)} % · ${count(rows.length, "spot")}`));
  });
}

// UMAP's plane to the px of the canvas, the same scale in both directions.
function scaled(xy) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < xy.length; i += 2) {
    box[0] = Math.min(box[0], xy[i]);
    box[1] = Math.min(box[1], xy[i + 1]);
    box[2] = Math.max(box[2], xy[i]);
    box[3] = Math.max(box[3], xy[i + 1]);
  }
  const scale = (SIDE * 2 - 28) / Math.max(box[2] - box[0], box[3] - box[1], 1e-6);
  const [dx, dy] = [SIDE - ((box[0] + box[2]) / 2) * scale, SIDE - ((box[1] + box[3]) / 2) * scale];
  return xy.map((value, i) => value * scale + (i % 2 ? dy : dx));
}
