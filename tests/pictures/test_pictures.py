import hashlib
import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, features

from cast3d import InputError
from cast3d.pictures.crops import crop_square, preprocess_small, preprocess_trellis
from cast3d.pictures.cutout import cut_out
from cast3d.pictures.opening import open_picture
from tests.golden_data import golden

RED, CLEAR = (255, 0, 0, 255), (0, 0, 0, 0)


def disc(size=64, radius=0.3, center=(0.5, 0.5)) -> np.ndarray:
    """[size, size] bool"""
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    return (x - center[0]) ** 2 + (y - center[1]) ** 2 < radius**2


def opened(tmp_path, image: Image.Image, name: str, **options) -> Image.Image:
    image.save(tmp_path / name, **options)
    return open_picture(tmp_path / name).rgba


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    )


def webp_header(width: int, height: int) -> bytes:
    body = b"VP8L" + struct.pack("<I", 9) + b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + b"\0" * 5
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


# --- what is read, and how ------------------------------------------------------------------------------------------


def test_hash_and_data_are_those_of_the_file(tmp_path):
    Image.new("RGB", (20, 30), "red").save(tmp_path / "a.jpg")
    picture = open_picture(tmp_path / "a.jpg")
    assert picture.data == (tmp_path / "a.jpg").read_bytes() and picture.suffix == ".jpg" and picture.notes == ()
    assert picture.sha256 == hashlib.sha256(picture.data).hexdigest()
    assert picture.rgba.mode == "RGBA" and picture.rgba.size == (20, 30) and not picture.has_alpha


def test_an_open_image_keeps_its_pixels_and_hash_through_a_file(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 4), np.uint8)
    first = open_picture(Image.fromarray(pixels))
    (tmp_path / "copy.png").write_bytes(first.data)
    again = open_picture(tmp_path / "copy.png")
    assert again.sha256 == first.sha256
    np.testing.assert_array_equal(np.asarray(again.rgba), pixels)


@pytest.mark.parametrize(
    "mode, color, rgba",
    [
        ("1", 1, (255, 255, 255, 255)),
        ("L", 100, (100, 100, 100, 255)),
        ("LA", (100, 30), (100, 100, 100, 30)),
        ("RGB", (1, 2, 3), (1, 2, 3, 255)),
        ("RGBA", (1, 2, 3, 4), (1, 2, 3, 4)),
        ("I;16", 0x8080, (128, 128, 128, 255)),
    ],
)
def test_png_modes(tmp_path, mode, color, rgba):
    assert opened(tmp_path, Image.new(mode, (16, 16), color), "a.png").getpixel((3, 3)) == rgba


def deep_png(values: np.ndarray) -> bytes:
    """A PNG of 16 bits, [H, W, 1 to 4] (grey, grey and alpha, RGB, RGBA), which Pillow does not write."""
    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def deep_tiff(values: np.ndarray, order: str) -> bytes:
    """An uncompressed TIFF of 16-bit RGB; `order` "<" or ">"."""
    height, width, _ = values.shape
    pixels = values.astype(f"{order}u2").tobytes()
    bits = struct.pack(f"{order}3H", 16, 16, 16)
    at = 8 + 2 + 12 * 9 + 4  # after the header and the one directory
    entries = [
        (256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, at), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, at + 6),
        (277, 3, 1, 3), (278, 3, 1, height), (279, 4, 1, len(pixels)),
    ]  # fmt: skip
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, len(entries))
    short = {(3, 1): f"{order}HHIH2x"}
    rows = [
        struct.pack(short.get((kind, count), f"{order}HHII"), tag, kind, count, v) for tag, kind, count, v in entries
    ]
    return head + b"".join(rows) + b"\0" * 4 + bits + pixels


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("kind", ["grey and alpha", "RGB", "RGBA", "TIFF <", "TIFF >"])
def test_colours_of_fewer_bits_in_sixteen(bits, kind):
    channels = {"grey and alpha": 2, "RGBA": 4}.get(kind, 3)
    levels = np.linspace(0, (1 << bits) - 1, 16).round().astype(int)
    values = np.stack([np.roll(np.tile(levels, (16, 1)), k, 1) for k in range(channels)], axis=-1)
    read = open_picture(deep_tiff(values, kind[-1]) if "TIFF" in kind else deep_png(values))
    expected = np.linspace(0, 255, 16)
    found = np.asarray(read.rgba)[3]
    np.testing.assert_allclose(found[:, 0], expected, atol=1)
    if channels >= 3:
        np.testing.assert_allclose(found[:, 2], np.roll(expected, 2), atol=1)
    if channels in (2, 4):
        np.testing.assert_allclose(found[:, 3], np.roll(expected, channels - 1), atol=1)
    assert read.notes == (() if bits == 16 else (f"its colours were read as ones of {bits} bits",))


