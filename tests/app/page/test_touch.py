"""Fingers on the page and on a report: one turns, two zoom and move, a tap chooses, a stroke paints."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cast3d.result.report import Report, write_report
from tests.app.page.conftest import watched
from tests.app.page.steps import compose, eventually, saturated, wait_for, write
from tests.app.page.test_job_page import sent_hint

PHONE = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
STEPS = 6


@pytest.fixture
def page(browser: Any, server: Any) -> Iterator[Any]:
    with watched(browser, server.address, **PHONE) as made:
        yield made


@pytest.fixture
def done(page, pictures):
    write(page, pictures)
    compose(page)
    wait_for(page, "done")
    eventually(page, lambda: saturated(page, ".pane.whole canvas") > 0.02)
    return page


def move(page: Any, selector: str, *fingers: tuple[tuple[float, float], tuple[float, float]]) -> None:
    """Fingers that go from one place of an element to another at once; places are shares of its width and height."""
    page.locator(selector).scroll_into_view_if_needed()
    box = page.locator(selector).bounding_box()
    session = page.context.new_cdp_session(page)

    def points(share: float) -> list[dict[str, float]]:
        at = [[a + share * (b - a) for a, b in zip(*finger)] for finger in fingers]
        return [
            {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"], "id": i}
            for i, (x, y) in enumerate(at)
        ]

    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points(0)})
    for step in range(1, STEPS + 1):
        session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": points(step / STEPS)})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_timeout(150)  # a frame


def shot(page: Any, selector: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(page.locator(selector).screenshot())).convert("RGB")).astype(int)


def test_one_finger_turns_and_two_zoom(done):
    canvas = ".pane.whole canvas"
    before, scrolled = shot(done, canvas), done.evaluate("scrollY")
    share = saturated(done, canvas)
    move(done, canvas, ((0.3, 0.5), (0.7, 0.3)))
    turned = shot(done, canvas)
    assert np.abs(turned - before).max(-1).mean() > 1 and done.evaluate("scrollY") == scrolled  # the page stays
    assert abs(saturated(done, canvas) / share - 1) < 0.3
    move(done, canvas, ((0.4, 0.5), (0.2, 0.5)), ((0.6, 0.5), (0.8, 0.5)))
    assert saturated(done, canvas) > 1.3 * share


def test_two_fingers_move(done):
    canvas = ".pane.whole canvas"

    def middle() -> float:
        strong = np.ptp(shot(done, canvas), axis=-1) > 90
        return float(np.nonzero(strong)[1].mean() / strong.shape[1])

    before = middle()
    move(done, canvas, ((0.4, 0.5), (0.6, 0.5)), ((0.6, 0.5), (0.8, 0.5)))
    assert middle() > before + 0.05


def test_the_page_scrolls_beside_a_view(done):
    done.evaluate("scrollTo(0, 0)")
    session = done.context.new_cdp_session(done)
    session.send("Input.synthesizeScrollGesture", {"x": 195, "y": 120, "yDistance": -300, "speed": 4000})
    eventually(done, lambda: done.evaluate("scrollY") > 100)


def test_a_finger_paints_and_a_second_one_means_the_view(page, pictures, server, recorded):
    write(page, pictures)
    compose(page, stop_at_layout=True)
    wait_for(page, "waiting")
    page.locator(".pane.layout").get_by_label("Paint").check()
    canvas = ".pane.layout canvas"
    move(page, canvas, ((0.5, 0.62), (0.54, 0.64)))
    count = page.locator(".pane.layout .term-list li", has_text="cap").locator(".number")
    eventually(page, lambda: int(count.inner_text().replace(",", "")) > recorded.hints["cap"].sum())
    before = shot(page, canvas)
    move(page, canvas, ((0.1, 0.9), (0.05, 0.95)), ((0.3, 0.9), (0.6, 0.6)))
    assert np.abs(shot(page, canvas) - before).max(-1).mean() > 1
    page.get_by_role("button", name="Use these hints").tap()
    wait_for(page, "done")
    assert sent_hint(server, "cap").sum() > recorded.hints["cap"].sum()


def test_a_tap_chooses_a_part_of_a_model(page, server, recorded):
    page.goto(f"{server.address}/#/edit")
    page.locator(".model-drop input[type=file]").set_input_files(recorded.folder / "scene.glb")
    eventually(page, lambda: saturated(page, ".editor canvas") > 0.02)
    move(page, ".editor canvas", ((0.4, 0.5), (0.3, 0.5)), ((0.6, 0.5), (0.6, 0.5)))
    assert page.locator(".chosen-part").count() == 0  # two fingers chose nothing
    page.locator(".editor canvas").scroll_into_view_if_needed()
    box = page.locator(".editor canvas").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + 0.5 * box["height"])
    page.locator(".chosen-part").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_report_takes_fingers_too(browser, recorded, tmp_path):
    report = Report(
        prompt=recorded.prompt, terms=tuple(recorded.terms), glb=(recorded.folder / "scene.glb").read_bytes()
    )
    write_report(tmp_path / "report.html", report)
    with watched(browser, (tmp_path / "report.html").as_uri(), **PHONE) as page:
        page.locator("html[data-viewer^=ready]").wait_for(state="attached")
        eventually(page, lambda: saturated(page, "canvas") > 0.02)
        share, before = saturated(page, "canvas"), shot(page, "canvas")
        move(page, "canvas", ((0.3, 0.5), (0.7, 0.3)))
        assert np.abs(shot(page, "canvas") - before).max(-1).mean() > 1
        move(page, "canvas", ((0.4, 0.5), (0.2, 0.5)), ((0.6, 0.5), (0.8, 0.5)))
        assert saturated(page, "canvas") > 1.3 * share
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
