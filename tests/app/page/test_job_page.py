"""A job on the page: three panes, repainting, cancelling, reloading, downloads, history."""

from __future__ import annotations

import base64
import re

import numpy as np
import pytest

from tests.app.page.mock_server import MockServer
from tests.app.page.steps import colors, compose, drop, eventually, saturated, wait_for, write


@pytest.fixture
def done(page, pictures):
    """A page that shows a finished job."""
    write(page, pictures)
    compose(page)
    wait_for(page, "done")
    return page


@pytest.fixture
def waiting(page, pictures):
    """A page with a job that waits at its hints, the layout drawn."""
    write(page, pictures)
    compose(page, stop_at_layout=True)
    wait_for(page, "waiting")
    eventually(page, lambda: colors(page, ".pane.layout canvas") > 10)
    return page


def sent_hint(server: MockServer, term: str) -> np.ndarray:
    bits = base64.b64decode(server.jobs.patched[-1]["hints"][term]["bits"])
    return np.unpackbits(np.frombuffer(bits, np.uint8)).reshape(64, 64, 64).astype(bool)


def test_three_panes_show_what_came_out(done, server):
    for pane in ("layout", "parts", "whole"):
        eventually(done, lambda pane=pane: saturated(done, f".pane.{pane} canvas") > 0.02)
    whole = done.locator(".pane.whole")
    whole.get_by_text("every part is solid").wait_for()
    whole.get_by_label("By part").check()
    eventually(done, lambda: saturated(done, ".pane.whole canvas") < 0.1)  # the base is grey
    whole.get_by_label("Splat").check()
    whole.get_by_text("Loading the splats").wait_for(state="detached")
    whole.get_by_label("Own colours").check()
    eventually(done, lambda: saturated(done, ".pane.whole canvas") > 0.02)
    whole.get_by_label("By part").check()
    eventually(done, lambda: saturated(done, ".pane.whole canvas") < 0.1)
    titles = done.locator(".story li b").all_inner_texts()
    assert titles == ["Main geometry", "Layout", "Hints", "Part: cap", "Geometry", "Appearance"]


def test_parts_are_hidden_shown_alone_and_pulled_apart(done):
    parts = done.locator(".pane.parts")
    eventually(done, lambda: saturated(done, ".pane.parts canvas") > 0.02)
    whole = saturated(done, ".pane.parts canvas")
    parts.get_by_role("button", name="Hide figure").click()
    eventually(done, lambda: saturated(done, ".pane.parts canvas") < 0.7 * whole)
    parts.get_by_role("button", name="Show all").click()
    parts.get_by_role("button", name="Show figure alone").click()
    parts.get_by_role("button", name="Show cap", exact=True).wait_for()
    parts.get_by_role("button", name="Show figure alone").click()
    parts.get_by_role("button", name="Hide cap").wait_for()
    parts.get_by_label("Pull apart").fill("0")


def test_a_part_is_made_again_and_gets_another_picture(done, server, pictures):
    parts = done.locator(".pane.parts")
    parts.get_by_role("button", name="cap", exact=True).click()
    parts.get_by_text("triangles · solid").wait_for()
    server.jobs.pace = 0.05  # slow enough to be seen at work: what is done is done anew
    parts.get_by_role("button", name="Another try").click()
    wait_for(done, "running")
    drop(done, ".parts-list li:nth-child(2)", {"early.png": pictures["figure"].read_bytes()})
    done.get_by_text("The job is at work. Wait for it, or cancel it").wait_for()
    assert list(server.jobs.patched[0]["reseed"]) == ["cap"]
    wait_for(done, "done")
    parts.get_by_role("button", name="Swap the picture").wait_for()  # the row stays open while the job runs
    parts.locator("input[type=file]").set_input_files(pictures["figure"])
    eventually(done, lambda: len(server.jobs.patched) == 2)
    assert server.jobs.patched[1] == {"pictures": {"cap": ["up-3"]}}


def test_a_picture_that_is_dropped_on_a_part_takes_the_old_ones_place(done, server, pictures):
    drop(done, ".parts-list li:nth-child(2)", {"hat.png": pictures["figure"].read_bytes()})
    eventually(done, lambda: server.jobs.patched == [{"pictures": {"cap": ["up-3"]}}])
    wait_for(done, "done")


def test_a_hint_is_repainted_by_mouse(waiting, server, recorded):
    waiting.locator(".pane.layout").get_by_label("Paint").check()
    box = waiting.locator(".pane.layout canvas").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + 0.62 * box["height"]
    waiting.mouse.move(*middle)
    waiting.mouse.down()
    waiting.mouse.move(middle[0] + 12, middle[1] + 6, steps=4)
    waiting.mouse.up()
    waiting.get_by_role("button", name="Use these hints").click()
    wait_for(waiting, "done")
    assert server.jobs.patched[-1]["accept"] is True and list(server.jobs.patched[-1]["hints"]) == ["cap"]
    painted, before = sent_hint(server, "cap"), recorded.hints["cap"]
    assert (painted & before).sum() == before.sum()  # nothing is lost
    fresh = painted & ~before
    assert 5 < fresh.sum() < 3000 and (fresh & ~recorded.layout).sum() == 0  # painting stays on the layout
    assert np.argwhere(fresh)[:, 1].mean() < 32  # on the front, which is -y


