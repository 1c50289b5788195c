"""Messages that are posted to a webhook, on the loopback."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from iam_access.cli.notifying import ADDRESS, notify, notify_of_report
from iam_access.config.settings import NotificationSettings
from iam_access.notifications.webhook import WebhookError, post
from iam_access.render import slack
from iam_access.render.view import timeline
from tests.render.reports import applied, hostile, nothing, troubled

EVERYTHING = NotificationSettings(events=["applied", "failed", "drift", "break-glass"])


class Webhook:
    """A webhook that takes what Slack takes, unless it is to answer with another status."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.status = 200
        self.url = ""

    def answer(self, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        if self.status != 200:
            return self.status, b"no_service\n::error::<!channel>"
        message = json.loads(body)
        assert headers["Content-Type"] == "application/json"
        assert message.keys() <= {"text", "blocks", "unfurl_links", "unfurl_media"}
        assert 0 < len(message["text"]) <= 40_000
        for block in message["blocks"]:
            assert block["type"] == "section"
            assert block["text"]["type"] == "mrkdwn"
            assert 0 < len(block["text"]["text"]) <= 3_000
        self.taken.append(message)
        return 200, b"ok"


@contextmanager
def serving() -> Iterator[Webhook]:
    hook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, content = hook.answer(dict(self.headers), body)
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"{hook.url}/elsewhere")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        hook.url = f"http://127.0.0.1:{http.server_port}/services/T0/B0/secret"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield hook
        finally:
            http.shutdown()
            thread.join()


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    with serving() as hook:
        monkeypatch.setenv(ADDRESS, hook.url)
        for name in ("GITHUB_SERVER_URL", "GITHUB_ACTIONS"):
            monkeypatch.delenv(name, raising=False)
        yield hook


def test_what_a_run_did_is_told_with_the_address_of_the_run(
    hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/access")
    monkeypatch.setenv("GITHUB_RUN_ID", "77")
    notify_of_report(EVERYTHING, applied(), is_failed=False)
    (message,) = hook.taken
    head = message["text"].splitlines()[0]
    assert head.endswith(
        "(applied, break-glass)* <https://github.com/acme/access/actions/runs/77|details>"
    )


def test_only_what_settings_name_is_posted(hook: Webhook) -> None:
    notify_of_report(NotificationSettings(events=["failed"]), applied(), is_failed=False)
    notify_of_report(NotificationSettings(), troubled(), is_failed=True)
    notify_of_report(EVERYTHING, nothing(), is_failed=False)
    notify(NotificationSettings(events=["failed"]), "drift", "title", ["line"])
    assert hook.taken == []
    notify_of_report(NotificationSettings(events=["failed"]), troubled(), is_failed=True)
    notify(EVERYTHING, "drift", "2 accounts drifted", ["a & b"])
    failed, drift = hook.taken
    assert "(failed)" in failed["text"]
    assert drift["text"] == "*2 accounts drifted*\n• a &amp; b"


def test_a_grant_whose_key_matches_is_break_glass() -> None:
    report = applied()
    given = {row.policy for row in timeline.rows(report)}
    assert given
    for pattern, told in ((min(given), True), (f"payments/{min(given)}", True), ("x.*", False)):
        settings = NotificationSettings(events=["break-glass"], break_glass=[pattern])
        message = slack.of_report(report, settings, is_failed=False)
        assert (message is not None) is told
        assert message is None or min(given) in message["text"]


def test_hostile_text_is_text(hook: Webhook) -> None:
    notify_of_report(
        EVERYTHING,
        hostile("<!channel> <https://evil.example|x> &lt; \u202e\n::error::x"),
        is_failed=True,
    )
    notify(EVERYTHING, "drift", "<!here>", ["<@U0>" * 100] * 100)
    for message in hook.taken:
        text = message["text"]
        assert "<" not in text
        assert ">" not in text
        assert "\u202e" not in text
        assert message["blocks"][0]["text"] == {"type": "mrkdwn", "text": text, "verbatim": True}
    assert hook.taken[-1]["text"].endswith(" more")


@pytest.mark.parametrize("status", [302, 404, 429, 500])
def test_a_webhook_that_fails_is_said_without_its_address(
    hook: Webhook, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    hook.status = status
    notify_of_report(EVERYTHING, applied(), is_failed=False)
    said = capsys.readouterr().err
    assert said.startswith(
        f"warning: the notification was not posted: the webhook answered {status}"
    )
    assert said.count("\n") == 1
    assert "secret" not in said


@pytest.mark.parametrize(
    "address", ["ftp://x/secret", "http://example.com/secret", "https://", "http://[secret", "x"]
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(WebhookError) as refused:
        post(address, {})
    assert "secret" not in str(refused.value)


def test_without_an_address_that_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(ADDRESS, raising=False)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    notify_of_report(EVERYTHING, applied(), is_failed=False)
    assert capsys.readouterr().err.startswith(f"::warning::{ADDRESS} is not set")
