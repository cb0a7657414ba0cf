"""Speaks the page's HTTP contract with recorded data: `python -m tests.app.page.mock_server RUN [PORT [PACE]]`."""

from __future__ import annotations

import io
import itertools
import json
import mimetypes
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cast3d.app.guard import CSP
from cast3d.errors import Cast3dError
from cast3d.pictures.checks import risks, slab_risk
from cast3d.pictures.cutout import open_cut_out
from tests.app.page.mock_answers import EXAMPLES, SETTINGS, examples, read
from tests.app.page.mock_jobs import API, Jobs, Refusal
from tests.app.page.recorded import Recorded, from_run


class MockServer(ThreadingHTTPServer):
    """`uploads` and `jobs` may be looked at by tests."""

    daemon_threads = True

    def __init__(self, recorded: Recorded, pace: float = 0.01, port: int = 0, examples: bool = True):
        super().__init__(("127.0.0.1", port), Handler)
        self.recorded, self.jobs, self.examples = recorded, Jobs(recorded, pace), examples
        self.uploads: dict[str, dict[str, Any]] = {}
        self.count = itertools.count(1)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def start(self) -> MockServer:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()  # seconds until it ends
        return self


class Handler(BaseHTTPRequestHandler):
    server: MockServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or bodies wait for the client to confirm their heads

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_PUT(self) -> None:
        self._answer("PUT")

    def do_PATCH(self) -> None:
        self._answer("PATCH")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def _answer(self, method: str) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, query = unquote(url.path), {key: value[0] for key, value in parse_qs(url.query).items()}
        try:
            if not path.startswith(API):
                self._page(path)
            else:
                self._route(method, path.removeprefix(API), query, body)
        except Refusal as error:
            self._json({"error": {"kind": error.kind, "message": error.message}}, error.status)
        except Cast3dError as error:
            self._json({"error": {"kind": "input", "message": str(error)}}, 400)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def _route(self, method: str, path: str, query: dict[str, str], body: bytes) -> None:
        jobs = self.server.jobs
        said = (lambda: json.loads(body or b"{}")) if method in ("POST", "PATCH") else dict
        match method, path.strip("/").split("/", 3):
            case "GET", ["health"]:
                running = sum(job["state"] == "running" for job in jobs.all.values())
                queue = {"queued": 0, "running": running, "limit": 100}
                self._json(
                    {
                        "status": "ok",
                        "version": "0",
                        "backbone": "bricks",
                        "devices": ["cpu"],
                        "queue": queue,
                        "disk": {"used": 1, "limit": None},
                    }
                )
            case "GET", ["settings"]:
                self._json(SETTINGS)
            case "GET", ["examples"]:
                self._json(examples() if self.server.examples else [])
            case "GET", ["examples", name, "files", rest]:
                self._file(EXAMPLES / Path(name).name / Path(rest).name)
            case "POST", ["uploads"]:
                self._json(self._upload(query.get("name", "file"), body), 201)
            case "GET", ["uploads", key]:
                self._json(self._uploaded(key)["told"])
            case "GET", ["uploads", key, what]:
                self._send(self._uploaded(key)[what], "application/octet-stream" if what == "file" else "image/png")
            case "PUT", ["uploads", key, "cutout"]:
                self._uploaded(key)["cutout"] = body
                self._json(self._uploaded(key)["told"])
            case "POST", ["scene", "read"]:
                self._json(read(said()))
            case "POST", ["jobs"]:
                self._json(jobs.submit(said(), self._picture), 201)
            case "GET", ["jobs"]:
                self._json({"jobs": list(jobs.all.values())[: int(query.get("limit", 50))]})
            case "GET", ["jobs", key]:
                self._json(jobs.get(key))
            case "GET", ["events"]:
                self._stream("")
            case "GET", ["jobs", key, "events"]:
                jobs.get(key)
                self._stream(key)
            case "POST", ["jobs", key, ("cancel" | "resume") as what]:
                self._json(getattr(jobs, what)(key))
            case "PATCH", ["jobs", key]:
                self._json(jobs.patch(key, said()))
            case "DELETE", ["jobs", key]:
                jobs.delete(key)
                self._send(b"", "application/json", 204)
            case "GET", ["jobs", key, ("hints" | "parts") as what]:
                self._json(getattr(jobs, what)(key))
            case "GET", ["jobs", key, "export"]:
                jobs.get(key)
                self._send(b"exported", "application/octet-stream", name=f"scene.{query['to']}")
            case "GET", ["jobs", _, "files", rest]:
                self._file(self.server.recorded.folder / rest)
            case _:
                raise Refusal(404, "not_found", f"there is no {path}")

    def _upload(self, name: str, body: bytes) -> dict[str, Any]:
        key = f"up-{next(self.server.count)}"
        told = {"id": key, "name": name, "bytes": len(body), "warnings": [], "notes": [], "risk": None, "cutout": None}
        if body[:4] == b"glTF":
            told |= {"kind": "model", "nodes": self.server.recorded.terms, "triangles": 1600}
            self.server.uploads[key] = {"file": body, "told": told}
            return told
        cut = open_cut_out(body, name=name)
        image = cut.rgba
        out = io.BytesIO()
        image.save(out, "PNG")
        told |= {
            "kind": "picture",
            "width": image.width,
            "height": image.height,
            "cutout": f"{API}/uploads/{key}/cutout",
        }
        told |= {"warnings": [*cut.warnings] or risks(image), "notes": [*cut.notes], "risk": slab_risk(image)}
        self.server.uploads[key] = {"file": body, "cutout": out.getvalue(), "told": told}
        return told

    def _uploaded(self, key: str) -> dict[str, Any]:
        if key not in self.server.uploads:
            raise Refusal(404, "not_found", f"there is no upload {key}")
        return self.server.uploads[key]

    def _picture(self, key: str) -> dict[str, Any]:
        self._uploaded(key)
        return {"id": key, "url": f"{API}/uploads/{key}/file", "cutout": f"{API}/uploads/{key}/cutout"}

    def _stream(self, key: str) -> None:
        jobs, at = self.server.jobs, int(self.headers.get("Last-Event-ID", 0))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        if not key and not at:
            at = len(jobs.events[""])
        while True:
            with jobs.changed:
                if len(jobs.events[key]) <= at:
                    jobs.changed.wait(timeout=1)
                fresh = jobs.events[key][at:]
            told = [f"id: {i}\nevent: {name}\ndata: {data}\n\n" for i, (name, data) in enumerate(fresh, at + 1)]
            at += len(fresh)
            self.wfile.write("".join(told or [": still here\n\n"]).encode())
            self.wfile.flush()

    def _page(self, path: str) -> None:
        name = "index.html" if path == "/" else path.strip("/")
        if not re.fullmatch(r"(index\.html|licenses\.txt|assets/[\w.-]+)", name):
            raise Refusal(404, "not_found", f"there is no {path}")
        file = resources.files("cast3d").joinpath("app", "page", f"{name}.gz")
        if not file.is_file():
            raise Refusal(404, "not_found", f"there is no {path}")
        self._send(file.read_bytes(), mimetypes.guess_type(name)[0] or "text/plain", packed=True)

    def _file(self, path: Path) -> None:
        if not path.is_file():
            raise Refusal(404, "not_found", f"there is no {path.name}")
        self._send(path.read_bytes(), mimetypes.guess_type(path.name)[0] or "application/octet-stream")

    def _json(self, value: Any, status: int = 200) -> None:
        self._send(json.dumps(value).encode(), "application/json", status)

    def _send(self, data: bytes, kind: str, status: int = 200, packed: bool = False, name: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Security-Policy", CSP)
        self.send_header("X-Content-Type-Options", "nosniff")
        if packed:
            self.send_header("Content-Encoding", "gzip")
        if name:
            self.send_header("Content-Disposition", f'attachment; filename="{name}"')
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    folder, port, pace = [*sys.argv[1:], "0", "0.1"][:3] if len(sys.argv) < 4 else sys.argv[1:4]
    server = MockServer(from_run(Path(folder)), float(pace), int(port))
    print(server.address, flush=True)
    server.serve_forever()
