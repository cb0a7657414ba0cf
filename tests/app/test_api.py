"""Jobs over HTTP, on a live server with real workers and the tiny backbone."""

from __future__ import annotations

import base64
import gzip
import io
import json
import socket
import time
import zipfile

import httpx
import numpy as np
import pytest
from PIL import Image

from cast3d.app.openapi import TOLD, document
from cast3d.app.server import listening, routes
from cast3d.jobs.queue import Limits
from cast3d.jobs.voxels import from_bits, into_box, to_bits
from tests.app.live import API, parsed, serving
from tests.app.test_uploads import png
from tests.existing.made import man
from tests.jobs.tiny import Tiny
from tests.tiny_backbone import pictures

CAP = "a figure wearing a cap"


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """With one worker."""
    with serving(tmp_path_factory.mktemp("api") / "workspace", Tiny()) as live:
        yield live


@pytest.fixture(scope="module")
def idle(tmp_path_factory):
    """Without workers: jobs wait."""
    with serving(tmp_path_factory.mktemp("idle") / "workspace", limits=Limits(queued=500)) as live:
        yield live


def given(live, *terms: str) -> dict[str, list[str]]:
    shown = pictures()
    return {term: [live.upload(png(shown[term]), f"{term}.png")["id"]] for term in terms or ("figure", "cap")}


@pytest.fixture(scope="module")
def done(live):
    """A finished job, on the way to which a person painted a hint."""
    job = live.submit(kind="compose", prompt=CAP, assets=given(live), pause=["hints"])
    assert (job["state"], job["main"], job["title"]) in {(state, "figure", CAP) for state in ("queued", "running")}
    assert live.events(job["id"])[-1][2] == {"state": "waiting", "waits_at": "hints"}
    waiting = live.client.get(f"/jobs/{job['id']}").json()
    assert (waiting["state"], waiting["stage"], waiting["scene"]) == ("waiting", "hints", None)
    assert waiting["picture"] and waiting["stages"][-1]["name"] == "hints"
    hints = live.client.get(f"/jobs/{job['id']}/hints").json()
    assert hints["base"] == "figure" and [one["term"] for one in hints["terms"]] == ["figure", "cap"]
    found = {one["term"]: from_bits(one["bits"]) for one in hints["terms"]}
    assert np.array_equal(found["figure"] | found["cap"], from_bits(hints["layout"]["bits"]))
    painted = np.zeros((64, 64, 64), bool)
    painted[20:44, 20:44, 44:60] = True
    answer = live.client.patch(f"/jobs/{job['id']}", json={"hints": {"cap": {"bits": to_bits(painted)}}})
    assert answer.json()["state"] == "waiting" and answer.json()["painted"] == ["cap"]  # until it is accepted
    number = live.queue.events(job["id"])[-1].id
    answer = live.client.patch(f"/jobs/{job['id']}", json={"accept": True})
    assert answer.status_code == 200 and answer.json()["state"] in ("queued", "running")
    assert live.events(job["id"], last=number)[-1][2]["state"] == "done"
    hints = live.client.get(f"/jobs/{job['id']}/hints").json()
    assert np.array_equal(from_bits(hints["terms"][1]["bits"]), painted) and hints["terms"][1]["painted"]
    return live.client.get(f"/jobs/{job['id']}").json()


def test_a_finished_job_tells_all(live, done):
    assert (done["state"], done["fraction"], done["error"], done["position"]) == ("done", 1.0, None, None)
    base = f"http://127.0.0.1:{live.port}"
    for key, kind in (("scene", "model/gltf-binary"), ("splat", "application/octet-stream"), ("picture", "image/webp")):
        answer = live.client.get(base + done[key])
        assert answer.status_code == 200 and answer.headers["content-type"] == kind
    shown = [url for stage in done["stages"] for url in stage["pictures"]]
    assert shown and all(live.client.get(base + url).status_code == 200 for url in shown)
    assert [stage["title"] for stage in done["stages"]][:2] == ["Main geometry", "Layout"]
    (asset,) = done["assets"]["cap"]
    assert live.client.get(base + asset["cutout"]).status_code == 200 and asset["id"]


