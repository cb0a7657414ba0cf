"""What stands before every request: whose page asks (Host, Origin), the token, headers of every answer, errors as JSON.

A page of another site can make a browser ask 127.0.0.1, and can point its own name there (DNS rebinding). So the name
that was asked for must be one of ours, and an origin, where the browser tells it, must be the one asked.
"""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs

log = logging.getLogger("cast3d.app")

LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERYWHERE = ("0.0.0.0", "::", "")
COOKIE = "cast3d_token"
CSP = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self' blob: data:; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
SAFE = ("GET", "HEAD", "OPTIONS")
# What the libraries below refuse by themselves, in their own plain words: (kind, message).
TOLD = {
    400: ("input", "the request cannot be understood; its Range header should be bytes=FIRST-LAST"),
    404: ("not_found", "there is nothing at this address"),
    405: ("input", "this address does not take that method"),
    413: ("limit", "the request is too large"),
    416: ("input", "the file is shorter than the range that was asked for; content-range tells its length"),
    500: ("internal", "an error of cast3d; the terminal that it runs in tells more"),
}


class Refused(Exception):
    """A request that is not answered."""

    def __init__(self, status: int, kind: str, message: str):
        self.status, self.kind = status, kind
        super().__init__(message)


class Guard:
    """An ASGI application around another: answers to `hosts` (None: to any name), asks for `token` if there is one."""

    def __init__(self, app: Any, hosts: Iterable[str] | None, token: str | None = None):
        self.app, self.token = app, token
        self.full: Callable[[], bool] = lambda: False  # whether the server has more connections than it answers
        self.hosts = None if hosts is None else {name.lower() for name in hosts}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":
            return None
        answer = _Answer(send)
        try:
            self._check(scope)
            if self.full():
                raise Refused(503, "limit", "too many requests at once; try again in a moment")
            if self.token and (cookie := self._signs_in(scope)):
                return await answer.redirect("/", {"set-cookie": cookie})
            self._require_token(scope)
            return await self.app(scope, receive, answer)
        except Refused as error:
            return await answer.error(error.status, error.kind, str(error))
        except Exception:
            if answer.began:
                raise
            log.exception("%s %s", scope["method"], scope["path"])
            return await answer.error(500, *TOLD[500])

    def _check(self, scope: Any) -> None:
        headers = _headers(scope)
        host = headers.get("host", "")
        name = _name(host)
        if self.hosts is not None and name not in self.hosts:
            raise Refused(403, "auth", f"the host {host[:100]!r} is not this server; open http://localhost")
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            raise Refused(403, "auth", "another site's page asks, which is not answered")
        site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")
        opened = mode == "navigate" and scope["method"] in SAFE and not scope["path"].startswith("/api/")
        if site in ("cross-site", "same-site") and not opened:
            raise Refused(403, "auth", "another site's page asks, which is not answered")

    def _signs_in(self, scope: Any) -> str | None:
        """The cookie for a page that is opened with the right token."""
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        if scope["path"] == "/" and scope["method"] == "GET" and self.token and _same(given, self.token):
            return f"{COOKIE}={self.token}; HttpOnly; SameSite=Strict; Path=/"
        return None

    def _require_token(self, scope: Any) -> None:
        if not self.token:
            return
        headers = _headers(scope)
        kind, _, given = headers.get("authorization", "").partition(" ")
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        if not (kind.lower() == "bearer" and _same(given, self.token)) and not (
            cookie is not None and _same(cookie.value, self.token)
        ):
            raise Refused(401, "auth", "this server asks for its token: open the address that it printed")


class _Answer:
    """Sends an answer with the headers that all have; what the application set itself stays."""

    def __init__(self, send: Any):
        self.send, self.began, self._told = send, False, False

    async def __call__(self, message: Any) -> None:
        if self._told:  # the rest of what was told otherwise
            return None
        if message["type"] == "http.response.start":
            self.began = True
            if (plain := _plain(message)) is not None:
                self.began, status = False, message["status"]
                await self.error(status, *TOLD.get(status, ("internal", "the server refuses this")), plain)
                self._told = True
                return None
            own = {name.lower() for name, _ in message.get("headers", [])}
            more = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in own]
            message = {**message, "headers": [*message.get("headers", []), *more]}
        await self.send(message)

    async def error(self, status: int, kind: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        body = json.dumps(error_body(kind, message), ensure_ascii=False).encode()
        more = {**(headers or {}), **({"www-authenticate": "Bearer"} if status == 401 else {})}
        await self.whole(status, body, {"content-type": "application/json", "connection": "close", **more})

    async def redirect(self, where: str, headers: dict[str, str]) -> None:
        await self.whole(303, b"", {"location": where, **headers})

    async def whole(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        pairs = {"content-length": str(len(body)), **headers}
        listed = [(k.encode(), v.encode()) for k, v in pairs.items()]
        await self({"type": "http.response.start", "status": status, "headers": listed})
        await self({"type": "http.response.body", "body": body})


def _plain(message: Any) -> dict[str, str] | None:
    """Of an error in plain text the headers to keep; None of any other answer."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in message.get("headers", [])}
    if message["status"] < 400 or not headers.get("content-type", "").startswith("text/plain"):
        return None
    return {name: value for name, value in headers.items() if name in ("content-range", "allow")}


def error_body(kind: str, message: str, field: str | None = None) -> dict[str, Any]:
    """What every error looks like."""
    return {"error": {"kind": kind, "message": message, **({"field": field} if field else {})}}


def _headers(scope: Any) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def _name(host: str) -> str:
    """The name in "name:port" or "[::1]:port"."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower() if host.count(":") == 1 else host.lower()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))
