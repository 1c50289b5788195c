"""The commands behind the scripts: arguments in, a report out, an exit status back.

Each takes its arguments, a clock (now, UTC) and writes to standard output, so that a demo or a
test runs exactly what a user runs. A command's options are here; its work is `run` in the module
of its name, which is imported after the options are parsed, so that `--help` stays fast.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from iam_access.cli import arguments
from iam_access.cli.runtime import Clock, in_module, run_command, utc_now
from iam_access.render import Output


def validate(argv: Sequence[str] | None = None, *, clock: Clock = utc_now) -> int:
    """`validate.py`: check the files, without AWS."""
    parser = arguments.common("Check the access files. Needs no AWS credentials and no network.")
    parser.add_argument("teams", metavar="TEAM", nargs="*", help="check these teams (default: all)")
    arguments.add_markdown_file(parser)
    arguments.add_base(
        parser,
        "compare with the files at this commit (origin/main), or in this folder: some mistakes "
        "are then errors only where they are new",
    )
    parser.add_argument(
        "--applied",
        metavar="COMMIT|DIR",
        help="the files that were applied last: an account that left them before --base, and was "
        "not emptied since, is an error; they are not known where it is empty",
    )
    return run_command(parser, argv, in_module("iam_access.cli.validate"), clock)


def codeowners(argv: Sequence[str] | None = None, *, clock: Clock = utc_now) -> int:
    """`codeowners.py`: write the CODEOWNERS file."""
    parser = argparse.ArgumentParser(
        description="Write .github/CODEOWNERS, as the settings name owners.",
        epilog=arguments.EPILOG,
        allow_abbrev=False,
    )
    arguments.add_config_dir(parser)
    parser.set_defaults(output=Output.TEXT, markdown_file=None, summary_file=None, sandbox=False)
    return run_command(parser, argv, in_module("iam_access.cli.codeowners"), clock)


def approvals(argv: Sequence[str] | None = None, *, clock: Clock = utc_now) -> int:
    """`approvals.py`: whether the reviews of a pull request approve its new access."""
    parser = arguments.common(
        "Judge from the reviews of a pull request whether the access that it brings is approved, "
        "and make that a status of its newest commit. GITHUB_TOKEN is that of a GitHub App that "
        "may read pull requests and the organisation's members, and write commit statuses."
    )
    parser.add_argument(
        "--base", metavar="COMMIT|DIR", required=True, help="the target branch, with its rules"
    )
    parser.add_argument(
        "--commit", metavar="SHA", required=True, help="the newest commit of the pull request"
    )
    parser.add_argument(
        "--pull-request", type=arguments.pull_request, metavar="NUMBER", required=True
    )
    return run_command(parser, argv, in_module("iam_access.cli.approvals"), clock)


def apply(argv: Sequence[str] | None = None, *, clock: Clock = utc_now) -> int:
    """`apply.py`: make the accounts what the files ask for."""
    parser = arguments.common("Make the AWS accounts what the access files ask for.")
    arguments.add_scope(parser, dry_run="read, print the plan, and write nothing")
    parser.add_argument(
        "--adopt",
        action="store_true",
        help="take ownership of resources that the files ask for and the pipeline did not make",
    )
    parser.add_argument(
        "--allow-removals",
        action="store_true",
        help="carry out a plan even if it removes more than is usual",
    )
    arguments.add_allow_removals_of(parser, "the same for this team alone")
    arguments.add_explain(parser, "also show what each user and role gains and loses by the plan")
    parser.add_argument(
        "--verify",
        action="store_true",
        help="afterwards read the accounts again and prove that grants are allowed, temporary "
        "grants end, and the access tests hold",
    )
    arguments.add_plan_files(parser)
    arguments.add_read_only(parser)
    arguments.add_merges(parser)
    arguments.add_base(
        parser,
        "the files that were applied last, at this commit or in this folder: removals that the "
        "settings newly call intended are made, and accounts that these files alone name are "
        "emptied. With --sandbox they are what it begins with, such as origin/main for a pull "
        "request",
        "--applied",
    )
    arguments.add_merge_into(parser)
    arguments.add_markdown_file(parser)
    return run_command(parser, argv, in_module("iam_access.cli.apply"), clock)


def cleanup(argv: Sequence[str] | None = None, *, clock: Clock = utc_now) -> int:
    """`cleanup.py`: remove temporary access that has ended."""
    parser = arguments.common("Remove temporary access that has ended, and nothing else.")
    arguments.add_scope(parser, dry_run="read, print what would be removed, and write nothing")
    arguments.add_explain(parser, "also show that no user or role loses anything by it")
    arguments.add_markdown_file(parser)
    return run_command(parser, argv, in_module("iam_access.cli.cleanup"), clock)


def drift(argv: Sequence[str] | None = None, *, clock: Clock = utc_now) -> int:
    """`drift.py`: find what was changed in the accounts outside of the pipeline."""
    parser = arguments.common(
        "Find what differs in the accounts from the files that were applied last: what was changed "
        "outside of the pipeline. Exit status 1 is drift, 2 that not all could be looked at."
    )
    parser.add_argument("teams", metavar="TEAM", nargs="*", help="only these teams (default: all)")
    arguments.add_environment(parser)
    parser.add_argument(
        "--applied",
        dest="base",
        metavar="COMMIT|DIR",
        help="the files that were applied last: what has changed in the files since is not drift "
        "and is not mended. With --sandbox they are what the sandbox holds",
    )
    parser.add_argument(
        "--mend", action="store_true", help="put right what is ours; changes nothing of others"
    )
    arguments.add_allow_removals_of(parser, "mend this team however much that takes away")
    arguments.add_read_only(parser)
    parser.add_argument(
        "--issues-file",
        type=Path,
        metavar="FILE",
        help="write a page on each account with drift into this file, for drift_issues.py",
    )
    parser.add_argument(
        "--from-form",
        action="store_true",
        help="take --applied, --mend and --allow-removals-of from the variables that the workflow "
        "Drift sets",
    )
    arguments.add_explain(parser, "also show what each user and role gains and loses by mending")
    arguments.add_markdown_file(parser)
    return run_command(parser, argv, in_module("iam_access.cli.drift"), clock)


def revoke(argv: Sequence[str] | None = None, *, clock: Clock = utc_now) -> int:
    """`revoke.py`: the emergency brake."""
    parser = arguments.common(
        "End temporary access at once, in all accounts, by what the accounts hold and without "
        "waiting for a merge. Several options select the access that matches all of them."
    )
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument(
        "--user",
        metavar="USER",
        help="of this IAM user: name, e-mail address, path or ARN (then in its account alone)",
    )
    whose.add_argument(
        "--role",
        metavar="ROLE",
        help="of this IAM role: name, path or ARN (then in its account alone)",
    )
    parser.add_argument("--grant", metavar="GRANT", help="to this policy key")
    parser.add_argument("--team", metavar="TEAM", help="granted by this team")
    parser.add_argument(
        "--permanent",
        action="store_true",
        help="also what is held permanently, as of one who leaves",
    )
    parser.add_argument("--reason", metavar="TEXT", help="why, for those who read the report")
    parser.add_argument(
        "--from-form",
        action="store_true",
        help="take all of these from the variables that the workflow Revoke sets",
    )
    arguments.add_dry_run(parser, "read, print what would end, and write nothing")
    arguments.add_explain(parser, "also show what each user and role loses by it")
    arguments.add_markdown_file(parser)
    return run_command(parser, argv, in_module("iam_access.cli.revoke"), clock)


def request(argv: Sequence[str] | None = None, *, clock: Clock = utc_now) -> int:
    """`request.py`: ask for temporary access, by an entry in a team's file."""
    parser = argparse.ArgumentParser(
        description="Write the entry for temporary access into a team's file. What is missing is "
        "asked for. Nothing is granted before it is merged and applied.",
        epilog=arguments.EPILOG,
        allow_abbrev=False,
    )
    arguments.add_config_dir(parser)
    arguments.add_request(parser)
    parser.set_defaults(**arguments.NOT_ASKED, output=Output.TEXT, sandbox=True, verbose=False)
    return run_command(parser, argv, in_module("iam_access.cli.request.terminal"), clock)


