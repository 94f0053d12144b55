// One view of the slide: OpenSeadragon, spots coloured by one layer, outlines, scale bar, tooltip, legend.
import { codesOf, paletteOf } from "./colour.js";
import { h } from "./dom.js";
import { Legend } from "./legend.js";
import { boxOf, drawDraft, drawMark, drawOutlines, inside } from "./outlines.js";
import { Spots } from "./spots.js";
import { store } from "./store.js";
import { Tip } from "./tip.js";

const MOST_PIXELS = 2.5e6; // of the spots' canvas; finer screens draw them at less than their resolution

export class Pane {
  constructor(element, side) {
    this.element = element;
    this.side = side;
    this.find = (query) => element.querySelector(query);
    this.stage = this.find(".sw-osd");
    this.viewer = OpenSeadragon({
      element: this.find(".sw-osd"), drawer: "canvas", prefixUrl: "vendor/openseadragon/images/",
      showNavigationControl: false, showNavigator: side === "left", navigatorPosition: "TOP_RIGHT", navigatorSizeRatio: 0.16, navigatorAutoFade: false,
      animationTime: 0.45, springStiffness: 9, maxZoomPixelRatio: 4, visibilityRatio: 0.4, minZoomImageRatio: 0.6,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true }, gestureSettingsTouch: { pinchRotate: false },
      crossOriginPolicy: false, tabIndex: 0,
    });
    this.viewer.canvas.setAttribute("aria-label", side === "left" ? "Slide. Drag or arrow keys move, plus and minus zoom." : "Second view of the slide");
    this.viewer.canvas.setAttribute("role", "application");
    this.spotCanvas = h("canvas", { class: "sw-canvas", "aria-hidden": "true" });
    this.lineCanvas = h("canvas", { class: "sw-canvas", "aria-hidden": "true" });
    this.viewer.canvas.append(this.spotCanvas, this.lineCanvas);
    this.spots = new Spots(this.spotCanvas);
    this.legend = new Legend(this.find(".sw-legend"), this);
    this.tip = new Tip(this.find(".sw-tip"), this);
    this.draft = [];
    this.marked = -1;
    this.listen();
  }

  listen() {
    this.viewer.addHandler("open", () => { this.resize(); this.viewer.viewport.goHome(true); this.redraw(); this.opened?.(); });
    this.viewer.addHandler("update-viewport", () => this.redraw());
    this.viewer.addHandler("canvas-click", (event) => { if (event.quick && !this.drawing) this.click(event.position); });
    this.viewer.addHandler("canvas-key", (event) => {
      // Mirroring by a stray key would surprise more than help; turning has a button.
      if (["r", "R", "f", "F"].includes(event.originalEvent.key)) event.preventDefaultAction = true;
    });
    new ResizeObserver(() => { this.resize(); this.redraw(); }).observe(this.stage);
  }

  get layer() {
    return store.layer(store.state?.[this.side]);
  }

  get regions() {
    return store.state && store.view.outlines ? store.state.regions.filter((region) => region.shown || region.id === store.state.focus) : [];
  }

  // Take up what the store holds.
  update(spotsChanged) {
    const slide = store.state.slide;
    const empty = this.find(".sw-empty");
    empty.hidden = Boolean(slide.name);
    empty.textContent = slide.empty || "";
    if (!slide.name) this.find(".sw-scale").hidden = true;
    if (spotsChanged) this.spots.setSpots(store.spots);
    if (slide.url !== this.url) {
      this.url = slide.url;
      this.pin = null;
      if (slide.url) this.viewer.open(slide.url);
      else this.viewer.close();
    }
    this.recolour();
  }

  recolour() {
    const layer = this.layer;
    const values = layer && store.values.get(layer.id);
    const shown = values && store.view.spots;
    this.spots.setColours(shown ? codesOf(layer, values) : null, layer && paletteOf(layer), store.mask, store.view.opacity);
    this.find(".sw-stage").classList.toggle("sw-grey", store.view.grey);
    this.legend.update(layer, values);
    this.redraw();
  }

  resize() {
    const [width, height] = [this.stage.clientWidth, this.stage.clientHeight];
    if (!width || !height) return;
    const ratio = window.devicePixelRatio || 1;
    this.ratio = Math.min(ratio, Math.sqrt(MOST_PIXELS / (width * height)));
    this.spots.resize(Math.round(width * this.ratio), Math.round(height * this.ratio));
    this.lineCanvas.width = Math.round(width * ratio);
    this.lineCanvas.height = Math.round(height * ratio);
  }

  redraw() {
    if (!this.viewer.isOpen() || !store.state) return;
    this.map = mapOf(this.viewer);
    const { a, b, c, d, e, f } = this.map;
    const k = this.ratio;
    this.spots.draw({ a: a * k, b: b * k, c: c * k, d: d * k, e: e * k, f: f * k }, store.view.size);
    this.redrawLines();
    this.scaleBar();
  }

  redrawLines() {
    if (!this.map) return;
    const context = this.lineCanvas.getContext("2d");
    const ratio = this.lineCanvas.width / this.lineCanvas.clientWidth || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.lineCanvas.clientWidth, this.lineCanvas.clientHeight);
    drawOutlines(context, this.regions, store.state.focus, this.map);
    drawDraft(context, this.draft, this.map);
    if (this.marked >= 0 && store.spots) drawMark(context, store.spots.xy[2 * this.marked], store.spots.xy[2 * this.marked + 1], this.spots.radius, this.map);
    if (this.pin) drawMark(context, this.pin.x, this.pin.y, this.pin.radius, this.map);
  }

  // Show where a spot lies that is pointed at elsewhere.
  mark(spot) {
    if (spot === this.marked) return;
    this.marked = spot;
    this.redrawLines();
  }

  scaleBar() {
    const mpp = store.state.slide.mpp;
    const scale = this.find(".sw-scale");
    scale.hidden = !mpp;
    if (!mpp) return;
    const umPerPx = mpp / Math.hypot(this.map.a, this.map.b);
    const power = 10 ** Math.floor(Math.log10(umPerPx * 140));
    const um = power * [5, 2, 1].find((step) => step * power <= umPerPx * 140);
    this.find(".sw-scale-line").style.width = `${um / umPerPx}px`;
    const length = um >= 1000 ? `${um / 1000} mm` : `${um} µm`;
    this.find(".sw-scale-text").textContent = `${length}  ·  ${Number((10 / umPerPx).toPrecision(2))}×`;
  }

  flyTo(box, margin = 0.2) {
    if (!box || !this.viewer.isOpen()) return;
    this.leads();
    const [x0, y0, x1, y1] = box;
    const air = margin * Math.max(x1 - x0, y1 - y0);
    const size = this.viewer.world.getItemAt(0).getContentSize();
    // Air around, but none outside the slide.
    const [left, top] = [Math.max(x0 - air, 0), Math.max(y0 - air, 0)];
    const [right, bottom] = [Math.min(x1 + air, size.x), Math.min(y1 + air, size.y)];
    const width = (right - left) / (1 - this.covered()); // what a panel covers stays free
    const rect = this.viewer.viewport.imageToViewportRectangle(right - width, top, width, bottom - top);
    this.viewer.viewport.fitBounds(rect);
  }

  // Share of the view's width that an open panel covers.
  covered() {
    const panel = this.element.parentElement.querySelector(".sw-drawer");
    return panel.hidden ? 0 : Math.min(0.6, (panel.offsetLeft + panel.offsetWidth) / this.element.offsetWidth);
  }

  flyToRegions(ids) {
    const chosen = store.state.regions.filter((region) => (ids ? ids.includes(region.id) : region.shown));
    if (chosen.length) this.flyTo(boxOf(chosen.flatMap((region) => region.rings)));
  }

  placeOf(clientX, clientY) {
    const frame = this.stage.getBoundingClientRect();
    return unmap(this.map, clientX - frame.left, clientY - frame.top);
  }

  regionAt(x, y) {
    return this.regions.find((region) => region.rings.some((ring) => inside(ring, x, y)));
  }

  click(position) {
    const region = this.regionAt(...unmap(this.map, position.x, position.y));
    const focus = region ? region.id : null;
    if (focus !== store.state.focus) store.act("POST", "focus", { region: focus });
  }
}

// {a, b, c, d, e, f}: screen x = a x + c y + e, screen y = b x + d y + f, in CSS px.
function mapOf(viewer) {
  const at = (x, y) => viewer.viewport.imageToViewerElementCoordinates(new OpenSeadragon.Point(x, y));
  const far = 1000;
  const [o, x, y] = [at(0, 0), at(far, 0), at(0, far)];
  return { a: (x.x - o.x) / far, b: (x.y - o.y) / far, c: (y.x - o.x) / far, d: (y.y - o.y) / far, e: o.x, f: o.y };
}

function unmap({ a, b, c, d, e, f }, x, y) {
  const det = a * d - b * c;
  return [(d * (x - e) - c * (y - f)) / det, (a * (y - f) - b * (x - e)) / det];
}