def test_a_hint_is_repainted_by_keys(waiting, server, recorded):
    canvas = waiting.locator(".pane.layout canvas")
    canvas.focus()
    waiting.keyboard.press("b")
    waiting.keyboard.press("]")
    canvas.focus()
    waiting.keyboard.press(" ")
    waiting.get_by_role("button", name="Use these hints").press("Enter")
    wait_for(waiting, "done")
    assert sent_hint(server, "cap").sum() > recorded.hints["cap"].sum()


def test_painting_is_undone(waiting):
    canvas = waiting.locator(".pane.layout canvas")
    canvas.focus()
    waiting.keyboard.press("b")
    canvas.focus()
    waiting.keyboard.press(" ")
    count = waiting.locator(".pane.layout .term-list li", has_text="cap").locator(".number")
    grown = count.inner_text()
    waiting.keyboard.press("Control+z")
    eventually(waiting, lambda: count.inner_text() != grown)


def test_a_hint_is_moved_and_scaled_by_its_box(waiting, server, recorded):
    layout = waiting.locator(".pane.layout")
    layout.get_by_label("Box").check()
    height = layout.get_by_label("Bottom to top, from")
    low = int(height.input_value())
    assert low == np.argwhere(recorded.hints["cap"])[:, 2].min()
    height.fill(str(low + 3))
    height.press("Tab")
    waiting.get_by_role("button", name="Use these hints").click()
    wait_for(waiting, "done")
    moved = np.zeros_like(recorded.hints["cap"])
    moved[:, :, 3:] = recorded.hints["cap"][:, :, :-3]
    assert (sent_hint(server, "cap") == moved).all()


def test_a_handle_of_the_box_is_dragged(waiting, server, recorded):
    layout = waiting.locator(".pane.layout")
    layout.get_by_label("Box").check()
    size = layout.get_by_label("Bottom to top, size")
    before = int(size.input_value())
    box = layout.locator("canvas").bounding_box()
    found = False
    for share in np.arange(0.05, 0.5, 0.012):  # from the top: the first handle is that of the top
        at = box["x"] + box["width"] / 2, box["y"] + share * box["height"]
        waiting.mouse.move(*at)
        if "grabs" in (layout.locator("canvas").get_attribute("class") or ""):
            waiting.mouse.down()
            waiting.mouse.move(at[0], at[1] + 25, steps=4)
            waiting.mouse.up()
            found = True
            break
    assert found
    eventually(waiting, lambda: int(size.input_value()) < before)


def test_hints_are_accepted_as_they_are_or_asked_again(waiting, server):
    waiting.get_by_role("button", name="Ask again").click()
    eventually(waiting, lambda: server.jobs.patched == [{"ask_again": True}])
    wait_for(waiting, "waiting")
    waiting.get_by_role("button", name="Accept").click()
    wait_for(waiting, "done")
    assert server.jobs.patched[-1] == {"accept": True}


def test_a_job_is_cancelled_and_goes_on(page, pictures, server):
    server.jobs.pace = 0.15
    write(page, pictures)
    compose(page)
    page.get_by_text(re.compile(r"Step \d of 6 · about .* left")).wait_for()
    page.locator("img.preview").first.wait_for()
    page.get_by_role("button", name="Cancel").click()
    wait_for(page, "cancelled")
    page.get_by_text("What was done is kept").wait_for()
    server.jobs.pace = 0.01
    page.get_by_role("button", name="Go on").click()
    wait_for(page, "done")


def test_a_reload_and_a_restart_of_the_server_in_the_middle(page, pictures, server, recorded):
    server.jobs.pace = 0.12
    write(page, pictures)
    compose(page)
    wait_for(page, "running")
    page.reload()
    wait_for(page, "running")
    port = server.server_port
    server.shutdown()
    server.server_close()
    for key in server.jobs.events:
        server.jobs.tell(key, "ping", {})  # wakes the streams, which then find their sockets closed
    again = MockServer(recorded, port=port)
    again.jobs, again.uploads = server.jobs, server.uploads
    server.jobs.pace = 0.02
    again.start()
    wait_for(page, "done")
    eventually(page, lambda: saturated(page, ".pane.whole canvas") > 0.02)
    again.shutdown()
    again.server_close()