def test_a_dark_thing_whose_alpha_is_full_stays_dark():
    values = np.full((16, 16, 4), 3000)
    values[..., 3] = 65535
    read = open_picture(deep_png(values))
    assert read.rgba.getpixel((3, 3)) == (11, 11, 11, 255) and read.notes == ()
    assert open_picture(deep_png(np.zeros((16, 16, 3), int))).notes == ()


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_grey_of_fewer_bits_in_sixteen(tmp_path, bits, suffix):
    """What a camera or a scanner keeps so is no black picture: white is the largest value of the depth."""
    values = np.tile(np.linspace(0, (1 << bits) - 1, 16).round().astype(np.uint16), (16, 1))
    values[:, 1] = 1  # a dark pixel stays dark
    Image.fromarray(values).save(tmp_path / f"a.{suffix}")
    picture = open_picture(tmp_path / f"a.{suffix}")
    greys = [picture.rgba.getpixel((x, 3))[0] for x in (0, 5, 10, 15)]
    np.testing.assert_allclose(greys, [0, 85, 170, 255], atol=1)
    assert picture.notes == (() if bits == 16 else (f"its grey was read as one of {bits} bits",))


def test_sixteen_bit_gray_with_a_transparent_value(tmp_path):
    values = np.full((16, 16), 0x4000, np.uint16)
    values[:8] = 0x4001  # differs from the transparent value in the last bit only
    rgba = opened(tmp_path, Image.fromarray(values), "a.png", transparency=0x4000)
    assert rgba.getpixel((0, 0))[3] == 255 and rgba.getpixel((0, 15))[3] == 0


def test_floating_point_tiff(tmp_path):
    ramp = np.tile(np.linspace(0, 1, 16, dtype=np.float32), (16, 1))
    rgba = opened(tmp_path, Image.fromarray(ramp), "a.tif")
    assert [rgba.getpixel((x, 0))[0] for x in (0, 15)] == [0, 255]
    ramp[0, 0] = np.nan
    with pytest.raises(InputError, match="not finite"):
        opened(tmp_path, Image.fromarray(ramp), "a.tif")


def test_palette_with_transparent_entries(tmp_path):
    image = Image.new("P", (16, 16), 1)
    image.putpalette([10, 20, 30, 255, 0, 0, 0, 255, 0])
    image.paste(2, (0, 0, 16, 8))
    rgba = opened(tmp_path, image, "a.png", transparency=bytes([0, 255, 77]))
    assert rgba.getpixel((0, 0)) == (0, 255, 0, 77) and rgba.getpixel((0, 15)) == RED
    assert opened(tmp_path, image, "b.png", transparency=2).getpixel((0, 0))[3] == 0


def test_cmyk_jpeg_is_not_inverted_and_is_noted(tmp_path):
    Image.new("CMYK", (32, 32), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    picture = open_picture(tmp_path / "a.jpg")
    red, green, blue, alpha = picture.rgba.getpixel((8, 8))
    assert red > 240 and green < 20 and blue < 20 and alpha == 255
    assert "CMYK" in picture.notes[0]


def test_exif_orientation_is_applied(tmp_path):
    image = Image.new("RGB", (40, 20), "white")
    image.paste((255, 0, 0), (0, 0, 20, 20))  # the left half
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise: left becomes top
    rgba = opened(tmp_path, image, "a.jpg", exif=exif, quality=95)
    assert rgba.size == (20, 40)
    assert rgba.getpixel((10, 4))[1] < 40 and rgba.getpixel((10, 36))[1] > 200


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tif"])
def test_of_several_frames_the_first_is_used(tmp_path, suffix):
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "blue", "green")]
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], lossless=True)
    picture = open_picture(tmp_path / f"a.{suffix}")
    assert picture.rgba.getpixel((4, 4)) == RED
    assert "holds 3 pictures; the first one is used" in picture.notes[0]


def test_a_name_does_not_decide_the_format(tmp_path):
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    assert open_picture(tmp_path / "a.jpg").suffix == ".png"


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data, message",
    [
        (png_header(50_000, 50_000), "too large (2,500 megapixels); at most 16384 pixels a side and 64 megapixels"),
        (png_header(10_000, 10_000), "10000 x 10000 pixels"),
        (png_header(20_000, 20), "20000 x 20 pixels"),
        (webp_header(16_000, 16_000), "at most 16384 pixels a side and 64 megapixels"),
        (png_header(15, 400), "at least 16"),
        (png_header(100, 100), "damaged or cut short"),
        (b"", "is empty"),
        (b"GIF89a", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n", "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        (b"\x00" * 4096, "not a picture"),
    ],
)
def test_hostile_files_are_refused(tmp_path, data, message):
    (tmp_path / "bad.png").write_bytes(data)
    with pytest.raises(InputError) as caught:
        open_picture(tmp_path / "bad.png")
    assert message in str(caught.value) and "bad.png" in str(caught.value)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "webp", "bmp", "tif", "avif"])
