"""What links words to genes: marker collections, reference profiles, gene sets and ontologies as named terms."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import zstandard
from numpy.typing import NDArray

from tools.datasets.concepts import concepts

ACCORDION = "cell_marker_accordion_human.tsv.gz"
PROFILES = "cpl_human_551profiles_log1p_cp10k_f16.npz"
GENE_SETS = {
    "hallmark": "genesets/h.all.v7.0.symbols.gmt",
    "c8": "genesets/c8.all.v2023.2.Hs.symbols.gmt",
    "go": "genesets/enrichr.GO_Biological_Process_2021.gmt",
    "hra": "genesets/human-reference-atlas.enrichr.tsv",
    "3ca": "genesets/3ca_meta_programs.gmt",
}
SMALLEST_SET, LARGEST_SET = 4, 400


@dataclass(frozen=True)
class Term:
    """Words with the genes that stand for them: `texts` (the first is the name) and weight per gene."""

    texts: tuple[str, ...]
    weights: dict[str, float]
    source: str


@dataclass(frozen=True)
class Profiles:
    """Mean expression `x` (p, g) log1p CP10K of labelled cell types; NaN where a data set lacks the gene."""

    x: NDArray[np.float32]
    genes: tuple[str, ...]
    cell_type: tuple[str, ...]
    tissue: tuple[str, ...]
    study: tuple[str, ...]


def read_ontology(root: Path) -> dict[str, dict[str, Any]]:
    """Cell Ontology: id -> label, description, synonyms, ancestors."""
    path = next((root / "ontologies").glob("CL-ontology-*.json.zst"))
    raw = zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())
    ontology: dict[str, dict[str, Any]] = json.loads(raw)
    return ontology


def read_profiles(root: Path) -> Profiles:
    """The Cell Profile Library."""
    with np.load(root / PROFILES) as z:
        x = z["X"].astype(np.float32)
        x[x < 0] = np.nan
        names = [_words(name) for name in z["celltype"].tolist()]
        return Profiles(
            x, tuple(z["genes"].tolist()), tuple(names), tuple(z["tissue"].tolist()), tuple(z["source_file"].tolist())
        )


def ensembl_ids(root: Path) -> dict[str, str]:
    """Gene symbol -> Ensembl gene id without version."""
    index = pd.read_csv(root / "pirlygenes" / "ensembl-gene-index.csv.gz").dropna().drop_duplicates("symbol")
    table = pd.read_csv(root / "symbol_to_ensembl.csv")
    known = dict(zip(index["symbol"], index["ensembl_gene_id"], strict=True))
    return known | dict(zip(table["gene_symbol"], table["gene_id"].str.split(".").str[0], strict=True))


def read_terms(root: Path) -> list[Term]:
    """Every named term, in a fixed order."""
    return [*_concept_terms(), *_accordion_terms(root), *_set_terms(root), *_hlca_terms(root), *_panel_terms(root)]


def _concept_terms() -> Iterator[Term]:
    for phrases, genes in concepts():
        yield Term(phrases, dict.fromkeys(genes, 1.0), "concept")


def _accordion_terms(root: Path) -> Iterator[Term]:
    """Cell types with markers weighted by the number of resources that name them, texts from the Cell Ontology."""
    ontology = read_ontology(root)
    table = pd.read_csv(
        root / ACCORDION, sep="\t", usecols=["CL_celltype", "CL_ID", "marker", "marker_type", "resource"]
    )
    table = table[table["marker_type"] == "positive"]
    support = table.groupby(["CL_ID", "CL_celltype", "marker"])["resource"].nunique().reset_index()
    for (identifier, name), rows in support.groupby(["CL_ID", "CL_celltype"], sort=True):
        rows = rows.sort_values(["resource", "marker"], ascending=[False, True]).head(150)
        if len(rows) < SMALLEST_SET:
            continue
        entry = ontology.get(str(identifier), {})
        texts = [str(name), *entry.get("synonyms", [])[:6]]
        if entry.get("description"):
            texts.append(f"{name}: {entry['description']}"[:300])
        weights = dict(zip(rows["marker"], rows["resource"].astype(float), strict=True))
        yield Term(tuple(dict.fromkeys(texts)), weights, "accordion")


def _set_terms(root: Path) -> Iterator[Term]:
    for source, name in GENE_SETS.items():
        for line in (root / name).read_text().splitlines():
            parts = line.split("\t")
            genes = [gene for gene in parts[2:] if gene]
            if SMALLEST_SET <= len(genes) <= LARGEST_SET:
                yield Term((_set_name(parts[0], source),), dict.fromkeys(genes, 1.0), source)


def _hlca_terms(root: Path) -> Iterator[Term]:
    table = pd.read_csv(root / "hlca_cell_type_signatures.csv")
    for name, rows in table.groupby("cell_type", sort=True):
        genes = [str(gene) for gene in rows["gene_identifier"].dropna()]
        if len(genes) >= SMALLEST_SET:
            yield Term((str(name), f"{name} cells of the lung"), dict.fromkeys(genes, 1.0), "hlca")


def _panel_terms(root: Path) -> Iterator[Term]:
    folder = root / "pirlygenes"
    for file, column, source in (
        ("tme-markers.csv", "Cell_Type", "tumour microenvironment"),
        ("cancer-compartment-panels.csv", "display_name", "compartment"),
        ("estimate-signatures.csv", "Category", "estimate"),
    ):
        genes_of: dict[str, list[str]] = defaultdict(list)
        for name, gene in pd.read_csv(folder / file)[[column, "Symbol"]].itertuples(index=False):
            genes_of[str(name)].append(str(gene))
        for name, genes in genes_of.items():
            if len(genes) >= SMALLEST_SET:
                yield Term((_words(name),), dict.fromkeys(genes, 1.0), source)


def _words(name: str) -> str:
    """Identifier to words: dots and underscores are blanks, trailing numbers of clusters go."""
    text = re.sub(r"[._]+", " ", name).strip()
    return re.sub(r"( type)? \d+$", "", text).strip()


def _set_name(name: str, source: str) -> str:
    if source == "hallmark":
        return name.removeprefix("HALLMARK_").replace("_", " ").lower()
    if source == "c8":
        return re.sub(r"^\S+ ", "", name.replace("_", " ").lower())
    if source == "go":
        return re.sub(r" \(GO:\d+\)$", "", name)
    if source == "3ca":
        return re.sub(r"^MP\d+\s+", "", name)
    return re.sub(r"_\d+ - ", " ", name)
