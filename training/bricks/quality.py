"""What `evaluate` measures: the shipped networks, through the stages of the library, against known objects.

Pictures are the point renders of training (a picture made from the triangles differs a little), with new colours, views
and lights. All F1 and "found" values tolerate one voxel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from cast3d import flow, splats, voxels
from cast3d.backbones import Backbone, Condition
from cast3d.backbones.bricks.encoders import FRAMES
from cast3d.settings import Settings
from cast3d.stages.kit import Kit
from cast3d.stages.layout import MainGeometry, propose_layout
from cast3d.stages.operators import d_slat, d_ss, decoded
from cast3d.stages.parts import PartPlan, remade
from cast3d.stages.reading import Reading

from . import splits
from .appearance import voxel_points
from .assemble import Batch, DeviceBank, frame_views, labels, occupancy, render, shell, surface_points, to_bool
from .assembly import FIGURE
from .bank import Bank
from .catalog import Catalog
from .condition_pool import pictures
from .grids import SIZE
from .objects import SLOTS, Objects, sample
from .options import Options
from .train_segmenter import make_scenes

SPARE = 3  # objects drawn per object wanted: some do not qualify
UNSEEN_YAWS, PITCH = (110.0, 180.0, 250.0), 15.0  # pictures are within 60 degrees of the front
LEAST_PIXELS = 12
BODY = ("torso", "head", "lower")


@dataclass(frozen=True)
class Case:
    """What came out for one object."""

    scores: dict[str, float]
    shown: tuple[Tensor, ...]  # for people: pictures [3 or 4, H, W] and grids bool [64, 64, 64]; truth, then result
    caption: str = ""


@dataclass(frozen=True)
class Truth:
    """One object of the bank."""

    index: int
    objects: Objects  # the drawn lot; this is number `index`
    batch: Batch  # of one
    surface: Tensor  # words [1, 64, 64], the outer shell

    @property
    def grid(self) -> Tensor:
        return to_bool(self.surface)[0]

    @property
    def caption(self) -> str:
        return self.objects.caption[self.index]

    @property
    def terms(self) -> list[str]:
        return self.objects.terms[self.index]


Measure = Callable[["Bench"], Iterator[Case]]


@dataclass
class Bench:
    """A backbone, the objects to try it on, and how many."""

    backbone: Backbone
    settings: Settings
    source: Bank
    catalog: Catalog
    count: int
    seed: int = 0
    further: Callable | None = None  # recipes of people and things

    @cached_property
    def bank(self) -> DeviceBank:
        return DeviceBank.upload(self.source, self.backbone.device)

    def generator(self) -> torch.Generator:
        return torch.Generator(self.backbone.device).manual_seed(self.seed)

    def truths(
        self, mix: str, split: str, wanted: Callable[[Objects, int], bool] = lambda objects, i: True
    ) -> Iterator[Truth]:
        """More objects of one family than are needed; `wanted` chooses among them."""
        objects = sample(self.source, self.catalog, SPARE * self.count, self.seed, split, {mix: 1.0}, self.further)
        for i in range(len(objects)):
            if wanted(objects, i):
                batch = Batch.of(objects, [i], self.backbone.device)
                yield Truth(i, objects, batch, shell(occupancy(self.bank, batch)))

    def picture(self, batch: Batch, surface: Tensor, generator: torch.Generator, framed: bool = False) -> Tensor:
        """[1, 4, 112, 112]: cropped to the object, or what the camera of the whole frame sees."""
        in_frame = torch.tensor([framed], device=surface.device)
        image, *_ = pictures(self.bank, batch, surface, in_frame, generator, views=1)
        return image[:, 0].float() / 255

    def of_picture(self, picture: Tensor, frame: str = "in_place") -> Condition:
        """Straight to the encoder: the backbone's own door for pictures would crop those of the frame camera."""
        index = torch.tensor([FRAMES.index(frame)], device=picture.device)
        tokens = self.backbone.describer.picture_encoder(picture, index)
        return Condition("image", (tokens,), torch.zeros_like(tokens))

    @property
    def kit(self) -> Kit:
        """For the method's operators."""
        return Kit(self.backbone, self.settings)

    def structure_noise(self, *key: str | int) -> flow.Draws:
        return flow.noise((1, *self.backbone.structure_shape), self.seed, ("evaluate", *key))

    def structure(self, condition: Condition, index: int) -> MainGeometry:
        settings = self.settings
        guidance = settings.image_guidance if condition.kind == "image" else settings.text_guidance
        noise = self.structure_noise("structure", index)
        states = d_ss(self.kit, [condition], guidance, [noise])
        return MainGeometry(states[0], states, decoded(self.kit, states[0])[0])


