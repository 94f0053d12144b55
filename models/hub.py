"""Weights from the Hugging Face hub, by the one command that a person gives; nothing else downloads."""

from pathlib import Path

from models.card import Card, ModelUnavailable

ALSO = ("config.json", "preprocessor_config.json", "tokenizer_config.json")  # read where they are there
HUB = "https://huggingface.co/"


def fetch(card: Card, models_dir: Path | None) -> list[Path]:
    """Download the files that a model reads into its folder. Raises ModelUnavailable where that cannot be.

    Models whose released files must be converted come by hand: `Card.obtain` says how.
    """
    if not card.on_hub:
        raise ModelUnavailable(
            f"'{card.name}' does not come by one download from the hub: {card.how_to_get(models_dir)}."
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    patterns = [name for files in card.files for name in files.split("|")] + list(ALSO)
    repo = card.source.removeprefix(HUB)
    try:
        snapshot_download(repo, local_dir=card.folder(models_dir), allow_patterns=patterns)
    except GatedRepoError as error:
        raise ModelUnavailable(
            f"{card.source} gives access on request: accept its terms there, then `hf auth login`."
        ) from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelUnavailable(
            f"{repo} could not be downloaded ({reason}). On a machine with a network: {card.how_to_get(models_dir)}."
        ) from error
    absent = card.missing(models_dir)
    if absent:
        raise ModelUnavailable(f"{repo} was downloaded, but lacks {', '.join(path.name for path in absent)}.")
    return card.present(models_dir)
