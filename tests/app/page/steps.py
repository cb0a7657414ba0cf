"""What a person does on the page, in words for the tests."""

from __future__ import annotations

import base64
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


def drop(page: Any, selector: str, files: dict[str, bytes]) -> None:
    """Drops files as a mouse would, once there is something to drop them on."""
    page.locator(selector).wait_for()
    packed = [[name, base64.b64encode(data).decode()] for name, data in files.items()]
    page.evaluate(
        """([selector, files]) => {
          const carried = new DataTransfer();
          for (const [name, text] of files) {
            const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
            carried.items.add(new File([bytes], name, {type: "image/png"}));
          }
          for (const kind of ["dragenter", "dragover", "drop"]) {
            const event = new DragEvent(kind, {dataTransfer: carried, bubbles: true, cancelable: true});
            document.querySelector(selector).dispatchEvent(event);
          }
        }""",
        [selector, packed],
    )
