"""Composes over HTTP with a server that `cast3d app` started, and saves the result. Standard library only.

python examples/client.py examples/01-cap-and-backpack -o out        # --server http://127.0.0.1:8765 --token T
"""

import argparse
import json
from pathlib import Path
from urllib.parse import quote
from urllib.request import Request, urlopen

import yaml  # comes with cast3d; only to read the scene file


class Client:
    def __init__(self, server: str, token: str | None):
        self.base = server.rstrip("/")
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def open(self, path: str, data: bytes | None = None, kind: str = "application/octet-stream"):
        headers = {**self.headers, **({"Content-Type": kind} if data is not None else {})}
        return urlopen(Request(self.base + path, data, headers))

    def call(self, path: str, body: dict | None = None) -> dict:
        data = None if body is None else json.dumps(body).encode()
        return json.load(self.open("/api/v1" + path, data, "application/json"))

    def upload(self, file: Path) -> str:
        return json.load(self.open(f"/api/v1/uploads?name={quote(file.name)}", file.read_bytes()))["id"]

    def events(self, job: str):
        name = ""
        for line in self.open(f"/api/v1/jobs/{job}/events"):
            key, _, value = line.decode().strip().partition(": ")
            name = value if key == "event" else name
            if key == "data":
                yield name, json.loads(value)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scene", type=Path, help="a folder with scene.yaml")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--server", default="http://127.0.0.1:8765")
    parser.add_argument("--token")
    given = parser.parse_args()
    client, scene = Client(given.server, given.token), yaml.safe_load((given.scene / "scene.yaml").read_text())
    assets = {term: [client.upload(given.scene / name)] for term, name in scene["assets"].items()}
    job = client.call("/jobs", {"kind": "compose", "prompt": scene["prompt"], "assets": assets})
    for name, data in client.events(job["id"]):
        if name == "stage":
            print(f"{data['title']} {data['term'] or ''}: {data['seconds']:.1f} s")
        elif name == "state" and data["state"] in ("done", "failed", "cancelled"):
            break
    job = client.call(f"/jobs/{job['id']}")
    assert job["state"] == "done", job["error"]
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "scene.glb").write_bytes(client.open(job["scene"]).read())
    (given.out / "print.3mf").write_bytes(client.open(f"/api/v1/jobs/{job['id']}/export?to=3mf&height_mm=80").read())
