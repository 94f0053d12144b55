"""The whole command on a tiny data set with the fake models."""

import csv
import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from app import app
from tests.tools.benchmark.material import write_config, write_data
from tools.benchmark.config import read_config, ready
from tools.errors import ToolError


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def report(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    result = run(data, write_config(folder / "c.yaml", trained_on={"fake-predictor": ["two"]}), folder)
    assert result.exit_code == 0, result.output
    return folder / "synthetic"


def run(data: Path, config: Path, out: Path, *more: str) -> Result:
    arguments = ["benchmark", str(config), "--data", str(data), "--out", str(out), "--workspace", str(data / "ws")]
    return CliRunner().invoke(app, [*arguments, "--models", "fake", "--draws", "20", *more], catch_exceptions=False)


def rows(report: Path, name: str) -> list[dict[str, str]]:
    with (report / f"{name}.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_every_scorer_and_floor_is_in_the_table(report: Path) -> None:
    macro = {
        row["scorer"]: float(row["auroc"])
        for row in rows(report, "tables")
        if row["column"] == "Macro" and row["kind"] == "softmax"
    }
    assert set(macro) == {
        "molecular", "image-text: fake-image-text", "fused: molecular + fake-image-text",
        "measured expression (upper bound)", "marker-set mean, measured (upper bound)", "marker-set mean, predicted",
        "colour statistics (supervised on others)", "chance",
    }  # fmt: skip
    assert macro["molecular"] > 0.95 and macro["measured expression (upper bound)"] > 0.95
    assert macro["colour statistics (supervised on others)"] > 0.95
    assert 0.3 < macro["chance"] < 0.7


def test_prompt_ensembling_is_off_unless_asked_for(report: Path, data: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path / "c.yaml", prompt_ensemble=True, scorers=["image-text"])
    assert run(data, config, tmp_path).exit_code == 0
    asked = {row["scorer"]: row["auroc"] for row in rows(tmp_path / "synthetic", "tables") if row["column"] == "Macro"}
    assert list(asked) == ["image-text: fake-image-text, prompt ensemble"]
    assert all("ensemble" not in row["scorer"] for row in rows(report, "tables"))


def test_counts_and_what_was_left_out(report: Path, data: Path) -> None:
    found = [row for row in rows(report, "classes") if row["scorer"] == "chance" and row["kind"] == "softmax"]
    truth = pd.read_csv(data / "one.csv")["label"].value_counts()
    assert {row["class"]: int(row["positives"]) for row in found if row["unit"] == "one"} == {
        "EPI": truth["EPI"],
        "STR": truth["STR"],
    }
    assert "Left out: UNASSIGNED 6." in (report / "README.md").read_text()


def test_the_report_says_what_was_seen_in_training(report: Path) -> None:
    text = (report / "README.md").read_text()
    assert "molecular (seen in training)" in text and "figures flatter" in text
    seen = {row["unit"]: row["seen_in_training"] for row in rows(report, "classes") if row["scorer"] == "molecular"}
    assert seen == {"one": "false", "two": "true"}


def test_the_report_is_whole(report: Path) -> None:
    html = (report / "report.html").read_text()
    assert html.count("data:image/png;base64,") >= 5 and "http://" not in html.replace("http://www.w3.org", "")
    for name in ("auroc_regions.png", "confusion_regions.png", "umap_regions.png"):
        assert (report / name).read_bytes().startswith(b"\x89PNG")
    assert "Table 5" in html and "Expression: predicted against measured" in html
    facts = json.loads((report / "results.json").read_text())["provenance"]
    assert {"command", "seed", "versions", "models", "data", "machine"} <= set(facts)
    assert str(report) not in (report / "results.json").read_text()
    assert (report.parent / "README.md").read_text().count("](synthetic/README.md)") == 1


def test_the_config_beside_the_report_repeats_it(report: Path) -> None:
    again = read_config(str(report / "config.yaml"))
    assert again.samples == ["one", "two"] and again.trained_on == {"fake-predictor": ["two"]}


def test_table_five_and_expression_have_their_floors(report: Path) -> None:
    patches = rows(report, "patches")
    assert {(row["sample"], row["patch_px"]) for row in patches} == {
        (s, px) for s in ("one", "two") for px in ("80", "224")
    }
    quality = {row["predictor"]: float(row["pearson_all"]) for row in rows(report, "expression")}
    assert set(quality) == {
        "fake-predictor", "mean of the training samples", "ridge on colour statistics", "ridge on the same embeddings",
    }  # fmt: skip
    assert quality["mean of the training samples"] == 0
    assert quality["ridge on the same embeddings"] > 0.3


def test_given_scores_are_judged_beside_the_rest(data: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        table = pd.read_csv(data / f"{name}.csv").sample(frac=1, random_state=3)
        scores = pd.DataFrame({"spot": table["spot"], "EPI": -table["x"], "STR": table["x"]})
        scores.to_csv(data / f"scores_{name}.csv", index=False)
    config = write_config(tmp_path / "c.yaml", given_scores={"ruler": "scores_{sample}.csv"}, scorers=["chance"])
    assert run(data, config, tmp_path).exit_code == 0
    found = {
        row["scorer"]: float(row["auroc"]) for row in rows(tmp_path / "synthetic", "tables") if row["column"] == "Macro"
    }
    assert found["ruler"] == 1.0
    table = pd.read_csv(data / "scores_one.csv")
    table.loc[4, "EPI"] = float("nan")
    table.to_csv(data / "scores_one.csv", index=False)
    result = run(data, config, tmp_path)
    assert result.exit_code == 2 and "one: ruler has no finite score for 1 spots" in result.stderr
    table.iloc[1:].to_csv(data / "scores_one.csv", index=False)
    assert "has no score for 1 of the spots" in run(data, config, tmp_path).stderr


def test_flags_replace_a_yaml(data: Path, tmp_path: Path) -> None:
    table = str(data / "one.csv")
    flags = [
        "benchmark", "--slide", str(data / "one.png"), "--spots", table, "--labels", table, "--query", "EPI=epithelium",
        "--query", "STR=stroma", "--mpp", "1", "--models", "fake", "--draws", "5", "--json",
        "--workspace", str(tmp_path / "ws"), "--out", str(tmp_path / "out"),
    ]  # fmt: skip
    result = CliRunner().invoke(app, flags, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["definition"] == "SpotWhisperer, spots"
    macro = {row["scorer"]: row["auroc"] for row in found["tables"] if row["column"] == "Macro"}
    assert macro["molecular"] > 0.95
    assert "colour statistics (supervised on others)" not in macro  # there is no other patient to learn from


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"samples": ["three"]}, "three: there is no"),
        ({"scorers": ["magic"]}, "unknown scorers magic"),
        ({"nonsense": 1}, "nonsense: Extra inputs"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(
    data: Path, tmp_path: Path, changes: dict[str, object], sentence: str
) -> None:
    result = run(data, write_config(tmp_path / "c.yaml", **changes), tmp_path / "out")
    assert result.exit_code == 2 and sentence in result.stderr and "Traceback" not in result.stderr


def test_ready_configs_are_valid_and_named_after_their_file() -> None:
    assert {"lc", "her2st", "consep", "pathocell", "lizard", "pannuke"} <= set(ready())
    for name in ready():
        assert read_config(name).name == name
    with pytest.raises(ToolError, match="neither a ready benchmark"):
        read_config("nonsense")
