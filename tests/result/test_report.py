import base64
import gzip
import io
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cast3d import InputError, Scene
from cast3d.meshes import Mesh
from cast3d.meshes.glb import write_glb
from cast3d.pictures.opening import open_picture
from cast3d.result.report import InputPicture, Report, StageShots, page, render, report_of_run, write_report
from cast3d.result.report.content import glb_parts
from cast3d.result.report.packed import packed_splats
from cast3d.run.folder import RunFolder
from cast3d.splats import Gaussians
from cast3d.splats.ply import turn

TERMS = ("figure", "baseball cap", "backpack")
PROMPT = "a figure wearing a baseball cap and a backpack"
HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>&amp;</title></style>"""


def box(centre: tuple[float, float, float], half: float, color: tuple[float, float, float]) -> Mesh:
    corners = torch.tensor([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * half + torch.tensor(centre)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = torch.tensor([corner for a, b, c, d in quads for corner in ((a, b, c), (a, c, d))])
    return Mesh(corners, faces, torch.tensor(color).expand(8, 3))


def glb(tmp_path: Path, names=TERMS) -> bytes:
    spots = [((0.0, 0.0, -0.2), 0.2), ((0.0, 0.0, 0.15), 0.12), ((0.0, 0.3, -0.1), 0.1)]
    colors = [(0.9, 0.7, 0.2), (0.7, 0.1, 0.1), (0.1, 0.3, 0.6)]
    parts = {name: box(*spot, color) for name, spot, color in zip(names, spots, colors)}
    write_glb(tmp_path / "made.glb", parts, {})
    return (tmp_path / "made.glb").read_bytes()


def full_report(tmp_path: Path) -> Report:
    picture = Image.new("RGBA", (40, 30), (200, 40, 40, 255))
    return Report(
        prompt=PROMPT,
        terms=TERMS,
        glb=glb(tmp_path),
        inputs=tuple(InputPicture(term, picture, ("cut out",), "ab12") for term in TERMS),
        stages=(
            StageShots("layout", {"front": picture, "back": picture}, 3.25, 1 << 30),
            StageShots("part-baseball-cap", {"part": picture}, 1.5, 2 << 30),
            StageShots("export", {}, 0.25, 1 << 30),
            StageShots("something_new", {"x": picture}),
        ),
        settings={"layout": {"start": 21, "diffusion": 0.6}, "name": "x"},
        facts={"backbone": "bricks"},
        warnings=("the picture is dim",),
        files=("scene.glb", "my run.json"),
    )


class Page(HTMLParser):
    """Elements as (tag, attributes), and the visible text."""

    def __init__(self, html: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self._inside: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside.append(tag)

    def handle_endtag(self, tag):
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data):
        if not {"script", "style"} & set(self._inside):
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def test_the_page_holds_everything(tmp_path):
    html = render(full_report(tmp_path))
    parsed = Page(html)
    assert "a figure wearing a baseball cap and a backpack" in parsed.words
    assert [mark["data-term"] for mark in parsed.all("mark")] == ["0", "1", "2"]
    assert [row["data-part"] for row in parsed.all("li") if "data-part" in row] == ["0", "1", "2"]
    for term in TERMS:
        assert f"Only {term}" in [button.get("aria-label") for button in parsed.all("button")]
    for words in ("the picture is dim", "Layout", "(Eq. 13)", "Something new", "layout.start 21", "backbone bricks"):
        assert words in parsed.words
    for words in ("3.2 s", "1.00 GB", "Together 5.0 s 2.00 GB"):
        assert words in parsed.words
    images = [image["src"] for image in parsed.all("img")]
    assert len(images) == 3 + 2 + 1 + 1
    for source in images:
        assert Image.open(io.BytesIO(base64.b64decode(source.removeprefix("data:image/webp;base64,")))).size == (40, 30)
    assert [link["href"] for link in parsed.all("a")] == ["./scene.glb", "./my%20run.json"]


def test_stages_have_the_words_of_what_was_made(tmp_path):
    picture = Image.new("RGB", (20, 20))
    alone = (
        *(StageShots(name, {"object": picture}, 1.0) for name in ("main", "appearance", "refit")),
        StageShots("export", {}, 1.0),
    )
    whole = (*alone, StageShots("slat-cap", {"part": picture}, 1.0))
    single, composed = (
        Page(render(replace(full_report(tmp_path), stages=stages))).words.partition("Made from")[2]
        for stages in (alone, whole)
    )
    assert "Geometry" in single and "noise" in single and "Eq. 10" not in single
    assert "Main geometry" in composed and "Painted part: cap" in composed and "Eq. 10" in composed
    for words in (single, composed):
        assert words.count("Export") == 1  # in the table of times, and no empty card


def test_the_model_is_embedded_unchanged(tmp_path):
    report = full_report(tmp_path)
    (text,) = re.findall(
        r'<script type="application/octet-stream" id="model">([A-Za-z0-9+/=]*)</script>', render(report)
    )
    assert gzip.decompress(base64.b64decode(text)) == report.glb
    assert render(report) == render(report)


def test_the_viewer_fits_into_a_page():
    script = page.viewer()
    assert len(script) < 1_150_000 and "</script" not in script.lower() and "<!--" not in script
    assert script.count("Permission is hereby granted") == 2  # three.js and Spark, whose licences go with them


def test_splats_are_carried_in_short(tmp_path):
    """They come out as near as the form says; only of compositions."""
    generator = torch.Generator().manual_seed(0)
    count = 300
    turns = torch.nn.functional.normalize(torch.randn(count, 4, generator=generator), dim=1)
    splats = Gaussians(
        torch.rand(count, 3, generator=generator) - 0.5,
        torch.randn(count, 3, generator=generator) / 2,
        torch.rand(count, 3, generator=generator) * 0.02 + 0.001,
        turns,
        torch.rand(count, generator=generator),
        part=torch.arange(count) % 3,
    )
    packed = packed_splats(splats)
    assert len(packed) == 20 + 18 * count
    low, side = np.frombuffer(packed, "<f4", 3, 4), np.frombuffer(packed, "<f4", 1, 16)[0]
    places = np.frombuffer(packed, "<u2", 3 * count, 20).reshape(3, count).T / 65535 * side + low
    turned = turn(splats)
    assert np.abs(places - turned.positions.numpy()).max() < side / 131070 + 1e-6
    rest = np.frombuffer(packed, np.uint8, offset=20 + 6 * count).reshape(12, count).T
    logs = rest[:, :3] / 20 - 12
    assert np.abs(logs - turned.scales.log().numpy()).max() < 1 / 40 + 1e-5
    quaternions = rest[:, 3:7].copy().view(np.int8) / 127
    assert np.abs(quaternions - turned.rotations.numpy()).max() < 1 / 250
    assert np.abs(rest[:, 7:10] / 255 - turned.colors.clamp(0, 1).numpy()).max() < 1 / 500
    assert (rest[:, 11] == np.arange(count) % 3).all()
    assert 'id="splats"' in render(replace(full_report(tmp_path), splats=packed))
    assert 'id="splats"' not in render(full_report(tmp_path))
    assert len(packed_splats(splats[torch.zeros(count, dtype=torch.bool)])) == 20


def test_nothing_comes_from_the_network(tmp_path):
    html = render(full_report(tmp_path))
    ours = html.replace(page.viewer(), "")  # which holds names of XML and of licences; its policy lets it ask nobody
    assert not re.search(r"(?:https?:)?//[a-z0-9]", re.sub(r'(id="model">|base64,)[A-Za-z0-9+/=]*', "", ours))
    parsed = Page(html)
    for tag, attributes in parsed.elements:
        for key in ("src", "href", "data", "action", "poster", "srcset"):
            assert attributes.get(key, "data:").startswith(("data:", "./")), (tag, key)
    policy = next(meta["content"] for meta in parsed.all("meta") if meta.get("http-equiv"))
    rules = {name: rule for name, _, rule in (one.strip().partition(" ") for one in policy.split(";"))}
    assert rules["default-src"] == "'none'" and rules["img-src"] == "data: blob:"
    assert (rules["worker-src"], rules["connect-src"]) == ("blob:", "data:")  # what Spark sorts with lies in the script
    assert "unsafe" not in policy.replace("'wasm-unsafe-eval'", "") and policy.count("'sha256-") == 2


def test_text_of_users_is_never_markup(tmp_path):
    picture = Image.new("RGBA", (20, 20))
    report = Report(
        prompt=HOSTILE,
        terms=("alert",),
        glb=glb(tmp_path, (HOSTILE,)),
        inputs=(InputPicture(HOSTILE, picture, (HOSTILE,), HOSTILE),),
        stages=(StageShots(HOSTILE, {HOSTILE: picture}, 1.0, 1),),
        settings={HOSTILE: HOSTILE, "nested": {HOSTILE: [HOSTILE]}},
        facts={HOSTILE: HOSTILE},
        warnings=(HOSTILE,),
        notes=(HOSTILE,),
        files=(HOSTILE, "javascript:alert(3)"),
    )
    parsed = Page(render(report))
    clean = Page(render(full_report(tmp_path)))
    assert len(parsed.all("script")) == len(clean.all("script")) == 2
    assert len(parsed.all("style")) == len(parsed.all("title")) == 1
    assert all(image["src"].startswith("data:image/webp") for image in parsed.all("img"))
    assert not any(key.startswith("on") for _, attributes in parsed.elements for key in attributes)
    assert not any("style" in attributes for _, attributes in parsed.elements)  # the policy would refuse it
    assert all(link["href"].startswith("./") for link in parsed.all("a"))
    assert parsed.words.count("<script>alert(1)</script>") >= 8


def test_terms_that_left_the_prompt_do_not_stop_the_report(tmp_path):
    parsed = Page(render(Report("something else", TERMS, glb(tmp_path))))
    assert "something else" in parsed.words and not parsed.all("mark")


def test_part_names_come_from_the_top_nodes(tmp_path):
    assert [tuple(part) for part in glb_parts(glb(tmp_path))] == [(term, 12) for term in TERMS]
    for broken in (b"", b"glTF", glb(tmp_path)[:60], b"x" * 100):
        with pytest.raises(InputError, match="not a GLB"):
            glb_parts(broken)


def test_a_run_folder_becomes_a_report(tmp_path):
    images = {term: Image.new("RGB", (30, 30), "red") for term in TERMS}
    scene = Scene.make(PROMPT, images)
    with RunFolder(tmp_path / "out") as run:
        run.keep_inputs(scene, {term: (open_picture(image),) for term, image in images.items()})
        run.save_stage("layout", 2, {}, previews={"front": Image.new("RGB", (24, 24))})
        run.save_stage("main", 1, {}, previews={"side": Image.new("RGB", (24, 24))})
        with run.timed("layout"):
            pass
        run.record(settings={"layout": {"start": 21}}, seeds={"default": 0})
        run.warn("dim")
        run.note("cut out")
        with pytest.raises(InputError, match="not the folder of a finished run"):
            report_of_run(run.path)
        with run.file("scene.glb") as file:
            file.write_bytes(glb(tmp_path))
        report = report_of_run(run.path)
        write_report(run.path / "report.html", report)
    assert (report.prompt, report.terms, report.warnings, report.notes) == (PROMPT, TERMS, ("dim",), ("cut out",))
    assert [(stage.name, list(stage.pictures)) for stage in report.stages] == [
        ("main", ["side"]),
        ("layout", ["front"]),
    ]
    assert report.stages[0].seconds is None and report.stages[1].seconds is not None
    assert [(one.term, one.image.size) for one in report.inputs] == [(term, (30, 30)) for term in TERMS]
    assert report.files == ("scene.glb", "run.json")
    assert (tmp_path / "out" / "report.html").read_text(encoding="utf-8") == render(report)


def test_notes_stand_apart_from_warnings(tmp_path):
    picture = Image.new("RGB", (20, 20))
    shown = InputPicture("figure", picture, ("a note of it",), "", ("a risk of it",))
    text = render(Report(PROMPT, TERMS, glb(tmp_path), (shown,), warnings=("a risk",), notes=("a note",)))
    top, bottom = text.split('<section class="viewer"')
    assert "<li>a risk</li>" in top and "a note" not in top
    assert "<li>a note</li>" in bottom and "a risk</li>" not in bottom
    assert "<strong>a risk of it</strong>" in bottom and "<br>a note of it" in bottom


def test_only_pictures_in_inputs_are_read(tmp_path):
    Image.new("RGB", (30, 30)).save(tmp_path / "secret.png")
    with RunFolder(tmp_path / "out") as run:
        run.record(prompt=PROMPT, terms=list(TERMS), images={"figure": [{"file": "inputs/../../secret.png"}]})
        with run.file("scene.glb") as file:
            file.write_bytes(glb(tmp_path))
    with pytest.raises(InputError, match=r"there is no picture .*inputs/secret\.png"):
        report_of_run(tmp_path / "out")


# --- in a browser, where one is installed ---------------------------------------------------------------------------

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)


def test_a_browser_is_there_where_it_is_asked_for():
    """CI sets CAST3D_BROWSER where it found or installed one: there, browser tests must not be skipped in silence."""
    assert BROWSER or not os.environ.get("CAST3D_BROWSER")


ACT = """
setTimeout(() => {
  const find = (selector) => document.querySelector(selector), canvas = find("canvas"), log = {};
  const seen = () => [...document.querySelectorAll("[data-part] input")].map((input) => input.checked);
  const box = canvas.getBoundingClientRect(), gl = canvas.getContext("webgl2");
  const point = (x, y) => {
    const at = {clientX: box.left + x * box.width, clientY: box.top + y * box.height};
    canvas.dispatchEvent(new PointerEvent("pointermove", at));
    return find(".under-pointer").textContent;
  };
  const press = (key) => canvas.dispatchEvent(new KeyboardEvent("keydown", {key}));
  log.names = [point(0.5, 0.6), point(0.01, 0.01)];
  log.pictures = [...document.images].map((image) => [image.complete, image.naturalWidth > 0, image.alt]);
  press("2"); log.hidden = seen();
  press("2"); find("[data-part='2'] button").click(); log.alone = seen();
  find("[data-part='2'] button").click(); log.all = seen();
  requestAnimationFrame(() => {  // after the frame that the last click asked for, however late it comes
    const pixel = new Uint8Array(4);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.readPixels(canvas.width / 2, Math.round(0.4 * canvas.height), 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
    log.pixel = [...pixel];
    document.documentElement.dataset.log = JSON.stringify(log);
  });
}, 600);
"""


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed (apt-get install chromium)")
def test_the_viewer_works_in_a_browser(tmp_path, monkeypatch):
    viewer = page.viewer()
    monkeypatch.setattr(page, "viewer", lambda: viewer + ACT)
    write_report(tmp_path / "report.html", full_report(tmp_path))
    options = ["--headless", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    options += ["--ignore-gpu-blocklist", "--disable-background-networking", f"--user-data-dir={tmp_path / 'profile'}"]
    options += ["--force-prefers-reduced-motion", "--virtual-time-budget=5000", "--window-size=1200,900", "--dump-dom"]
    command = [BROWSER, *options, (tmp_path / "report.html").as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    (root,) = [attributes for tag, attributes in Page(dom).elements if tag == "html"]
    assert root["data-viewer"] == "ready 3"
    log = json.loads(root["data-log"])
    assert log["names"] == ["figure", ""]
    assert all(loaded and drawn for loaded, drawn, _ in log["pictures"])
    told = [alt for *_, alt in log["pictures"]]
    assert told == [*TERMS, "Layout: front", "Layout: back", "Part: baseball cap: part", "Something new: x"]
    assert log["hidden"] == [True, False, True]
    assert log["alone"] == [False, False, True] and log["all"] == [True, True, True]
    red, green, blue, alpha = log["pixel"]
    assert alpha == 255 and red > green > blue  # the figure is yellow
