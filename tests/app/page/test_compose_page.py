"""Writing a scene: words become things, pictures are cut out and corrected, and what is sent."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from tests.app.page.recorded import picture
from tests.app.page.steps import PROMPT, compose, drop, eventually, wait_for, write


def test_words_become_things_and_pictures_are_cut_out(page, server, pictures):
    write(page, pictures)
    assert page.locator(".marks mark").all_inner_texts() == ["figure", "cap"]
    assert page.get_by_label("Base: carries the others").is_checked()
    compose(page)
    wait_for(page, "done")
    (asked,) = server.jobs.asked
    assert asked == {
        "kind": "compose",
        "prompt": PROMPT,
        "main": "figure",
        "assets": {"figure": ["up-1"], "cap": ["up-2"]},
    }


def test_selected_words_become_a_thing(page):
    page.get_by_label("The sentence", exact=True).fill("my old red hat")
    page.evaluate("document.getElementById('sentence').setSelectionRange(7, 12)")  # "red h"
    page.get_by_role("button", name="Make “red hat” a thing").click()
    page.locator("[data-term='red hat']").wait_for()
    assert page.locator(".marks mark").all_inner_texts() == ["red hat"]


def test_a_thing_that_left_the_sentence_is_put_back(page, pictures):
    write(page, pictures)
    page.get_by_label("The sentence", exact=True).fill("a figure")
    page.locator(".term-card .warning").get_by_text("Not in the sentence").wait_for()
    assert page.get_by_role("button", name="Compose", exact=True).is_disabled()
    page.get_by_role("button", name="Put it back").click()
    assert page.get_by_label("The sentence", exact=True).input_value() == "a figure and a cap"


def test_the_base_needs_a_picture(page, pictures):
    write(page, {"cap": pictures["cap"]})
    page.get_by_text("The base, “figure”, needs a picture").wait_for()
    page.locator("[data-term='cap']").get_by_label("Make it the base").check()
    page.get_by_text("Without a picture, figure will be no part with a name").wait_for()


def test_pictures_that_are_dropped_write_the_sentence(page, pictures, server):
    drop(page, "main", {"big-robot.png": pictures["figure"].read_bytes(), "top hat.png": pictures["cap"].read_bytes()})
    page.get_by_alt_text("Cut-out of top hat").wait_for()
    assert page.get_by_label("The sentence", exact=True).input_value() == "a big robot with a top hat"
    drop(page, "[data-term='top hat']", {"other.png": pictures["cap"].read_bytes()})
    page.locator("[data-term='top hat'] .thumb img >> nth=1").wait_for()


def test_a_cut_out_is_corrected_with_the_brush(page, pictures, server):
    write(page, pictures)
    page.get_by_role("button", name="Correct the cut-out of cap").click()
    canvas = page.locator(".cutout-place canvas")
    eventually(page, lambda: canvas.evaluate("c => c.width") == 96)
    box = canvas.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 20, middle[1])
    page.mouse.up()
    page.get_by_role("button", name="Use this cut-out").click()
    page.locator("dialog").wait_for(state="detached")
    drawn = np.asarray(Image.open(io.BytesIO(server.uploads["up-2"]["cutout"])))
    before = np.asarray(Image.open(pictures["cap"]))
    assert drawn.shape == before.shape
    assert drawn[48, 48, 3] == 0 and drawn[20, 48, 3] == 255 and before[48, 48, 3] == 255


def test_what_was_cut_away_comes_back(page, server, tmp_path):
    picture((0.1, 0.3, 0.8), transparent=False).save(tmp_path / "cap.png")
    write(page, {"cap": tmp_path / "cap.png"})
    before = np.asarray(Image.open(io.BytesIO(server.uploads["up-1"]["cutout"])))
    page.get_by_role("button", name="Correct the cut-out of cap").click()
    canvas = page.locator(".cutout-place canvas")
    eventually(page, lambda: canvas.evaluate("c => c.width") == before.shape[1])
    canvas.focus()
    page.keyboard.press("r")
    for _ in range(5):
        page.keyboard.press("ArrowUp")
    page.keyboard.press(" ")
    page.get_by_role("button", name="Use this cut-out").press("Enter")
    page.locator("dialog").wait_for(state="detached")
    after = np.asarray(Image.open(io.BytesIO(server.uploads["up-1"]["cutout"])))
    assert (after[..., 3] > 200).sum() > (before[..., 3] > 200).sum()


def test_a_draft_outlives_a_reload(page, pictures):
    write(page, pictures)
    page.reload()
    page.get_by_alt_text("Cut-out of cap").wait_for()
    assert page.get_by_label("The sentence", exact=True).input_value() == PROMPT


def test_words_alone_and_one_picture_alone(page, pictures, server):
    page.get_by_label("The sentence", exact=True).fill("a cap")
    page.get_by_role("button", name="Imagine it").wait_for()
    page.locator("[data-term='cap'] input[type=file]").set_input_files(pictures["cap"])
    page.get_by_role("button", name="Make it 3D").click()
    wait_for(page, "done")
    assert server.jobs.asked[0]["kind"] == "lift"


def test_a_bad_picture_is_told_in_words(page, tmp_path):
    (tmp_path / "cap.png").write_bytes(b"no picture")
    page.get_by_label("The sentence", exact=True).fill(PROMPT)
    page.locator("[data-term='cap'] input[type=file]").set_input_files(tmp_path / "cap.png")
    page.get_by_role("alert").wait_for()
    page.get_by_text("cap.png was not taken").wait_for()


def test_an_example_is_composed_with_one_click(page, server):
    page.get_by_role("button", name="a figure riding a horse", exact=True).click()
    wait_for(page, "done")
    assert server.jobs.asked[0]["main"] == "horse" and set(server.jobs.asked[0]["assets"]) == {"horse", "figure"}


def test_settings_are_sent_where_they_differ(page, pictures, server):
    write(page, pictures)
    page.get_by_text("Settings of the method").click()
    page.get_by_label("diffusion").fill("0.4")
    page.get_by_label("refine").uncheck()
    page.get_by_label("Seed").fill("7")
    compose(page)
    wait_for(page, "done")
    assert server.jobs.asked[0]["settings"] == {"diffusion": 0.4, "refine": False} and server.jobs.asked[0]["seed"] == 7


def test_an_error_of_the_server_is_told_with_its_remedy(page, pictures):
    write(page, pictures)
    full = {"error": {"kind": "limit", "message": "1000 jobs wait already"}}
    page.route("**/api/v1/jobs", lambda route: route.fulfill(status=429, json=full))
    compose(page)
    page.get_by_role("alert").get_by_text("1000 jobs wait already. Wait until a job is done, or delete some").wait_for()
    page.route("**/api/v1/jobs", lambda route: route.abort())
    compose(page)
    page.get_by_role("alert").get_by_text("See whether cast3d app still runs").wait_for()
