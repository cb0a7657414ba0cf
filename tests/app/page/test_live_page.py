"""The page on the real server, with real workers and the tiny backbone."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.page.conftest import watched
from tests.app.page.steps import compose, eventually, saturated, wait_for, write
from tests.existing.made import man

live = pytest.importorskip("tests.app.live")  # the server is there
tiny = pytest.importorskip("tests.jobs.tiny")
pytestmark = pytest.mark.slow


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, Path]:
    from tests.tiny_backbone import pictures

    for term, picture in (made := pictures()).items():
        picture.save(tmp_path / f"{term}.png")
    return {term: tmp_path / f"{term}.png" for term in made if term in tiny.PROMPT}


@pytest.fixture
def page(browser: Any, tmp_path: Path, request: Any) -> Iterator[Any]:
    from cast3d.app.server import page_folder

    start = getattr(request, "param", tiny.Tiny(slow=0.02))
    with (
        live.serving(tmp_path / "workspace", start, page=page_folder()) as served,
        watched(browser, f"http://127.0.0.1:{served.port}") as made,
    ):
        made.set_default_timeout(60_000)
        made.served = served
        yield made


def test_from_a_sentence_to_a_file(page, pictures):
    write(page, pictures, tiny.PROMPT)
    compose(page, stop_at_layout=True)
    page.locator("img.preview").first.wait_for()
    wait_for(page, "waiting")
    layout = page.locator(".pane.layout")
    layout.locator("canvas").wait_for()
    layout.get_by_label("Box").check()
    height = layout.get_by_label("Bottom to top, size")
    before = int(height.input_value())
    height.fill(str(max(1, before - 1)))
    height.press("Tab")
    page.get_by_role("button", name="Use these hints").click()
    wait_for(page, "done")
    job = page.served.client.get("/jobs").json()["jobs"][0]
    assert len(job["painted"]) == 1
    page.reload()
    wait_for(page, "done")
    page.get_by_role("button", name="Download", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("dialog").get_by_role("link", name=re.compile("^3MF")).click()
    assert Path(download.value.path()).read_bytes()[:2] == b"PK"


def test_cancelling_and_going_on(page, pictures):
    write(page, pictures, tiny.PROMPT)
    compose(page)
    wait_for(page, "running")
    page.get_by_role("button", name="Cancel").click()
    wait_for(page, "cancelled")
    page.get_by_role("button", name="Go on").click()
    wait_for(page, "done")
    parts = page.locator(".pane.parts")
    eventually(page, lambda: parts.get_by_role("listitem").count() == len(pictures))
    accessory = next(term for term in pictures if term != "figure")
    parts.get_by_role("button", name=accessory, exact=True).click()
    parts.get_by_role("button", name="Another try").click()
    eventually(page, lambda: accessory in json.dumps(page.served.client.get("/jobs").json()["jobs"][0]["reseed"]))
    wait_for(page, "done")


def test_a_part_of_a_model_is_replaced(page, pictures, tmp_path):
    """By a thing of another name; before and after, and a file to print."""
    man().write(tmp_path / "man.glb")
    page.get_by_role("link", name="Edit a model").click()
    page.locator(".model-drop input[type=file]").set_input_files(tmp_path / "man.glb")
    eventually(page, lambda: saturated(page, ".editor canvas") > 0.02)  # names stay when the view has the model
    assert page.locator(".node-list button").all_inner_texts() == ["Body", "Red_Cap.001", "Backpack"]
    page.locator(".node-list button", has_text="Red_Cap").click()
    pictures["cap"].rename(tmp_path / "top-hat.png")
    page.locator(".change-maker input[type=file]").set_input_files(tmp_path / "top-hat.png")
    page.get_by_alt_text("Cut-out: top-hat.png").wait_for()
    page.get_by_role("button", name="Edit", exact=True).click()
    wait_for(page, "done")
    assert page.locator(".job-head mark").all_inner_texts() == ["top hat"]
    page.get_by_label("Before", exact=True).check()
    eventually(page, lambda: saturated(page, ".pane.whole canvas") > 0.02)
    page.get_by_role("button", name="Download", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("dialog").get_by_role("link", name=re.compile("^3MF")).click()
    with zipfile.ZipFile(download.value.path()) as held:
        assert b'name="top hat"' in held.read("3D/3dmodel.model")


@pytest.mark.parametrize("page", [tiny.Tiny(doubtful=True)], indirect=True)
def test_another_candidate_is_taken_by_mouse_and_by_keys(page, pictures):
    client = page.served.client
    assets = {
        term: [page.served.upload(pictures[term].read_bytes(), f"{term}.png")["id"]] for term in ("figure", "cap")
    }
    settings = {"candidates": 2, "outline": 1.0}
    job = page.served.submit(kind="compose", prompt="a figure wearing a cap", assets=assets, settings=settings)
    page.goto(f"http://127.0.0.1:{page.served.port}/#/job/{job['id']}")
    wait_for(page, "done")
    page.locator(".pane.parts").get_by_role("button", name="cap", exact=True).click()
    candidates = page.locator(".candidates button")
    eventually(page, lambda: candidates.count() == 2)
    best = [one.get_attribute("aria-pressed") for one in candidates.all()].index("true")

    def taken(index: int) -> None:
        """Waits until the job has run with that candidate."""
        page.locator(f".candidates li:nth-child({index + 1}) button[aria-pressed='true']").wait_for()
        assert client.get(f"/jobs/{job['id']}").json()["choices"] == {"cap": index}

    candidates.nth(1 - best).click()
    taken(1 - best)
    candidates.nth(1 - best).press("Tab" if best else "Shift+Tab")  # the focus outlived the run
    assert candidates.nth(best).evaluate("button => button === document.activeElement")
    page.keyboard.press("Enter")
    taken(best)
    kept = {stage["name"]: stage["reused"] for stage in client.get(f"/jobs/{job['id']}").json()["stages"]}
    assert kept["part_candidates-cap"] and kept["hints"]  # only what depends on the choice was made again
