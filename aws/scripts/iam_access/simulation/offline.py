"""The evaluator as a back end for assertions."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from iam_access.model import Principal
from iam_access.policy.compile import StatementRef
from iam_access.policy.decision import Decision, Layer, LayerDecision, Verdict
from iam_access.policy.evaluate import Layers
from iam_access.policy.matrix import Asker
from iam_access.simulation.results import Answer, ContextValue, Evidence, Question
from iam_access.simulation.world import Subject, World


@dataclass(frozen=True, slots=True)
class OfflineBackend:
    """Answers as AWS's policy simulator does, from a snapshot.

    What counts are the principal's own policies, those of its groups and its boundary; policies
    of resources and trust policies do not.
    """

    world: World
    _askers: dict[Principal, tuple[tuple[ContextValue, ...], Asker]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def ask(self, question: Question) -> Mapping[tuple[str, str], Answer] | None:
        """See `Backend`."""
        if question.state.principal not in self.world.snapshot.principals:
            return None
        subject = self.world.subject(question.state.principal)
        asker = self._asker(subject, question.context)
        answers = {}
        for action in question.actions:
            silent = _is_silent(subject.layers, action.lower())
            for resource in question.resources:
                if silent:
                    answers[action, resource] = _NOTHING
                    continue
                answers[action, resource] = _answer(asker.decide_for_caller(action, resource))
        return answers

    def _asker(self, subject: Subject, context: tuple[ContextValue, ...]) -> Asker:
        """The one it had in its last question, if that had the very same context."""
        last = self._askers.get(subject.principal)
        if last is not None and last[0] is context:
            return last[1]
        values = {each.key: each.values for each in context}
        asker = self.world.matrix.asker(subject.caller, subject.layers, values)
        self._askers[subject.principal] = context, asker
        return asker


# Of most actions nobody's policies say anything: no condition is asked for, no layer has a say.
_NOTHING = Answer(Verdict.IMPLICIT_DENY)


def _is_silent(layers: Layers, action: str) -> bool:
    """Whether no policy has a word on an action, given in lower case; saves a whole decision."""
    if layers.boundary is not None:
        return False
    return not any(policy.covering(action) for policy in layers.identity)


def _answer(decision: Decision) -> Answer:
    boundary = decision.layer(Layer.BOUNDARY)
    return Answer(
        decision.kind,
        tuple(_evidence(ref) for ref in decision.deciding),
        tuple(sorted(decision.missing_context)),
        None if boundary is None else _allows(boundary),
    )


def _allows(layer: LayerDecision) -> bool:
    return layer.allowed and not layer.denies


def _evidence(ref: StatementRef) -> Evidence:
    place = f"statement {ref.index + 1}" + (f" ({ref.sid})" if ref.sid else "")
    return Evidence(ref.source.id, ref.source.name, ref.source.type, place)
