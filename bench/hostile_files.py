"""Small files that are made to cost much: each case is a directory of at most 1 MiB a file.

A case with `#` in a line repeats the line with numbers in its place, as often as files may have
values, or as 1 MiB allows.
"""

from collections.abc import Callable, Mapping
from itertools import product

Files = Mapping[str, str]

SIZE = 1_048_576 - 4_096
VALUES = 19_000  # a little fewer than files may hold
USERS = [f"user-{number}@example.com" for number in range(300)]
LETTERS = "abcdefghijklmnopqrstuvwxyz"

ACCOUNTS = 'aws-accounts: {prod: "111122223333"}\n'
_OWN = "{custom_statements: [{effect: Allow, actions: 's3:Get*', resources: '*'}]}"
POLICIES = f"aws-policies: {{reader: {_OWN}}}\n"
ENTRY = "permanent-access: [{users: [ann@example.com], environments: [prod], grants: [reader]}]\n"
LATER = (
    "temporary-access:\n"
    "  - {user: ann@example.com, environment: prod, grant: reader, expiration_date: 2026-12-01}\n"
)


def repeated(line: str, values: int = 1) -> str:
    """A repeated line; `values` is the number of values in it, 0 to fill the file."""
    most = min(VALUES // values if values else SIZE, SIZE // (len(line) + 5))
    return "".join(line.replace("#", str(number)) for number in range(most))


def statements(text: str) -> str:
    """A policy with these statements."""
    return f"aws-policies:\n  reader:\n    custom_statements:\n{text}"


def allow(rest: str) -> str:
    """A policy with one statement that allows."""
    return statements(f"    - {{effect: Allow, {rest}}}\n")


def entry(users: str, grants: str = "reader", environments: str = "prod") -> str:
    """One entry of permanent access."""
    return (
        "permanent-access:\n"
        f"  - {{users: [{users}], environments: [{environments}], grants: [{grants}]}}\n"
    )


def named(prefix: str, number: int, end: str = "") -> str:
    """Several names in a list."""
    return ", ".join(f"{prefix}{each}{end}" for each in range(number))


def keyed(prefix: str, number: int, value: str) -> str:
    """Several keys with a value each."""
    return "".join(f"  {prefix}{each}: {value}\n" for each in range(number))


_MANAGED = "{managed_policies: ['arn:aws:iam::aws:policy/ReadOnlyAccess']}"
_TEST = "{users: [ann@example.com], actions: ['s3:*'], expected_result: fail, wildcards: expand}"

# By name, the files that differ from a small directory that is valid.
CASES: Mapping[str, Callable[[], Files]] = {
    "nothing": dict,
    # Products
    "users times grants": lambda: {
        "aws-policies": "aws-policies:\n" + keyed("p", 1_000, _MANAGED),
        "permanent-access": entry(named("u", 1_000, "@e.com"), named("p", 1_000)),
    },
    "users times grants, as many as may be": lambda: {
        "aws-policies": "aws-policies:\n" + keyed("p", 10, _OWN),
        "permanent-access": entry(named("u", 990, "@e.com"), named("p", 10)),
    },
    "environments times users": lambda: {
        "aws-accounts": "aws-accounts:\n"
        + "".join(f"  e{n}: '{10**11 + n}'\n" for n in range(100)),
        "permanent-access": entry(named("u", 3_000, "@e.com"), environments=named("e", 100)),
    },
    "one user's entries": lambda: {
        "permanent-access": "permanent-access:\n"
        + repeated(
            "- {users: [a@e.com], environments: [prod], grants: [reader], description: '#'}\n", 13
        )
    },
    "entries that overlap": lambda: {
        "permanent-access": "permanent-access:\n"
        + "".join(
            f"- {{users: [{', '.join(USERS[:160])}], environments: [prod], grants: [reader],"
            f" description: '{each}'}}\n"
            for each in range(60)
        )
    },
    "windows of one user": lambda: {
        "temporary-access": "temporary-access:\n"
        + "".join(
            "- {user: a@e.com, environment: prod, grant: reader, expires_at:"
            f" '2026-11-{28 + n % 3}T{n % 24:02}:{n // 24 % 60:02}:{n // 1_440 % 60:02}Z'}}\n"
            for n in range(2_000)
        )
    },
    "temporary grants": lambda: {
        "temporary-access": "temporary-access:\n"
        + repeated(
            "- {user: u#@e.com, environment: prod, grant: reader, expiration_date: 2026-12-01}\n", 9
        )
    },
    "grants that ended": lambda: {
        "temporary-access": "temporary-access:\n"
        + repeated(
            "- {user: u#@e.com, environment: prod, grant: reader, expiration_date: 2025-12-01}\n", 9
        )
    },
    "policies granted": lambda: {
        "aws-policies": "aws-policies:\n" + keyed("p", 1_700, _OWN),
        "permanent-access": "permanent-access:\n"
        + "".join(
            f"- {{users: [u{n}@e.com], environments: [prod], grants: [p{n}]}}\n"
            for n in range(1_700)
        ),
    },
    # Names that are not known
    "misspelt grants": lambda: {
        "aws-policies": "aws-policies:\n" + keyed("policy-for-duty-", 4_500, _MANAGED),
        "permanent-access": entry("a@e.com", repeated("policy-foo-duty-#x, ")),
    },
    "misspelt environments": lambda: {
        "aws-accounts": "aws-accounts:\n" + keyed("environment-", 9_000, "'111122223333'"),
        "permanent-access": entry("a@e.com", environments=repeated("enviroment-#x, ")),
    },
    "unknown actions": lambda: {
        "aws-policies": allow(
            "resources: '*', actions: [" + repeated("'ec2:DescribeInstanc#', ") + "]"
        )
    },
    "unknown services": lambda: {
        "aws-policies": allow("resources: '*', actions: [" + repeated("'clowdwatch#:Get', ") + "]")
    },
    "unknown condition keys": lambda: {
        "aws-policies": allow(
            "resources: '*', actions: 's3:*', conditions: {StringLike: {"
            + repeated("'aws:usernam#': x, ", 2)
            + "}"
        )
        + "}"
    },
    "unknown keys": lambda: {
        "permanent-access": f"permanent-access: [{{{repeated('a#: b, ', 2)}}}]"
    },
    "unknown settings": lambda: {"settings": repeated("longest_#: b\n", 2)},
    "unknown managed policies": lambda: {
        "aws-policies": "aws-policies: {reader: {managed_policies: ["
        + repeated("'arn:aws:iam::aws:policy/AmazonS3ReadOnlyAcces#', ")
        + "]}}"
    },
    "unknown actions in tests": lambda: {
        "access-tests": "tests: [{users: [a@e.com], expected_result: fail, actions: ["
        + repeated("'ec2:DescribeInstanc#', ")
        + "]}]"
    },
    # Patterns
    "stars": lambda: {"aws-policies": allow(f"resources: '*', actions: 'ec2:Describe{'*' * 9}s'")},
    "stars and letters": lambda: {
        "aws-policies": allow(
            f"resources: 'arn:aws:s3:::{'*a?' * 600}', actions: 'ec2:{'*e?' * 300}'"
        )
    },
    "patterns of actions": lambda: {
        "aws-policies": allow(
            "resources: '*', actions: ["
            + ", ".join(f"'ec2:*{a}*{b}*{c}*'" for a, b, c in product(LETTERS, repeat=3))
            + "]"
        )
    },
    "patterns of actions, as many as fit": lambda: {
        "aws-policies": "aws-policies:\n"
        + "".join(
            f"  p{a}{b}: {{custom_statements: [{{effect: Allow, resources: '*', actions: ["
            + ", ".join(f"'ec2:*{a}*{b}*{c}*'" for c in LETTERS)
            + "]}]}\n"
            for a, b in product(LETTERS[:20], LETTERS)
        ),
        "permanent-access": "permanent-access:\n"
        + "".join(
            f"- {{users: [u{a}{b}@e.com], environments: [prod], grants: [p{a}{b}]}}\n"
            for a, b in product(LETTERS[:20], LETTERS)
        ),
    },
    "patterns of resources": lambda: {
        "aws-policies": allow(
            "actions: 's3:*', resources: [" + repeated("'arn:aws:s3:::*a*#*', ") + "]"
        )
    },
    "statements with NotAction": lambda: {
        "aws-policies": "aws-policies:\n"
        + repeated(
            "  p#: {custom_statements: [{effect: Allow, resources: 'arn:aws:s3:::b#', "
            "not_actions: ['iam:*', 's3:Get*']}]}\n",
            12,
        ),
        "permanent-access": entry("a@e.com, b@e.com", named("p", 10)),
    },
    "temporary grant of much": lambda: {
        "aws-policies": statements(
            repeated(
                "    - {effect: Allow, resources: 'arn:aws:s3:::b#', not_actions: ['iam:*']}\n", 8
            )
        ),
        "temporary-access": LATER,
    },
    "rules": lambda: {
        "settings": "forbidden_grants:\n"
        + repeated("- {grants: ['*a*b*#*'], environments: ['p*r*#*']}\n", 35),
        "permanent-access": entry(", ".join(USERS)),
    },
    "rules about users": lambda: {
        "settings": "grantees:\n" + repeated("- {grants: ['*'], users: ['*u*e*#*', '*@*']}\n", 40),
        "permanent-access": entry(", ".join(USERS)),
    },
    "protected principals": lambda: {
        "settings": "protected_principals: {users: [" + repeated("'*a*b*#*', ", 5) + "]}",
        "permanent-access": entry(", ".join(USERS)),
    },
    # Regular expressions
    "a ticket": lambda: {
        "settings": "temporary_access: {require_ticket: '(a+)+$'}",
        "temporary-access": LATER.replace("}", f", ticket: '{'a' * 60}!'}}"),
    },
    "expressions of tests": lambda: {
        "access-tests": "tests: [{actions: ['s3:*'], expected_result: fail, limit_to: ["
        + repeated("'\\w{99}#', ")
        + "]}]"
    },
    "expressions of tests, as many as may be": lambda: {
        "access-tests": "tests: [{actions: ['s3:*'], expected_result: fail, limit_to: ["
        + "".join(f"'(a|.+)+{each}.{{900}}', " for each in range(50))
        + "]}]"
    },
    # Tests
    "many tests": lambda: {"access-tests": "tests:\n" + repeated(f"- {_TEST}\n", 11)},
    "tests of products": lambda: {
        "access-tests": "tests:\n"
        + "".join(
            "- {users: [ann@example.com], expected_result: fail, wildcards: expand, actions: "
            f"['s3:*', 'ec2:*', 'iam:*'], resources: [{named('arn:aws:s3:::b', 150)}]}}\n"
            for _ in range(100)
        )
    },
    # Form
    "anchors": lambda: {"permanent-access": f"permanent-access: [{repeated('&a# x, ', 0)}]"},
    "aliases of long texts": lambda: {
        "aws-policies": allow(
            f"actions: 's3:*', resources: [&b 'arn:aws:s3:::{'b' * 10_000}', {'*b, ' * 18_000}]"
        )
    },
    "keys that stand twice": lambda: {"permanent-access": repeated("a: b\n", 0)},
    "tags": lambda: {"permanent-access": f"permanent-access: [{repeated('!!int 3, ', 0)}]"},
    "wrong entries": lambda: {"permanent-access": "permanent-access:\n" + repeated("- x\n", 0)},
    "nesting": lambda: {"permanent-access": "permanent-access: " + "[" * SIZE},
    "nesting in lines": lambda: {"permanent-access": "- " * (SIZE // 2)},
    "a long text": lambda: {"permanent-access": entry("a" * SIZE)},
    "a long pattern": lambda: {
        "aws-policies": allow(f"resources: '*', actions: 'ec2:{'*a?' * 3_300}'")
    },
    "a long service": lambda: {
        "aws-policies": allow(f"resources: '*', actions: '{'ec2' * 3_300}:Get'")
    },
    "a long variable": lambda: {
        "aws-policies": allow(f"actions: 's3:*', resources: 'arn:aws:s3:::${{{' ' * 9_000}'")
    },
    "many variables": lambda: {
        "aws-policies": allow(f"actions: 's3:*', resources: 'arn:aws:s3:::{'${aws:' * 1_500}'")
    },
    "environments": lambda: {
        "aws-accounts": "aws-accounts:\n" + keyed("e", 9_000, "'111122223333'")
    },
    "hidden characters": lambda: {
        "permanent-access": "# " + "".join(map(chr, range(0xE0000, 0xE1000))) * 60
    },
    "an error at the end": lambda: {"permanent-access": "\n" * (SIZE - 20) + "a: b: c"},
}


def files_of(name: str) -> Files:
    """The files of a case by their names."""
    small = {
        "aws-accounts": ACCOUNTS,
        "aws-policies": POLICIES,
        "permanent-access": ENTRY,
    }
    return {
        "settings.yaml" if folder == "settings" else f"{folder}/team.yaml": text
        for folder, text in {**small, **CASES[name]()}.items()
    }
