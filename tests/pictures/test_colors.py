"""Colour profiles: what a picture shows is what its profile says, as in any browser."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from cast3d.pictures.opening import open_picture

# Chromaticities of red, green, blue and white, and the gamma.
D65, D50 = (0.3127, 0.3290), (0.3457, 0.3585)
ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), D65), 563 / 256
DISPLAY_P3 = ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), D65), 563 / 256
PROPHOTO = ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), D50), 1.8
SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), D65)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
WHITE = (0.9642, 1.0, 0.8249)  # D50 as profiles write it
COLORS = ((200, 60, 40), (60, 160, 70), (50, 80, 190), (128, 128, 128), (240, 230, 220))


def to_xyz(primaries) -> np.ndarray:
    """[3, 3] linear RGB to XYZ, its white moved to D50: what colour profiles store."""
    red, green, blue, white = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in primaries)
    columns = np.array([red, green, blue]).T
    columns = columns * np.linalg.solve(columns, white)
    there = np.array([D50[0] / D50[1], 1, (1 - sum(D50)) / D50[1]])
    return np.linalg.inv(BRADFORD) @ np.diag((BRADFORD @ there) / (BRADFORD @ white)) @ BRADFORD @ columns


def profile(primaries, gamma: float, space: bytes = b"RGB ") -> bytes:
    """A small ICC profile (version 2) of a matrix and a gamma, or of a grey curve."""

    def fixed(values) -> bytes:
        return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    text = b"test profile\0"
    tags = {b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + b"\0" * 79, b"wtpt": _xyz(fixed(WHITE))}
    tags[b"cprt"] = b"text\0\0\0\0free\0\0\0\0"
    if space == b"GRAY":
        tags[b"kTRC"] = curve
    else:
        for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), to_xyz(primaries).T):
            tags[name] = _xyz(fixed(column))
        tags |= {name: curve for name in (b"rTRC", b"gTRC", b"bTRC")}
    table, body, offset = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        data += b"\0" * (-len(data) % 4)
        table += name + struct.pack(">II", offset + len(body), len(data))
        body += data
    size = offset + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"none", 0x02400000, b"mntr", space, b"XYZ ") + b"\0" * 12 + b"acsp"
    head = head.ljust(68, b"\0") + fixed(WHITE)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _xyz(fixed: bytes) -> bytes:
    return b"XYZ \0\0\0\0" + fixed


def in_srgb(color, primaries, gamma: float) -> np.ndarray:
    """What a colour of a space is in sRGB, by the definition."""
    linear = np.linalg.solve(to_xyz(SRGB), to_xyz(primaries) @ (np.array(color) / 255) ** gamma).clip(0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def picture(mode: str = "RGB") -> Image.Image:
    """Stripes of the colours."""
    pixels = np.repeat(np.array(COLORS, np.uint8), 8, axis=0)[None].repeat(16, axis=0)
    return Image.fromarray(pixels).convert(mode)


def stripes(rgba: Image.Image) -> np.ndarray:
    return np.array([rgba.getpixel((8 * i + 4, 8))[:3] for i in range(len(COLORS))])


@pytest.mark.parametrize("space", [ADOBE, DISPLAY_P3, PROPHOTO], ids=["Adobe RGB", "Display P3", "ProPhoto"])
@pytest.mark.parametrize(("suffix", "mode"), [("png", "RGB"), ("png", "RGBA"), ("tif", "RGB"), ("webp", "RGBA")])
def test_wide_colour_spaces_become_srgb(tmp_path, space, suffix, mode):
    image = picture(mode)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(np.arange(40, dtype=np.uint8)[None].repeat(16, 0) + 200))
    image.save(
        tmp_path / f"a.{suffix}", icc_profile=profile(*space), **({"lossless": True} if suffix == "webp" else {})
    )
    read = open_picture(tmp_path / f"a.{suffix}")
    np.testing.assert_allclose(stripes(read.rgba), [in_srgb(color, *space) for color in COLORS], atol=2)
    assert read.notes == ("colours were converted from test profile to sRGB",) and not read.warnings
    if mode == "RGBA":
        np.testing.assert_array_equal(np.asarray(read.rgba)[..., 3], np.asarray(image)[..., 3])


def test_swapped_channels_are_swapped_back(tmp_path):
    red, green, blue, white = SRGB
    picture().save(tmp_path / "a.png", icc_profile=profile((green, red, blue, white), 2.2))
    read = open_picture(tmp_path / "a.png").rgba
    np.testing.assert_allclose(stripes(read), np.array(COLORS)[:, [1, 0, 2]], atol=6)


def test_a_palette_has_its_profile_too(tmp_path):
    picture().quantize(8).save(tmp_path / "a.png", icc_profile=profile(*ADOBE))
    read = open_picture(tmp_path / "a.png").rgba
    np.testing.assert_allclose(stripes(read), [in_srgb(color, *ADOBE) for color in COLORS], atol=3)


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_grey_profiles(tmp_path, mode):
    Image.new(mode, (16, 16), (100, 90)[: len(mode)] if mode == "LA" else 100).save(
        tmp_path / "a.png", icc_profile=profile(SRGB, 1.0, b"GRAY")
    )
    expected = round(float(in_srgb((100, 100, 100), SRGB, 1.0)[0]))
    read = open_picture(tmp_path / "a.png").rgba.getpixel((3, 3))
    assert abs(read[0] - expected) <= 1 and read[3] == (90 if mode == "LA" else 255)


def test_pixels_in_srgb_stay_as_they_are(tmp_path):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png", icc_profile=srgb)
    read = open_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(read.rgba)[..., :3], pixels)
    assert read.notes == read.warnings == ()


def test_cmyk_with_a_grey_profile_and_damaged_profiles_are_warned_of(tmp_path):
    for name, mode, data in (
        ("a.jpg", "RGB", b"no profile at all"),
        ("b.jpg", "CMYK", profile(SRGB, 1.0, b"GRAY")),
        ("c.png", "RGB", profile(*ADOBE)[:200]),
    ):
        picture(mode).save(tmp_path / name, icc_profile=data)
        read = open_picture(tmp_path / name)
        assert "the colour profile cannot be used" in read.warnings[0] and "taken as sRGB" in read.warnings[0]


def test_exif_orientation_and_profile_together(tmp_path):
    image = Image.new("RGB", (40, 20), (200, 60, 40))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.png", exif=exif, icc_profile=profile(*DISPLAY_P3))
    read = open_picture(tmp_path / "a.png").rgba
    assert read.size == (20, 40)
    np.testing.assert_allclose(read.getpixel((5, 5))[:3], in_srgb((200, 60, 40), *DISPLAY_P3), atol=2)


def test_linear_png_by_its_gamma(tmp_path):
    from PIL.PngImagePlugin import PngInfo

    for gamma, changed in ((100_000, True), (45_455, False)):
        chunks = PngInfo()
        chunks.add(b"gAMA", struct.pack(">I", gamma))
        picture().save(tmp_path / "a.png", pnginfo=chunks)
        read = open_picture(tmp_path / "a.png")
        expected = [in_srgb(color, SRGB, 1.0) if changed else color for color in COLORS]
        np.testing.assert_allclose(stripes(read.rgba), expected, atol=1)
        assert bool(read.notes) is changed


def with_exif(space: int, index: str = "") -> Image.Exif:
    """What a camera notes of the colour space: EXIF's tag, and the interoperability index of DCF 2.0."""
    exif = Image.Exif()
    exif[0x8769] = {0xA001: space, **({0xA005: {1: index}} if index else {})}
    return exif


