"""What a person does on the page, in words for the tests."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

PROMPT = "a figure wearing a cap"


def write(page: Any, pictures: dict[str, Path], prompt: str = PROMPT) -> None:
    """Writes the sentence and gives each thing its picture."""
    page.get_by_label("The sentence", exact=True).fill(prompt)
    for term, file in pictures.items():
        page.locator(f"[data-term='{term}'] input[type=file]").set_input_files(file)
        page.get_by_alt_text(f"Cut-out of {term}").wait_for()


def compose(page: Any, stop_at_layout: bool = False) -> None:
    if stop_at_layout:
        page.get_by_label("Stop at the layout").check()
    page.get_by_role("button", name="Compose", exact=True).click()


def wait_for(page: Any, state: str) -> None:
    page.locator(f".job-head .state.{state}").wait_for()


def colors(page: Any, selector: str) -> int:
    """How many clearly different colours an element shows: a picture of a shape has many, an empty stage few."""
    page.locator(selector).scroll_into_view_if_needed()
    shot = np.asarray(Image.open(io.BytesIO(page.locator(selector).screenshot())).convert("RGB")).astype(int)
    return len(np.unique(shot.reshape(-1, 3) // 24, axis=0))


def saturated(page: Any, selector: str) -> float:
    """The share of an element's pixels that have a strong colour."""
    page.locator(selector).scroll_into_view_if_needed()
    shot = np.asarray(Image.open(io.BytesIO(page.locator(selector).screenshot())).convert("RGB")).astype(int)
    return float((shot.max(-1) - shot.min(-1) > 90).mean())


def eventually(page: Any, check: Any, tries: int = 60) -> None:
    """Waits until the check holds: drawing comes a few frames after what asks for it."""
    for _ in range(tries):
        if check():
            return
        page.wait_for_timeout(100)
    assert check()
