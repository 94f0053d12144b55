"""Geneformer's rank-value encoding (Theodoris et al. 2023): a cell as the list of its genes, most unusual first."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.card import ModelUnavailable

I64 = NDArray[np.int64]
MOST_TOKENS = 2048
PAD = 0
EMPTY_CELL = 9743  # the token of a cell without any known gene, as CellWhisperer has it
COLUMNS = ("ensembl_id", "token", "median", "symbols")


@dataclass(frozen=True)
class GeneTokens:
    """Token and median of non-zero expression by Ensembl id, and Ensembl ids by symbol."""

    tokens: dict[str, int]
    medians: dict[str, float]
    ids: dict[str, str]

    def ensembl(self, gene: str) -> str | None:
        """Ensembl id of a gene named by id (with or without a version) or symbol; None where it has none."""
        if gene.startswith("ENSG0"):
            return gene.split(".")[0]
        return self.ids.get(gene)

    def columns(self, genes: Sequence[str]) -> tuple[I64, I64, NDArray[np.float64]]:
        """Of the genes that have a token: their columns, tokens and medians."""
        named = [(j, identifier) for j, gene in enumerate(genes) if (identifier := self.ensembl(gene)) in self.tokens]
        columns = np.array([j for j, _ in named], np.int64)
        tokens = np.array([self.tokens[name] for _, name in named if name], np.int64)
        medians = np.array([self.medians[name] for _, name in named if name], np.float64)
        return columns, tokens, medians


def rank_encode(
    values: NDArray[np.floating], tokens: I64, medians: NDArray[np.float64], most: int = MOST_TOKENS
) -> tuple[I64, I64]:
    """Expression (n, g) in counts, CP10K or any multiple by row -> token ids and mask (n, t), t <= `most`.

    Each value is divided by its gene's median; the genes of a row that are not zero follow by falling value (equal ones
    in the order of the columns), cut at `most`, padded on the right. The factor of a row does not matter; a logarithm
    would.
    """
    scaled = np.asarray(values, np.float64) / medians
    rows = []
    for row in scaled:
        expressed = np.flatnonzero(row > 0)
        order = expressed[np.argsort(-row[expressed], kind="stable")][:most]
        rows.append(tokens[order] if len(order) else np.array([EMPTY_CELL]))
    longest = max(map(len, rows), default=0)
    ids = np.full((len(rows), longest), PAD, np.int64)
    mask = np.zeros((len(rows), longest), np.int64)
    for i, row in enumerate(rows):
        ids[i, : len(row)], mask[i, : len(row)] = row, 1
    return ids, mask


def write_tokens(path: Path, genes: GeneTokens) -> None:
    """genes.csv: an Ensembl id a row, with its symbols."""
    symbols: dict[str, list[str]] = {}
    for symbol, identifier in genes.ids.items():
        symbols.setdefault(identifier, []).append(symbol)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for name, token in genes.tokens.items():
            writer.writerow([name, token, repr(float(genes.medians[name])), ";".join(symbols.get(name, []))])


def read_tokens(path: Path) -> GeneTokens:
    """The inverse of `write_tokens`."""
    with path.open(newline="") as file:
        table = csv.DictReader(file)
        if tuple(table.fieldnames or ()) != COLUMNS:
            raise ModelUnavailable(f"{path} needs the columns {', '.join(COLUMNS)}.")
        rows = list(table)
    ids = {symbol: row["ensembl_id"] for row in rows for symbol in row["symbols"].split(";") if symbol}
    tokens = {row["ensembl_id"]: int(row["token"]) for row in rows}
    return GeneTokens(tokens, {row["ensembl_id"]: float(row["median"]) for row in rows}, ids)
