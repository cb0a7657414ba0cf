"""Checks of a released backbone: everything that could not be tried without the real weights.

`inspect` reads files and configs only; `exercise` runs each network once; `front` looks at an object from four sides.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ...errors import Cast3dError, Finding
from ...meshes.mesh import Mesh
from ...models.checkpoints import build, read_config
from ...models.file_size import ORDER, file_bytes
from ...models.released import RELEASED
from ...models.shapes import shapes_only
from ..backbone import Backbone
from ..hashes import hashes_of
from ..hub import BYTES, HASHES
from ..sources import Source
from .fitting import normalization
from .loading import by_kind_of, conditioner, stems_of
from .random_encoders import CLIP_LARGE, DINOV2_LARGE
from .random_folder import NORMALIZATION

AGAIN = "fetch the file again"


def inspect(sources: Sequence[Source]) -> Iterator[Finding]:
    """Files, sizes, hashes, arguments, key names, shapes, precisions, samplers, constants."""
    by_kind = by_kind_of(sources)
    stems = stems_of(by_kind, sources)
    hashes = hashes_of(Path(f"{stem}.safetensors") for stem in stems.values())
    for stem in dict.fromkeys(stems.values()):
        yield weights(stem, hashes[Path(f"{stem}.safetensors")])
    yield normalized(by_kind)
    for kind, source in by_kind.items():
        yield from samplers(kind, source)
        yield encoder(kind, source)


def weights(stem: Path, digest: str) -> Finding:
    """One network's two files."""
    path = Path(f"{stem}.safetensors")
    try:
        name, arguments = read_config(Path(f"{stem}.json"))
        with shapes_only():
            net = build(Path(f"{stem}.json"))
        with safe_open(path, "pt") as file:
            found = {key: file.get_slice(key) for key in file.keys()}  # noqa: SIM118
            stored = {key: (one.get_dtype(), list(one.get_shape())) for key, one in found.items()}
    except (Cast3dError, SafetensorError, OSError) as error:
        return Finding(stem.name, str(error), False, AGAIN)
    expected = {key: (ORDER[value.dtype], list(value.shape)) for key, value in net.state_dict().items()}
    notes = []
    for key in sorted(stored.keys() | expected.keys()):
        if stored.get(key) != expected.get(key):
            return Finding(
                stem.name, f"{key} is {_said(stored.get(key))}, expected {_said(expected.get(key))}", False, AGAIN
            )
    size = path.stat().st_size
    if size != file_bytes(net):
        notes.append(f"{size:,} bytes, {file_bytes(net):,} expected")
    if stem.name in RELEASED:
        notes += against_release(stem.name, name, arguments, size, digest)
    half = sum(dtype == "F16" for dtype, _ in stored.values())
    text = f"{size / 1e6:.0f} MB, {len(stored)} tensors ({half} in half precision) as expected, sha256 {digest[:16]}"
    return Finding(stem.name, "; ".join([text, *notes]), not notes or None)


def _said(one: tuple[str, list[int]] | None) -> str:
    return "missing" if one is None else f"{one[0]} {one[1]}"


def against_release(stem: str, name: str, arguments: dict[str, Any], size: int, digest: str) -> list[str]:
    """How a network with a released name differs from the release."""
    cls, released = RELEASED[stem]
    differing = sorted(key for key in arguments if key in released and arguments[key] != released[key])
    notes = [f"{key} is {arguments[key]!r}, released {released[key]!r}" for key in differing[:2]]
    if name.removeprefix("Elastic") != cls.removeprefix("Elastic"):
        notes.append(f"class {name}, released {cls}")
    if not notes and size != BYTES[stem]:
        notes.append(f"released with {BYTES[stem]:,} bytes")
    if not notes and digest != HASHES.get(stem, digest):
        notes.append("another sha256 than recorded for the release: fine-tuned or random weights, or a damaged file")
    return notes


def normalized(by_kind: dict[str, Source]) -> Finding:
    """Mean and standard deviation of the latents."""
    mean, std = normalization(by_kind)
    same = mean == NORMALIZATION["mean"] and std == NORMALIZATION["std"]
    return Finding("normalization", "of latents as released" if same else "of latents differs from the release", same)


def samplers(kind: str, source: Source) -> Iterator[Finding]:
    """What the pipeline itself would sample with; for information, since the method's settings decide."""
    for key in ("sparse_structure_sampler", "slat_sampler"):
        params = source.args.get(key, {}).get("params", {})
        yield Finding(f"{kind} sampler", f"{key}: " + ", ".join(f"{name} {value}" for name, value in params.items()))


