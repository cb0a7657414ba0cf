"""`cast3d doctor --front`: whether the front of an object looks to -y, as the released models were trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image

from ..backbones import Backbone
from ..errors import Finding
from ..pictures.crops import preprocess_trellis
from ..splats import orbit, render
from ..stages.kit import Kit
from ..stages.operators import d_slat, d_ss, decoded
from ..voxels import to_coords

YAWS = {"front": 0.0, "left": 90.0, "back": 180.0, "right": 270.0}  # seen from there; 0 looks from -y


@torch.no_grad()
def front(backbone: Backbone, picture: Image.Image) -> Finding:
    """Whether the front of an object looks to -y: lifts a picture of a front, and finds the side that resembles it."""
    kit = Kit(backbone, backbone.defaults)
    condition, settings = backbone.of_pictures([picture]), backbone.defaults
    latent = d_ss(kit, [condition], settings.image_guidance, [kit.structure_noise("front")])[0]
    coords = to_coords(decoded(kit, latent)[0])
    if not len(coords):
        return Finding("front", "nothing came out of the picture", None)
    noise = kit.slat_noise(coords, "front")
    (feats,) = d_slat(kit, [coords], [condition], settings.slat_image_guidance, [noise])
    gaussians = backbone.gaussians(coords, feats)
    wanted = np.asarray(preprocess_trellis(picture), dtype=np.float32) / 255
    distance = {name: _distance(gaussians, yaw, wanted) for name, yaw in YAWS.items()}
    best = min(distance, key=distance.__getitem__)
    listed = ", ".join(f"{name} {value:.3f}" for name, value in distance.items())
    text = f"difference from the picture by side: {listed}"
    return Finding(
        "front", text if best == "front" else f"the {best} resembles the picture most; {text}", best == "front"
    )


def _distance(gaussians: Any, yaw: float, wanted: np.ndarray) -> float:
    """Mean colour difference of a view, cropped to the object as pictures are."""
    view = render(gaussians, orbit(yaw, 0.0), 512)
    rgba = torch.cat([view.color / view.alpha.clamp_min(1e-4)[..., None], view.alpha[..., None]], dim=-1)
    image = Image.fromarray((rgba.clamp(0, 1) * 255).byte().cpu().numpy())
    return float(np.abs(np.asarray(preprocess_trellis(image), dtype=np.float32) / 255 - wanted).mean())
