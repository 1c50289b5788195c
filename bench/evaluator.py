"""Measure how fast access is decided, on one core.

    python bench/evaluator.py [--principals N] [--assertions N] [--seed N] [--runs N] [--profile]
                              [--json FILE]

Measures decisions for one typical principal, and for a whole account: every user and role against
every assertion, alone and in a run of `simulate.py test`. The account is made up from a seed.
"""

import argparse
import cProfile
import json
import pstats
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "aws" / "scripts"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import assertion_run
from bench.account import MFA, Assertion, account, assertions
from bench.assertion_run import PreparedAssertion
from iam_access.policy.evaluation.batch import BatchEvaluator
from iam_access.policy.evaluation.compile import CompiledPolicy, PolicySource, compile_policy
from iam_access.policy.evaluation.decision_cache import SubjectEvaluator
from iam_access.policy.evaluation.evaluate import ApplicablePolicies, decide_for_caller
from iam_access.policy.evaluation.request import Request
from iam_access.simulation.account_policies import AccountPolicies, Subject
from iam_access.snapshot import Snapshot

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
# Decisions per second of the fastest public evaluator on similar cases, as measured for it: it
# parses every policy anew for each decision.
PEER = (1_100, 1_300)


def typical(world: AccountPolicies) -> Subject:
    """A user with five policies, three of them by a group; no boundary, no administrator."""
    for principal in world.principals:
        subject = world.subject(principal)
        policies = subject.policies.identity
        if len(policies) == 5 and subject.policies.boundary is None and not _administers(policies):
            return subject
    raise ValueError("no usual principal has five policies")


def _administers(policies: Sequence[CompiledPolicy]) -> bool:
    return any(one.actions.any_text for policy in policies for one in policy.statements)


def compiled_once(subject: Subject, asked: Sequence[Assertion]) -> int:
    """The number of requests that are allowed; each is evaluated alone."""
    return sum(
        decide_for_caller(request, subject.policies).allowed
        for request in _requests(subject, asked)
    )


def parsed_anew(snapshot: Snapshot, subject: Subject, asked: Sequence[Assertion]) -> int:
    """The same, with all its policies read from JSON and compiled again for each request."""
    identity = subject.policies.identity
    texts = [json.dumps(snapshot.policies[each.source.id].document) for each in identity]
    count = 0
    for request in _requests(subject, asked):
        policies = (compile_policy(*each) for each in _pairs(texts, identity))
        count += decide_for_caller(request, ApplicablePolicies(identity=tuple(policies))).allowed
    return count


def _pairs(
    texts: Sequence[str], policies: Sequence[CompiledPolicy]
) -> Iterator[tuple[str, PolicySource]]:
    for text, policy in zip(texts, policies, strict=True):
        yield text, policy.source


def _requests(subject: Subject, asked: Sequence[Assertion]) -> Iterator[Request]:
    context = {**MFA, **{f"aws:PrincipalTag/{key}": v for key, v in subject.state.tags.items()}}
    for one in asked:
        yield Request(subject.caller, one.action, one.resource, context=context, now=NOW)


def cache(snapshot: Snapshot, asked: Sequence[Assertion]) -> int:
    """The number of violations, from policies that were not compiled yet."""
    evaluators = _evaluators(snapshot)
    batch = BatchEvaluator.of(evaluators)
    failures = 0
    for one in asked:
        allowed = batch.allowed(one.action, one.resource).bit_count()
        failures += len(evaluators) - allowed if one.expected else allowed
    return failures


def explained_matrix(snapshot: Snapshot, asked: Sequence[Assertion]) -> int:
    """The same, with the whole decision for each principal: statements, layers, missing keys."""
    evaluators = _evaluators(snapshot)
    return sum(
        each.decide(one.action, one.resource).allowed != one.expected
        for one in asked
        for each in evaluators
    )


def _evaluators(snapshot: Snapshot) -> Sequence[SubjectEvaluator]:
    world = AccountPolicies(snapshot)
    return [world.subject(principal).evaluator(MFA, NOW) for principal in world.principals]


@dataclass(frozen=True, slots=True)
class Figures:
    """Decisions per second, and processor seconds of whole matrices; the best of some runs."""

    principals: int
    assertions: int
    compiled_per_second: float
    anew_per_second: float
    matrix_seconds: float
    explained_seconds: float

    @property
    def lines(self) -> Iterator[str]:
        """The figures for people."""
        size = f"{self.principals:,} principals x {self.assertions:,} assertions"
        yield f"{self.compiled_per_second:10,.0f} decisions/s  one typical principal, compiled once"
        yield f"{self.anew_per_second:10,.0f} decisions/s  the same, parsed anew each time"
        yield f"{PEER[0]:,} to {PEER[1]:,}".rjust(14) + " decisions/s  best public evaluator, anew"
        yield f"{self.matrix_seconds:10.2f} s            {size}: who passes"
        yield f"{self.explained_seconds:10.2f} s            the same, every decision explained"


def measure(principals: int, count: int, seed: int = 1, runs: int = 3) -> Figures:
    """Measure everything on one made-up account. Raises ValueError if the answers differ."""
    snapshot, asked = account(principals, seed), assertions(count, seed)
    subject = typical(AccountPolicies(snapshot))
    once, granted = _best(lambda: compiled_once(subject, asked), runs)
    anew, granted_anew = _best(lambda: parsed_anew(snapshot, subject, asked), runs)
    fast, failures = _best(lambda: cache(snapshot, asked), runs)
    explained, failures_explained = _best(lambda: explained_matrix(snapshot, asked), 1)
    if (granted, failures) != (granted_anew, failures_explained):
        raise ValueError("the same questions were answered in different ways")
    return Figures(principals, count, count / once, count / anew, fast, explained)


def _best(work: Callable[[], int], runs: int) -> tuple[float, int]:
    """The least processor seconds of some runs, which other programs disturb least."""
    timed = [_timed(work) for _ in range(runs)]
    return min(timed)


def _timed(work: Callable[[], int]) -> tuple[float, int]:
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def _lines(run: PreparedAssertion) -> Iterator[str]:
    """A run's figures for people."""
    size = f"{run.principals:,} principals x {run.tests:,} tests"
    judged = f"{run.decisions:,} decisions, {run.violations:,} explained"
    yield f"{run.cpu_seconds:10.2f} s            simulate.py test --sandbox: {size}"
    yield f"{run.wall_seconds:10.2f} s            the same on the clock: {judged}"


def main() -> None:
    """Generate, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--principals", type=int, default=1_000)
    parser.add_argument("--assertions", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="say where a cache takes its time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file")
    arguments = parser.parse_args()
    size = (arguments.principals, arguments.assertions, arguments.seed, arguments.runs)
    found = measure(*size)
    print(*found.lines, sep="\n", flush=True)
    run = assertion_run.measure(*size)
    print(*_lines(run), sep="\n")
    if arguments.json:
        figures = {**asdict(found), "peer_per_second": PEER, "run": asdict(run)}
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if arguments.profile:
        snapshot = account(arguments.principals, arguments.seed)
        with cProfile.Profile() as profile:
            cache(snapshot, assertions(arguments.assertions, arguments.seed))
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
