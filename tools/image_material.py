"""What image models are trained on: sections and CoNSeP fields, features under many looks, their targets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from models.protocols import F32, TilePlan
from models.starter_encoder import StarterEncoder
from models.training.capricorn import archive_path, capricorn_encoder
from models.training.signatures import class_profiles
from models.training.targets import CLASSES, cells_of_nuclei, mixture_expression
from tools.datasets import consep, her2st, knowledge
from tools.datasets.looks import bag_features, cached, coarse, section_look, section_tiles, source_look
from tools.datasets.sections import Section, log1p_cp10k, read_rgb
from tools.expression import neighbour_rows
from tools.spots import Spots

PLAN = TilePlan(tile_um=112.0, tile_px=224, sub_grid=2, neighbour_um=200.0)
LOOKS = 3
CONSEP_SPOTS = 300.0  # how many spots CoNSeP counts for


@dataclass(frozen=True)
class Tissue:
    """One section: `features` (looks, n, k, 1024) float16, `neighbours` (n, m), deviations from the mean (n, g).

    `measured` is None for CoNSeP; `mixture` is the expression of its cell mixture; `weight` of the whole.
    """

    name: str
    patient: str
    features: NDArray[np.float16]
    neighbours: NDArray[np.int64]
    measured: F32 | None
    mixture: F32
    weight: float


@dataclass(frozen=True)
class ImageMaterial:
    """Everything with an image, and the mean expression over sections (g,)."""

    genes: tuple[str, ...]
    tissues: list[Tissue]
    mean: F32


def gather(data: Path, out: Path, seed: int) -> ImageMaterial:
    """Sections and CoNSeP fields with features under all looks, which are kept in `out/.looks`."""
    encoder = StarterEncoder(capricorn_encoder(archive_path(), StarterEncoder.card.dim), "auto")
    sections = [her2st.read_section(data / "her2st", name) for name in her2st.WITH_IMAGE]
    genes = tuple(sorted(set().union(*(section.genes for section in sections))))
    library = knowledge.read_profiles(data / "knowledge")
    by_class = class_profiles(library.x, library.cell_type, library.study, CLASSES)
    profiles = {kind: at_genes(profile, library.genes, genes) for kind, profile in by_class.items()}
    cache = out / ".looks"
    tissues, means = [], []
    for section in sections:
        x = at_genes(log1p_cp10k(section.counts), section.genes, genes)
        means.append(x.mean(axis=0))
        look = partial(section_look, section, PLAN, encoder.features, seed=seed)
        features = _all_looks(cache, section.name, seed, look)
        mixture = _centred(mixture_expression(section.proportions, profiles))
        around = neighbours_of(section)
        tissues.append(Tissue(section.name, section.patient, features, around, _centred(x), mixture, len(x)))
    sources = consep.read_sources(data / "consep")
    fields = consep.fields(sources, PLAN.tile_um or 0.0, PLAN.tile_px)
    features = _all_looks(cache, "consep", seed, partial(source_look, sources, PLAN, encoder.features, seed=seed))
    mixture = _centred(mixture_expression(cells_of_nuclei(fields.counts, consep.KINDS), profiles))
    tissues.append(Tissue("consep", "consep", features, fields.neighbours, None, mixture, CONSEP_SPOTS))
    return ImageMaterial(genes, tissues, np.mean(means, axis=0).astype(np.float32))


def coarse_features(data: Path, out: Path, name: str, coarse_um: float, seed: int) -> NDArray[np.float16]:
    """Features (n, k, 1024) of a section or "consep" as a scan of `coarse_um` um/px shows it; kept like the looks."""

    def make() -> NDArray[np.float16]:
        encoder = StarterEncoder(capricorn_encoder(archive_path(), StarterEncoder.card.dim), "auto")
        if name == "consep":
            tiles = consep.fields(consep.read_sources(data / "consep"), PLAN.tile_um or 0.0, PLAN.tile_px).tiles
        else:
            section = her2st.read_section(data / "her2st", name)
            if section.image_path is None:
                raise ValueError(f"Section {name} has no image.")
            tiles = section_tiles(section, read_rgb(section.image_path), PLAN, 1.0)
        fine_um = (PLAN.tile_um or 0.0) / PLAN.tile_px
        return bag_features(coarse(tiles, fine_um, coarse_um), PLAN, encoder.features)

    return cached(out / ".looks" / f"features-{name}-{seed}-{coarse_um:g}um.npy", make)


def neighbours_of(section: Section) -> NDArray[np.int64]:
    """Neighbours as the product finds them."""
    column, row = np.rint(section.array_xy).astype(np.int64).T
    spots = Spots(section.ids, section.l0_xy, row, column, her2st.SPOT_UM, section.pitch_um, "given", section.mpp)
    return neighbour_rows(spots, PLAN.neighbour_um)


def colour_statistics(data: Path, name: str) -> F32:
    """Fifteen numbers per spot (n, 15): mean, SD and the 10th, 50th and 90th percentile of red, green and blue."""
    section = her2st.read_section(data / "her2st", name)
    if section.image_path is None:
        raise ValueError(f"Section {name} has no image.")
    pixels = section_tiles(section, read_rgb(section.image_path), PLAN, 1.0)[:, ::2, ::2].reshape(
        len(section.ids), -1, 3
    )
    levels = np.percentile(pixels, [10, 50, 90], axis=1)
    return np.concatenate([pixels.mean(axis=1), pixels.std(axis=1), *levels], axis=1).astype(np.float32)


def colour_floor(data: Path, train: Sequence[Tissue], test: Sequence[Tissue]) -> list[F32]:
    """What a ridge on colour statistics predicts for the `test` sections, (n, g) each."""
    seen = np.concatenate([colour_statistics(data, tissue.name) for tissue in train])
    mean, spread = seen.mean(axis=0), seen.std(axis=0) + 1e-6
    ridge = Ridge(10.0).fit((seen - mean) / spread, np.concatenate([tissue.measured for tissue in train]))
    return [ridge.predict((colour_statistics(data, tissue.name) - mean) / spread) for tissue in test]


def _all_looks(cache: Path, name: str, seed: int, look: Callable[..., NDArray[np.float16]]) -> NDArray[np.float16]:
    """(looks, n, k, w), each look computed once."""
    return np.stack(
        [cached(cache / f"features-{name}-{seed}-{index}.npy", partial(look, index=index)) for index in range(LOOKS)]
    )


def _centred(x: F32) -> F32:
    return np.asarray(x - x.mean(axis=0), np.float32)


def at_genes(x: F32, own: Sequence[str], genes: Sequence[str]) -> F32:
    """Columns (..., own) at `genes`; a gene that is not there is 0."""
    where = {gene: j for j, gene in enumerate(own)}
    out = np.zeros((*x.shape[:-1], len(genes)), np.float32)
    present = [j for j, gene in enumerate(genes) if gene in where]
    out[..., present] = x[..., [where[genes[j]] for j in present]]
    return out
