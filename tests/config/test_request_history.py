"""Files of the history are read entry by entry, and say the same as read at once."""

import random

import pytest

from iam_access.config.beginnings import DurationRequest
from iam_access.config.request_history import RequestReader
from iam_access.config.settings import Settings

PATH = "aws/temporary-access/pay.yaml"
PLAIN = "user: {}@example.com\n    environment: prod\n    grant: read\n"
ENTRIES = [
    f"  - {PLAIN.format('ann')}    for: 2h\n",
    "  - {user: bob@example.com, environment: prod, grant: read, for: 3h}\n",
    "  - {user: eva@example.com, environment: prod, grant: read, expiration_date: 2026-03-01}\n",
]
PIECES = [
    *ENTRIES,
    f"  - description: |\n      - a: b\n        for: 2h\n    {PLAIN.format('dot')}    for: 2h\n",
    f"  -\n    {PLAIN.format('m')}    for: 2h\n",
    f"  - ? for\n    : 2h\n    {PLAIN.format('n')}",
    f"  - # for: 3h\n    {PLAIN.format('k')}    'for': 2h\n",
    "- {user: z@example.com, environment: prod, grant: read, for: 1h}\n",
    "   - {user: w@example.com, environment: prod, grant: read, for: 2h}\n",
    "  - &a {user: c@example.com, environment: prod, grant: read, for: 2h}\n",
    *("  # comment - x\n", "\n", '  - description: "a\n', '  - b"\n', "    for: 2h\n", "    - x\n"),
    *(
        "  - [\n",
        "  - ]\n",
        "  - {user: q@example.com,\n  - environment: prod}\n",
        "---\n",
        "...\n",
    ),
    *("other: x\n", "temporary-access:\n", "  - *a\n", "  - 'it''s\n", "  - x'\n", "\t- x\n"),
    *("  - >\n", "  - !!map {}\n", "  - # c\n", "#\n"),
]


def requests(*bodies: str) -> frozenset[DurationRequest]:
    """The requests in files, as far as they can be read."""
    reader = RequestReader(Settings())
    found = (reader.read(PATH, f"temporary-access:\n{each}".encode()) for each in bodies)
    return frozenset[DurationRequest]().union(*(each.requests for each in found))


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(3))
def test_an_entry_by_itself_is_what_it_is_among_others(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(2_000):
        count = chance.randint(1, 6)
        chosen = [chance.choice(ENTRIES if chance.random() < 0.5 else PIECES) for _ in range(count)]
        body = "".join(chosen)
        # An anchor anywhere has the file read at once.
        assert requests(body) == requests(f"{body}# &*\n"), body


def test_each_entry_is_read() -> None:
    assert {each.holder for each in requests("".join(PIECES[:7]))} == {
        each.holder for body in PIECES[:7] for each in requests(body)
    }


@pytest.mark.parametrize(
    ("text", "is_whole"),
    [
        (f"temporary-access:\n{''.join(PIECES[:7])}", True),
        ("temporary-access: []\n", True),
        (f"temporary-access:\n{ENTRIES[0]}    typo: x\n{ENTRIES[1]}", False),
        (f"temporary-access:\n{ENTRIES[2]}    for: 2h\n", False),
        (f"temporary-access:\n{ENTRIES[2]}  - {{user: x\n", False),
        ("temporary-access:\n  - {user: cut@exam", False),
        ("", False),
    ],
)
def test_what_cannot_be_read_in_full_is_not_whole(text: str, is_whole: bool) -> None:
    assert RequestReader(Settings()).read(PATH, text.encode()).is_whole() is is_whole