@pytest.mark.parametrize(
    ("space", "index", "wide"),
    [(2, "", True), (0xFFFF, "R03", True), (0xFFFF, "", False), (0xFFFF, "R98", False), (1, "", False)],
)
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_adobe_rgb_that_exif_alone_tells(tmp_path, space, index, wide, suffix):
    quality = {"quality": 100, "subsampling": 0} if suffix == "jpg" else {}
    picture().save(tmp_path / f"a.{suffix}", exif=with_exif(space, index), **quality)
    read = open_picture(tmp_path / f"a.{suffix}")
    np.testing.assert_allclose(stripes(read.rgba), [in_srgb(c, *ADOBE) if wide else c for c in COLORS], atol=4)
    told = ("colours were converted from Adobe RGB, which the camera noted, to sRGB",)
    assert read.notes == (told if wide else ())


def test_a_profile_counts_more_than_exif(tmp_path):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture().save(tmp_path / "a.png", exif=with_exif(2), icc_profile=srgb)
    np.testing.assert_array_equal(stripes(open_picture(tmp_path / "a.png").rgba), COLORS)


def test_primaries_of_a_png(tmp_path):
    from PIL.PngImagePlugin import PngInfo

    primaries, _ = DISPLAY_P3
    red, green, blue, white = primaries
    chunks = PngInfo()
    chunks.add(b"gAMA", struct.pack(">I", 45_455))
    chunks.add(b"cHRM", struct.pack(">8I", *(round(v * 100_000) for v in (*white, *red, *green, *blue))))
    picture("RGBA").save(tmp_path / "a.png", pnginfo=chunks)
    linear = [in_srgb(in_linear(color), primaries, 1.0) for color in COLORS]
    np.testing.assert_allclose(stripes(open_picture(tmp_path / "a.png").rgba), linear, atol=2)


def in_linear(color) -> np.ndarray:
    """0 to 255 of light, by the curve of sRGB."""
    level = np.array(color) / 255
    return 255 * np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)


def test_code_points_of_a_png(tmp_path):
    from PIL.PngImagePlugin import PngInfo

    for points, space in (((12, 13, 0, 1), DISPLAY_P3[0]), ((1, 13, 0, 1), None), ((1, 8, 0, 1), SRGB)):
        chunks = PngInfo()
        chunks.add(b"cICP", bytes(points))
        picture().save(tmp_path / "a.png", pnginfo=chunks)
        read = open_picture(tmp_path / "a.png")
        light = [color if points[1] == 8 else in_linear(color) for color in COLORS]
        expected = COLORS if space is None else [in_srgb(one, space, 1.0) for one in light]
        np.testing.assert_allclose(stripes(read.rgba), expected, atol=2)
        assert bool(read.notes) is (space is not None)
    chunks = PngInfo()
    chunks.add(b"cICP", bytes((9, 16, 0, 1)))  # HDR
    picture().save(tmp_path / "a.png", pnginfo=chunks)
    assert "Save the picture in sRGB" in open_picture(tmp_path / "a.png").warnings[0]
