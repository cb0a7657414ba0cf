"""Splats in report.html, drawn by Spark in a real browser, from a file and as the server sends it."""

from __future__ import annotations

import http.server
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cast3d.app.files import BOXED
from cast3d.meshes.glb import write_glb
from cast3d.meshes.surface import from_sdf, simplify
from cast3d.result.report import Report, write_report
from cast3d.result.report.packed import packed_splats
from cast3d.splats import Gaussians
from tests.app.page.conftest import watched
from tests.meshes.shapes import ball

RED, GREEN, BLUE = (0.9, 0.05, 0.05), (0.05, 0.75, 0.05), (0.05, 0.05, 0.9)
COUNT = 400  # Gaussians of each colour


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Grey balls as meshes. As splats: red to the viewer's right and above; green to the left, in front of blue."""
    folder = tmp_path_factory.mktemp("splats")
    high, low = (0.3, 0.0, 0.3), (-0.3, -0.1, -0.3)  # x to the right, y away from the front, z up
    behind = (-0.406, 0.12, -0.355)  # of `low`, as seen from where the viewer begins (yaw .45, pitch .22)
    balls = {name: simplify(from_sdf(ball(24, 0.15, at)), 200) for name, at in (("high", high), ("low", low))}
    write_glb(folder / "balls.glb", balls, {})
    centers = torch.tensor([high, low, behind]).repeat_interleave(COUNT, 0)
    colors = torch.tensor([RED, GREEN, BLUE]).repeat_interleave(COUNT, 0)
    count = len(centers)
    splats = Gaussians(
        centers + torch.randn(count, 3, generator=torch.Generator().manual_seed(0)) * 0.04,
        (colors - 0.5) / 0.28209479,
        torch.full((count, 3), 0.02),
        torch.tensor([1.0, 0.0, 0.0, 0.0]).expand(count, 4),
        torch.full((count,), 0.95),
        part=torch.tensor([0, 1, 1]).repeat_interleave(COUNT),
    )
    data = (folder / "balls.glb").read_bytes()
    made = Report(prompt="a high ball and a low one", terms=("high", "low"), glb=data, splats=packed_splats(splats))
    write_report(folder / "report.html", made)
    return folder / "report.html"


@pytest.fixture
def opened(browser: Any, report: Path) -> Iterator[Any]:
    with watched(browser, report.as_uri(), viewport={"width": 900, "height": 700}) as page:
        page.wait_for_selector("html[data-viewer^=ready]")
        yield page


def spots(page: Any) -> dict[str, tuple[int, float, float]]:
    """Of red, green and blue: how many pixels, and their mean place (right, down) as shares of the canvas."""
    shot = np.asarray(Image.open(io.BytesIO(page.locator("canvas").first.screenshot())).convert("RGB")).astype(int)
    found = {}
    for name, channel in (("red", 0), ("green", 1), ("blue", 2)):
        rows, columns = np.nonzero(shot[..., channel] > np.delete(shot, channel, -1).max(-1) + 60)
        where = (columns.mean() / shot.shape[1], rows.mean() / shot.shape[0]) if len(rows) else (-1.0, -1.0)
        found[name] = (len(rows), *map(float, where))
    return found


def until(page: Any, check: Any) -> dict[str, tuple[int, float, float]]:
    for _ in range(80):
        if check(found := spots(page)):
            return found
        page.wait_for_timeout(100)
    raise AssertionError(found)


def test_splats_stand_where_they_are_and_hide_what_is_behind(opened):
    assert all(count == 0 for count, *_ in spots(opened).values())  # the meshes are grey
    opened.get_by_label("Splat").check()
    found = until(opened, lambda now: now["red"][0] > 300 and now["green"][0] > 300)
    assert found["red"][1] > found["green"][1] + 0.2, found
    assert found["red"][2] < found["green"][2] - 0.2
    assert found["blue"][0] < 0.1 * found["green"][0]  # sorted: the green ones are in front
    opened.get_by_label("Mesh").check()
    until(opened, lambda now: all(count == 0 for count, *_ in now.values()))


def test_parts_of_splats_are_hidden_coloured_and_pulled_apart(opened):
    opened.get_by_label("Splat").check()
    before = until(opened, lambda now: now["red"][0] > 300 and now["green"][0] > 300)
    opened.get_by_label("high", exact=True).uncheck()
    until(opened, lambda now: now["red"][0] == 0 and now["green"][0] > 300)
    opened.get_by_label("high", exact=True).check()
    until(opened, lambda now: now["red"][0] > 300)
    opened.get_by_label("Colour by part").check()
    until(opened, lambda now: now["red"][0] == 0 or now["green"][0] == 0)
    opened.get_by_label("Colour by part").uncheck()
    until(opened, lambda now: now["red"][0] > 300 and now["green"][0] > 300)
    opened.get_by_label("Pull apart").fill("0.3")

    # The camera stands farther away, so all is smaller; parts that stay where they are would come nearer.
    def pulled(now: dict[str, tuple[int, float, float]]) -> bool:
        return 0 < now["red"][0] < before["red"][0] and now["green"][0] > 0 and apart(now) > 1.3 * apart(before)

    after = until(opened, pulled)
    assert after["red"][1] > after["green"][1] and after["red"][2] < after["green"][2]


def apart(found: dict[str, tuple[int, float, float]]) -> float:
    """How far red is from green, in widths of the red spot."""
    (count, x, y), (_, u, v) = found["red"], found["green"]
    return float(np.hypot(x - u, y - v) / count**0.5)


def test_splats_follow_many_changes_while_they_turn(opened):
    """Spark keeps five states of what it draws, and none of them must be held for ever."""
    opened.get_by_label("Splat").check()
    until(opened, lambda now: now["red"][0] > 300)
    opened.get_by_role("button", name="Turn").click()
    for _ in range(6):
        opened.get_by_label("high", exact=True).uncheck()
        until(opened, lambda now: now["red"][0] == 0)
        opened.get_by_label("high", exact=True).check()
        until(opened, lambda now: now["red"][0] > 100)
    opened.get_by_label("Mesh").check()
    until(opened, lambda now: all(count == 0 for count, *_ in now.values()))


def test_the_server_s_box_lets_splats_be_drawn(browser, report):
    class Boxed(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            data = report.read_bytes()
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.send_header("content-length", str(len(data)))
            self.send_header("content-security-policy", BOXED)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Boxed)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with watched(browser, f"http://127.0.0.1:{server.server_port}/report.html") as page:
            page.wait_for_selector("html[data-viewer^=ready]")
            page.get_by_label("Splat").check()
            until(page, lambda now: now["red"][0] > 300 and now["green"][0] > 300)
    finally:
        server.shutdown()
        server.server_close()
