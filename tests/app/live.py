"""A live server on a free port, and clients of it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from cast3d.app import server
from cast3d.app.guard import LOOPBACK
from cast3d.app.service import Service
from cast3d.jobs.queue import Limits, Queue
from cast3d.jobs.uploads import Uploads
from cast3d.jobs.workspace import Workspace
from tests.jobs.warm import WarmSlot

API = "/api/v1"


class Live:
    """A server under way."""

    def __init__(self, queue: Queue, service: Service, port: int):
        self.queue, self.service, self.port = queue, service, port
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}{API}", timeout=60, trust_env=False)

    def raw(self, text: bytes, seconds: float = 20.0) -> bytes:
        """What is answered to bytes as they are: clients mend what they send."""
        with socket.create_connection(("127.0.0.1", self.port), seconds) as sock:
            sock.sendall(text)
            data = b""
            while chunk := sock.recv(65536):
                data += chunk
            return data

    def get(self, target: str, *headers: str, method: str = "GET") -> tuple[int, bytes]:
        """Status and body for a target that is sent as it is."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", "Connection: close", *headers]
        head, _, body = self.raw("\r\n".join([*lines, "", ""]).encode("latin-1")).partition(b"\r\n\r\n")
        return int(head.split()[1]), body

    def upload(self, data: bytes, name: str = "cap.png") -> dict[str, Any]:
        answer = self.client.post("/uploads", params={"name": name}, content=data)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def submit(self, **body: Any) -> dict[str, Any]:
        answer = self.client.post("/jobs", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def events(self, id: str, until: tuple[str, ...] = ("done", "failed", "cancelled", "waiting"), last: int = 0):
        """(number, name, data) of a job's events until it is in one of the states."""
        headers = {"Last-Event-ID": str(last)} if last else {}
        found = []
        with self.client.stream("GET", f"/jobs/{id}/events", headers=headers) as answer:
            for event in parsed(answer.iter_lines()):
                found.append(event)
                if event[1] == "state" and event[2]["state"] in until:
                    return found
        return found


def parsed(lines: Iterator[str]) -> Iterator[tuple[int, str, dict[str, Any]]]:
    number, name = 0, ""
    for line in lines:
        kind, _, value = line.partition(": ")
        if kind == "id":
            number = int(value)
        elif kind == "event":
            name = value
        elif kind == "data":
            yield number, name, json.loads(value)


@contextmanager
def serving(
    folder: Path,
    *starts: Any,
    token: str | None = None,
    hosts: Any = LOOPBACK,
    limits: Limits | None = None,
    **more: Any,
) -> Iterator[Live]:
    """`starts` are those of the workers; without them jobs only wait."""
    workspace = Workspace(folder)
    queue = Queue(workspace, [WarmSlot(start, {"OMP_NUM_THREADS": "1"}) for start in starts], limits or Limits())
    service = Service(queue, Uploads(workspace.uploads, queue.require_disk, queue.grow), **more)
    sock = server.listening("127.0.0.1", 0)
    ends: list[Any] = []
    ready = threading.Event()

    def started(end: Any) -> None:
        ends.append(end)
        ready.set()

    app = server.application(service, hosts, token)
    thread = threading.Thread(target=server.serve, args=(app, sock, started), daemon=True)
    thread.start()
    try:
        assert ready.wait(30)
        live = Live(queue, service, sock.getsockname()[1])
        yield live
        live.client.close()
    finally:
        for end in ends:
            end()
        thread.join(20)
        queue.close()
        workspace.close()