def test_the_report_stays_in_its_box(live, done):
    answer = live.client.get(f"http://127.0.0.1:{live.port}{done['report']}")
    assert answer.headers["content-security-policy"].startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in answer.headers["content-security-policy"]


def test_events_come_in_order_and_again_from_any_number(live, done):
    events = live.events(done["id"], until=("done",))
    assert [event[0] for event in events] == list(range(1, len(events) + 1))
    names = {name for _, name, _ in events}
    assert {"state", "progress", "stage", "preview"} <= names
    preview = next(data for _, name, data in events if name == "preview")
    answer = live.client.get(f"http://127.0.0.1:{live.port}{preview['url']}")
    assert answer.headers["content-type"] == "image/png" or answer.status_code == 404  # of the run before the last
    stage = next(data for _, name, data in events if name == "stage")
    assert set(stage) == {"name", "term", "title", "caption", "half", "seconds", "reused", "pictures"}
    assert live.events(done["id"], until=("done",), last=events[-3][0]) == events[-2:]


def test_files_come_by_range_and_are_not_sent_twice(live, done):
    url = f"http://127.0.0.1:{live.port}{done['scene']}"
    whole = live.client.get(url)
    part = live.client.get(url, headers={"Range": "bytes=4-11"})
    assert part.status_code == 206 and part.content == whole.content[4:12]
    assert part.headers["content-range"] == f"bytes 4-11/{len(whole.content)}"
    for asked, status in (("bytes=99999999-", 416), ("bytes=9-3", 400), ("bytes=?", 400)):
        answer = live.client.get(url, headers={"Range": asked})
        assert answer.status_code == status and answer.json()["error"]["kind"] == "input"
        assert ("content-range" in answer.headers) == (status == 416)
    again = live.client.get(url, headers={"If-None-Match": whole.headers["etag"]})
    assert again.status_code == 304 and not again.content


def test_parts_tell_their_size_and_whether_they_are_solid(live, done):
    terms = live.client.get(f"/jobs/{done['id']}/parts").json()["terms"]
    assert [(one["term"], one["base"], one["color"]) for one in terms] == [
        ("figure", True, "#afafaf"),
        ("cap", False, "#e69f00"),
    ]
    assert all(one["triangles"] > 0 and one["solid"] is True and min(one["size"]) > 0 for one in terms)
    assert live.client.get(f"http://127.0.0.1:{live.port}{terms[1]['url_glb']}").content[:4] == b"glTF"


STARTS = {"stl": b"", "3mf": b"PK", "glb": b"glTF", "obj": b"PK", "ply": b"ply", "spz": b"\x1f\x8b", "report": b"<!"}


@pytest.mark.parametrize("to, start", STARTS.items())
def test_exports(live, done, to, start):
    answer = live.client.get(f"/jobs/{done['id']}/export", params={"to": to, "height_mm": "80"})
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(start) and answer.headers["content-disposition"].startswith("attachment")
    if to == "stl":
        assert len(answer.content) % 50 == 84 % 50
    if to == "obj":
        names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
        assert any(name.endswith(".obj") for name in names)
    until = time.monotonic() + 10
    while list(live.queue.workspace.exports.iterdir()):  # removed once all is sent
        assert time.monotonic() < until
        time.sleep(0.05)


def test_one_part_is_exported_alone(live, done):
    answer = live.client.get(f"/jobs/{done['id']}/export", params={"to": "stl", "part": "cap"})
    assert answer.status_code == 200 and "-cap.stl" in answer.headers["content-disposition"]
    for query, message in (
        ({"part": "hat"}, "no part 'hat'"),
        ({"to": "exe"}, "to is one of"),
        ({"height_mm": "x"}, "a number"),
        ({"height_mm": "1e9"}, "number"),
    ):
        query = {"to": "stl", **query}
        answer = live.client.get(f"/jobs/{done['id']}/export", params=query)
        assert answer.status_code == 400 and message in answer.json()["error"]["message"]


