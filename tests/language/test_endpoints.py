"""Models over HTTP, against a stub: forms of requests, failures, keys and addresses."""

from __future__ import annotations

import pytest

from cast3d.errors import InputError
from cast3d.language.endpoints import Endpoint, Reply, endpoint, wait_before
from tests.language.fixtures import both

GOOD = "It stands."


@both
def test_replies_come_with_their_tokens(at):
    assert at.ask("s", ["hello"]) == Reply(GOOD, 1000, 50)


def test_what_may_pass_by_itself_is_tried_again(server, at):
    server.plan = [(429, {"Retry-After": "3"}, "slow down"), (503, {}, ""), (200, {}, GOOD)]
    waits: list[float] = []
    assert at.ask("s", ["hello"], sleep=waits.append).text == GOOD
    assert waits[0] == 3 and 1.5 <= waits[1] <= 2.5 and len(server.requests) == 3
    server.plan = [(500, {}, "broken")]
    with pytest.raises(InputError, match="failed 3 times, the last time with: 500"):
        at.ask("s", ["hello"], tries=3, sleep=waits.append)


@pytest.mark.parametrize(
    "status, headers, says",
    [(401, {}, r"refused \(401"), (400, {}, "no such model"), (302, {"Location": "http://127.0.0.1:1/"}, "302")],
)
def test_refusals_are_final_and_keep_the_key_to_themselves(server, at, status, headers, says):
    server.plan = [(status, headers, "no such model")]
    with pytest.raises(InputError, match=says) as error:
        at.ask("s", ["hello"], sleep=lambda _: pytest.fail("waited"))
    assert "secret" not in str(error.value) + repr(at) and len(server.requests) == 1


def test_nobody_at_the_address():
    with pytest.raises(InputError, match="failed 2 times"):
        Endpoint("openai", "m", "http://127.0.0.1:1/v1").ask("s", ["hello"], tries=2, sleep=lambda _: None)


def test_waits_double_up_to_a_minute():
    assert [round(wait_before(i, None) / 2**i) for i in range(4)] == [1, 1, 1, 1]
    assert wait_before(40, None) <= 75 and wait_before(0, "900") == 60


def test_endpoints_by_name(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("GEMINI_API_KEY", "g")
    monkeypatch.setenv("MINE", "m")
    assert endpoint("gemini:pro").key == "g" and endpoint("gemini:pro").name == "gemini:pro"
    local = endpoint("openai:qwen/vl:7b", "http://127.0.0.1:8000/v1/", extra='{"temperature": 0}')
    assert (local.model, local.url, local.key) == ("qwen/vl:7b", "http://127.0.0.1:8000/v1", "")
    assert local.extra == {"temperature": 0}
    assert endpoint("gemini:pro", "http://127.0.0.1:1").key == ""  # the provider's key goes nowhere else
    assert endpoint("openai:x", "http://127.0.0.1:1", "MINE").key == "m"
    for wrong, says in (
        (("claude",), "openai:MODEL or gemini:MODEL"),
        (("openai:x",), "OPENAI_API_KEY"),
        (("openai:x", "ftp://host"), "http://"),
        (("openai:x", None, "NOWHERE"), "NOWHERE is not set"),
        (("openai:x", "http://h", None, "{"), "JSON"),
        (("openai:x", "http://h", None, "[]"), "JSON object"),
    ):
        with pytest.raises(InputError, match=says):
            endpoint(*wrong)