def named(objects: Objects, index: int) -> bool:
    """Whether the caption names everything that is there."""
    return all(objects.terms[index])


def accessory(objects: Objects, index: int) -> bool:
    """Whether a single part is something worn or held."""
    return SLOTS[objects.slot[index, 0]] not in BODY


def agreement(found: Tensor, truth: Tensor) -> dict[str, float]:
    return {"f1": voxels.f1(found, truth), "iou": voxels.iou(found, truth)}


def share_found(wanted: Tensor, found: Tensor) -> float:
    """Share of the voxels `wanted` with a voxel of `found` within one step."""
    return float((wanted & voxels.dilate(found)).sum() / wanted.sum().clamp_min(1))


def from_picture(mix: str, split: str, frame: str = "in_place", framed: bool = False) -> Measure:
    """Structure from one picture."""

    def measure(bench: Bench) -> Iterator[Case]:
        generator = bench.generator()
        for truth in bench.truths(mix, split):
            picture = bench.picture(truth.batch, truth.surface, generator, framed)
            found = bench.structure(bench.of_picture(picture, frame), truth.index).grid
            yield Case(agreement(found, truth.grid), (picture[0], truth.grid, found), truth.caption)

    return measure


def reading(mix: str, split: str, frame: str) -> Measure:
    """How far off the nearest surfaces are that the picture encoder tells, in voxels; shown as colours of places."""

    def measure(bench: Bench) -> Iterator[Case]:
        generator, encoder = bench.generator(), bench.backbone.describer.picture_encoder
        index = torch.tensor([FRAMES.index(frame)], device=bench.backbone.device)
        cropped = torch.zeros(1, dtype=torch.bool, device=bench.backbone.device)
        for truth in bench.truths(mix, split):
            image, place, _ = pictures(bench.bank, truth.batch, truth.surface, cropped, generator, views=1)
            picture, place = image[:, 0].float() / 255, place[0, 0].float()
            found = encoder.look(picture, index)[1][0]
            full = place[6] > 0.9
            distance = SIZE * (found[:3] - place[:3]).norm(dim=0)[full]
            scores = {"voxels_error": float(distance.median()), "within_two": float((distance <= 2).float().mean())}
            told = (torch.where(full, 0.5 + where[:3], 1.0) for where in (place, found))
            yield Case(scores, (picture[0], *told), truth.caption)

    return measure


def from_text(mix: str, split: str) -> Measure:
    """Structure from captions that name all that is there."""

    def measure(bench: Bench) -> Iterator[Case]:
        for truth in bench.truths(mix, split, named):
            found = bench.structure(bench.backbone.of_text(truth.caption), truth.index).grid
            yield Case(agreement(found, truth.grid), (truth.grid, found), truth.caption)

    return measure


def layout(mix: str, split: str) -> Measure:
    """The base from its picture, carried over to the caption (Eq. 10) from the backbone's first start level."""

    def measure(bench: Bench) -> Iterator[Case]:
        generator = bench.generator()
        for truth in bench.truths(mix, split, named):
            base = truth.batch.only(truth.batch.role == 0)
            picture = bench.picture(base, shell(occupancy(bench.bank, base)), generator)
            main = bench.structure(bench.of_picture(picture), truth.index)
            start = bench.settings.layout_starts[0]
            found = propose_layout(
                bench.kit,
                main,
                Reading(truth.caption, (truth.terms[0],), (truth.terms[0],), truth.terms[0], start),
                bench.structure_noise("layout", truth.index),
            ).grid
            role = labels(bench.bank, truth.batch, truth.surface)[0]
            scores = agreement(found, truth.grid) | {
                "base_kept": share_found(role == 0, found),
                "accessory_found": share_found(role > 0, found),
            }
            yield Case(scores, (picture[0], main.grid, truth.grid, found), truth.caption)

    return measure


