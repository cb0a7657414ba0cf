"""What the method needs of a pretrained two-stage rectified-flow model, whichever it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast

import torch
from PIL import Image
from torch import Tensor, nn

from .. import flow
from ..errors import InputError
from ..existing.frame import Stand
from ..existing.seen import Existing, Surface
from ..meshes.mesh import Mesh
from ..models import SparseTensor
from ..models.precision import fast_bfloat16
from ..segmentation.detections import Detections, Segmenter, Thresholds, detect_all
from ..settings import Settings
from ..splats import Gaussians
from .batching import guided_velocity, predict_dense, predict_sparse, sparse_batch
from .conditions import Condition, Guided
from .residency import Residency, Resident

ADVICE = "composing takes a picture and a text model: --backbone IMAGE_FOLDER+TEXT_FOLDER"
SEGMENTER = "segmenter"  # its name among the hashes
MODEL_ENCODER = "model_encoder"  # likewise, of one that comes at the first question


def _unwatched(what: str) -> None:
    """The default: nobody listens."""


class Describer(Protocol):
    """Turns pictures or words into tokens."""

    def pictures(self, rgba: Sequence[Image.Image], frame: str) -> tuple[Tensor, ...]: ...

    def maps(self, images: Tensor, alphas: Tensor) -> Tensor:
        """Features [V, C, P, P] of whole pictures [V, 3, S, S] in [0, 1] on black with alpha [V, S, S], not cropped."""
        ...

    def text(self, text: str) -> Tensor: ...

    def unknown_words(self, text: str) -> dict[str, str | None]: ...

    def likened(self, text: str) -> dict[str, str]:
        """Unknown nouns of a text, each with the known word that is read in its place."""
        ...

    def longest(self, text: str) -> int | None:
        """How many tokens the text model reads, if the text has more; None if it reads the whole text."""
        ...

    def reads(self, term: str) -> bool:
        """Whether the text model knows the noun of a term, or a word that stands for it."""
        ...

    def resembling(self, rgba: Sequence[Image.Image], relation: str, base: str) -> list[str]:
        """Names that the text model knows, the most like the pictures first.

        `relation` ("wearing", ...) ties the thing to its `base`. If the model knows few things on such a base, these
        come first.
        """
        ...

    def taught(self, term: str, rgba: Sequence[Image.Image], relation: str, base: str) -> str | None:
        """Another name for a term, if the text model knows its noun but not the words that go with it.

        It is the known name with the same noun, or with one that stands for it, that is most like the pictures. None if
        there is none, or no need.
        """
        ...


class ModelEncoder(Protocol):
    """Latents of models that exist; `networks` are what it needs on the device."""

    @property
    def networks(self) -> Sequence[nn.Module]: ...

    def __call__(self, coords: Tensor, surface: Surface, model: Existing) -> Tensor:
        """[N, C] latents, not yet normalised, of voxels [N, 3] that the model's surface passes."""
        ...


class MeshDecoder(Protocol):
    """What the network that makes meshes does, too: two steps, of which the second needs no weights."""

    def features(self, x: SparseTensor) -> SparseTensor: ...

    def solids(
        self,
        coords: Tensor,
        features: SparseTensor,
        owner: Tensor,
        count: int,
        base: int | None = None,
        shapes: Tensor | None = None,
    ) -> list[Mesh | None]: ...


