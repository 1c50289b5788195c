"""What becomes of changes, whatever IAM answers."""

from dataclasses import replace

import pytest

from iam_access.cloud.client import Call, CallError, CloudError
from iam_access.cloud.executor import IN_A_CIRCLE, Execution, steps_of
from iam_access.cloud.retry import SETTLE_SECONDS
from iam_access.kinds import calls
from iam_access.model import (
    AnswerCheck,
    ApiCall,
    CallTarget,
    Change,
    ChangeType,
    Match,
    Outcome,
    Phase,
    Status,
    Taken,
)
from tests.cloud.fakes import (
    ACCOUNT,
    BUSY,
    NO_SUCH_ENTITY,
    FakeIam,
    attach,
    change,
    confirmed_by,
    create,
    delete,
    detach,
    tag,
    untag,
)

DENIED = CallError("AccessDenied", "not authorized to perform: iam:AttachUserPolicy")
EXPIRED = CallError("ExpiredToken", "The security token included in the request is expired")
EXISTS = CallError("EntityAlreadyExists", "A policy called p already exists")

WANTED = AnswerCheck(("Policy",), Match.EQUALS, ("wanted",))


def run(iam: FakeIam, *changes: Change, rests_on_others: bool = False) -> list[Outcome]:
    execution = Execution(
        ACCOUNT, changes, iam.client, sleep=iam.sleep, rests_on_others=rests_on_others
    )
    return list(execution.run())


def statuses(outcomes: list[Outcome]) -> dict[str, str]:
    return {outcome.change.name: outcome.status.value for outcome in outcomes}


def code_of(outcome: Outcome) -> str | None:
    return outcome.failure.code if outcome.failure else None


def test_nothing_to_do_is_done_without_a_call() -> None:
    iam = FakeIam()
    assert run(iam) == []
    assert iam.calls == []


def test_every_call_of_every_change_is_made_once_by_phase() -> None:
    iam = FakeIam()
    policy = change("policy", create("p"))
    outcomes = run(iam, change("grant", tag("ann", "t"), attach("ann", "p")), policy)
    assert iam.operations == ["create_policy", "tag_user", "attach_user_policy"]
    assert [(o.change.name, o.status) for o in outcomes] == [
        ("grant", Status.DONE),
        ("policy", Status.DONE),
    ]


def test_a_change_without_calls_is_done() -> None:
    (outcome,) = run(FakeIam(), change("nothing"))
    assert outcome.status is Status.DONE


def test_calls_get_their_parameters() -> None:
    iam = FakeIam()
    run(iam, change("grant", attach("ann", "p")))
    assert iam.calls == [("attach_user_policy", {"UserName": "ann", "PolicyArn": "p"})]


