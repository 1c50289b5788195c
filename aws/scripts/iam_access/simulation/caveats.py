"""What answers leave out of account, and where that may matter.

Policies of resources, trust policies and the organisation's policies are not read: answers are
about the caller's side. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from iam_access.policy.request import Request
from iam_access.policy.services import consenting_account, is_trust_action

NOT_BY_AWS = "the deployer role may not ask AWS about itself, so the evaluator in here judged it"


def on_nobody(*, by_aws: bool) -> str:
    """What an answer that nobody can does not tell."""
    unseen = "policies of resources and trust policies"
    if not by_aws:
        unseen = "policies of resources, trust policies and service control policies"
    return (
        f"{unseen} were not looked at: a policy of a resource may let in by itself whom no policy "
        "of their own does"
    )


def consent_needed(request: Request) -> str:
    """Who has to allow a request besides the caller's own policies; "" where nobody has to.

    Whatever the resource: of several, each of them.
    """
    action = request.action.lower()
    if is_trust_action(action):
        return "the trust policy of the role has to allow it, too, and was not looked at"
    if action.startswith("kms:") and (request.resource == "*" or ":key/" in request.resource):
        # key-policies.html of the KMS Developer Guide: without the key policy, no IAM policy counts
        return "the policy of the KMS key has to allow it, too, and was not looked at"
    owner = consenting_account(request)
    if owner is not None and owner != request.principal.account:
        return (
            f"the resource is in account {owner}, whose policies have to allow it, too, and were "
            "not looked at"
        )
    return ""
