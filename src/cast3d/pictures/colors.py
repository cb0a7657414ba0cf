"""Colours as sRGB has them, whatever profile a file brings."""

from __future__ import annotations

import io
from functools import cache
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageCms

SAME = 2  # of 255: largest change by a profile that counts as sRGB already
SRGB_GAMMA = 1 / 2.2
UNCALIBRATED = 0xFFFF  # EXIF's colour space of whatever is not sRGB
EXPECTED = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab "}  # colour space of a profile, by mode

Point = tuple[float, float]


class Primaries(NamedTuple):
    """Chromaticities (x, y) of a colour space."""

    red: Point
    green: Point
    blue: Point
    white: Point = (0.3127, 0.3290)  # D65
    name: str = ""

    def to_xyz(self) -> np.ndarray:
        """[3, 3] linear RGB to XYZ, with white at luminance 1."""
        columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in (self.red, self.green, self.blue)]).T
        x, y = self.white
        return columns * np.linalg.solve(columns, np.array([x / y, 1, (1 - x - y) / y]))

    def near(self, other: Primaries) -> bool:
        """Whether no chromaticity differs by more than files round to."""
        return bool(np.abs(np.array(self[:4]) - np.array(other[:4])).max() < 0.005)


SRGB = Primaries((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), name="sRGB")
ADOBE_RGB = Primaries((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), name="Adobe RGB")
DISPLAY_P3 = Primaries((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), name="Display P3")
REC_2020 = Primaries((0.708, 0.292), (0.17, 0.797), (0.131, 0.046), name="Rec. 2020")
ADOBE_GAMMA = 563 / 256
CODED_PRIMARIES = {1: SRGB, 2: SRGB, 9: REC_2020, 12: DISPLAY_P3}  # H.273, table 2; 2 is "unspecified"
CODED_TRANSFERS = {1: None, 2: None, 6: None, 13: None, 14: None, 15: None, 4: 2.2, 5: 2.8, 8: 1.0}  # table 3


def to_srgb(image: Image.Image) -> tuple[Image.Image, str, bool]:
    """(image in sRGB, what was done or an empty text, whether that is a risk); alpha stays.

    Modes without colours of 8 bits are left as they are.
    """
    data = image.info.get("icc_profile")
    if not data:
        return _told_otherwise(image)
    if image.mode in {"1", "F"} or image.mode.startswith("I"):
        return image, "", False
    if image.mode in {"La", "RGBa"}:  # premultiplied
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
    alpha = image.convert("RGBA").getchannel("A") if _has_alpha(image) else None
    plain = image.convert("L" if image.mode == "LA" else "RGB") if image.mode not in EXPECTED else image
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        if profile.profile.xcolor_space != EXPECTED[plain.mode]:
            if EXPECTED[plain.mode] == "GRAY" and profile.profile.xcolor_space == "RGB ":
                plain = plain.convert("RGB")  # browsers read grey pictures so
            else:
                raise ValueError(f"it is one for {profile.profile.xcolor_space.strip()}")
        transform = ImageCms.buildTransform(profile, _srgb(), plain.mode, "RGB")
        if plain.mode == "RGB" and _changes(transform) <= SAME:
            return image, "", False
        converted = ImageCms.applyTransform(plain, transform)
    except (ImageCms.PyCMSError, ValueError, TypeError, OSError) as error:
        return image, f"the colour profile cannot be used ({error}); the colours were taken as sRGB", True
    assert converted is not None  # None is for changes in place
    if alpha is not None:
        converted.putalpha(alpha)
    return converted, f"colours were converted from {_name(profile)} to sRGB", False


