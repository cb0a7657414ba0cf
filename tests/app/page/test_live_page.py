"""The page on the real server, with real workers and the tiny backbone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.page.conftest import watched
from tests.app.page.steps import compose, eventually, wait_for, write

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
def page(browser: Any, tmp_path: Path) -> Iterator[Any]:
    from cast3d.app.server import page_folder

    with (
        live.serving(tmp_path / "workspace", tiny.Tiny(slow=0.02), page=page_folder()) as served,
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