def shifted(bench: Bench, truth: Truth, generator: torch.Generator) -> Tensor:
    """The part moved by two voxels along every axis, either way, and blurred.

    Along one axis alone the blurred hint would already agree with the part at .94: F1 forgives one voxel.
    """
    offset = (4 * torch.randint(2, (3,), generator=generator, device=generator.device) - 2).tolist()
    return voxels.blur(voxels.shift(truth.grid, tuple(offset)), 1.0) > 0.2


def another(bench: Bench, truth: Truth, generator: torch.Generator) -> Tensor | None:
    """A trained part of the same slot and pose."""
    row = int(truth.objects.placement[truth.index, 0])
    slot = SLOTS[truth.objects.slot[truth.index, 0]]
    options = Options(bench.source, bench.catalog, splits.TRAIN).slot(FIGURE, slot)
    id, variant = bench.source.part[row], bench.source.variant[row]
    others = [o.placement for o in options if o.part.id != id and o.variant == variant]
    if not others:
        return None
    pick = others[int(torch.randint(len(others), (), generator=generator, device=generator.device))]
    return to_bool(shell(bench.bank.grid[pick : pick + 1]))[0]


def part(split: str, perturbed: Callable[[Bench, Truth, torch.Generator], Tensor | None]) -> Measure:
    """A perturbed hint remade after the part's picture (Eq. 13)."""

    def measure(bench: Bench) -> Iterator[Case]:
        generator = bench.generator()
        for truth in bench.truths("in_place", split, accessory):
            hint = perturbed(bench, truth, generator)
            if hint is None:
                continue
            picture = bench.picture(truth.batch, truth.surface, generator)
            condition, noise = bench.of_picture(picture), bench.structure_noise("part", truth.index)
            found = remade(bench.kit, [PartPlan(hint, condition, "composite", noise)])[0]
            scores, before = agreement(found, truth.grid), voxels.f1(hint, truth.grid)
            scores |= {"hint_f1": before, "gain": scores["f1"] - before}
            yield Case(scores, (picture[0], hint, truth.grid, found), truth.caption)

    return measure


def segmenter(family: str, split: str) -> Measure:
    """Accessories in roughened renders from all around, and whether a thing that is absent stays unfound."""

    def measure(bench: Bench) -> Iterator[Case]:
        objects = sample(
            bench.source, bench.catalog, SPARE * bench.count, bench.seed, split, {family: 1.0}, bench.further
        )
        vocabulary, device = bench.backbone.describer.vocabulary, bench.backbone.device
        with torch.random.fork_rng():
            torch.manual_seed(bench.seed)
            scenes = make_scenes(bench.bank, objects, vocabulary, device)
        for i, terms in enumerate(objects.terms):
            picture = scenes.image[i].float() / 255
            alpha = picture[3]
            white = picture[:3] + 1 - alpha
            masks, ious = [], []
            for role, term in enumerate(terms[1:], 1):
                wanted = scenes.role[i] == role
                if term and terms.count(term) == 1 and wanted.sum() >= LEAST_PIXELS:
                    found = bench.backbone.segmenter(white, alpha, term)
                    masks += [torch.where(mask, white, 0.9 + 0.1 * white) for mask in (wanted, found)]
                    ious.append(float((found & wanted).sum() / (found | wanted).sum()))
            strangers = [t for t in objects.terms[(i + 1) % len(objects)][1:] if t and t not in terms]
            if ious and strangers:
                absent = bench.backbone.segmenter(white, alpha, strangers[0])
                scores = {"iou": float(np.mean(ious)), "absent_unfound": float(not absent.any())}
                yield Case(scores, (white, *masks[:2]), ", ".join(terms))

    return measure


