"""What is benchmarked: a small YAML. Paths are relative to the data folder; of several, the first that exists is it."""

from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tools.errors import ToolError

READY = Path(__file__).parent.parent.parent / "benchmarks"
SCORERS = ("molecular", "image-text", "fused", "measured", "markers", "colour", "chance")
Paths = str | list[str]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LabelSource(_Strict):
    """Where labels of one group come from: exactly one of h5ad (obs), csv (column), geojson, proportions (classes)."""

    h5ad: Paths | None = None
    obs: Paths = "label"
    csv: Paths | None = None
    barcode: str | None = None  # column of the barcode; default: spot, barcode or id, else the first
    column: str = "label"
    geojson: Paths | None = None
    proportions: Paths | None = None
    classes: dict[str, list[str]] = Field(default_factory=dict)  # class -> columns of the table of proportions
    missing: Literal["refuse", "count"] = "refuse"  # labelled barcodes that are not among the spots

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(part is not None for part in (self.h5ad, self.csv, self.geojson, self.proportions)) != 1:
            raise ValueError("give exactly one of h5ad, csv, geojson, proportions")
        return self


class Group(_Strict):
    """Labels that exclude each other, the query of each, and the genes of its marker-set floor."""

    title: str
    queries: dict[str, str]
    markers: dict[str, list[str]] = Field(default_factory=dict)
    exclude: list[str] = Field(default_factory=lambda: ["UNASSIGNED", "undetermined", ""])
    merge: dict[str, list[str]] = Field(default_factory=dict)  # presence: class -> labels that count as it
    drop_dominated_by: list[str] = Field(default_factory=list)  # presence: tiles that are mostly this are left out
    caveat: str = ""


class Cells(_Strict):
    """Cells in HDF files as the successor's data has them: an image, instances and a map of class numbers."""

    hdf: Paths
    image: str = "img"
    instances: str = "gt_inst"
    class_map: str = "gt_ct"
    names: list[str] = Field(default_factory=list)  # of class 0, 1, ...
    names_in: str | None = None  # text file of `number: 'name'`
    tile_px: int = 224
    drop_last: bool = True  # leave out the last row and column of tiles, as the successor did


class Each(_Strict):
    """What every sample has; `{sample}` stands for its name."""

    slide: Paths | None = None
    slide_in: Paths | None = None  # h5ad whose uns holds the image
    slide_uns: list[str] = Field(default_factory=lambda: ["20x_slide", "he_slide"])
    spots: Paths | None = None
    measured: Paths | None = None
    patient: str = "{sample}"
    mpp: float | Literal["visium"] | None = None
    spot_um: float = 55.0
    labels: dict[str, LabelSource] = Field(default_factory=dict)
    cells: Cells | None = None


class Config(_Strict):
    """One benchmark. `dataset` names a built-in reader instead of `each`."""

    name: str
    title: str
    source: str = ""
    definition: Literal["spots", "presence"] = "spots"
    dataset: Literal["her2st", "consep"] | None = None
    root: str = ""  # folder of the data set inside the data folder
    samples: list[str] | str  # names, or a glob whose stems are names
    each: Each = Field(default_factory=Each)
    groups: dict[str, Group] = Field(default_factory=dict)
    scorers: list[str] = Field(default_factory=lambda: list(SCORERS))
    given_scores: dict[str, str] = Field(default_factory=dict)  # scorer -> CSV of scores, `{sample}` and `{group}`
    average_over: Literal["samples", "patients"] = "samples"
    least: int = Field(1, ge=1)  # spots that a class and the rest must each have in a unit to be judged there
    prompt_ensemble: bool = False  # image-text models are asked in several wordings, averaged
    patch_px: list[int] = Field(default_factory=list)
    trained_on: dict[str, list[str]] = Field(default_factory=dict)  # model -> patients that taught it
    learn_from: str | None = None  # benchmark whose measured samples teach the expression floors
    notes: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _known(self) -> Self:
        unknown = [name for name in self.scorers if name not in SCORERS]
        if unknown:
            raise ValueError(f"unknown scorers {', '.join(unknown)}; known: {', '.join(SCORERS)}")
        extra = set(self.each.labels) - set(self.groups)
        if extra:
            raise ValueError(f"labels for {', '.join(sorted(extra))}, but no such group")
        return self


def ready() -> dict[str, Path]:
    """The configs that come with the project, by name."""
    return {path.stem: path for path in sorted(READY.glob("*.yaml"))}


def read_config(name_or_path: str) -> Config:
    """A config by the name of a ready one or by its path. Raises ToolError with what is wrong in it."""
    path = ready().get(name_or_path, Path(name_or_path))
    if not path.is_file():
        raise ToolError(f"'{name_or_path}' is neither a ready benchmark ({', '.join(ready())}) nor a YAML file.")
    try:
        return parse(yaml.safe_load(path.read_text()), path.name)
    except yaml.YAMLError as error:
        raise ToolError(f"{path.name} is not YAML: {' '.join(str(error).split())}.") from error


def parse(value: Any, name: str = "the configuration") -> Config:
    """A config from plain types. Raises ToolError naming the entry that does not fit."""
    try:
        return Config.model_validate(value)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, item['loc'])) or 'it'}: {item['msg']}" for item in error.errors()[:4]]
        raise ToolError(f"{name} cannot be used: {'; '.join(problems)}.") from error


def as_yaml(config: Config) -> str:
    """The config as it can be given again."""
    return str(yaml.safe_dump(config.model_dump(exclude_defaults=True), sort_keys=False, allow_unicode=True, width=110))


def read_mapping(path: Path) -> dict[str, Any]:
    """A YAML or JSON file that holds a mapping."""
    if not path.is_file():
        raise ToolError(f"There is no file {path}.")
    value = yaml.safe_load(path.read_text())
    if not isinstance(value, dict):
        raise ToolError(f"{path.name} must hold a mapping, such as 'Immune: [T cells, B cells]'.")
    return value
