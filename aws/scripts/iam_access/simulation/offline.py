"""The evaluator as a back end for assertions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from iam_access.config.access_tests import Expectation
from iam_access.model import Principal
from iam_access.policy.evaluation.compile import StatementRef
from iam_access.policy.evaluation.decision_cache import SubjectEvaluator
from iam_access.policy.evaluation.evaluate import (
    ApplicablePolicies,
    Decision,
    LayerDecision,
    PolicyType,
    Verdict,
)
from iam_access.policy.evaluation.service_exceptions import is_settled_by_service
from iam_access.simulation.account_policies import AccountPolicies, Subject
from iam_access.simulation.origin import Origins
from iam_access.simulation.questions import AssertionQuestion, ContextValue, Pair
from iam_access.simulation.results import BackendDecision, Evidence


@dataclass(frozen=True, slots=True)
class OfflineBackend:
    """Answers as AWS's policy simulator does, from a snapshot.

    What counts are the principal's own policies, those of its groups and its boundary; policies
    of resources and trust policies do not. With `origins` it tells where the files say what was not
    expected.
    """

    world: AccountPolicies
    origins: Origins | None = None
    _askers: dict[Principal, tuple[tuple[ContextValue, ...], SubjectEvaluator]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def ask(self, question: AssertionQuestion) -> Mapping[Pair, BackendDecision] | None:
        """See `Backend`."""
        if question.state.principal not in self.world.snapshot.principals:
            return None
        return self.answers(question, question.pairs)

    def answers(
        self, question: AssertionQuestion, pairs: Iterable[Pair]
    ) -> Mapping[Pair, BackendDecision]:
        """The answers to some of a question's actions and resources.

        Raises KeyError if the principal does not exist.
        """
        subject = self.world.subject(question.state.principal)
        asker = self._asker(subject, question.context)
        return {
            pair: _NOTHING
            if _is_silent(subject.layers, pair[0].lower())
            else self._answer(question, asker, pair)
            for pair in pairs
        }

    def _answer(
        self, question: AssertionQuestion, asker: SubjectEvaluator, pair: Pair
    ) -> BackendDecision:
        answer = _answer(decision := asker.decide(*pair))
        if is_settled_by_service(pair[0].lower()):
            (identity, *_) = decision.layers
            answer = replace(answer, because=identity.note)
        wanted = question.expected is Expectation.SUCCEED
        if self.origins is None or decision.allowed == wanted or not answer.evidence:
            return answer
        request = asker.request((*pair, None))
        principal = question.state.principal
        found = (self.origins.deciding(principal, ref, request) for ref in decision.deciding)
        return replace(
            answer,
            evidence=tuple(
                replace(each, written=origin.statement, granted=origin.entry)
                for each, origin in zip(answer.evidence, found, strict=True)
            ),
        )

    def _asker(self, subject: Subject, context: tuple[ContextValue, ...]) -> SubjectEvaluator:
        """The one it had in its last question, if that had the very same context."""
        last = self._askers.get(subject.principal)
        if last is not None and last[0] is context:
            return last[1]
        asker = self.world.matrix.asker(subject.caller, subject.layers, as_mapping(context))
        self._askers[subject.principal] = context, asker
        return asker


def as_mapping(context: Iterable[ContextValue]) -> Mapping[str, tuple[str, ...]]:
    """Condition keys as the evaluator takes them."""
    return {each.key: each.values for each in context}


# Of most actions nobody's policies say anything: no condition is asked for, no layer has a say.
_NOTHING = BackendDecision(Verdict.IMPLICIT_DENY)


def _is_silent(layers: ApplicablePolicies, action: str) -> bool:
    """Whether nothing has a word on an action, given in lower case; saves a whole decision."""
    if layers.boundary is not None or is_settled_by_service(action):
        return False
    return not any(policy.covering(action) for policy in layers.identity)


def _answer(decision: Decision) -> BackendDecision:
    boundary = decision.layer(PolicyType.BOUNDARY)
    return BackendDecision(
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
