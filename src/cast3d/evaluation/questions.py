"""What a judge is shown and asked, and how its answer is read.

The paper's prompts are not public; these are ours. A judge sees the sentence, the pictures that went in and four sides
of one object. It sees neither the name of the method nor any other result, and gives three scores from 1 to 10.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import InputError
from ..language.answers import objects
from ..language.endpoints import Content
from ..meshes.glb import read_glb
from ..meshes.raster import framed, shoot
from ..meshes.texture import Textured
from ..pictures.opening import open_picture
from ..run.plain_data import canonical, digest
from .cells import PITCH, YAWS, shaded
from .scores import NAMES
from .suite import Case

LOWEST, HIGHEST = 1, 10
SIDE = 384  # of each of the four views
REFERENCE = 384  # longest side of a picture that went in

SYSTEM = """You judge 3D objects that were composed from pictures. Be strict, use the whole scale, and judge only what \
you see. Scores are numbers from 1 to 10; halves are allowed.

faithfulness: does each named thing look like its reference picture, in shape, colour and detail?
  10 every thing is recognisably the one in its picture; 7 small deviations; 4 a thing is there but another one of its \
kind; 1 things are missing or unlike their pictures.
aesthetic: is it a clean, well-made object?
  10 clean surfaces and colours from all sides; 7 small flaws; 4 clear holes, crumbs, blotches or dark patches; \
1 broken.
rationality: do the things form one plausible object, as the sentence says?
  10 everything has a sensible size, place and direction and touches what it should; 7 slightly off; 4 something \
floats, sinks in or faces wrongly; 1 makes no sense.

Differences in pose, light and viewpoint between reference and object are no faults. First say in two or three \
sentences what you see. Then end with one line of JSON and nothing after it:
{"faithfulness": X, "aesthetic": Y, "rationality": Z}"""


@dataclass(frozen=True)
class Question:
    """One run to be judged; `contents` is what the model gets beside `SYSTEM`."""

    method: str
    case: Case
    seed: int
    model: Path  # the object: a GLB with a node per part
    sample: int = 0  # the same question can be asked several times

    @cached_property
    def contents(self) -> tuple[Content, ...]:
        """Text and PNG pictures in turn."""
        shown: list[Content] = [f'The sentence: "{self.case.prompt}". The reference pictures:']
        for term, path in self.case.images.items():
            shown += [f"{term}:", png(reference(path))]
        shown += ["The composed object from four sides (front left, front right, back left, back right):"]
        return (*shown, png(views(self.model)), "Judge the composed object.")

    @cached_property
    def digest(self) -> str:
        """Hash of all that is asked; the names of method and case are no part of it."""
        parts = [one if isinstance(one, str) else digest(one) for one in self.contents]
        return digest(canonical([SYSTEM, *parts, self.sample]))


def views(model: Path) -> Image.Image:
    """Four sides of an object, two by two, as large as the pictures hold it, a little lit, on white."""
    parts, _ = read_glb(model)
    meshes = [part.mesh if isinstance(part, Textured) else part for part in parts.values()]
    rows = []
    for yaw in YAWS:
        camera = framed(meshes, yaw, PITCH)
        shot = shoot([shaded(mesh, camera) for mesh in meshes], camera, 2 * SIDE)
        color = np.where(shot.mask[..., None], shot.color, 1.0).reshape(SIDE, 2, SIDE, 2, 3).mean((1, 3))
        rows.append((color.clip(0, 1) * 255).round().astype(np.uint8))
    return Image.fromarray(np.concatenate([np.concatenate(rows[:2], 1), np.concatenate(rows[2:], 1)]))


def reference(path: Path) -> Image.Image:
    """A picture that went in, on white."""
    picture = open_picture(path).rgba
    picture.thumbnail((REFERENCE, REFERENCE), Image.Resampling.LANCZOS)
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture)
    return white.convert("RGB")


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def read_scores(text: str) -> dict[str, float]:
    """The three scores in the last JSON object of an answer that has them. Raises InputError where there is none."""
    found = [one for one in objects(text) if isinstance(one, dict) and set(NAMES) <= set(one)]
    for one in reversed(found):
        if all(_is_score(one[name]) for name in NAMES):
            return {name: float(one[name]) for name in NAMES}
    raise InputError(f"an answer without three scores from {LOWEST} to {HIGHEST}: {text[-200:]!r}")


def _is_score(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and LOWEST <= value <= HIGHEST