def test_truncated_files_are_refused(tmp_path, suffix):
    if suffix == "avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / f"a.{suffix}")
    whole = (tmp_path / f"a.{suffix}").read_bytes()
    open_picture(tmp_path / f"a.{suffix}")
    for keep in (0.1, 0.5, 0.8):
        (tmp_path / f"a.{suffix}").write_bytes(whole[: int(len(whole) * keep)])
        with pytest.raises(InputError):
            open_picture(tmp_path / f"a.{suffix}")


def test_flipped_bytes_never_raise_anything_else(tmp_path):
    rng = np.random.default_rng(1)
    for suffix in ("png", "gif", "webp", "tif"):
        Image.new("P", (32, 32)).convert("RGB").save(tmp_path / f"a.{suffix}")
        whole = np.frombuffer((tmp_path / f"a.{suffix}").read_bytes(), np.uint8)
        for _ in range(40):
            broken = whole.copy()
            broken[rng.integers(0, len(whole), 3)] = rng.integers(0, 256, 3)
            (tmp_path / f"a.{suffix}").write_bytes(broken.tobytes())
            try:
                assert open_picture(tmp_path / f"a.{suffix}").rgba.mode == "RGBA"
            except InputError as error:
                assert f"a.{suffix}" in str(error)


def test_paths_that_are_no_picture(tmp_path):
    Image.new("RGB", (16, 16)).save(tmp_path / "boy.png")
    with pytest.raises(InputError, match=r"there is no picture .*byo\.png; did you mean 'boy\.png'"):
        open_picture(tmp_path / "byo.png")
    with pytest.raises(InputError, match=r"there is no folder .*picturs$"):
        open_picture(tmp_path / "picturs" / "more" / "boy.png")
    with pytest.raises(InputError, match="there is no folder"):
        open_picture(tmp_path / "boy.png" / "x.png")
    with pytest.raises(InputError, match="is a folder"):
        open_picture(tmp_path)
    with pytest.raises(InputError, match="not a regular file"):
        open_picture("/dev/null")
    with pytest.raises(InputError, match="cannot be read"):
        open_picture(tmp_path / "a\0b.png")


def test_open_images_are_bounded_too():
    with pytest.raises(InputError, match="20000 x 16"):
        open_picture(Image.new("1", (20_000, 16)))


# --- cut-outs -------------------------------------------------------------------------------------------------------

N = 160
X, Y = np.meshgrid(np.linspace(0, 1, N), np.linspace(0, 1, N))
BACKDROPS = {
    "white": np.full((N, N, 3), 255.0),
    "gradient": np.stack([230 - 60 * Y, 235 - 60 * Y, 245 - 50 * X], axis=-1),
    "vignette": np.stack([220 - 120 * ((X - 0.5) ** 2 + (Y - 0.5) ** 2)] * 3, axis=-1),
    "noisy": 180 + np.random.default_rng(0).normal(0, 3, (N, N, 3)),
    "soft shadow": np.stack([240 - 90 * np.exp(-(((X - 0.5) / 0.3) ** 2) - ((Y - 0.8) / 0.1) ** 2)] * 3, axis=-1),
}


def on_backdrop(mask: np.ndarray, backdrop: np.ndarray, color=(40, 90, 200)):
    return open_picture(Image.fromarray(np.where(mask[..., None], color, backdrop).clip(0, 255).astype(np.uint8)))


def overlap(mask: np.ndarray, rgba: Image.Image) -> float:
    """Intersection over union of the mask and alpha above one half."""
    alpha = np.asarray(rgba)[..., 3] > 127
    return (alpha & mask).sum() / (alpha | mask).sum()


@pytest.mark.parametrize("backdrop", BACKDROPS)
def test_an_object_on_a_plain_background_is_cut_out(backdrop):
    mask = disc(N)
    picture = cut_out(on_backdrop(mask, BACKDROPS[backdrop]))
    assert overlap(mask, picture.rgba) > 0.98
    assert picture.confidence > 0.9 and "cut out" in picture.notes[0]
    corner = np.asarray(picture.rgba)[:8, :8]
    assert (corner == 0).all()


def test_an_object_may_touch_the_border_and_have_a_hole():
    mask = disc(N, 0.4, (0.5, 0.75)) & ~disc(N, 0.12, (0.5, 0.7))
    assert overlap(mask, cut_out(on_backdrop(mask, BACKDROPS["noisy"])).rgba) > 0.97


