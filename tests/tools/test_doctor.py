from pathlib import Path

from tools.doctor import examine


def test_the_doctor_names_what_is_missing_and_its_cure(tmp_path: Path) -> None:
    checks = {check.name: check for check in examine(tmp_path / "workspace", tmp_path / "demo.svs", None, "cpu")}
    assert checks["torch"].ok and checks["starter-encoder"].ok and "cpu" in checks["device"].found
    assert not checks["demo slide"].ok and checks["demo slide"].cure == "make setup"
    assert checks["workspace"].ok and not (tmp_path / "workspace").exists()
