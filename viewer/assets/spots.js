// Spots on a canvas. Small ones are stamped into the pixels by hand, which keeps 50,000 of them fluid without a graphics
// card; large ones, of which few fit into the view, are drawn as discs.
import { MISSING } from "./colour.js";

const LARGE_PX = 16; // radius from which a disc is a disc
const STEPS = 4; // stamps per pixel and axis, so that panning does not make spots tremble
const FADED = 0.1;

export class Spots {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.stamps = null;
    this.setSpots(null);
  }

  setSpots(spots) {
    this.xy = spots ? spots.xy : new Float32Array(0);
    this.radius = spots ? spots.radius : 1;
    this.codes = null;
    this.buckets = bucketed(this.xy, this.radius * 2);
  }

  // `palette` RGBA bytes; `mask` 1 for spots that stay bright, or null.
  setColours(codes, palette, mask, opacity) {
    this.codes = codes && codes.length * 2 === this.xy.length ? codes : null;
    this.palette = palette;
    this.mask = mask;
    this.opacity = opacity;
    if (!this.codes) return;
    this.bright = table(palette, opacity);
    this.faded = table(palette, opacity * FADED);
  }

  resize(width, height) {
    if (this.canvas.width === width && this.canvas.height === height) return;
    this.canvas.width = width;
    this.canvas.height = height;
    this.image = null;
  }

  // `map` {a, b, c, d, e, f} takes level-0 px to px of this canvas; `size` is a factor on the radius.
  draw(map, size) {
    const { width, height } = this.canvas;
    if (!width || !height) return;
    const radius = Math.max(this.radius * size * Math.hypot(map.a, map.b), 0.8);
    if (!this.codes || radius > LARGE_PX) {
      this.context.clearRect(0, 0, width, height);
      if (this.codes) this.drawDiscs(map, radius);
      return;
    }
    if (!this.image) {
      this.image = this.context.createImageData(width, height);
      this.pixels = new Uint32Array(this.image.data.buffer);
    }
    this.pixels.fill(0);
    this.stamp(map, radius);
    this.context.putImageData(this.image, 0, 0);
  }

  stamp({ a, b, c, d, e, f }, radius) {
    const { xy, codes, mask, bright, faded, pixels } = this;
    const { width, height } = this.canvas;
    const { side, reach, shapes } = this.stampsOf(radius);
    for (let i = 0, n = codes.length; i < n; i++) {
      const code = codes[i];
      if (code === MISSING) continue;
      const x = a * xy[2 * i] + c * xy[2 * i + 1] + e;
      const y = b * xy[2 * i] + d * xy[2 * i + 1] + f;
      if (x < -reach || y < -reach || x >= width + reach || y >= height + reach) continue;
      const colour = (mask && !mask[i] ? faded : bright)[code];
      const [rgb, alpha] = [colour & 0xffffff, colour >>> 24];
      const [column, row] = [Math.floor(x), Math.floor(y)];
      const shape = shapes[Math.floor((y - row) * STEPS) * STEPS + Math.floor((x - column) * STEPS)];
      const [left, top] = [column - reach, row - reach];
      const [first, last] = [Math.max(0, -left), Math.min(side, width - left)];
      for (let j = Math.max(0, -top), end = Math.min(side, height - top); j < end; j++) {
        let at = (top + j) * width + left + first;
        for (let k = j * side + first, stop = j * side + last; k < stop; k++, at++) {
          const cover = shape[k];
          if (!cover) continue;
          const strength = cover === 255 ? alpha : (alpha * cover) >> 8;
          if (strength > pixels[at] >>> 24) pixels[at] = (rgb | (strength << 24)) >>> 0;
        }
      }
    }
  }

  // Coverage 0..255 of a disc, for each place of its centre within a pixel.
  stampsOf(radius) {
    if (this.stamps?.radius === radius) return this.stamps;
    const reach = Math.ceil(radius) + 1;
    const side = 2 * reach + 1;
    const shapes = [];
    for (let v = 0; v < STEPS; v++) {
      for (let u = 0; u < STEPS; u++) {
        const shape = new Uint8Array(side * side);
        const [x0, y0] = [reach + (u + 0.5) / STEPS, reach + (v + 0.5) / STEPS];
        for (let j = 0; j < side; j++) {
          for (let i = 0; i < side; i++) {
            const far = Math.hypot(i + 0.5 - x0, j + 0.5 - y0);
            shape[j * side + i] = Math.round(255 * Math.max(0, Math.min(1, radius + 0.5 - far)));
          }
        }
        shapes.push(shape);
      }
    }
    this.stamps = { radius, reach, side, shapes };
    return this.stamps;
  }

  drawDiscs({ a, b, c, d, e, f }, radius) {
    const { xy, codes, mask, palette, context } = this;
    const [right, bottom] = [this.canvas.width + radius, this.canvas.height + radius];
    for (let i = 0; i < codes.length; i++) {
      if (codes[i] === MISSING) continue;
      const x = a * xy[2 * i] + c * xy[2 * i + 1] + e;
      const y = b * xy[2 * i] + d * xy[2 * i + 1] + f;
      if (x < -radius || y < -radius || x > right || y > bottom) continue;
      const at = 4 * codes[i];
      const alpha = (palette[at + 3] / 255) * this.opacity * (mask && !mask[i] ? FADED : 1);
      context.fillStyle = `rgba(${palette[at]},${palette[at + 1]},${palette[at + 2]},${alpha.toFixed(3)})`;
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.fill();
    }
  }

  // The spot under a place in level-0 px, or -1.
  at(x, y) {
    const cell = this.radius * 2;
    let [best, near] = [-1, this.radius * this.radius];
    const [column, row] = [Math.floor(x / cell), Math.floor(y / cell)];
    for (let dx = -1; dx <= 1; dx++) {
      for (let dy = -1; dy <= 1; dy++) {
        for (const i of this.buckets.get(keyOf(column + dx, row + dy)) || []) {
          const far = (this.xy[2 * i] - x) ** 2 + (this.xy[2 * i + 1] - y) ** 2;
          if (far <= near) [best, near] = [i, far];
        }
      }
    }
    return best;
  }
}

function table(palette, opacity) {
  const colours = new Uint32Array(256);
  for (let c = 0; c < 255; c++) {
    const alpha = Math.round(palette[4 * c + 3] * opacity);
    colours[c] = ((alpha << 24) | (palette[4 * c + 2] << 16) | (palette[4 * c + 1] << 8) | palette[4 * c]) >>> 0;
  }
  return colours;
}

const keyOf = (column, row) => column * 4194304 + row;

function bucketed(xy, cell) {
  const buckets = new Map();
  for (let i = 0; i < xy.length / 2; i++) {
    const key = keyOf(Math.floor(xy[2 * i] / cell), Math.floor(xy[2 * i + 1] / cell));
    const bucket = buckets.get(key);
    if (bucket) bucket.push(i);
    else buckets.set(key, [i]);
  }
  return buckets;
}
