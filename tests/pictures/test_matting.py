"""Cutting out by a network: a real session on a graph of one node (brightness), and how its file is found."""

from __future__ import annotations

import base64
import hashlib
import sys

import numpy as np
import pytest
from PIL import Image

from cast3d.composer import Composer
from cast3d.errors import CheckpointError, InputError
from cast3d.pictures import cutout, matting
from cast3d.pictures.cutout import cut_out
from cast3d.pictures.opening import open_picture
from tests.pictures.test_pictures import N, disc, overlap
from tests.tiny_backbone import tiny_backbone

# ONNX: y = ReduceMean(x, axes=[1], keepdims=1), x [1, 3, h, w], opset 13.
BRIGHTNESS = base64.b64decode(
    "CAg6XwowCgF4EgF5IgpSZWR1Y2VNZWFuKgsKBGF4ZXNAAaABByoPCghrZWVwZGltcxgBoAECEgFnWh0KAXgSGAoWCAESEgoCCAEKAggDCgMSAWgK"
    "AxIBd2IJCgF5EgQKAggBQgQKABAN"
)
MD5 = hashlib.md5(BRIGHTNESS, usedforsecurity=False).hexdigest()


@pytest.fixture
def release(monkeypatch, tmp_path):
    """The network "u2net" is the graph above; nothing is kept by rembg or cached yet."""
    monkeypatch.setenv("U2NET_HOME", str(tmp_path / "rembg"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(matting.RELEASES, "u2net", matting.Release("u2net.onnx", MD5, 320, *matting.IMAGENET))
    monkeypatch.setattr(cutout, "_recent", {})
    matting.load_matting.cache_clear()
    yield tmp_path
    matting.load_matting.cache_clear()


@pytest.fixture
def brightness(release):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install onnxruntime")
    (release / "rembg").mkdir()
    (release / "rembg" / "u2net.onnx").write_bytes(BRIGHTNESS)


def photograph(inside: float = 250.0) -> np.ndarray:
    """A bright disc on noise: no plain background."""
    noise = np.random.default_rng(0).integers(0, 60, (N, N, 3))
    return np.where(disc(N)[..., None], inside, noise).astype(np.uint8)


def test_an_object_on_any_background_is_cut_out(brightness):
    picture = open_picture(Image.fromarray(photograph()))
    with pytest.raises(InputError, match="set background to one of u2net, isnet, birefnet"):
        cut_out(picture)
    cut = cut_out(picture, "u2net")
    assert overlap(disc(N), cut.rgba) > 0.97
    assert cut.notes == ("the background was cut out by u2net",)
    assert (np.asarray(cut.rgba)[..., :3] == photograph()).all()  # colours stay
    assert cut.sha256 == picture.sha256


def test_alpha_in_use_goes_before_the_network(release):
    rgba = Image.fromarray(photograph()).convert("RGBA")
    rgba.putalpha(Image.fromarray(disc(N)))
    picture = open_picture(rgba)
    assert cut_out(picture, "u2net") is picture  # no file was looked for


def test_large_pictures_are_reduced_first(brightness):
    large = Image.fromarray(photograph()).resize((2048, 1536))
    assert cut_out(open_picture(large), "u2net").rgba.size == (1024, 768)


def test_pictures_without_an_object_are_refused(brightness):
    black = photograph()
    black[:, :] = 0
    with pytest.raises(InputError, match="found no object"):
        cut_out(open_picture(Image.fromarray(black)), "u2net")
    black[1:] = 250
    with pytest.raises(InputError, match="found no background"):
        cut_out(open_picture(Image.fromarray(black)), "u2net")


def test_pixels_go_in_as_published(brightness):
    """Scaled by the brightest value, then mean and deviation per channel: a mean over channels shows it."""
    image = Image.new("RGB", (320, 320), (20, 40, 80))
    image.putpixel((0, 0), (100, 0, 0))
    seen = {}
    network = matting.load_matting("u2net")
    session = network.session

    class Watch:
        get_inputs = session.get_inputs

        def run(self, names, given):
            seen.update(given)
            return session.run(names, given)

    network.session = Watch()
    network(image)
    (pixels,) = seen.values()
    assert pixels.shape == (1, 3, 320, 320) and pixels.dtype == np.float32
    mean, std = np.array(matting.IMAGENET)
    np.testing.assert_allclose(pixels[0, :, 9, 9], (np.array([0.2, 0.4, 0.8]) - mean) / std, rtol=1e-5)


def test_logits_pass_a_sigmoid_first(brightness, monkeypatch):
    pixels = np.zeros((320, 320, 3), np.uint8)
    pixels[:, 160:], pixels[:, 300:] = 128, 255  # middle grey lies half-way, before a sigmoid bends it
    image = Image.fromarray(pixels)
    plain = np.asarray(matting.load_matting("u2net")(image))[5, 200]
    steep = matting.Release("u2net.onnx", MD5, 320, (0.0,) * 3, (0.05,) * 3, logits=True)
    bent = np.asarray(matting.Matting(matting.weights("u2net"), steep)(image))[5, 200]
    assert plain in (127, 128) and bent > 250


def test_a_file_is_fetched_once_and_checked(release):
    fetched = []

    def fetch(url, path):
        fetched.append(url)
        path.write_bytes(BRIGHTNESS)

    file = matting.weights("u2net", fetch)
    assert file == release / "cache" / "cast3d" / "u2net.onnx" and file.read_bytes() == BRIGHTNESS
    assert matting.weights("u2net", fetch) == file
    file.write_bytes(b"cut short")
    assert matting.weights("u2net", fetch).read_bytes() == BRIGHTNESS
    assert fetched == [matting.SOURCE + "u2net.onnx"] * 2


def test_a_file_with_another_digest_is_not_kept(release):
    with pytest.raises(CheckpointError, match=r"has MD5 .* it was not kept"):
        matting.weights("u2net", lambda _, path: path.write_bytes(b"something else"))
    assert not list((release / "cache" / "cast3d").iterdir())


def test_what_rembg_fetched_is_used_if_it_is_whole(release):
    (release / "rembg").mkdir()
    file = release / "rembg" / "u2net.onnx"
    file.write_bytes(BRIGHTNESS)
    assert matting.weights("u2net", lambda *_: pytest.fail("fetched")) == file
    file.write_bytes(b"damaged")
    assert matting.weights("u2net", lambda _, path: path.write_bytes(BRIGHTNESS)) != file


def test_unknown_names_and_missing_packages_are_explained(release, monkeypatch):
    with pytest.raises(InputError, match="did you mean 'u2net'"):
        matting.load_matting("u2nett")
    (release / "rembg").mkdir()
    (release / "rembg" / "u2net.onnx").write_bytes(BRIGHTNESS)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        InputError, match=r'pip install -e "\.\[matting\]"; or give a PNG with a transparent background'
    ):
        cut_out(open_picture(Image.fromarray(photograph())), "u2net")


@pytest.mark.parametrize("method", ["u2net", "isnet", "birefnet"])
def test_without_onnxruntime_nothing_is_fetched(release, monkeypatch, method):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr(matting, "_download", lambda *_: pytest.fail("fetched"))
    with pytest.raises(InputError, match="needs onnxruntime"):
        cut_out(open_picture(Image.fromarray(photograph())), method)


def test_damaged_graphs_are_refused(release):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install onnxruntime")
    (release / "x.onnx").write_bytes(b"no graph")
    with pytest.raises(CheckpointError, match=r"x\.onnx is no network"):
        matting.Matting(release / "x.onnx", matting.RELEASES["u2net"])


def test_the_setting_reaches_the_network(brightness):
    photo = Image.fromarray(photograph())
    with pytest.raises(InputError, match="could not be told"):
        Composer(tiny_backbone()).lift(photo, settings={"background": "plain"})
    for settings in ({"background": "u2net"}, {}):  # by itself, as it takes
        lifted = Composer(tiny_backbone()).lift(photo, settings=settings)
        assert "object: the background was cut out by u2net" in lifted.notes and not lifted.warnings


def test_auto_takes_the_network_only_where_the_background_is_not_plain(brightness):
    plain = np.where(disc(N)[..., None], 250, 20).astype(np.uint8).repeat(3, axis=2)
    for picture, note in ((plain, "the plain background was cut out"), (photograph(), "cut out by u2net")):
        assert note in cut_out(open_picture(Image.fromarray(picture)), "auto").notes[0]


def test_auto_without_onnxruntime_says_what_would_help(release, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"could not be told.*set background to one of u2net"):
        cut_out(open_picture(Image.fromarray(photograph())), "auto")


def test_auto_says_both_what_failed_and_why_the_network_did_not_help(release, monkeypatch):
    def offline(url, path):
        raise CheckpointError(f"{url} cannot be fetched")

    monkeypatch.setattr(matting, "_download", offline)
    with pytest.raises(InputError, match=r"could not be told.*u2net did not help: .*cannot be fetched"):
        cut_out(open_picture(Image.fromarray(photograph())), "auto")


def test_another_method_makes_picture_stages_anew(brightness, tmp_path):
    plain = np.where(disc(N)[..., None], 250, 20).astype(np.uint8).repeat(3, axis=2)
    scene = {"figure": Image.fromarray(plain)}
    Composer(tiny_backbone()).compose("a figure", scene, out=tmp_path / "run")
    computed = []
    Composer(tiny_backbone()).compose(
        "a figure", scene, out=tmp_path / "run", settings={"background": "u2net"},
        progress=lambda name, done, total: computed.append(name) if (done, total) == (0, 1) else None,
    )  # fmt: skip
    assert {"main", "slat-figure"} <= set(computed)
