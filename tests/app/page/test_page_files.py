"""The built page as package data."""

from __future__ import annotations

import gzip
import re
from importlib import resources

PAGE = resources.files("cast3d").joinpath("app", "page")
LIMIT = 1_000_000


def test_it_is_small_and_compressed():
    files = [PAGE / "index.html.gz", PAGE / "licenses.txt.gz", *(PAGE / "assets").iterdir()]
    assert all(file.name.endswith(".gz") for file in files)
    assert sum(len(file.read_bytes()) for file in files) <= LIMIT


def test_nothing_is_inline_and_nothing_comes_from_outside():
    html = gzip.decompress((PAGE / "index.html.gz").read_bytes()).decode()
    assert not re.search(r"<style|style=|<script>|<script [^>]*>[^<]| on\w+=", html)
    links = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert links and all(link.startswith("/assets/") for link in links)
    for link in links:
        assert (PAGE / f"{link.lstrip('/')}.gz").is_file()


def test_styles_load_nothing_from_outside():
    for file in (PAGE / "assets").iterdir():
        if file.name.endswith(".css.gz"):
            assert not re.search(r"url\((?!data:|#)|@import", gzip.decompress(file.read_bytes()).decode())


def test_licences_of_what_is_inside():
    text = gzip.decompress((PAGE / "licenses.txt.gz").read_bytes()).decode()
    for name in ("three", "@sparkjsdev/spark", "preact", "@preact/signals"):
        assert re.search(rf"^{re.escape(name)} \d", text, re.MULTILINE)
    assert text.count("Permission is hereby granted") == 5
