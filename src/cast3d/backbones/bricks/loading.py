"""The small backbone's conditioner and segmenter: pictures of 112 pixels, a closed word list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from ...errors import CheckpointError
from ...existing.frame import Stand
from ...models import load, register
from ...models.precision import fast_bfloat16
from ...models.weights import DEFLATED, PLAIN, stem_of
from ...pictures.crops import preprocess_small
from ...run.plain_data import canonical, digest
from ...segmentation.lifting import patch_maps
from ...settings import Settings
from ..backbone import Backbone
from ..hashes import compute
from ..sources import Source
from .encoders import FRAMES, PictureEncoder, WordEncoder
from .model_encoder import BricksModelEncoder
from .namer import PictureNamer, pool
from .prompted import PromptedSegmenter
from .sdf_decoder import SLatSdfDecoder
from .slat_clean_flow import SLatCleanFlowModel
from .structure_patch import PatchStructureDecoder, PatchStructureEncoder
from .words import LIKENED, Vocabulary, likened_nouns

STAND = Stand(50 / 64, 2 / 64, lifted=True)  # as bases of the training data stand, roughly
# Mean logit of a mask's surest pixels. In roughened pictures of 128 figures .30 of what is absent is marked without it,
# .22 with it; what is there loses .002 of IoU.
PEAK = 3.0
DEFAULT_ENCODER = "ckpts/ss_enc_conv3d_16l8_fp16"  # released folders hold it without listing it

for _cls in (
    PatchStructureEncoder,
    PatchStructureDecoder,
    SLatCleanFlowModel,
    SLatSdfDecoder,
    PictureEncoder,
    PictureNamer,
    WordEncoder,
    PromptedSegmenter,
):
    register(_cls.__name__, _cls)


class BricksDescriber:
    """Pictures and sentences to tokens."""

    def __init__(
        self,
        pictures: PictureEncoder,
        words: WordEncoder,
        vocabulary: Vocabulary,
        namer: PictureNamer | None = None,
        animals: Mapping[str, Sequence[str]] | None = None,
    ):
        self.picture_encoder, self.word_encoder = pictures, words
        self.vocabulary, self.namer = vocabulary, namer
        self.animals = animals or {"nouns": (), "wear": ()}  # what they are called; names of what they were shown with
        self.text = lru_cache(maxsize=64)(self._text)

    def pictures(self, rgba: Sequence[Image.Image], frame: str) -> tuple[Tensor, ...]:
        device = self.picture_encoder.position.device
        size = self.picture_encoder.config["image_size"]
        index = torch.tensor([FRAMES.index(frame)], device=device)
        images = (torch.as_tensor(preprocess_small(image, size))[None].to(device) for image in rgba)
        return tuple(self.picture_encoder(image, index) for image in images)

    def maps(self, images: Tensor, alphas: Tensor) -> Tensor:
        """The tokens of the patches, as of a thing in its place: [V, C, S/8, S/8]."""
        size = self.picture_encoder.config["image_size"]
        small = F.interpolate(torch.cat([images, alphas[:, None]], dim=1), (size, size), mode="area")
        frame = torch.full((len(small),), FRAMES.index("in_place"), device=small.device)
        return patch_maps(self.picture_encoder(small, frame))

    def places(self, rgba: Sequence[Image.Image], frame: str) -> list[tuple[Tensor, Tensor]]:
        """Where the encoder sees the surfaces of each picture: `look`'s places [6, Q, Q], and alpha at the same cells.

        The cells cover the picture's square crop; what `following.pose_of_places` takes.
        """
        device = self.picture_encoder.position.device
        size = self.picture_encoder.config["image_size"]
        index = torch.tensor([FRAMES.index(frame)], device=device)
        found = []
        for one in rgba:
            image = torch.as_tensor(preprocess_small(one, size))[None].to(device)
            told = self.picture_encoder.look(image, index)[1]
            found.append((told[0], F.adaptive_avg_pool2d(image[:, 3:], (told.shape[-2], told.shape[-1]))[0, 0]))
        return found

    def _text(self, text: str) -> Tensor:
        length = self.word_encoder.config["max_words"]
        indices = self.vocabulary.encode(text, length).indices
        return self.word_encoder(torch.tensor([indices], device=self.word_encoder.position.device))

    def unknown_words(self, text: str) -> dict[str, str | None]:
        """Words of `text` without a known form, each with the nearest known word."""
        return self.vocabulary.encode(text).unknown

    def likened(self, text: str) -> dict[str, str]:
        """Unknown nouns of `text`, each with the known word that is read in its place."""
        return self.vocabulary.encode(text).likened

    def longest(self, text: str) -> int | None:
        length = self.word_encoder.config["max_words"] - 1  # the first place is the start word's
        return length if self.vocabulary.length(text) > length else None

    def reads(self, term: str) -> bool:
        return self.vocabulary.reads(term)

    def resembling(self, rgba: Sequence[Image.Image], relation: str, base: str) -> list[str]:
        if self.namer is None:
            return []
        return self.namer.ranked(self._pooled(rgba), relation, self._worn(base))

    def taught(self, term: str, rgba: Sequence[Image.Image], relation: str, base: str) -> str | None:
        read = self.vocabulary.encode(term)
        if self.namer is None or not self.reads(term) or not (read.unknown or read.likened):
            return None
        names = self.namer.alike(self._pooled(rgba), relation, self._worn(base))
        nouns = self.vocabulary.nouns_of(term)  # the nearest first: a picture tells kinds less surely than words do
        return next((name for noun in nouns for name in names if self.vocabulary.noun(name) == noun), None)

    def _worn(self, base: str) -> Sequence[str]:
        """Names to try first: layouts know an animal with a hat or a pack, but none with hair or a helmet."""
        return self.animals["wear"] if {*self.vocabulary.nouns_of(base)} & {*self.animals["nouns"]} else ()

    def _pooled(self, rgba: Sequence[Image.Image]) -> Tensor:
        return torch.cat([pool(tokens) for tokens in self.pictures(rgba, "filled")])


class BricksSegmenter:
    """`PromptedSegmenter` on views of any size: shrunk to the trained size, masks enlarged again.

    A mask counts where its surest pixels, `least` of them, have a mean logit above `peak`: a thing that is not there is
    marked, if at all, with doubt.
    """

    def __init__(
        self, net: PromptedSegmenter, vocabulary: Vocabulary, size: int = 112, least: int = 12, peak: float = PEAK
    ):
        self.net, self.vocabulary, self.size, self.least, self.peak = net, vocabulary, size, least, peak

    def __call__(self, image: Tensor, alpha: Tensor, term: str) -> Tensor:
        on_black = (image - (1 - alpha)).clamp(0, 1)  # views are composited on white
        rgba = torch.cat([on_black, alpha[None]])[None]
        small = F.interpolate(rgba, (self.size, self.size), mode="area")
        indices = torch.tensor([self.vocabulary.encode(term).indices], device=image.device)
        logits = self.net(small, indices)[:, None]
        surest = logits[0, 0][small[0, 3] > 0.5]
        if len(surest) < self.least or surest.topk(self.least).values.mean() < self.peak:
            return torch.zeros_like(alpha, dtype=torch.bool)
        mask = F.interpolate(logits, image.shape[-2:], mode="bilinear", align_corners=False)[0, 0] > 0
        mask &= alpha > 0.5
        share = (self.size / image.shape[-1]) ** 2
        return mask if mask.sum() * share >= self.least else torch.zeros_like(mask)


def load_bricks(source: Source, device: torch.device) -> Backbone:
    """The small backbone of a folder whose `pipeline.json` has the key "cast3d"."""
    folder, args, own = source.folder, source.args, source.pipeline["cast3d"]
    if folder is None:
        raise CheckpointError(f"{source.place} is a small backbone on the hub; download it and give its folder")
    names = {"sparse_structure_encoder": DEFAULT_ENCODER, **args["models"]}
    torso = torch.bfloat16 if device.type == "cpu" and fast_bfloat16() else None

    def network(key: str, dtype: torch.dtype | None = None):
        if key not in names:
            raise CheckpointError(f"{folder}/pipeline.json names no {key}")
        return load(folder / names[key], device, dtype)

    vocabulary = Vocabulary(own["words"], unread=own.get("unread", ()), likened=likened_nouns())
    structure_flow, slat_flow = network("sparse_structure_flow_model", torso), network("slat_flow_model", torso)
    normalization = args["slat_normalization"]
    return Backbone(
        name="bricks",
        device=device,
        structure_encoder=network("sparse_structure_encoder"),
        structure_decoder=network("sparse_structure_decoder"),
        structure_flows={"image": structure_flow, "text": structure_flow},
        slat_flows={"image": slat_flow, "text": slat_flow},
        gaussian_decoder=network("slat_decoder_gs"),
        mesh_decoder=network("slat_decoder_mesh"),
        slat_mean=torch.tensor(normalization["mean"], device=device),
        slat_std=torch.tensor(normalization["std"], device=device),
        describer=BricksDescriber(
            cast(PictureEncoder, load(folder / args["image_cond_model"], device)),
            cast(WordEncoder, load(folder / args["text_cond_model"], device)),
            vocabulary,
            cast(PictureNamer, load(folder / own["namer"], device)) if "namer" in own else None,
            own.get("animals"),
        ),
        model_encoder=BricksModelEncoder(load(folder / own["appearance_encoder"], device))
        if "appearance_encoder" in own
        else None,
        segmenter=BricksSegmenter(cast(PromptedSegmenter, load(folder / own["segmenter"], device)), vocabulary),
        defaults=Settings().changed(own["defaults"]),
        hashes=weight_hashes(folder) | {"pipeline": constants_hash(source.pipeline), "nouns": compute(LIKENED)},
        about=own.get("about", {}),
        orthographic=True,
        stand=STAND,
    )


def weight_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of each weight file by its stem."""
    return {stem_of(path): compute(path) for path in weight_files(folder)}


def constants_hash(pipeline: Mapping[str, Any]) -> str:
    """The hash of what networks take from `pipeline.json`: word list, latents' constants, names of files.

    Its default settings do not count. A stage records those that it reads, so another default of one stage leaves the
    other stages of a run as they are.
    """
    own = {key: value for key, value in pipeline["cast3d"].items() if key not in ("defaults", "about")}
    return digest(canonical({**pipeline, "cast3d": own}))


def weight_files(folder: Path) -> list[Path]:
    """The files of weights of a small backbone, by name."""
    return sorted([*folder.glob(f"ckpts/*{PLAIN}"), *folder.glob(f"ckpts/*{DEFLATED}")])
