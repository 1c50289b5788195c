"""What boto3 raises, as errors that people can read."""

from botocore.parsers import ResponseParserError

from iam_access.cloud.client import call_error


def test_an_answer_that_cannot_be_parsed_is_not_told_whole() -> None:
    error = call_error(ResponseParserError("Unable to parse response: " + "<x>" * 100_000))
    assert error.code == "ResponseParserError"
    assert "Unable to parse response" in str(error)
    assert len(str(error)) < 600
