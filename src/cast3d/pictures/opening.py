"""Opens pictures from anywhere: every size is checked before it is decoded, every mode becomes RGBA."""

from __future__ import annotations

import hashlib
import io
import re
import stat
import warnings
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import cast

from PIL import Image, ImageOps, features

from ..errors import InputError, nearest
from ..files import local_path, printable
from .colors import code_points, to_srgb
from .depth import gray_of, low_byte_mode, widen

MAX_SIDE = 16384
MAX_PIXELS = 64_000_000
MIN_SIDE = 16
MAX_BYTES = 256 << 20

# A closed list: Pillow's other readers include ones that start programs (EPS) or are rarely exercised.
SUFFIXES = {
    "PNG": ".png",
    "JPEG": ".jpg",
    "MPO": ".jpg",
    "WEBP": ".webp",
    "GIF": ".gif",
    "BMP": ".bmp",
    "TIFF": ".tif",
    "AVIF": ".avif",
}


@dataclass(frozen=True)
class Picture:
    """A picture, upright and in RGBA, with the file that it came from."""

    rgba: Image.Image
    sha256: str  # of `data`, as `sha256sum` prints it for the user's file
    data: bytes  # the encoded file
    suffix: str  # file suffix that fits `data`, such as ".png"
    notes: tuple[str, ...] = ()  # what was done to it as always: a background cut out, an animation's first frame
    warnings: tuple[str, ...] = ()  # what may be wrong with it, and what helps: a weak cut-out, several things
    confidence: float = 1.0  # of the cut-out, 0 to 1

    @property
    def has_alpha(self) -> bool:
        """Whether any pixel is not fully opaque (TRELLIS takes such pictures as cut out)."""
        extrema = cast(tuple[tuple[int, int], ...], self.rgba.getextrema())  # of each channel
        return extrema[3][0] < 255

    def noted(self, *notes: str, **changes) -> Picture:
        """The same picture with further notes and changed fields."""
        return replace(self, notes=self.notes + notes, **changes)

    def warned(self, *warnings: str, **changes) -> Picture:
        """The same picture with further warnings and changed fields."""
        return replace(self, warnings=self.warnings + warnings, **changes)


def pixels_hash(image: Image.Image) -> str:
    """SHA-256 in hex of a picture's mode, size and pixels, whatever file it came from."""
    return hashlib.sha256(f"{image.mode} {image.size} ".encode() + image.tobytes()).hexdigest()


def open_picture(source: str | Path | bytes | Image.Image) -> Picture:
    """Reads a PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF file (or the bytes of one), or takes an open PIL image."""
    if isinstance(source, Image.Image):
        return _from_image(source)
    if isinstance(source, bytes):
        path, data = "the given bytes", _bounded(source)
    else:
        found = local_path(source, "the picture")
        path, data = printable(found), _read(found)
    formats = [name for name in SUFFIXES if name not in {"MPO", "AVIF"} or (name == "AVIF" and features.check("avif"))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about sizes, which are checked here, and about odd metadata
        try:
            image = Image.open(io.BytesIO(data), formats=formats)
        except Image.DecompressionBombError as error:
            raise InputError(f"{path}: the picture is too large{_pixels(error)}; at most {_limit()}") from error
        except Exception as error:  # readers of hostile files raise nearly every kind of error
            raise InputError(
                f"{path}: not a picture that can be read (PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF); save it as PNG"
            ) from error
        opened = _decode(image, path, data)
    assert image.format  # every opened file has one
    return replace(opened, sha256=hashlib.sha256(data).hexdigest(), data=data, suffix=SUFFIXES[image.format])


def _from_image(image: Image.Image) -> Picture:
    opened = _decode(image, "the given PIL image")
    buffer = io.BytesIO()
    opened.rgba.save(buffer, "PNG")
    data = buffer.getvalue()
    return replace(opened, sha256=hashlib.sha256(data).hexdigest(), data=data, suffix=".png")


def _bounded(data: bytes) -> bytes:
    if not data or len(data) > MAX_BYTES:
        size = f"{len(data) >> 20} MB; pictures of up to {MAX_BYTES >> 20} MB are read" if data else "0 bytes"
        raise InputError(f"the given picture has {size}")
    return data


def _read(path: Path) -> bytes:
    name = printable(path)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"{name} is a folder; give the picture in it")
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{name} is not a regular file")
        if status.st_size == 0:
            raise InputError(f"{name} is empty (0 bytes)")
        if status.st_size > MAX_BYTES:
            raise InputError(f"{name} has {status.st_size >> 20} MB; pictures of up to {MAX_BYTES >> 20} MB are read")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"there is no picture {name}{_neighbour(path)}") from None
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _neighbour(path: Path) -> str:
    """The nearest file name in the folder, or the part of the path that is missing."""
    if path.parent.is_dir():
        return nearest(printable(path.name), (printable(one.name) for one in islice(path.parent.iterdir(), 10_000)))
    missing = next(parent for parent in reversed(path.parents) if not parent.is_dir())
    return f"; there is no folder {printable(missing)}"


def _decode(image: Image.Image, name: str, data: bytes = b"") -> Picture:
    """Pixels in RGBA and sRGB, turned upright as the EXIF orientation says, and notes; without the file."""
    _check_size(image, name)
    try:
        frames = getattr(image, "n_frames", 1)
        if frames > 1:
            image.seek(0)
        low_bytes = low_byte_mode(image) if data else ""  # pixels of an open image are taken as they are
        image.load()
        if (points := code_points(data)) is not None:
            image.info["cicp"] = points
        widened = widen(image, data, low_bytes)
        upright = ImageOps.exif_transpose(image)
        converted, done, risky = to_srgb(upright)
        rgba, deep = _to_rgba(converted)
    except Exception as error:  # as above; truncated and damaged files end up here
        raise InputError(f"{name}: the picture is damaged or cut short ({error}); save or download it again") from error
    notes = [done] if done and not risky else []
    if frames > 1:
        notes.append(f"{Path(name).name} holds {frames} pictures; the first one is used")
    if converted.mode == "CMYK":
        notes.append(f"{Path(name).name} is in CMYK; its colours are approximate, save it as RGB for exact ones")
    notes += [note for note in (widened, deep) if note]
    return Picture(rgba, "", b"", "", tuple(notes), (done,) if risky else ())


def _check_size(image: Image.Image, name: str) -> None:
    width, height = image.size
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise InputError(f"{name}: the picture is {width} x {height} pixels; at most {_limit()}")
    if min(width, height) < MIN_SIDE:
        raise InputError(f"{name}: the picture is {width} x {height} pixels; at least {MIN_SIDE} a side are needed")


def _pixels(error: Image.DecompressionBombError) -> str:
    """How many pixels Pillow counted, which it tells in its message only."""
    count = re.search(r"\d{6,}", str(error))
    return f" ({int(count[0]) / 1e6:,.0f} megapixels)" if count else ""


def _limit() -> str:
    return f"{MAX_SIDE} pixels a side and {MAX_PIXELS // 1_000_000} megapixels are read"


def _to_rgba(image: Image.Image) -> tuple[Image.Image, str]:
    """The picture, and what is to be noted of its depth."""
    if image.mode.startswith("I") or image.mode == "F":
        return gray_of(image)
    if image.mode in {"RGBA", "LA", "PA", "La", "RGBa", "P", "L", "1", "RGB"}:
        return image.convert("RGBA"), ""  # knows about transparent palette entries and colours
    return image.convert("RGB").convert("RGBA"), ""  # CMYK, YCbCr and others have no direct way
