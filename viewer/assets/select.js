// Choosing spots on the slide: lasso, box, or all that is in view. What is chosen becomes a region of the conversation.
import { say } from "./dom.js";
import { inside } from "./outlines.js";
import { store } from "./store.js";

export class Selector {
  constructor(panes, buttons) {
    this.panes = panes;
    this.buttons = buttons;
    this.mode = "pan";
  }

  attach(pane) {
    const stage = pane.find(".sw-osd");
    stage.addEventListener("pointerdown", (event) => { if (this.mode !== "pan" && event.isPrimary) this.begin(pane, event); }, true);
    stage.addEventListener("wheel", (event) => { if (this.mode !== "pan") this.wheel(pane, event); }, { passive: false });
  }

  setMode(mode) {
    this.mode = mode;
    for (const pane of this.panes) {
      pane.drawing = mode !== "pan";
      pane.viewer.setMouseNavEnabled(mode === "pan");
      pane.find(".sw-stage").classList.toggle("sw-drawing", mode !== "pan");
    }
    for (const [name, button] of Object.entries(this.buttons)) button.setAttribute("aria-pressed", String(name === mode));
  }

  wheel(pane, event) {
    event.preventDefault();
    const frame = pane.find(".sw-osd").getBoundingClientRect();
    const { viewport } = pane.viewer;
    const point = viewport.pointFromPixel(new OpenSeadragon.Point(event.clientX - frame.left, event.clientY - frame.top));
    viewport.zoomBy(event.deltaY < 0 ? 1.2 : 1 / 1.2, point);
    viewport.applyConstraints();
  }

  begin(pane, event) {
    if (!pane.map || !store.spots) { say("Spots can be chosen once the slide is prepared."); return; }
    event.preventDefault();
    event.stopPropagation();
    const stage = pane.find(".sw-osd");
    const start = [event.clientX, event.clientY];
    const ring = [...pane.placeOf(...start)];
    stage.setPointerCapture(event.pointerId);
    const move = (e) => {
      if (this.mode === "box") ring.splice(0, ring.length, ...this.corners(pane, start, [e.clientX, e.clientY]));
      else ring.push(...pane.placeOf(e.clientX, e.clientY));
      pane.draft = ring;
      pane.redrawLines();
    };
    const end = (e) => {
      stage.removeEventListener("pointermove", move);
      stage.removeEventListener("pointerup", end);
      stage.removeEventListener("pointercancel", end);
      pane.draft = [];
      pane.redrawLines();
      if (e.type === "pointerup" && ring.length >= 6) this.finish(ring);
    };
    stage.addEventListener("pointermove", move);
    stage.addEventListener("pointerup", end);
    stage.addEventListener("pointercancel", end);
  }

  // Corners of the box on the screen, as places on the slide: it stays a box when the slide is turned.
  corners(pane, [x0, y0], [x1, y1]) {
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]].flatMap(([x, y]) => pane.placeOf(x, y));
  }

  finish(ring) {
    this.setMode("pan");
    const { xy, n } = store.spots;
    const rows = [];
    for (let i = 0; i < n; i++) if (inside(ring, xy[2 * i], xy[2 * i + 1])) rows.push(i);
    if (rows.length) store.act("POST", "regions", { rows });
    else say("No spot lies in there.");
  }

  // For the keyboard: everything that the view shows.
  selectView(pane) {
    if (!pane.map || !store.spots) { say("Spots can be chosen once the slide is prepared."); return; }
    const frame = pane.find(".sw-osd").getBoundingClientRect();
    this.finish(this.corners(pane, [frame.left, frame.top], [frame.right, frame.bottom]));
  }
}
