"""What is left of a model without the parts that go.

It takes the place of the first half of Fig. 3 (paper, Fig. 8 right: "hints extracted from existing models"): p_B is the
model without these parts, h_i where they were.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError
from ..meshes.solids import enclosed
from ..scene.change import Change
from ..voxels import cells_of, dilate, fill, outer_shell, solid, to_coords
from .appearance import correspond, held
from .existing import Source
from .kit import Kit
from .layout import MainGeometry, Slat
from .operators import d_slat, d_ss_stm, decoded, encoded, static, structure_guide, unguided
from .regions import Regions

FILL_START = 0.75  # share of the levels from which what was hidden is made up
LEAK = 0.03  # share of the inside that has to be lost for a hole to count
REFILL = 2  # voxels around a part that went in which something may be filled in


@dataclass(frozen=True)
class Rest(MainGeometry):
    """p_B of a model that exists; its only state is the clean one."""

    filled: Tensor  # [64, 64, 64] bool, voxels that the model does not have


def rest_of_model(kit: Kit, source: Source, regions: Regions, change: Change) -> Rest:
    """p_B = V without the regions of the parts that go, and what they hid: holes are closed.

    Of parts that are nodes of their own the rest is what the other nodes show. Where the inside leaks out through a
    hole, the structure flow fills in what the words of the rest ask for, near the hole only; what still leaks is closed
    by the smallest surface.
    """
    gone = regions.union.cpu()
    if regions.pieces_of_all:
        kept = ~torch.isin(source.piece, torch.tensor(regions.pieces_of_all, dtype=torch.int32))
        passed = source.shell_of(kept) & ~regions.by_voxels.cpu() if kept.any() else torch.zeros_like(gone)
    else:
        passed = source.grid & ~gone
    if not passed.any():
        raise InputError("nothing is left of the model without these parts; name smaller ones")
    left = outer_shell(passed).to(kit.device)
    whole = source.grid.to(kit.device)
    filled, gone = left, gone.to(kit.device)
    near = dilate(gone, REFILL)
    if gone.any() and leaks(left, whole, gone):
        filled = left | (_imagined(kit, left, change.sentence.main) & near)
        if leaks(filled, whole, gone):
            filled = closed(filled, near)
    if regions.by_voxels.any() and leaks(filled, whole, gone, fill):  # a small opening, where triangles are cut
        filled = closed(filled, near)
    latent = encoded(kit, [filled])
    return Rest(latent, latent[None], filled, filled & ~left)


def leaks(left: Tensor, whole: Tensor, gone: Tensor, body: Callable[[Tensor], Tensor] = solid) -> bool:
    """Whether the inside of the whole, far from the part that went, is open without it.

    `body` says what a grid encloses: `solid` with holes up to two voxels wide taken as closed, `fill` strictly.
    The inside of what went does not count: a cage around a fan, a pot. It has more of its walls from what went than
    from what stays.
    """
    inside, held = body(whole) & ~whole, body(left)
    far = inside & ~dilate(gone, 2)
    lost = far & ~held
    if not lost.any() or int(lost.sum()) <= LEAK * int(far.sum()):
        return False
    walls = dilate(inside & ~held)
    return int((walls & left).sum()) >= int((walls & gone).sum())


def closed(left: Tensor, near: Tensor) -> Tensor:
    """With the cheapest surface that closes it, where that lies in `near`."""
    shell = left.cpu()
    body = torch.from_numpy(enclosed(shell.numpy(), dilate(shell).numpy()))
    return left | (outer_shell(body).to(left.device) & near)


def _imagined(kit: Kit, left: Tensor, words: str) -> Tensor:
    """What the structure flow makes of what is left when it is told what it is."""
    target, steps = kit.text(words), kit.settings.structure_steps
    start = max(1, round(FILL_START * steps))
    latent = d_ss_stm(
        kit,
        encoded(kit, [left]),
        [unguided(kit, target)],
        [structure_guide(kit, target, kit.settings.text_guidance)],
        start,
        static(kit, [kit.structure_noise("rest")], start),
    )
    return decoded(kit, latent)[0]


def encoded_rest(kit: Kit, rest: MainGeometry, source: Source, regions: Regions) -> Slat:
    """The latents of what a model shows without the parts that go, on the voxels of p_B that it passes."""
    gone = regions.by_voxels.cpu()[tuple(cells_of(source.position.cpu()).unbind(1))]
    gone |= torch.isin(source.piece.cpu(), torch.tensor(regions.pieces_of_all, dtype=torch.int32))
    surface, coords = source.surface[~gone], to_coords(rest.grid.cpu() & source.shell_of(~gone).cpu())
    model = kit.model().without(regions.pieces_of_all)
    return Slat(coords.to(kit.device), kit.backbone.encode_model(coords, surface, model))


def rest_appearance(
    kit: Kit, rest: MainGeometry, source: Source, model: Slat, regions: Regions, change: Change
) -> Slat:
    """z_B on p_B: the model's own latents where it has them, what the words ask for where something was filled in.

    Where parts go, the model is encoded anew without them: latents at their edge hold their colours, and what they hid
    (a head under a hat) may be in the file.
    """
    coords = to_coords(rest.grid)
    own = encoded_rest(kit, rest, source, regions) if regions.parts else model
    match = correspond(coords, [(own.coords, own.feats)], 0, sigma=0)
    if bool((match.hold == 1).all()):
        return Slat(coords, match.clean)
    (feats,) = d_slat(
        kit,
        [coords],
        [kit.text(change.sentence.main)],
        kit.settings.slat_text_guidance,
        [kit.slat_noise(coords, "rest_appearance")],
        steer=lambda velocity: held(velocity, match, -1.0),
    )
    return Slat(coords, feats)
