"""Three composite scores, 0 to 10, named as the columns of the paper's Table 1 and made of the metrics alone.

    faithfulness  does each part look like its picture?
                  mean over all terms of present * (likeness + shape) / 2
    aesthetic     is it clean?
                  mean of clean = 1 / (1 + fragments), smooth = the truth's roughness over the object's,
                  palette (mean over all terms), text agreement
    rationality   does the whole make sense?
                  mean of place (F1 at two voxels, mean over all terms), contact (IoU of the contact patches, mean over
                  accessories), apart = 1 - 5 * (interpenetration beyond the truth's), within 0 and 1

Weights are equal, nothing is fitted to any result, and a run that made nothing has 0 in all three. They are not the
paper's scores, which a language model gave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean

Numbers = Mapping[str, float]
NAMES = ("faithfulness", "aesthetic", "rationality")
FAILED = dict.fromkeys((*NAMES, "average"), 0.0)


def scores(whole: Numbers, parts: Sequence[Numbers]) -> dict[str, float]:
    """The scores and their average; `whole` and `parts` as `measure` makes them, the base among the parts."""
    faithful = mean(part["present"] * (part["likeness"] + part["shape"]) / 2 for part in parts)
    pleasing = [1 / (1 + whole["fragments"]), smooth(whole), mean(part["palette"] for part in parts)]
    pleasing += [whole["text"]] if "text" in whole else []
    touching = [part["contact_iou"] for part in parts if "contact_iou" in part]
    sensible = [mean(part["f1_2"] for part in parts), apart(whole), *([mean(touching)] if touching else [])]
    found = dict(zip(NAMES, (10 * faithful, 10 * mean(pleasing), 10 * mean(sensible))))
    return found | {"average": mean(found.values())}


def smooth(whole: Numbers) -> float:
    """1 where the object is no rougher than the truth, one half where it is twice as rough."""
    return _bounded(max(whole["roughness_truth"], 0.05) / max(whole["roughness"], 0.05))


def apart(whole: Numbers) -> float:
    """1 where parts overlap no more than the true ones, 0 from a fifth of the smaller part's volume on."""
    return 1 - _bounded(5 * whole["interpenetration_excess"])


def _bounded(value: float) -> float:
    return min(max(value, 0.0), 1.0)
