"""VoxHammer (Li et al. 2026, [24]) on the same backbone: inversion, then denoising with what is not masked put back.

Its 3D mask is drawn by hand; here it is the union of our hints, grown, which makes it a method that shares our hints.
Its inpainted view is the pasted one or the true one. Kept: inversion by the midpoint rule with the source's picture; in
the first stage latents and self-attention keys and values of preserved cells, in the second the latents; the copy of
preserved voxels and latents at the end. Keys and values are computed again from the inverted states, not stored: the
same numbers for less memory. Guidance is the backbone's own for pictures, at all times; VoxHammer has scales of its own
and guides the noisier half only. Not kept: replacing cross-attention outside a 2D mask (pasted views have none), and
keys and values in the second stage, whose tokens differ before and after the edit. The released second-order step has
its sign the wrong way round, which makes inversion worse than Euler's; the midpoint rule is meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import cast

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from ... import flow
from ...backbones import Condition
from ...composition import hint
from ...models.attention import SelfAttention
from ...run.staging import Stage
from ...stages.hints import Hints
from ...stages.kit import Kit
from ...stages.layout import Layout, MainGeometry, Slat
from ...stages.operators import slat_guide, structure_guide, times
from ...voxels import dilate, to_coords, to_grid
from ..bench import Base, Bench, digests
from ..outcome import Outcome, meshes_of
from .customise import SINGLE, asset_pictures, pasted_view, true_views
from .nano3d import keep_latents

GROWN = 2  # voxels around the hints


def voxhammer(bench: Bench) -> Outcome:
    """With the pasted view."""
    return edited(bench, pasted_view(bench, asset_pictures(bench)))


def voxhammer_oracle(bench: Bench) -> Outcome:
    """With a true view."""
    return edited(bench, true_views(bench)[SINGLE])


def edited(bench: Bench, view: Image.Image) -> Outcome:
    """Both stages, with the edited view as the target's picture."""
    base = bench.base()
    hints = hint(base.run, bench.sentence).hints
    others = [hints.of(term) for term in bench.case.accessories]
    preserved = base.main.grid & ~dilate(torch.stack(others).any(0), GROWN)
    slat = inpainted(base, bench.case.main, hints, view, preserved)
    meshes = meshes_of(bench.decoded(slat.coords, slat.feats).parts)
    found = dict(zip(bench.case.terms, hints.grids.cpu()))
    grids = {bench.case.main: to_grid(slat.coords).cpu()}
    return Outcome(grids, meshes, bench.case.main, False, base.main.grid.cpu(), found)


def inpainted(base: Base, term: str, hints: Hints, view: Image.Image, preserved: Tensor) -> Slat:
    """VoxHammer on a base that is there, whose picture is that of `term`: the edited `view` where nothing is preserved.

    `preserved` [64, 64, 64] bool follows from the base and the hints.
    """
    structure = _structure(base, term, hints, view, preserved)
    return _appearance(base, term, hints, view, structure, preserved)