def test_a_failed_job_says_why(page, pictures, server):
    server.jobs.fail_at = "hints"
    write(page, pictures)
    compose(page)
    wait_for(page, "failed")
    page.get_by_text("The layout does not show the cap; try another seed.").wait_for()
    server.jobs.fail_at = ""
    page.get_by_role("button", name="Try again").click()
    wait_for(page, "done")


def test_the_past_that_a_stream_tells_again_is_no_news(done):
    done.reload()
    wait_for(done, "done")
    eventually(done, lambda: saturated(done, ".pane.whole canvas") > 0.02)
    assert done.locator("img.preview").count() == 0


def test_downloads(done):
    done.get_by_role("button", name="Download", exact=True).click()
    dialog = done.get_by_role("dialog", name="Download")
    dialog.get_by_text("yes, every part").wait_for()
    dialog.get_by_label("Height, mm").fill("80")
    assert re.fullmatch(r"\d+ × \d+ × 80 mm", dialog.locator("dd").first.inner_text())
    link = dialog.get_by_role("link", name=re.compile("^3MF"))
    assert "to=3mf" in link.get_attribute("href") and "height_mm=80" in link.get_attribute("href")
    with done.expect_download() as download:
        link.click()
    assert download.value.suggested_filename == "scene.3mf"
    for name in ("STL", "GLB", "OBJ", "PLY", "SPZ", "Report"):
        assert dialog.get_by_role("link", name=re.compile(f"^{name}")).count() == 1
    done.keyboard.press("Escape")
    dialog.wait_for(state="detached")


def test_the_history_opens_duplicates_and_deletes(done, server):
    history = done.get_by_role("navigation", name="History")
    history.get_by_role("button", name="Duplicate a figure wearing a cap").click()
    done.get_by_alt_text("Cut-out of cap").wait_for()
    compose(done)
    wait_for(done, "done")
    assert server.jobs.asked[1] == {**server.jobs.asked[0], "seed": 0, "duplicate_of": "job-001"}
    assert history.get_by_role("listitem").count() == 2
    history.get_by_role("button", name="Delete a figure wearing a cap").first.click()
    history.get_by_role("button", name="Delete a figure wearing a cap for good").click()
    eventually(done, lambda: history.get_by_role("listitem").count() == 1)
    assert list(server.jobs.all) == ["job-001"]


def test_a_job_that_is_not_there(page, server):
    page.goto(f"{server.address}/#/job/nothing")
    page.get_by_text("There is no such job").wait_for()


def test_a_model_is_edited(page, server, recorded, pictures, tmp_path):
    page.goto(f"{server.address}/#/edit")
    page.locator(".model-drop input[type=file]").set_input_files(recorded.folder / "scene.glb")
    eventually(page, lambda: saturated(page, ".editor canvas") > 0.02)
    canvas = page.locator(".editor canvas").bounding_box()
    page.mouse.click(canvas["x"] + canvas["width"] / 2, canvas["y"] + 0.25 * canvas["height"])  # the cap, in the view
    page.locator(".change-maker b", has_text="cap").wait_for()
    hat = tmp_path / "top-hat.png"
    hat.write_bytes(pictures["cap"].read_bytes())
    page.locator(".change-maker input[type=file]").set_input_files(hat)
    page.get_by_alt_text("Cut-out: top-hat.png").wait_for()
    assert page.get_by_label("What comes in place of cap").input_value() == "top hat"  # as the file's name says
    sentence = page.get_by_label("The sentence afterwards")
    assert sentence.input_value() == "a figure with a top hat"
    page.get_by_label("What comes in place of cap").fill("crown")
    assert sentence.input_value() == "a figure with a crown"
    page.get_by_role("button", name="Edit", exact=True).click()
    eventually(page, lambda: len(server.jobs.asked) == 1)
    asked = {"kind": "edit", "prompt": "a figure with a crown", "model": "up-1", "keep": "exact"}
    assert server.jobs.asked[0] == {**asked, "replace": {"cap": {"crown": ["up-2"]}}}


def test_a_picture_that_is_dropped_on_a_part_of_a_model_replaces_it(page, server, recorded, pictures):
    page.goto(f"{server.address}/#/edit")
    page.locator(".model-drop input[type=file]").set_input_files(recorded.folder / "scene.glb")
    page.locator(".node-list button", has_text="cap").wait_for()
    drop(page, ".node-list li:nth-child(2)", {"IMG_0001.png": pictures["cap"].read_bytes()})
    page.locator(".change-list img").wait_for()
    assert page.get_by_label("What comes in place of cap").input_value() == "cap"  # such a name says nothing
    page.get_by_role("button", name="Do not change cap").click()
    page.get_by_role("button", name="Take the picture of cowboy hat").click()  # one of the examples'
    page.locator(".change-list img").wait_for()
    assert page.get_by_label("The sentence afterwards").input_value() == "a figure with a cowboy hat"
