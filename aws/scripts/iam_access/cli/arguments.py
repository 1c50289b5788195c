"""The command line of the scripts."""

import argparse
import re
from pathlib import Path

from iam_access.render import Output

AWS_FOLDER = Path(__file__).resolve().parents[3]
#: The values of options that not every command has, where it has not.
NOT_ASKED = {
    "markdown_file": None,
    "summary_file": None,
    "text_file": None,
    "read_only": False,
}
_DIGEST = re.compile(r"[0-9a-f]{64}")
EPILOG = "Exit status: 0 nothing to report, 1 something was found, 2 it could not finish."


def common(description: str) -> argparse.ArgumentParser:
    """A parser with the options that all scripts share."""
    parser = argparse.ArgumentParser(description=description, epilog=EPILOG, allow_abbrev=False)
    add_common(parser)
    return parser


def add_common(parser: argparse.ArgumentParser) -> None:
    """The options that all scripts share."""
    add_config_dir(parser)
    parser.add_argument(
        "--output",
        type=Output,
        choices=list(Output),
        default=Output.TEXT,
        help="how to print (default: text)",
    )
    parser.add_argument(
        "--sandbox",
        action="store_true",
        help="use a fresh AWS inside this process, made from the files; no credentials needed",
    )
    parser.add_argument("--verbose", action="store_true", help="print every detail")
    parser.set_defaults(**NOT_ASKED)


def add_markdown_file(parser: argparse.ArgumentParser) -> None:
    """Files for the report as Markdown, beside the text."""
    parser.add_argument(
        "--markdown-file",
        type=Path,
        metavar="FILE",
        help="also write the report as Markdown into this file, for a comment or a summary; the "
        "text is then complete, as with --verbose",
    )
    parser.add_argument(
        "--summary-file",
        type=Path,
        metavar="FILE",
        help="also add the report as Markdown to this file, cut to the size of the summary of a "
        "job (GITHUB_STEP_SUMMARY); the text is then complete, as with --verbose",
    )
    parser.add_argument(
        "--text-file",
        type=Path,
        metavar="FILE",
        help="also write the complete text into this file",
    )


def add_plan_files(parser: argparse.ArgumentParser) -> None:
    """A file for a plan, to be applied later as it was reviewed."""
    parser.add_argument(
        "--plan-file",
        type=Path,
        metavar="FILE",
        help="with --dry-run: also write the plan into this file, for --from-plan",
    )
    parser.add_argument(
        "--from-plan",
        type=Path,
        metavar="FILE",
        help="carry out the plan in this file, and nothing where an account or the access files "
        "would give another plan by now; takes the place of teams, --all and other options",
    )


def whole_digest(text: str) -> str:
    """A digest as a dry run shows it. Raises ArgumentTypeError for anything else."""
    found = text.strip().lower()
    if _DIGEST.fullmatch(found) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a digest of 64 hexadecimal digits")
    return found


def add_merges(parser: argparse.ArgumentParser) -> None:
    """What the apply of merges expects, and where its results go."""
    parser.add_argument(
        "--expect-digest",
        type=whole_digest,
        metavar="DIGEST",
        help="change nothing unless this is the digest of the whole plan, as a dry run shows it",
    )
    parser.add_argument(
        "--merges",
        type=Path,
        metavar="DIR",
        help="apply what merges.py found, as it was reviewed; takes the place of teams and --all",
    )
    parser.add_argument(
        "--results",
        type=Path,
        metavar="DIR",
        help="with --merges: write into this folder what publish.py tells on GitHub",
    )


def add_config_dir(parser: argparse.ArgumentParser) -> None:
    """The folder of the access files."""
    parser.add_argument(
        "--config-dir",
        type=Path,
        default=AWS_FOLDER,
        metavar="DIR",
        help="the folder that holds aws-accounts/ and the others (default: the one above scripts/)",
    )


def add_base(parser: argparse.ArgumentParser, text: str, *names: str) -> None:
    """Earlier files to compare with; `names` are further ones of the option."""
    parser.add_argument("--base", *names, dest="base", metavar="COMMIT|DIR", help=text)


def add_merge_into(parser: argparse.ArgumentParser) -> None:
    """The branch of a merge that is still to come."""
    parser.add_argument(
        "--merge-into",
        metavar="COMMIT",
        help="the files are still to be merged into this commit, such as origin/main: durations "
        "that it does not have begin now (default: the commit of --base, or else HEAD)",
    )


def add_scope(parser: argparse.ArgumentParser, *, dry_run: str) -> None:
    """The teams and environments of a run."""
    parser.add_argument("teams", metavar="TEAM", nargs="*", help="only these teams")
    parser.add_argument(
        "--all", action="store_true", help="all teams, and those whose files are gone"
    )
    add_dry_run(parser, dry_run)


def add_dry_run(parser: argparse.ArgumentParser, text: str) -> None:
    """Options of commands that write: a dry run, and environments."""
    parser.add_argument("--dry-run", action="store_true", help=text)
    add_environment(parser)


