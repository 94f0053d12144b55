"""Which benchmark is meant: a folder of data sets, or flags instead of a YAML."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.benchmark.config import Config, parse, read_config, ready
from tools.errors import ToolError


def ready_in(folder: Path) -> tuple[Path, list[str]]:
    """The data folder and the ready benchmarks whose data it holds; `folder` may be one data set of it.

    Raises ToolError where it holds none.
    """
    configs = {name: read_config(name) for name in ready()}
    inside = [name for name, config in configs.items() if config.root and (folder / config.root).is_dir()]
    if inside:
        return folder, inside
    own = [name for name, config in configs.items() if config.root == folder.resolve().name]
    if own:
        return folder.resolve().parent, own
    flat = [name for name, config in configs.items() if not config.root and _has_samples(config, folder)]
    if flat:
        return folder, flat
    roots = ", ".join(sorted({config.root for config in configs.values() if config.root}))
    raise ToolError(
        f"{folder} holds no data of a ready benchmark: no folder {roots}, and no files of "
        f"{', '.join(name for name, config in configs.items() if not config.root)}. Give a YAML."
    )


def _has_samples(config: Config, folder: Path) -> bool:
    if isinstance(config.samples, str):
        return any(folder.glob(config.samples))
    patterns = [config.each.spots] if isinstance(config.each.spots, str) else config.each.spots or []
    return any((folder / p.replace("{sample}", name)).exists() for p in patterns for name in config.samples)


@dataclass(frozen=True)
class OneSlide:
    """One slide with one group of labels, as flags give them; `queries` are `label=query`."""

    slide: Path
    spots: Path | None
    labels: Path | None
    column: str
    queries: Sequence[str]
    exclude: Sequence[str] = ()
    measured: Path | None = None
    mpp: float | None = None


def from_flags(given: OneSlide) -> Config:
    """A config from flags. Raises ToolError for what is missing or no `label=query`."""
    slide, spots, labels, queries = given.slide, given.spots, given.labels, given.queries
    if spots is None or labels is None or not queries:
        raise ToolError("With --slide, give --spots, --labels and a --query 'label=query' for each label.")
    pairs = [query.split("=", 1) for query in queries]
    if any(len(pair) != 2 or not all(part.strip() for part in pair) for pair in pairs):
        raise ToolError("A --query looks like 'TUM=tumor cells'.")
    kind = {".h5ad": "h5ad", ".geojson": "geojson", ".json": "geojson"}.get(labels.suffix, "csv")
    source: dict[str, object] = {kind: str(labels.resolve())}
    if kind != "geojson":
        source["obs" if kind == "h5ad" else "column"] = given.column
    each = {
        "slide": str(slide.resolve()),
        "spots": str(spots.resolve()),
        "mpp": given.mpp,
        "labels": {"labels": source},
    }
    if given.measured is not None:
        each["measured"] = str(given.measured.resolve())
    group = {
        "title": f"Labels of {labels.name}",
        "queries": {label.strip(): query.strip() for label, query in pairs},
        "exclude": [*given.exclude, "UNASSIGNED", "undetermined"],
    }
    name = slide.stem
    return parse({"name": name, "title": name, "samples": [name], "each": each, "groups": {"labels": group}})
