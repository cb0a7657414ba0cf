"""What is sent to the server: pictures, models, cut-outs; what is too large, too slow, broken or made to do harm."""

from __future__ import annotations

import io
import json
import socket
import struct
import time
import zlib

import pytest
import torch
from PIL import Image

from cast3d.jobs import models, uploads
from cast3d.meshes.glb import write_glb
from cast3d.meshes.mesh import Mesh
from tests.app.live import API, serving
from tests.tiny_backbone import picture


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("uploads") / "workspace", silence=0.6) as live:
        yield live


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def kept(live) -> list[str]:
    return sorted(path.name for path in live.service.uploads.folder.iterdir())


def refused(answer, status: int, message: str) -> None:
    assert answer.status_code == status, answer.text
    assert message in answer.json()["error"]["message"]


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_a_picture_is_looked_at_and_kept(live):
    data = png(picture("crimson"))
    told = live.upload(data, "../../evil/\x01cap.png")
    assert (told["kind"], told["name"], told["bytes"]) == ("picture", "cap.png", len(data))
    assert (told["width"], told["height"], told["corrected"]) == (64, 64, False)
    assert live.client.get(f"/uploads/{told['id']}").json() == told
    base = f"http://127.0.0.1:{live.port}"
    assert live.client.get(base + told["url"]).content == data
    with Image.open(io.BytesIO(live.client.get(base + told["cutout"]).content)) as cut:
        assert cut.mode == "RGBA" and cut.getpixel((0, 0))[3] == 0


def test_a_plain_background_is_cut_out(live):
    image = Image.new("RGB", (96, 96), "white")
    image.paste("navy", (30, 30, 66, 66))
    told = live.upload(png(image))
    assert told["cutout"] and told["risk"] < 0.5 and "background was cut out" in told["notes"][0]


def test_a_picture_that_cannot_be_cut_out_waits_for_a_hand(live, monkeypatch):
    monkeypatch.setattr("cast3d.pictures.matting.available", lambda: False)
    told = live.upload(png(Image.effect_noise((64, 64), 200).convert("RGB")))
    assert (told["cutout"], told["risk"]) == (None, 1.0) and "could not be told" in told["warnings"][0]
    assert live.client.get(f"/uploads/{told['id']}/cutout").status_code == 404
    answer = live.client.put(f"/uploads/{told['id']}/cutout", content=png(picture("red")))
    assert answer.status_code == 200 and answer.json()["corrected"] and answer.json()["risk"] == 0


def test_a_person_s_cut_out_takes_the_place_of_the_found_one(live):
    told = live.upload(png(picture("crimson")))
    drawn = png(picture("crimson", "rectangle"))
    answer = live.client.put(f"/uploads/{told['id']}/cutout", content=drawn)
    assert answer.json()["corrected"] is True
    upload = live.service.uploads.get(told["id"])
    assert live.service.uploads.used(upload).read_bytes() == drawn


@pytest.mark.parametrize(
    "drawn, message",
    [
        (b"no png", "is no PNG"),
        (png(picture("red", size=32)), "64 x 64 pixels"),
        (png(Image.new("RGB", (64, 64), "red")), "RGBA"),
        (png(Image.new("RGBA", (64, 64), "red")), "no transparent pixel"),
        (png(Image.new("RGBA", (64, 64))), ""),
    ],
    ids=["no PNG", "size", "mode", "all", "nothing"],
)
def test_cut_outs_that_cannot_be_change_nothing(live, drawn, message):
    told = live.upload(png(picture("crimson")))
    refused(live.client.put(f"/uploads/{told['id']}/cutout", content=drawn), 400, message)
    assert live.client.get(f"/uploads/{told['id']}").json() == told


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    "data, message",
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "not a picture"),
        (bomb(60000, 60000), "too large"),
        (bomb(9000, 9000), "9000 x 9000"),
        (png(picture("red"))[:60], ""),
        (png(Image.new("RGB", (4, 4))), "at least 16"),
        (b"", "empty"),
    ],
    ids=["svg", "eps", "bomb", "large", "cut short", "small", "empty"],
)
def test_pictures_that_cannot_be_are_not_kept(live, data, message):
    before = kept(live)
    refused(live.client.post("/uploads", params={"name": "x.png"}, content=data), 400, message)
    assert kept(live) == before


