"""Whether a network that reads words finds each term where the part of that name is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean

import torch

from ..meshes.mesh import Mesh
from ..meshes.raster import shoot
from ..segmentation.detections import Segmenter
from ..splats import orbit

YAWS, PITCH, SIZE = range(15, 360, 45), 15.0, 112
LEAST = 20  # pixels of a part that is in sight


def text_agreement(meshes: Mapping[str, Mesh], terms: Sequence[str], segmenter: Segmenter) -> float:
    """Mean over terms and sides of the IoU between the segmenter's mask of a term and the part of that name.

    `terms` are those looked for (the base is left out: a segmenter asked for it returns all). A term whose part is in
    sight from no side scores 0.
    """
    names = list(meshes)
    shots = [shoot([meshes[n] for n in names], orbit(yaw, PITCH, fov=None, width=1.0), SIZE) for yaw in YAWS]
    scores = []
    for term in terms:
        found = []
        for shot in shots:
            wanted = torch.from_numpy(shot.part == names.index(term)) if term in names else torch.zeros(SIZE, SIZE) > 0
            if wanted.sum() < LEAST:
                continue
            alpha = torch.from_numpy(shot.mask).float()
            image = torch.from_numpy(shot.color).permute(2, 0, 1) * alpha + (1 - alpha)
            mask = segmenter(image, alpha, term)
            found.append(float((mask & wanted).sum() / (mask | wanted).sum()))
        scores.append(mean(found) if found else 0.0)
    return mean(scores) if scores else 1.0