@dataclass
class Backbone:
    """Networks behind the call contracts of `cast3d.models`, and how to speak to them.

    Grids are bool [64, 64, 64] indexed [x, y, z]; structure latents [1, C, r, r, r]; structured latents are normalised
    features [N, C] beside coords [N, 3].
    """

    name: str
    device: torch.device
    structure_encoder: nn.Module
    structure_decoder: nn.Module
    structure_flows: dict[str, nn.Module]  # by kind of condition
    slat_flows: dict[str, nn.Module]
    gaussian_decoder: nn.Module
    mesh_decoder: nn.Module  # and a `MeshDecoder`
    slat_mean: Tensor  # [C]
    slat_std: Tensor  # [C]
    describer: Describer
    segmenter: Segmenter
    model_encoder: ModelEncoder | None = None
    defaults: Settings = field(default_factory=Settings)
    hashes: dict[str, str] = field(default_factory=dict)  # of the weight files, or the commits that they come from
    about: dict[str, Any] = field(default_factory=dict)  # licence and limits, for people
    structure_shape: tuple[int, ...] = (8, 16, 16, 16)
    slat_channels: int = 8
    stand: Stand = field(default_factory=Stand)  # how models that exist are put into the cube
    orthographic: bool = False  # the pictures it was trained on
    space: int = 64 << 20  # bytes on the disk that a run may take
    batch: int = 1  # most predictions in one forward pass; 1 = one at a time
    residency: Residency = field(default_factory=Resident)
    used: Callable[[str], None] = _unwatched  # hears what of `identity` is asked

    def watched(self, used: Callable[[str], None]) -> Backbone:
        """The same backbone, which calls `used` each time that its networks or its segmenter are used."""
        return replace(self, used=used)

    def identity(self, what: str) -> Any:
        """What "networks", "segmenter" or "model_encoder" are, as plain data: by weights and the kind of device."""
        apart = (SEGMENTER, MODEL_ENCODER)
        weights = {
            name: found for name, found in self.hashes.items() if (name if name in apart else "networks") == what
        }
        return {"weights": weights, "device": self.device.type}

    @property
    def at_once(self) -> bool:
        """Whether several items are better computed together than one after the other."""
        return self.batch > 1

    def of_pictures(self, rgba: Sequence[Image.Image], frame: str = "in_place") -> Condition:
        """A thing as its cut-out pictures show it; `frame` "in_place" or "filled" (see the small backbone)."""
        self.used("networks")
        tokens = self.describer.pictures(rgba, frame)
        return Condition("image", tokens, torch.zeros_like(tokens[0]))

    def picture_maps(self, images: Tensor, alphas: Tensor) -> Tensor:
        """Features [V, C, P, P] of whole pictures [V, 3, S, S] in [0, 1] on black with alpha [V, S, S]."""
        self.used("networks")
        with torch.inference_mode():
            return self.describer.maps(images.to(self.device), alphas.to(self.device)).float()

    def of_text(self, text: str) -> Condition:
        self.used("networks")
        return Condition("text", (self.describer.text(text),), self.describer.text(""))

    def structure_velocity(self, condition: Condition, guidance: float) -> flow.Velocity:
        """Guided velocity over one structure latent [1, C, r, r, r]."""
        return self.structure_velocities([Guided(condition, guidance)])

    def structure_velocities(self, guided: Sequence[Guided]) -> flow.Velocity:
        """Guided velocity over structure latents [K, C, r, r, r], of which latent k follows `guided[k]`."""
        net = self._flow(self.structure_flows, guided)
        velocity = guided_velocity(predict_dense(net), guided, [1] * len(guided), self.batch)
        return self._resident(velocity, net)

    def slat_velocity(self, condition: Condition, coords: Tensor, guidance: float) -> flow.Velocity:
        """Guided velocity over normalised features [N, C] of the voxels `coords` [N, 3]."""
        return self.slat_velocities([Guided(condition, guidance)], [coords])

    def slat_velocities(self, guided: Sequence[Guided], coords: Sequence[Tensor]) -> flow.Velocity:
        """Guided velocity over features [sum N_k, C] of several sets of voxels; set k follows `guided[k]`."""
        net = self._flow(self.slat_flows, guided)
        velocity = guided_velocity(predict_sparse(net, coords), guided, [len(one) for one in coords], self.batch)
        return self._resident(velocity, net)

    def _flow(self, flows: dict[str, nn.Module], guided: Sequence[Guided]) -> nn.Module:
        """The network for conditions of one kind."""
        self.used("networks")
        kinds = {one.condition.kind for one in guided}
        if len(kinds) != 1:
            raise InputError(f"one velocity follows conditions of one kind, not {' and '.join(sorted(kinds))}")
        (kind,) = kinds
        if kind not in flows:
            raise InputError(f"the backbone {self.name} has no {kind} flow; {ADVICE}")
        return flows[kind]

    def _resident(self, velocity: flow.Velocity, net: nn.Module) -> flow.Velocity:
        def inside(x: Tensor, t: float) -> Tensor:
            with self.residency(net):
                return velocity(x, t)

        return inside

    def sparse(self, coords: Tensor, feats: Tensor) -> SparseTensor:
        """One batch item."""
        return sparse_batch([coords], feats)

    def encode_structure(self, grid: Tensor) -> Tensor:
        """Occupancy [64, 64, 64] -> mean latent [1, C, r, r, r]."""
        self.used("networks")
        with self.residency(self.structure_encoder):
            return self.structure_encoder(grid[None, None].float().to(self.device))[0].float()

    def decode_structure(self, latent: Tensor) -> Tensor:
        """Latent -> occupancy [64, 64, 64] where the logit is positive."""
        self.used("networks")
        with self.residency(self.structure_decoder):
            return self.structure_decoder(latent)[0, 0] > 0

    def structure_logits(self, latent: Tensor) -> Tensor:
        """Latent -> occupancy logits [1, 1, 64, 64, 64] that gradients go through.

        In bfloat16 where the processor has it: five times faster, the same direction to four digits.
        """
        self.used("networks")
        host = self.device.type == "cpu"
        with (
            self.residency(self.structure_decoder),
            torch.autocast(self.device.type, torch.bfloat16, enabled=host and fast_bfloat16()),
        ):
            return self.structure_decoder(latent)

    def denormalised(self, coords: Tensor, feats: Tensor) -> SparseTensor:
        return self.sparse(coords, feats * self.slat_std + self.slat_mean)

    def encode_model(self, coords: Tensor, surface: Surface, model: Existing) -> Tensor:
        """Normalised latents [N, C] of a model that exists, on the voxels [N, 3] of its shell."""
        encoder = self.require_model_encoder()
        self.used("networks")
        self.used(MODEL_ENCODER)
        with self.residency(*encoder.networks):
            latents = encoder(coords, surface, model).to(self.device)
        return (latents - self.slat_mean) / self.slat_std

    def require_model_encoder(self) -> ModelEncoder:
        """What encodes models, loaded. Raises InputError where there is none, CheckpointError without weights."""
        if self.model_encoder is None:
            raise InputError(
                f"the backbone {self.name} has no encoder of appearances, so it cannot edit models; "
                "use another backbone, such as bricks"
            )
        _ = self.model_encoder.networks  # which may come at the first question
        return self.model_encoder

    def require_segmenter(self) -> None:
        """Loads a segmenter that would load at its first question; raises CheckpointError if it cannot be loaded.

        It is called before anything is sampled: the first question comes after minutes of work.
        """
        getattr(self.segmenter, "networks", ())

    def detect(self, images: Tensor, alphas: Tensor, terms: Sequence[str]) -> Iterator[list[Detections]]:
        """View by view what the segmenter finds for every term, see `segmentation.detections.detect_all`."""
        if not terms:  # a composition of one thing
            yield from ([] for _ in images)
            return
        self.used("segmenter")
        with self.residency(*getattr(self.segmenter, "networks", ())):
            yield from detect_all(self.segmenter, images, alphas, terms, Thresholds())

    def gaussians(self, coords: Tensor, feats: Tensor) -> Gaussians:
        """Normalised latents -> Gaussians; `voxel` is the row of `coords`."""
        self.used("networks")
        with self.residency(self.gaussian_decoder):
            return self.gaussian_decoder(self.denormalised(coords, feats))[0]

    def meshes(
        self,
        coords: Tensor,  # [N, 3]
        feats: Tensor,  # [N, C] normalised latents
        owner: Tensor,  # [N] in 0 .. count - 1
        count: int,
        base: int | None = None,
        shapes: Tensor | None = None,  # [count, 64, 64, 64] bool
    ) -> list[Mesh | None]:
        """One closed solid per part, without colours; None for a part without voxels.

        What lies deep inside goes to the part whose shell encloses it, the `base` first. `shapes` are the parts' whole
        geometries before they hid each other; where they are known, they decide that.
        """
        self.used("networks")
        decoder = cast(MeshDecoder, self.mesh_decoder)
        with self.residency(self.mesh_decoder):
            features = decoder.features(self.denormalised(coords, feats))
        return decoder.solids(coords, features, owner, count, base, shapes)
