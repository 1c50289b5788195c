"""What the linters of `make check` do not ask of the workflows, and the pipeline's safety needs."""

import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
NAMES = [path.stem for path in FILES]
DEPLOYING = ["apply", "cleanup"]
INSTALL = "--no-deps --require-hashes -r aws/scripts/requirements"


def load(name: str) -> dict[str, Any]:
    # BaseLoader: `on` is a word here, not YAML 1.1's true, and every scalar is as written.
    text = (ROOT / ".github" / "workflows" / f"{name}.yaml").read_text()
    workflow = yaml.load(text, Loader=yaml.BaseLoader)
    assert isinstance(workflow, dict)
    return workflow


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_all_four_workflows_are_there() -> None:
    assert NAMES == ["apply", "cleanup", "tests", "validate"]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_permitted_at_the_top_and_every_job_is_bounded(name: str) -> None:
    workflow = load(name)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert int(job["timeout-minutes"]) <= 60
        assert "write" not in (
            value for key, value in job["permissions"].items() if key != "id-token"
        )


@pytest.mark.parametrize("name", NAMES)
def test_no_expression_reaches_a_shell_and_no_action_floats(name: str) -> None:
    for step in steps(load(name)):
        assert "${{" not in step.get("run", "")
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])


@pytest.mark.parametrize("name", NAMES)
def test_no_failure_hides_in_a_pipe(name: str) -> None:
    # GitHub's default shell is `bash -e` without pipefail.
    for step in steps(load(name)):
        assert not re.search(r"(?<!\|)\|(?!\|)", re.sub(r"'[^']*'", "", step.get("run", "")))


@pytest.mark.parametrize("name", NAMES)
def test_packages_are_installed_by_hash(name: str) -> None:
    text = " ".join(step.get("run", "") for step in steps(load(name)))
    assert text.count("pip install") == text.count(INSTALL)


@pytest.mark.parametrize("name", ["validate", "tests"])
def test_what_runs_a_branchs_code_has_neither_secrets_nor_identity(name: str) -> None:
    workflow = load(name)
    assert "pull_request_target" not in workflow["on"]
    assert "secrets." not in str(workflow)
    assert all(job["permissions"] == {"contents": "read"} for job in workflow["jobs"].values())


@pytest.mark.parametrize("name", DEPLOYING)
def test_only_the_tip_of_main_is_deployed(name: str) -> None:
    workflow = load(name)
    for job in workflow["jobs"].values():
        assert job["if"] == "github.ref == 'refs/heads/main'"
        assert job["environment"] == "aws"
    (checkout,) = (s for s in steps(workflow) if s.get("uses", "").startswith("actions/checkout@"))
    # A run of an old commit, started again, must not bring its state back.
    assert checkout["with"]["ref"] == "refs/heads/main"


def test_apply_and_cleanup_take_turns_and_cannot_push_each_other_out() -> None:
    workflows = [load(name) for name in DEPLOYING]
    outer = {workflow["concurrency"]["group"] for workflow in workflows}
    jobs = [job for workflow in workflows for job in workflow["jobs"].values()]
    inner = {job["concurrency"]["group"] for job in jobs}
    # One run of each workflow at most gets as far as its one job, so two jobs at most ever meet in
    # the common group: one works, one waits, and no third comes to cancel the waiting one.
    assert len(jobs) == len(workflows) == len(outer)
    assert len(inner) == 1
    assert inner.isdisjoint(outer)
    every = [holder["concurrency"] for holder in [*workflows, *jobs]]
    assert {concurrency["cancel-in-progress"] for concurrency in every} == {"false"}


def test_apply_compares_with_the_last_success_and_not_with_its_own_push() -> None:
    workflow = load("apply")
    text = " ".join(step.get("run", "") for step in steps(workflow))
    assert "gh run list --workflow apply.yaml --branch main --status success" in text
    assert "github.event.before" not in str(workflow)


@pytest.mark.parametrize(
    ("typed", "options"),
    [("", []), (" pay  data ", ["pay", "data"]), ("-x $(id)", ["-x", "$(id)"]), ("*", ["*"])],
)
def test_removals_are_allowed_to_the_teams_that_are_typed_in(
    tmp_path: Path, typed: str, options: list[str]
) -> None:
    (step,) = (each for each in steps(load("apply")) if each.get("name") == "Apply")
    (tmp_path / "teams.txt").write_text("--all\n")
    stub = tmp_path / "python"
    stub.write_text('#!/bin/sh\nfor each in "$@"; do echo "$each"; done\n: > "$3"\nexit 1\n')
    stub.chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "ALLOW_REMOVALS_OF": typed,
    }
    # As GitHub runs it.
    shell = ["bash", "-e", "-c", step["run"]]
    done = subprocess.run(
        shell, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "")
    told = [f"--allow-removals-of={team}" for team in options]
    assert done.stdout.splitlines()[3:] == ["--all", *told]


def test_the_tests_run_on_every_python_the_project_says_it_supports() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    prefix = "Programming Language :: Python :: "
    supported = [each.removeprefix(prefix) for each in project["classifiers"] if prefix in each]
    assert load("tests")["jobs"]["test"]["strategy"]["matrix"]["python"] == supported
    assert project["requires-python"] == f">={supported[0]}"


@pytest.mark.parametrize("name", NAMES)
def test_the_scripts_that_are_called_exist(name: str) -> None:
    text = " ".join(step.get("run", "") for step in steps(load(name)))
    for path in re.findall(r"aws/scripts/\S+\.(?:py|txt)", text):
        assert (ROOT / path).is_file(), path


def test_the_log_has_what_a_summary_leaves_out() -> None:
    scripts = [step["run"] for path in FILES for step in steps(load(path.stem)) if "run" in step]
    summaries = [script for script in scripts if "GITHUB_STEP_SUMMARY" in script]
    assert len(summaries) == 3
    for script in summaries:
        assert "--markdown-file" in script
        assert "--output" not in script
