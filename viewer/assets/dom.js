// Elements from words: h("button", {class: "x", onclick: f, "aria-label": "..."}, child, ...).
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
}

const ICONS = {
  plus: "M12 5v14M5 12h14", minus: "M5 12h14", home: "M4 11l8-7 8 7M6 10v9h12v-9",
  turn: "M20 11a8 8 0 1 0-2.3 6.3M20 4v7h-7", full: "M14 4h6v6M20 4l-7 7M10 20H4v-6M4 20l7-7",
  hand: "M12 3v18M3 12h18M12 3l-3 3M12 3l3 3M12 21l-3-3M12 21l3-3M3 12l3-3M3 12l3 3M21 12l-3-3M21 12l-3 3",
  lasso: "M7 17c-3-1-5-3.400-4-7 1-4 5-6 9-6s9 2 9 6-5 7-9 7c-2 0-4-.5-4.500-2M7.500 15c-1.500 1.500-1 4 1.500 6",
  box: "M4 7V4h3M11 4h2M17 4h3v3M20 11v2M20 17v3h-3M13 20h-2M7 20H4v-3M4 13v-2", view: "M4 5h16v14H4zM8 12h8M12 8v8",
  eye: "M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
  shut: "M3 3l18 18M10 5.200A10 10 0 0 1 12 5c6 0 10 7 10 7a17 17 0 0 1-3 3.600M6 7a17 17 0 0 0-4 5s4 7 10 7a9 9 0 0 0 4-.9",
  pen: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3", close: "M6 6l12 12M18 6L6 18", split: "M4 5h16v14H4zM12 5v14",
  target: "M12 3v4M12 17v4M3 12h4M17 12h4M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z", down: "M6 9l6 6 6-6",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13", sun: "M12 3v2M12 19v2M3 12h2M19 12h2M6 6l1 1M17 17l1 1M6 18l1-1M17 7l1-1M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z",
  gear: "M4 7h10M18 7h2M4 17h2M10 17h10M14 5v4M8 15v4",
};

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

export function iconButton(name, label, onclick, more = {}) {
  return h("button", { type: "button", class: "sw-icon", "aria-label": label, title: label, onclick, ...more }, icon(name));
}

export function number(value, digits = 2) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (Math.abs(value) < 0.5 * 10 ** -digits) return "0";
  return value.toFixed(Math.abs(value) >= 100 ? 0 : digits).replace("-", "−");
}

export function count(n, noun) {
  return `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
}

// A sentence for a moment, also read out.
export function say(sentence, bad = false) {
  const line = document.querySelector(".sw-toast");
  line.textContent = sentence;
  line.classList.toggle("sw-bad", bad);
  line.hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { line.hidden = true; }, bad ? 9000 : 4000);
}
