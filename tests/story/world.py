"""A repository with people, GitHub and accounts: what the story plays in.

Git is real, GitHub's API is the local server, AWS is the sandbox over loopback, and what happens is
what the workflows' own steps do.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import yaml
from botocore.exceptions import ClientError

from iam_access.sandbox import SandboxAccount, SandboxServer
from tests.github.server import GitHubServer, github_server
from tests.story.runner import SHIM, Event, Machine, Run

ROOT = Path(__file__).parents[2]
FORM = ROOT / ".github" / "ISSUE_TEMPLATE" / "access-request.yml"
TEMPLATE = ROOT / "aws" / "bootstrap" / "deployer-role.yaml"
PROD, TEST = "111122223333", "444455556666"
HUB_ROLE = "arn:aws:iam::999999999999:role/self-serve-hub"
PLAN_ROLE = "arn:aws:iam::999999999999:role/self-serve-hub-plan"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
# Its job runs this test suite.
NOT_PLAYED = frozenset({"tests"})

FILES: Mapping[str, str] = {
    "settings.yaml": """\
approvals:
  people: {sec: sec@example.com, ann: ann@example.com}
  required: [{team: security, grants: [break-glass]}]
""",
    "aws-accounts/payments.yaml": f"""\
aws-accounts:
  prod: "{PROD}"
  test: "{TEST}"
""",
    "aws-policies/payments.yaml": """\
aws-policies:
  read:
    description: Read the queues
    custom_statements: [{effect: Allow, actions: ["sqs:ReceiveMessage"], resources: ["*"]}]
  break-glass:
    description: See who is there
    custom_statements: [{effect: Allow, actions: ["iam:ListUsers"], resources: ["*"]}]
""",
    "permanent-access/payments.yaml": """\
permanent-access:
  - {description: All read, users: [bob@example.com], environments: [prod, test], grants: [read]}
""",
    "temporary-access/payments.yaml": "temporary-access: []\n",
    "aws-accounts/data.yaml": f"""\
aws-accounts:
  test: "{TEST}"
""",
    "aws-policies/data.yaml": """\
aws-policies:
  list:
    custom_statements: [{effect: Allow, actions: ["s3:ListAllMyBuckets"], resources: ["*"]}]
""",
    "permanent-access/data.yaml": """\
permanent-access:
  - {description: Lists, users: [dan@example.com], environments: [test], grants: [list]}
