"""What the linters of `make check` do not ask of the workflows, and the pipeline's safety needs."""

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from iam_access.config.yaml import tree
from iam_access.github.client import GitHub
from iam_access.github.issues import put_issue
from tests.github.server import GitHubServer, github_server
from tests.history import History
from tests.values import NOW
from tools import changed_code

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
NAMES = [path.stem for path in FILES]
DEPLOYING = {"apply": "aws", "cleanup": "aws", "drift": "aws", "revoke": "aws-revoke"}
# About a pull request, with an identity or secrets: they run the target branch's code alone.
TARGET = {"plan": "aws-plan", "approvals": "approvals"}
COMMENTING = ("plan", "validate")
INSTALL = "--no-deps --require-hashes -r aws/scripts/requirements"


def load(name: str) -> dict[str, Any]:
    # BaseLoader: `on` is a word here, not YAML 1.1's true, and every scalar is as written.
    text = (ROOT / ".github" / "workflows" / f"{name}.yaml").read_text()
    workflow = yaml.load(text, Loader=yaml.BaseLoader)
    assert isinstance(workflow, dict)
    return workflow


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def block(workflow: str, name: str) -> str:
    """What a step of a workflow runs."""
    (step,) = (each for each in steps(load(workflow)) if each.get("name") == name)
    script = step["run"]
    assert isinstance(script, str)
    return script


def run(
    script: str, folder: Path, stubs: Mapping[str, str], **variables: str
) -> "subprocess.CompletedProcess[str]":
    """Run a step as GitHub does, with programs of our own in the place of some."""
    for name, text in stubs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "RUNNER_TEMP": str(folder),
        "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_REPOSITORY": "org/repo",
        "PYTHONDONTWRITEBYTECODE": "1",
        **variables,
    }
    return subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


# Prints what it is given, writes its report, and finds something.
ECHO = '#!/bin/sh\nfor each in "$@"; do echo "<$each>"; done\n: > "$3"\nexit 1\n'
PYTHON = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n'


def gh(answers: Mapping[str, Any]) -> str:
    """A `gh` that answers these questions, as `gh api` has them, and fails for any other."""
    cases = "".join(
        f"'{asked}') cat <<'END'\n{json.dumps(answer)}\nEND\n;;\n"
        for asked, answer in answers.items()
    )
    return f'#!/bin/sh\ncase "$*" in\n{cases}*) echo "not asked so: $*" >&2; exit 1;;\nesac\n'


def test_all_workflows_are_there() -> None:
    assert {*DEPLOYING, *TARGET, "request", "reviewed", "tests", "validate"} <= {*NAMES}


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github").rglob("*.y*ml")), ids=lambda each: each.name
)
def test_no_key_is_there_twice(path: Path) -> None:
    assert tree.parse(path.read_bytes()).problems == ()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_permitted_at_the_top_and_every_job_is_bounded(name: str) -> None:
    workflow = load(name)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert int(job["timeout-minutes"]) <= 60
        written = {key for key, value in job["permissions"].items() if value == "write"}
        assert written in [
            set(),
            {"id-token"},
            *([{"pull-requests"}] if name in COMMENTING else []),
            *([{"issues", "pull-requests"}] if name == "apply" else []),
            *([{"contents", "issues", "pull-requests"}] if name == "request" else []),
            *([{"issues"}] if name == "drift" else []),
        ]


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
def test_an_artifact_is_unpacked_beside_nothing_of_the_runner(name: str) -> None:
    # RUNNER_TEMP itself has the event of the run, and what steps set for the next ones.
    for step in steps(load(name)):
        if "download-artifact@" in step.get("uses", ""):
            assert re.fullmatch(r"\$\{\{ runner\.temp \}\}/\w+", step["with"]["path"])


@pytest.mark.parametrize("name", NAMES)
def test_packages_are_installed_by_hash(name: str) -> None:
    text = " ".join(step.get("run", "") for step in steps(load(name)))
    assert text.count("pip install") == text.count(INSTALL)


