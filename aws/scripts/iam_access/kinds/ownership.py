"""The tags by which teams own attachments of policies of others, AWS's and customer managed ones.

The key says which team and policy are meant. The value says that the tag was written by the
pipeline for this very principal: tools copy tags from one principal to another, and a person may
write one, which must not make the pipeline detach what others attached. The value is made from
the principal's unique id, which IAM never gives twice and keeps when a name changes.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids

`UntagUser` takes a key off whatever its value, and a run that removes an attachment may be between
its two calls while another one attaches again. So the latter writes a key that the former cannot
have seen, of the next generation, wherever a tag is there without its attachment. Such a tag, left
by a run that was stopped, goes with the cleanup that finds what an earlier one wrote into it more
than an hour ago: by then no run is left that was about to attach.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from iam_access.kinds import names
from iam_access.phrases import shown
from iam_access.problem import Problem
from iam_access.snapshot import PrincipalState, Snapshot

# What a tag's key may have, but for the ':' that divides ours; IAM takes more in paths and names.
# https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html
_IN_TAGS = re.compile(r"[A-Za-z0-9_./=+@-]+")
_VALUE = re.compile(r"(held|released):([0-9a-f]{16})(?::(\d{8}T\d{6}Z))?")


def untaggable(team: str, arn: str) -> Problem | None:
    """Why no tag can say that an attachment of a policy of others is this team's."""
    tag = names.owner_tag(team, arn)
    of_attachment = f"the tag that records the team of this attachment, {shown(tag)},"
    instead = "write what the policy allows as custom_statements"
    if len(tag) > names.TAG_KEY_LIMIT:
        return Problem(
            "tag-too-long",
            f"{of_attachment} would have {len(tag)} characters; {names.TAG_KEY_LIMIT} are allowed",
            instead,
        )
    if not _IN_TAGS.fullmatch(arn.partition(":policy/")[2]):
        return Problem(
            "bad-customer-policy",
            f"{of_attachment} would have characters that are not for tags",
            f"{instead}, or have its path and name made of letters, digits and _./=+-@ alone",
        )
    return None


@dataclass(frozen=True, slots=True)
class Claim:
    """What one tag says about an attachment.

    `is_held`: the team still asks for it. `noticed` (UTC) is when a cleanup saw it without its
    attachment.
    """

    key: str
    team: str
    generation: int
    is_held: bool = True
    noticed: datetime | None = None


@dataclass(frozen=True, slots=True)
class Claims:
    """What tags say about one attachment; the keys of `doubtful` ones have a value of others."""

    confirmed: tuple[Claim, ...] = ()
    doubtful: tuple[Claim, ...] = ()

    @property
    def owners(self) -> frozenset[str]:
        """The teams that ask for the attachment, as far as the tags say."""
        return frozenset(claim.team for claim in self.confirmed if claim.is_held)

    @property
    def teams(self) -> frozenset[str]:
        """Whose the attachment is: the owners', or as long as it has none, of those it had."""
        return self.owners or frozenset(claim.team for claim in self.confirmed)

    def key_for(self, team: str, arn: str, *, attached: bool) -> str:
        """The key by which a team is to own the attachment.

        Where it is not `attached`, one that no other run can have seen. Where it is, one that goes
        because of what was seen goes after the attachment.
        """
        theirs = [claim for claim in self.confirmed if claim.team == team]
        if attached and theirs:
            return theirs[0].key
        numbers = [claim.generation for claim in theirs]
        return names.owner_tag(team, arn, max(numbers, default=0) + 1)


def claims_on(state: PrincipalState | None, snapshot: Snapshot) -> Mapping[str, Claims]:
    """What the tags of a principal say, by the ARN of a policy of others."""
    found: dict[str, Claims] = {}
    for key, value in state.tags.items() if state else ():
        owner = names.owner_of_tag(key, snapshot.partition, snapshot.account_id)
        if state is None or owner is None:
            continue
        so_far = found.get(owner.arn, Claims())
        claim = _read(Claim(key, owner.team, owner.generation), value, state, snapshot)
        found[owner.arn] = (
            Claims((*so_far.confirmed, claim), so_far.doubtful)
            if claim
            else Claims(
                so_far.confirmed, (*so_far.doubtful, Claim(key, owner.team, owner.generation))
            )
        )
    return found


def held(keys: Iterable[str], state: PrincipalState | None, at: Snapshot) -> Mapping[str, str]:
    """Tags with these keys for a principal: their teams ask for the attachment."""
    return {key: f"held:{_confirmation(key, state, at)}" for key in keys}


def released(
    keys: Sequence[str],
    state: PrincipalState | None,
    at: Snapshot,
    noticed: datetime | None = None,
) -> Mapping[str, str]:
    """Tags that say of an attachment only that it was made by the pipeline.

    With the moment (UTC) at which a cleanup saw it gone.
    """
    when = f":{names.compact(noticed)}" if noticed else ""
    return {key: f"released:{_confirmation(key, state, at)}{when}" for key in keys}


def _read(claim: Claim, value: str, state: PrincipalState, at: Snapshot) -> Claim | None:
    """The claim as its value has it; None where the pipeline did not write it for the principal."""
    found = _VALUE.fullmatch(value)
    if found is None or found[2] != _confirmation(claim.key, state, at):
        return None
    try:
        noticed = names.parse_compact(found[3]) if found[3] else None
    except ValueError:
        return None
    return Claim(claim.key, claim.team, claim.generation, found[1] == "held", noticed)


def _confirmation(key: str, state: PrincipalState | None, at: Snapshot) -> str:
    text = "\n".join([at.account_id, state.id if state else "", key])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