# --- models -----------------------------------------------------------------------------------------------------------


def glb(document: dict, binary: bytes = b"") -> bytes:
    head = json.dumps(document).encode()
    head += b" " * (-len(head) % 4)
    return (
        struct.pack("<4sIIII", b"glTF", 2, 28 + len(head) + len(binary), len(head), 0x4E4F534A)
        + head
        + struct.pack("<II", len(binary), 0x004E4942)
        + binary
    )


def shown(**more) -> dict:
    """A glTF of one triangle, with `more` in it."""
    primitive = {"attributes": {"POSITION": 0}}
    return {
        "asset": {"version": "2.0"},
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "cap"}],
        "meshes": [{"primitives": [primitive]}],
        "accessors": [{"componentType": 5126, "count": 3, "type": "VEC3", "bufferView": 0}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}],
        "buffers": [{"byteLength": 36}],
        **more,
    }


def test_a_model_is_looked_at_and_kept(live, tmp_path):
    mesh = Mesh(
        torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        torch.tensor([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]),
    )
    write_glb(tmp_path / "two.glb", {"baseball cap": mesh, "horse": mesh}, {})
    told = live.upload((tmp_path / "two.glb").read_bytes(), "Two.GLB")
    assert (told["kind"], told["nodes"], told["triangles"]) == ("model", ["baseball cap", "horse"], 8)
    assert live.upload(glb(shown(), bytes(36)), "one.glb")["nodes"] == ["cap"]


def doubling(depth: int) -> dict:
    """Every node has the next one twice: 2^depth meshes from a few lines."""
    nodes = [{"children": [i + 1, i + 1]} for i in range(depth)] + [{"mesh": 0}]
    return shown(nodes=nodes)


