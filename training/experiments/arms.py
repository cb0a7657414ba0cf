"""The arms of an experiment: what is trained on beside the parts, and how pictures are shown."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from training.bricks.condition_pool import Shown


@dataclass(frozen=True)
class Arm:
    """One row of the table; its name says what is different, such as `50000+home3d`, `none` or `shipped`."""

    name: str
    shapes: int = 0  # made by rule
    home3d: bool = False
    augment: bool = False  # stronger changes of the pictures
    poses: bool = False  # cameras up to the back
    trained: bool = True

    @staticmethod
    def parse(name: str) -> Arm:
        """Reads a name; raises ValueError for a word that means nothing."""
        words = name.split("+")
        numbers = [int(word) for word in words if word.isdigit()]
        rest = {word for word in words if not word.isdigit()} - {"none", "shipped"}
        if len(numbers) > 1 or rest - {"home3d", "augment", "poses"}:
            raise ValueError(
                f"an arm is none, shipped, or joins a number, home3d, augment and poses by +, not {name!r}"
            )
        return Arm(
            name,
            shapes=sum(numbers),
            home3d="home3d" in rest,
            augment="augment" in rest,
            poses="poses" in rest,
            trained=name != "shipped",
        )

    @property
    def things(self) -> bool:
        """Whether there is anything beside the parts."""
        return self.home3d or self.shapes > 0


def strengthened(shown: Shown) -> Shown:
    """Pictures changed more than by their making: channels, brightness, contrast, noise, sharpness.

    Shape and place of what is shown stay as they are.
    """
    image, device, count = shown.image, shown.image.device, len(shown.image)

    def some(share: float) -> Tensor:
        return (torch.rand(count, 1, 1, 1, device=device) < share).float()

    channels = torch.rand(count, 3, device=device).argsort(1)
    same = torch.rand(count, 1, device=device) < 0.5
    shown = shown.recolored(torch.where(same, torch.arange(3, device=device), channels))
    image, alpha = shown.image[:, :3], shown.image[:, 3:]
    gamma = (0.4 * torch.randn(count, 1, 1, 1, device=device)).exp()
    image = (image / alpha.clamp_min(1e-3)).clamp(1e-3, 1) ** gamma
    gain = 1 + 0.25 * torch.randn(count, 3, 1, 1, device=device) * some(0.5)
    mean = image.mean((2, 3), keepdim=True)
    contrast = 1 + 0.3 * torch.randn(count, 1, 1, 1, device=device) * some(0.5)
    image = ((image - mean) * contrast + mean) * gain
    image = image + 0.06 * torch.randn_like(image) * torch.rand(count, 1, 1, 1, device=device) * some(0.4)
    image = torch.cat([image.clamp(0, 1) * alpha, alpha], 1)
    coarse = F.interpolate(F.avg_pool2d(image, 2), scale_factor=2.0, mode="bilinear")
    image = torch.lerp(image, coarse, some(0.3))
    return Shown(image, *(getattr(shown, name) for name in ("frame", "place", "view", "parts", "color", "color_ok")))