@pytest.mark.parametrize("name", ["validate", "tests", "reviewed"])
def test_what_runs_a_branchs_code_has_neither_secrets_nor_identity(name: str) -> None:
    workflow = load(name)
    assert "pull_request_target" not in workflow["on"]
    assert "secrets." not in str(workflow)
    for job in workflow["jobs"].values():
        reads = {"actions": "read", "contents": "read", "issues": "read"}
        if job["permissions"] not in ({}, {"contents": "read"}, reads):
            checkouts = [step for step in job["steps"] if "checkout@" in step.get("uses", "")]
            target = "${{ github.event.pull_request.base.sha }}"
            assert [step["with"]["ref"] for step in checkouts] == [target]
            assert "install" not in str(job)


@pytest.mark.parametrize("name", ["validate", "tests", *TARGET])
def test_a_check_of_another_target_branch_does_not_stand_for_main(name: str) -> None:
    triggers = load(name)["on"]
    pull_request = triggers.get("pull_request") or triggers["pull_request_target"]
    assert pull_request["branches"] == ["main"]
    # "edited" is a new target branch, too.
    assert {*pull_request["types"]} == {"opened", "reopened", "synchronize", "edited"}


def test_what_may_write_to_the_repository_installs_nothing_and_is_no_ones_branch() -> None:
    workflow = load("request")
    assert workflow["on"] == {"issues": {"types": ["opened", "edited"]}}
    assert "secrets." not in str(workflow)
    for job in workflow["jobs"].values():
        checkouts = [step for step in job["steps"] if "checkout@" in step.get("uses", "")]
        assert [step["with"]["persist-credentials"] for step in checkouts] == ["false"]
        assert all(
            step["with"].keys() <= {"persist-credentials", "fetch-depth"} for step in checkouts
        )
        assert ("install" in str(job)) == (job["permissions"] == {"contents": "read"})


def test_an_issue_is_answered_by_the_steps_own_scripts(tmp_path: Path) -> None:
    with github_server("org/repo") as server:
        event = {
            "action": "opened",
            "issue": {
                "number": server.add_issue("ann"),
                "user": {"login": "ann", "id": 1},
                "author_association": "NONE",
                "body": "### For whom\n\n$(id)",
            },
            "sender": {"login": "ann"},
            "repository": {"private": True, "default_branch": "main"},
        }
        (tmp_path / "event").write_text(json.dumps(event))
        variables = {
            "GITHUB_API_URL": server.url,
            "GITHUB_TOKEN": server.token(contents="write", issues="write", pull_requests="write"),
            "GITHUB_EVENT_PATH": str(tmp_path / "event"),
        }
        for step in ("Read", "Open"):
            done = run(block("request", step), tmp_path, {"python": PYTHON}, **variables)
            assert (done.returncode, done.stderr) == (0, "")
            (tmp_path / "artifact").mkdir(exist_ok=True)
            shutil.copy(tmp_path / "outcome.json", tmp_path / "artifact")
        (comment,) = server.comments.values()
        assert "'Team'" in comment["body"]


@pytest.mark.parametrize(("name", "environment"), TARGET.items())
def test_what_has_an_identity_or_secrets_runs_nothing_of_the_branch(
    name: str, environment: str
) -> None:
    workflow = load(name)
    # These take the workflow from the default branch.
    assert set(workflow["on"]) <= {"pull_request_target", "workflow_run"}
    jobs = workflow["jobs"].values()
    for job in jobs:
        if "pull-requests" in job["permissions"] and "environment" not in job:
            assert job["permissions"] == {"contents": "read", "pull-requests": "write"}
            assert "secrets." not in str(job)
        else:
            assert job["environment"] == environment
        checkouts = [step for step in job["steps"] if "checkout@" in step.get("uses", "")]
        assert [step["with"]["ref"] for step in checkouts] == ["refs/heads/main"]
        order = [step.get("run", step.get("uses")) for step in job["steps"]]
        for place, step in enumerate(job["steps"]):
            if "secrets." in str(step):
                assert f"python aws/scripts/check_environment.py {environment}" in order[:place]
    # What is merged comes into a folder of its own and is read by what is checked out.
    text = "\n".join(step.get("run", "") for step in steps(workflow))
    for line in text.splitlines():
        if "merged" in line and "merged_files.py" not in line:
            assert '--config-dir "$RUNNER_TEMP/merged/aws"' in line
    for step in steps(workflow):
        if "working-directory" in step:
            assert step["run"].startswith('python "$GITHUB_WORKSPACE/aws/scripts/apply.py" ')


