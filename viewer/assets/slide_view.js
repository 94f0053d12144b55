// The slide: OpenSeadragon, the overlay, tools, legend, scale bar and tooltip. Made once; updated by the props it watches.
window.SpotWhisperer = window.SpotWhisperer || {};

(function (house) {
  function mapOf(viewer) {
    const at = (x, y) => viewer.viewport.imageToViewerElementCoordinates(new OpenSeadragon.Point(x, y));
    const far = 1000;
    const [o, x, y] = [at(0, 0), at(far, 0), at(0, far)];
    return { a: (x.x - o.x) / far, b: (x.y - o.y) / far, c: (y.x - o.x) / far, d: (y.y - o.y) / far, e: o.x, f: o.y };
  }

  function unmap({ a, b, c, d, e, f }, x, y) {
    const det = a * d - b * c;
    return [(d * (x - e) - c * (y - f)) / det, (a * (y - f) - b * (x - e)) / det];
  }

  function number(value) {
    if (Math.abs(value) < 0.005) return "0";
    return value.toFixed(Math.abs(value) >= 10 ? 1 : 2).replace("-", "−");
  }

  class SlideView {
    constructor(element, props) {
      this.element = element;
      this.props = props;
      this.find = (query) => element.querySelector(query);
      this.viewer = OpenSeadragon({
        element: this.find(".sw-osd"), drawer: "canvas", prefixUrl: "vendor/openseadragon/images/",
        showNavigationControl: false, showNavigator: true, navigatorPosition: "TOP_RIGHT", navigatorSizeRatio: 0.16, navigatorAutoFade: false,
        animationTime: 0.5, springStiffness: 9, maxZoomPixelRatio: 4, visibilityRatio: 0.4, minZoomImageRatio: 0.6,
        gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true }, crossOriginPolicy: false,
      });
      const canvas = document.createElement("canvas");
      canvas.className = "sw-canvas";
      canvas.setAttribute("aria-hidden", "true");
      this.viewer.canvas.appendChild(canvas);
      this.overlay = new house.SpotOverlay(canvas);
      this.listen();
      this.setSlide();
    }

    // Props are JSON text.
    read(name) {
      return JSON.parse(this.props[name]);
    }

    listen() {
      this.viewer.addHandler("open", () => { this.resize(); this.redraw(); this.flyTo(this.overlay.box()); });
      this.viewer.addHandler("update-viewport", () => this.redraw());
      this.viewer.addHandler("canvas-key", (event) => {
        // Turning and mirroring by a stray key would surprise more than help.
        if (["r", "R", "f", "F"].includes(event.originalEvent.key)) event.preventDefaultAction = true;
      });
      new ResizeObserver(() => { this.resize(); this.redraw(); }).observe(this.find(".sw-osd"));
      this.find(".sw-tools").addEventListener("click", (event) => this.act(event.target.closest("button")?.dataset.do));
      this.find(".sw-opacity input").addEventListener("input", (event) => {
        this.overlay.opacity = event.target.value / 100;
        this.redraw();
      });
      for (const box of this.element.querySelectorAll("[data-show]")) {
        box.addEventListener("change", () => this.toggle(box.dataset.show, box.checked));
      }
      const stage = this.find(".sw-osd");
      stage.addEventListener("pointermove", (event) => this.hover(event));
      stage.addEventListener("pointerleave", () => { this.find(".sw-tip").hidden = true; });
      document.addEventListener("click", (event) => {
        const link = event.target.closest?.('a[href*="#r"]');
        const id = link && /#(r\d+)$/.exec(link.getAttribute("href"))?.[1];
        if (!id || !this.overlay.box(id)) return;
        event.preventDefault();
        this.overlay.focus = id;
        this.flyTo(this.overlay.box(id));
        this.redraw();
      });
    }

    act(what) {
      const { viewport } = this.viewer;
      if (!what || !this.viewer.isOpen()) return;
      if (what === "in") viewport.zoomBy(1.6);
      if (what === "out") viewport.zoomBy(1 / 1.6);
      if (what === "home") viewport.goHome();
      if (what === "regions") this.flyTo(this.overlay.box());
      if (what === "full") this.fullScreen();
      viewport.applyConstraints();
    }

    fullScreen() {
      if (document.fullscreenElement) document.exitFullscreen();
      else this.find(".sw-slide").requestFullscreen();
    }

    toggle(what, on) {
      if (what === "grey") this.find(".sw-stage").classList.toggle("sw-grey", on);
      else this.overlay.show[what] = on;
      this.redraw();
    }

    setSlide() {
      const slide = this.slide = this.read("slide");
      const empty = this.find(".sw-empty");
      empty.hidden = Boolean(slide.name);
      empty.textContent = slide.empty || "No slide is open.";
      this.overlay.setSpots(this.read("spots"));
      if (slide.name !== this.opened) {
        this.opened = slide.name;
        if (slide.name) this.viewer.open(slide.url);
        else this.viewer.close();
      }
      this.setLayer();
      this.setRegions();
    }

    setLayer() {
      this.overlay.setLayer(this.read("layer"));
      this.legend();
      this.redraw();
    }

    setRegions() {
      this.overlay.setRegions(this.read("regions"));
      const box = this.overlay.box();
      this.find('[data-do="regions"]').disabled = !box;
      if (box && this.viewer.isOpen()) this.flyTo(box);
      this.redraw();
    }

    flyTo(box) {
      if (!box || !this.viewer.isOpen()) return;
      const [x0, y0, x1, y1] = box;
      const margin = 0.2 * Math.max(x1 - x0, y1 - y0);
      const size = this.viewer.world.getItemAt(0).getContentSize();
      // Air around the regions, but none outside the slide.
      const [left, top] = [Math.max(x0 - margin, 0), Math.max(y0 - margin, 0)];
      const [right, bottom] = [Math.min(x1 + margin, size.x), Math.min(y1 + margin, size.y)];
      const rect = this.viewer.viewport.imageToViewportRectangle(left, top, right - left, bottom - top);
      this.viewer.viewport.fitBoundsWithConstraints(rect);
    }

    resize() {
      const stage = this.find(".sw-osd");
      const ratio = window.devicePixelRatio || 1;
      this.overlay.canvas.width = Math.round(stage.clientWidth * ratio);
      this.overlay.canvas.height = Math.round(stage.clientHeight * ratio);
    }

    redraw() {
      if (!this.viewer.isOpen()) return;
      this.map = mapOf(this.viewer);
      this.overlay.draw(this.map);
      this.scaleBar();
    }

    scaleBar() {
      const mpp = this.slide.mpp;
      const scale = this.find(".sw-scale");
      scale.hidden = !mpp;
      if (!mpp) return;
      const umPerPx = mpp / Math.hypot(this.map.a, this.map.b);
      const power = 10 ** Math.floor(Math.log10(umPerPx * 140));
      const um = power * [5, 2, 1].find((step) => step * power <= umPerPx * 140);
      this.find(".sw-scale-line").style.width = `${um / umPerPx}px`;
      const length = um >= 1000 ? `${um / 1000} mm` : `${um} µm`;
      this.find(".sw-scale-text").textContent = `${length}  ·  ${Number((10 / umPerPx).toPrecision(2))}×`;
    }

    legend() {
      const layer = this.overlay.layer;
      const legend = this.find(".sw-legend");
      legend.classList.toggle("sw-legend-on", Boolean(layer));
      this.find(".sw-legend-title").textContent = layer ? layer.title : "No map yet: ask for something to look for.";
      this.find(".sw-legend-units").textContent = layer ? layer.units : "";
      legend.title = layer ? `${layer.title}, ${layer.units}` : "";
      if (!layer) { legend.setAttribute("aria-label", "No map yet"); return; }
      this.find('[data-at="low"]').textContent = number(layer.low);
      this.find('[data-at="high"]').textContent = number(layer.high);
      const middle = layer.kind === "score" ? ", white is 0" : "";
      legend.setAttribute("aria-label", `${layer.title}: ${number(layer.low)} to ${number(layer.high)} ${layer.units}${middle}`);
      const canvas = legend.querySelector("canvas");
      const ctx = canvas.getContext("2d");
      ctx.clearRect(0, 0, canvas.width, canvas.height);
      for (let i = 0; i < 254; i++) { ctx.fillStyle = layer.colours[i]; ctx.fillRect(i, 0, 1, canvas.height); }
      if (layer.kind === "score") { ctx.fillStyle = "#111827"; ctx.fillRect(127, 0, 1, canvas.height); }
    }

    hover(event) {
      const tip = this.find(".sw-tip");
      tip.hidden = true;
      if (!this.map || event.buttons) return;
      const frame = this.find(".sw-osd").getBoundingClientRect();
      const [left, top] = [event.clientX - frame.left, event.clientY - frame.top];
      const [x, y] = unmap(this.map, left, top);
      const spot = this.overlay.spotAt(x, y);
      const region = this.overlay.show.regions && this.overlay.regionAt(x, y);
      if (spot < 0 && !region) return;
      const layer = this.overlay.layer;
      const lines = [];
      if (spot >= 0) lines.push(this.overlay.ids[spot]);
      if (spot >= 0 && layer) lines.push(`${layer.title}: ${number(layer.values[spot])}`);
      if (region) lines.push(`${region.id} · ${region.query} · ${region.area}`);
      tip.textContent = lines.join("\n");
      tip.hidden = false;
      tip.style.left = `${Math.min(left + 14, frame.width - tip.offsetWidth - 6)}px`;
      tip.style.top = `${Math.min(top + 14, frame.height - tip.offsetHeight - 6)}px`;
    }
  }

  house.mountSlide = function (element, props, watch) {
    const view = new SlideView(element, props);
    watch(["slide", "spots"], () => view.setSlide());
    watch("layer", () => view.setLayer());
    watch("regions", () => view.setRegions());
    house.view = view;
  };
})(window.SpotWhisperer);
