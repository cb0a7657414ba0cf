"""How well parts of models without names are found: IoU of the region and the true part, by case.

    python -m benchmarks.regions suites/edits-dev [--find text|field] [--every-part] [--source unnamed|splat]

"text" is what the segmenter sees; "field" the clusters of the feature field with the true ones named, so what is left
for a language model that errs in nothing. With --every-part all accessories of each model are looked for, not only the
one that the edit takes away.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from cast3d.composer import Composer, load
from cast3d.errors import InputError
from cast3d.evaluation.edits.bench import FORMS, source
from cast3d.evaluation.edits.measure import SAME, Seen, region_iou
from cast3d.evaluation.edits.measure import named as pieces_named
from cast3d.evaluation.edits.suite import EditCase, load_edits
from cast3d.evaluation.statistics import estimate
from cast3d.existing.opening import open_model
from cast3d.existing.seen import Existing
from cast3d.scene.edits import EditScene
from cast3d.stages.existing import existing_model
from cast3d.stages.field import clustered, looked_at, with_behind
from cast3d.stages.kit import Kit
from cast3d.stages.regions import CLUSTERS
from cast3d.voxels import cells_of


def found(composer: Composer, case: EditCase, named: Existing, model: Path, how: str) -> Seen:
    """Where a part is found in a model without names."""
    scene = EditScene.make(model, f"a {case.main}", remove=[case.part], main=case.main, find="text")
    if how == "text":
        return Seen.of(composer.locate(scene).union, composer._opened(scene, composer.backbone.defaults, None))
    existing = composer._opened(scene, composer.backbone.defaults, None)
    kit = Kit(composer.backbone, composer.backbone.defaults, existing=existing)
    source = existing_model(kit)
    sights = looked_at(kit, source)
    label = clustered(kit, source, sights, CLUSTERS)
    true = truth(case, named, existing)[tuple(sights.coords.unbind(1))]
    own = torch.bincount(label[true], minlength=CLUSTERS + 1) * 2 > torch.bincount(label, minlength=CLUSTERS + 1)
    return Seen.of(with_behind(source, sights.coords, own[label]), existing)


def truth(case: EditCase, named: Existing, existing: Existing) -> torch.Tensor:
    """[64, 64, 64] bool: voxels of the model's cube that are more the true part's than any other's."""
    surface = named.surface()
    frame = Seen.of(torch.zeros(0), existing).frame
    cells = cells_of(torch.from_numpy(frame.to_cube(SAME.to_file(surface.position.double().numpy()))))
    flat = (cells[:, 0] * 64 + cells[:, 1]) * 64 + cells[:, 2]
    own = torch.isin(surface.piece, torch.tensor(sorted(pieces_named(named.model, case.part)), dtype=torch.int32))
    counts = torch.stack([torch.bincount(flat[rows], minlength=64**3) for rows in (own, ~own)])
    return (counts[0] > counts[1]).view(64, 64, 64)


def rows(composer: Composer, suite: Path, how: str, every: bool, kind: str) -> list[dict[str, Any]]:
    """One per case and part."""
    told = []
    with tempfile.TemporaryDirectory() as folder:
        for case in load_edits(suite):
            parts = [term for term in case.before_terms if term != case.main] if every else [case.part]
            files = {form: source(case, Path(folder), form) for form in FORMS}
            named = Existing(open_model(files["named"]), SAME)
            for part in filter(None, parts):
                one, start = replace(case, part=part), time.monotonic()
                try:
                    value = region_iou(one, named, found(composer, one, named, files[kind], how))
                except InputError:  # not found
                    value = 0.0
                told.append({"case": case.id, "part": part, "iou": value, "seconds": time.monotonic() - start})
                print(f"{case.id:24} {part:36} {value:5.2f}  {told[-1]['seconds']:5.1f} s", flush=True)
    return told


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suite", type=Path)
    parser.add_argument("--find", choices=("text", "field"), default="text")
    parser.add_argument("--every-part", action="store_true")
    parser.add_argument("--source", choices=("unnamed", "splat"), default="unnamed")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    table = rows(load(), arguments.suite, arguments.find, arguments.every_part, arguments.source)
    mean = estimate({(row["case"], row["part"]): row["iou"] for row in table})
    missed = sum(row["iou"] == 0 for row in table)
    print(f"mean {mean.mean:.3f} [{mean.low:.3f}, {mean.high:.3f}] of {len(table)} parts, {missed} not found")
    if arguments.json:
        arguments.json.write_text(json.dumps(table, indent=1) + "\n")
