"""Conditions of training samples on the device: pictures, words, and what they are about."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cast3d.backbones.bricks.words import Vocabulary

from .assemble import Batch, DeviceBank, Views, crop_views, frame_views, occupancy, render, shell, surface_points
from .objects import FAMILIES, Objects
from .places import places
from .variety import vary

WORDS = 32
CELLS = 28  # per side of a picture, in which places are told: quarters of the encoder's patches
FILLING = ("filled", "thing")  # families of single objects that fill the grid
PEOPLE = ("person", "bare_person")
BASES = ("stand", "scene")
MOST_YAW, MOST_PITCH = math.pi / 3, 35 / 180 * math.pi  # of the cameras, to both sides and upwards only


@dataclass
class Conditions:
    """What N objects look like and are called; pictures are uint8, V views each."""

    image: Tensor  # [N, V, 4, 112, 112]
    place: Tensor  # [N, V, 7, 28, 28] float16, see `places`
    view: Tensor  # [N, V, 2] yaw and pitch of the cameras in radians
    frame: Tensor  # [N] 0 filled, 1 in place
    words: Tensor  # [N, 32] int64
    text_ok: Tensor  # [N] bool, the caption says enough to be a condition for this target
    parts: Tensor  # [N, M] int64 catalogue rows, -1 none
    color: Tensor  # [N, S, 3] main colour per slot
    color_ok: Tensor  # [N, S] bool

    def __len__(self) -> int:
        return len(self.image)

    def shown(self, rows: Tensor) -> Shown:
        """One random view of each of the `rows`, softened."""
        view = torch.randint(0, self.image.shape[1], (len(rows),), device=rows.device)
        image = softened(self.image[rows, view].float() / 255)
        where = self.frame[rows], self.place[rows, view], self.view[rows, view]
        return Shown(image, *where, self.parts[rows], self.color[rows], self.color_ok[rows])

    @staticmethod
    def join(pieces: list[Conditions]) -> Conditions:
        return Conditions(*(torch.cat(parts) for parts in zip(*(vars(piece).values() for piece in pieces))))


@dataclass
class Shown:
    """Pictures as an encoder sees them, one of each of B objects, and what it may be asked about them."""

    image: Tensor  # [B, 4, 112, 112] in [0, 1]
    frame: Tensor  # the rest as in `Conditions`, without the axis of views
    place: Tensor
    view: Tensor
    parts: Tensor
    color: Tensor
    color_ok: Tensor

    def mirrored(self, flip: Tensor) -> Shown:
        """The pictures of the objects' mirror images in their plane of symmetry, x -> -x, where `flip` [B] is true."""
        sign = self.place.new_tensor([-1, 1, 1, -1, 1, 1, 1])[:, None, None]
        yaw = self.view.new_tensor([-1, 1])
        return replace(
            self,
            image=_where(flip, self.image.flip(-1), self.image),
            place=_where(flip, self.place.flip(-1) * sign, self.place),
            view=_where(flip, self.view * yaw, self.view),
        )

    def recolored(self, channels: Tensor) -> Shown:
        """Red, green and blue taken from the given `channels` [B, 3]."""
        alpha = torch.cat([channels, torch.full_like(channels[:, :1], 3)], 1)
        image = self.image.gather(1, alpha[..., None, None].expand_as(self.image))
        return replace(self, image=image, color=self.color.gather(2, channels[:, None].expand_as(self.color)))


def random_views(
    count: int, generator: torch.Generator, device: torch.device, most_yaw: float = MOST_YAW
) -> tuple[Tensor, Tensor]:
    """Yaw within 60 degrees of the front, pitch 0 to 35 degrees, evenly; in radians."""
    u = torch.rand(2, count, generator=generator, device=device)
    return (2 * u[0] - 1) * most_yaw, u[1] * MOST_PITCH


