"""The offline evaluator as a back end for assertions."""

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
    """Answers from a snapshot.

    The principal's own policies, those of its groups and its boundary count; so do policies of
    resources that are ours, and trust policies. With `origins`, unexpected results have their place
    in the files.
    """

    account_policies: AccountPolicies
    origins: Origins | None = None
    _evaluators: dict[Principal, tuple[tuple[ContextValue, ...], SubjectEvaluator]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def ask(self, question: AssertionQuestion) -> Mapping[Pair, BackendDecision] | None:
        """See `Backend`."""
        if question.state.principal not in self.account_policies.snapshot.principals:
            return None
        return self.answers(question, question.pairs)

    def answers(
        self, question: AssertionQuestion, pairs: Iterable[Pair]
    ) -> Mapping[Pair, BackendDecision]:
        """Return the answers to some of a question's actions and resources.

        Raises KeyError if the principal does not exist.
        """
        subject = self.account_policies.subject(question.state.principal)
        evaluator = self._evaluator(subject, question.context)
        find = self.account_policies.resources.find
        return {
            pair: _NOTHING
            if _is_silent(subject.policies, pair[0].lower()) and not find(pair[0].lower(), pair[1])
            else self._answer(question, evaluator, pair)
            for pair in pairs
        }

    def _answer(
        self, question: AssertionQuestion, evaluator: SubjectEvaluator, pair: Pair
    ) -> BackendDecision:
        answer = _answer(decision := evaluator.decide(*pair))
        if decision.layer(PolicyType.RESOURCE) is not None:
            answer = replace(answer, alone=evaluator.decide_alone(*pair).kind)
        if is_settled_by_service(pair[0].lower()):
            (identity, *_) = decision.layers
            answer = replace(answer, because=identity.note)
        wanted = question.expected is Expectation.SUCCEED
        if self.origins is None or decision.allowed == wanted or not answer.evidence:
            return answer
        request = evaluator.request((*pair, None))
        principal = question.state.principal
        found = (self.origins.deciding(principal, ref, request) for ref in decision.deciding)
        return replace(
            answer,
            evidence=tuple(
                replace(each, written=origin.statement, granted=origin.entry)
                for each, origin in zip(answer.evidence, found, strict=True)
            ),
        )

    def _evaluator(self, subject: Subject, context: tuple[ContextValue, ...]) -> SubjectEvaluator:
        """The evaluator of its last question, if that had the same context."""
        last = self._evaluators.get(subject.principal)
        if last is not None and last[0] is context:
            return last[1]
        evaluator = self.account_policies.cache.evaluator(
            subject.caller, subject.policies, as_mapping(context)
        )
        self._evaluators[subject.principal] = context, evaluator
        return evaluator


def as_mapping(context: Iterable[ContextValue]) -> Mapping[str, tuple[str, ...]]:
    """Return condition keys as the evaluator takes them."""
    return {each.key: each.values for each in context}


# The common case: no policy covers the action, so no condition is evaluated.
_NOTHING = BackendDecision(Verdict.IMPLICIT_DENY)


def _is_silent(layers: ApplicablePolicies, action: str) -> bool:
    """Whether no policy covers an action, given in lower case; saves a whole decision."""
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
