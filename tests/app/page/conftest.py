"""A Chromium for all tests of the page, and a mock server with a page of it for each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.app.page.mock_server import MockServer
from tests.app.page.recorded import Recorded, small

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
# WebGL is drawn in software; the page around it is put together without that, which takes a third less.
ARGUMENTS = [
    "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist",
    "--disable-gpu-compositing",
]  # fmt: skip


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return small(tmp_path_factory.mktemp("recorded") / "run")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    asked = bool(os.environ.get("CAST3D_BROWSER"))  # CI sets it: there, nothing is skipped in silence
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        if asked:
            raise
        pytest.skip("playwright is not installed (pip install playwright)")
    if BROWSER is None:
        assert not asked
        pytest.skip("no Chromium is installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def server(recorded: Recorded) -> Iterator[MockServer]:
    made = MockServer(recorded).start()
    yield made
    made.shutdown()
    made.server_close()


@contextmanager
def watched(browser: Any, address: str, **how: Any) -> Iterator[Any]:
    """A page that is open; at the end: no error in the script, nothing refused by the policy, no other host asked."""
    context = browser.new_context(**{"viewport": {"width": 1120, "height": 760}, "reduced_motion": "reduce", **how})
    made = context.new_page()
    made.set_default_timeout(15_000)
    wrong: list[str] = []
    made.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    made.on("console", lambda told: wrong.append(told.text) if "Content Security Policy" in told.text else None)
    made.on(
        "request", lambda asked: None if asked.url.startswith((address, "blob:", "data:")) else wrong.append(asked.url)
    )
    made.goto(address)
    yield made
    context.close()
    assert wrong == []


@pytest.fixture
def page(browser: Any, server: MockServer) -> Iterator[Any]:
    with watched(browser, server.address) as made:
        yield made


@pytest.fixture
def pictures(recorded: Recorded) -> dict[str, Path]:
    return {term: recorded.folder / "inputs" / f"{term}.png" for term in recorded.terms}
