// What the page knows of its visit: the state that the server keeps, arrays fetched once, and the person's view settings.
import { say } from "./dom.js";

const VIEW = { opacity: 0.7, size: 1, clip: 0, diverging: "blue-red", sequential: "viridis", spots: true, outlines: true, grey: false };
const KEPT = "sw-view";

export function bytes(text) {
  return Uint8Array.from(atob(text || ""), (letter) => letter.charCodeAt(0));
}

export function floats(text) {
  return new Float32Array(bytes(text).buffer);
}

export async function ask(method, path, body) {
  const raw = body instanceof Blob;
  const answer = await fetch(new URL(`sw/${path}`, document.baseURI), {
    method, body: body === undefined || raw ? body : JSON.stringify(body),
    headers: body === undefined || raw ? {} : { "Content-Type": "application/json" },
  });
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  throw new Error(typeof told.detail === "string" ? told.detail : `The server could not do that (${answer.status}).`);
}

export const json = async (method, path, body) => (await ask(method, path, body)).json();

class Store {
  constructor() {
    this.state = null;
    this.spots = null;
    this.palettes = {};
    this.values = new Map();
    this.view = { ...VIEW, ...JSON.parse(localStorage.getItem(KEPT) || "{}") };
    this.mask = null; // 1 for spots that stay bright while others fade
    this.listeners = [];
  }

  on(what, heard) {
    const entry = [what, heard];
    this.listeners.push(entry);
    return () => { this.listeners = this.listeners.filter((other) => other !== entry); };
  }

  tell(what, ...news) {
    for (const [wanted, heard] of this.listeners) if (wanted === what) heard(...news);
  }

  setView(changes) {
    Object.assign(this.view, changes);
    localStorage.setItem(KEPT, JSON.stringify(this.view));
    this.tell("view", changes);
  }

  setMask(mask) {
    this.mask = mask;
    this.tell("mask");
  }

  get path() {
    return `visits/${this.state.visit}`;
  }

  // Fetch what the server shows for a visit.
  async load(visit) {
    this.wanted = visit;
    if (!Object.keys(this.palettes).length) {
      for (const [name, text] of Object.entries(await json("GET", "palettes"))) this.palettes[name] = bytes(text);
    }
    const state = await json("GET", `visits/${visit}`);
    if (this.wanted === visit) await this.take(state);
  }

  // Change something on the server; it answers with the state after it. Says what went wrong.
  async act(method, path, body) {
    try {
      await this.take(await json(method, `${this.path}/${path}`, body));
      return true;
    } catch (error) {
      say(error.message, true);
      return false;
    }
  }

  async take(state) {
    if (this.state && state.visit === this.state.visit && state.version < this.state.version) return;
    if (this.state && state.visit !== this.state.visit) this.values.clear();
    const fresh = !this.spots || this.spots.key !== state.spots;
    let spots = this.spots;
    if (!state.spots) spots = null;
    else if (fresh) spots = await this.fetchSpots(state);
    await Promise.all([state.left, state.right].filter(Boolean).map((id) => this.fetchValues(state.visit, id)));
    const before = this.state;
    this.state = state;
    this.spots = spots;
    this.mask = null;
    this.tell("state", state, before);
  }

  async fetchSpots(state) {
    const raw = await json("GET", `visits/${state.visit}/spots`);
    return { key: state.spots, n: raw.n, radius: raw.radius, xy: floats(raw.xy), ids: raw.ids.split("\n"), genes: raw.genes };
  }

  async fetchValues(visit, id) {
    if (this.values.has(id)) return;
    const answer = await ask("GET", `visits/${visit}/layers/${id}.bin`);
    this.values.set(id, new Float32Array(await answer.arrayBuffer()));
  }

  layer(id) {
    return this.state?.layers.find((layer) => layer.id === id) || null;
  }

  region(id) {
    return this.state?.regions.find((region) => region.id === id) || null;
  }
}

export const store = new Store();
