"""A mutation run: each line of the method that is written wrong on purpose must make a test fail.

    python -m tests.mutants [--workers 2] [--only WORD]

A fixed list of mutants of STM, pruning, anchor, voting, appearance, operators and parts. Each is applied to a copy of
the package, and the tests named beside it run until one fails. A mutant that survives ends the run with exit code 1.
CI runs it: a mutant whose line has changed is an error, too, so the list keeps up with the code.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Mutant:
    """`old` in `file` becomes `new`; `tests` should notice."""

    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.file}: {self.old.strip()!r} -> {self.new.strip()!r}"


def _of(file: str, tests: str, *changes: tuple[str, str]) -> list[Mutant]:
    return [Mutant(file, old, new, tuple(tests.split())) for old, new in changes]


MUTANTS = [
    *_of(
        "flow/stm.py", "tests/flow/test_stm.py tests/flow/test_relations.py tests/flow/test_contract.py",
        ("x_src, d = x_next, d + change", "x_src, d = x_next, change"),
        ("change = drift(d, v_tgt - v_src, time, diffusion) * dt", "change = drift(d, v_tgt - v_src, time, diffusion)"),
        ("drift(d, v_tgt - v_src,", "drift(d, v_tgt,"),
        ("x_next = generator(clean, grid, i - 1) if i > 1 else clean", "x_next = generator(clean, grid, i - 1)"),
        ("x_next = generator(clean, grid, i - 1) if i > 1 else clean", "x_next = clean"),
        ("velocities(x_src, x_src + d, time)", "velocities(x_src, x_src, time)"),
        ("return x0 + (t[i] / t[i + 1]) * (self.states[i + 1].to(x0) - x0)",
         "return x0 + (t[i] / t[i + 1]) * (self.states[i].to(x0) - x0)"),
        ("if i == len(t) - 1:", "if i == len(t):"),
        ("noised(x0, draw(self.noise, i, x0), t[i])", "noised(x0, draw(self.noise, 0, x0), t[i])"),
    ),
    *_of(
        "stages/search.py", "tests/test_composer.py::test_a_layout_is_painted_again_in_the_colours_of_the_pictures",
        ("plain.insert(1, ", "plain.insert(0, "),
        ("if not tells_color(sentence, term)", "if True"),
    ),
    *_of(
        "following/color_words.py", "tests/following/test_color_words.py",
        ("shades[main] < MAIN * len(colors)", "False"),
        ("/ LIGHT, 255.0", ", 255.0"),
    ),
    *_of(
        "stages/candidates.py", "tests/stages/test_candidates.py",
        ("score.outline - LEAVING * (1 - score.kept)", "score.outline"),
        ("score.outline >= CLEAR and value", "value"),
        ("values[best] + TIE", "values[best]"),
        ("tried.best if own is None else own", "tried.best"),
    ),
    *_of(
        "stages/places.py", "tests/stages/test_places.py",
        ("carrier.high[2] - 0.45 * width + scale * tall / 2", "carrier.high[2] + scale * tall / 2"),
        ("carrier.high[0] - 0.1 * h if second else", "carrier.low[0] + 0.1 * h if second else"),
        ("scale = min(scale, 1 / longest)", "scale = 1 * scale"),
        ("behind + scale * size[1] / 2", "behind"),
    ),
    *_of(
        "following/registering.py", "tests/following/test_registering.py",
        ("if best.agreement > upright.agreement + UPRIGHT else", "if best.agreement > upright.agreement - 1 else"),
        ("self.scale * points @ self.turn.T + self.shift", "self.scale * points + self.shift"),
    ),
    *_of(
        "following/recolor.py", "tests/following/test_recolor.py",
        ("lead = weights * robust", "lead = weights"),
        ("seen.rgb[counts] / (usual * light[:, None])", "seen.rgb[counts] / light[:, None]"),
        ("return (agreed * mass / (mass + FEW))[:, None] * move", "return (mass / (mass + FEW))[:, None] * move"),
        ("move = (strength * looked_up[cell.reshape(-1)])", "move = (looked_up[cell.reshape(-1)])"),
        ("return ColorMap(source, shift, weights, robust)", "return ColorMap(wanted, shift, weights, robust)"),
    ),
    *_of(
        "following/refit.py", "tests/following/test_refit.py",
        ("lacking = (off > TINT) & (shown < sizes / 2)", "lacking = off > 9"),
        ("* (1 - lacking[..., None])", "* 1"),
    ),
    *_of(
        "meshes/smoothing.py", "tests/meshes/test_smoothing.py",
        ("near * alike, (one, other)", "near, (one, other)"),
        ("* normals).sum(1) < 0).any()", "* normals).sum(1) < -2).any()"),
        ("moved[other[piece]] = places[other[piece]]", "moved[other[piece]] = moved[other[piece]]"),
        ("vertices = vertices + step / count", "vertices = vertices + step"),
    ),
    *_of(
        "flow/sde.py", "tests/flow/test_sde.py tests/flow/test_stm.py tests/flow/test_relations.py",
        ("(1 + diffusion * (1 - t)) * v + diffusion * x", "(1 + diffusion * (1 - t)) * v - diffusion * x"),
    ),
    *_of(
        "voxels/anchor.py", "tests/voxels/test_composition.py tests/stages/test_geometry.py",
        ("return blur(grid, sigma) > threshold", "return blur(grid, sigma) >= 0"),
        ("torch.where(expand(parts.any(0), sigma, threshold), layout, main_geometry)",
         "torch.where(expand(parts.any(0), sigma, threshold), main_geometry, layout)"),
        ("return anchor & ~(hints.any(0) & ~main_geometry & ~base_hint)",
         "return anchor & ~(hints.any(0) & ~main_geometry)"),
        ("return anchor & ~(hints.any(0) & ~main_geometry & ~base_hint)",
         "return anchor & ~(hints.any(0) & ~base_hint)"),
        ("residual = (base if halo else remove_halo(base, main_geometry, base_hint, hints)) & ~union",
         "residual = base & ~union"),
        ("remove_halo(base, main_geometry, base_hint, hints)) & ~union",
         "remove_halo(base, main_geometry, base_hint, hints))"),
        ("relative, connectivity=connectivity", "relative, connectivity=6"),
        ("(100, 0.005) if pruned else (1, 0.0)", "(100, 0.005)"),
        ("else (1, 0.0)", "else (1, 0.005)"),
        ("return Coarse(found.kept | union, base, found)", "return Coarse(found.kept, base, found)"),
    ),
    *_of(
        "voxels/prune.py", "tests/voxels/test_composition.py",
        ("if size >= large:", "if size > large:"),
        ('return "unchanged" if share >= unchanged else None', 'return "unchanged" if share > unchanged else None'),
        ("large = max(absolute, relative * sizes[0].item())", "large = min(absolute, relative * sizes[0].item())"),
        ("pieces, piece_sizes = components(main_geometry, connectivity)",
         "pieces, piece_sizes = components(main_geometry, 6)"),
        ("labels, sizes = components(residual, connectivity)", "labels, sizes = components(residual, 6)"),
        ("most, piece = overlap.max(dim=1)", "most, piece = overlap.min(dim=1)"),
        ("keep = sizes >= share * int(sizes.sum())", "keep = sizes > share * int(sizes.sum())"),
        ("keep |= 2 * inside > piece_sizes[0]", "keep |= inside > piece_sizes[0]"),
    ),
    *_of(
        "segmentation/voting.py", "tests/segmentation/test_voting.py",
        ("return self.scores > 0", "return self.scores >= 0"),
        ("scores += (2 * inside - total) * counts.to(scores)", "scores += inside * counts.to(scores)"),
        ("scores += (2 * inside - total) * counts.to(scores)", "scores += 2 * inside - total"),
        ("claims = ratio > mask_threshold", "claims = ratio >= mask_threshold"),
        ("claims[:, base] = False", "claims[:, base] = True"),
        ("detected | (detected.float().mean(0) < skip_share)", "detected | (detected.float().mean(0) > skip_share)"),
        ("decided = (in_sight > 0) & (in_sight >= seen_share * total)", "decided = in_sight > 0"),
        ("owned[base] = ~owned.any(0)", "owned[base] = owned[base]"),
    ),
    *_of(
        "stages/appearance.py", "tests/stages/test_appearance.py",
        ("order = [i for i in range(len(parts)) if i != base] + [base]",
         "order = [base] + [i for i in range(len(parts)) if i != base]"),
        ("better = distance < nearest - 1e-9", "better = distance <= nearest"),
        ("matched = distance <= reach", "matched = distance <= 10 * reach"),
        ("REACH = 1.8", "REACH = 1.5"),
        ("REACH = 1.8", "REACH = 2.1"),
        ("mine = matched & (owner == index)", "mine = matched"),
        ("around = blur(to_grid(coords), sigma)[at]", "around = blur(to_grid(coords[matched]), sigma)[at]"),
        ("return v if t <= until else", "return v if t < until else"),
        ("match.hold * ((x - match.clean) / t) + (1 - match.hold) * v",
         "match.hold * ((x - match.clean) / t) + match.hold * v"),
        ("math.ceil(steps * fraction - 1e-9)", "int(steps * fraction + 1e-9)"),
        ("if sigma > 0:", "if sigma > 100:"),
    ),
    *_of(
        "stages/operators.py",
        "tests/stages/test_operators.py tests/stages/test_parts.py tests/backbones/test_batching.py",
        ("structure_guide(kit, condition.unconditional, 0.0)", "structure_guide(kit, condition, 0.0)"),
        ("RESCALE = 3.0", "RESCALE = 2.0"),
        ("[*sources, *targets]", "[*targets, *sources]"),
        ("return v_src, steer(lambda x, t: v_tgt)(x_tgt, t)", "return v_src, v_tgt"),
        ("watched(steer(velocity) if steer else velocity, kit.saw)", "watched(velocity, kit.saw)"),
        ('kit.settings.multi_image == "stochastic"', 'kit.settings.multi_image != "stochastic"'),
    ),
    *_of(
        "stages/own_cube.py", "tests/stages/test_own_cube.py",
        (", start=start)", ")"),
        ("inward.scale / outward.scale", "1 / outward.scale"),
        ("moved = outward.inverse()(", "moved = ("),
        ("if things > 1 or not longest", "if not longest"),
    ),
    *_of(
        "stages/parts.py", "tests/stages/test_parts.py tests/backbones/test_batching.py",
        ("start,\n        static(", "start - 1,\n        static("),
        ("return [grid if grid.any() else _without_crumbs(plan.hint, least) for grid, plan in zip(grids, plans)]",
         "return grids"),
        ("resample(grid, move.inverse()) if move else grid", "resample(grid, move) if move else grid"),
        ("hints = [_without_crumbs(plan.hint, settings.minimum_hint) for plan in plans]",
         "hints = [plan.hint for plan in plans]"),
    ),
    *_of(
        "stages/geometry.py", "tests/stages/test_geometry.py",
        ("kept = agreement >= REFINE_GUARD or not settings.guards", "kept = True"),
        ("kept = agreement >= REFINE_GUARD or not settings.guards", "kept = agreement >= REFINE_GUARD"),
        ("halo=not settings.guards", "halo=settings.guards"),
        ("pruned=settings.prune", "pruned=True"),
        ("grid = refined if kept else geometry.coarse", "grid = refined"),
    ),
]  # fmt: skip


def survives(mutant: Mutant, python: str) -> str | None:
    """Why the mutant is not killed, or None."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "cast3d"
        shutil.copytree(ROOT / "src" / "cast3d", package, ignore=shutil.ignore_patterns("__pycache__", "weights"))
        (package / "weights").symlink_to(ROOT / "src" / "cast3d" / "weights")
        target = package / mutant.file
        text = target.read_text(encoding="utf-8")
        if text.count(mutant.old) != 1:
            return f"its line occurs {text.count(mutant.old)} times; mend the list"
        target.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
        environment = {**os.environ, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"}
        command = [python, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", *mutant.tests]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        if done.returncode == 1:
            return None
        return (
            "no test failed" if done.returncode == 0 else f"pytest ended with {done.returncode}: {done.stdout[-300:]}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", help="mutants whose description holds this")
    args = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if args.only in str(mutant)]
    with ThreadPoolExecutor(args.workers) as pool:
        verdicts = list(pool.map(lambda mutant: survives(mutant, sys.executable), chosen))
    alive = [(mutant, why) for mutant, why in zip(chosen, verdicts) if why]
    for mutant, why in alive:
        print(f"SURVIVES {mutant}: {why}")
    print(f"{len(chosen) - len(alive)} of {len(chosen)} mutants killed")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