def test_a_pull_request_gets_one_comment_whichever_workflow_makes_its_plan() -> None:
    mine = "github.event.pull_request.head.repo.full_name"
    real = load("plan")["jobs"]["plan"]["if"]
    offline = load("validate")["jobs"]["comment"]["if"]
    assert real == f"vars.AWS_PLAN == 'true' && {mine} == github.repository"
    assert offline == (
        f"${{{{ !cancelled() && (vars.AWS_PLAN != 'true' || {mine} != github.repository) }}}}"
    )


@pytest.mark.parametrize("name", COMMENTING)
def test_the_comment_is_put_by_the_steps_own_script(tmp_path: Path, name: str) -> None:
    with github_server("org/repo") as server:
        variables = {
            "GITHUB_API_URL": server.url,
            "GITHUB_TOKEN": server.token(pull_requests="write", contents="read"),
            "PULL_REQUEST": str(server.add_pull()),
            "COMMIT": "a" * 40,
        }
        (tmp_path / "artifact").mkdir()
        for page in ("one", "two"):
            (tmp_path / "artifact" / "plan.md").write_text(page)
            done = run(block(name, "Comment"), tmp_path, {"python": PYTHON}, **variables)
            assert (done.returncode, done.stderr) == (0, "")
        (comment,) = server.comments.values()
        assert comment["body"].endswith("\ntwo")


@pytest.mark.parametrize("name", DEPLOYING)
def test_only_the_tip_of_main_is_deployed(name: str) -> None:
    workflow = load(name)
    for job in workflow["jobs"].values():
        if "id-token" in job["permissions"]:
            assert job["if"] == "github.ref == 'refs/heads/main'"
            assert job["environment"] == DEPLOYING[name]
        else:
            assert job["needs"]
            assert "secrets." not in str(job)
        (checkout,) = (s for s in job["steps"] if s.get("uses", "").startswith("actions/checkout@"))
        # A run of an old commit, started again, must not bring its state back.
        assert checkout["with"]["ref"] == "refs/heads/main"


@pytest.mark.parametrize("name", DEPLOYING)
def test_the_hub_role_trusts_it(name: str) -> None:
    template = (ROOT / "aws" / "bootstrap" / "hub-role.yaml").read_text()
    assert f"/.github/workflows/{name}.yaml@refs/heads/${{GitHubBranch}}" in template


def test_what_changes_accounts_takes_turns_and_cannot_push_each_other_out() -> None:
    workflows = {name: load(name) for name in ("apply", "cleanup", "drift")}
    outer = {name: each["concurrency"]["group"] for name, each in workflows.items()}
    every_job = [job for workflow in workflows.values() for job in workflow["jobs"].values()]
    jobs = [job for job in every_job if "environment" in job]
    dry = "${{ inputs.dry_run && '-dry-run' || '' }}"
    # A dry run by hand only reads, and must not push out what waits to apply a merge.
    (apply,) = (job for job in workflows["apply"]["jobs"].values() if "environment" in job)
    assert all(dry in each["concurrency"]["group"] for each in (workflows["apply"], apply))
    outer = {name: group.replace(dry, "") for name, group in outer.items()}
    inner = {job["concurrency"]["group"].replace(dry, "") for job in jobs}
    # One run of each group at most gets as far as its one job, so two jobs at most ever meet in
    # the common group: one works, one waits, and no third comes to cancel the waiting one.
    assert len(jobs) == len(workflows)
    assert outer["cleanup"] == outer["drift"] != outer["apply"]
    assert len(inner) == 1
    assert inner.isdisjoint(outer.values())
    every = [holder["concurrency"] for holder in [*workflows.values(), *jobs]]
    assert {concurrency["cancel-in-progress"] for concurrency in every} == {"false"}
    # A run by hand on another branch is in groups of its own.
    assert all(group.endswith("-${{ github.ref }}") for group in {*outer.values()} | inner)


def test_the_brake_waits_for_nothing() -> None:
    workflow = load("revoke")
    assert workflow["concurrency"]["group"] == "revoke-${{ github.run_id }}"
    assert all("concurrency" not in job for job in workflow["jobs"].values())
    assert list(workflow["on"]) == ["workflow_dispatch"]
    assert workflow["on"]["workflow_dispatch"]["inputs"]["reason"]["required"] == "true"


