// Search across all prepared slides: a gallery of the places that match best; each leads there.
import { fill, h } from "../dom.js";
import { json, store } from "../store.js";

const [AROUND_UM, APART_UM, MOST] = [220, 150, 24];
let [asked, hits] = ["", []]; // kept while the drawer is closed and while the slide changes

export function search(body, page) {
  const input = h("input", { type: "search", value: asked, placeholder: "Words to find in all slides", maxlength: 200, "aria-label": "Words to find in all slides" });
  const form = h("form", { class: "sw-form", role: "search", onsubmit: (event) => { event.preventDefault(); find(); } }, input, h("button", { type: "submit", class: "sw-small" }, "Search"));
  const gallery = h("div", { class: "sw-gallery", "aria-live": "polite" });
  fill(body, form, gallery);

  async function find() {
    if (!input.value.trim()) return;
    asked = input.value.trim();
    fill(gallery, h("p", { class: "sw-hint" }, "Searching …"));
    try {
      hits = apart(await json("GET", `search?${new URLSearchParams({ q: asked, top: 100 })}`)).slice(0, MOST);
      show();
    } catch (error) {
      fill(gallery, h("p", { class: "sw-hint" }, error.message));
    }
  }

  function show() {
    const slides = new Set(hits.map((hit) => hit.slide));
    fill(gallery, hits.length ? [h("p", { class: "sw-soft sw-wide" }, `The ${hits.length} best places, on ${slides.size} ${slides.size === 1 ? "slide" : "slides"}`), hits.map(card)]
      : h("p", { class: "sw-hint" }, asked ? "Nothing was found." : "Finds the places in every prepared slide that match words best."));
  }

  function card(hit) {
    const where = new URLSearchParams({ x: hit.x, y: hit.y, um: AROUND_UM });
    return h("button", { type: "button", class: "sw-hit", title: `Go to spot ${hit.spot} of ${hit.slide}`, onclick: () => jump(page, hit) },
      h("img", { src: `sw/slides/${encodeURIComponent(hit.slide)}/crop.jpg?${where}`, alt: `Tissue around spot ${hit.spot} of ${hit.slide}`, width: 128, height: 128, loading: "lazy" }),
      h("span", {}, hit.slide), h("span", { class: "sw-soft" }, `cosine ${hit.score.toFixed(2)}`));
  }

  if (hits.length || asked) show(); else fill(gallery, h("p", { class: "sw-hint" }, "Finds the places in every prepared slide that match words best."));
  return {};
}

// Of neighbouring spots, which show the same tissue, only the best.
function apart(all) {
  const kept = [];
  for (const hit of all) {
    const same = (other) => other.slide === hit.slide && Math.hypot(other.x - hit.x, other.y - hit.y) * (hit.mpp || 1) < APART_UM;
    if (!kept.some(same)) kept.push(hit);
  }
  return kept;
}

// Go to a place of any slide and mark it.
export function jump(page, hit) {
  const go = () => {
    const reach = AROUND_UM / 2 / (store.state.slide.mpp || 1);
    page.left.pin = { x: hit.x, y: hit.y, radius: reach / 4 };
    page.left.flyTo([hit.x - reach, hit.y - reach, hit.x + reach, hit.y + reach], 0.3);
  };
  if (store.state.slide.title === hit.slide) { go(); return; }
  const open = () => { page.left.viewer.removeHandler("open", open); if (store.state.slide.title === hit.slide) setTimeout(go, 60); };
  page.left.viewer.addHandler("open", open);
  page.go({ do: "open", slide: hit.slide });
}
