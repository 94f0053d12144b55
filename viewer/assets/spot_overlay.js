// Spots and regions on one canvas over the slide. Coordinates are level-0 pixels; the owner says how they map to the screen.
window.SpotWhisperer = window.SpotWhisperer || {};

(function (house) {
  const MISSING = 255;

  function bytes(text) {
    const raw = atob(text || "");
    const out = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
    return out;
  }

  function floats(text) {
    return new Float32Array(bytes(text).buffer);
  }

  // Buckets of spots by grid cell, to find the one under the pointer without looking at all of them.
  function bucketed(xy, cell) {
    const buckets = new Map();
    for (let i = 0; i < xy.length / 2; i++) {
      const key = Math.floor(xy[2 * i] / cell) + ":" + Math.floor(xy[2 * i + 1] / cell);
      if (!buckets.has(key)) buckets.set(key, []);
      buckets.get(key).push(i);
    }
    return buckets;
  }

  class SpotOverlay {
    constructor(canvas) {
      this.canvas = canvas;
      this.opacity = 0.65;
      this.show = { spots: true, regions: true };
      this.focus = null;
      this.setSpots({});
      this.setRegions([]);
    }

    setSpots(payload) {
      this.xy = floats(payload.xy);
      this.ids = payload.ids ? payload.ids.split("\n") : [];
      this.radius = payload.radius || 1;
      this.buckets = bucketed(this.xy, this.radius * 2);
      this.setLayer({});
    }

    setLayer(payload) {
      this.layer = null;
      const codes = bytes(payload.codes);
      if (!codes.length || codes.length !== this.xy.length / 2) return;
      const palette = bytes(payload.palette);
      const colours = [];
      for (let c = 0; c < 256; c++) {
        const [r, g, b, a] = palette.subarray(4 * c, 4 * c + 4);
        colours.push(`rgba(${r},${g},${b},${(a / 255).toFixed(3)})`);
      }
      // Spots sorted by colour: one fill style per run, and high values are drawn last.
      const order = Uint32Array.from(codes.keys()).filter((i) => codes[i] !== MISSING).sort((i, j) => codes[i] - codes[j]);
      this.layer = { ...payload, codes, colours, order, palette, values: floats(payload.values) };
    }

    setRegions(regions) {
      this.regions = regions.map((region) => ({ ...region, box: boxOf(region.rings) }));
      this.focus = null;
    }

    // The smallest [x0, y0, x1, y1] around the visible regions, or around one of them.
    box(id) {
      const chosen = this.regions.filter((region) => (id ? region.id === id : region.shown));
      return chosen.length ? boxOf(chosen.flatMap((region) => region.rings)) : null;
    }

    spotAt(x, y) {
      const cell = this.radius * 2;
      let best = -1;
      let near = this.radius * this.radius;
      for (let dx = -1; dx <= 1; dx++) {
        for (let dy = -1; dy <= 1; dy++) {
          const key = Math.floor(x / cell) + dx + ":" + (Math.floor(y / cell) + dy);
          for (const i of this.buckets.get(key) || []) {
            const far = (this.xy[2 * i] - x) ** 2 + (this.xy[2 * i + 1] - y) ** 2;
            if (far <= near) [best, near] = [i, far];
          }
        }
      }
      return best;
    }

    regionAt(x, y) {
      return this.regions.find((region) => region.shown && region.rings.some((ring) => inside(ring, x, y)));
    }

    // `map` is {a, b, c, d, e, f}: screen x = a x + c y + e, screen y = b x + d y + f, in CSS pixels.
    draw(map) {
      const ctx = this.canvas.getContext("2d");
      const ratio = this.canvas.width / this.canvas.clientWidth || 1;
      ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
      ctx.clearRect(0, 0, this.canvas.clientWidth, this.canvas.clientHeight);
      if (this.layer && this.show.spots) this.drawSpots(ctx, map);
      if (this.show.regions) this.drawRegions(ctx, map);
    }

    drawSpots(ctx, { a, b, c, d, e, f }) {
      const { codes, colours, order } = this.layer;
      const radius = Math.max(this.radius * Math.hypot(a, b), 0.75);
      const [right, bottom] = [this.canvas.clientWidth + radius, this.canvas.clientHeight + radius];
      const round = radius > 2.5;
      let code = -1;
      ctx.globalAlpha = this.opacity;
      ctx.beginPath();
      for (const i of order) {
        const x = a * this.xy[2 * i] + c * this.xy[2 * i + 1] + e;
        const y = b * this.xy[2 * i] + d * this.xy[2 * i + 1] + f;
        if (x < -radius || y < -radius || x > right || y > bottom) continue;
        if (codes[i] !== code) {
          if (round) ctx.fill();
          ctx.beginPath();
          code = codes[i];
          ctx.fillStyle = colours[code];
        }
        if (round) {
          ctx.moveTo(x + radius, y);
          ctx.arc(x, y, radius, 0, 2 * Math.PI);
        } else {
          ctx.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
        }
      }
      if (round) ctx.fill();
      ctx.globalAlpha = 1;
    }

    drawRegions(ctx, map) {
      const visible = this.regions.filter((region) => region.shown || region.id === this.focus);
      ctx.lineJoin = "round";
      for (const region of visible) {
        const path = new Path2D();
        for (const ring of region.rings) trace(path, ring, map);
        const width = region.id === this.focus ? 3 : 1.75;
        ctx.strokeStyle = "rgba(255,255,255,0.9)";
        ctx.lineWidth = width + 2.5;
        ctx.stroke(path);
        ctx.strokeStyle = region.id === this.focus ? "#c2410c" : "#111827";
        ctx.lineWidth = width;
        ctx.stroke(path);
      }
      for (const region of visible) label(ctx, region, map);
    }
  }

  function boxOf(rings) {
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    for (const ring of rings) {
      for (let i = 0; i < ring.length; i += 2) {
        box[0] = Math.min(box[0], ring[i]);
        box[1] = Math.min(box[1], ring[i + 1]);
        box[2] = Math.max(box[2], ring[i]);
        box[3] = Math.max(box[3], ring[i + 1]);
      }
    }
    return box;
  }

  function trace(path, ring, { a, b, c, d, e, f }) {
    for (let i = 0; i < ring.length; i += 2) {
      const x = a * ring[i] + c * ring[i + 1] + e;
      const y = b * ring[i] + d * ring[i + 1] + f;
      if (i === 0) path.moveTo(x, y);
      else path.lineTo(x, y);
    }
    path.closePath();
  }

  function inside(ring, x, y) {
    let odd = false;
    for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
      const above = ring[i + 1] > y;
      if (above === ring[j + 1] > y) continue;
      if (x < ((ring[j] - ring[i]) * (y - ring[i + 1])) / (ring[j + 1] - ring[i + 1]) + ring[i]) odd = !odd;
    }
    return odd;
  }

  // The id sits on the topmost point of the largest ring, where it hides little of the region.
  function label(ctx, region, { a, b, c, d, e, f }) {
    const ring = region.rings.reduce((long, next) => (next.length > long.length ? next : long), []);
    let [top, left, bottom] = [Infinity, 0, -Infinity];
    for (let i = 0; i < ring.length; i += 2) {
      const y = b * ring[i] + d * ring[i + 1] + f;
      if (y < top) [top, left] = [y, a * ring[i] + c * ring[i + 1] + e];
      bottom = Math.max(bottom, y);
    }
    if (bottom > 0) top = Math.max(top, 22); // not cut off by the edge of the view
    ctx.font = "600 12px system-ui, sans-serif";
    const width = ctx.measureText(region.id).width + 12;
    ctx.fillStyle = "#111827";
    ctx.beginPath();
    ctx.roundRect(left - width / 2, top - 20, width, 18, 9);
    ctx.fill();
    ctx.fillStyle = "#ffffff";
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.fillText(region.id, left, top - 10.5);
  }

  house.SpotOverlay = SpotOverlay;
})(window.SpotWhisperer);
