"""Access of others that the organisation's settings expect."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from iam_access.config.configuration import Configuration
from iam_access.config.rules.rulebook import first_match, names_of_policy, names_of_user
from iam_access.config.settings import ExpectedAccess
from iam_access.model import Account, Principal, PrincipalType
from iam_access.plan.foreign import Foreign, ForeignType


@dataclass(frozen=True, slots=True)
class ExpectedForeign:
    """What the settings expect in an account. Names are compared without case, as in IAM."""

    configuration: Configuration
    account: Account

    def covers(self, principal: Principal, foreign: Foreign) -> bool:
        """Whether it is expected that a principal has this of others."""
        return any(
            self._is_here(each) and self._is_of(each, principal) and _is_what(each, foreign)
            for each in self.configuration.settings.expected_access
        )

    def _is_here(self, rule: ExpectedAccess) -> bool:
        if rule.environments is None:
            return True
        return _matches(rule.environments, self.account.environments.values())

    def _is_of(self, rule: ExpectedAccess, principal: Principal) -> bool:
        if rule.users is None and rule.roles is None:
            return True
        if principal.type is PrincipalType.ROLE:
            return _matches(rule.roles or (), (principal.name,))
        if principal.type is PrincipalType.USER:
            user_names = self.configuration.settings.user_names
            written = {
                name for each in rule.users or () for name in names_of_user(each, user_names)
            }
            return _matches([*written], (principal.name,))
        return False


def _is_what(rule: ExpectedAccess, foreign: Foreign) -> bool:
    if foreign.type is ForeignType.GROUP:
        return _matches(rule.groups or (), (foreign.name,))
    if foreign.type is ForeignType.ROLE:
        return _matches(rule.assumes or (), (foreign.name,))
    is_managed = foreign.type is ForeignType.MANAGED
    names = names_of_policy(foreign.name) if is_managed else (foreign.name,)
    return _matches(rule.policies or (), names)


def _matches(patterns: Sequence[str], names: Iterable[str]) -> bool:
    return first_match(patterns, names, ignore_case=True) is not None
