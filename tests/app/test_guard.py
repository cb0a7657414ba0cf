"""Who is answered: rebinding, foreign pages, tokens, paths that lead out; what every answer carries."""

from __future__ import annotations

import json

import pytest

from tests.app.live import API, serving
from tests.jobs.tiny import asked

TOKEN = "0123456789abcdef0123"


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("guard") / "workspace") as live:
        yield live


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "", "localhost.evil"])
def test_a_name_that_is_not_ours_is_refused(live, host):
    """As after DNS rebinding: the browser asks this server under another site's name."""
    answer = live.client.get("/health", headers={"Host": host})
    assert answer.status_code == 403 and answer.json()["error"]["kind"] == "auth"


@pytest.mark.parametrize("host", ["localhost", "localhost:1234", "127.0.0.1", "[::1]:8765", "LOCALHOST:9"])
def test_any_port_of_our_names_will_do(live, host):
    """SSH forwards another port."""
    assert live.client.get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_site_s_page_is_refused(live, headers, method):
    answer = live.client.request(method, "/jobs", headers=headers)
    assert answer.status_code == 403 and answer.json()["error"]["kind"] == "auth"
    assert "access-control-allow-origin" not in answer.headers


def test_our_own_page_is_answered(live):
    own = {"Origin": f"http://127.0.0.1:{live.port}", "Sec-Fetch-Site": "same-origin"}
    assert live.client.get("/jobs", headers=own).status_code == 200
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}  # a link in a mail
    assert live.client.get(f"http://127.0.0.1:{live.port}/", headers=link).status_code == 200


def test_a_form_of_another_site_cannot_send_json(live):
    answer = live.client.post(
        "/jobs", content=b'{"kind":"imagine","prompt":"a cap"}', headers={"Content-Type": "text/plain"}
    )
    assert answer.status_code == 400 and "application/json" in answer.json()["error"]["message"]
    assert live.client.get("/jobs").json() == {"jobs": []}


def test_every_answer_says_what_a_page_may_do(live):
    for path in (f"{API}/health", f"{API}/nothing", "/", "/assets/nothing.js"):
        headers = live.client.get(f"http://127.0.0.1:{live.port}{path}").headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy and "unsafe-inline" not in policy and "'unsafe-eval'" not in policy
        assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"


OUT = [
    "{job}/files/../../../../etc/passwd", "{job}/files/..%2f..%2f..%2fetc%2fpasswd", "{job}/files/%2e%2e/%2e%2e/.lock",
    "{job}/files//etc/passwd", "{job}/files/%2fetc%2fpasswd", "{job}/files/..%5c..%5cjob.json", "{job}/files/.",
    "{job}/files/given/../../../.lock", "{job}/files/job.json%00.png", "{job}/files/link/passwd", "{job}/files/linked",
    "..%2f..%2fuploads/files/x", "%2e%2e/files/job.json", "../.lock", "{job}/files/.hidden", "{job}/files/C:%5cx",
]  # fmt: skip


@pytest.mark.parametrize("path", OUT)
def test_no_path_leads_out_of_a_run(live, tmp_path, path):
    if not live.queue.newest():
        live.queue.submit(*asked(tmp_path / "given"))
    (job,) = live.queue.newest()
    folder = live.queue.folder(job.id)
    if not (folder / "link").exists():
        (folder / "link").symlink_to("/etc")
        (folder / "linked").symlink_to("/etc/passwd")
        (folder / ".hidden").write_text("secret")
    status, body = live.get(f"{API}/jobs/{path.format(job=job.id)}")
    assert status in (400, 404) and b"root:" not in body and b"secret" not in body


@pytest.mark.parametrize("path", ["uploads/..%2fjobs", "uploads/../jobs/file", "uploads/%2e%2e/file"])
def test_no_path_leads_out_of_the_uploads(live, path):
    assert live.get(f"{API}/{path}")[0] in (400, 404)


@pytest.mark.parametrize("path", ["/assets/..%2findex.html", "/assets/%2e%2e%2f%2e%2e%2fserver.py", "/..%2fserver.py"])
def test_no_path_leads_out_of_the_page(live, path):
    assert live.get(path)[0] == 404


def test_a_file_of_a_run_is_sent(live, tmp_path):
    if not live.queue.newest():
        live.queue.submit(*asked(tmp_path / "given"))
    (job,) = live.queue.newest()
    assert live.get(f"{API}/jobs/{job.id}/files/job.json")[0] == 200


# --- the token --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("token") / "workspace", token=TOKEN, hosts=None) as live:
        yield live


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"Authorization": "Bearer"}, {"Authorization": "Bearer x"}, {"Authorization": f"Basic {TOKEN}"},
        {"Cookie": "cast3d_token=x"}, {"Cookie": "other=" + TOKEN}, {"Authorization": "Bearer \xe9"},
    ],
)  # fmt: skip
def test_without_the_token_nothing_is_answered(guarded, headers):
    for path in (f"{API}/health", "/", f"{API}/jobs", "/?token=wrong"):
        raw = [f"{name}: {value}" for name, value in headers.items()]
        assert guarded.get(path, *raw)[0] == 401


def test_the_token_opens(guarded):
    assert guarded.client.get("/health", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    answer = guarded.client.get(f"http://127.0.0.1:{guarded.port}/?token={TOKEN}")
    assert answer.status_code == 303 and answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    guarded.client.cookies.clear()
    assert guarded.client.get("/health", headers={"Cookie": f"cast3d_token={TOKEN}"}).status_code == 200
    foreign = {"Authorization": f"Bearer {TOKEN}", "Origin": "https://evil.example"}
    assert guarded.client.get("/health", headers=foreign).status_code == 403


@pytest.mark.parametrize(
    "method, path", [("PUT", "/jobs"), ("POST", "/health"), ("GET", "/nothing"), ("BREW", "/jobs")]
)
def test_every_refusal_is_json(live, method, path):
    answer = live.client.request(method, path)
    assert answer.status_code in (404, 405) and set(answer.json()["error"]) == {"kind", "message"}


@pytest.mark.parametrize("text", [b"no HTTP at all\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"])
def test_what_is_no_request_is_told_as_json(live, text):
    head, _, body = live.raw(text).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400") and json.loads(body)["error"]["kind"] == "input"


def test_too_many_connections_are_told_as_json(live, monkeypatch):
    monkeypatch.setattr("cast3d.app.server.CONNECTIONS", 0)
    answer = live.client.get("/health")
    assert answer.status_code == 503 and answer.json()["error"]["kind"] == "limit"
    monkeypatch.undo()
    assert live.client.get("/health").status_code == 200
