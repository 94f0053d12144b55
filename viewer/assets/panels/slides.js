// Slides: those of the workspace with their state; bring one, prepare it, watch, stop, go on.
import { count, fill, h, say } from "../dom.js";
import { ask, json, store } from "../store.js";

const EVERY_MS = 900;

export function slides(body, page) {
  const list = h("ul", { class: "sw-slides", "aria-label": "Slides" });
  const file = h("input", { type: "file", class: "sw-file", "aria-label": "Slide file to upload", onchange: () => file.files[0] && upload(file.files[0]) });
  const words = h("span", {}, "Bring a slide: drop it here or choose a file");
  const drop = h("label", { class: "sw-drop" }, words, file);
  const folders = h("div", { class: "sw-folders" });
  fill(body, list, drop, folders);
  let [timer, gone] = [null, false];
  for (const kind of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.toggle("sw-over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files[0]) upload(event.dataTransfer.files[0]);
    });
  }

  async function load() {
    clearTimeout(timer);
    try {
      const told = await json("GET", "slides");
      if (gone) return;
      file.accept = told.endings.join(",");
      drop.title = `${told.endings.join(", ")}; at most ${told.limit_mb.toLocaleString("en")} MB. Everyone who can open this page sees the slide.`;
      rows(told.slides);
      if (told.slides.some((row) => ["running", "waiting"].includes(row.job?.state))) timer = setTimeout(load, EVERY_MS);
    } catch (error) {
      say(error.message, true);
    }
  }

  const states = new Map();

  function rows(all) {
    if (list.contains(document.activeElement) && document.activeElement.tagName === "INPUT") return; // somebody types a number
    const current = store.state?.slide.title;
    for (const row of all) {
      if (states.get(row.name) === "running" && row.state === "prepared" && !row.job) {
        say(`${row.name} is ready.`);
        if (row.name === current) page.go({ do: "open", slide: row.name });
      }
      states.set(row.name, row.job?.state || row.state);
    }
    fill(list, all.length ? all.map((row) => entry(row, row.name === current)) : h("li", { class: "sw-hint" }, "No slide yet. Bring one below."));
  }

  function entry(row, current) {
    const busy = ["running", "waiting"].includes(row.job?.state);
    return h("li", { class: current ? "sw-slide sw-on" : "sw-slide" },
      h("button", { type: "button", class: "sw-slide-open", "aria-current": current ? "true" : null, onclick: () => page.go({ do: "open", slide: row.name }) },
        h("img", { src: `sw/slides/${encodeURIComponent(row.name)}/thumb.jpg`, alt: "", width: 72, height: 56, loading: "lazy" }),
        h("span", { class: "sw-slide-words" }, h("strong", {}, row.name), h("span", { class: "sw-soft" }, stateWords(row)))),
      busy ? progress(row) : row.state === "prepared" ? null : prepareForm(row),
      row.job && !busy && row.job.sentence ? h("p", { class: row.job.state === "failed" ? "sw-sentence sw-bad" : "sw-sentence" }, row.job.sentence) : null);
  }

  function progress(row) {
    const { job } = row;
    const share = (Math.max(0, job.number - 1) + (job.total ? job.done / job.total : 0)) / job.stages;
    const left = job.left_s === null ? "" : `, ${timeWords(job.left_s)} left`;
    const what = job.state === "waiting" ? "Waiting for its turn" : `${job.stage}${job.total > 1 ? ` ${job.done.toLocaleString("en")} of ${job.total.toLocaleString("en")}` : ""}${left}`;
    return h("div", { class: "sw-job" }, h("progress", { max: 1, value: share, "aria-label": `Preparing ${row.name}` }), h("span", { class: "sw-soft" }, what),
      h("button", { type: "button", class: "sw-small", onclick: () => ask("DELETE", `jobs/${encodeURIComponent(row.name)}`).then(load) }, "Stop"));
  }

  function prepareForm(row) {
    const mpp = row.mpp ? null : h("input", { type: "number", step: "any", min: 0.02, max: 30, required: true, placeholder: "µm per pixel", "aria-label": `Micrometres per pixel of ${row.name}` });
    const words_ = row.job?.state === "stopped" || row.state === "tiled" ? "Go on" : "Prepare";
    return h("form", { class: "sw-form", onsubmit: (event) => { event.preventDefault(); start(row, mpp?.value); } },
      mpp, h("button", { type: "submit", class: "sw-small" }, words_),
      mpp ? h("span", { class: "sw-soft sw-wide" }, "This file does not store its pixel size: about 0.5 for a 20× scan, 0.25 for 40×.") : null);
  }

  async function start(row, mpp) {
    try {
      document.activeElement?.blur();
      await json("POST", "jobs", { slide: row.name, mpp: mpp ? Number(mpp) : null });
      states.set(row.name, "running");
      await load();
    } catch (error) {
      say(error.message, true);
    }
  }

  async function upload(chosen) {
    words.textContent = `Bringing ${chosen.name} …`;
    try {
      const { slide } = await (await ask("PUT", `uploads/${encodeURIComponent(chosen.name)}`, chosen)).json();
      say(`${slide} is here; prepare it to search it.`);
    } catch (error) {
      say(error.message, true);
    }
    words.textContent = "Bring a slide: drop it here or choose a file";
    file.value = "";
    load();
  }

  async function pick(row) {
    try {
      await json("POST", "folders", { folder: row.folder, path: row.path });
      load();
    } catch (error) {
      say(error.message, true);
    }
  }

  json("GET", "folders").then((found) => fill(folders, found.length ? [h("h3", {}, "On this server"),
    found.map((row) => h("button", { type: "button", class: "sw-pick", onclick: () => pick(row) }, h("span", {}, row.path), h("span", { class: "sw-soft" }, `${row.mb} MB`)))] : null), () => {});
  load();
  let shown = null;
  return {
    update: (state) => { if (shown !== state.slide.title + state.slide.prepared) { shown = state.slide.title + state.slide.prepared; load(); } },
    leave: () => { gone = true; clearTimeout(timer); },
  };
}

function stateWords(row) {
  const spots = row.spots ? `, ${count(row.spots, "spot")}` : "";
  if (["running", "waiting"].includes(row.job?.state)) return "being prepared";
  return row.state === "prepared" ? `prepared${spots}` : row.state === "tiled" ? `not finished${spots}` : "not prepared";
}

function timeWords(seconds) {
  return seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`;
}
