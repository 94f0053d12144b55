"""What the numbers say, in words, written from the numbers so that it changes with them."""

from collections.abc import Sequence

from tools.benchmark.config import Config
from tools.benchmark.evaluate import Judged
from tools.benchmark.expression_quality import MEAN, Quality
from tools.benchmark.metrics import mean_sem
from tools.benchmark.summary import MACRO, WEIGHTED, Difference, differences, summaries

LEAST_R = 0.02  # a smaller gap of mean Pearson r is called none


def read_group(judged: Sequence[Judged], config: Config) -> list[str]:
    """Sentences about one group: each model against the best floor, overall and by class, and the upper bound."""
    primary = [part for part in judged if part.primary]
    floors = [part for part in primary if part.role == "floor" and part.scorer != "chance"]
    sentences = []
    for part in primary:
        if part.role != "model":
            continue
        if part.seen.any():
            sentences.append(
                f"**{part.scorer}** used weights that were trained on "
                f"{'these patients' if part.seen.all() else 'some of these patients'}: its figures flatter and are no "
                "evidence of anything. Use `--held-out`."
            )
        sentences.append(_model(part, floors, config))
    sentences += [_bound(part, primary, config) for part in primary if part.role == "upper bound"]
    return [sentence for sentence in sentences if sentence]


def _macro(part: Judged, config: Config) -> float:
    return next(column.mean.mean for column in summaries(part, config) if column.column == MACRO)


def _model(part: Judged, floors: Sequence[Judged], config: Config) -> str:
    columns = {column.column: column for column in summaries(part, config)}
    macro, overall = columns[MACRO], columns[WEIGHTED]
    weighted = f", weighted by support {overall.mean.mean:.3f}" if overall.mean.n else ""
    text = f"**{part.scorer}** has a macro AUROC of {macro.mean.mean:.3f}{weighted}"
    if not floors:
        return f"{text}; chance is 0.5."
    best = max(floors, key=lambda floor: _macro(floor, config))
    gap = {d.column: d for d in differences(part, best, config)}
    text += f", {_verdict(gap.get(MACRO))} the strongest floor ({best.scorer}, {_macro(best, config):.3f})."
    above, below, open_ = [], [], []
    what = "image" if config.definition == "presence" else config.average_over.removesuffix("s")
    for name in part.classes:
        rivals = [{d.column: d for d in differences(part, floor, config)}.get(name) for floor in floors]
        known = [rival for rival in rivals if rival is not None and rival.mean == rival.mean]
        if not known or columns[name].mean.n == 0:
            continue
        judged_in = columns[name].mean.n
        shown = f"{name} (one {what} only)" if judged_in == 1 < len(part.units) else name
        if all(rival.low > 0 for rival in known):
            above.append(shown)
        elif any(rival.high < 0 for rival in known):
            below.append(shown)
        else:
            open_.append(shown)
    parts = [
        f"better than every floor on {', '.join(above)}" if above else "",
        f"worse than some floor on {', '.join(below)}" if below else "",
        f"not told apart from some floor on {', '.join(open_)}" if open_ else "",
    ]
    listed = "; ".join(part for part in parts if part)
    return f"{text} By class it is {listed}." if listed else text


def _verdict(gap: Difference | None) -> str:
    if gap is None or gap.low != gap.low:
        return "beside"
    if gap.low > 0:
        return f"above ({gap.mean:+.3f}, 95% interval {gap.low:+.3f} to {gap.high:+.3f})"
    if gap.high < 0:
        return f"below ({gap.mean:+.3f}, 95% interval {gap.low:+.3f} to {gap.high:+.3f})"
    return f"not told apart ({gap.mean:+.3f}, 95% interval {gap.low:+.3f} to {gap.high:+.3f}) from"


def _bound(part: Judged, primary: Sequence[Judged], config: Config) -> str:
    molecular = next((other for other in primary if other.scorer == "molecular"), None)
    if molecular is None or not part.scorer.startswith("measured"):
        return ""
    gap = {d.column: d for d in differences(molecular, part, config)}.get(MACRO)
    return (
        f"With measured instead of predicted expression the same joint space reaches {_macro(part, config):.3f}; "
        f"predicted is {_verdict(gap)} it. Measured expression never saw the image: it is no SpotWhisperer, only what "
        "the space could do with perfect prediction."
    )


def read_quality(found: Sequence[Quality]) -> list[str]:
    """Sentences about expression: the predictor against each floor, top 50 and all genes."""
    own = [part for part in found if part.predictor == found[0].predictor]
    floors = [name for name in dict.fromkeys(part.predictor for part in found) if name not in (own[0].predictor, MEAN)]
    sentences = []
    for part in own:
        texts = []
        for floor in floors:
            rival = next(q for q in found if (q.sample, q.predictor) == (part.sample, floor))
            texts.append(f"{floor} {_gaps(part, rival)}")
        top = next(iter(part.top))
        sentences.append(
            f"{part.sample}: mean r {part.top[top]:.3f} over the top {top} genes and {part.top['all']:.3f} over all"
            + (" **(seen in training)**" if part.seen else "")
            + (f"; against it, {'; '.join(texts)}." if texts else "; a constant has 0.")
        )
    patients = dict.fromkeys(part.patient for part in own)
    if len(patients) > 1:
        gaps = [
            (floor, mean_sem([_at(found, own[0].predictor, p) - _at(found, floor, p) for p in patients]).mean)
            for floor in floors
        ]
        words = [f"{gap:+.3f} against {floor}" for floor, gap in gaps]
        sentences.append(f"Mean of patients, all genes: {', '.join(words)}.")
    return sentences


def _at(found: Sequence[Quality], predictor: str, patient: str) -> float:
    return mean_sem([q.top["all"] for q in found if (q.predictor, q.patient) == (predictor, patient)]).mean


def _gaps(part: Quality, rival: Quality) -> str:
    words = []
    for name in (next(iter(part.top)), "all"):
        gap = rival.top[name] - part.top[name]
        kind = "as good" if abs(gap) < LEAST_R else "better" if gap > 0 else "worse"
        words.append(f"{kind} ({rival.top[name]:.3f}) on {'all' if name == 'all' else f'the top {name}'}")
    return " and ".join(words)