class TestFailures:
    def test_a_failed_change_makes_no_further_call_and_stops_no_other(self) -> None:
        iam = FakeIam({("tag_user", "ann"): [DENIED]})
        outcomes = run(
            iam,
            change("a", tag("ann", "t"), attach("ann", "p")),
            change("b", tag("bob", "t"), attach("bob", "p")),
        )
        assert statuses(outcomes) == {"a": "failed", "b": "done"}
        assert iam.operations == ["tag_user", "tag_user", "attach_user_policy"]
        assert iam.calls[-1][1]["UserName"] == "bob"

    def test_a_merged_call_that_fails_fails_all_its_changes(self) -> None:
        iam = FakeIam({"tag_user": [DENIED]})
        outcomes = run(
            iam,
            change("a", tag("ann", "x"), attach("ann", "p")),
            change("b", tag("ann", "y"), attach("ann", "q")),
        )
        assert statuses(outcomes) == {"a": "failed", "b": "failed"}
        assert iam.operations == ["tag_user"]

    def test_a_failed_change_takes_its_items_out_of_a_later_merged_call(self) -> None:
        iam = FakeIam({("detach_user_policy", "p"): [DENIED]})
        run(
            iam,
            change("a", detach("ann", "p"), untag("ann", "x")),
            change("b", detach("ann", "q"), untag("ann", "y")),
        )
        assert iam.calls[-1] == ("untag_user", {"UserName": "ann", "TagKeys": ["y"]})

    def test_the_failure_tells_aws_code_its_words_and_what_to_do(self) -> None:
        (outcome,) = run(FakeIam({"attach_user_policy": [DENIED]}), change("a", attach("ann", "p")))
        assert outcome.failure is not None
        assert outcome.failure.code == "AccessDenied"
        assert outcome.failure.message == DENIED.message
        assert "iam:AttachUserPolicy" in outcome.failure.hint
        assert "aws/bootstrap/deployer-role.yaml" in outcome.failure.hint

    def test_what_is_no_refusal_of_aws_propagates(self) -> None:
        with pytest.raises(ZeroDivisionError):
            run(
                FakeIam({"attach_user_policy": [ZeroDivisionError()]}),
                change("a", attach("a", "p")),
            )

    @pytest.mark.parametrize(
        "code", ["ExpiredToken", "InvalidClientTokenId", "ConnectTimeoutError"]
    )
    def test_once_the_session_is_lost_nothing_more_is_sent(self, code: str) -> None:
        iam = FakeIam({("attach_user_policy", "ann"): [CallError(code, "gone")]})
        outcomes = run(
            iam, *(change(name, attach(name, "p")) for name in ("abe", "ann", "bob", "cid"))
        )
        assert statuses(outcomes) == {
            "abe": "done",
            "ann": "failed",
            "bob": "skipped",
            "cid": "skipped",
        }
        assert len(iam.calls) == 2
        assert code_of(outcomes[2]) == code

    def test_a_read_timeout_stops_only_its_own_change(self) -> None:
        iam = FakeIam({("attach_user_policy", "ann"): [CallError("ReadTimeoutError", "timed out")]})
        outcomes = run(iam, change("a", attach("ann", "p")), change("b", attach("bob", "p")))
        assert statuses(outcomes) == {"a": "failed", "b": "done"}


class TestOtherAccounts:
    """A change about one account may need calls in another one."""

    ABOUT, HUB = ACCOUNT, "444455556666"

    def member(self, name: str) -> ApiCall:
        """Puts a user into a group of the hub account."""
        return ApiCall(
            "identitystore",
            "create_group_membership",
            {"MemberId": name},
            account=self.HUB,
            region="eu-central-1",
            phase=Phase.GRANT,
        )

    def run(
        self, *changes: Change, hub: FakeIam | None = None, refused: CloudError | None = None
    ) -> tuple[list[Outcome], FakeIam, list[CallTarget]]:
        """The outcomes, the calls of the own account, and what was opened in which order."""
        own, opened = FakeIam(), list[CallTarget]()

        def client(target: CallTarget) -> Call:
            opened.append(target)
            if target.account == self.ABOUT:
                return own
            if refused is not None:
                raise refused
            return hub or FakeIam()

        return list(Execution(self.ABOUT, changes, client, sleep=own.sleep).run()), own, opened

    def test_each_call_is_made_in_its_account_service_and_region(self) -> None:
        hub = FakeIam()
        both = change("a", tag("ann", "t"), self.member("ann"), self.member("bob"))
        outcomes, own, opened = self.run(both, hub=hub)
        assert statuses(outcomes) == {"a": "done"}
        assert (own.operations, hub.operations) == (["tag_user"], ["create_group_membership"] * 2)
        assert opened == [
            (self.ABOUT, "iam", None),
            (self.HUB, "identitystore", "eu-central-1"),
        ]

    def test_a_failure_there_is_told_with_that_account_and_permission(self) -> None:
        outcomes, _, _ = self.run(
            change("a", self.member("ann")), hub=FakeIam({"create_group_membership": [DENIED]})
        )
        failure = outcomes[0].failure
        assert failure is not None
        assert failure.message.startswith(f"in account {self.HUB}: ")
        assert "identitystore:CreateGroupMembership" in failure.hint

    def test_an_account_that_cannot_be_entered_stops_only_what_needs_it(self) -> None:
        refused = CloudError("AccessDenied", "cannot assume", "trust it")
        outcomes, own, opened = self.run(
            change("a", self.member("ann")),
            change("b", self.member("bob")),
            change("c", attach("cid", "p")),
            refused=refused,
        )
        assert statuses(outcomes) == {"a": "failed", "b": "skipped", "c": "done"}
        failure = outcomes[0].failure
        assert failure is not None
        assert (failure.code, failure.hint) == ("AccessDenied", "trust it")
        assert self.HUB in failure.message
        assert own.operations == ["attach_user_policy"]
        # It is tried once.
        assert [target.account for target in opened] == [self.HUB, self.ABOUT]

    def test_what_is_gone_there_is_not_a_session_that_could_not_be_opened(self) -> None:
        leave = replace(self.member("ann"), operation="delete_x", absent_is_done=True)
        outcomes, _, _ = self.run(
            change("a", leave), refused=CloudError("ResourceNotFoundException", "no role")
        )
        assert statuses(outcomes) == {"a": "failed"}

    def test_calls_in_two_accounts_are_never_sent_as_one(self) -> None:
        there = replace(tag("ann", "y"), account=self.HUB)
        assert len(steps_of([change("a", tag("ann", "x")), change("b", there)])) == 2


