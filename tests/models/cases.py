"""Runs one reference case through our classes: every named tensor of ours beside the reference's.

The original code made them with random weights; `in.*` are inputs, `out.*` outputs, `mid.*` outputs of
submodules, `f32.*` the outputs of a half-precision case's weights run in float32.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from cast3d.models import SparseTensor, load
from tests.golden_data import golden

FLOAT32 = (
    "ss_enc",
    "ss_dec",
    "ss_dec_groupnorm",
    "ss_flow_img_style",
    "ss_flow_txt_xl_style",
    "ss_flow_sharemod_patch2",
    "slat_enc",
    "slat_flow_img_style",
    "slat_flow_txt_xl_style",
    "slat_flow_noskip",
    "slat_flow_noio_sharemod",
    "slat_dec_gs",
    "slat_dec_rf",
    "slat_dec_mesh",
)
HALF = ("fp16_ss_flow", "fp16_ss_dec", "fp16_slat_flow", "fp16_slat_dec_gs")


@dataclass(frozen=True)
class Comparison:
    name: str
    ours: Tensor
    reference: Tensor
    tolerance: float  # absolute; 0 for integers

    @property
    def error(self) -> float:
        """Largest absolute difference; infinite where shapes differ."""
        if self.ours.shape != self.reference.shape:
            return float("inf")
        return (self.ours.double() - self.reference.double()).abs().max().item()


def compare(case: str, dtype: torch.dtype | None = None, device: str = "cpu") -> list[Comparison]:
    """All tensors of a case. `dtype=torch.float32` runs a half-precision case's weights in float32 instead."""
    folder = golden(f"trellis/{case}")
    io = load_file(folder / "io.safetensors", device=device)
    limits = json.loads((folder / "case.json").read_text())["tolerance"]["alt"]
    net = load(folder / "model", device, dtype)
    captured = capture(net, [name.removeprefix("mid.") for name in io if name.startswith("mid.")])
    ours = dict(outputs(net, io))
    prefix = "f32." if case in HALF and dtype == torch.float32 else ""
    if not prefix:
        ours |= {f"mid.{name}": value for name, value in captured.items()}
    pairs = [(name, ours[name], io[prefix + name]) for name in ours if prefix + name in io]
    worst = max((value for name, value in limits.items() if name.startswith("out")), default=0.0)
    relative = 2e-2 if case in HALF and not prefix else 2e-5
    noise = 0.0 if case in HALF else worst
    return [Comparison(name, x, y, tolerance(y, relative, noise)) for name, x, y in pairs]


def tolerance(reference: Tensor, relative: float, noise: float) -> float:
    """Ten times the reference's own rounding noise, or `relative` of its largest value; integers are exact."""
    if not reference.is_floating_point():
        return 0.0
    return max(10 * noise, relative * reference.abs().max().item())


def outputs(net: nn.Module, io: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """(name as in the reference, value) of everything that a call returns."""
    kind = type(net).__name__
    if "in.x.coords" in io:
        x = SparseTensor(io["in.x.feats"], io["in.x.coords"])
        yield from SPARSE[kind](net, x, io)
    else:
        yield from DENSE[kind](net, io)


def structure_encoder(net, io):
    mean, logvar = net(io["in.x"])
    yield from [("out.mean", mean), ("out.logvar", logvar)]


def structure_decoder(net, io):
    logits = net(io["in.z"])
    yield from [("out", logits), ("out.coords", (logits > 0).nonzero()[:, [0, 2, 3, 4]].int())]


def structure_flow(net, io):
    yield "out", net(io["in.x"], io["in.t"], io["in.cond"])


def slat_encoder(net, x, io):
    mean, logvar = net(x)
    yield from [("out.mean", mean), ("out.logvar", logvar), ("out.z.feats", mean), ("out.z.coords", x.coords)]


def slat_flow(net, x, io):
    velocity = net(x, io["in.t"], io["in.cond"])
    yield from [("out.feats", velocity.feats), ("out.coords", velocity.coords)]


def gaussian_decoder(net, x, io):
    yield "const.offset_perturbation", net.offset_perturbation
    features = net.features(x)
    for b, (rows, gaussians) in enumerate(zip(x.layout, net(x))):
        raw = net.raw(features.feats[rows], features.coords[rows, 1:])
        yield f"out.{b}._xyz", raw.xyz
        yield f"out.{b}._features_dc", raw.features_dc[:, None]
        yield f"out.{b}._scaling", raw.scaling
        yield f"out.{b}._rotation", raw.rotation
        yield f"out.{b}._opacity", raw.opacity[:, None]
        yield f"out.{b}.get_xyz", gaussians.positions
        yield f"out.{b}.get_features", gaussians.features_dc[:, None]
        yield f"out.{b}.get_scaling", gaussians.scales
        yield f"out.{b}.get_rotation", gaussians.rotations
        yield f"out.{b}.get_opacity", gaussians.opacities[:, None]


def radiance_field_decoder(net, x, io):
    for b, field in enumerate(net(x)):
        yield f"out.{b}.position", field.positions + 0.5
        yield f"out.{b}.depth", field.depth[:, None]
        yield f"out.{b}.trivec", field.trivec
        yield f"out.{b}.density", field.density
        yield f"out.{b}.features_dc", field.features_dc


def mesh_decoder(net, x, io):
    features = net.features(x)
    yield from [("out.raw.feats", features.feats), ("out.raw.coords", features.coords)]


DENSE = {
    "SparseStructureEncoder": structure_encoder,
    "SparseStructureDecoder": structure_decoder,
    "SparseStructureFlowModel": structure_flow,
}
SPARSE = {
    "SLatEncoder": slat_encoder,
    "SLatFlowModel": slat_flow,
    "SLatGaussianDecoder": gaussian_decoder,
    "SLatRadianceFieldDecoder": radiance_field_decoder,
    "SLatMeshDecoder": mesh_decoder,
}


def capture(net: nn.Module, names: list[str]) -> dict[str, Tensor]:
    """Hooks the submodules in `names`; the dict fills when the network runs. Sparse ones also leave NAME.coords."""
    captured: dict[str, Tensor] = {}

    def keep(name: str, output: Tensor | SparseTensor) -> None:
        if name.endswith("skip_connection") and isinstance(output, SparseTensor):
            output = output.feats.repeat_interleave(8, dim=0)  # ours runs before the subdivision
        if isinstance(output, SparseTensor):
            captured[f"{name}.coords"] = output.coords
            output = output.feats
        # Transformer blocks see equally long items as a batch [B, n, C]; the reference keeps rows.
        captured[name] = output.flatten(0, 1) if output.ndim == 3 and f"{name}.coords" in names else output

    for name in names:
        if not name.endswith(".coords"):
            net.get_submodule(name).register_forward_hook(lambda module, _, output, name=name: keep(name, output))
    return captured
