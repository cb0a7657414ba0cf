"""The released TRELLIS models: pictures by TRELLIS-image, sentences by TRELLIS-text, one shared latent space."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from warnings import warn

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import CheckpointError, InputError
from ...models import load
from ...pictures.crops import preprocess_trellis
from ...pictures.opening import pixels_hash
from ...run.plain_data import canonical, digest
from ...segmentation.detections import Detections, Thresholds
from ...segmentation.lifting import patch_maps
from ...segmentation.open_vocabulary import REVISIONS, places_of
from ..backbone import ADVICE, MODEL_ENCODER, SEGMENTER, Backbone
from ..hashes import hashes_of
from ..hub import doubtful, require_hub, snapshot_of, split_revision
from ..loading import Loading
from ..residency import Offloaded, Residency, Resident, fits
from ..sources import KINDS, Source
from .clip_text import LENGTH, ClipText, load_clip_text
from .dinov2 import PICTURE_SIZE, RELEASED, Dinov2, load_dinov2
from .fitting import check_classes, check_conditions, check_latents, normalization
from .model_encoder import TrellisModelEncoder

ENCODER = "ss_enc_conv3d_16l8_fp16"  # released beside the decoder, listed in no pipeline.json
ENCODER_KEY = "sparse_structure_encoder"  # if one lists it
SLAT_ENCODER, SLAT_ENCODER_KEY = "slat_enc_swin8_B_64l8_fp16", "slat_encoder"  # likewise
SHARED = {
    "structure_decoder": "sparse_structure_decoder",
    "gaussian_decoder": "slat_decoder_gs",
    "mesh_decoder": "slat_decoder_mesh",
}
FLOWS = ("sparse_structure_flow_model", "slat_flow_model")
ENCODERS = 3_000_000_000  # bytes of DINOv2, CLIP and the segmenter, about
# Bytes of a run of 30,000 voxels: 69 MB of Gaussians (32 a voxel), 38 MB of views and masks, meshes twice; and as much
# again, since files appear beside those that they replace.
SPACE = 512 << 20
KEPT = 64  # encoded pictures and sentences


class TrellisDescriber:
    """Pictures to DINOv2 tokens, sentences to CLIP tokens; each is encoded once."""

    def __init__(self, device: torch.device, residency: Residency, pictures: Dinov2 | None, text: ClipText | None):
        self.device, self.residency = device, residency
        self.picture_encoder, self.text_encoder = pictures, text
        self.known: OrderedDict[str, Tensor] = OrderedDict()

    def pictures(self, rgba: Sequence[Image.Image], frame: str) -> tuple[Tensor, ...]:
        """Tokens [1, 1374, C] of each picture. TRELLIS always crops to the object: there is no other `frame`."""
        if self.picture_encoder is None:
            raise InputError(f"the backbone has no picture model; {ADVICE}")
        return tuple(self._once(pixels_hash(image), partial(self._picture, image)) for image in rgba)

    def maps(self, images: Tensor, alphas: Tensor) -> Tensor:
        """DINOv2's patches before its final norm, as appearances are encoded from them: [V, C, 37, 37]."""
        if self.picture_encoder is None:
            raise InputError(f"the backbone has no picture model; {ADVICE}")
        found = []
        with self.residency(self.picture_encoder):
            for image in images:  # one by one: a map is 5 MB, what makes it hundreds
                sized = F.interpolate(image[None], (PICTURE_SIZE, PICTURE_SIZE), mode="bilinear", antialias=True)
                found.append(patch_maps(self.picture_encoder.features(sized)))
        return torch.cat(found)

    def text(self, text: str) -> Tensor:
        """Tokens [1, 77, C]."""
        if self.text_encoder is None:
            raise InputError(f"the backbone has no text model; {ADVICE}")
        return self._once(f"text {text}", lambda: self._text(text))

    def unknown_words(self, text: str) -> dict[str, str | None]:
        """CLIP's vocabulary spells any word."""
        return {}

    def likened(self, text: str) -> dict[str, str]:
        return {}

    def longest(self, text: str) -> int | None:
        return LENGTH if self.text_encoder is not None and self.text_encoder.is_cut(text) else None

    def reads(self, term: str) -> bool:
        return True

    def resembling(self, rgba: Sequence[Image.Image], relation: str, base: str) -> list[str]:
        """None: nothing here names pictures."""
        return []

    def taught(self, term: str, rgba: Sequence[Image.Image], relation: str, base: str) -> str | None:
        """None: CLIP has met most names."""
        return None

    def _picture(self, image: Image.Image) -> Tensor:
        assert self.picture_encoder is not None  # asked by `pictures`
        pixels = np.asarray(preprocess_trellis(image), dtype=np.float32) / 255
        with self.residency(self.picture_encoder):
            return self.picture_encoder.encode(torch.from_numpy(pixels).permute(2, 0, 1)[None].to(self.device))

    def _text(self, text: str) -> Tensor:
        assert self.text_encoder is not None  # asked by `text`
        with self.residency(self.text_encoder):
            return self.text_encoder.encode(text)

    def _once(self, key: str, encode: Callable[[], Tensor]) -> Tensor:
        if key not in self.known:
            self.known[key] = encode()
            if len(self.known) > KEPT:
                self.known.popitem(last=False)
        return self.known[key]