class TestNeeds:
    def test_what_needs_a_failed_change_is_skipped_and_told_which(self) -> None:
        iam = FakeIam({"create_policy": [CallError("LimitExceeded", "1500 policies")]})
        policy = change("policy-p", create("p"))
        grant = change("grant", attach("ann", "p"), needs=(policy,))
        further = change("further", attach("bob", "p"), needs=(grant,))
        other = change("other", attach("cid", "q"))

        outcomes = run(iam, policy, grant, further, other)

        assert statuses(outcomes) == {
            "policy-p": "failed",
            "grant": "skipped",
            "further": "skipped",
            "other": "done",
        }
        failure = outcomes[1].failure
        assert failure is not None
        assert failure.code == "NeedNotMet"
        assert "policy-p" in failure.message
        assert "1500 policies" in failure.message

    def test_a_need_comes_first_even_against_the_phases(self) -> None:
        iam = FakeIam()
        renewed = change("renewed", attach("ann", "new"))
        reclaim = calls.iam(ACCOUNT, "detach_user_policy", {"UserName": "ann"}, Phase.RECLAIM)
        outcomes = run(iam, change("old", reclaim, needs=(renewed,)), renewed)
        assert iam.operations == ["attach_user_policy", "detach_user_policy"]
        assert statuses(outcomes) == {"old": "done", "renewed": "done"}

    @pytest.mark.parametrize("needed_first", [False, True])
    def test_what_waits_keeps_the_order_of_its_own_calls(self, *, needed_first: bool) -> None:
        iam = FakeIam()
        needed = change("needed", attach("bob", "q"))
        waits = change("a", tag("ann", "t"), attach("ann", "p"), needs=(needed,))
        run(iam, *((needed, waits) if needed_first else (waits, needed)))
        assert [(operation, params["UserName"]) for operation, params in iam.calls] == [
            ("attach_user_policy", "bob"),
            ("tag_user", "ann"),
            ("attach_user_policy", "ann"),
        ]

    def test_room_is_made_whole_before_anything_is_added(self) -> None:
        iam = FakeIam()
        last = change(
            "last", calls.iam(ACCOUNT, "detach_user_policy", {"PolicyArn": "c"}, Phase.RECLAIM)
        )
        middle = change(
            "middle",
            calls.iam(ACCOUNT, "detach_user_policy", {"PolicyArn": "b"}, Phase.RECLAIM),
            needs=(last,),
        )
        first = change(
            "first",
            calls.iam(ACCOUNT, "detach_user_policy", {"PolicyArn": "a"}, Phase.RECLAIM),
            needs=(middle,),
        )
        run(iam, change("new", attach("ann", "n")), first, middle, last)
        assert [params["PolicyArn"] for _, params in iam.calls] == ["c", "b", "a", "n"]

    def test_what_is_left_to_release_holds_nothing_up(self) -> None:
        iam = FakeIam()
        loses = change("loses", detach("ann", "p"), untag("ann", "t"))
        run(iam, change("limit", detach("ann", "q"), needs=(loses,)), loses)
        assert [params.get("PolicyArn") for _, params in iam.calls] == ["p", "q", None]

    def test_what_follows_a_change_waits_for_its_success(self) -> None:
        iam = FakeIam({"attach_user_policy": [CallError("LimitExceeded", "10 policies")]})
        limit = change("limit", attach("ann", "new"))
        freed = replace(change("freed", detach("ann", "old")), follows=frozenset({limit.id}))
        assert statuses(run(iam, freed, limit)) == {"freed": "skipped", "limit": "failed"}
        assert statuses(run(iam, freed)) == {"freed": "done"}

    def test_needs_outside_of_the_run_hold_nothing_up(self) -> None:
        elsewhere = change("elsewhere", create("p"))
        iam = FakeIam()
        (outcome,) = run(iam, change("a", attach("ann", "p"), needs=(elsewhere,)))
        assert outcome.status is Status.DONE

    def test_nothing_is_made_of_changes_that_wait_for_each_other(self) -> None:
        iam = FakeIam()
        early = change("early", create("p"))
        late = change("late", attach("ann", "p"), needs=(early,))
        early = change("early", create("p"), needs=(late,))
        outcomes = run(iam, late, early)
        assert statuses(outcomes) == {"late": "skipped", "early": "skipped"}
        assert {each.failure for each in outcomes} == {IN_A_CIRCLE}
        assert iam.operations == []


