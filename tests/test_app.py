"""The command line: results on stdout, sentences on stderr, exit codes 0 and 2."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from app import app
from tests.synthetic import he_pixels, write_he_png

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _fake_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, he_png: Path) -> None:
    monkeypatch.setenv("SPOTWHISPERER_MODELS", "fake")
    monkeypatch.setenv("SPOTWHISPERER_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("SPOTWHISPERER_DEMO_SLIDE", str(he_png))
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def run(*args: str) -> Result:
    result = CliRunner().invoke(app, list(args), catch_exceptions=False)
    assert "Traceback" not in result.output
    return result


def refused(*args: str) -> str:
    """The sentence with which a command ends in exit code 2."""
    result = run(*args)
    assert result.exit_code == 2 and result.stdout == ""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_prepare_prints_what_design_promises(tmp_path: Path) -> None:
    found = json.loads(run("prepare", "demo", "--mpp", "1", "--json").stdout)
    assert set(found) == {"slide", "spots", "genes", "folder", "mpp", "models"}
    assert found["slide"] == "tissue" and found["spots"] > 100 and found["genes"] == 60 and found["mpp"] == 1.0
    assert (Path(found["folder"]) / "spots.h5ad").is_file()
    again = run("prepare", "tissue")
    assert again.exit_code == 0 and "spots x 60 genes" in again.stdout


def test_prepare_several(tmp_path: Path, he_png: Path) -> None:
    other = write_he_png(tmp_path / "other.png")
    found = json.loads(run("prepare", str(he_png), str(other), "--mpp", "1", "--json").stdout)
    assert [item["slide"] for item in found] == ["tissue", "other"]


def test_ask_answers_with_a_region_its_area_and_genes() -> None:
    question = "where is the epidermis, and which genes mark it?"
    found = json.loads(run("ask", "demo", question, "--mpp", "1", "--json").stdout)
    assert found["question"] == question and set(found) == {"question", "answer", "calls", "regions"}
    assert [call["tool"] for call in found["calls"]] == ["highlight_region", "top_genes"]
    assert "mm" in found["answer"] and "KRT" in found["answer"]
    area = sum(region["area_mm2"] for region in found["regions"])
    assert area == pytest.approx(0.35 * 0.6, rel=0.15)  # the purple tissue of the synthetic slide
    assert all(x < 560 for region in found["regions"] for ring in region["polygons"] for x, _ in ring)


def test_ask_follows_a_script(tmp_path: Path) -> None:
    script = tmp_path / "questions.txt"
    script.write_text("# a comment\nwhere is the epidermis?\n\nwhich genes are high there?\n")
    turns = json.loads(run("ask", "demo", "--script", str(script), "--mpp", "1", "--json").stdout)
    assert [turn["question"] for turn in turns] == ["where is the epidermis?", "which genes are high there?"]
    assert turns[1]["calls"][0]["tool"] == "top_genes"
    assert turns[1]["calls"][0]["args"]["region"] in {region["id"] for region in turns[0]["regions"]}


def test_score_is_a_csv_of_every_spot(tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run("score", "demo", "epidermis", "collagen", "--mpp", "1").stdout)))
    assert list(rows[0]) == ["spot", "x", "y", "epidermis", "collagen"]
    left = [float(row["epidermis"]) for row in rows if float(row["x"]) < 470]
    right = [float(row["epidermis"]) for row in rows if float(row["x"]) > 530]
    assert np.median(left) > 1 > np.median(right)
    out = tmp_path / "scores.csv"
    run("score", "tissue", "epidermis", "--out", str(out))
    assert out.read_text().count("\n") == len(rows) + 1


def test_score_by_an_image_text_model_of_a_name() -> None:
    by_name = run("score", "demo", "epidermis", "--mpp", "1", "--scorer", "fake-image-text").stdout
    assert by_name == run("score", "demo", "epidermis", "--mpp", "1", "--scorer", "image-text").stdout
    assert by_name != run("score", "demo", "epidermis", "--mpp", "1", "--scorer", "molecular").stdout
    assert "plip" in refused("score", "demo", "epidermis", "--mpp", "1", "--scorer", "plip")
    assert "no scorer 'tarot'" in refused("score", "demo", "epidermis", "--mpp", "1", "--scorer", "tarot")


def test_genes_and_search(tmp_path: Path) -> None:
    stats = json.loads(run("genes", "demo", "--region", "epidermis", "--mpp", "1", "--json", "--top", "5").stdout)
    assert len(stats) == 5 and set(stats[0]) == {"gene", "log2fc", "auroc", "p_adj", "reliability"}
    hits = json.loads(run("search", "epidermis", "--top", "3", "--json").stdout)
    assert len(hits) == 3 and set(hits[0]) == {"slide", "spot", "x", "y", "score"} and hits[0]["x"] < 500


def test_models_are_listed() -> None:
    cards = {card["name"]: card for card in json.loads(run("models", "--json").stdout)}
    assert cards["starter-encoder"]["here"] and cards["starter-encoder"]["license"]
    assert run("models").stdout.count("\n") >= 2 * len(cards)


def test_doctor_says_what_is_here() -> None:
    checks = {check["name"]: check for check in json.loads(run("doctor", "--json").stdout)}
    assert checks["torch"]["ok"] and checks["--models starter"]["ok"]


def test_bad_slides_get_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    text = tmp_path / "notes.svs"
    text.write_text("This is no slide.")
    blank, pixel, cut = tmp_path / "blank.png", tmp_path / "pixel.png", tmp_path / "cut.jpg"
    Image.new("RGB", (500, 400), (244, 244, 244)).save(blank)
    Image.new("RGB", (1, 1), (120, 60, 150)).save(pixel)
    Image.fromarray(he_pixels()).save(cut)
    cut.write_bytes(cut.read_bytes()[:20_000])
    assert "notes.svs is not an image" in refused("prepare", str(text))
    assert "No tissue" in refused("prepare", str(blank), "--mpp", "1")
    assert "smaller than one spot" in refused("prepare", str(pixel), "--mpp", "1")
    assert "cut off" in refused("prepare", str(cut), "--mpp", "1")
    assert "How many microns" in refused("prepare", "demo")
    assert "neither a slide" in refused("prepare", str(tmp_path / "absent.svs"))
    assert not (tmp_path / "workspace").exists()


def test_other_mistakes_get_one_sentence(tmp_path: Path) -> None:
    assert "known sets" in refused("prepare", "demo", "--mpp", "1", "--models", "nothing")
    assert "known: hex, square" in refused("prepare", "demo", "--mpp", "1", "--layout", "round")
    assert "not plausible" in refused("prepare", "demo", "--mpp", "900")
    assert "Give one question" in refused("ask", "demo")
    assert "nothing to search" in refused("search", "epidermis")
    run("prepare", "demo", "--mpp", "1")
    assert "query is empty" in refused("score", "demo", " ")
    assert "offline" in refused("ask", "demo", "where is fat?", "--chat-model", "nonsense")


def test_a_real_process_ends_with_2_and_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.svs").write_text("This is no slide.")
    command = [sys.executable, str(ROOT / "app.py"), "prepare", str(tmp_path / "notes.svs")]
    done = subprocess.run([*command, "--workspace", str(tmp_path / "w")], capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == "" and len(done.stderr.strip().splitlines()) == 1
