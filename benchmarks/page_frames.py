"""How fluid the page is with many spots: frames a second while panning and zooming, time to recolour.

`python -m benchmarks.page_frames [--spots 50000] [--out docs/page_frames.json]`: a synthetic slide with a grid of spots
and fake models is served, and a headless Chromium without graphics card draws it at 1280 x 720. Needs the packages of
the tests and a Chromium.
"""

import argparse
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from models.registry import load
from setup_env import CHROMES
from tools.files import write_json
from tools.spots import Spots
from tools.stages import save_spots
from tools.workspace import PrepareOptions, SlideState, Workspace

ROOT = Path(__file__).parent.parent
FLAGS = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"
WIDTH, HEIGHT, MPP = 6000, 4500, 4.0
SECONDS = 4

# Keeps the view moving for some seconds and notes when each frame came, and how long our own drawing took of it.
MOVE = """async ([what, seconds]) => {
  const { page } = window.SpotWhisperer;
  const pane = page.left, viewport = pane.viewer.viewport;
  viewport.goHome(true);
  if (what !== 'zoom') viewport.zoomTo(viewport.getHomeZoom() * (what === 'pan close' ? 4 : 1.3), null, true);
  await new Promise((done) => setTimeout(done, 1200));
  const frames = [], ours = [], redraw = pane.redraw.bind(pane);
  pane.redraw = () => { const t = performance.now(); redraw(); ours.push(performance.now() - t); };
  const start = performance.now();
  await new Promise((done) => {
    const step = (now) => {
      frames.push(now);
      const t = (now - start) / 1000;
      if (t > seconds) { done(); return; }
      if (what === 'zoom') viewport.zoomTo(viewport.getHomeZoom() * (2.5 + 1.5 * Math.sin(2 * t)), null, true);
      else viewport.panTo(new OpenSeadragon.Point(0.5 + 0.12 * Math.cos(2 * t), 0.375 + 0.1 * Math.sin(2 * t)), true);
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  });
  delete pane.redraw;
  return { gaps: frames.slice(1).map((at, i) => at - frames[i]), ours };
}"""

# From asking for scores that the server holds to the frame that shows them: request, values, colours, drawing.
RECOLOUR = """async (words) => {
  const { store } = window.SpotWhisperer;
  const start = performance.now();
  if (!await store.act('POST', 'layers', { kind: 'score', words })) throw new Error('no layer was made');
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return performance.now() - start;
}"""


def synthetic_workspace(root: Path, n: int) -> Workspace:
    """A workspace with one slide, "many", whose `n` spots carry random expression and joint vectors."""
    rng = np.random.default_rng(0)
    low = rng.integers(150, 255, (HEIGHT // 50, WIDTH // 50, 3), dtype=np.uint8)
    picture = root / "many.png"
    Image.fromarray(low).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(picture, compress_level=1)
    columns = round(np.sqrt(n * WIDTH / HEIGHT))
    row, column = np.divmod(np.arange(n), columns)
    pitch = WIDTH / (columns + 1)
    l0_xy = np.stack([(column + 0.75 + 0.5 * (row % 2)) * pitch, (row + 1) * pitch * 0.98], axis=1)
    ids = tuple(f"{r}x{c}" for r, c in zip(row, column, strict=True))
    spots = Spots(ids, l0_xy, row, column, 0.9 * pitch * MPP, pitch * MPP, "hex", MPP, None)
    workspace = Workspace(root)
    facts = {"mpp": MPP, "spots": n, "pitch_um": pitch * MPP}
    workspace.register(SlideState("many", picture, PrepareOptions(mpp=MPP, models="fake"), "prepared", facts))
    folder = workspace.folder("many")
    save_spots(folder / "spots.npz", spots)
    joint = load("fake-joint")
    vectors = rng.normal(size=(n, joint.card.dim)).astype(np.float32)
    vectors[:, 0] += np.sin(l0_xy[:, 0] / 500) * 3
    genes = pd.DataFrame(index=[f"GENE{i}" for i in range(20)])
    data = anndata.AnnData(rng.random((n, 20), np.float32), obs=pd.DataFrame(index=list(ids)), var=genes)
    data.obsm["spatial"] = l0_xy
    data.obsm["X_joint"] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    models = {"encoder": "fake-encoder", "predictor": "fake-predictor", "joint": "fake-joint"}
    notes = np.array([], dtype=object)
    data.uns["provenance"] = {"expression": "predicted", "units": "log1p CP10K", "models": models, "notes": notes}
    data.write_h5ad(folder / "spots.h5ad")
    write_json(folder / "recipes.json", dict.fromkeys(("spots", "embeddings", "expression", "joint"), "synthetic"))
    return workspace


def measure(page: Page) -> dict[str, Any]:
    """Frames a second and times in ms, on the opened page."""
    page.wait_for_function("() => window.SpotWhisperer?.page?.left.viewer.isOpen()", timeout=120_000)
    words = ["epithelium", "stroma", "fat", "vessel", "muscle"]
    for phrase in words:  # the server scores each once
        page.evaluate(RECOLOUR, phrase)
    recolour = [page.evaluate(RECOLOUR, phrase) for phrase in words]
    found: dict[str, Any] = {"recolour_ms": {"median": float(np.median(recolour)), "worst": float(max(recolour))}}
    for what in ("pan", "pan close", "zoom"):
        told = page.evaluate(MOVE, [what, SECONDS])
        gaps = np.array(told["gaps"])
        found[what] = {
            "frames_per_s": round(1000 / float(gaps.mean()), 1),
            "slowest_5_percent_ms": round(float(np.percentile(gaps, 95)), 1),
            "our_drawing_ms": round(float(np.median(told["ours"])), 1),
        }
    return found


def serve(workspace: Workspace) -> tuple[subprocess.Popen[bytes], str]:
    """A server of that workspace, and its address once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "app.py", "serve", "--workspace", str(workspace.root), "--port", str(port)]
    server = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    for _ in range(300):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).close()
            return server, f"http://127.0.0.1:{port}/"
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.3)
    server.terminate()
    sys.exit("The server did not answer.")


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spots", type=int, default=50_000)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server, address = serve(synthetic_workspace(Path(folder), chosen.spots))
        try:
            found_chrome = next(filter(None, map(shutil.which, CHROMES)), None)
            chromium = playwright.chromium.launch(executable_path=found_chrome, args=FLAGS.split())
            page = chromium.new_page(viewport={"width": 1280, "height": 720})
            page.goto(address)
            found = {"spots": chosen.spots, "browser": chromium.version} | measure(page)
            chromium.close()
        finally:
            server.terminate()
            server.wait()
    text = json.dumps(found, indent=1)
    sys.stdout.write(text + "\n")
    if chosen.out:
        chosen.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