class TestRemovals:
    def test_what_is_gone_already_is_no_failure_and_no_removal(self) -> None:
        iam = FakeIam({"detach_user_policy": [NO_SUCH_ENTITY]})
        (outcome,) = run(iam, change("a", detach("ann", "p"), action=ChangeType.DELETE))
        assert outcome.status is Status.ALREADY
        assert outcome.failure is None
        assert iam.slept == []

    def test_releasing_the_tag_of_what_is_gone_is_no_removal(self) -> None:
        iam = FakeIam({"detach_user_policy": [NO_SUCH_ENTITY]})
        (outcome,) = run(iam, change("a", detach("ann", "p"), untag("ann", "t")))
        assert outcome.status is Status.ALREADY
        assert iam.operations == ["detach_user_policy", "untag_user"]

    def test_a_removal_counts_even_if_the_tag_was_gone(self) -> None:
        iam = FakeIam({"untag_user": [NO_SUCH_ENTITY]})
        (outcome,) = run(iam, change("a", detach("ann", "p"), untag("ann", "t")))
        assert outcome.status is Status.DONE

    def test_a_policy_is_removed_by_whoever_deletes_it_not_its_versions(self) -> None:
        version = calls.iam(ACCOUNT, "delete_policy_version", {}, Phase.RETIRE, absent_is_done=True)
        iam = FakeIam({"delete_policy": [NO_SUCH_ENTITY]})
        (outcome,) = run(iam, change("a", version, delete("p")))
        assert outcome.status is Status.ALREADY

    def test_other_errors_of_a_removal_are_failures(self) -> None:
        (outcome,) = run(FakeIam({"delete_policy": [DENIED]}), change("a", delete("p")))
        assert outcome.status is Status.FAILED


