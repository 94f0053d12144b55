// Values to colours: codes 0..254 of a palette, 255 for spots without a value; ends of the scale by clipping percentiles.
import { store } from "./store.js";

export const MISSING = 255;

export function paletteOf(layer) {
  const { view, palettes } = store;
  const name = layer.kind === "score" ? view.diverging : layer.kind === "category" ? "categories" : view.sequential;
  return palettes[name];
}

// Ends of the scale: the server's, or clipped further by the person's percentile; scores stay symmetric about 0.
export function rangeOf(layer, values) {
  const clip = store.view.clip;
  if (!clip || layer.kind === "category") return [layer.low, layer.high];
  const sorted = Float32Array.from(values).filter(Number.isFinite).map((v) => (layer.kind === "score" ? Math.abs(v) : v)).sort();
  if (!sorted.length) return [layer.low, layer.high];
  const at = (percent) => sorted[Math.min(sorted.length - 1, Math.round((percent / 100) * (sorted.length - 1)))];
  const high = at(100 - clip);
  const low = layer.kind === "score" ? -high : at(clip);
  return high > low ? [low, high] : [layer.low, layer.high];
}

export function codesOf(layer, values) {
  const codes = new Uint8Array(values.length);
  const [low, high] = rangeOf(layer, values);
  const scale = 254 / (high - low || 1);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    const missing = !(value === value) || (layer.kind === "category" && value < 0);
    codes[i] = missing ? MISSING : Math.max(0, Math.min(254, Math.round((value - low) * scale)));
  }
  return codes;
}

export function css(palette, code) {
  return `rgb(${palette[4 * code]},${palette[4 * code + 1]},${palette[4 * code + 2]})`;
}

// Numbers of spots in equal steps between the least and the greatest value.
export function histogram(values, bins) {
  let [least, most] = [Infinity, -Infinity];
  for (const v of values) if (v === v) { if (v < least) least = v; if (v > most) most = v; }
  const counts = new Uint32Array(bins);
  if (!(most > least)) return { counts, least: least === Infinity ? 0 : least, most: least === Infinity ? 1 : least + 1 };
  const scale = bins / (most - least);
  for (const v of values) if (v === v) counts[Math.min(bins - 1, Math.floor((v - least) * scale))]++;
  return { counts, least, most };
}
