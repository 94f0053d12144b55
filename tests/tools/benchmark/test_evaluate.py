from dataclasses import dataclass, replace

import numpy as np
import pytest

from tests.tools.benchmark.synthetic import CLASSES, Planted, config, random_words, sample
from tools.benchmark.config import Group
from tools.benchmark.evaluate import Judged, judge_all, score_all
from tools.benchmark.samples import Sample, Truth
from tools.benchmark.scored import Scored, checked
from tools.benchmark.summary import all_differences, differences, summaries
from tools.errors import ToolError

DRAWS = 100


def judged(samples: list[Sample], *scorers: Planted, **changes: object) -> list[Judged]:
    settings = config(**changes)
    return judge_all(settings, samples, scorers, score_all(settings, samples, scorers), DRAWS, 0)


def primary(found: list[Judged]) -> Judged:
    return next(part for part in found if part.primary)


def shuffled(item: Sample, seed: int) -> Sample:
    words = np.random.default_rng(seed).permutation(item.truths["regions"].words)
    return replace(item, truths={"regions": Truth(words)})


def test_planted_signal_is_found() -> None:
    samples = [sample(f"s{i}", random_words(i)) for i in range(4)]
    found = primary(judged(samples, Planted(0.3)))
    assert found.kind == "softmax" and found.auroc.min() > 0.9
    rows = {row.column: row for row in summaries(found, config())}
    assert rows["Overall weighted"].mean.mean > 0.9 and rows["TLS"].mean.n == 4
    assert rows["TLS"].low < rows["TLS"].mean.mean < rows["TLS"].high
    assert np.trace(found.confusion) > 0.7 * found.confusion.sum() == 0.7 * 1200


def test_shuffled_labels_give_one_half_within_their_interval() -> None:
    samples = [sample(f"s{i}", random_words(i)) for i in range(4)]
    scorer, settings = Planted(0.3), config()
    scored = score_all(settings, samples, [scorer])
    inside, means = 0, []
    for seed in range(10):
        mixed = [shuffled(item, 100 * seed + i) for i, item in enumerate(samples)]
        macro = summaries(primary(judge_all(settings, mixed, [scorer], scored, DRAWS, seed)), settings)[-1]
        inside += macro.low <= 0.5 <= macro.high
        means.append(macro.mean.mean)
    assert inside >= 8 and abs(np.mean(means) - 0.5) < 0.02


def test_permuting_spots_changes_nothing() -> None:
    item = sample("s", random_words(1))
    settings, scorer = config(), Planted(0.15)
    scored = score_all(settings, [item], [scorer])
    order = np.random.default_rng(5).permutation(300)
    moved = replace(
        item,
        ids=tuple(item.ids[i] for i in order),
        l0_xy=item.l0_xy[order],
        images=item.images[order],
        truths={"regions": Truth(item.truths["regions"].words[order])},
    )
    there = {key: replace(part, raw=part.raw[order]) for key, part in scored.items()}
    before = primary(judge_all(settings, [item], [scorer], scored, 0, 0))
    after = primary(judge_all(settings, [moved], [scorer], there, 0, 0))
    for name in ("auroc", "precision", "weighted", "macro", "accuracy", "confusion"):
        assert getattr(after, name) == pytest.approx(getattr(before, name), abs=1e-12)


def test_an_absent_class_is_missing_and_counted() -> None:
    both = [sample("a", random_words(1)), sample("b", random_words(2, p=(0.7, 0.0, 0.3)))]
    found = primary(judged(both, Planted(0.3)))
    assert np.isnan(found.auroc[1, 1]) and np.isfinite(found.auroc[0]).all()
    rows = {row.column: row for row in summaries(found, config())}
    assert rows["TLS"].mean.n == 1 and rows["TUM"].mean.n == 2 and np.isnan(rows["TLS"].mean.sem)


def test_a_sample_of_one_class_has_no_area_but_spoils_nothing() -> None:
    both = [sample("a", random_words(1)), sample("b", np.full(50, "NOR"))]
    found = primary(judged(both, Planted(0.3)))
    assert np.isnan(found.auroc[1]).all() and np.isnan(found.weighted[1])
    assert summaries(found, config())[-1].mean.n == 1


def test_without_any_label_there_is_nothing_to_judge() -> None:
    with pytest.raises(ToolError, match="nothing can be judged"):
        judged([sample("a", np.full(20, ""))], Planted(0.3))


def test_a_missing_score_is_an_error_and_a_missing_class_is_not() -> None:
    raw = np.random.default_rng(0).normal(size=(10, 3))
    raw[:, 1] = np.nan
    assert checked(Scored(raw, "cosine"), "x", "s").raw is raw
    raw[4, 0] = np.nan
    with pytest.raises(ToolError, match=r"s: x has no finite score for 1 spots, the first in row 4"):
        checked(Scored(raw, "cosine"), "x", "s")


def test_means_over_patients_count_serial_sections_once() -> None:
    serial = [sample(f"c{i}", random_words(i), "C") for i in range(5)]
    samples = [sample("b1", random_words(9), "B"), *serial]
    found = primary(judged(samples, Planted(0.1), average_over="patients"))
    macro = summaries(found, config(average_over="patients"))[-1].mean
    assert macro.n == 2
    assert macro.mean == pytest.approx((found.macro[0] + found.macro[1:].mean()) / 2)
    assert macro.sem == pytest.approx(abs(found.macro[0] - found.macro[1:].mean()) / 2)


def test_differences_are_paired() -> None:
    samples = [sample(f"s{i}", random_words(i)) for i in range(5)]
    found = judged(samples, Planted(0.3, "strong"), Planted(0.0, "none", "floor"))
    strong, none = (part for part in found if part.primary)
    rows = {row.column: row for row in differences(strong, none, config())}
    macro = rows["Macro"]
    assert macro.mean == pytest.approx((strong.macro - none.macro).mean())
    assert (macro.sign.above, macro.sign.below) == (5, 0) and macro.sign.p == pytest.approx(0.0625)
    assert macro.low > 0.2
    assert {(row.first, row.second) for row in all_differences(found, config())} == {("strong", "none")}


def test_differences_are_over_the_classes_that_both_score() -> None:
    @dataclass
    class Blind(Planted):
        """Knows nothing of the first class."""

        def score(self, sample: Sample, key: str, group: Group) -> Scored | None:
            scored = super().score(sample, key, group)
            assert scored is not None
            scored.raw[:, 0] = np.nan
            return scored

    samples = [sample(f"s{i}", random_words(i)) for i in range(3)]
    strong, blind = (part for part in judged(samples, Planted(0.3, "a"), Blind(0.0, "b", "floor")) if part.primary)
    rows = {row.column: row for row in differences(strong, blind, config())}
    assert np.isnan(rows["NOR"].mean)
    assert rows["Macro"].mean == pytest.approx((strong.auroc - blind.auroc)[:, 1:].mean())


def test_what_was_seen_in_training_is_marked() -> None:
    samples = [sample(name, random_words(1)) for name in ("a", "b")]
    assert primary(judged(samples, Planted(0.3, trained_on="b"))).seen.tolist() == [False, True]


def test_softmax_and_cosine_may_rank_differently_and_both_are_named() -> None:
    kinds = {part.kind for part in judged([sample("a", random_words(1))], Planted(0.1))}
    assert kinds == {"softmax", "cosine", "softmax at scale 1"}
    assert tuple(judged([sample("a", random_words(1))], Planted(0.1))[0].classes) == CLASSES
