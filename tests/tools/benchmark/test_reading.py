"""The words follow the numbers."""

import numpy as np

from tests.tools.benchmark.synthetic import Planted, config, random_words, sample
from tools.benchmark.evaluate import judge_all, score_all
from tools.benchmark.expression_quality import MEAN, RIDGE, Quality
from tools.benchmark.reading import read_group, read_quality
from tools.benchmark.report import Block, Document, Section, to_html, to_markdown
from tools.benchmark.tables import markdown, number, paper_table


def reading(*scorers: Planted) -> str:
    samples = [sample(f"s{i}", random_words(i)) for i in range(4)]
    settings = config()
    judged = judge_all(settings, samples, scorers, score_all(settings, samples, scorers), 100, 0)
    return " ".join(read_group(judged, settings))


def test_better_worse_and_not_told_apart() -> None:
    floor = Planted(0.1, "marker-set mean", "floor")
    assert "better than every floor on NOR, TLS, TUM" in reading(Planted(0.6), floor)
    assert "above (+" in reading(Planted(0.6), floor)
    weak = reading(Planted(0.0), floor)
    assert "below (-" in weak and "worse than some floor on NOR, TLS, TUM" in weak
    assert "not told apart" in reading(Planted(0.1), floor)


def test_what_was_seen_is_said_before_any_figure() -> None:
    text = reading(Planted(0.6, trained_on="s1"), Planted(0.1, "marker-set mean", "floor"))
    assert text.index("figures flatter") < text.index("macro AUROC")
    assert "some of these patients" in text


def test_a_ridge_that_does_as_well_is_said() -> None:
    own = Quality("B4", "B", "starter-deepspot", False, 9, "other patients", {"50": 0.2, "all": 0.1}, {})
    ridge = Quality("B4", "B", RIDGE, False, 9, "other patients", {"50": 0.3, "all": 0.11}, {})
    mean = Quality("B4", "B", MEAN, False, 9, "other patients", {"50": 0.0, "all": 0.0}, {})
    text = " ".join(read_quality([own, ridge, mean]))
    assert "better (0.300) on the top 50 and as good (0.110) on all" in text


def test_numbers_that_are_not_defined_are_dashes() -> None:
    assert number(float("nan")) == "–" and number(0.12345) == "0.123"
    settings = config()
    only = sample("a", np.array(["NOR"] * 30 + ["TUM"] * 30))
    judged = judge_all(settings, [only], [Planted(0.3)], score_all(settings, [only], [Planted(0.3)]), 5, 0)
    row = paper_table([part for part in judged if part.primary], settings).splitlines()[2]
    assert [text.strip() for text in row.split("|")][3] == "–"


def test_html_holds_tables_and_escapes_what_it_is_given() -> None:
    section = Section("S", [Block("table", markdown(["a", "b"], [["1", "<x>"]])), Block("text", "**bold** `code`")])
    made = Document("T & <T>", "lead", ["care"], [section])
    page = to_html(made)
    assert (
        "<td>&lt;x&gt;</td>" in page
        and "<strong>bold</strong> <code>code</code>" in page
        and "T &amp; &lt;T&gt;" in page
    )
    assert "| 1 | <x> |" in to_markdown(made)
