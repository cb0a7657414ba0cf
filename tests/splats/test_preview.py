"""Turntables, contact sheets and picture files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from cast3d.splats import contact_sheet, turntable
from cast3d.splats.preview import save_png, save_webp, turned_together

from .scenes import balls, cloud


def test_a_turntable_starts_at_the_front_and_goes_round():
    images = turntable(balls([[0.3, 0.0, 0.0]]), size=48, frames=4, pitch=0)
    assert len(images) == 4 and images[0].shape == (48, 48, 3) and images[0].dtype == np.uint8
    images = turntable(balls([[0.3, 0.0, 0.0]]), size=48, frames=4, pitch=0, background=0.0)
    columns = [image.sum((0, 2)) @ np.arange(48) / image.sum() for image in images]
    assert columns[0] > 28 and abs(columns[1] - 23.5) < 1 and columns[2] < 19 and abs(columns[3] - 23.5) < 1


def test_a_contact_sheet_reads_row_by_row():
    images = [np.full((2, 3, 3), value, np.uint8) for value in (10, 20, 30)]
    sheet = contact_sheet(images, columns=2)
    assert sheet.shape == (4, 6, 3)
    assert [sheet[0, 0, 0], sheet[0, 3, 0], sheet[2, 0, 0], sheet[2, 3, 0]] == [10, 20, 30, 255]


def test_picture_files(tmp_path):
    images = turntable(cloud(30), size=32, frames=3)
    save_png(tmp_path / "a.png", images[0])
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), images[0])
    save_webp(tmp_path / "a.webp", images, fps=10)
    with Image.open(tmp_path / "a.webp") as animation:
        assert animation.n_frames == 3 and animation.size == (32, 32)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "a.webp"]


def test_splats_turned_together_share_their_frame():
    small, large = (
        replace(balls(at), features_dc=torch.zeros(len(at), 3))  # grey
        for at in ([[0.1, 0.0, 0.0]], [[0.1, 0.0, 0.0], [0.1, 0.0, 0.9]])
    )
    one, both = turned_together([small, large], size=48, frames=3, pitch=0)
    for a, b in zip(one, both):
        assert np.array_equal(a[30:], b[30:]) and not np.array_equal(a[:20], b[:20])  # the lower one is in its place
        assert (a[30:] < 200).any() and (b[:20] < 200).any()