def _told_otherwise(image: Image.Image) -> tuple[Image.Image, str, bool]:
    """Colours without a profile: what a PNG file tells in chunks of its own, and a camera in its EXIF."""
    if image.mode not in {"L", "RGB", "LA", "RGBA"}:
        return image, "", False
    if "cicp" in image.info:
        return _from_code_points(image, *image.info["cicp"])
    if "srgb" in image.info:
        return image, "", False
    gamma, chromaticity = image.info.get("gamma"), image.info.get("chromaticity")
    if gamma and 0.1 < gamma < 5:
        points = tuple(chromaticity or ())
        space = Primaries(points[2:4], points[4:6], points[6:8], points[:2]) if len(points) == 8 else SRGB
        known = abs(gamma - SRGB_GAMMA) < 0.03
        if known and space.near(SRGB):
            return image, "", False
        return _from_space(image, space, None if known else 1 / gamma, f"gamma {1 / gamma:.2f}")
    if _camera_says_adobe(image):
        return _from_space(image, ADOBE_RGB, ADOBE_GAMMA, "Adobe RGB, which the camera noted,")
    return image, "", False


def _from_code_points(image: Image.Image, primaries: int, transfer: int, *_: int) -> tuple[Image.Image, str, bool]:
    """Colours by the numbers of ITU-T H.273, which PNG files may hold."""
    space, gamma = CODED_PRIMARIES.get(primaries), CODED_TRANSFERS.get(transfer, 0.0)
    if space is None or gamma == 0.0:
        said = f"the colours are coded as H.273 {primaries}/{transfer}, which is not known here"
        return image, f"{said}; they were taken as sRGB. Save the picture in sRGB", True
    if space is SRGB and gamma is None:
        return image, "", False
    return _from_space(image, space, gamma, f"{space.name} (H.273 {primaries}/{transfer})")


def code_points(data: bytes) -> tuple[int, ...] | None:
    """The four numbers of a PNG file's cICP chunk, which Pillow passes over; None where there is none."""
    if not data.startswith(b"\x89PNG"):
        return None
    at = 8
    while at + 12 <= len(data) and data[at + 4 : at + 8] != b"IDAT":
        size = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"cICP" and size == 4:
            return tuple(data[at + 8 : at + 12])
        at += 12 + size
    return None


def _camera_says_adobe(image: Image.Image) -> bool:
    """Whether EXIF tells Adobe RGB: colour space 2, or none with the interoperability "R03" (DCF 2.0)."""
    exif = image.getexif()
    space = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace)
    if space != UNCALIBRATED:
        return space == 2
    index = exif.get_ifd(ExifTags.IFD.Interop).get(1, "")
    text = index.decode("latin-1") if isinstance(index, bytes) else str(index)
    return text.strip("\0 ") == "R03"


def _from_space(image: Image.Image, space: Primaries, gamma: float | None, name: str) -> tuple[Image.Image, str, bool]:
    """Colours of some primaries and a gamma (None: the curve of sRGB) as sRGB."""
    levels = np.arange(256) / 255
    curve = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    linear = (curve if gamma is None else levels**gamma).astype(np.float32)
    bands = {band: np.asarray(one) for band, one in zip(image.getbands(), image.split())}
    light = np.stack([linear[bands[band]] for band in bands if band != "A"], axis=-1)
    if light.shape[-1] == 3:
        matrix = np.linalg.solve(SRGB.to_xyz(), space.to_xyz())
        matrix /= matrix.sum(1, keepdims=True)  # white stays white
        light = light @ matrix.T.astype(np.float32)
    light = light.clip(0, 1)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    colors = [Image.fromarray(one) for one in np.moveaxis((encoded * 255).round().astype(np.uint8), -1, 0)]
    alpha = [Image.fromarray(bands["A"])] if "A" in bands else []
    return Image.merge(image.mode, [*colors, *alpha]), f"colours were converted from {name} to sRGB", False


def _has_alpha(image: Image.Image) -> bool:
    return "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info


@cache
def _srgb() -> ImageCms.core.CmsProfile:
    return ImageCms.createProfile("sRGB")


def _changes(transform: ImageCms.ImageCmsTransform) -> int:
    """The largest change that a transform of RGB makes to a few hundred colours."""
    levels = np.linspace(0, 255, 8).round().astype(np.uint8)
    colors = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(8, 64, 3)
    changed = np.asarray(ImageCms.applyTransform(Image.fromarray(colors), transform))
    return int(np.abs(changed.astype(int) - colors).max())


def _name(profile: ImageCms.ImageCmsProfile) -> str:
    name = " ".join((profile.profile.profile_description or "").split())
    return name[:60] if name and name.isprintable() else "the file's colour profile"