def pictures(
    bank: DeviceBank,
    batch: Batch,
    surface: Tensor,
    in_frame: Tensor,  # [B] bool, use the frame camera instead of cropping
    generator: torch.Generator,
    views: int = 2,
    columns: int = 4096,
    most_yaw: float = MOST_YAW,
) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures with random cameras, lights and crops, as `Conditions` keeps them: `image`, `place` and `view`."""
    device = surface.device
    points = surface_points(bank, batch, surface, columns)
    out, where, view = [], [], []
    for _ in range(views):
        yaw, pitch = random_views(len(in_frame), generator, device, most_yaw)
        margin = 1.15 + 0.15 * torch.rand(len(in_frame), generator=generator, device=device)
        crop, frame = crop_views(points, yaw, pitch, margin), frame_views(yaw, pitch)
        camera = Views(*(_where(in_frame, f, c) for c, f in zip(vars(crop).values(), vars(frame).values())))
        turn = torch.randn(len(in_frame), 3, generator=generator, device=device) * 0.35
        light = -0.4 * camera.right + 0.7 * camera.up + 0.6 * camera.back + turn
        light = light / light.norm(dim=-1, keepdim=True)
        ambient = 0.35 + 0.25 * float(torch.rand((), generator=generator, device=device))
        image, _ = render(points, camera, light=light, ambient=ambient)
        gain = 1 + 0.12 * torch.randn(len(in_frame), 1, 1, 1, generator=generator, device=device)
        image = torch.cat([(image[:, :3] * gain).minimum(image[:, 3:]), image[:, 3:]], 1)
        out.append((image.clamp(0, 1) * 255).round().byte())
        where.append(places(points, camera, CELLS))
        view.append(torch.stack([yaw, pitch], -1))
    return torch.stack(out, 1), torch.stack(where, 1), torch.stack(view, 1)


def softened(image: Tensor) -> Tensor:
    """Pictures [B, C, S, S], each blurred by its own amount, from not at all to a [1 2 1] kernel.

    Points have harder edges than a picture that was drawn from triangles, photographed or scaled down.
    """
    rows = (F.pad(image, (1, 1, 0, 0), mode="replicate").unfold(3, 3, 1) * image.new_tensor([0.25, 0.5, 0.25])).sum(-1)
    both = (F.pad(rows, (0, 0, 1, 1), mode="replicate").unfold(2, 3, 1) * image.new_tensor([0.25, 0.5, 0.25])).sum(-1)
    return torch.lerp(image, both, torch.rand(len(image), 1, 1, 1, device=image.device))


def _where(rows: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Rows of `a` where `rows` [B] is true, of `b` elsewhere."""
    return torch.where(rows.view(-1, *[1] * (a.ndim - 1)), a, b)


def encode_words(vocabulary: Vocabulary, captions: list[str]) -> Tensor:
    """[N, 32] int64."""
    return torch.tensor([vocabulary.encode(c, WORDS).indices for c in captions])


def slot_colors(objects: Objects, rows: np.ndarray, num_slots: int) -> tuple[np.ndarray, np.ndarray]:
    """Main colour of the last placement in each slot, and which slots are used."""
    slot, placement = objects.slot[rows], objects.placement[rows]
    color = np.zeros((len(rows), num_slots, 3), np.float32)
    used = np.zeros((len(rows), num_slots), bool)
    for m in range(slot.shape[1]):
        ok = placement[:, m] >= 0
        r = np.nonzero(ok)[0]
        color[r, slot[r, m]] = objects.main_rgb[rows][r, m] / 255
        used[r, slot[r, m]] = True
    return color, used


@torch.no_grad()
def build(
    bank: DeviceBank,
    objects: Objects,
    vocabulary: Vocabulary,
    num_slots: int,
    device: torch.device,
    generator: torch.Generator,
    target: Callable[[Batch, Tensor], Tensor],
    views: int = 2,
    chunk: int = 512,
    varied: bool = False,
    columns: int = 3072,  # see `surface_points`; fewer are faster and leave more pinholes
    most_yaw: float = MOST_YAW,
) -> tuple[Conditions, list[Tensor]]:
    """Conditions of `objects`, and `target(batch, shell words)` of every chunk; `varied`: see `variety`.

    Pictures are cropped to the object, except half of those of in-place parts and 15% of bases (the frame camera).
    """
    families = objects.family

    def of(*names: str) -> Tensor:
        return torch.tensor(np.isin(families, [FAMILIES.index(name) for name in names]), device=device)

    filled, in_place, people, bases = of(*FILLING), of("in_place"), of(*PEOPLE), of(*BASES)
    shots, targets, text_ok = [], [], ~in_place
    for start in range(0, len(families), chunk):
        rows = np.arange(start, min(start + chunk, len(families)))
        batch, here = Batch.of(objects, rows, device), slice(start, start + len(rows))
        if varied:
            batch, changed = vary(bank, batch, filled[here], in_place[here], people[here], bases[here], generator)
            text_ok[here] &= ~changed
        surface = shell(occupancy(bank, batch))
        targets.append(target(batch, surface))
        coin = torch.rand(len(rows), generator=generator, device=device)
        in_frame = torch.where(in_place[here], coin < 0.5, coin < 0.15)
        in_frame &= ~filled[here]
        shots.append(pictures(bank, batch, surface, in_frame, generator, views, columns, most_yaw))
    color, color_ok = slot_colors(objects, np.arange(len(families)), num_slots)
    image, place, view = (torch.cat(shot) for shot in zip(*shots))
    conditions = Conditions(
        image=image,
        place=place,
        view=view,
        frame=(~filled).long(),
        words=encode_words(vocabulary, list(objects.caption)).to(device),
        text_ok=text_ok,
        parts=torch.as_tensor(np.where(objects.placement >= 0, objects.part_class, -1)).long().to(device),
        color=torch.as_tensor(color).to(device),
        color_ok=torch.as_tensor(color_ok).to(device),
    )
    return conditions, targets
