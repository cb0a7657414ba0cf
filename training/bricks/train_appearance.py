"""Step 3: structured latents. Encoder (kept out of the package), Gaussian decoder and signed-distance decoder.

    python -m training.bricks.train_appearance --data data/bricks --out checkpoints --seconds 180

Supervised by surface points, without a renderer: see `appearance.py`.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cast3d.backbones.bricks.sdf_decoder import SLatSdfDecoder
from cast3d.backbones.bricks.structure_patch import sample_posterior
from cast3d.models import SLatEncoder, SLatGaussianDecoder, SparseTensor
from cast3d.splats.gaussians import SH0

from .appearance import (
    FEATURES,
    VoxelPoints,
    draw,
    features,
    gaussian_loss,
    signed_distance,
    voxel_distances,
    voxel_points,
)
from .assemble import Batch, DeviceBank, occupancy, shell, surface_points
from .bank import Bank
from .common import (
    LEAST_SCALE,
    Average,
    Log,
    Optimiser,
    Parallel,
    add_seed,
    load_half,
    save_half,
    schedule,
    seeded,
)
from .objects import Objects
from .pool import Stream

PER_VOXEL = 8
REPRESENTATION = {
    "lr": {"_xyz": 1.0, "_features_dc": 1.0, "_opacity": 1.0, "_scaling": 1.0, "_rotation": 1.0},
    "perturb_offset": True,
    "voxel_size": 1.5,
    "num_gaussians": PER_VOXEL,
    "2d_filter_kernel_size": 0.1,
    "3d_filter_kernel_size": 9e-4,
    "scaling_bias": 4e-3,
    "opacity_bias": 0.8,
    "scaling_activation": "exp",
}
TRUNK = dict(resolution=64, model_channels=128, latent_channels=8, num_heads=4, mlp_ratio=3)
POINTS = 8192  # per column of an object's twelve


def networks() -> dict[str, nn.Module]:
    """Encoder and the two decoders, at their shipped sizes."""
    return {
        "encoder": SLatEncoder(in_channels=FEATURES, num_blocks=2, **TRUNK),
        "gaussians": SLatGaussianDecoder(num_blocks=3, representation_config=REPRESENTATION, **TRUNK),
        "sdf": SLatSdfDecoder(num_blocks=3, **TRUNK),
    }


@dataclass(frozen=True)
class Sample:
    """A few objects and their targets."""

    voxels: VoxelPoints
    inputs: SparseTensor  # [V, 44]
    distances: Tensor  # [V, 64] float16


@torch.no_grad()
def make_samples(bank: DeviceBank, objects: Objects, device: torch.device, per_batch: int) -> list[Sample]:
    """Groups of `per_batch` objects; what is left over is dropped."""
    out = []
    for start in range(0, len(objects) - per_batch + 1, per_batch):
        batch = Batch.of(objects, np.arange(start, start + per_batch), device)
        surface = shell(occupancy(bank, batch))
        v = voxel_points(surface, surface_points(bank, batch, surface, POINTS))
        field = signed_distance(surface, v)
        out.append(Sample(v, SparseTensor(features(v), v.coords, per_batch), voxel_distances(field, v.coords).half()))
    return out


def voxel_gaussians(decoder: SLatGaussianDecoder, slat: SparseTensor) -> dict[str, Tensor]:
    """The decoder's Gaussians relative to their voxels, in voxel units: arguments of `gaussian_loss`."""
    raw = decoder.raw(decoder.features(slat).feats.float(), slat.coords[:, 1:])
    g = decoder.activate(raw, None)
    shape = (len(slat.feats), PER_VOXEL)
    center = (slat.coords[:, 1:].float() + 0.5)[:, None]
    color = SH0 * g.features_dc + 0.5
    return {
        "position": (g.positions + 0.5).view(*shape, 3) * 64 - center,
        "color": color.view(*shape, 3),
        "scale": g.scales.view(*shape, 3) * 64,
        "rotation": g.rotations.view(*shape, 4),
        "opacity": g.opacities.view(shape),
    }