class LateSegmenter:
    """A segmenter that is loaded at the first question: `lift` and `imagine` ask none."""

    def __init__(self, load: Callable[[], Any]):
        self.load = load

    @cached_property
    def loaded(self) -> Any:
        return self.load()

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        return self.loaded.networks

    def __call__(self, image: Tensor, alpha: Tensor, term: str) -> Tensor:
        return self.loaded(image, alpha, term)

    def detect_all(
        self, images: Tensor, alphas: Tensor, terms: Sequence[str], thresholds: Thresholds
    ) -> Iterator[list[Detections]]:
        return self.loaded.detect_all(images, alphas, terms, thresholds)


def load_trellis(sources: Sequence[Source], device: torch.device, loading: Loading) -> Backbone:
    """A picture repository, a text repository, or both as one backbone; decoders come from the picture's if given.

    On a CPU torsos run in float32, elsewhere as their configs say (float16).
    """
    tell_slow(device)
    by_kind = by_kind_of(sources)
    mean, std = normalization(by_kind)
    stems = stems_of(by_kind, sources)
    check_classes(named(by_kind, stems))
    for kind, source in by_kind.items():
        check_latents(source, stems[f"{kind} slat_flow_model"], mean, std)
    files = {name: Path(f"{stem}.safetensors") for name, stem in stems.items()}
    size = sum(path.stat().st_size for path in files.values()) + ENCODERS
    offload = loading.memory == "offload" or (loading.memory == "auto" and not fits(size, device))
    residency = Offloaded(device) if offload else Resident()
    at = torch.device("cpu") if offload else device
    pictures = picture_encoder(by_kind["image"], at) if "image" in by_kind else None
    text = text_encoder(by_kind["text"], at) if "text" in by_kind else None
    channels = {kind: one.channels for kind, one in (("image", pictures), ("text", text)) if one is not None}
    for kind, source in by_kind.items():
        for key in FLOWS:
            check_conditions(source, stems[f"{kind} {key}"], channels[kind])
    networks = {name: load(stem, at, torch.float32 if device.type == "cpu" else None) for name, stem in stems.items()}
    hashes = hashes_by_use(files, by_kind)
    tell_doubts(path for name, path in files.items() if doubtful(path, hashes[name]))

    def flows(key: str) -> dict[str, nn.Module]:
        return {kind: networks[f"{kind} {key}"] for kind in by_kind}

    backbone = Backbone(
        name="trellis",
        device=device,
        structure_encoder=networks["structure_encoder"],
        structure_decoder=networks["structure_decoder"],
        gaussian_decoder=networks["gaussian_decoder"],
        mesh_decoder=networks["mesh_decoder"],
        structure_flows=flows(FLOWS[0]),
        slat_flows=flows(FLOWS[1]),
        slat_mean=torch.tensor(mean, device=device),
        slat_std=torch.tensor(std, device=device),
        describer=TrellisDescriber(device, residency, pictures, text),
        segmenter=LateSegmenter(lambda: _segmenter(loading.segmenter, at)),
        hashes=hashes | {SEGMENTER: segmenter_identity(loading.segmenter)},
        about={"licence": "TRELLIS: MIT; DINOv2: Apache-2.0; CLIP: MIT"},
        residency=residency,
        space=SPACE,
    )
    if pictures is not None:

        def encoder() -> nn.Module:
            stem = encoder_stem(by_kind["image"], sources, "slat_decoder_gs", SLAT_ENCODER, SLAT_ENCODER_KEY)
            weights = Path(f"{stem}.safetensors")
            backbone.hashes[MODEL_ENCODER] = hashes_of([weights])[weights]
            return load(stem, at, torch.float32 if device.type == "cpu" else None)

        backbone.model_encoder = TrellisModelEncoder(encoder, pictures, device)
    return backbone


def stems_of(by_kind: dict[str, Source], sources: Sequence[Source]) -> dict[str, Path]:
    """Every network's files, without suffix: shared ones by their name here, flows as "image ..." and "text ..."."""
    first = by_kind.get("image") or by_kind["text"]
    stems = {name: first.stem(key, sources) for name, key in SHARED.items()}
    stems["structure_encoder"] = encoder_stem(first, sources)
    for kind, source in by_kind.items():
        stems |= {f"{kind} {key}": source.stem(key, sources) for key in FLOWS}
    return stems


def named(by_kind: dict[str, Source], stems: dict[str, Path]) -> Iterator[tuple[Source, str, Path]]:
    """For each of `stems_of`: the source whose pipeline names it, under which key."""
    first = by_kind.get("image") or by_kind["text"]
    for name, stem in stems.items():
        kind, _, key = name.rpartition(" ")
        yield by_kind[kind] if kind else first, {**SHARED, "structure_encoder": ENCODER_KEY}.get(key, key), stem