def appearance(kind: str, mix: str, split: str) -> Measure:
    """Structured latents on the true voxels, from a picture or from text, seen from where the picture was not taken."""

    def measure(bench: Bench) -> Iterator[Case]:
        generator, settings, backbone = bench.generator(), bench.settings, bench.backbone
        for truth in bench.truths(mix, split, named):
            picture = bench.picture(truth.batch, truth.surface, generator)
            condition = bench.of_picture(picture) if kind == "image" else backbone.of_text(truth.caption)
            guidance = settings.slat_image_guidance if kind == "image" else settings.slat_text_guidance
            coords = voxels.to_coords(truth.grid)
            noise = flow.noise((len(coords), backbone.slat_channels), bench.seed, ("evaluate", "slat", truth.index))
            (feats,) = d_slat(bench.kit, [coords], [condition], guidance, [noise])
            yield _painted(bench, truth, coords, backbone.gaussians(coords, feats), picture[0])

    return measure


def _painted(bench: Bench, truth: Truth, coords: Tensor, gaussians: splats.Gaussians, picture: Tensor) -> Case:
    points = surface_points(bench.bank, truth.batch, truth.surface, 8192)
    whole, inside, views = [], [], []
    for yaw in UNSEEN_YAWS:
        angles = (torch.deg2rad(torch.tensor([a], device=coords.device)) for a in (yaw, PITCH))
        true = render(points, frame_views(*angles), ambient=1.0)[0][0]  # unshaded, as Gaussians are
        # The splat cameras count yaw the other way round.
        drawn = splats.render(gaussians, splats.orbit(-yaw, PITCH, fov=None, width=1.0), 112, background=1.0)
        expected, found = true[:3] + 1 - true[3], drawn.color.permute(2, 0, 1).clamp(0, 1)
        whole.append(psnr((expected - found).square()))
        inside.append(psnr((expected - found).square()[:, (true[3] > 0) | (drawn.alpha > 0.5)]))
        views += [expected, found]
    v = voxel_points(truth.surface, points)
    expected = _means(v.color, v.row, len(coords))
    found = _means(gaussians.colors.clamp(max=1), gaussians.voxel, len(coords))
    role = labels(bench.bank, truth.batch, truth.surface)[0][tuple(coords.long().unbind(-1))]
    role = role.where(v.count > 0, -1)
    errors = [(expected[role == k].mean(0) - found[role == k].mean(0)).abs().mean() for k in role.unique() if k >= 0]
    scores = {
        "psnr": float(np.mean(whole)),
        "psnr_object": float(np.mean(inside)),
        "color_error": float(torch.stack(errors).mean()),
        "voxel_color_error": float((expected - found)[role >= 0].abs().mean()),
    }
    return Case(scores, (picture, *views), truth.caption)


def psnr(squared_error: Tensor) -> float:
    """Decibels, for values in [0, 1]."""
    return float(-10 * squared_error.mean().clamp_min(1e-10).log10())


def _means(values: Tensor, row: Tensor, count: int) -> Tensor:
    """[count, C] mean of the values of each row."""
    total = torch.zeros(count, values.shape[1], device=values.device).index_add_(0, row, values)
    return total / torch.bincount(row, minlength=count).clamp_min(1)[:, None]


@dataclass(frozen=True)
class Row:
    """One line of the quality table."""

    title: str
    measure: Measure
    goals: Mapping[str, float]  # by score; scores named *_error must stay below, others above

    def met(self, means: Mapping[str, float]) -> bool:
        return all(means[k] <= g if k.endswith("_error") else means[k] >= g for k, g in self.goals.items())


