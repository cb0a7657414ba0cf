"""The page for everyone: keys alone, screen readers, narrow windows, light and dark."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.app.page.steps import PROMPT, compose, eventually, saturated, wait_for, write

AXE = Path(__file__).parents[3] / "web" / "node_modules" / "axe-core" / "axe.min.js"


def findings(page) -> list[str]:
    """What axe-core finds that is serious or worse."""
    if not AXE.is_file():
        assert not os.environ.get("CAST3D_AXE")  # CI sets it where it installed web/
        pytest.skip("axe-core is not installed (npm ci in web/)")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [
        f"{one['id']}: {one['help']}: {[node['html'][:140] for node in one['nodes'][:3]]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(page, pictures, theme, server, recorded):
    if theme == "dark":
        page.get_by_role("button", name="Dark colours").click()
    assert findings(page) == []
    write(page, pictures)
    page.get_by_text("Settings of the method").click()
    assert findings(page) == []
    page.get_by_role("button", name="Correct the cut-out of cap").click()
    assert findings(page) == []
    page.keyboard.press("Escape")
    compose(page, stop_at_layout=True)
    wait_for(page, "waiting")
    page.locator(".pane.layout").get_by_label("Box").check()
    assert findings(page) == []
    page.get_by_role("button", name="Accept").click()
    wait_for(page, "done")
    page.locator(".pane.parts").get_by_role("button", name="cap", exact=True).click()
    assert findings(page) == []
    page.get_by_role("button", name="Download", exact=True).click()
    assert findings(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Keys").click()
    assert findings(page) == []
    page.keyboard.press("Escape")
    page.goto(f"{server.address}/#/edit")
    page.locator(".model-drop input[type=file]").set_input_files(recorded.folder / "scene.glb")
    page.locator(".node-list button").first.click()
    assert findings(page) == []


def test_the_main_path_by_keys_alone(page, pictures, server):
    eventually(page, lambda: page.evaluate("document.activeElement.id") == "sentence")  # it has the focus at the start
    page.keyboard.type(PROMPT)
    asked = iter(("figure", "cap"))
    page.on("filechooser", lambda chooser: chooser.set_files(pictures[next(asked)]))
    page.locator("[data-term='cap']").wait_for()
    for term in ("figure", "cap"):
        tab_to(page, f"Picture of {term}")
        page.keyboard.press("Enter")
        page.get_by_alt_text(f"Cut-out of {term}").wait_for()
    tab_to(page, "Compose")
    page.keyboard.press("Enter")
    wait_for(page, "done")
    tab_to(page, "Hide cap")
    page.keyboard.press("Enter")
    page.locator(".pane.layout").get_by_role("button", name="Show cap").wait_for()
    tab_to(page, "Download")
    page.keyboard.press("Enter")
    page.get_by_role("dialog", name="Download").wait_for()
    tab_to(page, "3MF")
    with page.expect_download():
        page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    eventually(page, lambda: focused(page) == "Download")  # back where it was
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    eventually(page, lambda: page.evaluate("document.activeElement.id") == "sentence")


def test_an_edit_by_keys_alone(page, server, recorded):
    page.goto(f"{server.address}/#/edit")
    page.on("filechooser", lambda chooser: chooser.set_files(recorded.folder / "scene.glb"))
    tab_to(page, "Choose a file")
    page.keyboard.press("Enter")
    page.locator(".node-list").wait_for()
    for name in ("cap", "Take the picture of cowboy hat"):
        tab_to(page, name)
        page.keyboard.press("Enter")
    page.get_by_alt_text("Cut-out: cowboy hat.png").wait_for()
    tab_to(page, "What comes in place of cap")
    page.keyboard.type("crown")  # a field that is reached by Tab is chosen as a whole
    tab_to(page, "Edit")
    page.keyboard.press("Enter")
    eventually(page, lambda: len(server.jobs.asked) == 1)
    assert server.jobs.asked[0]["replace"] == {"cap": {"crown": ["up-2"]}}
    assert server.jobs.asked[0]["prompt"] == "a figure with a crown"


def test_a_view_is_turned_by_keys(page, pictures):
    write(page, pictures)
    compose(page)
    wait_for(page, "done")
    eventually(page, lambda: saturated(page, ".pane.whole canvas") > 0.02)
    canvas = page.locator(".pane.whole canvas")
    canvas.focus()  # first: the ring of the focus has a colour, too
    page.keyboard.press("0")
    before = saturated(page, ".pane.whole canvas")
    for _ in range(4):
        page.keyboard.press("+")
    eventually(page, lambda: saturated(page, ".pane.whole canvas") > 1.3 * before)
    page.keyboard.press("0")
    eventually(page, lambda: abs(saturated(page, ".pane.whole canvas") / before - 1) < 0.05)


def test_the_state_is_told_to_screen_readers(page, pictures):
    write(page, pictures)
    compose(page)
    page.get_by_role("status").get_by_text("The job is done.").wait_for()


def test_a_narrow_window_shows_one_pane_at_a_time(page, pictures):
    page.set_viewport_size({"width": 390, "height": 800})
    write(page, pictures)
    compose(page)
    wait_for(page, "done")
    assert page.get_by_role("tab", name="Whole").get_attribute("aria-selected") == "true"
    page.get_by_role("tab", name="Whole").press("ArrowLeft")
    page.locator(".pane.parts").wait_for()
    assert not page.locator(".pane.whole").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="History").click()
    page.get_by_role("dialog").get_by_role("link", name=PROMPT).wait_for()


def tab_to(page, name: str, most: int = 80) -> None:
    """Presses Tab until the element of that name has a focus that is seen."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if focused(page).startswith(name):
            ring = "getComputedStyle(document.activeElement).outlineStyle"
            assert page.evaluate(ring) != "none", f"{name} shows no focus"
            return
    raise AssertionError(f"{name} is not reached by Tab")


def focused(page) -> str:
    return page.evaluate("(document.activeElement.ariaLabel || document.activeElement.innerText || '').trim()")