def encoder(kind: str, source: Source) -> Finding:
    """The encoder of pictures or of text: where it comes from, and its arguments."""
    name = source.args["image_cond_model" if kind == "image" else "text_cond_model"]
    place = conditioner(source, name)
    if place is None or not (place / "config.json").is_file():
        return Finding(f"{kind} encoder", f"{name}, {'from ' + str(place) if place else 'from the hub or its cache'}")
    config = json.loads((place / "config.json").read_text(encoding="utf-8"))
    config = config.get("text_config", config) if kind == "text" else config
    expected = DINOV2_LARGE if kind == "image" else CLIP_LARGE
    wrong = [
        f"{key} {config[key]}, expected {value}"
        for key, value in expected.items()
        if not key.endswith("token_id") and config.get(key, value) != value  # CLIP's own config has odd ones
    ]
    return Finding(f"{kind} encoder", f"{place}: {', '.join(wrong) or 'arguments as expected'}", not wrong or None)


@torch.no_grad()
def exercise(backbone: Backbone) -> Iterator[Finding]:
    """Runs each network once on small inputs: whether it works here, how long it takes, whether all is finite."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, *backbone.structure_shape, generator=generator).to(backbone.device)
    coords = torch.cartesian_prod(*[torch.arange(28, 34)] * 3).to(backbone.device)
    feats = torch.randn(len(coords), backbone.slat_channels, generator=generator).to(backbone.device)
    kinds = {"image": lambda: backbone.of_pictures([_disc()]), "text": lambda: backbone.of_text("a chair")}
    cube = torch.zeros(64, 64, 64, dtype=torch.bool, device=backbone.device)
    cube[20:44, 20:44, 20:44] = True
    for kind in backbone.structure_flows:
        condition = kinds[kind]()
        yield _run(f"{kind} encoder", lambda c=condition: c.tokens[0], backbone)
        yield _run(f"{kind} structure", lambda c=condition: backbone.structure_velocity(c, 5.0)(x, 0.7), backbone)
        yield _run(f"{kind} latents", lambda c=condition: backbone.slat_velocity(c, coords, 5.0)(feats, 0.7), backbone)
    yield _run("gaussians", lambda: backbone.gaussians(coords, feats).positions, backbone)
    owner = torch.zeros(len(coords), dtype=torch.long, device=backbone.device)
    yield _run("mesh", lambda: cast(Mesh, backbone.meshes(coords, feats, owner, 1)[0]).vertices, backbone)
    kept = backbone.decode_structure(backbone.encode_structure(cube))
    share = float((kept & cube).sum() / (kept | cube).sum())
    text = f"a cube comes back with IoU {share:.2f}; trained weights give more than 0.9"
    yield Finding("structure VAE", text, True if share > 0.9 else None)
    if "text" in backbone.structure_flows:  # what composes, and so asks for masks
        yield segmenter(backbone)


def segmenter(backbone: Backbone) -> Finding:
    """The segmenter, loaded if it was not yet, asked for a red ball in a picture of one, with its own thresholds."""
    pixels = torch.from_numpy(np.asarray(_disc(), dtype=np.float32) / 255).permute(2, 0, 1).to(backbone.device)
    alpha = pixels[3]
    try:
        ((found,),) = backbone.detect((pixels[:3] * alpha + 1 - alpha)[None], alpha[None], ["red ball"])
    except Cast3dError as error:
        return Finding("segmenter", str(error), False, "--with segmenter=KIND:FOLDER, see docs/segmentation.md")
    if found.best is not None and not 0 <= found.best <= 1:  # a NaN is neither
        return Finding("segmenter", "gives scores that are not between 0 and 1", False)
    share = float((found.mask & (alpha > 0.5)).sum() / (alpha > 0.5).sum())
    best = "" if found.best is None else f", best score {found.best:.2f}"
    text = f"runs; of a red ball it marks {share:.0%}{best}; trained weights mark nearly all of it"
    return Finding("segmenter", text, True if share > 0.8 else None)


def _run(name: str, call: Any, backbone: Backbone) -> Finding:
    start = time.perf_counter()
    value: Tensor = call()
    finite = bool(value.isfinite().all())  # waits for the device
    text = f"runs, {1000 * (time.perf_counter() - start):.0f} ms the first time"
    return Finding(name, text if finite else "gives values that are not finite", finite)


def _disc() -> Image.Image:
    side = np.indices((128, 128)) - 63.5
    pixels = np.zeros((128, 128, 4), np.uint8)
    pixels[(side**2).sum(0) < 50**2] = (200, 60, 40, 255)
    return Image.fromarray(pixels)