HOSTILE = {
    "nodes that double": glb(doubling(30), bytes(36)),
    "a circle": glb(shown(nodes=[{"mesh": 0, "children": [0]}]), bytes(36)),
    "zeros without bytes": glb(shown(accessors=[{"componentType": 5126, "count": 2**31, "type": "VEC3"}]), bytes(36)),
    "negative counts": glb(shown(accessors=[{"componentType": 5126, "count": -3, "type": "VEC3"}]), bytes(36)),
    "more than there is": glb(
        shown(accessors=[{"componentType": 5126, "count": 900, "type": "VEC3", "bufferView": 0}]), bytes(36)
    ),
    "views outside": glb(shown(bufferViews=[{"buffer": 0, "byteOffset": 2**40, "byteLength": 36}]), bytes(36)),
    "compressed": glb(shown(extensionsRequired=["KHR_draco_mesh_compression"]), bytes(36)),
    "other files": glb(shown(buffers=[{"byteLength": 36, "uri": "/etc/passwd"}]), bytes(36)),
    "pictures elsewhere": glb(shown(images=[{"uri": "http://evil.example/x.png"}]), bytes(36)),
    "a bomb for a texture": glb(
        shown(images=[{"bufferView": 0}], bufferViews=[{"buffer": 0, "byteLength": len(bomb(60000, 60000))}]),
        bomb(60000, 60000),
    ),
    "deep JSON": glb({}, b"")[:20] + b"[" * 200_000,
    "a lie about its length": glb(shown(), bytes(36))[:-4],
    "no JSON": struct.pack("<4sIIII", b"glTF", 2, 24, 4, 0x4E4F534A) + b"oops",
    "nothing": b"glTF",
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_models_made_to_do_harm_are_not_kept(live, data):
    before, began = kept(live), time.process_time()
    answer = live.client.post("/uploads", params={"name": "x.glb"}, content=data)
    assert answer.status_code == 400 and answer.json()["error"]["kind"] == "input", answer.text
    assert kept(live) == before and time.process_time() - began < 10


@pytest.mark.parametrize(
    "name, data, message",
    [
        ("x.stl", bytes(80) + struct.pack("<I", 10**9), "no STL"),
        ("x.ply", b"ply\nformat ascii 1.0\nelement vertex 1000000000\nend_header\n", "cut short"),
        ("x.obj", b"v 0 0 0\n", "no faces"),
        ("x.gltf", b"{" , "damaged"),
        ("x.spz", b"\x1f\x8b", "damaged"),
    ],
)  # fmt: skip
def test_other_models_are_looked_at_too(live, name, data, message):
    refused(live.client.post("/uploads", params={"name": name}, content=data), 400, message)


def test_a_packed_model_is_not_unpacked_for_ever(live, monkeypatch):
    import gzip

    monkeypatch.setattr(models, "UNPACKED", 1 << 20)
    zeros = gzip.compress(b"NGSP" + bytes(8 << 20))
    refused(live.client.post("/uploads", params={"name": "x.spz"}, content=zeros), 400, "unpacks to more than 1 MB")


# --- size and time ----------------------------------------------------------------------------------------------------


def test_what_is_too_large_is_refused_before_it_comes(live, monkeypatch):
    monkeypatch.setitem(uploads.LARGEST, "picture", 1 << 20)
    before = kept(live)
    head = f"POST {API}/uploads?name=x.png HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n"
    answer = live.raw(head.encode())  # not one byte of the body was sent
    assert b" 413 " in answer.splitlines()[0] and b'"limit"' in answer

    def endless():
        while True:
            yield bytes(65536)

    try:
        answer = live.client.post("/uploads", params={"name": "x.png"}, content=endless())
        assert answer.status_code == 413
    except Exception as error:  # the server may close before the client has looked
        assert "Write" in type(error).__name__ or "Remote" in type(error).__name__, error
    assert kept(live) == before


def test_a_sender_that_falls_silent_is_given_up(live):
    before = kept(live)
    head = f"POST {API}/uploads?name=x.png HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc"
    answer = live.raw(head.encode())
    assert b" 408 " in answer.splitlines()[0]
    assert kept(live) == before


def test_a_sender_that_trickles_is_given_up(live, monkeypatch):
    monkeypatch.setattr("cast3d.app.bodies.FREE", 0.5)
    before = kept(live)
    with socket.create_connection(("127.0.0.1", live.port), 20) as sock:
        head = f"POST {API}/uploads?name=x.png HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
        sock.sendall(head.encode())
        answer = b""
        sock.settimeout(0.2)
        for _ in range(60):
            try:
                sock.sendall(b"x")
                answer += sock.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                break
            if answer:
                break
    assert b" 408 " in answer.splitlines()[0] and kept(live) == before


def test_a_sender_that_breaks_off_leaves_nothing(live):
    before = kept(live)
    with socket.create_connection(("127.0.0.1", live.port), 20) as sock:
        sock.sendall(
            f"POST {API}/uploads?name=x.png HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc".encode()
        )
    until = time.monotonic() + 20
    while kept(live) != before and time.monotonic() < until:
        time.sleep(0.05)
    assert kept(live) == before and live.client.get("/health").status_code == 200


def test_slow_senders_take_a_bounded_number_of_places(live):
    head = f"POST {API}/uploads?name=x.png HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc".encode()
    sockets = [socket.create_connection(("127.0.0.1", live.port), 20) for _ in range(8)]
    try:
        for sock in sockets:
            sock.sendall(head)
        until = time.monotonic() + 10
        while not live.service.senders.locked() and time.monotonic() < until:
            time.sleep(0.02)
        refused(
            live.client.post("/uploads", params={"name": "x.png"}, content=png(picture("red"))), 429, "too many files"
        )
        assert live.client.get("/health").status_code == 200
    finally:
        for sock in sockets:
            sock.close()
    until = time.monotonic() + 20
    while live.service.senders.locked() and time.monotonic() < until:
        time.sleep(0.02)
    assert not live.service.senders.locked()  # their places are free again


def test_uploads_are_bounded(live, monkeypatch):
    monkeypatch.setattr(uploads, "MOST", 0)
    refused(
        live.client.post("/uploads", params={"name": "x.png"}, content=png(picture("red"))), 429, "uploads are kept"
    )


def test_uploads_count_for_the_disk_until_they_are_deleted(live):
    def used() -> int:
        return live.client.get("/health").json()["disk"]["used"]

    before = used()
    told = live.upload(png(picture("crimson")))
    assert used() >= before + told["bytes"]
    assert live.client.delete(f"/uploads/{told['id']}").status_code == 204
    assert used() == before and live.client.get(f"/uploads/{told['id']}").status_code == 404
    assert live.client.delete(f"/uploads/{told['id']}").status_code == 404
