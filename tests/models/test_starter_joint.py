"""The joint space: planted tissue is found by its words, genes by their symbols, nonsense is far from everything."""

import numpy as np
import pytest

from models import registry

PLANTED = {
    "T cells": ("CD3D", "CD3E", "CD2", "TRAC", "IL7R", "LCK", "CD8A"),
    "collagen": ("COL1A1", "COL1A2", "COL3A1", "DCN", "LUM", "SPARC"),
    "fat": ("ADIPOQ", "PLIN1", "PLIN4", "FABP4", "LPL", "CIDEC"),
    "blood vessels": ("PECAM1", "VWF", "CDH5", "CLDN5", "EGFL7", "PLVAP"),
}


@pytest.fixture(scope="module")
def joint():
    return registry.load("starter-joint")


@pytest.fixture(scope="module")
def planted(joint):
    rng = np.random.default_rng(0)
    genes = joint.genes
    column = {gene: j for j, gene in enumerate(genes)}
    x = rng.gamma(1.0, 0.2, (40 * len(PLANTED), len(genes))).astype(np.float32)
    for block, markers in enumerate(PLANTED.values()):
        x[40 * block : 40 * block + 40, [column[gene] for gene in markers if gene in column]] += 2.0
    return x


def _blocks(joint, x, texts):
    scores = joint.embed_expression(x, joint.genes) @ joint.encode_text(texts).T
    return scores.reshape(len(PLANTED), 40, len(texts)).mean(axis=1)


def test_words_find_planted_tissue(joint, planted):
    assert (_blocks(joint, planted, list(PLANTED)).argmax(axis=0) == np.arange(len(PLANTED))).all()


def test_gene_symbols_find_planted_tissue(joint, planted):
    queries = ["CD3D", "COL1A1 expression", "ADIPOQ", "CD31"]
    assert (_blocks(joint, planted, queries).argmax(axis=0) == np.arange(4)).all()


def test_too_few_known_genes_is_said(joint):
    with pytest.raises(ValueError, match="needs 200"):
        joint.embed_expression(np.ones((3, 4), np.float32), ["a", "b", "c", "KRT5"])


def test_few_spots_are_compared_with_the_stored_mean(joint, planted):
    t_cell_spot, fat_spot = (joint.embed_expression(planted[[row]], joint.genes)[0] for row in (0, 80))
    t_cells, fat = joint.encode_text(["T cells", "fat"])
    assert t_cell_spot @ t_cells > fat_spot @ t_cells and fat_spot @ fat > t_cell_spot @ fat


def test_a_known_term_is_near_and_nonsense_is_far(joint):
    assert joint.nearest_terms("T cells", 1)[0][1] == pytest.approx(1.0, abs=1e-4)
    assert joint.nearest_terms("COL1A1 expression", 1) == [("COL1A1", 1.0)]
    assert joint.nearest_terms("the stock market fell", 1)[0][1] < 0.6