class TestLostAnswers:
    def test_what_reads_as_absent_was_removed(self) -> None:
        confirm = confirmed_by("AccessDenied", absent="NoSuchEntity")
        removal = replace(delete("p"), confirm=confirm)
        iam = FakeIam({"delete_policy": [DENIED], "get_policy": [NO_SUCH_ENTITY]})
        (outcome,) = run(iam, change("a", removal))
        assert outcome.status is Status.ALREADY
        # It is not waited for: that it is gone is what was asked.
        assert iam.slept == []

    def test_a_call_found_to_have_been_carried_out_is_done(self) -> None:
        iam = FakeIam({"create_policy": [EXISTS], "get_policy": [{"Policy": "wanted"}]})
        confirm = confirmed_by("EntityAlreadyExists", WANTED)
        (outcome,) = run(iam, change("a", create("p", confirm), attach("ann", "p")))
        assert outcome.status is Status.DONE
        assert iam.operations == ["create_policy", "get_policy", "attach_user_policy"]

    def test_something_else_in_its_place_is_a_failure(self) -> None:
        iam = FakeIam({"create_policy": [EXISTS]})
        confirm = confirmed_by("EntityAlreadyExists", WANTED)
        (outcome,) = run(iam, change("a", create("p", confirm), attach("ann", "p")))
        assert code_of(outcome) == "EntityAlreadyExists"
        assert "--adopt" in (outcome.failure.hint if outcome.failure else "")
        assert iam.operations == ["create_policy", "get_policy"]

    def test_an_answer_that_proves_nothing_counts_only_if_it_reads_so(self) -> None:
        confirm = replace(confirmed_by("EntityAlreadyExists", WANTED), always=True)
        late = FakeIam({"get_policy": [NO_SUCH_ENTITY, {"Policy": "other"}, {"Policy": "wanted"}]})
        (outcome,) = run(late, change("a", create("p", confirm), attach("ann", "p")))
        assert outcome.status is Status.DONE
        other = FakeIam({"get_policy": [{"Policy": "other"}]})
        (outcome,) = run(other, change("a", create("p", confirm), attach("ann", "p")))
        assert code_of(outcome) == "NotCarriedOut"
        assert "attach_user_policy" not in other.operations

    def test_a_read_may_have_to_find_what_the_call_said(self) -> None:
        same = AnswerCheck(("Policy",), Match.PARAMETER, ("PolicyName",))
        confirm = confirmed_by("EntityAlreadyExists", same)
        for found, status in (("p", Status.DONE), ("q", Status.FAILED)):
            iam = FakeIam({"create_policy": [EXISTS], "get_policy": [{"Policy": found}]})
            (outcome,) = run(iam, change("a", create("p", confirm)))
            assert outcome.status is status

    def test_only_the_codes_it_names_are_doubted(self) -> None:
        iam = FakeIam({"create_policy": [DENIED]})
        confirm = confirmed_by("EntityAlreadyExists")
        (outcome,) = run(iam, change("a", create("p", confirm)))
        assert code_of(outcome) == "AccessDenied"

    def test_a_read_that_fails_confirms_nothing(self) -> None:
        iam = FakeIam({"create_policy": [EXISTS], "get_policy": [DENIED]})
        confirm = confirmed_by("EntityAlreadyExists")
        (outcome,) = run(iam, change("a", create("p", confirm)))
        assert code_of(outcome) == "EntityAlreadyExists"

    def test_what_exists_but_cannot_be_read_yet_is_waited_for(self) -> None:
        iam = FakeIam(
            {"create_policy": [EXISTS], "get_policy": [NO_SUCH_ENTITY, NO_SUCH_ENTITY, {}]}
        )
        confirm = confirmed_by("EntityAlreadyExists")
        (outcome,) = run(iam, change("a", create("p", confirm)))
        assert outcome.status is Status.DONE
        assert iam.slept == [1, 2]


