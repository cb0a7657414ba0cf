"""Pictures that are no files: the bytes of one, arrays."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from cast3d.composer import Composer
from cast3d.errors import InputError
from cast3d.pictures.opening import open_picture
from tests.tiny_backbone import PROMPT, picture, pictures, tiny_backbone


def encoded(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def voxels(result) -> torch.Tensor:
    return result.parts["object"].voxels


def test_bytes_and_arrays_are_lifted_as_the_picture_is(tmp_path):
    image, composer = picture("gold"), Composer(tiny_backbone())
    expected = voxels(composer.lift(image))
    image.save(tmp_path / "a.png")
    forms = (encoded(image), bytearray(encoded(image)), np.asarray(image), tmp_path / "a.png", str(tmp_path / "a.png"))
    for given in (*forms, [encoded(image)], (np.asarray(image),)):
        assert torch.equal(voxels(composer.lift(given)), expected)


def test_arrays_without_alpha_and_grey_ones_are_cut_out():
    image = Image.new("RGB", (64, 64), "white")
    image.paste((30, 60, 160), (16, 12, 48, 50))
    for given in (np.asarray(image), np.asarray(image.convert("L")), encoded(image)):
        lifted = Composer(tiny_backbone()).lift(given)
        assert lifted.notes == ["object: the plain background was cut out"]


def test_they_go_into_scenes_and_run_folders(tmp_path):
    given = {term: encoded(image) for term, image in pictures().items()}
    Composer(tiny_backbone()).compose(PROMPT, given, out=tmp_path / "run")
    assert (tmp_path / "run" / "inputs" / "cap.png").read_bytes() == given["cap"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (b"", "path, a PIL image, an array or the bytes of a file"),
        (b"no picture", "the given bytes: not a picture"),
        (np.zeros((64, 64, 3)), r"array \[64, 64, 3\] of float64; give uint8"),
        (np.zeros((64, 64, 2), np.uint8), r"\[height, width, 3 or 4\]"),
        (np.zeros((2, 64, 64, 3), np.uint8), r"\[height, width, 3 or 4\]"),
        (np.zeros((0, 64, 3), np.uint8), r"\[height, width, 3 or 4\]"),
        (np.zeros((8, 8, 3), np.uint8), "at least 16 a side"),
        (3, "path, a PIL image"),
        (None, "path, a PIL image"),
        (dict(enumerate(range(1000))), "not dict"),
    ],
)
def test_what_is_no_picture_is_a_short_error(wrong, says):
    with pytest.raises(InputError, match=says) as caught:
        Composer(tiny_backbone()).lift(wrong)
    assert len(str(caught.value)) < 250


def test_bytes_are_opened_as_the_file_is(tmp_path):
    picture("gold").save(tmp_path / "a.webp", lossless=True)
    data = (tmp_path / "a.webp").read_bytes()
    one, other = open_picture(data), open_picture(tmp_path / "a.webp")
    assert (one.sha256, one.data, one.suffix) == (other.sha256, data, ".webp")
