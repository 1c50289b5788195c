"""Which service principals AWS may have."""

import re

from moto.iam.aws_managed_policies import aws_managed_policies_data

from iam_access.policy.service_principals import is_known

#: Where policies of AWS name service principals.
NAMED = re.compile(r'"iam:(?:PassedToService|AWSServiceName)": ?(\[[^]]*\]|"[^"]*")')
NAME = re.compile(r'"([a-z0-9.-]+\.amazonaws\.com(?:\.cn)?)"')


def test_all_that_policies_of_aws_name_are_known() -> None:
    named = {
        name for found in NAMED.findall(aws_managed_policies_data) for name in NAME.findall(found)
    }
    assert len(named) > 150
    assert [each for each in sorted(named) if not is_known(each)] == []


def test_others_that_guides_of_aws_name_are_known_and_misspelt_ones_are_not() -> None:
    for name in ("dms-data-migrations", "dnssec-route53", "osis-pipelines", "s2svpn"):
        assert is_known(f"{name}.amazonaws.com")
        assert not is_known(f"{name}x.amazonaws.com")
