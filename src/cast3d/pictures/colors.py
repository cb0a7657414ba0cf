"""Colours as sRGB has them, whatever profile a file brings."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
from PIL import Image, ImageCms

SAME = 2  # of 255: largest change by a profile that counts as sRGB already
SRGB_GAMMA = 1 / 2.2
EXPECTED = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab "}  # colour space of a profile, by mode


def to_srgb(image: Image.Image) -> tuple[Image.Image, str, bool]:
    """(image in sRGB, what was done or an empty text, whether that is a risk); alpha stays.

    Modes without colours of 8 bits are left as they are.
    """
    data = image.info.get("icc_profile")
    if not data:
        return _from_gamma(image)
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


def _from_gamma(image: Image.Image) -> tuple[Image.Image, str, bool]:
    """PNG files without a profile may tell a gamma; nearly all tell that of sRGB."""
    gamma = image.info.get("gamma")
    if "srgb" in image.info or image.mode not in {"L", "RGB", "LA", "RGBA"}:
        return image, "", False
    if not gamma or not 0.1 < gamma < 5 or abs(gamma - SRGB_GAMMA) < 0.03:
        return image, "", False
    light = np.linspace(0, 1, 256) ** (1 / gamma)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    table = (encoded * 255).round().astype(int).tolist()
    bands = [band if name == "A" else band.point(table) for name, band in zip(image.getbands(), image.split())]
    return Image.merge(image.mode, bands), f"colours were converted from gamma {1 / gamma:.2f} to sRGB", False


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
