"""The files that a run of assertions is measured on."""

import json
from pathlib import Path

import pytest

from bench import assertion_files, assertion_run, evaluator, report
from bench.assertion_run import PreparedAssertion


def files(directory: Path, seed: int = 1) -> dict[str, str]:
    """What is written for a few principals and tests."""
    assertion_files.write(directory, principals=120, tests=90, seed=seed)
    return {
        str(path.relative_to(directory)): path.read_text("utf-8")
        for path in directory.rglob("*.yaml")
    }


def test_one_seed_gives_the_same_files_and_another_seed_others(tmp_path: Path) -> None:
    first = files(tmp_path / "a")
    assert first == files(tmp_path / "b")
    assert first != files(tmp_path / "c", seed=2)


@pytest.mark.exhaustive
def test_a_run_judges_everybody_and_explains_what_is_wrong() -> None:
    # Of 90 tests two or three are of each team, whose three people are exempt from them.
    found = assertion_run.measure(120, 90, runs=1)
    assert found.decisions == 90 * (120 - 3)
    assert 0 < found.violations < found.decisions / 100


def test_a_run_that_does_not_finish_is_no_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assertion_run, "SCRIPTS", tmp_path)
    with pytest.raises(ValueError, match="status 2"):
        assertion_run.measure(1, 1, runs=1)


def test_figures_are_written_for_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = PreparedAssertion(30, 10, 300, 2, 1.5, 1.75)
    monkeypatch.setattr(assertion_run, "measure", lambda *arguments: run)
    file = tmp_path / "figures.json"
    size = ["--principals", "30", "--assertions", "10", "--runs", "1"]
    monkeypatch.setattr("sys.argv", ["evaluator.py", *size, "--json", str(file)])
    evaluator.main()
    figures = json.loads(file.read_text("utf-8"))
    assert figures["run"]["violations"] == 2
    assert figures["matrix_seconds"] > 0
    assert "300 decisions, 2 explained" in capsys.readouterr().out
    assert report.as_json([], {}, figures)["decisions"] == figures