_GAIN = {"gain": 0.15}
ROWS = {
    "figure": Row("figure from one picture", from_picture("figure", splits.COMBOS), {"f1": 0.97}),
    "filled": Row(
        "single part, filled frame, trained shape", from_picture("filled", splits.TRAIN, "filled"), {"f1": 0.90}
    ),
    "filled_unseen": Row(
        "single part, filled frame, unseen shape", from_picture("filled", splits.TEST, "filled"), {"f1": 0.75}
    ),
    "in_place": Row(
        "single part in place, frame camera, trained shape",
        from_picture("in_place", splits.TRAIN, framed=True),
        {"f1": 0.85},
    ),
    "in_place_unseen": Row(
        "single part in place, frame camera, unseen shape",
        from_picture("in_place", splits.TEST, framed=True),
        {"f1": 0.65},
    ),
    "animal": Row("animal from one picture, trained shape", from_picture("animal", splits.TRAIN), {"f1": 0.85}),
    "places": Row(
        "places read off a picture, filled frame, trained shape", reading("filled", splits.TRAIN, "filled"), {}
    ),
    "places_unseen": Row(
        "places read off a picture, filled frame, unseen shape", reading("filled", splits.TEST, "filled"), {}
    ),
    "places_in_place_unseen": Row(
        "places read off a picture, in place, unseen shape", reading("in_place", splits.TEST, "in_place"), {}
    ),
    "text": Row("figure from text", from_text("figure", splits.COMBOS), {"f1": 0.95}),
    "layout": Row(
        "layout STM from the picture's own base",
        layout("figure", splits.COMBOS),
        {"f1": 0.96, "base_kept": 0.97, "accessory_found": 0.88},
    ),
    "part_shift": Row("part STM, hint shifted and blurred, trained shape", part(splits.TRAIN, shifted), _GAIN),
    "part_shift_unseen": Row("part STM, hint shifted and blurred, unseen shape", part(splits.TEST, shifted), _GAIN),
    "part_other": Row("part STM, hint of another part, trained shape", part(splits.TRAIN, another), _GAIN),
    "part_other_unseen": Row("part STM, hint of another part, unseen shape", part(splits.TEST, another), _GAIN),
    "segmenter": Row("segmenter on roughened renders", segmenter("figure", splits.COMBOS), {"iou": 0.80}),
    "slat": Row(
        "SLAT from a picture, unseen views",
        appearance("image", "figure", splits.COMBOS),
        {"psnr": 24.0, "color_error": 0.08},
    ),
    "slat_text": Row(
        "SLAT from text, unseen views", appearance("text", "figure", splits.COMBOS), {"psnr": 24.0, "color_error": 0.08}
    ),
}
WORLD_ROWS = {
    "thing": Row("everyday thing, filled frame, trained", from_picture("thing", splits.TRAIN, "filled"), {"f1": 0.88}),
    "thing_unseen": Row("the same, never trained", from_picture("thing", splits.TEST, "filled"), {"f1": 0.60}),
    "stand_unseen": Row("everyday thing as a base, never trained", from_picture("stand", splits.TEST), {}),
    "scene": Row("things on a thing from one picture, trained shapes", from_picture("scene", splits.TRAIN), {}),
    "person": Row("person from one picture, unseen body", from_picture("person", splits.TEST), {"f1": 0.97}),
    "bare_person": Row("person who wears nothing more, unseen body", from_picture("bare_person", splits.TEST), {}),
    "person_text": Row("person from text, unseen body", from_text("person", splits.TEST), {}),
    "person_layout": Row(
        "layout STM of an unseen body from the picture's own base",
        layout("person", splits.TEST),
        {"f1": 0.95, "base_kept": 0.97, "accessory_found": 0.90},
    ),
    "scene_layout": Row(
        "layout STM of a trained thing from the picture's own base, trained things on it",
        layout("scene", splits.TRAIN),
        {},
    ),
    "person_segmenter": Row("segmenter on people", segmenter("person", splits.TEST), {"iou": 0.80}),
    "scene_segmenter": Row("segmenter on things on things", segmenter("scene", splits.TRAIN), {"iou": 0.80}),
    "person_slat": Row(
        "SLAT of a person from a picture, unseen views",
        appearance("image", "person", splits.TEST),
        {"psnr": 27.0, "color_error": 0.035},
    ),
    "thing_slat": Row(
        "SLAT of a thing that was never trained, unseen views",
        appearance("image", "stand", splits.TEST),
        {"psnr": 27.0, "color_error": 0.035},
    ),
    "scene_slat": Row(
        "SLAT of things on a thing, unseen views",
        appearance("image", "scene", splits.TRAIN),
        {"psnr": 27.0, "color_error": 0.035},
    ),
}