def find(
    folder: Path, server: GitHubServer, **variables: str
) -> "subprocess.CompletedProcess[str]":
    """Run the step of apply.yaml that finds what was merged."""
    (folder / "output").unlink(missing_ok=True)
    token = server.token(actions="read", issues="read", pull_requests="read")
    given = {"GITHUB_API_URL": server.url, "GITHUB_TOKEN": token, "GITHUB_EVENT_NAME": "push"}
    script = block("apply", "Find what was merged")
    return run(script, folder, {"python": PYTHON}, **{**given, **variables})


@pytest.mark.exhaustive
def test_apply_compares_with_the_last_success_and_not_with_its_own_push(tmp_path: Path) -> None:
    assert "github.event.before" not in str(load("apply"))
    git = ["git", "rev-parse", "HEAD"]
    tip = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    with github_server("org/repo") as server:
        for count in (1, 0):
            done = find(tmp_path, server)
            assert (done.returncode, done.stdout) == (0, "--all\n" * count), done.stderr
            assert (tmp_path / "output").read_text() == f"count={count}\n"
            server.add_run("apply.yaml", "push", tip)
        # By hand, all teams are applied.
        done = find(tmp_path, server, GITHUB_EVENT_NAME="workflow_dispatch")
        assert (done.returncode, done.stdout) == (0, "--all\n")
        server.failures += [(404, {})]
        assert find(tmp_path, server).returncode == 2


def last_applied(folder: Path, repository: Path, server: GitHubServer, name: str) -> str:
    """What the step of a workflow that finds the files applied last tells the next ones."""
    (folder / "output").unlink(missing_ok=True)
    (job, *_) = load(name)["jobs"].values()
    token = server.token(**job["permissions"])
    git = {"GIT_DIR": str(repository / ".git")}
    given = {"GITHUB_API_URL": server.url, "GITHUB_TOKEN": token, **git}
    script = block(name, "Find what was applied last")
    done = run(script, folder, {"python": PYTHON}, **given)
    assert (done.returncode, done.stderr) == (0, "")
    return (folder / "output").read_text()


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["drift", "validate"])
def test_what_was_applied_last_is_what_succeeded_before_all_that_waits(
    tmp_path: Path, name: str
) -> None:
    # Not this repository, of which a clone may have one commit.
    history = History(tmp_path / "repository")
    history.begin(NOW)
    before = history.git("rev-parse", "HEAD").strip()
    history.git("commit", "--quiet", "--allow-empty", "--message=y", at=NOW)
    tip = history.git("rev-parse", "HEAD").strip()
    with github_server("org/repo") as server:
        assert last_applied(tmp_path, history.root, server, name) == "commit=\n"
        server.add_run("apply.yaml", "push", tip)
        assert last_applied(tmp_path, history.root, server, name) == f"commit={tip}\n"
        token = server.token(issues="write")
        put_issue(
            GitHub("org/repo", token, server.url),
            {},
            "apply-pay",
            "t",
            "p",
            "l",
            f"since={before} tried={tip}",
        )
        assert last_applied(tmp_path, history.root, server, name) == f"commit={before}\n"
        server.add_run("apply.yaml", "push", "f" * 40)  # of another history
        assert last_applied(tmp_path, history.root, server, name) == "commit=\n"


def test_the_form_of_drift_sets_all_that_the_script_reads(tmp_path: Path) -> None:
    (step,) = (each for each in steps(load("drift")) if each.get("name") == "Look")
    inputs = load("drift")["on"]["workflow_dispatch"]["inputs"]
    form = {f"DRIFT_{name.upper()}": f"${{{{ inputs.{name} }}}}" for name in inputs}
    applied = {"DRIFT_APPLIED": "${{ steps.applied.outputs.commit }}"}
    secret = {"NOTIFICATION_URL": "${{ secrets.NOTIFICATION_URL }}"}
    assert {**form, **applied, **secret} == step["env"]
    typed = {"DRIFT_MEND": "perhaps", "DRIFT_APPLIED": "", "DRIFT_ALLOW_REMOVALS_OF": ""}
    done = run(step["run"], tmp_path, {"python": PYTHON}, **typed)
    assert (done.returncode, done.stderr) == (2, "")
    assert "DRIFT_MEND" in done.stdout


