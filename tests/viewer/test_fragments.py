from viewer import fragments

ROW = {"gene": "KRT5", "log2fc": -1.234, "auroc": 0.91, "p_adj": 3e-12, "reliability": 0.42}


def test_genes_are_buttons_with_their_numbers():
    html = fragments.genes({"kind": "genes", "region": "r1", "versus": "rest", "rows": [ROW]})
    assert 'data-ask="Show KRT5"' in html
    assert "Genes of r1 against the rest of the tissue" in html
    for number in ("−1.23", "0.91", "3e-12", "0.42"):
        assert number in html


def test_unknown_numbers_are_not_invented():
    html = fragments.genes({"rows": [ROW | {"reliability": float("nan"), "log2fc": None}]})
    assert "unknown" in html
    assert "nan" not in html.lower()


def test_without_genes_there_is_a_hint():
    assert "which genes mark" in fragments.genes({})


def test_nothing_from_data_becomes_markup():
    evil = '"><script>alert(1)</script>'
    for html in (
        fragments.chips([evil]),
        fragments.facts([evil]),
        fragments.genes({"region": evil, "versus": evil, "rows": [ROW | {"gene": evil}]}),
    ):
        assert "<script" not in html


def test_p_values_from_plain_to_vanishing():
    assert fragments.p_value(0.2) == "0.20"
    assert fragments.p_value(0.0) == "&lt; 1e-300"
    assert fragments.p_value(None) == "–"