""",
}


@dataclass
class World:
    """The state of the story, and what people do in it."""

    folder: Path
    github: GitHubServer
    aws: SandboxServer
    now: datetime = START
    machine: Machine = field(init=False)
    runs: dict[str, Run] = field(default_factory=dict)
    roles: list[str] = field(default_factory=list)
    _keys: dict[tuple[str, str], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.origin = self.folder / "origin.git"
        self.clone = self.folder / "clone"
        self.machine = Machine(
            self.folder / "machine",
            self.origin,
            token=lambda permissions: self.github.token(**permissions),
            app_token=lambda permissions: self.github.token("approvals[bot]", **permissions),
            signed_in=self._signed_in,
            variables=self._variables,
            settings={"AWS_PLAN": "true", "APPROVALS_APP_ID": "7"},
            secrets={
                "aws": {"SELF_SERVE_ROLE_ARN": HUB_ROLE},
                "aws-revoke": {"SELF_SERVE_ROLE_ARN": HUB_ROLE},
                "aws-plan": {"SELF_SERVE_PLAN_ROLE_ARN": PLAN_ROLE},
                "approvals": {"APPROVALS_APP_KEY": "key"},
            },
            begin=self._begin,
            end=self._end,
        )
        self._found()
        self.github.git = self.origin

    def _found(self) -> None:
        """Make the repository: this project's code and workflows, with other access files."""
        self.origin.mkdir(parents=True)
        (self.folder / "machine").mkdir()
        self._run("init", "--quiet", "--bare", "-b", "main", str(self.origin))
        self._run("clone", "--quiet", str(self.origin), str(self.clone))
        self.git("checkout", "--quiet", "-B", "main")
        tracked = ("aws/scripts", "aws/bootstrap", "aws/schemas", ".github")
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", *tracked],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in listed.stdout.splitlines():
            source, target = ROOT / name, self.clone / name
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(source.read_bytes())
        self.write(FILES)
        self.commit("platform", "Begin")
        self.git("push", "--quiet", "origin", "main")

    def apply_first(self) -> Run:
        """Run what the push of the repository's first commit starts."""
        main = self._main()
        changed = tuple(self.git_bare("ls-tree", "-r", "--name-only", main).splitlines())
        event = Event("push", {}, main, "refs/heads/main", main, changed=changed)
        self.runs = self._play(event)
        return self.runs["apply"]

    # -- people

    def write(self, files: Mapping[str, str | None]) -> None:
        """Write files below aws/; None deletes one."""
        for name, text in files.items():
            path = self.clone / "aws" / name
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)

    def commit(self, author: str, message: str) -> str:
        self.git("add", "-A")
        mail = f"{author} <{author}@example.com>"
        self.git("commit", "--quiet", f"--author={mail}", "-m", message)
        return self.git("rev-parse", "HEAD")

    def begin_branch(self) -> None:
        """Have the clone at the tip of main."""
        self.git("fetch", "--quiet", "origin")
        self.git("checkout", "--quiet", "-B", "work", "origin/main")

    def script(self, name: str, *arguments: str) -> str:
        """Run a script of the clone as its user does, and return what it prints."""
        done = subprocess.run(
            [sys.executable, str(self.clone / "aws" / "scripts" / name), *arguments],
            cwd=self.clone,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **self._variables()},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def change(
        self, author: str, files: Mapping[str, str | None], *, branch: str = "", fork: str = ""
    ) -> int:
        """Open a pull request that changes files below aws/, and run what that starts."""
        self.begin_branch()
        self.write(files)
        return self.open(author, branch=branch, fork=fork)

    def open(self, author: str, *, branch: str = "", fork: str = "") -> int:
        """Open a pull request with what is changed in the clone, and run what that starts."""
        branch = branch or f"{author}-{len(self.github.pulls)}"
        head = self.commit(author, "Change access")
        number = self.github.add_pull(author, head, branch, fork)
        self._point(number, head)
        self.runs = self._pull_event(number, "opened")
        return number

    def fill_in(self, author: str, **answers: str) -> int:
        """File an issue by the form, by the questions' ids, and run what that starts.

        Return its number.
        """
        form = yaml.safe_load(FORM.read_text())
        labels = [
            each["attributes"]["label"] for each in form["body"] if each["type"] != "markdown"
        ]
        named = {label: answers.pop(label.lower().replace(" ", "_"), "") for label in labels}
        assert answers == {}
        body = "\n\n".join(
            f"### {label}\n\n{text or '_No response_'}" for label, text in named.items()
        )
        number = self.github.add_issue(author, body)
        person = {"login": author, "id": 7, "type": "User"}
        payload = {
            "action": "opened",
            "issue": {
                **self.github.issues[number],
                "user": person,
                "author_association": "MEMBER",
            },
            "repository": {"private": True, "default_branch": "main"},
            "sender": person,
        }
        main = self._main()
        self.runs = self._play(Event("issues", payload, main, "refs/heads/main", main))
        return number

    def approve_runs(self, number: int) -> None:
        """Have what a pull request starts run that a workflow has opened."""
        self._point(number, self.github.pulls[number]["head"]["sha"])
        self.runs = self._pull_event(number, "opened")

    def answers(self, issue: int) -> list[str]:
        """What is answered on an issue."""
        return [each["body"] for each in self.github.comments.values() if each["issue"] == issue]

    def push(self, number: int, author: str, files: Mapping[str, str | None]) -> None:
        """Add a commit to a pull request."""
        pull = self.github.pulls[number]
        self.git("checkout", "--quiet", "-B", "work", pull["head"]["sha"])
        self.write(files)
        head = self.commit(author, "Change it again")
        pull["head"]["sha"] = head
        person = {"login": author, "type": "User"}
        self.github.commits[number].append({"sha": head, "author": person, "committer": person})
        self._point(number, head)
        self.runs = self._pull_event(number, "synchronize")

    def review(self, number: int, login: str, state: str = "APPROVED") -> None:
        pull = self.github.pulls[number]
        self.github.add_review(number, login, state, pull["head"]["sha"])
        merge = self.git_bare("rev-parse", f"refs/pull/{number}/merge")
        payload = {"action": "submitted", "pull_request": pull}
        ref = f"refs/pull/{number}/merge"
        self.runs = self.machine.run(
            Event("pull_request_review", payload, merge, ref, merge, trusted=False)
        )

    def merge(self, number: int) -> None:
        """Merge a pull request into main, and run what that starts."""
        pull = self.github.pulls[number]
        before = self.git_bare("rev-parse", "main")
        merged = self._merged(before, pull["head"]["sha"], f"Merge pull request #{number}")
        self.git_bare("update-ref", "refs/heads/main", merged)
        self.github.merge(number, merged)
        self.runs = self._pushed(before, merged)

    def schedule(self, workflow: str) -> Run:
        """Run a workflow as its schedule does."""
        return self._at_main("schedule", workflow)

    def dispatch(self, workflow: str, **inputs: str) -> Run:
        """Start a workflow by hand."""
        return self._at_main("workflow_dispatch", workflow, inputs)

    # -- what is seen

    def comment(self, number: int) -> str:
        """The one comment on a pull request by which a plan is shown; empty without one."""
        found = [
            each["body"]
            for each in self.github.comments.values()
            if each["issue"] == number and each["body"].startswith("<!-- self-serve-iam: plan -->")
        ]
        assert len(found) <= 1
        return found[0] if found else ""

    def status(self, number: int) -> str:
        """The newest verdict on the approvals of a pull request's newest commit."""
        statuses = self.github.statuses.get(self.github.pulls[number]["head"]["sha"], [])
        return str(statuses[0]["state"]) if statuses else ""

    def can_list_users(self, user: str, account: str = PROD) -> bool:
        """Whether AWS lets a user do what break-glass is for, now."""
        if (user, account) not in self._keys:
            self._keys[user, account] = self.aws.backend(account).create_access_key(user)
        key = self._keys[user, account]
        iam = boto3.client(
            "iam",
            endpoint_url=self.aws.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret_access_key,
        )
        try:
            iam.list_users()
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDenied":
                raise
            return False
        return True

    def result(self, number: int) -> str:
        """What the apply of its merge has told a pull request; empty if nothing."""
        found = [
            each["body"]
            for each in self.github.comments.values()
            if each["issue"] == number
            and each["body"].startswith("<!-- self-serve-iam: applied -->")
        ]
        return "\n".join(found)

    def issues(self, state: str = "open") -> list[str]:
        """The titles of the issues that the pipeline keeps."""
        return [
            each["title"]
            for each in self.github.issues.values()
            if "pull_request" not in each and each["state"] == state
        ]

    def detach(self, user: str, name: str, account: str = PROD) -> None:
        """Detach a policy of a team's by hand."""
        iam = self.aws.backend(account)
        (arn,) = (arn for arn in iam.users[user].managed_policies if arn.endswith(f"/{name}"))
        iam.detach_user_policy(arn, user)

    def held(self, user: str, account: str = PROD) -> set[str]:
        """The names of all policies that a user has of ours."""
        iam = self.aws.backend(account)
        person = iam.users[user]
        attached = {arn.rpartition("/")[2] for arn in person.managed_policies}
        return attached | set(person.policies)

    def git(self, *arguments: str) -> str:
        return self._run("-C", str(self.clone), *arguments)

    def git_bare(self, *arguments: str) -> str:
        return self._run("-C", str(self.origin), *arguments)

    # -- inner workings

    def _run(self, *arguments: str) -> str:
        when = self.now.isoformat()
        known = {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "x",
            "GIT_AUTHOR_EMAIL": "x@example.com",
            "GIT_COMMITTER_NAME": "x",
            "GIT_COMMITTER_EMAIL": "x@example.com",
            "GIT_AUTHOR_DATE": when,
            "GIT_COMMITTER_DATE": when,
        }
        done = subprocess.run(
            ["git", *arguments], env=known, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def _point(self, number: int, head: str) -> None:
        """Set the refs of a pull request as GitHub does."""
        self.git("fetch", "--quiet", "origin")
        self.git("push", "--quiet", "--force", "origin", f"{head}:refs/pull/{number}/head")
        merged = self._merged(self.git_bare("rev-parse", "main"), head, "merge")
        self.git_bare("update-ref", f"refs/pull/{number}/merge", merged)

    def _merged(self, onto: str, head: str, message: str) -> str:
        tree = self.git_bare("merge-tree", "--write-tree", onto, head).splitlines()[0]
        return self.git_bare("commit-tree", tree, "-p", onto, "-p", head, "-m", message)

    def _pull_event(self, number: int, action: str) -> dict[str, Run]:
        pull = self.github.pulls[number]
        payload = {"action": action, "number": number, "pull_request": pull}
        is_fork = pull["head"]["repo"]["full_name"] != self.github.repository
        merge, main = self.git_bare("rev-parse", f"refs/pull/{number}/merge"), self._main()
        changed = self._changed(main, merge)
        of_branch = Event(
            "pull_request",
            payload,
            merge,
            f"refs/pull/{number}/merge",
            merge,
            changed=changed,
            trusted=not is_fork,
        )
        of_main = Event(
            "pull_request_target", payload, main, "refs/heads/main", main, changed=changed
        )
        runs = self._play(of_branch)
        return {**runs, **self._play(of_main)}

    def _pushed(self, before: str, after: str) -> dict[str, Run]:
        payload = {"before": before, "after": after}
        changed = self._changed(before, after)
        return self._play(Event("push", payload, after, "refs/heads/main", after, changed=changed))

    def _at_main(self, name: str, workflow: str, inputs: Mapping[str, str] | None = None) -> Run:
        main = self._main()
        event = Event(
            name, {"inputs": dict(inputs or {})}, main, "refs/heads/main", main, inputs=inputs or {}
        )
        self.runs = self.machine.run(event, only=[workflow])
        return self.runs[workflow]

    def _play(self, event: Event) -> dict[str, Run]:
        names = [file for file, _ in self.machine.workflows(event.source)]
        return self.machine.run(event, only=[each for each in names if each not in NOT_PLAYED])

    def _main(self) -> str:
        return self.git_bare("rev-parse", "main")

    def _changed(self, before: str, after: str) -> tuple[str, ...]:
        return tuple(self.git_bare("diff", "--name-only", before, after).splitlines())

    def _begin(self, workflow: str, event: Event) -> int:
        """Have GitHub know of a run that begins."""
        pull = event.payload.get("pull_request")
        return self.github.add_run(
            f"{workflow}.yaml",
            event.name,
            pull["head"]["sha"] if pull else event.sha,
            head_branch=pull["head"]["ref"] if pull else event.branch,
            conclusion=None,
        )

    def _end(self, run: Run) -> None:
        self.github.runs[run.id]["conclusion"] = run.conclusion
        for name, folder in run.artifacts.items():
            files = {each.name: each.read_text() for each in folder.iterdir()}
            self.github.add_artifact(run.id, name, files)

    def _signed_in(self, role: str) -> dict[str, str]:
        self.roles.append(role)
        return dict(self.aws.environment)

    def _variables(self) -> dict[str, str]:
        return {
            "STORY_PYTHON": sys.executable,
            "STORY_NOW": self.now.isoformat(),
            "PYTHONPATH": str(SHIM),
            "GITHUB_API_URL": self.github.url,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_COMMITTER_DATE": self.now.isoformat(),
            "GIT_AUTHOR_DATE": self.now.isoformat(),
        }

    def later(self, **by: float) -> None:
        self.now += timedelta(**by)


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """A world with the users ann, bob, dan, eve and sec in both accounts."""
    made: list[World] = []
    accounts = [
        SandboxAccount(
            id_,
            users=("ann", "bob", "dan", "eve", "sec"),
            roles=("runner",),
            planner_role="self-serve-planner",
        )
        for id_ in (PROD, TEST)
    ]

    def clock() -> datetime:
        return made[0].now if made else START

    aws = SandboxServer(accounts, template=TEMPLATE, clock=clock, enforce=True)
    with github_server() as github, aws:
        github.teams["security"] = ["sec", "ann"]
        made.append(World(folder, github, aws))
        yield made[0]
