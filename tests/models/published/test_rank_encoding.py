"""Rank-value encoding against one written differently, on made-up and on real spots."""

import gzip
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.convert.unpickle import read_pickle
from models.published.rank_encoding import EMPTY_CELL, GeneTokens, rank_encode, read_tokens, write_tokens


def by_sorting(values: "pd.Series[float]", medians: dict[str, float], tokens: dict[str, int]) -> list[int]:
    """One cell in pandas: CP10K over median, zeros out, sorted, the first 2048."""
    known = values[values.index.isin(list(medians))]
    scaled = known / known.sum() * 10_000 / pd.Series(medians)[known.index]
    ranked = scaled[scaled > 0].sort_values(ascending=False, kind="mergesort")
    return [tokens[gene] for gene in ranked.index[:2048]]


def test_real_spots_with_the_released_dictionaries(data_folder: Path, tmp_path: Path) -> None:
    tokens = pickle.loads((data_folder / "geneformer" / "token_dictionary.pkl").read_bytes())
    medians = pickle.loads((data_folder / "geneformer" / "gene_median_dictionary.pkl").read_bytes())
    assert read_pickle(data_folder / "geneformer" / "token_dictionary.pkl") == tokens
    assert read_pickle(data_folder / "geneformer" / "gene_median_dictionary.pkl") == medians
    table = pd.read_csv(data_folder / "knowledge" / "symbol_to_ensembl.csv")
    symbols = dict(zip(table["gene_symbol"], table["gene_id"].str.split(".").str[0], strict=True))
    known = {gene: token for gene, token in tokens.items() if gene in medians}
    genes = GeneTokens(known, {gene: medians[gene] for gene in known}, {s: e for s, e in symbols.items() if e in known})
    write_tokens(tmp_path / "genes.csv", genes)
    genes = read_tokens(tmp_path / "genes.csv")
    for section in ("C2", "D1"):
        with gzip.open(data_folder / "her2st" / "counts" / f"{section}.tsv.gz", "rt") as file:
            counts = pd.read_csv(file, sep="\t", index_col=0).iloc[:40]
        columns, ids, middle = genes.columns(list(counts.columns))
        found, mask = rank_encode(counts.to_numpy(float)[:, columns], ids, middle)
        log1p = np.log1p(counts.to_numpy(float) / counts.sum(axis=1).to_numpy()[:, None] * 1e4).astype(np.float32)
        through_log, _ = rank_encode(np.expm1(log1p.astype(float))[:, columns], ids, middle)
        renamed = counts.rename(columns=symbols)
        renamed = renamed.loc[:, [name in known for name in renamed.columns]]
        for spot in range(len(counts)):
            expected = by_sorting(renamed.iloc[spot], medians, tokens)
            assert found[spot][mask[spot] == 1].tolist() == expected
            assert len(expected) > 300
        length = min(found.shape[1], through_log.shape[1])
        assert (found[:, :length] == through_log[:, :length]).mean() > 0.999  # float32 log1p breaks few ties


def test_rows_are_scale_free_but_not_log_free() -> None:
    rng = np.random.default_rng(0)
    values, tokens = rng.gamma(1, 2, (5, 50)), np.arange(10, 60)
    medians = rng.gamma(2, 1, 50)
    ids, _ = rank_encode(values, tokens, medians)
    np.testing.assert_array_equal(
        rank_encode(values * np.array([[1], [7], [0.1], [3], [100]]), tokens, medians)[0], ids
    )
    assert (rank_encode(np.log1p(values), tokens, medians)[0] != ids).any()
    order = rng.permutation(50)
    np.testing.assert_array_equal(rank_encode(values[:, order], tokens[order], medians[order])[0], ids)


def test_long_cells_are_cut_empty_ones_marked_and_short_ones_padded() -> None:
    values = np.zeros((3, 6))
    values[0], values[1, 4] = [1, 2, 3, 4, 5, 6], 1
    ids, mask = rank_encode(values, np.arange(100, 106), np.ones(6), most=4)
    assert ids.tolist() == [[105, 104, 103, 102], [104, 0, 0, 0], [EMPTY_CELL, 0, 0, 0]]
    assert mask.sum(axis=1).tolist() == [4, 1, 1]


def test_a_median_decides_the_order() -> None:
    ids, _ = rank_encode(np.array([[10.0, 1.0]]), np.array([7, 8]), np.array([20.0, 0.5]))
    assert ids.tolist() == [[8, 7]] and rank_encode(np.zeros((0, 2)), np.array([7, 8]), np.ones(2))[0].shape == (0, 0)


@pytest.mark.parametrize("gene", ["ENSG00000000001", "ENSG00000000001.12", "ABC"])
def test_names_of_a_gene(gene: str) -> None:
    genes = GeneTokens({"ENSG00000000001": 5}, {"ENSG00000000001": 1.5}, {"ABC": "ENSG00000000001"})
    assert genes.ensembl(gene) == "ENSG00000000001"
    columns, tokens, medians = genes.columns(["XYZ", gene])
    assert (columns.tolist(), tokens.tolist(), medians.tolist()) == ([1], [5], [1.5])