def test_issues_of_drift_are_kept_by_the_steps_own_script(tmp_path: Path) -> None:
    job = load("drift")["jobs"]["issues"]
    written: dict[str, Any] = {
        "pages": {"1": {"title": "prod", "page": "p"}},
        "looked_at": [],
        "named": None,
    }
    (tmp_path / "artifact").mkdir()
    (tmp_path / "artifact" / "drift.json").write_text(json.dumps(written))
    with github_server("org/repo") as server:
        given = {
            "GITHUB_API_URL": server.url,
            "GITHUB_TOKEN": server.token(**job["permissions"]),
        }
        script = block("drift", "Keep the issues")
        done = run(script, tmp_path, {"python": PYTHON}, **given)
        assert (done.returncode, done.stderr) == (0, "")
        assert [each["title"] for each in server.issues.values()] == ["Drift in prod"]


OPEN: Mapping[str, Any] = {"protection_rules": [], "deployment_branch_policy": None}


@pytest.mark.parametrize(("name", "environment"), DEPLOYING.items())
def test_an_environment_without_protection_is_refused_before_signing_in(
    tmp_path: Path, name: str, environment: str
) -> None:
    order = [step.get("name", step.get("uses")) for step in steps(load(name))]
    (check,) = (each for each in steps(load(name)) if "check_environment" in each.get("run", ""))
    assert order.index(check["name"]) < order.index("Sign in to AWS")
    stubs = {"gh": gh({f"api repos/org/repo/environments/{environment}": OPEN}), "python": PYTHON}
    done = run(check["run"], tmp_path, stubs)
    assert done.returncode == 1
    assert f"::error::any branch can deploy to the environment {environment}" in done.stdout
    # The brake is pulled all the same.
    assert ("continue-on-error" in check) == (name == "revoke")


def test_where_github_does_not_tell_that_is_a_warning(tmp_path: Path) -> None:
    script = block("apply", "Refuse an environment without protection")
    for answer in ({}, {"api repos/org/repo/environments/aws": ["?"]}):
        done = run(script, tmp_path, {"gh": gh(answer), "python": PYTHON})
        assert (done.returncode, done.stdout[:11]) == (0, "::warning::")


def test_what_is_typed_in_for_an_apply_by_hand_is_passed_on(tmp_path: Path) -> None:
    (step,) = (each for each in steps(load("apply")) if each.get("id") == "merges")
    inputs = load("apply")["on"]["workflow_dispatch"]["inputs"]
    form = {name.upper(): f"${{{{ inputs.{name} }}}}" for name in inputs}
    assert {"GITHUB_TOKEN": "${{ github.token }}", **form} == step["env"]
    typed = {"ALLOW_REMOVALS_OF": " pay  -x $(id) * ", "EXPECT_DIGEST": " abc ", "DRY_RUN": "true"}
    with github_server("org/repo") as server:
        done = find(tmp_path, server, GITHUB_EVENT_NAME="workflow_dispatch", **typed)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads((tmp_path / "merges" / "merges.json").read_text())
    assert found["allow_removals_of"] == ["pay", "-x", "$(id)", "*"]
    assert (found["expect_digest"], found["dry_run"]) == ("abc", True)
    # No blocks of bash read them.
    assert all("inputs" not in each.get("run", "") for each in steps(load("apply")))


def test_the_form_of_the_brake_sets_all_that_the_script_reads(tmp_path: Path) -> None:
    (step,) = (each for each in steps(load("revoke")) if each.get("name") == "Revoke")
    inputs = load("revoke")["on"]["workflow_dispatch"]["inputs"]
    assert {f"REVOKE_{name.upper()}": f"${{{{ inputs.{name} }}}}" for name in inputs} == step["env"]
    form = {f"REVOKE_{name.upper()}": each.get("default", "x") for name, each in inputs.items()}
    done = run(step["run"], tmp_path, {"python": PYTHON}, **form)
    # A form that nobody filled in is refused before a file is read.
    assert (done.returncode, done.stderr) == (2, "")
    assert "--user is empty" in done.stdout
    assert "--user is empty" in (tmp_path / "summary").read_text()


GUARDING = [
    ".github/workflows/apply.yaml",
    ".github/CODEOWNERS",
    "aws/bootstrap/hub-role.yaml",
    "aws/scripts/iam_access/cli/commands.py",
    "aws/scripts/requirements.txt",
    "aws/settings.yaml",
    "aws/aws-accounts/payments.yaml",
]


