"""Following the picture: where its camera was, guidance by its outline, which candidate follows it, its colours and its
detail on the surface. Ours, not the paper's; `docs/method.md` tells it apart.

A picture is read through the square of `pictures.crops.crop_square`; cameras see that square. Pure functions: what is
sampled, kept and shown is for the stages to say.
"""

from .agreement import ANYHOW, Agreement, Bounds, agree, better, fitted, ranked
from .guidance import Outline, guided_by_outlines, restart, soft_silhouette
from .pose import Pose, carried, find_pose, find_poses
from .recolor import recolored
from .refit import refitted
from .seen import Points, Shown
from .told import pose_of_places

__all__ = [
    "ANYHOW",
    "Agreement",
    "Bounds",
    "Outline",
    "Points",
    "Pose",
    "Shown",
    "agree",
    "better",
    "carried",
    "find_pose",
    "find_poses",
    "fitted",
    "guided_by_outlines",
    "pose_of_places",
    "ranked",
    "recolored",
    "refitted",
    "restart",
    "soft_silhouette",
]
