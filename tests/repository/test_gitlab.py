"""The example for GitLab calls scripts that are there, with options that they have."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
EXAMPLE = yaml.safe_load((ROOT / "docs" / "gitlab-ci.yml").read_text("utf-8"))
JOBS = {name: each for name, each in EXAMPLE.items() if isinstance(each, dict) and "script" in each}
COMMANDS = (ROOT / "aws" / "scripts" / "iam_access" / "cli").rglob("*.py")
SOURCE = "".join(path.read_text("utf-8") for path in COMMANDS)


def workflow(name: str) -> Any:
    path = ROOT / ".github" / "workflows" / f"{name}.yaml"
    return yaml.load(path.read_text("utf-8"), Loader=yaml.BaseLoader)


@pytest.mark.parametrize("job", JOBS)
def test_a_job_is_one_call_of_a_script(job: str) -> None:
    (line,) = JOBS[job]["script"]
    (script,) = re.findall(r"^python (\S+)", line)
    assert (ROOT / script).is_file()
    for option in re.findall(r"(--[a-z-]+)", line):
        assert f'"{option}"' in SOURCE, option


def test_only_jobs_of_the_default_branch_sign_in() -> None:
    for name, job in JOBS.items():
        signs_in = job["extends"] == ".aws"
        assert signs_in is (job["extends"] != ".check"), name
        conditions = [each["if"] for each in job.get("rules", [])]
        assert all("$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH" in each for each in conditions)
        assert bool(conditions) is signs_in
    assert "id_tokens" not in EXAMPLE[".check"]


def test_the_form_of_the_brake_is_the_one_of_the_workflow() -> None:
    inputs = workflow("revoke")["on"]["workflow_dispatch"]["inputs"]
    form = EXAMPLE["variables"]
    assert set(form) == {f"REVOKE_{name.upper()}" for name in inputs}
    for name, given in inputs.items():
        field = form[f"REVOKE_{name.upper()}"]
        assert field["description"] == given["description"]
        assert field["value"] == given.get("default", "")
        assert field.get("options", given.get("options")) == (
            ["false", "true"] if given["type"] == "boolean" else given.get("options")
        )
