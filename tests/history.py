"""A repository of git whose commits have times of their choice."""

import os
import subprocess
from datetime import datetime
from pathlib import Path


class History:
    """A repository, and what is done in it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def begin(self, at: datetime) -> None:
        """Make the repository, with a commit without access files."""
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "README.md").write_text("x")
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("add", "README.md")
        self.git("commit", "--quiet", "--message=x", at=at)

    def git(self, *arguments: str, at: datetime | None = None, asked: str = "") -> str:
        """Run git, as of a time, with an input; return what it prints."""
        environment = {
            **os.environ,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        if at is not None:
            date = f"{int(at.timestamp())} +0100"
            environment |= {"GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date}
        command = ["git", "-c", "user.name=test", "-c", "user.email=test@example.com", *arguments]
        done = subprocess.run(
            command,
            input=asked,
            cwd=self.root,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def commit(self, at: datetime) -> str:
        """Commit everything; return the short name of the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=x", at=at)
        return self.git("rev-parse", "--short=12", "HEAD")
