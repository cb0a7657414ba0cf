"""What following the picture brings: poses, guidance by outlines, and whether agreement ranks candidates.

    python -m training.bricks.follow poses --data data/bricks --count 16
    python -m training.bricks.follow guidance --data data/bricks --count 16
    python -m training.bricks.follow ranks --suite suites/bricks-dev --out out/follow

`poses` and `guidance` take single parts of shapes that were never trained, in the filled frame, as `evaluate` does;
`ranks` the accessories of a suite, with the hints and parts that the pipeline makes. Each prints Markdown.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

import torch
from PIL import Image
from scipy.stats import spearmanr
from torch import Tensor

from cast3d import flow, voxels
from cast3d.backbones import Backbone, Condition, load_backbone
from cast3d.composition import hint as hint_of
from cast3d.evaluation.alignment import align
from cast3d.evaluation.bench import Bench as SuiteBench
from cast3d.evaluation.cache import StageCache
from cast3d.evaluation.components import Placed, points
from cast3d.evaluation.components import agreement as true_agreement
from cast3d.evaluation.suite import Case, load_suite
from cast3d.following import (
    ANYHOW,
    Agreement,
    Outline,
    Points,
    Pose,
    agree,
    better,
    find_pose,
    fitted,
    guided_by_outlines,
    pose_of_places,
    ranked,
    restart,
)  # fmt: skip
from cast3d.following.guidance import HIGH
from cast3d.following.pose import angle
from cast3d.stages.kit import Kit
from cast3d.stages.layout import sampled
from cast3d.stages.operators import structure_guide, times
from cast3d.stages.parts import PartPlan, chosen_frame, remade

from . import splits
from .bank import Bank
from .condition_pool import pictures
from .prepare import load_catalog
from .quality import Bench

WRONG = 40.0  # degrees of yaw by which a pose is made wrong
STARTS = (5, 8, 10, 12)
SPREAD = 0.03  # of true F1 among a part's candidates; below it there is nothing to rank


@dataclass(frozen=True)
class Item:
    """A part, one picture of it, and what the model makes of that without guidance."""

    truth: Tensor  # [64, 64, 64] bool
    picture: Image.Image
    condition: Condition
    states: Tensor  # [steps + 1, 1, C, r, r, r]
    camera: Pose  # the true direction
    told: Pose | None
    plain: Tensor  # [64, 64, 64] bool
    seconds: float


def items(bench: Bench) -> Iterator[Item]:
    generator, settings, backbone = bench.generator(), bench.settings, bench.backbone
    for truth, _ in zip(bench.truths("filled", splits.TEST), range(bench.count)):
        in_frame = torch.tensor([False])
        image, _, view = pictures(bench.bank, truth.batch, truth.surface, in_frame, generator, views=1)
        picture = of_pixels(image[0, 0].float() / 255)
        condition = backbone.of_pictures([picture], "filled")
        noise = bench.structure_noise("structure", truth.index)
        begin = time.perf_counter()
        main = sampled(Kit(backbone, settings), condition, settings.image_guidance, noise)
        seconds = time.perf_counter() - begin
        yaw, pitch = (math.degrees(float(angle)) for angle in view[0, 0])
        # The splat cameras count yaw the other way round.
        camera = Pose(-yaw, pitch, 1.0)
        told = told_by(backbone, picture)
        yield Item(truth.grid, picture, condition, main.states, camera, told, main.grid, seconds)


def of_pixels(pixels: Tensor) -> Image.Image:
    """Premultiplied [4, S, S] -> RGBA."""
    rgb = (pixels[:3] / pixels[3:].clamp_min(1e-3)).clamp(0, 1)
    return Image.fromarray((torch.cat([rgb, pixels[3:]]) * 255).round().byte().permute(1, 2, 0).numpy(), "RGBA")


def told_by(backbone: Backbone, picture: Image.Image, frame: str = "filled") -> Pose | None:
    """Where the picture encoder thinks the camera was."""
    ((places, alpha),) = backbone.describer.places([picture], frame)
    return pose_of_places(places, alpha)


def apart(pose: Pose | None, other: Pose) -> float:
    """Degrees between two directions of view; 90 for no pose."""
    return 90.0 if pose is None else angle(pose, other)


def poses(bench: Bench) -> None:
    """Angles between the poses found and the true one: from the true shape, from the sampled one, and as told."""
    columns: dict[str, list[float]] = {}
    fits: dict[str, list[float]] = {}
    seconds, before = [], None
    for item in items(bench):
        begin = time.process_time()
        found = find_pose(Points.of_grid(item.truth), item.picture)
        seconds.append(time.process_time() - begin)
        sampled = Points.of_grid(item.plain)
        tried = {
            "true shape": found,
            "sampled shape": find_pose(sampled, item.picture),
            "told": item.told,
            "sampled shape and told": find_pose(sampled, item.picture, told=item.told),
        }
        for name, pose in tried.items():
            columns.setdefault(name, []).append(apart(pose, item.camera))
            if pose is not None and name != "told":
                fits.setdefault(name, []).append(pose.confidence)
        if before is not None:
            fits.setdefault("true shape, another's picture", []).append(
                find_pose(Points.of_grid(item.truth), before).confidence
            )
        before = item.picture
    print(f"{len(seconds)} objects; {mean(seconds):.2f} s of one core a search (most {max(seconds):.2f})\n")
    print("| pose from | median angle | mean | most | confidence |\n|---|---|---|---|---|")
    for name in dict.fromkeys([*columns, *fits]):
        angles = columns.get(name)
        shown = (
            [f"{sorted(angles)[len(angles) // 2]:.1f}", f"{mean(angles):.1f}", f"{max(angles):.1f}"]
            if angles
            else ["-"] * 3
        )
        print(f"| {name} | {' | '.join(shown)} | {f'{mean(fits[name]):.2f}' if name in fits else '-'} |")


def guidance(bench: Bench, kinds: Sequence[str], **how) -> None:
    """Paired differences of F1@1 and of the outline from the best pose, with the same noise."""
    settings, backbone = bench.settings, bench.backbone
    t = times(settings.structure_steps)
    level = restart(t, how.get("high", HIGH))
    decode = backbone.structure_logits
    rows: dict[str, list[tuple[float, ...]]] = {}
    for item in items(bench):
        found = find_pose(Points.of_grid(item.plain), item.picture, told=item.told)
        true = find_pose(Points.of_grid(item.truth), item.picture)
        side = 1 if found.yaw < 0 else -1
        wrong = Pose(found.yaw + side * WRONG, found.pitch, found.scale, found.shift)
        guide = structure_guide(Kit(backbone, settings), item.condition, settings.image_guidance)
        velocity = backbone.structure_velocities([guide])
        tried = {"found": (found, found.confidence), "true": (true, 1.0), "wrong": (wrong, 1.0)}
        for name in kinds:
            pose, weight = tried[name]
            outline = Outline.of(item.picture, pose.camera, weight)
            begin = time.perf_counter()
            x = flow.sample(
                guided_by_outlines(velocity, decode, [[outline]], **how), item.states[level], t[: level + 1]
            )[0]
            seconds = time.perf_counter() - begin
            guided = backbone.decode_structure(x)
            kept = better(guided, item.plain, [item.picture], told=[item.told])
            chosen = guided if kept else item.plain
            likeness = [agree(one, [item.picture], told=[item.told]).outline for one in (item.plain, guided, chosen)]
            plain, *scores = (voxels.f1(one, item.truth) for one in (item.plain, guided, chosen))
            rows.setdefault(name, []).append(
                (plain, *(score - plain for score in scores), likeness[0], *(one - likeness[0] for one in likeness[1:]),
                 float(kept), seconds)
            )  # fmt: skip
        told = "; ".join(f"{name} {row[-1][1]:+.3f}" for name, row in rows.items())
        print(f"{len(rows[kinds[0]])}: {told}", flush=True)
    print(
        "\n\n| pose | objects | F1@1 plain | guided - plain | better | kept - plain | outline plain | guided - plain "
        "| kept - plain | kept | seconds more |\n|---|---|---|---|---|---|---|---|---|---|---|"
    )
    for name, row in rows.items():
        plain, change, held, outline, outlined, outline_held, kept, seconds = zip(*row)
        up = sum(value > 0 for value in change)
        print(
            f"| {name} | {len(row)} | {mean(plain):.3f} | {paired(change)} | {up} | {paired(held)} "
            f"| {mean(outline):.3f} | {paired(outlined)} | {paired(outline_held)} | {mean(kept):.2f} "
            f"| {mean(seconds):.1f} |"
        )


def paired(differences: Sequence[float]) -> str:
    error = stdev(differences) / math.sqrt(len(differences)) if len(differences) > 1 else 0.0
    return f"{mean(differences):+.4f} ± {error:.4f}"


@dataclass(frozen=True)
class Candidates:
    """Remakes of one part, and how good they are."""

    name: str
    unseen: bool
    labels: tuple[str, ...]
    truth: tuple[float, ...]  # F1@2
    scores: tuple[Agreement, ...]


def candidates(bench: SuiteBench) -> Iterator[Candidates]:
    """Of every accessory of a case: a part from each start, and the part lifted alone and put into the hint."""
    case, run, kit = bench.case, bench.staging(), bench.kit()
    found = hint_of(run, bench.sentence)
    main, settings = found.main, kit.settings
    to_truth = align(points(main.grid), points(case.truth[case.main].voxels), points(case.truth[case.main].visible))
    for term in case.terms:
        if term == case.main:
            continue
        hint, picture = found.hints.of(term), bench.picture(term)
        frame = chosen_frame(hint, settings)
        condition = kit.picture(term, "filled" if frame == "canonical" else "in_place")
        made = {}
        for start in STARTS:
            plan = PartPlan(hint, condition, frame, kit.structure_noise("parts", term))
            (made[f"start {start}"],) = remade(bench.kit({"part_start": start}), [plan])
        noise = kit.structure_noise("lift", term)
        lifted = sampled(kit, kit.picture(term, "filled"), settings.image_guidance, noise, term).grid
        made["lifted"] = fitted(lifted, hint) if lifted.any() else hint
        scores = tuple(agree(grid, [picture], hint, **ANYHOW) for grid in made.values())
        true = tuple(f1_2(grid, case, term, to_truth) for grid in made.values())
        yield Candidates(f"{case.id}, {term}", term in case.unseen, tuple(made), true, scores)


def f1_2(grid: Tensor, case: Case, term: str, to_truth) -> float:
    at, truth = to_truth(points(grid)), case.truth[term]
    return true_agreement(Placed(at, at, points(truth.voxels), points(truth.visible)))["f1_2"]


def ranks(backbone: Backbone, suite: Path, out: Path, only: Sequence[str], seed: int) -> None:
    """Spearman's rank correlation of score and true F1@2 among a part's candidates, and what choosing by it brings."""
    cases = load_suite(suite, only)
    found: list[Candidates] = []
    for case in cases:
        bench = SuiteBench(backbone, case, seed, StageCache(out / case.id / str(seed)))
        found += candidates(bench)
        print(f"{case.id} ", end="", flush=True)
    print("\n\n" + table(found))


def table(found: Sequence[Candidates]) -> str:
    lines = ["| parts | number | ranked | Spearman of value | of likeness | F1@2 of start 5 | chosen | best |",
             "|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for name, parts in (("all", found), ("unseen", [one for one in found if one.unseen])):
        told = [one for one in parts if max(one.truth) - min(one.truth) >= SPREAD]
        both = [
            mean(float(spearmanr([read(score) for score in one.scores], one.truth)[0]) for one in told) if told else 0
            for read in (lambda score: score.value, lambda score: score.likeness)
        ]
        chosen = [one.truth[ranked(one.scores)[0]] for one in parts]
        lines.append(
            f"| {name} | {len(parts)} | {len(told)} | {both[0]:.2f} | {both[1]:.2f} | "
            f"{mean(one.truth[0] for one in parts):.3f} | {mean(chosen):.3f} | "
            f"{mean(max(one.truth) for one in parts):.3f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("poses", "guidance", "ranks"))
    parser.add_argument("--data", type=Path, default=Path("data/bricks"))
    parser.add_argument("--suite", type=Path, default=Path("suites/bricks-dev"))
    parser.add_argument("--cases", nargs="*", default=[])
    parser.add_argument("--out", type=Path, default=Path("out/follow"), help="folder for the stages of `ranks`")
    parser.add_argument("--backbone", default="bricks")
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--poses", nargs="+", choices=("found", "true", "wrong"), default=["found", "true", "wrong"])
    for name, kind in (("steps", int), ("rate", float), ("turn", float), ("low", float), ("high", float)):
        parser.add_argument(f"--{name}", type=kind, help="of the guidance; default: the library's")
    args = parser.parse_args()

    backbone = load_backbone(args.backbone, "cpu")
    with torch.no_grad():
        if args.what == "ranks":
            return ranks(backbone, args.suite, args.out, args.cases, args.seed)
        bank, catalog = Bank.load(args.data / "bank.npz"), load_catalog(args.data)
        bench = Bench(backbone, backbone.defaults, bank, catalog, args.count, args.seed)
        if args.what == "poses":
            return poses(bench)
        names = ("steps", "rate", "turn", "low", "high")
        guidance(bench, args.poses, **{name: getattr(args, name) for name in names if getattr(args, name) is not None})


if __name__ == "__main__":
    main()
