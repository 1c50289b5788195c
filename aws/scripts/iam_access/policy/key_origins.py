"""Where the value of a condition key comes from: which keys a test of access can take as known.

The global keys are those of the IAM User Guide, reference_policies_condition-keys.html: its page
groups them by properties of the principal, of a role's session, of the network, of the resource and
of the request.
"""

from iam_access.policy.evaluation.context import ALWAYS_PRESENT, OF_RESOURCE

TIME_KEYS = frozenset({"aws:currenttime", "aws:epochtime"})
"""Keys that tell the time of a request, in lower case."""

_ISSUED, _USER_ID = "aws:tokenissuetime", "aws:userid"
# Every request of a principal has them, and the same for all its requests.
_OF_PRINCIPAL = (ALWAYS_PRESENT - TIME_KEYS) | {"aws:username", "aws:principalservicename"}
_OF_PRINCIPAL_PREFIX = "aws:principaltag/"
# What stands before the slash of keys for tags: those of what is asked for end so, but for these.
_TAG = "tag"
_TAGS_OF_REQUEST = ("request", "req-", "created", "search")
# Only requests that a service makes on behalf of another principal have them.
_OF_SERVICES = frozenset(
    {
        *("aws:calledvia", "aws:calledviafirst", "aws:calledvialast", "aws:calledviaawsmcp"),
        *("aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths"),
        *("aws:viaawsmcpservice", "aws:ismcpserviceaction", "aws:principalservicenameslist"),
    }
)
_OF_SERVICES_PART = ":viaservice"


def is_open(key: str, *, is_user: bool) -> bool:
    """Whether requests of one user or role may have any value of a key, in lower case, or none.

    The caller writes some of them into the request (aws:UserAgent, aws:referer, aws:RequestTag/…,
    aws:TagKeys, aws:RequestedRegion, parameters such as s3:prefix, the name of a role's session),
    and decides about others by the way in which the request is made (aws:SourceIp, aws:SourceVpce,
    aws:SecureTransport, aws:MultiFactorAuthPresent, a user's aws:TokenIssueTime, which
    GetSessionToken brings). Closed by default: only what is known to follow from the time, the
    principal, the resource or a service in between is not open.
    """
    if key == _USER_ID:
        return not is_user
    if key == _ISSUED:
        return is_user
    if key in TIME_KEYS or key in _OF_PRINCIPAL or key.startswith(_OF_PRINCIPAL_PREFIX):
        return False
    return not (_is_of_resource(key) or key in _OF_SERVICES or key.endswith(_OF_SERVICES_PART))


def _is_of_resource(key: str) -> bool:
    name, slash, _ = key.partition(":")[2].partition("/")
    is_tag = bool(slash) and name.endswith(_TAG) and not name.startswith(_TAGS_OF_REQUEST)
    return is_tag or key in OF_RESOURCE
