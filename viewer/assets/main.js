// The slide's side of the page: two views that move together, tools, panels, and the wire to the conversation.
import { fill, h, iconButton, say } from "./dom.js";
import { Header } from "./header.js";
import { Pane } from "./pane.js";
import { Chosen } from "./chosen.js";
import { Drawer } from "./drawer.js";
import { Selector } from "./select.js";
import { jump } from "./panels/search.js";
import { store } from "./store.js";

export function mount(element, props, watch, trigger) {
  const page = {
    element,
    ask: (words) => trigger("select", { ask: words }),
    go: (wish) => trigger("submit", wish),
  };
  const [left, right] = ["left", "right"].map((side) => new Pane(element.querySelector(`[data-side=${side}]`), side));
  Object.assign(page, { left, right, panes: [left, right] });
  const buttons = {};
  page.selector = new Selector(page.panes, buttons);
  page.panes.forEach((pane) => page.selector.attach(pane));
  page.drawer = new Drawer(element, page);
  page.chosen = new Chosen(element.querySelector(".sw-chosen"), page);
  page.header = new Header(document.querySelector("#sw-head .sw-head"), page);
  tools(element.querySelector(".sw-tools"), page, buttons);
  together(page.panes);
  keys(page);
  links(page);
  store.on("state", (state, before) => show(page, state, before));
  store.on("view", (changes) => (Object.keys(changes).join() === "size" ? page.panes.forEach((pane) => pane.redraw()) : page.panes.forEach((pane) => pane.recolour())));
  store.on("mask", () => page.panes.forEach((pane) => pane.recolour()));
  store.on("mark", (spot) => page.panes.forEach((pane) => pane.mark(spot)));
  const read = () => {
    const signal = JSON.parse(props.signal);
    if (!signal.visit) return;
    const url = new URL(location);
    if (url.searchParams.get("chat") !== signal.visit) {
      url.searchParams.delete("slide");
      url.searchParams.set("chat", signal.visit);
      history.replaceState(null, "", url);
    }
    store.load(signal.visit).catch((error) => say(error.message, true));
  };
  watch("signal", read);
  read();
  // Whether the slide's side shows what the conversation last told it.
  const settled = () => {
    const signal = JSON.parse(props.signal);
    return store.state?.visit === signal.visit && store.state.version >= signal.version;
  };
  window.SpotWhisperer = { page, store, showAnswer, settled };
}

function show(page, state, before) {
  const other = !before || before.spots !== state.spots;
  const elsewhere = !before || before.slide.url !== state.slide.url;
  if (!before && !state.slide.name) page.drawer.open("slides");
  page.right.element.hidden = !state.right;
  for (const pane of page.panes) if (pane.side === "left" || state.right) pane.update(other || !pane.known);
  page.left.known = true;
  page.right.known = Boolean(state.right);
  page.element.querySelector(".sw-invite").hidden = Boolean(state.left) || !state.slide.prepared;
  const known = new Set((before?.regions || []).map((region) => region.id));
  const fresh = state.regions.filter((region) => region.shown && !region.own && !known.has(region.id)).map((region) => region.id);
  if (fresh.length && !elsewhere) page.left.flyToRegions(fresh);
  if (state.right && !before?.right) requestAnimationFrame(page.actions.home);
}

function tools(bar, page, buttons) {
  const { left, selector } = page;
  const zoom = (factor) => { left.leads(); left.viewer.viewport.zoomBy(factor); left.viewer.viewport.applyConstraints(); };
  page.actions = {
    in: () => zoom(1.6), out: () => zoom(1 / 1.6), home: () => { left.leads(); left.viewer.viewport.setRotation(0); left.viewer.viewport.goHome(); },
    turn: () => { left.leads(); left.viewer.viewport.setRotation((left.viewer.viewport.getRotation() + 90) % 360); },
    full: () => (document.fullscreenElement ? document.exitFullscreen() : page.element.querySelector(".sw-app").requestFullscreen()),
    mode: (mode) => selector.setMode(selector.mode === mode ? "pan" : mode), view: () => selector.selectView(left),
  };
  const mode = (name, look, label) => (buttons[name] = iconButton(look, label, () => page.actions.mode(name), { "aria-pressed": String(name === "pan") }));
  fill(bar,
    iconButton("plus", "Zoom in (+)", page.actions.in), iconButton("minus", "Zoom out (−)", page.actions.out),
    iconButton("home", "Show the whole slide (0)", page.actions.home), iconButton("turn", "Turn by 90 degrees", page.actions.turn),
    iconButton("full", "Full screen", page.actions.full), h("hr"),
    mode("pan", "hand", "Move the slide (Esc)"), mode("lasso", "lasso", "Lasso spots (L)"), mode("box", "box", "Box around spots (B)"),
    iconButton("view", "Select what is in view (V)", page.actions.view));
}

// Two views move as one: the one that the person touches leads.
function together(panes) {
  let leader = panes[0];
  for (const pane of panes) {
    const other = panes.find((candidate) => candidate !== pane);
    pane.leads = () => { leader = pane; };
    pane.element.addEventListener("pointerenter", pane.leads);
    pane.element.addEventListener("focusin", pane.leads);
    pane.viewer.addHandler("update-viewport", () => {
      if (pane !== leader || !other.viewer.isOpen() || other.element.hidden) return;
      const [from, to] = [pane.viewer.viewport, other.viewer.viewport];
      if (to.getRotation() !== from.getRotation()) to.setRotation(from.getRotation(), true);
      to.zoomTo(from.getZoom(true), null, true);
      to.panTo(from.getCenter(true), true);
    });
    pane.opened = () => { if (pane.side === "right") panes[0].viewer.forceRedraw(); };
  }
}

function keys(page) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      if (page.selector.mode !== "pan") page.selector.setMode("pan");
      else if (page.drawer.name) page.drawer.close();
      return;
    }
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    if (event.key === "/") {
      event.preventDefault();
      document.querySelector("#sw-box textarea").focus();
    } else if (event.key === "l" || event.key === "b") page.actions.mode(event.key === "l" ? "lasso" : "box");
    else if (event.key === "v") page.actions.view();
    else if (/^[1-8]$/.test(event.key)) page.drawer.toggleNumber(Number(event.key) - 1);
  });
}

// Regions and places named in the conversation lead there; `places` of a search may lie on another slide.
function links(page) {
  document.addEventListener("click", (event) => {
    const place = /#at\/([^/]+)\/(-?\d+)\/(-?\d+)$/.exec(event.target.closest?.('a[href*="#at/"]')?.getAttribute("href"));
    if (place) {
      event.preventDefault();
      jump(page, { slide: decodeURIComponent(place[1]), x: Number(place[2]), y: Number(place[3]) });
      return;
    }
    const link = event.target.closest?.('a[href*="#r"]');
    const id = link && /#(r\d+)$/.exec(link.getAttribute("href"))?.[1];
    if (!id) return;
    event.preventDefault();
    if (!store.region(id)) { say(`${id} is not on this slide any more.`); return; }
    store.act("POST", "focus", { region: id }).then(() => page.left.flyToRegions([id]));
  });
}

const SETTLED_MS = 400; // the chat follows its own end for a moment after the last word

// A long answer is read from its question on, not from its end.
function showAnswer() {
  setTimeout(() => {
    const scroller = document.querySelector("#sw-chat .bubble-wrap");
    const question = [...document.querySelectorAll("#sw-chat .user-row")].pop();
    if (!scroller || !question) return;
    const above = question.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
    scroller.scrollBy({ top: above - 8, behavior: "smooth" });
  }, SETTLED_MS);
}
