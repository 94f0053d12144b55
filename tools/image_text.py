"""Spots in the space of an image-text model: from the tile embeddings that a slide has, else from its tiles."""

from pathlib import Path

import numpy as np

from models.protocols import F32, ExpressionPredictor, ImageEncoder, ImageTextModel
from models.registry import load, model_class
from tools.files import atomic, digest, sha256_of_weights
from tools.slide import Slide
from tools.spots import Spots
from tools.tile_cache import Known, TileCache
from tools.tiles import Progress, embed_tiles


def embed_images(
    slide: Slide,
    spots: Spots,
    model: ImageTextModel,
    encoder: ImageEncoder,
    progress: Progress | None = None,
    known: Known | None = None,
) -> F32:
    """Tiles of a slide, cut as the model wants them and encoded by `encoder` -> (n, d) unit rows."""
    return model.project_image(embed_tiles(slide, spots, encoder, model.plan, progress, known)[:, 0])


def shares_tiles(model: ImageTextModel, predictor: ExpressionPredictor) -> bool:
    """Whether the embeddings that the predictor takes hold, in their first column, what the model takes."""
    own, other = model.plan, predictor.plan
    same_cut = (own.tile_um, own.tile_px, own.native) == (other.tile_um, other.tile_px, other.native)
    return model.encoder == predictor.encoder and same_cut


def kept_embedding(
    folder: Path, slide: Slide, spots: Spots, name: str, device: str = "auto", models_dir: Path | None = None
) -> F32:
    """Unit rows (n, d) for the image-text model `name`, computed once and kept in the slide's `folder`.

    Raises ModelUnavailable without the weights.
    """
    model: ImageTextModel = load(name, device, models_dir)
    checksums = [sha256_of_weights(model.card.folder(models_dir) / file) for file in model.card.files]
    made_from = digest([checksums, spots.l0_xy.round(2).tolist(), spots.mpp])
    kept = folder / f"image-text-{name}-{made_from}.npy"
    if not kept.exists():
        encoder = model if model.encoder == name else load(model.encoder, device, models_dir)
        where = (model_class(model.encoder).card, models_dir)
        cache = TileCache.of(folder.parent.parent, slide, spots, model.plan, where)
        known = cache.known(spots, model.plan.sub_grid)  # another model set may have had the same tiles encoded
        with atomic(kept) as part:
            np.save(part, embed_images(slide, spots, model, encoder, known=known))
    return np.asarray(np.load(kept), np.float32)
