"""Ten thousand mutated files: none makes a script raise, and none takes long."""

import signal
from io import StringIO
from pathlib import Path
from random import Random
from types import FrameType

import pytest

from iam_access.config.load import load
from iam_access.config.suites import of_teams
from iam_access.model import Report
from iam_access.render import Output, render
from tests.config.repository import NOW, VALID, write
from tests.config.test_fuzz import PIECES

DATA = Path(__file__).parents[1] / "data"
FILES = {
    **VALID,
    "settings.yaml": (DATA / "config" / "settings.yaml").read_text("utf-8").replace("# ", ""),
    "access-tests/pay.yaml": (DATA / "access-tests" / "privileges.yml").read_text("utf-8"),
}
HOSTILE = [
    *PIECES,
    *("*" * 9, "*a?" * 40, "(a+)+$", r"\w{99}", "(?!x)", "[[", "\\", "\\u202e", "${" * 30, "}}}}"),
    *(
        "\x85",
        "\u2028",
        "\r",
        "\x0c",
        "\u200b",
        "\U000e0041",
        "\ufffe",
        "\xff",
        "9" * 400,
        "-" * 60,
    ),
    *("- " * 40, "[" * 40, "{" * 40, "a" * 3_000, "arn:aws:iam::aws:policy/", ": " * 9, "*/*/*"),
    *(
        "PROD",
        "user/",
        "@",
        "@@",
        "0",
        "-1",
        "1e9",
        "inf",
        "9999-12-31T23:59:59-14:00",
        "0d",
        "6 d",
    ),
    *("StringLike", "ForAllValues:", "IfExists", "NumericEquals: {aws:MultiFactorAuthAge: []}"),
]
SECONDS = 2  # of the processor
MOST = 10_000


class HangError(BaseException):
    """A file took too long."""


def stop(_signal: int, _frame: FrameType | None) -> None:
    raise HangError


def mutated(text: str, random: Random) -> bytes:
    """A text with a few changes: pieces put in, parts cut, doubled, or moved, bytes flipped."""
    for _ in range(random.randint(1, 4)):
        start = random.randint(0, len(text))
        end = min(len(text), start + random.choice([0, 1, 2, 8, 40, 200]))
        part = text[start:end]
        piece = random.choice(
            [
                *("", part * 2, part * random.choice([3, 50]), part[::-1], part.upper()),
                random.choice(HOSTILE),
                random.choice(HOSTILE),
                random.choice(HOSTILE) + part,
                text[(at := random.randint(0, len(text))) : at + random.choice([5, 60])],
            ]
        )
        text = text[:start] + piece + text[end:]
    data = bytearray(text.encode())
    if data and random.random() < 0.1:
        data[random.randrange(len(data))] = random.randrange(256)
    return bytes(data)


@pytest.mark.exhaustive
@pytest.mark.parametrize("part", range(10))
def test_no_mutated_file_raises_or_hangs(part: int, tmp_path: Path) -> None:
    signal.signal(signal.SIGVTALRM, stop)
    for number in range(part, MOST, 10):
        random = Random(f"hostile {number}")
        changed = {
            name: mutated(FILES[name], random)
            for name in random.sample(sorted(FILES), random.choice([1, 1, 1, 2, 6]))
        }
        write(tmp_path, {**FILES, **changed})
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        try:
            configuration = load(tmp_path, now=NOW)
            suites = of_teams(configuration)
            findings = (*configuration.findings, *suites.findings)
            for output in Output:
                render(Report("validate", NOW, findings=findings), output, StringIO(), verbose=True)
        except BaseException as error:
            raise AssertionError(f"number {number}: {changed!r}") from error
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        wrong = {each.team for each in configuration.findings if each.is_error}
        assert configuration.invalid >= wrong - {None}, number
