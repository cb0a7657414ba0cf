"""After Eq. 15, ours: the pictures themselves on the surface, from where each picture was taken.

The networks know no prints, and give what they never met the colours of something else. A picture is known, though, and
so is where its camera stood, once the thing is there to compare. Colours alone change: of the whole thing to those of
its pictures, then in their detail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image
from torch import Tensor

from ..following import Pose, find_poses, recolored, refitted
from .appearance import Appearance
from .kit import Kit
from .layout import Slat
from .outlines import looking
from .reading import Reading

UNLIKE = 0.3  # confidence of a pose below which a thing does not look like its picture from any side


@dataclass(frozen=True)
class Refit:
    """Colours of z_o's Gaussians after the pictures, and how surely each picture's camera was found."""

    colors: Tensor  # [J, 3] features_dc, in the order in which z_o decodes
    confidence: tuple[tuple[float, ...], ...] = ()  # per term and picture, 0 to 1; empty where nothing was looked for
    yaw: tuple[tuple[float, ...], ...] = ()  # degrees from the front, likewise
    pitch: tuple[tuple[float, ...], ...] = ()

    def unlike(self, index: int) -> bool:
        """Whether the thing looks like none of its pictures."""
        return bool(self.confidence) and bool(self.confidence[index]) and max(self.confidence[index]) < UNLIKE


def refit_colors(kit: Kit, appearance: Appearance, slats: Mapping[str, Slat], reading: Reading) -> Refit:
    """Finds each picture's camera on the thing alone (z_i), and fits the colours of its Gaussians in z_o to it."""
    whole = kit.backbone.gaussians(appearance.coords, appearance.feats)
    recolor, refit = kit.settings.recolor, kit.settings.refit
    if not recolor and not refit:
        return Refit(whole.features_dc)
    owner = appearance.owner[whole.voxel]
    colors, poses = whole.features_dc.clone(), []
    for index, term in enumerate(reading.terms):
        shown, mine = kit.shown(term), owner == index
        poses.append(found := _poses(kit, slats[term], shown) if shown else [])
        if mine.any() and len(found):
            cameras, trusts = [pose.camera for pose in found], [pose.confidence for pose in found]
            part = recolored(whole[mine], shown, cameras, strength=recolor)
            if refit:
                part = refitted(part, shown, cameras, trusts, strength=refit)
            colors[mine] = part.features_dc
        kit.on_step(index + 1, len(reading.terms))

    def of(name: str) -> tuple[tuple[float, ...], ...]:
        return tuple(tuple(round(float(getattr(pose, name)), 3) for pose in found) for found in poses)

    return Refit(colors, of("confidence"), of("yaw"), of("pitch"))


def _poses(kit: Kit, slat: Slat, shown: list[Image.Image]) -> list[Pose]:
    """Where each picture's camera stood, as the thing alone tells."""
    if not len(slat.coords):
        return []
    alone = kit.backbone.gaussians(slat.coords, slat.feats)
    return list(find_poses(alone, shown, **looking(kit)))
