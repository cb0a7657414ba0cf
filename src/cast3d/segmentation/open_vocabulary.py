"""Segmenters for arbitrary things, loaded by name through `transformers`.

| name | networks | licence of the weights | parameters |
|---|---|---|---|
| grounded-sam2 | IDEA-Research/grounding-dino-base + facebook/sam2.1-hiera-small | Apache-2.0, both | 233M + 46M |
| sam3 | facebook/sam3 | SAM License (Meta's own terms, commercial use allowed; gated: accept them first) | 0.84B |

The first is the paper's LangSAM. Weights are downloaded at the first use into the cache of `huggingface_hub`, unless
folders are given. Code comes from `transformers` alone, weights from safetensors alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..errors import INSTALL_TRELLIS, InputError, nearest
from ..models import pretrained
from .detections import Thresholds

if TYPE_CHECKING:
    from .concepts import Sam3
    from .grounded import GroundedSam2

RELEASED = {
    "grounded-sam2": "IDEA-Research/grounding-dino-base+facebook/sam2.1-hiera-small",
    "sam3": "facebook/sam3",
}
# What "latest" was when this was written. An id without "@revision" means these.
REVISIONS = {
    "IDEA-Research/grounding-dino-base": "12bdfa3120f3e7ec7b434d90674b3396eccf88eb",
    "facebook/sam2.1-hiera-small": "ee5bba1d82bb8749febdf90f45e84b687142ba03",
    "facebook/sam3": "3c879f39826c281e95690f02c7821c4de09afae7",
}
ADVICE = (
    "Give a folder with config.json, model.safetensors and the tokenizer's files, or a hub id that this machine can "
    "reach (gated ones after accepting their terms and `hf auth login`)"
)


def places_of(name: str) -> tuple[str, list[str]]:
    """The kind of segmenter that a name asks for, and where its networks are. Raises InputError for any other name."""
    kind, _, given = name.partition(":")
    if kind not in RELEASED:
        raise InputError(f"no segmenter {kind!r}{nearest(kind, RELEASED)}; known are {', '.join(RELEASED)}")
    places = (given or RELEASED[kind]).split("+")
    if len(places) != len(RELEASED[kind].split("+")):
        raise InputError(f"the segmenter {kind} is {kind}:{RELEASED[kind]} or the like, not {name!r}")
    return kind, places


def load_segmenter(
    name: str = "grounded-sam2", device: str | torch.device = "cpu", thresholds: Thresholds | None = None
) -> GroundedSam2 | Sam3:
    """The segmenter `name`: "grounded-sam2" or "sam3", or one of these with a place: "sam3:PLACE".

    A place is a folder or a hub id, with an optional "@REVISION"; "grounded-sam2:DETECTOR+MASKS" takes two.
    `thresholds` replace the segmenter's own: 0.3 for GroundingDINO's boxes, 0.5 for SAM 3's instances.
    """
    kind, places = places_of(name)
    try:
        import transformers
    except ImportError as error:
        raise InputError(f"the segmenter {kind} needs transformers; install it with: {INSTALL_TRELLIS}") from error
    thresholds = thresholds or Thresholds()

    def network(cls: str, place: str) -> Any:
        net = _from(getattr(transformers, cls), place, pretrained.load_network, dtype=torch.float32)
        return net.to(device).eval().requires_grad_(False)

    tokenizer = _from(transformers.AutoTokenizer, places[0], pretrained.load_tokenizer)
    if kind == "sam3":
        from .concepts import Sam3

        return Sam3(network("Sam3Model", places[0]), tokenizer, thresholds)
    from .grounded import GroundedSam2

    detector = network("GroundingDinoForObjectDetection", places[0])
    return GroundedSam2(detector, tokenizer, network("Sam2Model", places[1]), thresholds)


def _from(source: Any, place: str, load: Callable[..., Any] = pretrained.load, **options: Any) -> Any:
    """`load(source, ...)` at a place, with failures in words that a user can act on."""
    if Path(place).exists():
        path, revision = place, None
    else:
        path, _, revision = place.partition("@")
        revision = revision or REVISIONS.get(path)
    return load(source, path, revision, f"the segmenter {path!r}", advice=ADVICE, **options)
