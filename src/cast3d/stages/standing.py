"""Where a backbone knows a thing to stand that a model shows (ours).

A structure flow that was trained on things in frames of their own kind (a figure stands over its feet, a horse in the
middle of the cube) makes no sense of one that stands a voxel or two beside its place: layouts of it become noise. So
the flow is asked: what it lifts from a picture of the model stands in its own frame, and the model is laid over that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .. import flow
from ..existing.model import Model
from ..existing.seen import Existing
from ..following.registering import overlaid
from ..run.staging import Stage, Staging
from ..scene.edits import EditScene
from ..scene.names import EQUAL, alike
from .halves import EXISTING
from .hints import ring_cameras
from .kit import Kit
from .operators import d_ss, decoded
from .regions import nodes_named

LEAST = 0.45  # IoU of the model and what was lifted; below, the flow does not know such a thing
OUTSIDE = 0.02  # share of the model's surface that may leave the cube
SIZE = 512  # pixels of the picture
KEY = ("standing", "")  # of the noise: a model stands where it does whatever the seed, as given regions lie in its cube


@dataclass(frozen=True)
class Standing:
    """x of the cube in which the model was laid by rule -> scale x + shift."""

    lifted: Tensor  # [64, 64, 64] bool, what the flow makes of a picture of the main thing
    agreement: float  # IoU of that with the main thing
    scale: float
    shift: tuple[float, float, float]


def main_pieces(scene: EditScene, model: Model) -> list[int]:
    """The pieces of a model's main thing: the nodes that are called so, else all that the edit leaves."""
    # However its parts are found: a region that was found is given back in the same cube.
    gone = {piece for part in scene.change.parts for piece in nodes_named(model.pieces, part)}
    rest = [index for index in range(len(model.pieces)) if index not in gone]
    return [
        index for index in rest if max(alike(name, scene.main) for name in model.pieces[index].names) >= EQUAL
    ] or rest


def stood(run: Staging[Kit], scene: EditScene) -> Existing:
    """The kit's model where the backbone knows such things to stand, if it does. Files of cast3d keep their place."""
    existing = run.kit.existing
    assert existing is not None
    if existing.model.own or not run.kit.backbone.stand.lifted:
        return existing
    found: Standing = run(STANDING, main_pieces(scene, existing.model))
    return replace(existing, frame=existing.frame.moved(found.scale, found.shift))


def standing(kit: Kit, pieces: Sequence[int]) -> Standing:
    """Lays the main thing over what the structure flow lifts from a picture of its front (first line of Eq. 10)."""
    existing = kit.model()
    surface, whole = existing.surface(), bool(existing.model.pieces)
    chosen = torch.isin(surface.piece, torch.tensor(list(pieces), dtype=torch.int32)) if whole else surface.piece == 0
    (camera,) = ring_cameras(kit.backbone, 1, [0.0])
    color, alpha = existing.picture(camera, SIZE, pieces if whole else None)
    rgba = torch.cat([color, alpha[..., None]], dim=-1).clamp(0, 1)
    picture = Image.fromarray((rgba * 255).round().byte().cpu().numpy(), "RGBA")
    noise = flow.noise((1, *kit.backbone.structure_shape), 0, KEY)
    condition = kit.backbone.of_pictures([picture], "in_place")
    (lifted,) = decoded(kit, d_ss(kit, [condition], kit.settings.image_guidance, [noise])[0])
    as_it_was = Standing(lifted, 0.0, 1.0, (0.0, 0.0, 0.0))
    if not lifted.any() or not chosen.any():
        return as_it_was
    found = overlaid(surface.position[chosen].double().cpu().numpy(), lifted)
    moved = found(surface.position.double().cpu().numpy())
    if found.agreement < LEAST or (np.abs(moved) > 0.5).any(axis=1).mean() > OUTSIDE:
        return replace(as_it_was, agreement=found.agreement)
    x, y, z = found.shift.tolist()
    return Standing(lifted, found.agreement, found.scale, (x, y, z))


STANDING = Stage(
    "standing", 0, Standing, standing,
    "Standing", "What the backbone makes of a picture of the model; the model is laid over it.", EXISTING,
)  # fmt: skip