def test_another_seed_and_another_picture_redo_one_part(live, done):
    last = live.queue.events(done["id"])[-1].id
    answer = live.client.patch(f"/jobs/{done['id']}", json={"reseed": {"Cap": 7}})
    assert answer.status_code == 200 and answer.json()["reseed"] == {"cap": 7}
    live.events(done["id"], last=last)
    job = live.client.get(f"/jobs/{done['id']}").json()
    computed = [stage["name"] for stage in job["stages"] if not stage["reused"]]
    assert computed == ["part-cap", "geometry", "slat-cap", "appearance", "refit", "meshes", "export"]
    last = live.queue.events(done["id"])[-1].id
    swapped = live.upload(png(pictures()["backpack"]))["id"]
    answer = live.client.patch(f"/jobs/{done['id']}", json={"pictures": {"cap": [swapped]}})
    assert answer.json()["assets"]["cap"][0]["id"] == swapped
    assert live.events(done["id"], last=last)[-1][2]["state"] == "done"
    job = live.client.get(f"/jobs/{done['id']}").json()
    assert {stage["name"] for stage in job["stages"] if not stage["reused"]} >= {"part-cap", "slat-cap"}
    assert next(stage for stage in job["stages"] if stage["name"] == "main")["reused"]


def test_asking_again_tries_the_next_layout(live):
    job = live.submit(kind="compose", prompt=CAP, assets=given(live), pause=["hints"])
    last = live.events(job["id"])[-1][0]
    before = live.client.get(f"/jobs/{job['id']}/hints").json()
    answer = live.client.patch(f"/jobs/{job['id']}", json={"ask_again": True})
    assert answer.json()["settings"] == {"layout_starts": [5, 2]}
    assert live.events(job["id"], last=last)[-1][2] == {"state": "waiting", "waits_at": "hints"}
    assert live.client.get(f"/jobs/{job['id']}/hints").json()["layout"] != before["layout"]


def test_lift_and_imagine(live):
    lifted = live.submit(kind="lift", assets=given(live, "cap"))
    imagined = live.submit(kind="imagine", prompt="a red cap", seed=3)
    for job in (lifted, imagined):
        assert live.events(job["id"])[-1][2]["state"] == "done"
    assert [one["term"] for one in live.client.get(f"/jobs/{lifted['id']}/parts").json()["terms"]] == ["cap"]
    assert live.client.get(f"/jobs/{imagined['id']}/hints").status_code == 404


def test_cancel_and_go_on(live):
    first = live.submit(kind="imagine", prompt="a cap", seed=1)
    assert live.client.post(f"/jobs/{first['id']}/cancel").json()["state"] in ("cancelled", "running", "queued")
    assert live.events(first["id"])[-1][2]["state"] in ("cancelled", "done")
    if live.client.get(f"/jobs/{first['id']}").json()["state"] == "cancelled":
        assert live.client.post(f"/jobs/{first['id']}/resume").status_code == 200
    assert live.events(first["id"], until=("done",))[-1][2]["state"] == "done"
    assert live.client.post(f"/jobs/{first['id']}/cancel").status_code == 409
    assert live.client.delete(f"/jobs/{first['id']}").status_code == 204
    assert live.client.get(f"/jobs/{first['id']}").status_code == 404
    assert live.client.delete(f"/jobs/{first['id']}").status_code == 404


# --- what is asked wrongly --------------------------------------------------------------------------------------------

