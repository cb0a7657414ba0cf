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

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from ... import flow
from ...models.attention import SelfAttention
from ...stages.appearance import Slat
from ...stages.guide import slat_guide, structure_guide
from ...stages.layout import Layout
from ...voxels import dilate, to_coords
from ..bench import Base, Bench, digests, first_half
from ..outcome import Outcome, light_meshes
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
    _, hints = first_half(base.composition)
    others = [hint for term, hint in zip(bench.case.terms, hints.grids) if term != bench.case.main]
    preserved = base.main.grid & ~dilate(torch.stack(others).any(0), GROWN)
    structure = _structure(bench, base, view, preserved)
    slat = _appearance(bench, base, view, structure.grid, preserved)
    meshes = light_meshes(bench.decoded(slat.coords, slat.feats).parts)
    found = dict(zip(bench.case.terms, hints.grids.cpu()))
    return Outcome({bench.case.main: structure.grid.cpu()}, meshes, bench.case.main, False, base.main.grid.cpu(), found)


def _structure(bench: Bench, base: Base, view: Image.Image, preserved: Tensor) -> Layout:
    c, b = base.composition, bench.backbone
    net = b.structure_flows["image"]

    def velocity(condition) -> flow.Velocity:
        return b.structure_velocities([structure_guide(condition, c.settings.image_guidance, c.settings)])

    def compute(on: flow.OnStep) -> Layout:
        t = flow.times(c.settings.structure_steps, c.settings.rescale).tolist()
        cells = F.max_pool3d(preserved.float()[None, None], 64 // b.structure_shape[-1]) > 0
        source, target = velocity(c.picture(c.scene.main)), velocity(b.of_pictures([view]))
        path = inverted(base.main.latent, source, t)
        with attention(net) as memory:

            def with_memory(x: Tensor, at: Tensor, time: float) -> Tensor:
                memory.begin(None)
                source(at, time)
                memory.begin(whole_tokens(cells, net.patch_size))
                return target(x, time)

            latent = redrawn(path.levels[-1], path, with_memory, t, cells, on)
        return Layout(latent, b.decode_structure(latent) | preserved)

    depends = c.depends("image_guidance", pictures=[c.scene.main], view=digests([view]), grown=GROWN)
    return c.staging.stage("voxhammer_structure", 2, Layout, compute, depends, after=("main", "hints"))


def _appearance(bench: Bench, base: Base, view: Image.Image, grid: Tensor, preserved: Tensor) -> Slat:
    c, b, coords = base.composition, bench.backbone, to_coords(grid)
    guidance = c.settings.slat_image_guidance

    def compute(on: flow.OnStep) -> Slat:
        t = flow.times(c.settings.slat_steps, c.settings.rescale).tolist()
        pictures = (c.picture(c.scene.main), b.of_pictures([view]))
        source, target = (
            b.slat_velocities([slat_guide(picture, guidance, c.settings)], [at])
            for picture, at in zip(pictures, (base.slat.coords, coords))
        )
        path = inverted(base.slat.feats, source, t)
        noise = flow.noise((len(coords), b.slat_channels), bench.seed, ("voxhammer", "slat"))(len(t) - 1).to(b.device)
        held = preserved[tuple(coords.long().unbind(-1))][:, None]
        placed = path.map(lambda feats: keep_latents(coords, noise, base.slat.coords, feats))
        feats = redrawn(noise, placed, lambda x, _, time: target(x, time), t, held, on)
        return Slat(coords, feats)

    depends = c.depends("slat_image_guidance", "slat_steps", view=digests([view]), seed=bench.seed, grown=GROWN)
    after = ("voxhammer_structure", "base_appearance", "hints")
    return c.staging.stage("voxhammer_slat", 8, Slat, compute, depends, after=after)


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
