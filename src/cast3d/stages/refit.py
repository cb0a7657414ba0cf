"""After Eq. 15, ours: the pictures themselves on the surface, from where each picture was taken.

The networks know no prints, and give what they never met the colours of something else. A picture is known, though, and
so is where its camera stood, once the thing is there to compare. Colours alone change: of the whole thing to those of
its pictures, then in their detail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from ..following import Pose, find_poses, recolored, refitted
from ..following.seen import SOLID
from ..splats import Gaussians
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

    @classmethod
    def of(cls, colors: Tensor, poses: Sequence[Sequence[Pose]]) -> Refit:
        """With the poses found, per term."""

        def each(name: str) -> tuple[tuple[float, ...], ...]:
            return tuple(tuple(round(float(getattr(pose, name)), 3) for pose in found) for found in poses)

        return cls(colors, each("confidence"), each("yaw"), each("pitch"))


def refit_colors(kit: Kit, appearance: Appearance, slats: Mapping[str, Slat], reading: Reading) -> Refit:
    """Finds each picture's camera on the thing alone (z_i), and fits the colours of its Gaussians in z_o to it."""
    whole = kit.backbone.gaussians(appearance.coords, appearance.feats)
    if not _asked(kit):
        return Refit(whole.features_dc)
    owner = appearance.owner[whole.voxel]
    colors, poses = whole.features_dc.clone(), []
    for index, term in enumerate(reading.terms):
        slat, mine = slats[term], owner == index
        alone = kit.backbone.gaussians(slat.coords, slat.feats) if len(slat.coords) else None
        poses.append(found := _poses(kit, alone, term))
        if mine.any() and found:
            colors[mine] = _followed(kit, whole[mine], term, found)
        kit.on_step(index + 1, len(reading.terms))
    return Refit.of(colors, poses)


def refit_lifted(kit: Kit, slat: Slat, term: str) -> Refit:
    """The same for a thing that stands alone."""
    alone = kit.backbone.gaussians(slat.coords, slat.feats)
    if not _asked(kit) or not len(slat.coords):
        return Refit(alone.features_dc)
    found = _poses(kit, alone, term)
    return Refit.of(_followed(kit, alone, term, found), [found])


def _asked(kit: Kit) -> bool:
    return kit.settings.recolor > 0 or kit.settings.refit > 0


def _poses(kit: Kit, alone: Gaussians | None, term: str) -> list[Pose]:
    """Where each picture's camera stood, as the thing alone tells; nothing of what has no picture."""
    shown = kit.shown(term)
    if not shown or alone is None or not (alone.opacities > SOLID).any():
        return []
    return list(find_poses(alone, shown, **looking(kit)))


def _followed(kit: Kit, part: Gaussians, term: str, poses: Sequence[Pose]) -> Tensor:
    """[J, 3] features_dc: the part's colours moved to those of its pictures, then in their detail."""
    shown, cameras = kit.shown(term), [pose.camera for pose in poses]
    part = recolored(part, shown, cameras, strength=kit.settings.recolor)
    if strength := kit.settings.refit:
        part = refitted(part, shown, cameras, [pose.confidence for pose in poses], strength=strength)
    return part.features_dc