def _structure(base: Base, term: str, hints: Hints, view: Image.Image, preserved: Tensor) -> Layout:
    net = base.run.kit.backbone.structure_flows["image"]

    def compute(kit: Kit, main: MainGeometry, hints: Hints, term: str, shown: list[str], grown: int) -> Layout:
        b = kit.backbone

        def velocity(condition: Condition) -> flow.Velocity:
            return b.structure_velocities([structure_guide(kit, condition, kit.settings.image_guidance)])

        t = times(kit.settings.structure_steps).tolist()
        cells = F.max_pool3d(preserved.float()[None, None], 64 // b.structure_shape[-1]) > 0
        source, target = velocity(kit.picture(term)), velocity(b.of_pictures([view]))
        path = inverted(main.latent, source, t)
        with attention(net) as memory:

            def with_memory(x: Tensor, at: Tensor, time: float) -> Tensor:
                memory.begin(None)
                source(at, time)
                memory.begin(whole_tokens(cells, cast(int, net.patch_size)))
                return target(x, time)

            latent = redrawn(path.levels[-1], path, with_memory, t, cells, kit.on_step)
        return Layout(latent, b.decode_structure(latent) | preserved)

    stage = Stage("voxhammer_structure", 2, Layout, compute)
    return base.run(stage, base.main, hints, term, digests([view]), GROWN)


def _appearance(base: Base, term: str, hints: Hints, view: Image.Image, structure: Layout, preserved: Tensor) -> Slat:
    coords = to_coords(structure.grid)

    def compute(kit: Kit, structure: Layout, slat: Slat, hints: Hints, term: str, shown: list[str], grown: int) -> Slat:
        b, guidance = kit.backbone, kit.settings.slat_image_guidance
        t = times(kit.settings.slat_steps).tolist()
        pictures = (kit.picture(term), b.of_pictures([view]))
        source, target = (
            b.slat_velocities([slat_guide(kit, picture, guidance)], [at])
            for picture, at in zip(pictures, (slat.coords, coords))
        )
        path = inverted(slat.feats, source, t)
        draws = flow.noise((len(coords), b.slat_channels), base.run.kit.seeds.scene, ("voxhammer", "slat"))
        noise = draws(len(t) - 1).to(b.device)
        held = preserved[tuple(coords.long().unbind(-1))][:, None]
        placed = path.map(lambda feats: keep_latents(coords, noise, slat.coords, feats))
        feats = redrawn(noise, placed, lambda x, _, time: target(x, time), t, held, kit.on_step)
        return Slat(coords, feats)

    stage = Stage("voxhammer_slat", 8, Slat, compute)
    return base.run(stage, structure, base.slat, hints, term, digests([view]), GROWN)


@dataclass(frozen=True)
class Path:
    """An inversion: states at the levels 0 ... N, and half way between level i and i + 1."""

    levels: list[Tensor]
    halves: list[Tensor]

    def map(self, function) -> Path:
        return Path([function(x) for x in self.levels], [function(x) for x in self.halves])


def inverted(x0: Tensor, source: flow.Velocity, t: list[float]) -> Path:
    """From clean to noise by the midpoint rule."""
    levels, halves = [x0], []
    for now, later in pairwise(t):
        half = levels[-1] + (later - now) / 2 * source(levels[-1], now)
        halves.append(half)
        levels.append(levels[-1] + (later - now) * source(half, (now + later) / 2))
    return Path(levels, halves)


def redrawn(start: Tensor, path: Path, velocity, t: list[float], preserved: Tensor, on: flow.OnStep) -> Tensor:
    """From noise to clean by the midpoint rule; before each evaluation preserved cells take their inverted state.

    `velocity(x, at, t)` sees that state too.
    """
    x = start
    steps = len(t) - 1
    for i in range(steps, 0, -1):
        dt, half = t[i - 1] - t[i], path.halves[i - 1]
        x = torch.where(preserved, path.levels[i], x)
        middle = x + dt / 2 * velocity(x, path.levels[i], t[i])
        middle = torch.where(preserved, half, middle)
        x = x + dt * velocity(middle, half, (t[i] + t[i - 1]) / 2)
        on(steps - i + 1, steps)
    return torch.where(preserved, path.levels[0], x)


def whole_tokens(cells: Tensor, patch: int) -> Tensor:
    """[N] bool: tokens of `patch`^3 cells of which every one is preserved, in the network's order."""
    return (F.max_pool3d((~cells).float(), patch) == 0).flatten()


@dataclass
class Memory:
    """Keys and values of self-attention, recorded in one evaluation and put back in the next.

    An evaluation calls every layer once per branch of the guidance, always in the same order.
    """

    tokens: Tensor | None = None  # [N] bool, which to put back; None = record
    kept: list[Tensor] = field(default_factory=list)
    calls: int = 0

    def begin(self, tokens: Tensor | None) -> None:
        self.tokens, self.calls = tokens, 0
        if tokens is None:
            self.kept = []

    def __call__(self, _: nn.Module, __: tuple, qkv: Tensor) -> Tensor:
        third = qkv.shape[-1] // 3
        if self.tokens is None:
            self.kept.append(qkv[..., third:].clone())
            return qkv
        kept = self.kept[self.calls]
        self.calls += 1
        return torch.cat([qkv[..., :third], torch.where(self.tokens[:, None], kept, qkv[..., third:])], -1)


@contextmanager
def attention(net: nn.Module) -> Iterator[Memory]:
    """Listens to every self-attention of a network while the block runs."""
    memory = Memory()
    layers = [module.to_qkv for module in net.modules() if isinstance(module, SelfAttention)]
    handles = [layer.register_forward_hook(memory) for layer in layers]
    try:
        yield memory
    finally:
        for handle in handles:
            handle.remove()
