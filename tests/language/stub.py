"""A server on 127.0.0.1 that knows no model: it answers what a test wants."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class StubServer(ThreadingHTTPServer):
    """Answers what `plan` holds, one (status, headers, text) per request; the last one again and again."""

    def __init__(self, form: str, text: str):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.form, self.plan, self.requests = form, [(200, {}, text)], []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, dict(self.headers), body))
        status, headers, text = self.server.plan.pop(0) if len(self.server.plan) > 1 else self.server.plan[0]
        answer = {
            "openai": {
                "choices": [{"message": {"content": text}}],
                "usage": {"prompt_tokens": 1000, "completion_tokens": 50},
            },
            "gemini": {
                "candidates": [{"content": {"parts": [{"text": "hm", "thought": True}, {"text": text}]}}],
                "usageMetadata": {"promptTokenCount": 1000, "candidatesTokenCount": 30, "thoughtsTokenCount": 20},
            },
        }[self.server.form]
        data = json.dumps(answer).encode() if status == 200 else text.encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(form: str, text: str) -> Iterator[StubServer]:
    """A stub in the form of "openai" or "gemini" that answers `text`."""
    with StubServer(form, text) as stub:
        thread = threading.Thread(target=stub.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield stub
        stub.shutdown()
        thread.join()
