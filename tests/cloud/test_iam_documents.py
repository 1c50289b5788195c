"""Documents as AWS sends them."""

import json
from urllib.parse import quote, unquote

from hypothesis import given, settings
from hypothesis import strategies as st

from iam_access.cloud.iam_reader import parsed_document, unquoted

QUICK = settings(derandomize=True, database=None, deadline=None, max_examples=300)


@QUICK
@given(st.text())
def test_what_was_quoted_comes_back(text: str) -> None:
    assert unquoted(quote(text, safe="")) == text


@QUICK
@given(st.text(alphabet='%%%2257BbDdé"{x'))
def test_what_is_badly_quoted_is_read_as_the_standard_library_does(text: str) -> None:
    assert unquoted(text) == unquote(text)


def test_a_document_is_read_from_every_form() -> None:
    document = {"Statement": [{"Sid": "50%", "Resource": "arn:aws:s3:::%25/é/${aws:username}"}]}
    text = json.dumps(document, indent=2, ensure_ascii=False)
    for form in (document, text, quote(text), quote(text, safe="")):
        assert parsed_document(form, "it") == document