@pytest.mark.parametrize("path", GUARDING)
def test_what_guards_everything_else_has_owners(path: str) -> None:
    lines = (ROOT / ".github" / "CODEOWNERS").read_text().splitlines()
    owners: list[str] = []
    for line in lines:  # the last one that matches wins
        pattern, *who = line.partition("#")[0].split() or [""]
        assert not pattern or pattern == "*" or pattern.startswith("/")
        if pattern and fnmatch.fnmatchcase(f"/{path}", f"{pattern}*"):
            owners = who
    assert owners
    assert all(re.fullmatch(r"@[\w-]+(/[\w-]+)?", owner) for owner in owners)


def test_the_tests_run_on_every_python_the_project_says_it_supports() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    prefix = "Programming Language :: Python :: "
    supported = [each.removeprefix(prefix) for each in project["classifiers"] if prefix in each]
    assert load("tests")["jobs"]["test"]["strategy"]["matrix"]["python"] == supported
    assert project["requires-python"] == f">={supported[0]}"


def test_a_required_check_reports_whatever_is_left_out() -> None:
    jobs = load("tests")["jobs"]
    assert "paths" not in str(load("tests")["on"])
    passed = jobs.pop("passed")
    assert (passed["if"], set(passed["needs"])) == ("always()", set(jobs))
    (step,) = passed["steps"]
    assert step["run"] == "exit 1"
    assert "'failure'" in step["if"]
    assert "'cancelled'" in step["if"]
    for name in ("test", "check"):
        assert jobs[name]["needs"] == "changes"
        condition = "github.event_name == 'push' || needs.changes.outputs.code == 'true'"
        assert jobs[name]["if"] == condition


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([], False),
        (["aws/temporary-access/data.yaml", "aws/settings.yaml"], False),
        (["aws/aws-policies/data.yaml", "README.md"], True),
        (["aws/bootstrap/hub-role.yaml"], True),
        (["aws/aws-policies/data.yml"], True),
        (["aws/aws-policies/a/data.yaml"], True),
        (["docs/aws/settings.yaml"], True),
        (["aws/settings.yaml\n"], True),
    ],
)
def test_access_files_alone_are_no_code(paths: list[str], expected: bool) -> None:
    assert changed_code.is_code(paths) is expected


def test_whether_code_changed_is_told_by_git(tmp_path: Path) -> None:
    script = block("tests", "Look for changes of the code").replace("tools/", f"{ROOT}/tools/")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]

    def commit(path: str) -> None:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("changed\n")
        for each in (["add", path], ["commit", "-qm", "x"]):
            subprocess.run([*git, *each], cwd=tmp_path, check=True)

    subprocess.run([*git, "init", "-q"], cwd=tmp_path, check=True)
    commit("README.md")
    for path, code in (("aws/aws-policies/a.yaml", "false"), ("tools/x.py", "true")):
        commit(path)
        output = tmp_path / f"output-{code}"
        done = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "GITHUB_OUTPUT": str(output)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, output.read_text()) == (0, f"code={code}\n"), done.stderr


#: Workflows whose work has no place outside of GitHub.
ONLY_THERE = {"reviewed"}


def test_each_workflow_has_a_target_of_make_that_does_the_same() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = {found[1] for found in re.finditer(r"(?m)^([a-z]+):.*## ", makefile)}
    assert {*NAMES} - ONLY_THERE - {"tests"} <= targets
    assert {"test", "check"} <= targets


@pytest.mark.parametrize("name", NAMES)
def test_the_scripts_that_are_called_exist(name: str) -> None:
    text = " ".join(step.get("run", "") for step in steps(load(name)))
    for path in re.findall(r"aws/scripts/\S+\.(?:py|txt)", text):
        assert (ROOT / path).is_file(), path


def test_the_log_has_what_a_summary_leaves_out() -> None:
    scripts = [step["run"] for path in FILES for step in steps(load(path.stem)) if "run" in step]
    summaries = [script for script in scripts if "GITHUB_STEP_SUMMARY" in script]
    assert len(summaries) == 4
    for script in summaries:
        assert "--summary-file" in script or "--markdown-file" in script
        assert "--output" not in script
