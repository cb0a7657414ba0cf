"""The report's viewer on a part with a texture, in a real browser."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
import torch
from PIL import Image

from cast3d.meshes.glb import write_glb
from cast3d.meshes.surface import from_sdf, simplify
from cast3d.meshes.texture import bake
from cast3d.result.report import Report, write_report
from tests.meshes.shapes import ball
from tests.result.test_report import BROWSER


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed (apt-get install chromium)")
def test_textures_are_shown(tmp_path):
    """A ball that only its picture colours: red on the viewer's right, green on the left, blue at the back."""

    def color(points: torch.Tensor, normals: torch.Tensor) -> torch.Tensor:
        x, y, _ = points.unbind(1)
        return torch.stack([(x > 0) & (y < 0.1), (x < 0) & (y < 0.1), y > 0.1], dim=1).float()

    write_glb(tmp_path / "ball.glb", {"ball": bake(simplify(from_sdf(ball(24)), 400), color, 256)}, {})
    report = Report(prompt="a ball", terms=("ball",), glb=(tmp_path / "ball.glb").read_bytes())
    write_report(tmp_path / "report.html", report)
    options = ["--headless", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    options += ["--ignore-gpu-blocklist", "--disable-background-networking", f"--user-data-dir={tmp_path / 'profile'}"]
    options += ["--force-prefers-reduced-motion", "--virtual-time-budget=5000", "--window-size=1000,800"]
    options += [f"--screenshot={tmp_path / 'shot.png'}", (tmp_path / "report.html").as_uri()]
    subprocess.run([BROWSER, *options], capture_output=True, timeout=120, check=True)
    shot = np.asarray(Image.open(tmp_path / "shot.png").convert("RGB")).astype(int)
    red, green, blue = (shot[..., i] > shot[..., [k for k in range(3) if k != i]].max(-1) + 60 for i in range(3))
    assert red.sum() > 2000 and green.sum() > 2000
    assert blue.sum() < 0.1 * red.sum()
    assert np.nonzero(green)[1].mean() < np.nonzero(red)[1].mean() - 20
