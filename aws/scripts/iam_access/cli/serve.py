"""`sandbox.py`: serve an AWS made from the access files."""

import argparse
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from iam_access.cli.files import load
from iam_access.cli.runtime import DEPLOYER_TEMPLATE, Clock
from iam_access.sandbox import UNSET, Profile, SandboxServer
from iam_access.sandbox.seed import sandbox_accounts


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Serve until SIGTERM or Ctrl-C; return the exit status."""
    configuration = load(options, clock(), preview=True)
    server = SandboxServer(
        [
            replace(each, planner_role=configuration.settings.planner_role)
            for each in sandbox_accounts(configuration)
        ],
        template=DEPLOYER_TEMPLATE,
        port=options.port,
        clock=clock,
        switches=True,
        enforce=True,
    )
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with server, TemporaryDirectory(prefix="self-serve-") as folder:
        profiles = server.profiles()
        print(
            "\n".join(
                _invitation(server, profiles, server.environment_with(profiles, Path(folder)))
            )
        )
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            stop.wait()
    return 0


_SHOWN_PROFILES = 30


def _invitation(
    server: SandboxServer, profiles: Sequence[Profile], environment: Mapping[str, str]
) -> Iterator[str]:
    """Lines to paste into another shell, and the profiles that commands can use there."""
    default, *others = profiles
    shown = [(shlex.quote(each.name), each) for each in others[:_SHOWN_PROFILES]]
    width = max((len(name) for name, _ in shown), default=0)
    yield f"# An AWS of your own at {server.endpoint_url}, until Ctrl-C."
    yield f"# Commands run as the {default.owner}; with `aws --profile NAME` or AWS_PROFILE=NAME as"
    for name, each in shown:
        yield f"#   {name:<{width}}  {each.owner} in {each.account}"
    if len(others) > len(shown):
        yield f"#   and {len(others) - len(shown):,} more: aws configure list-profiles"
    yield "# Users and roles may do what their policies allow at that moment, administrators may do"
    yield "# everything: run as one of them what a hint names, such as `aws iam create-user ...`."
    yield "# Paste this into another shell:"
    spoiling = [name for name in (*UNSET, *sorted(server.environment)) if name not in environment]
    yield f"unset {' '.join(spoiling)}"
    for name, value in sorted(environment.items()):
        yield f"export {name}={shlex.quote(value)}"
