"""The answer of the evaluator, with everything needed to explain it."""

from dataclasses import dataclass
from enum import StrEnum

from iam_access.policy.compile import StatementRef


class Verdict(StrEnum):
    """What a decision or a layer comes to; the words are those of AWS's policy simulator."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicitDeny"
    IMPLICIT_DENY = "implicitDeny"


class Layer(StrEnum):
    """The kinds of policies that have a say in a decision."""

    IDENTITY = "identity"
    BOUNDARY = "boundary"
    SESSION = "session"
    SCP = "scp"
    RCP = "rcp"
    RESOURCE = "resource"


@dataclass(frozen=True, slots=True)
class LayerDecision:
    """What one layer says by itself.

    `level` counts the levels of an organisation from 1, as they were given; None for layers
    without levels. `statements` made the verdict: the Deny statements that match, else the
    Allow statements. `note` says what no statement shows.
    """

    layer: Layer
    level: int | None
    verdict: Verdict
    statements: tuple[StatementRef, ...]
    note: str = ""

    @property
    def label(self) -> str:
        return self.layer if self.level is None else f"{self.layer} level {self.level}"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an explanation: a heading and what is said under it."""

    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a request is allowed, and why.

    `deciding` are the statements that made it so: the denying ones, else the allowing ones of
    the layers that granted; empty for an implicit deny. `matched` are all statements that
    apply. `missing_context` are the condition keys that were asked for in vain, as the policies
    spell them. `blocked_by` are the layers that stand in the way: those with a Deny, else those
    whose Allow is wanting. `layers` are all that had a say.
    """

    kind: Verdict
    deciding: tuple[StatementRef, ...]
    matched: tuple[StatementRef, ...]
    missing_context: tuple[str, ...]
    blocked_by: tuple[LayerDecision, ...]
    layers: tuple[LayerDecision, ...]

    @property
    def allowed(self) -> bool:
        return self.kind is Verdict.ALLOWED

    def layer(self, layer: Layer, level: int | None = None) -> LayerDecision | None:
        """What one layer says, None where it had no say."""
        for one in self.layers:
            if one.layer is layer and one.level == level:
                return one
        return None

    def explain(self) -> tuple[Line, ...]:
        """The decision in lines, most important first. Names in them come from policies."""
        lines = [Line("decision", self.kind)]
        lines += [Line("decided by", str(ref)) for ref in self.deciding]
        lines += [Line("blocked by", _describe(one)) for one in self.blocked_by]
        others = [ref for ref in self.matched if ref not in self.deciding]
        lines += [
            Line("also matched", f"{'Allow' if ref.allows else 'Deny'}: {ref}") for ref in others
        ]
        lines += [Line("not in the request", key) for key in self.missing_context]
        lines += [Line(one.label, _describe(one)) for one in self.layers]
        return tuple(lines)


def _describe(decision: LayerDecision) -> str:
    names = ", ".join(str(ref) for ref in decision.statements)
    text = f"{decision.label}: {decision.verdict}"
    if names:
        text += f" by {names}"
    return f"{text} ({decision.note})" if decision.note else text