def sandbox(argv: Sequence[str] | None = None, *, clock: Clock = utc_now) -> int:
    """`sandbox.py`: serve an AWS made from the files on loopback until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(
        description="Serve an AWS of your own on 127.0.0.1, with the accounts, users and roles "
        "that the access files name. It forgets everything when it stops.",
        allow_abbrev=False,
    )
    arguments.add_config_dir(parser)
    parser.add_argument(
        "--port", type=int, default=5000, metavar="N", help="0 takes a free one (default: 5000)"
    )
    parser.set_defaults(**arguments.NOT_ASKED, output=Output.TEXT, sandbox=True)
    return run_command(parser, argv, in_module("iam_access.cli.serve"), clock)


def import_files(argv: Sequence[str] | None = None, *, clock: Clock = utc_now) -> int:
    """`import.py`: write files of teams from the files of an older tool."""
    parser = argparse.ArgumentParser(
        description="Write access files from the files of an older tool. Nothing is asked of AWS.",
        epilog=arguments.EPILOG,
        allow_abbrev=False,
    )
    tools = parser.add_subparsers(metavar="TOOL", required=True)
    syncr = arguments.add_import(tools, "iam-syncr", "the folder of one account of iam_syncr")
    syncr.add_argument("folder", type=Path, metavar="FOLDER", help="the folder of one account")
    arguments.add_accounts_location(syncr)
    model = arguments.add_import(tools, "rolemodel", "the configuration of RoleModel")
    model.add_argument("configuration", type=Path, metavar="CONFIG", help="its YAML file")
    arguments.add_rolemodel(model)
    return run_command(parser, argv, in_module("iam_access.cli.importing"), clock)
