"""The command `cast3d app` as a process: what it prints, whom it refuses, how it ends; a server that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import httpx
import pytest

from cast3d.cli.web import address_of, bytes_of
from cast3d.errors import InputError
from tests.app.live import API, parsed


def started(*arguments: str):
    """A process, and what its first line says."""
    command = [sys.executable, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    return process, line


def test_it_prints_its_address_refuses_a_second_one_and_ends(tmp_path):
    arguments = ("-m", "cast3d", "app", "--port", "0", "--no-browser", "--workspace", str(tmp_path / "w"))
    process, line = started(*arguments)
    try:
        address = line.split()[3]
        assert line.startswith("cast3d runs at http://127.0.0.1:")
        told = httpx.get(f"{address}api/v1/health", trust_env=False).json()
        assert told["status"] == "ok" and told["backbone"] == "bricks"
        second = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
        assert second.returncode == 2 and "in use by another" in second.stderr
        port = address.rstrip("/").rpartition(":")[2]
        third = subprocess.run(
            [sys.executable, "-m", "cast3d", "app", "--port", port, "--workspace", str(tmp_path / "other")],
            capture_output=True, text=True,
        )  # fmt: skip
        assert third.returncode == 2 and f"cannot listen on 127.0.0.1:{port}" in third.stderr
        process.terminate()
        assert process.wait(30) in (143, 0)
        assert not (tmp_path / "w" / ".lock").exists()
    finally:
        process.kill()


def test_another_address_needs_the_token(tmp_path):
    process, line = started(
        "-m", "cast3d", "app", "--port", "0", "--host", "0.0.0.0", "--workspace", str(tmp_path / "w"),
        "--token", "abcdefgh12345678",
    )  # fmt: skip
    try:
        assert line.split()[3].endswith("/?token=abcdefgh12345678")
        port = line.split()[3].rpartition("/")[0].rpartition(":")[2]
        url = f"http://127.0.0.1:{port}/api/v1/health"
        assert httpx.get(url, trust_env=False).status_code == 401
        known = {"Authorization": "Bearer abcdefgh12345678"}
        assert httpx.get(url, headers=known, trust_env=False).status_code == 200
    finally:
        process.kill()


def test_a_server_that_is_killed_takes_its_worker_along_and_goes_on(tmp_path):
    arguments = ("-m", "tests.app.serve_tiny", str(tmp_path / "w"))
    process, line = started(*arguments, "0.1")
    client = httpx.Client(base_url=f"http://127.0.0.1:{int(line)}{API}", trust_env=False, timeout=60)
    ids = [client.post("/jobs", json={"kind": "imagine", "prompt": f"a cap {i}"}).json()["id"] for i in range(2)]
    with client.stream("GET", f"/jobs/{ids[0]}/events") as answer:
        events = parsed(answer.iter_lines())
        last = next(number for number, name, data in events if name == "progress" and data["done"] > 1)
    children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
    process.kill()
    process.wait()
    until = time.monotonic() + 20
    while any(os.path.exists(f"/proc/{pid}/cwd") and _alive(int(pid)) for pid in children):
        assert time.monotonic() < until
        time.sleep(0.05)
    file = tmp_path / "w" / "jobs" / ids[0] / "job.json"
    assert json.loads(file.read_text())["state"] == "running"
    process, line = started(*arguments, "0")
    try:
        client = httpx.Client(base_url=f"http://127.0.0.1:{int(line)}{API}", trust_env=False, timeout=60)
        for id in ids:
            with client.stream("GET", f"/jobs/{id}/events", headers={"Last-Event-ID": str(last)}) as answer:
                states = (data["state"] for _, name, data in parsed(answer.iter_lines()) if name == "state")
                assert next(state for state in states if state in ("done", "failed")) == "done"
        assert client.get(f"/jobs/{ids[0]}").json()["scene"]
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    finally:
        process.kill()


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    "text, size", [("50GB", 50 << 30), ("1.5 GB", 3 << 29), ("800mb", 800 << 20), ("1TB", 1 << 40)]
)
def test_sizes(text, size):
    assert bytes_of(text) == size
    for wrong in ("50", "GB", "-1GB", "nanGB", "5KB"):
        with pytest.raises(InputError):
            bytes_of(wrong)


def test_the_address_that_people_open():
    class Socket:
        def getsockname(self):
            return ("127.0.0.1", 8765)

    assert address_of("127.0.0.1", Socket(), None) == "http://127.0.0.1:8765/"
    assert address_of("::1", Socket(), "abc") == "http://[::1]:8765/?token=abc"