WRONG = [
    ({"kind": "compse"}, "kind", "did you mean 'compose'"),
    ({"prmopt": "x"}, "prmopt", "did you mean 'prompt'"),
    ({"prompt": ""}, "prompt", "empty"),
    ({"prompt": 3}, "prompt", "is text"),
    ({"prompt": "a figure wearing a hat"}, "assets", "'cap' does not occur"),
    ({"assets": {}}, "assets", "no pictures"),
    ({"assets": {"cap": ["nowhere"]}}, "assets", "no upload"),
    ({"assets": {"cap": ["../../etc"]}}, "assets", "is no id"),
    ({"assets": {"cap": []}}, "assets", "list of 1 to 8"),
    ({"assets": ["cap"]}, "assets", "an object"),
    ({"main": "horse"}, "assets", "not a term"),
    ({"seed": -1}, "seed", "whole number"),
    ({"seed": 1.5}, "seed", "whole number"),
    ({"settings": {"part_strat": 3}}, "settings", "part_start"),
    ({"settings": {"diffusion": "high"}}, "settings", "diffusion"),
    ({"settings": {"layout_starts": {"a": 1}}}, "settings", "layout_starts"),
    ({"pause": ["hint"]}, "pause", "pictures, hints"),
    ({"kind": "imagine", "pause": ["hints"], "assets": {}}, "pause", "only compositions"),
]


@pytest.mark.parametrize("wrong, field, message", WRONG, ids=[json.dumps(one[0])[:40] for one in WRONG])
def test_what_is_wrong_is_named(idle, wrong, field, message):
    assets = {} if "assets" in wrong else given(idle)
    before = idle.client.get("/health").json()["queue"]
    answer = idle.client.post("/jobs", json={"kind": "compose", "prompt": CAP, "assets": assets, **wrong})
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert (error["kind"], error["field"]) == ("input", field) and message in error["message"]
    assert idle.client.get("/health").json()["queue"] == before


def test_editing_is_asked_of_the_composer(idle):
    answer = idle.client.post("/jobs", json={"kind": "edit", "prompt": CAP, "model": "nowhere", "remove": ["cap"]})
    assert answer.status_code in (400, 404)
    answer = idle.client.post("/jobs", json={"kind": "edit", "prompt": CAP, "model": "nowhere"})
    assert answer.status_code == 400 and "replaces, adds or removes" in answer.json()["error"]["message"]


def test_a_part_is_replaced_by_a_thing_of_another_name(idle, tmp_path):
    model = idle.upload(man().write(tmp_path / "man.glb").read_bytes(), "man.glb")
    assert model["nodes"] == ["Body", "Red_Cap.001", "Backpack"] and model["prompt"] == ""
    (cap,) = given(idle, "cap").values()
    asked = {"kind": "edit", "model": model["id"], "prompt": "a man wearing a top hat"}
    job = idle.submit(**asked, replace={"cap": {"top hat": cap}})
    assert job["replace"]["cap"]["top hat"][0]["id"] == cap[0]
    assert (
        httpx.get(f"http://127.0.0.1:{idle.port}{job['before']}", trust_env=False).content
        == (tmp_path / "man.glb").read_bytes()
    )
    changed = {"reseed": {"top hat": 7}, "pictures": {"top hat": given(idle, "backpack")["backpack"]}}
    answer = idle.client.patch(f"/jobs/{job['id']}", json=changed)
    assert answer.status_code == 200, answer.text
    assert answer.json()["replace"]["cap"]["top hat"][0]["id"] == changed["pictures"]["top hat"][0]
    for body, field in (({"pictures": {"cap": cap}}, "pictures"), ({"prompt": "a man"}, "prompt"),
                        ({"choose": {"top hat": 1}}, "choose"), ({"reseed": {"cap": 1}}, "reseed")):  # fmt: skip
        answer = idle.client.patch(f"/jobs/{job['id']}", json=body)
        assert answer.status_code == 400 and answer.json()["error"]["field"] == field, answer.text
    (told,) = [one for one in idle.client.get("/jobs").json()["jobs"] if one["id"] == job["id"]]
    assert told["reseed"] == {"top hat": 7}
    same = idle.submit(**{**asked, "prompt": "a man wearing a cap"}, replace={"cap": cap})  # the part keeps its word
    assert list(same["replace"]["cap"]) == ["cap"]