def test_a_soft_edge_gives_back_alpha_and_the_object_s_own_colour():
    wide = 4  # a disc drawn larger and reduced, so that its edge pixels are true mixtures
    alpha = disc(N * wide).reshape(N, wide, N, wide).mean(axis=(1, 3))
    color, ground = np.array([200, 40, 40.0]), np.array([250, 250, 250.0])
    mixed = alpha[..., None] * color + (1 - alpha[..., None]) * ground
    rgba = np.asarray(cut_out(open_picture(Image.fromarray(mixed.round().astype(np.uint8)))).rgba).astype(float)
    edge = (alpha > 0.1) & (alpha < 0.9)
    assert edge.sum() > 100
    assert np.abs(rgba[..., 3][edge] / 255 - alpha[edge]).max() < 0.02
    assert np.abs(rgba[edge][:, :3] - color).max() <= 1  # no halo of the background


def test_alpha_in_use_is_taken_as_it_is():
    picture = open_picture(Image.fromarray(np.where(disc()[..., None], RED, CLEAR).astype(np.uint8)))
    assert cut_out(picture) is picture


@pytest.mark.parametrize("kind", ["texture", "blank", "patches", "checks"])
def test_a_background_that_is_not_plain_is_refused(kind):
    rng = np.random.default_rng(0)
    pixels = {
        "texture": rng.integers(0, 256, (N, N, 3)),
        "blank": np.full((N, N, 3), 200),
        "patches": rng.integers(0, 256, (8, 8, 3)).repeat(N // 8, 0).repeat(N // 8, 1),
        "checks": np.full((N, N, 3), 255) * ((X * 8 // 1 + Y * 8 // 1) % 2)[..., None],
    }[kind]
    with pytest.raises(InputError, match="PNG with a transparent background"):
        cut_out(open_picture(Image.fromarray(pixels.astype(np.uint8))))


def test_a_border_half_hidden_by_the_object_is_a_warning():
    mask = np.zeros((N, N), bool)
    mask[-N // 8 :] = True  # a bust: the object leaves by the bottom and both sides
    picture = cut_out(on_backdrop(mask, BACKDROPS["white"]))
    assert "low confidence" in picture.warnings[0] and overlap(mask, picture.rgba) > 0.97


@pytest.mark.parametrize("alpha", [0, 20])
def test_all_transparent_is_refused(alpha):
    with pytest.raises(InputError, match="transparent everywhere"):
        cut_out(open_picture(Image.new("RGBA", (32, 32), (255, 0, 0, alpha))))


# --- crops ----------------------------------------------------------------------------------------------------------


def test_preprocessing_is_trellis_s_pixel_for_pixel():
    folder = golden("trellis/preprocess")
    pairs = [
        entry
        for entry in json.loads((folder / "case.json").read_text())["images"]
        if (folder / entry["input"]).exists()
    ]
    assert pairs
    for entry in pairs:
        rgba = Image.open(folder / entry["input"])
        assert crop_square(rgba).size == tuple(entry["cropped_size"])
        np.testing.assert_array_equal(
            np.asarray(preprocess_trellis(rgba)), np.asarray(Image.open(folder / entry["output"]))
        )


def test_a_crop_may_leave_the_picture():
    rgba = Image.new("RGBA", (100, 40), RED)
    square = crop_square(rgba)
    assert square.size == (118, 118)  # int(1.2 * 99) = 118
    assert square.getpixel((59, 0)) == CLEAR and square.getpixel((59, 59)) == RED and square.getpixel((0, 59)) == CLEAR


def test_faint_pixels_do_not_count_for_the_box():
    pixels = np.zeros((50, 50, 4), np.uint8)
    pixels[10:31, 20:31] = RED
    pixels[0, 0] = (255, 255, 255, 204)  # 0.8 * 255 itself is out
    assert crop_square(Image.fromarray(pixels)).size == (24, 24)


@pytest.mark.parametrize("size, source", [(112, 400), (112, 40), (28, 300)])
def test_small_pictures_are_premultiplied_and_on_black(size, source):
    mask = disc(source)
    hidden = np.where(mask[..., None], RED, (0, 255, 0, 0)).astype(np.uint8)  # green that nobody may see
    small = preprocess_small(Image.fromarray(hidden), size)
    assert small.shape == (4, size, size) and small.dtype == np.float32
    assert (small[1:3] == 0).all() and (small[0] <= small[3]).all()
    assert small[3].min() == 0 and small[3].max() == 1
    share = mask.sum() / crop_square(Image.fromarray(hidden)).width ** 2
    assert small[3].mean() == pytest.approx(share, rel=0.01)


def test_a_single_pixel_object_is_refused():
    pixels = np.zeros((20, 20, 4), np.uint8)
    pixels[5, 5] = RED
    with pytest.raises(InputError, match="single pixel"):
        crop_square(Image.fromarray(pixels))
