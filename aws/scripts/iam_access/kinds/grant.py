"""A temporary grant as a value: all that its three forms are made from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from iam_access.model import Account, Location, Principal, Severity
from iam_access.phrases import instant, length
from iam_access.policy.arn import arn_name
from iam_access.policy.document import document, statements_of
from iam_access.policy.expiry import with_deadline, with_window
from iam_access.policy.mfa import with_mfa
from iam_access.policy.outliving import describe_actions, opening_actions, outliving_actions
from iam_access.policy.packing import combine
from iam_access.problem import Problem
from iam_access.snapshot import Document, ManagedDocument

# Of the roles made for grants, and of the deployer role: role chaining allows no longer one.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining
LONGEST_SESSION = timedelta(hours=1)


class Form(StrEnum):
    """How a temporary grant is written, in the order of preference."""

    INLINE = "inline"
    POLICY = "policy"
    ROLE = "role"

    @property
    def rank(self) -> int:
        """Its place in the order of preference, from 0."""
        return list(Form).index(self)


class Beginning(NamedTuple):
    """The moment (UTC) from which the duration of an entry counts.

    `commit` brought the entry to the branch that is applied, or the one whose place the entry takes
    (`inherited`); None while no commit has: the duration begins with the merge, and `at` is the
    present.
    """

    at: datetime
    commit: str | None
    inherited: bool = False


class Outliving(StrEnum):
    """What becomes of a temporary grant with which access could be made that outlives it."""

    DENY = "deny"
    REFUSE = "refuse"
    WARN = "warn"


class ResourcePolicies(StrEnum):
    """Whether a temporary grant gives what opens resources for good, by a policy or a share."""

    ALLOW = "allow"
    DENY = "deny"


def withheld(
    sources: Sequence[Document], outliving: Outliving, resources: ResourcePolicies
) -> frozenset[str]:
    """The actions, in full, that are denied with a temporary grant of these documents."""
    found = outliving_actions(sources) if outliving is Outliving.DENY else frozenset[str]()
    return found | opening_actions(sources) if resources is ResourcePolicies.DENY else found


def deny_statements(sources: Iterable[Document]) -> tuple[Mapping[str, Any], ...]:
    """The statements of these documents that deny something."""
    found = (each for source in sources for each in statements_of(source))
    return tuple(each for each in found if each.get("Effect") == "Deny")


@dataclass(frozen=True, slots=True)
class TemporaryAccessRules:
    """What the organisation's settings say about temporary grants in one environment.

    `closed` tells of each form that no grant may take where the rule against it is written, and
    `outliving_source` and `resources_source` where those two are. `boundary` is the ARN of the
    permissions boundary that who is granted something has to carry in this account, None without
    one. `unbounded` are patterns of the names of roles whose boundary is left as it is.
    """

    require_mfa: bool = False
    closed: Mapping[Form, str] = field(default_factory=dict)
    outliving: Outliving = Outliving.DENY
    outliving_source: str = "the rule is temporary_access.outliving_actions in settings.yaml"
    resources: ResourcePolicies = ResourcePolicies.ALLOW
    resources_source: str = "the rule is temporary_access.resource_policies in settings.yaml"
    boundary: str | None = None
    unbounded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TemporaryGrant:
    """What one principal is to be able to do in one account during one window.

    `own` is the document of the grant's custom statements, None without any; `managed` the AWS
    managed policies by ARN. `denials` are statements that keep it from outliving its end.
    `starts` (UTC) is None when it holds from when it is written; `ends` is the first dead instant.
    `via` is the form asked for; `closed` are the forms that the settings forbid, with the rules.
    `boundary` is the ARN of the permissions boundary for a role made for it, `generation` tells
    that role from those of the same grant that are dead. One that `lasts` for a duration from its
    merge on ends as long after it `begins`. What it makes gets the `tags`.
    """

    account: Account
    team: str
    key: str
    environment: str
    principal: Principal
    principal_arn: str
    starts: datetime | None
    ends: datetime
    own: Document | None
    managed: Mapping[str, ManagedDocument]
    boundary: str
    denials: tuple[Mapping[str, Any], ...] = ()
    require_mfa: bool = False
    via: Form | None = None
    closed: Mapping[Form, str] = field(default_factory=dict)
    generation: int = 1
    location: Location | None = None
    lasts: timedelta | None = None
    begins: Beginning | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """Why it is written, for people."""
        why = f"{self.team} grants {self.key} in {self.environment}"
        if self.lasts is None or self.begins is None:
            return why
        since = f", which was at {instant(self.begins.at)}" if self.begins.commit else ""
        return f"{why} for {length(self.lasts)} from the merge on{since}"

    @property
    def relative_end(self) -> str | None:
        """When it ends, counted from its merge; None for one that ends at a moment."""
        return f"{length(self.lasts)} from the merge on" if self.lasts is not None else None

    @property
    def denying(self) -> tuple[Mapping[str, Any], ...]:
        """All that it denies: what keeps it from outliving its end, and what it says itself."""
        sources = [
            *([self.own] if self.own else []),
            *(one.document for one in self.managed.values()),
        ]
        return (*self.denials, *deny_statements(sources))

    @property
    def copied_from(self) -> str:
        """The AWS managed policies it copies, each with its version, as one statement id."""
        return "".join(_source(arn, copy) for arn, copy in sorted(self.managed.items()))

    @property
    def document(self) -> dict[str, Any]:
        """All statements of the grant in one document, bounded by its window.

        The first statement of each AWS managed policy carries its name and version as statement
        id: it is a copy, and this is what it was made from.
        """
        sources = [self.own] if self.own else []
        sources += (_versioned(arn, copy) for arn, copy in sorted(self.managed.items()))
        whole = combine([*sources, document(self.denials)] if self.denials else sources)
        return self.bounded(with_mfa(whole) if self.require_mfa else whole)

    def bounded(self, source: Document) -> dict[str, Any]:
        """The document applying during the grant's window only."""
        if self.starts is None:
            return with_deadline(source, self.ends)
        return with_window(source, self.starts, self.ends)


def _source(arn: str, copy: ManagedDocument) -> str:
    return "".join(filter(str.isalnum, arn_name(arn))) + copy.version


def _versioned(arn: str, copy: ManagedDocument) -> Document:
    first, *others = statements_of(copy.document)
    return {**copy.document, "Statement": [{**first, "Sid": _source(arn, copy)}, *others]}


def nothing_left(key: str, actions: frozenset[str], source: str) -> Problem:
    """A temporary grant that cancels itself. `source` says where the rule is written."""
    return Problem(
        "gives-nothing",
        f"a temporary grant of {key} gives nothing and takes away: all it allows "
        f"({describe_actions(actions)}) is denied with it, even if something else allows it, since "
        "access could be "
        "made with it that lasts beyond the deadline",
        f"grant it permanently if it is needed, or change the rule ({source})",
    )


def denied_with(key: str, actions: frozenset[str], source: str) -> Problem:
    """The actions that a temporary grant does not give. `source` says where the rule is written."""
    return Problem(
        "denied-with-it",
        f"a temporary grant of {key} does not give {describe_actions(actions)}: these are denied "
        "with it, since access could be made with them that lasts beyond the deadline",
        f"grant them permanently where they are needed ({source})",
        severity=Severity.NOTE,
    )
