// Regions as outlines with their ids, and what the person is drawing. Coordinates are level-0 px.
export function boxOf(rings) {
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

export function inside(ring, x, y) {
  let odd = false;
  for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
    const above = ring[i + 1] > y;
    if (above === ring[j + 1] > y) continue;
    if (x < ((ring[j] - ring[i]) * (y - ring[i + 1])) / (ring[j + 1] - ring[i + 1]) + ring[i]) odd = !odd;
  }
  return odd;
}

export function drawOutlines(context, regions, focus, map) {
  context.lineJoin = "round";
  for (const region of regions) {
    const path = new Path2D();
    for (const ring of region.rings) trace(path, ring, map, true);
    const chosen = region.id === focus;
    context.setLineDash([]);
    stroke(context, path, "rgba(255,255,255,0.9)", (chosen ? 3 : 1.75) + 2.5);
    context.setLineDash(region.own ? [7, 4] : []);
    stroke(context, path, chosen ? "#c2410c" : "#111827", chosen ? 3 : 1.75);
  }
  context.setLineDash([]);
  for (const region of regions) label(context, region, map, region.id === focus);
}

export function drawDraft(context, ring, map) {
  if (ring.length < 4) return;
  const path = new Path2D();
  trace(path, ring, map, true);
  context.fillStyle = "rgba(15,118,110,0.14)";
  context.fill(path);
  stroke(context, path, "rgba(255,255,255,0.95)", 4);
  stroke(context, path, "#0f766e", 2);
}

export function drawMark(context, x, y, radius, map) {
  const [at, down] = [map.a * x + map.c * y + map.e, map.b * x + map.d * y + map.f];
  context.beginPath();
  context.arc(at, down, Math.max(radius * Math.hypot(map.a, map.b), 5) + 2, 0, 2 * Math.PI);
  context.strokeStyle = "#ffffff";
  context.lineWidth = 4;
  context.stroke();
  context.strokeStyle = "#111827";
  context.lineWidth = 2;
  context.stroke();
}

function stroke(context, path, colour, width) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke(path);
}

function trace(path, ring, { a, b, c, d, e, f }, close) {
  for (let i = 0; i < ring.length; i += 2) {
    const x = a * ring[i] + c * ring[i + 1] + e;
    const y = b * ring[i] + d * ring[i + 1] + f;
    if (i === 0) path.moveTo(x, y);
    else path.lineTo(x, y);
  }
  if (close) path.closePath();
}

// The id sits on the topmost point of the largest ring, where it hides little of the region.
function label(context, region, { a, b, c, d, e, f }, chosen) {
  const ring = region.rings.reduce((long, next) => (next.length > long.length ? next : long), []);
  let [top, left, bottom] = [Infinity, 0, -Infinity];
  for (let i = 0; i < ring.length; i += 2) {
    const y = b * ring[i] + d * ring[i + 1] + f;
    if (y < top) [top, left] = [y, a * ring[i] + c * ring[i + 1] + e];
    bottom = Math.max(bottom, y);
  }
  if (bottom > 0) top = Math.max(top, 22); // not cut off by the edge of the view
  context.font = "600 12px system-ui, sans-serif";
  const width = context.measureText(region.id).width + 12;
  context.fillStyle = chosen ? "#c2410c" : "#111827";
  context.beginPath();
  context.roundRect(left - width / 2, top - 20, width, 18, 9);
  context.fill();
  context.fillStyle = "#ffffff";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(region.id, left, top - 10.5);
}