def losses(nets: dict[str, nn.Module], sample: Sample, least_std: float) -> dict[str, Tensor]:
    """Terms of the loss, unweighted."""
    mean, logvar = nets["encoder"](sample.inputs)
    mean, logvar = mean.float(), logvar.float().clamp(2 * math.log(least_std), 4)
    slat = sample.inputs.replace(sample_posterior(mean, logvar))
    out = gaussian_loss(**voxel_gaussians(nets["gaussians"], slat), drawn=draw(sample.voxels, 16))
    target = sample.distances.float()
    error = nets["sdf"].features(slat).feats.float() - target
    out["sdf"] = F.smooth_l1_loss(error, torch.zeros_like(error), beta=0.1)
    out["paint"] = (mean[:, :3] - PAINT * sample.inputs.feats[:, :3]).square().mean()
    out["kl"] = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
    return out


WEIGHTS = {"cover": 4.0, "color": 10.0, "tilt": 0.5, "size": 0.1, "opacity": 1.0, "sdf": 8.0, "paint": 2.0}
PAINT = 1.8
"""The first three latent channels are the voxel's mean colour, so scaled that they vary about as much as the others.

Left to itself the encoder hides colours in small differences: a flow that was right to a tenth of the variance turned
grey trousers purple. What the flow predicts to the same accuracy should look the same to the same accuracy.
"""


@torch.no_grad()
def fold_statistics(nets: dict[str, nn.Module], samples: list[Sample]) -> None:
    """Latents come out of the encoder with mean 0 and standard deviation 1 per channel."""
    means = torch.cat([nets["encoder"](s.inputs)[0].float() for s in samples])
    shift, scale = means.mean(0), means.std(0).clamp_min(LEAST_SCALE)
    out = nets["encoder"].out_layer
    latent = len(scale)
    out.bias[:latent] = (out.bias[:latent] - shift) / scale
    out.weight[:latent] /= scale[:, None]
    out.bias[latent:] -= 2 * scale.log()
    for key in ("gaussians", "sdf"):
        into = nets[key].input_layer
        into.bias += into.weight @ shift
        into.weight *= scale


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data/bricks"))
    parser.add_argument("--out", type=Path, default=Path("checkpoints"))
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--batch", type=int, default=16, help="objects per step")
    parser.add_argument("--pool", type=int, default=768)
    parser.add_argument("--epochs", type=float, default=5)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--kl", type=float, default=1e-3)
    parser.add_argument("--least-std", type=float, default=0.2)
    parser.add_argument("--resume", action="store_true")
    add_seed(parser)
    args = parser.parse_args()

    device = Parallel().device()
    first, _ = seeded(args.seed, 33, device)
    bank = DeviceBank.upload(Bank.load(args.data / "bank.npz"), device)
    nets = {key: net.to(device) for key, net in networks().items()}
    if args.resume:
        load_half(nets, args.out / "appearance")
    average, optimiser = Average(nets, 0.998), Optimiser(list(nets.values()), args.lr)
    stream = Stream(args.data, args.pool, seed=first, workers=args.workers)
    log = Log(args.out / "appearance.jsonl")
    samples = make_samples(bank, stream.next(), device, args.batch)
    log.write(samples=len(samples), voxels=sum(len(s.voxels.coords) for s in samples))
    begin, step, left = time.time(), 0, args.epochs * len(samples)
    while (progress := (time.time() - begin) / args.seconds) < 1:
        if left <= 0:
            samples = make_samples(bank, stream.next(), device, args.batch)
            left = args.epochs * len(samples)
        sample = samples[int(torch.randint(0, len(samples), ()))]
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            out = losses(nets, sample, args.least_std)
        total = sum(WEIGHTS[key] * out[key] for key in WEIGHTS) + args.kl * out["kl"]
        total.backward()
        optimiser.step(schedule(progress))
        average.update()
        log.add(**out)
        step += 1
        left -= 1
        if log.due():
            log.write(step=step, progress=round(progress, 3))
    log.write(step=step, progress=1.0)
    fold_statistics(average.average, samples)
    save_half(average.average, args.out / "appearance")
    stream.close()


if __name__ == "__main__":
    main()
