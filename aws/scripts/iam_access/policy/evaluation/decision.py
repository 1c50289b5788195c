"""The answer of the evaluator, with everything needed to explain it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from iam_access.policy.evaluation.compile import StatementRef
from iam_access.policy.evaluation.principals import Match


class Verdict(StrEnum):
    """What a decision or a layer comes to; the words are those of AWS's policy simulator."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicitDeny"
    IMPLICIT_DENY = "implicitDeny"


class PolicyType(StrEnum):
    """The kinds of policies that have a say in a decision."""

    IDENTITY = "identity"
    BOUNDARY = "boundary"
    SESSION = "session"
    SCP = "scp"
    RCP = "rcp"
    RESOURCE = "resource"


class LayerDecision(NamedTuple):
    """What one layer says by itself.

    `level` counts the levels of an organisation from 1, as they were given; None for layers
    without levels. `allows` and `denies` are the statements that apply, `match` is how directly
    the Allow statements name the caller. `allowed` holds too where no statement is needed, and
    does not where a service refuses all the same; `note` says what no statement shows.
    """

    layer: PolicyType
    level: int | None
    allowed: bool
    allows: tuple[StatementRef, ...] = ()
    denies: tuple[StatementRef, ...] = ()
    match: Match = Match.NONE
    note: str = ""

    @property
    def verdict(self) -> Verdict:
        if self.denies:
            return Verdict.EXPLICIT_DENY
        return Verdict.ALLOWED if self.allowed else Verdict.IMPLICIT_DENY

    @property
    def statements(self) -> tuple[StatementRef, ...]:
        """The statements that made the verdict."""
        return self.denies or (self.allows if self.allowed else ())

    @property
    def label(self) -> str:
        return self.layer if self.level is None else f"{self.layer} level {self.level}"

    def __str__(self) -> str:
        names = ", ".join(str(ref) for ref in self.statements)
        text = f"{self.label}: {self.verdict}"
        if names:
            text += f" by {names}"
        return f"{text} ({self.note})" if self.note else text


class Line(NamedTuple):
    """One line of an explanation: a heading and what is said under it."""

    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a request is allowed, and why.

    `deciding` are the statements that made it so: the denying ones, else the allowing ones of
    the layers that granted; empty for an implicit deny. `missing_context` are the condition
    keys that were asked for in vain, as the policies spell them. `blocked_by` are the layers
    that stand in the way: those with a Deny, else those whose Allow is wanting. `layers` are
    all that had a say.
    """

    kind: Verdict
    deciding: tuple[StatementRef, ...]
    missing_context: tuple[str, ...]
    blocked_by: tuple[LayerDecision, ...]
    layers: tuple[LayerDecision, ...]

    @property
    def allowed(self) -> bool:
        return self.kind is Verdict.ALLOWED

    @property
    def matched(self) -> tuple[StatementRef, ...]:
        """All statements that apply, layer by layer, the denying ones first."""
        return tuple(
            ref for one in self.layers for refs in (one.denies, one.allows) for ref in refs
        )

    def layer(self, layer: PolicyType, level: int | None = None) -> LayerDecision | None:
        """What one layer says, None where it had no say."""
        for one in self.layers:
            if one.layer is layer and one.level == level:
                return one
        return None

    def explain(self) -> tuple[Line, ...]:
        """The decision in lines, most important first. Names in them come from policies."""
        lines = [Line("decision", self.kind)]
        lines += [Line("decided by", str(ref)) for ref in self.deciding]
        lines += [Line("blocked by", str(one)) for one in self.blocked_by]
        others = [ref for ref in self.matched if ref not in self.deciding]
        lines += [
            Line("also matched", f"{'Allow' if ref.allows else 'Deny'}: {ref}") for ref in others
        ]
        lines += [Line("not in the request", key) for key in self.missing_context]
        lines += [Line(one.label, str(one)) for one in self.layers]
        return tuple(lines)
