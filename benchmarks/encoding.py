"""The built-in encoder in the variants that a CPU (or a GPU) offers: tiles a second and error against plain float32.

`python -m benchmarks.encoding [--device cpu] [--tiles 32] [--threads N] [--compile] [--json OUT]`. Tiles come from the
demo slide. Plain is the network as it was trained, float32, NCHW. ONNX Runtime is measured where it is installed
(`pip install onnxruntime onnx`), which the project itself does not need. Times are CPU seconds of this process, on one
thread unless told otherwise, since those of a busy machine's clock say little.
"""

import copy
import io
import logging
import os
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.measuring import ROOT, alternate, finish, parser, table
from models.card import WEIGHTS
from models.networks.compute import native_bf16
from models.networks.densenet import DenseNet121
from models.networks.densenet_folded import FoldedDenseNet121
from models.networks.loading import load_into
from tools.slide import open_slide
from tools.spots import spot_grid

Encode = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
PLAIN = "plain float32"


class Features(nn.Module):
    """The trained network without its projection."""

    def __init__(self, net: DenseNet121) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, 3, h, w) -> (n, 1024)."""
        return self.net.features(x)


def torch_way(
    net: nn.Module,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    *,
    last: bool = True,
    autocast: bool = False,
) -> Encode:
    """A network in one precision and memory layout."""
    layout = torch.channels_last if last else torch.contiguous_format
    net = copy.deepcopy(net).to(device, torch.float32 if autocast else dtype).to(memory_format=layout).eval()

    def run(tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode(), torch.autocast(device.type, dtype, enabled=autocast):
            x = torch.from_numpy(tiles).to(device).permute(0, 3, 1, 2).float() / 255
            x = x.to(torch.float32 if autocast else dtype).contiguous(memory_format=layout)
            found: NDArray[np.float32] = net(x).float().cpu().numpy()
        return found

    return run


def onnx_ways(net: nn.Module, tiles: NDArray[np.uint8], threads: int) -> dict[str, Encode]:
    """ONNX Runtime in float32 and in int8, calibrated on a few tiles; {} where it is not installed."""
    try:
        import onnxruntime
        from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process
    except ImportError:
        return {}
    logging.getLogger().setLevel(logging.ERROR)

    class Some(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left = [{"x": _unit(tiles[:8])}]

        def get_next(self) -> Any:
            return self._left.pop() if self._left else None

    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings(action="ignore"):
        folder, file = Path(name), io.BytesIO()
        example = torch.from_numpy(_unit(tiles[:2]))
        torch.onnx.export(net, (example,), file, input_names=["x"], dynamo=False, dynamic_axes={"x": {0: "n"}})
        (folder / "plain.onnx").write_bytes(file.getvalue())
        quant_pre_process(str(folder / "plain.onnx"), str(folder / "ready.onnx"))
        quantize_static(
            folder / "ready.onnx", folder / "int8.onnx", Some(), quant_format=QuantFormat.QDQ, per_channel=True
        )
        how = onnxruntime.SessionOptions()
        how.intra_op_num_threads = threads
        how.log_severity_level = 3
        sessions = {
            f"ONNX Runtime {kind}": onnxruntime.InferenceSession(
                (folder / path).read_bytes(), how, providers=["CPUExecutionProvider"]
            )
            for kind, path in (("float32", "plain.onnx"), ("int8", "int8.onnx"))
        }
    return {
        kind: lambda some, session=session: session.run(None, {"x": _unit(some)})[0]  # type: ignore[misc]
        for kind, session in sessions.items()
    }


def _unit(tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.ascontiguousarray(tiles.transpose(0, 3, 1, 2), np.float32) / np.float32(255)


def ways_of(device: torch.device, tiles: NDArray[np.uint8], threads: int, compiled: bool) -> dict[str, Encode]:
    """Every variant, by name."""
    trained = load_into(DenseNet121(73), WEIGHTS / "starter-encoder").eval()
    net, folded = Features(trained), FoldedDenseNet121(trained)
    half = torch.float16 if device.type == "cuda" else torch.bfloat16
    ways = {
        PLAIN: torch_way(net, device, last=False),
        "channels last float32": torch_way(net, device),
        "folded float32": torch_way(folded, device),
        "bfloat16, channels last": torch_way(net, device, torch.bfloat16),
        "bfloat16 by autocast": torch_way(folded, device, torch.bfloat16, autocast=True),
        "folded bfloat16": torch_way(folded, device, torch.bfloat16),
    }
    if half is torch.float16:
        ways["folded float16"] = torch_way(folded, device, half)
    if compiled:
        dtype = torch.bfloat16 if native_bf16(device) else torch.float32
        ways["folded, torch.compile"] = torch_way(torch.compile(folded), device, dtype)  # type: ignore[arg-type]
    return ways | (onnx_ways(net, tiles, threads) if device.type == "cpu" else {})


def main() -> None:
    """Measure, print, write."""
    options = parser(__doc__)
    options.add_argument("--device", default="cpu")
    options.add_argument("--tiles", type=int, default=32)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--compile", action="store_true")
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    device = torch.device(chosen.device)
    slide = open_slide(ROOT / "demo" / "cmu_small_region.svs")
    centres = spot_grid(slide).l0_xy[: chosen.tiles]
    tiles = np.stack([slide.read_square(float(x), float(y), 112.0, 224) for x, y in centres])
    ways = ways_of(device, tiles, chosen.threads, chosen.compile)
    vectors = {name: way(tiles) for name, way in ways.items()}  # the first run of each, not timed
    seen = alternate({name: partial(way, tiles) for name, way in ways.items()}, chosen.repeats)
    clock = "wall" if device.type == "cuda" else "cpu"
    speeds = {name: len(tiles) / took[clock] for name, took in seen.items()}
    errors = {name: _error(vectors[PLAIN], found) for name, found in vectors.items()}
    used = "folded bfloat16" if native_bf16(device) else "folded float32"
    rows = [
        [name + (" (used here)" if name == used else ""), speed, speed / speeds[PLAIN], errors[name]]
        for name, speed in speeds.items()
    ]
    where = f"{chosen.device}, {chosen.threads} thread(s) of {os.cpu_count()}"
    title = f"starter-encoder, {len(tiles)} tiles of 224 px, {where}"
    table(title, ["variant", f"tiles per {clock} second", "times plain", "error / length"], rows)
    figures = {
        name: {"tiles_per_s": speed, "times_plain": speed / speeds[PLAIN], "error": errors[name]}
        for name, speed in speeds.items()
    }
    told = {"device": chosen.device, "threads": chosen.threads, "clock": clock, "used": used}
    finish(told | {"torch": torch.__version__, "variants": figures}, chosen.out)


def _error(plain: NDArray[np.float32], found: NDArray[np.float32]) -> float:
    """Length of the difference beside that of the features (n, 1024)."""
    return float(np.linalg.norm(plain - found) / np.linalg.norm(plain))


if __name__ == "__main__":
    main()