def hashes_by_use(networks: Mapping[str, Path], by_kind: Mapping[str, Source]) -> dict[str, str]:
    """The hashes that tell this backbone from any other, by what each file is for: file names may be equal.

    A pipeline.json counts as a whole, as it holds the latents' constants.
    """
    files = dict(networks)
    for kind, source in by_kind.items():
        path = source.file("pipeline.json")
        assert path is not None  # it has told the kind
        files[f"{kind} pipeline"] = path
    digests = hashes_of(files.values())
    encoders = {f"{kind} encoder": encoder_hash(source) for kind, source in by_kind.items()}
    return {name: digests[path] for name, path in files.items()} | encoders


def encoder_hash(source: Source) -> str:
    """The hash of an encoder's files in a folder; for one on the hub "owner/name@commit", which is as exact."""
    place, revision = encoder_place(source)
    if files := encoder_files(Path(place)):
        named = {path.relative_to(Path(place).parent).as_posix(): found for path, found in hashes_of(files).items()}
        return digest(canonical(named))
    cached = require_hub().try_to_load_from_cache(str(place), "config.json", revision=revision)
    commit = snapshot_of(Path(cached)) if isinstance(cached, str) else revision
    return f"{place}@{commit}"


def encoder_files(place: Path) -> list[Path]:
    """Weights, arguments and vocabulary of an encoder in a folder or of a stem; none of what is on the hub only."""
    beside = [Path(f"{place}{suffix}") for suffix in (".json", ".safetensors")]
    inside = [path for kind in ("*.json", "*.safetensors", "*.txt") for path in place.glob(kind)]
    return sorted(path for path in (*beside, *inside) if path.is_file())


def tell_slow(device: torch.device) -> None:
    """Warns if there is a card that nobody asked for: it is not used."""
    if device.type == "cpu" and torch.cuda.is_available():
        warn(
            "TRELLIS runs on the CPU, which takes hours; to use this machine's CUDA card give device 'cuda' (--device)",
            stacklevel=4,
        )


def tell_doubts(paths: Iterable[Path]) -> None:
    """One warning about all files that are not what their names and sizes say."""
    if listed := ", ".join(sorted(map(str, paths))):
        warn(
            "released by name and size, but not by SHA-256, so fine-tuned or random weights or a damaged copy (if the "
            f"release is meant, fetch them again): {listed}",
            stacklevel=4,  # whoever called load_backbone
        )


def by_kind_of(sources: Sequence[Source]) -> dict[str, Source]:
    by_kind: dict[str, Source] = {}
    for source in sources:
        if source.kind in by_kind:
            raise CheckpointError(
                f"{by_kind[source.kind].place} and {source.place} are both {source.kind} models; "
                "a backbone is one picture model and one text model"
            )
        by_kind[source.kind] = source
    return by_kind


def encoder_stem(
    source: Source,
    others: Sequence[Source],
    decoder: str = SHARED["structure_decoder"],
    name: str = ENCODER,
    key: str = ENCODER_KEY,
) -> Path:
    """An encoder, by default that of structures: named by the pipeline, or beside the decoder."""
    if key in source.args["models"]:
        return source.stem(key, others)
    beside = source.args["models"].get(decoder, "ckpts/")
    return source.locate(f"{str(beside).rpartition('/')[0]}/{name}", key, others)


def picture_encoder(source: Source, device: torch.device) -> Dinov2:
    place, revision = encoder_place(source)
    return load_dinov2(place, device, revision=revision)


def text_encoder(source: Source, device: torch.device) -> ClipText:
    place, revision = encoder_place(source)
    return load_clip_text(place, device, revision)


def encoder_place(source: Source) -> tuple[str | Path, str | None]:
    """Where the encoder that a pipeline names is: a folder or stem, or a hub id and its revision."""
    name = next(source.args[key] for key, kind in KINDS.items() if kind == source.kind)
    inside = conditioner(source, name)
    return (inside, None) if inside else split_revision(RELEASED.get(name, name))


def conditioner(source: Source, name: str) -> Path | None:
    """A copy of the encoder kept in the backbone's folder, by its name or the last part of it; else None."""
    if source.folder is None:
        return None
    for path in (source.folder / name, source.folder / name.rpartition("/")[2]):
        if (path / "config.json").is_file() or Path(f"{path}.safetensors").is_file():
            return path
    return None


def segmenter_identity(name: str) -> str:
    """What a segmenter's weights are: their hash where they lie in a folder, else their commit on the hub."""
    kind, places = places_of(name)
    found = []
    for place in places:
        if Path(place).exists():
            digests = {path.name: sha for path, sha in hashes_of(encoder_files(Path(place))).items()}
            found.append(digest(canonical(digests))[:16])
        else:
            path, _, revision = place.partition("@")
            found.append(f"{path}@{revision or REVISIONS.get(path, 'main')}")
    return f"{kind}:{'+'.join(found)}"


def _segmenter(name: str, device: torch.device) -> Any:
    from ...segmentation.open_vocabulary import load_segmenter

    return load_segmenter(name, device)