def test_words_of_an_edit_are_checked_before_it_is_kept(idle):
    (cap,) = given(idle, "cap").values()
    asked = {"kind": "edit", "prompt": "a man wearing a top hat", "model": "nowhere"}
    for replace, field, message in (
        ({"cap": cap}, "prompt", "cap"),
        ({"cap": {"crown": cap}}, "prompt", "crown"),
        ({"cap": {"top hat": cap, "hat": cap}}, "replace", "one new thing"),
        ({"cap": {}}, "replace", "one new thing"),
        ({"cap": {"top hat": []}}, "replace", "ids"),
        ({"cap": {"top hat": ["nowhere"]}}, "replace", "nowhere"),
    ):
        answer = idle.client.post("/jobs", json={**asked, "replace": replace})
        assert answer.status_code == 400, answer.text
        error = answer.json()["error"]
        assert error["field"] == field and message in error["message"], error


@pytest.mark.parametrize("body", [b"{", b"[]", b"3", b'{"kind": NaN}', b"[" * 100_000, b"\xff\xfe", b"null"])
def test_what_is_no_json_is_refused(idle, body):
    answer = idle.client.post("/jobs", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400 and answer.json()["error"]["kind"] == "input"


def test_changes_that_cannot_be_change_nothing(idle):
    job = idle.submit(kind="compose", prompt=CAP, assets=given(idle))
    empty = base64.b64encode(bytes(32768)).decode()
    for body, field in (
        ({"hints": {"hat": {"bits": empty}}}, "hints"),
        ({"hints": {"cap": {"bits": empty}}}, "hints"),
        ({"hints": {"cap": {"bits": "AAAA"}}}, "hints"),
        ({"hints": {"cap": {"bits": 3}}}, "hints"),
        ({"hints": {"cap": {"box": [[0, 0, 0], [9, 9, 9]]}}}, "hints"),
        ({"hints": {"cap": {"box": [[0.1, 0, 0], [0, 0.1, 0.1]]}}}, "hints"),
        ({"hints": {"cap": {}}}, "hints"),
        ({"reseed": {"hat": 1}}, "reseed"),
        ({"reseed": {"cap": -1}}, "reseed"),
        ({"pictures": {"cap": ["nowhere"]}}, "pictures"),
        ({"choose": {"cap": 1}}, "choose"),
        ({"state": "done"}, "state"),
        ({"prompt": "a horse"}, "prompt"),
    ):
        answer = idle.client.patch(f"/jobs/{job['id']}", json=body)
        assert answer.status_code == 400 and answer.json()["error"]["field"] == field, (body, answer.text)
    assert {**idle.client.get(f"/jobs/{job['id']}").json(), "position": None} == {**job, "position": None}


def test_a_waiting_job_may_be_changed_before_its_turn(idle):
    job = idle.submit(kind="compose", prompt=CAP, assets=given(idle))
    box = {"cap": {"box": [[-0.1, -0.1, 0.3], [0.1, 0.1, 0.4]]}}
    answer = idle.client.patch(f"/jobs/{job['id']}", json={"hints": box, "title": "Mine", "settings": {"crumbs": 0.1}})
    assert (answer.json()["painted"], answer.json()["title"]) == (["cap"], "Mine")
    assert idle.client.patch(f"/jobs/{job['id']}", json={"hints": {"cap": None}}).json()["painted"] == []


@pytest.mark.parametrize(
    "method, path, status, kind",
    [
        ("GET", "/jobs/nothing", 404, "not_found"),
        ("GET", "/jobs/nothing/events", 404, "not_found"),
        ("POST", "/jobs/nothing/cancel", 404, "not_found"),
        ("GET", "/uploads/nothing", 404, "not_found"),
        ("GET", "/uploads/NO_ID!", 400, "input"),
        ("GET", "/nothing", 404, "not_found"),
        ("PUT", "/jobs", 405, "input"),
        ("GET", "/jobs?limit=0", 400, "input"),
        ("GET", "/jobs?limit=9999", 400, "input"),
        ("GET", "/jobs?state=dead", 400, "input"),
        ("GET", "/jobs?before=nothing", 404, "not_found"),
        ("GET", "/examples/x/files/y", 404, "not_found"),
    ],
)
def test_errors_have_one_shape(idle, method, path, status, kind):
    answer = idle.client.request(method, path)
    assert answer.status_code == status and answer.json()["error"]["kind"] == kind
    assert set(answer.json()) == {"error"} and answer.json()["error"]["message"]


def test_what_is_not_there_yet_is_told(idle):
    job = idle.submit(kind="compose", prompt=CAP, assets=given(idle))
    assert idle.client.get(f"/jobs/{job['id']}/hints").status_code == 404
    assert idle.client.get(f"/jobs/{job['id']}/parts").status_code == 409
    assert idle.client.get(f"/jobs/{job['id']}/export?to=stl").status_code == 409


# --- many -------------------------------------------------------------------------------------------------------------


def test_answers_are_not_held_back():
    """asyncio turns Nagle's algorithm off for the connections of such a socket alone."""
    with listening("127.0.0.1", 0) as sock:
        assert sock.proto == socket.IPPROTO_TCP


@pytest.mark.slow
def test_500_queued_jobs_and_200_cancels(tmp_path):
    with serving(tmp_path / "workspace", limits=Limits(queued=500)) as live:
        jobs = [live.submit(kind="imagine", prompt=f"a cap {i}", seed=i) for i in range(500)]
        answer = live.client.post("/jobs", json={"kind": "imagine", "prompt": "a cap"})
        assert answer.status_code == 429 and answer.json()["error"]["kind"] == "limit"
        assert live.client.get("/health").json()["queue"] == {"queued": 500, "running": 0, "limit": 500}
        assert live.client.get(f"/jobs/{jobs[-1]['id']}").json()["position"] == 500
        for job in jobs[::2][:200]:
            assert live.client.post(f"/jobs/{job['id']}/cancel").json()["state"] == "cancelled"
        assert live.client.get("/health").json()["queue"]["queued"] == 300
        listed, before = [], ""
        while page := live.client.get("/jobs", params={"limit": 200, "before": before}).json()["jobs"]:
            listed += page
            before = page[-1]["id"]
        assert [job["seed"] for job in listed] == list(range(499, -1, -1))
        assert [job["position"] for job in listed if job["state"] == "queued"] == list(range(300, 0, -1))
        assert live.submit(kind="imagine", prompt="a cap")["state"] == "queued"


def test_all_jobs_are_watched_in_one_stream(idle):
    with idle.client.stream("GET", "/events") as answer:
        lines = answer.iter_lines()
        next(lines)
        job = idle.submit(kind="imagine", prompt="a cap")
        idle.client.post(f"/jobs/{job['id']}/cancel")
        idle.client.delete(f"/jobs/{job['id']}")
        told = parsed(lines)
        found = [next(told) for _ in range(3)]
    assert [(name, data["id"]) for _, name, data in found] == [
        (name, job["id"]) for name in ("state", "state", "deleted")
    ]
    assert [data.get("state") for *_, data in found] == ["queued", "cancelled", None]


def test_streams_are_bounded_and_end_with_their_clients(idle, monkeypatch):
    def nobody() -> None:
        until = time.monotonic() + 30
        while idle.service.streams:
            assert time.monotonic() < until
            time.sleep(0.05)

    monkeypatch.setattr("cast3d.app.streams.STREAMS", 1)
    nobody()
    with idle.client.stream("GET", "/events") as answer:
        lines = answer.iter_lines()  # closed with its iterator
        next(lines)
        assert idle.client.get("/events").status_code == 429
    nobody()


# --- around -----------------------------------------------------------------------------------------------------------


def test_every_route_is_described():
    told = document(routes())
    described = {
        f"{method.upper()} {path.removeprefix(API)}" for path, methods in told["paths"].items() for method in methods
    }
    assert described == set(TOLD)
    text = json.dumps(told)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names <= set(told["components"]["schemas"])


def test_the_description_is_served(idle):
    assert idle.client.get("/openapi.json").json()["openapi"] == "3.1.0"


def test_settings_and_examples(tmp_path):
    from cast3d.app.server import examples_folder

    with serving(tmp_path / "workspace", examples=examples_folder()) as live:
        settings = live.client.get("/settings").json()
        assert next(one for one in settings if one["name"] == "diffusion")["maximum"] == 9
        assert {one["group"] for one in settings} >= {"Layout", "Hints", "Parts"}
        first = live.client.get("/examples").json()[0]
        urls = [url for many in first["assets"].values() for url in many] + [first["picture"]]
        for url in urls:
            with Image.open(io.BytesIO(live.client.get(f"http://127.0.0.1:{live.port}{url}").content)) as image:
                assert image.format == ("WEBP" if url.endswith(".webp") else "PNG")


def test_a_sentence_is_read_while_it_is_typed(idle):
    def read(**body):
        return idle.client.post("/scene/read", json=body).json()

    told = read(prompt="a figure wearing a baseball cap and a backpack")
    assert [one["text"] for one in told["nouns"]] == ["figure", "baseball cap", "backpack"] and told["base"] == "figure"
    assert told["nouns"][1] == {"text": "baseball cap", "start": 19, "end": 31}
    told = read(prompt="a cap on a figure", terms=["cap", "figure"])
    assert told["base"] == "figure" and told["terms"]["cap"] == {"start": 2, "end": 5}
    assert "does not occur" in read(prompt="a cap", terms=["hat"])["warnings"][0]
    assert idle.client.post("/scene/read", json={"prompt": ""}).status_code == 400


def test_the_page_is_sent_as_it_was_packed(tmp_path):
    page = tmp_path / "page"
    (page / "assets").mkdir(parents=True)
    (page / "index.html.gz").write_bytes(gzip.compress(b"<!doctype html><script src=/assets/x-1.js></script>"))
    (page / "assets" / "x-1.js.gz").write_bytes(gzip.compress(b"let x = 1"))
    (page / "licenses.txt.gz").write_bytes(gzip.compress(b"MIT"))
    with serving(tmp_path / "workspace", page=page) as live:
        base = f"http://127.0.0.1:{live.port}"
        index, script = live.client.get(f"{base}/"), live.client.get(f"{base}/assets/x-1.js")
        assert "<script" in index.text and index.headers["cache-control"] == "no-cache"
        assert index.headers["content-type"].startswith("text/html")
        assert script.text == "let x = 1" and script.headers["content-type"].startswith("text/javascript")
        assert "immutable" in script.headers["cache-control"]
        assert live.client.get(f"{base}/licenses.txt").text == "MIT"
        assert live.client.get(f"{base}/nothing.txt").status_code == 404
        again = live.client.get(f"{base}/", headers={"If-None-Match": index.headers["etag"]})
        assert again.status_code == 304


def test_without_a_built_page_it_says_so(idle):
    assert "no page built in" in idle.client.get(f"http://127.0.0.1:{idle.port}/").text


# --- hints as they travel ---------------------------------------------------------------------------------------------


def test_bits_there_and_back():
    grid = np.zeros((64, 64, 64), bool)
    grid[0, 0, 0] = grid[1, 2, 3] = True
    data = base64.b64decode(to_bits(grid))
    assert len(data) == 32768 and data[0] == 128 and np.array_equal(from_bits(to_bits(grid)), grid)


def test_a_hint_that_is_moved_fills_its_box():
    grid = np.zeros((64, 64, 64), bool)
    grid[10:20, 10:20, 10:14] = True
    moved = into_box(grid, [[0.0, 0.0, 0.0], [10 / 64, 10 / 64, 4 / 64]])
    assert np.array_equal(moved[32:42, 32:42, 32:36], grid[10:20, 10:20, 10:14]) and moved.sum() == grid.sum()
    larger = into_box(grid, [[-0.5, -0.5, -0.5], [-0.5 + 20 / 64, -0.5 + 10 / 64, -0.5 + 8 / 64]])
    assert larger[:20, :10, :8].all() and larger.sum() == 20 * 10 * 8
    assert into_box(np.zeros_like(grid), [[-0.5, -0.5, -0.5], [0.5, 0.5, 0.5]]).all()