class TestSettling:
    def test_what_is_taken_away_is_not_waited_for(self) -> None:
        """Not even if this run made it: what is not there needs no removal."""
        iam = FakeIam({"detach_user_policy": [NO_SUCH_ENTITY]})
        policy = change("policy", create("p"))
        outcomes = run(iam, policy, change("grant", detach("ann", "p"), needs=(policy,)))
        assert statuses(outcomes) == {"policy": "done", "grant": "already"}
        assert iam.slept == []

    def test_what_this_run_created_is_waited_for_with_growing_pauses(self) -> None:
        iam = FakeIam({"attach_user_policy": [NO_SUCH_ENTITY, NO_SUCH_ENTITY, NO_SUCH_ENTITY, {}]})
        policy = change("policy", create("p"))
        outcomes = run(iam, policy, change("grant", attach("ann", "p"), needs=(policy,)))
        assert statuses(outcomes) == {"policy": "done", "grant": "done"}
        assert iam.slept == [1, 2, 4]

    def test_a_change_waits_for_what_it_created_itself(self) -> None:
        iam = FakeIam({"put_role_policy": [NO_SUCH_ENTITY, {}]})
        made = calls.iam(ACCOUNT, "create_role", {"RoleName": "r"}, Phase.PUBLISH)
        (outcome,) = run(
            iam, change("role", made, calls.iam(ACCOUNT, "put_role_policy", {}, Phase.GRANT))
        )
        assert outcome.status is Status.DONE
        assert iam.slept == [1]

    def test_waiting_ends_and_is_not_begun_anew_for_the_same_thing(self) -> None:
        iam = FakeIam({"attach_user_policy": [NO_SUCH_ENTITY]})
        policy = change("policy", create("p"))
        grants = [change(name, attach(name, "p"), needs=(policy,)) for name in ("ann", "bob")]
        outcomes = run(iam, policy, *grants)
        assert statuses(outcomes) == {"policy": "done", "ann": "failed", "bob": "failed"}
        assert sum(iam.slept) == SETTLE_SECONDS

    def test_what_was_not_created_by_this_run_is_not_waited_for(self) -> None:
        iam = FakeIam({"attach_user_policy": [NO_SUCH_ENTITY]})
        (outcome,) = run(iam, change("grant", tag("ann", "t"), attach("ann", "p")))
        assert outcome.status is Status.FAILED
        assert iam.slept == []

    def test_a_principal_just_created_may_be_unknown_to_a_trust_policy(self) -> None:
        invalid = CallError("MalformedPolicyDocument", "Invalid principal in policy: ...")
        iam = FakeIam({"update_assume_role_policy": [invalid, {}]})
        role = change("role", calls.iam(ACCOUNT, "create_role", {}, Phase.PUBLISH))
        trust = calls.iam(ACCOUNT, "update_assume_role_policy", {}, Phase.GRANT)
        outcomes = run(iam, role, change("trust", trust, needs=(role,)))
        assert statuses(outcomes) == {"role": "done", "trust": "done"}
        assert iam.slept == [1]

    @pytest.mark.parametrize(("rests", "code"), [(True, None), (False, "MalformedPolicyDocument")])
    def test_so_may_one_that_was_just_created_in_another_account(
        self, rests: bool, code: str | None
    ) -> None:
        invalid = CallError("MalformedPolicyDocument", "Invalid principal in policy: ...")
        iam = FakeIam({"update_assume_role_policy": [invalid, {}]})
        trust = calls.iam(ACCOUNT, "update_assume_role_policy", {}, Phase.GRANT)
        (outcome,) = run(iam, change("trust", trust), rests_on_others=rests)
        assert code_of(outcome) == code
        assert iam.slept == [1] * rests

    @pytest.mark.parametrize("code", ["ConcurrentModification", "EntityTemporarilyUnmodifiable"])
    def test_what_others_are_changing_is_tried_again(self, code: str) -> None:
        iam = FakeIam({"attach_user_policy": [CallError(code, ""), CallError(code, ""), {}]})
        (outcome,) = run(iam, change("a", attach("ann", "p")))
        assert outcome.status is Status.DONE
        assert iam.slept == [1, 2]

    def test_but_not_for_ever(self) -> None:
        iam = FakeIam({"attach_user_policy": [BUSY]})
        (outcome,) = run(iam, change("a", attach("ann", "p")))
        assert code_of(outcome) == "ConcurrentModification"
        assert iam.slept == [1, 2, 4, 8]


