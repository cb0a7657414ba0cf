"""Puts the server together, and runs it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import h11
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from ..errors import Cast3dError, InputError
from . import about, files, jobs, site, streams, uploads
from .describe import API
from .guard import EVERYWHERE, LOOPBACK, Guard, Refused, error_body
from .service import Service, refused

HERE = Path(__file__).parent
CONNECTIONS = 1000  # more at once are answered 503


class Http(H11Protocol):
    """HTTP/1.1 of uvicorn, which answers what is no HTTP as JSON, too."""

    def send_400_response(self, msg: str) -> None:
        body = json.dumps(error_body("input", f"this is no HTTP request ({msg.rstrip('.')})")).encode()
        head = {"content-type": "application/json", "content-length": str(len(body)), "connection": "close"}
        pairs = [(name.encode(), value.encode()) for name, value in head.items()]
        for event in (h11.Response(status_code=400, headers=pairs), h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def routes() -> list[Route]:
    """Every address of the API and of the page."""

    def api(path: str, endpoint: Any, *methods: str, name: str | None = None) -> Route:
        return Route(f"{API}{path}", endpoint, methods=list(methods or ("GET",)), name=name)

    return [
        api("/health", about.health),
        api("/openapi.json", about.openapi),
        api("/settings", about.settings),
        api("/examples", about.examples),
        api("/examples/{id}/files/{name}", about.example_file),
        api("/scene/read", about.read, "POST"),
        api("/uploads", uploads.add, "POST"),
        api("/uploads/{id}", uploads.one),
        api("/uploads/{id}", uploads.delete, "DELETE"),
        api("/uploads/{id}/cutout", uploads.cutout),
        api("/uploads/{id}/cutout", uploads.correct, "PUT"),
        api("/uploads/{id}/file", uploads.file),
        api("/jobs", jobs.submit, "POST"),
        api("/jobs", jobs.listed),
        api("/jobs/{id}", jobs.one, name="job"),
        api("/jobs/{id}", jobs.change, "PATCH"),
        api("/jobs/{id}", jobs.delete, "DELETE"),
        api("/jobs/{id}/cancel", jobs.cancel, "POST"),
        api("/jobs/{id}/resume", jobs.resume, "POST"),
        api("/jobs/{id}/events", streams.of_job),
        api("/jobs/{id}/hints", files.hints),
        api("/jobs/{id}/parts", files.parts),
        api("/jobs/{id}/export", files.export),
        api("/jobs/{id}/files/{path:path}", files.run_file),
        api("/events", streams.of_all),
        Route("/", site.index),
        Route("/assets/{name}", site.asset),
        Route("/{name}", site.other),
    ]


def application(service: Service, hosts: Iterable[str] | None = LOOPBACK, token: str | None = None) -> Guard:
    """The ASGI application. It answers to `hosts` only (None: to any), and with `token` to those who know it."""

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        yield
        service.close()

    handlers: dict[Any, Any] = {Cast3dError: refused, Refused: refused, HTTPException: _http_error}
    app = Starlette(routes=routes(), exception_handlers=handlers, lifespan=life)
    app.state.service = service
    return Guard(app, hosts, token)


async def _http_error(request: Request, error: Exception) -> Response:
    """What Starlette refuses: addresses and methods that there are not."""
    status = getattr(error, "status_code", 500)
    kind = "not_found" if status == 404 else "input"
    message = f"there is no {request.method} {request.url.path[:200]}"
    return JSONResponse(error_body(kind, message), status, getattr(error, "headers", None))


def listening(host: str, port: int) -> socket.socket:
    """The server's socket; raises InputError where the port is taken. Port 0: any that is free."""
    try:
        family = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        # asyncio sends answers at once on sockets that say TCP; on others the body waits 40 ms for the client's ACK.
        made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(128)
        return made
    except (OSError, OverflowError) as error:
        raise InputError(
            f"cannot listen on {host or '*'}:{port}: {getattr(error, 'strerror', None) or error}; give another --port"
        ) from error


def names_of(host: str, more: Sequence[str] = ()) -> list[str] | None:
    """The names that a server on `host` answers to; None, which is any, where it listens everywhere."""
    if host in EVERYWHERE:
        return None
    return [*LOOPBACK, host, *more]


def is_loopback(host: str) -> bool:
    return host in LOOPBACK or host.startswith("127.")


def page_folder() -> Path | None:
    """The built page, None where this copy of cast3d has none."""
    folder = Path(os.environ.get("CAST3D_PAGE") or HERE / "page")  # the variable is for work on the page
    return folder if (folder / "index.html.gz").is_file() else None


def examples_folder() -> Path | None:
    """Of the package, or of the repository that it is run from."""
    places = (HERE / "examples", HERE.parents[2] / "examples")
    return next((folder for folder in places if any(folder.glob("*/scene.yaml"))), None)


def new_token() -> str:
    return secrets.token_urlsafe(24)


def serve(application: Guard, sock: socket.socket, ready: Callable[[Callable[[], None]], Any]) -> None:
    """Serves until SIGINT or SIGTERM; `ready(end)` is called once requests are answered, `end()` ends it."""
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    config = uvicorn.Config(
        application, log_config=None, access_log=False, timeout_graceful_shutdown=1, timeout_keep_alive=30,
        h11_max_incomplete_event_size=64 << 10, server_header=False, http=Http, ws="none",
    )  # fmt: skip
    server = uvicorn.Server(config)
    application.full = lambda: len(server.server_state.connections) > CONNECTIONS

    async def run() -> None:
        task = asyncio.create_task(server.serve([sock]))
        while not server.started and not task.done():
            await asyncio.sleep(0.02)
        if server.started:
            ready(lambda: setattr(server, "should_exit", True))
        await task

    asyncio.run(run())