def add_read_only(parser: argparse.ArgumentParser) -> None:
    """Whether to work with the role that cannot write."""
    parser.add_argument(
        "--read-only",
        action="store_true",
        help="for a run that writes nothing: assume the planner role of the settings, which cannot "
        "write, instead of the deployer role",
    )


def add_allow_removals_of(parser: argparse.ArgumentParser, text: str) -> None:
    """The teams whose removals have no limit."""
    parser.add_argument(
        "--allow-removals-of",
        action="append",
        default=[],
        metavar="TEAM",
        help=f"{text} (may be repeated)",
    )


def add_environment(parser: argparse.ArgumentParser) -> None:
    """The environments of a run."""
    parser.add_argument(
        "--environment",
        action="append",
        default=[],
        metavar="ENV",
        help="only in this environment (may be repeated)",
    )


def add_explain(parser: argparse.ArgumentParser, text: str) -> None:
    """Whether to show what a plan changes in what users and roles may do."""
    parser.add_argument(
        "--explain", action="store_true", help=f"{text} (reads more of the accounts)"
    )


def pull_request(text: str) -> int:
    """Parse the number of a pull request."""
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 2**31):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of a pull request")
    return int(text)


def add_request(parser: argparse.ArgumentParser) -> None:
    """What a request is for, what becomes of it, and how it is handed in."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--renew", action="store_true", help="give a live entry another end")
    what.add_argument(
        "--end", action="store_true", help="remove a live entry: its access ends with the apply"
    )
    what.add_argument(
        "--list", action="store_true", help="list your live entries, and write nothing"
    )
    parser.add_argument("--all", action="store_true", help="with --list: those of all users")
    parser.add_argument("--team", metavar="TEAM")
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument(
        "--user",
        metavar="USER",
        help="the e-mail address, or user/NAME; left out, git's user.email",
    )
    whose.add_argument("--role", metavar="ROLE", help="the name of an IAM role")
    parser.add_argument("--environment", metavar="ENV")
    parser.add_argument("--grant", metavar="GRANT", help="the key of a policy of the team")
    until = parser.add_mutually_exclusive_group()
    until.add_argument(
        "--for",
        dest="length",
        metavar="LENGTH",
        help="from its merge, or --starts, on: 90m, 2h or 3d",
    )
    until.add_argument(
        "--until",
        metavar="WHEN",
        help="18:00 or YYYY-MM-DDTHH:MM in your time zone, the same with a zone (Z, +01:00), or "
        "YYYY-MM-DD for that whole day in UTC",
    )
    parser.add_argument("--starts", metavar="WHEN", help="not before then: YYYY-MM-DDTHH:MMZ")
    parser.add_argument("--reason", metavar="TEXT", help="what it is needed for")
    parser.add_argument("--ticket", metavar="TICKET")
    parser.add_argument(
        "--dry-run", action="store_true", help="show the lines that would change, write nothing"
    )
    parser.add_argument(
        "--no-explain",
        dest="explain",
        action="store_false",
        help="do not work out in a sandbox what they could then do that they cannot do today, and "
        "whether the apply would refuse it",
    )
    parser.add_argument("--branch", metavar="NAME", help="make a branch of this name for it")
    parser.add_argument("--commit", action="store_true", help="commit the file, and it alone")
    parser.add_argument(
        "--pull-request",
        action="store_true",
        help="make a branch, commit, push to origin and, with gh, open the pull request",
    )


def add_import(
    tools: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str
) -> argparse.ArgumentParser:
    """The options of importing from one tool; `config_dir` is where the files are written."""
    parser = tools.add_parser(
        name, help=text, description=f"Import {text}.", epilog=EPILOG, allow_abbrev=False
    )
    add_common(parser)
    parser.add_argument(
        "--team", metavar="TEAM", help="the team whose files are written (default: by what is read)"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace files of the team that are there already"
    )
    parser.set_defaults(tool=name)
    return parser


def add_accounts_location(parser: argparse.ArgumentParser) -> None:
    """The file with the ids of accounts."""
    parser.add_argument(
        "--accounts-location",
        type=Path,
        metavar="FILE",
        help="the ids of accounts by name (default: accounts.yaml beside what is read)",
    )


def add_rolemodel(parser: argparse.ArgumentParser) -> None:
    """The files that RoleModel works with beside its configuration."""
    parser.add_argument(
        "--users", type=Path, metavar="FILE", help="the users by account and role, as sync_users"
    )
    add_accounts_location(parser)
    parser.add_argument(
        "--roles",
        type=Path,
        metavar="FILE",
        help="what `rolemodel CONFIG list` prints: the roles that are there, to take them over",
    )
    parser.add_argument(
        "--parameter",
        type=template_parameter,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="the value of a parameter of the template (may be repeated)",
    )


def template_parameter(text: str) -> tuple[str, str]:
    """Parse the name and the value of a parameter."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value