class TestStopping:
    def test_after_an_interrupt_the_outcomes_tell_how_far_it_came(self) -> None:
        iam = FakeIam({("attach_user_policy", "bob"): [KeyboardInterrupt()]})
        changes = [change(name, attach(name, "p")) for name in ("ann", "bob", "cid")]
        execution = Execution(ACCOUNT, changes, iam.client, sleep=iam.sleep)
        with pytest.raises(KeyboardInterrupt):
            execution.run()
        outcomes = list(execution.outcomes)
        assert statuses(outcomes) == {"ann": "done", "bob": "skipped", "cid": "skipped"}
        assert [code_of(outcome) for outcome in outcomes] == [None, "Interrupted", "Interrupted"]

    def test_no_call_is_begun_once_stopped(self) -> None:
        iam = FakeIam()
        changes = [change(name, attach(name, "p")) for name in ("ann", "bob", "cid")]
        execution = Execution(ACCOUNT, changes, iam.client, stopped=lambda: len(iam.calls) == 2)
        assert statuses(list(execution.run())) == {"ann": "done", "bob": "done", "cid": "skipped"}
        assert len(iam.calls) == 2

    def test_waiting_ends_when_stopped(self) -> None:
        iam = FakeIam({"attach_user_policy": [BUSY]})
        execution = Execution(
            ACCOUNT,
            [change("a", attach("ann", "p"))],
            iam.client,
            sleep=iam.sleep,
            stopped=lambda: bool(iam.slept),
        )
        (outcome,) = execution.run()
        assert code_of(outcome) == "Interrupted"
        assert iam.slept == [1]

    def test_every_change_is_told_as_soon_as_it_is_settled(self) -> None:
        iam = FakeIam({("attach_user_policy", "bob"): [DENIED]})
        told: list[tuple[str, Status, int]] = []
        changes = [
            change("ann", tag("ann", "t"), attach("ann", "p")),
            change("bob", attach("bob", "p")),
        ]
        Execution(
            ACCOUNT,
            changes,
            iam.client,
            on_outcome=lambda o: told.append((o.change.name, o.status, len(iam.calls))),
        ).run()
        assert told == [("ann", Status.DONE, 2), ("bob", Status.FAILED, 3)]


MADE = ApiCall("iam", "create_policy", {"PolicyName": "p"}, account=ACCOUNT, phase=Phase.PUBLISH)
TAKING = ApiCall(
    "iam",
    "tag_policy",
    {"PolicyArn": "stand-in", "Tags": ["t"]},
    account=ACCOUNT,
    phase=Phase.GRANT,
    merge="Tags",
    taken=(Taken("PolicyArn", "create_policy", ("Policy", "Arn")),),
)


def test_a_call_gets_what_the_answer_to_an_earlier_one_of_its_change_has() -> None:
    first = {"Policy": {"Arn": "the-first"}}
    second = {"Policy": {"Arn": "the-second"}}
    iam = FakeIam({"create_policy": [first, second]})
    run(iam, change("a", MADE, TAKING), change("b", MADE, TAKING))
    assert [params["PolicyArn"] for name, params in iam.calls if name == "tag_policy"] == [
        "the-first",
        "the-second",
    ]


def test_what_an_answer_does_not_have_is_never_guessed() -> None:
    iam = FakeIam()
    (outcome,) = run(iam, change("a", MADE, TAKING))
    assert (code_of(outcome), iam.operations) == ("AnswerLost", ["create_policy"])


def test_a_denial_of_what_was_just_made_may_be_of_tags_that_are_not_known_yet() -> None:
    iam = FakeIam({"create_policy": [{"Policy": {"Arn": "a"}}], "tag_policy": [DENIED, {}]})
    (outcome,) = run(iam, change("a", MADE, TAKING))
    assert (outcome.status, iam.operations.count("tag_policy")) == (Status.DONE, 2)
