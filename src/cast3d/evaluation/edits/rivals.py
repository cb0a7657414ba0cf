"""Rival methods of editing on the same backbone, each from its own paper. All make everything anew from latents.

They are given what ours is given: the model, the words, the picture, and the places that our first half finds (the
region of the part that goes, the hint of the one that comes), grown by two voxels; steps and levels are the backbone's
settings. They are steered by a picture of the whole after the edit, as their papers are: a render of the model without
the old part, the new part's picture pasted on it at its place. An oracle view is a true one in its stead.

    voxhammer    inversion of both flows; latents, keys and values put back outside of the region
    nano3d       FlowEdit between a picture before and one after, no region; what hardly changed is put back
    sdedit       the structure noised to the layout's start and sampled down, held to itself outside of the region
    flowedit     FlowEdit's own guidance, nothing moved outside of the region
    regenerate   the picture after the edit to 3D as a whole, moved onto the model

The result is one object without parts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from ... import flow
from ...composition import Hinted, known, lift, locate
from ...meshes.glb import write_glb
from ...meshes.mesh import Mesh
from ...pictures.opening import open_picture
from ...result.edited import for_writing, in_file
from ...result.result import Result
from ...run.staging import Stage, Staging
from ...stages.appearance import Appearance, Correspondence, held
from ...stages.existing import Source
from ...stages.hints import Hints
from ...stages.kit import Kit
from ...stages.layout import Layout, MainGeometry, Slat
from ...stages.operators import d_slat, encoded, structure_guide, times
from ...voxels import dilate, to_coords, to_grid
from ..alignment import IDENTITY, Alignment, align
from ..bench import Base, digests
from ..components import points
from ..methods.nano3d import SOURCE, TARGET, keep_latents, merged
from ..methods.voxhammer import GROWN, inpainted
from . import views
from .bench import EditBench, Made


@dataclass(frozen=True)
class Task:
    """What a rival is given."""

    base: Base  # V and z_V; its picture is that of the main term
    term: str  # the main term
    hinted: Hinted
    region: Tensor  # [64, 64, 64] bool, where something may change
    view: Image.Image  # of the whole after the edit


Rival = Callable[[Task], Slat]


def rival(bench: EditBench, out: Path, method: Rival, oracle_view: bool = False, oracle_region: bool = False) -> Made:
    """One of the methods below on a case; its result as out/scene.glb."""
    task = prepared(bench, oracle_view, oracle_region)
    slat = method(task)
    return written(bench, task, slat, onto_model(task, slat) if method is regenerate else IDENTITY, out)


def prepared(bench: EditBench, oracle_view: bool = False, oracle_region: bool = False) -> Task:
    """The model, its latents, the places, and the pictures before and after."""
    kit, change, term = bench.kit(oracle=oracle_region), bench.scene.change, bench.scene.main
    run = bench.staging(kit)
    source, slat, regions = locate(run, change)
    hinted = known(run, change)
    new = [hinted.hints.of(one) for one in change.sentence.accessories]
    place = torch.stack(new or [regions.union]).any(0).cpu()
    rest = views.meshes_without(bench.existing, source.grid, regions)
    if oracle_view:
        after, camera = views.painted(bench.case)
    else:
        camera = views.clearest(rest, place)
        after = views.of_model(bench.existing, camera, regions)
        for one in change.sentence.accessories:
            after = views.pasted(after, rest, kit.shown(one)[0], hinted.hints.of(one).cpu(), camera)
    before = open_picture(views.of_model(bench.existing, camera))
    run.kit = replace(kit, pictures={**kit.pictures, term: (before,)})
    main = run(Stage("source_latent", 1, MainGeometry, source_latent), source)
    region = dilate(torch.stack([*new, regions.union.to(kit.device)]).any(0), GROWN)
    return Task(Base(run, main, slat), term, hinted, region, after)


def source_latent(kit: Kit, source: Source) -> MainGeometry:
    """V as a structure latent; like any model that exists, it has no other state."""
    grid = source.grid.to(kit.device)
    latent = encoded(kit, [grid])
    return MainGeometry(latent, latent[None], grid)


def voxhammer(task: Task) -> Slat:
    """VoxHammer (Li et al. 2026, [24]); see `evaluation.methods.voxhammer`."""
    preserved = task.base.main.grid & ~task.region
    return inpainted(task.base, task.term, task.hinted.hints, task.view, preserved)


def nano3d(task: Task) -> Slat:
    """Nano3D (Ye et al. 2026, [62]); see `evaluation.methods.nano3d`."""
    return merged(task.base, task.term, task.view)


def sdedit(task: Task) -> Slat:
    """SDEdit (Meng et al. 2022, [31]) with its mask."""
    return masked(task, "sdedit")


def flowedit(task: Task) -> Slat:
    """FlowEdit (Kulikov et al. 2025, [19]) within the region."""
    return masked(task, "flowedit")


def regenerate(task: Task) -> Slat:
    """Another object in the place of the model: the view after the edit, lifted."""
    kit = task.base.run.kit
    shown = {task.term: (open_picture(task.view),)}
    slat, _ = lift(Staging(replace(kit, pictures=shown), task.base.run.keeper), task.term, "in_place")
    return slat


def masked(task: Task, editor: str) -> Slat:
    """A structure edited where the region allows it, V elsewhere; latents likewise."""
    region, run, hints = task.region, task.base.run, task.hinted.hints

    def structure(kit: Kit, main: MainGeometry, hints: Hints, term: str, shown: list[str], grown: int) -> Layout:
        latent = edited(kit, main.latent, kit.picture(term), kit.backbone.of_pictures([task.view]), region, editor)
        return Layout(latent, torch.where(region, kit.backbone.decode_structure(latent), main.grid))

    def appearance(kit: Kit, made: Layout, source: Slat, hints: Hints, shown: list[str], grown: int) -> Slat:
        coords = to_coords(made.grid)
        outside = (to_grid(source.coords) & ~region)[tuple(coords.long().unbind(1))]
        noise = kit.slat_noise(coords, editor)
        clean = keep_latents(coords, source.feats.new_zeros(len(coords), 1), source.coords, source.feats)
        match = Correspondence(clean, outside[:, None].float(), torch.zeros(len(coords), dtype=torch.long))
        condition, scale = kit.backbone.of_pictures([task.view]), kit.settings.slat_image_guidance
        (feats,) = d_slat(kit, [coords], [condition], scale, [noise], steer=lambda v: held(v, match, -1.0))
        return Slat(coords, feats)

    shown = digests([task.view])
    made = run(Stage(f"{editor}_structure", 2, Layout, structure), task.base.main, hints, task.term, shown, GROWN)
    return run(Stage(f"{editor}_slat", 8, Slat, appearance), made, task.base.slat, hints, shown, GROWN)


def edited(kit: Kit, clean: Tensor, source, target, region: Tensor, editor: str) -> Tensor:
    """The structure latent [1, C, r, r, r], edited in the cells that the region [64, 64, 64] reaches."""
    settings, on = kit.settings, kit.on_step
    t, start = times(settings.structure_steps), settings.layout_starts[0]  # whole parts come, as in our layout
    free = F.max_pool3d(region.float()[None, None], len(region) // clean.shape[-1]) > 0
    noise = kit.structure_noise(editor)

    def velocity(condition, scale: float) -> flow.Velocity:
        return kit.backbone.structure_velocities([structure_guide(kit, condition, scale)])

    if editor == "sdedit":
        free_velocity = velocity(target, settings.image_guidance)

        def towards(x: Tensor, time: float) -> Tensor:  # outside straight to the clean latent
            return torch.where(free, free_velocity(x, time), (x - clean) / time)

        return cast(Tensor, flow.sdedit(clean, towards, t, start, noise, on_step=on))
    v_source, v_target = velocity(source, SOURCE), velocity(target, TARGET)

    def pair(q: Tensor, p: Tensor, time: float) -> tuple[Tensor, Tensor]:  # outside nothing differs
        before = v_source(q, time)
        return before, torch.where(free, v_target(p, time), before)

    return cast(Tensor, flow.flowedit(clean, None, None, t, start, noise, pair=pair, on_step=on))


def onto_model(task: Task, slat: Slat) -> Alignment:
    """What was made from a picture alone, turned, scaled and moved onto what stays of the model."""
    stays = (task.base.main.grid & ~task.region).cpu()
    return align(points(to_grid(slat.coords).cpu()), points(task.base.main.grid.cpu()), points(stays))


def written(bench: EditBench, task: Task, slat: Slat, moved: Alignment, out: Path) -> Made:
    """The latents decoded, `moved` in voxel coordinates, in the model's own frame."""
    kit, term = task.base.run.kit, task.term
    owner = torch.zeros(len(slat.coords), dtype=torch.long, device=slat.coords.device)
    made = Appearance(slat.coords, slat.feats, owner)
    mesh = Result.decode(kit.backbone, [term], 0, made, smooth=kit.settings.smooth).parts[term].mesh
    if mesh is None:
        mesh = views.cubes_of(to_grid(slat.coords).cpu())
    mesh = Mesh(mesh.vertices.cpu(), mesh.faces.cpu(), None if mesh.colors is None else mesh.colors.cpu())
    at = moved((mesh.vertices.double().numpy() + 0.5) * 64 - 0.5)
    mesh = replace(mesh, vertices=torch.from_numpy((at + 0.5) / 64 - 0.5).float())
    placed = for_writing(in_file(mesh, bench.existing.frame), bench.existing)
    out.mkdir(parents=True, exist_ok=True)
    write_glb(out / "scene.glb", {term: placed}, {})
    regions = task.hinted.regions
    return Made(out / "scene.glb", regions.union.cpu() if regions and regions.parts else None, labelled=False)
