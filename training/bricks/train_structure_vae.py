"""Step 1: the structure VAE, 64^3 outer occupancy <-> 8 x 16^3 latents.

    python -m training.bricks.train_structure_vae --data data/bricks --out checkpoints --seconds 240

Loss: 2 BCE (positive weight 2) + dice + kl * KL; the posterior keeps a least standard deviation, so that the decoder
learns to forgive the flow's small errors.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cast3d.backbones.bricks.structure_patch import PatchStructureDecoder, PatchStructureEncoder, sample_posterior

from .assemble import Batch, DeviceBank, occupancy, shell, to_bool
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
from .pool import Stream


def networks(channels: int = 128, blocks: int = 2) -> dict[str, nn.Module]:
    """Encoder and decoder, at their shipped sizes."""
    return {
        "encoder": PatchStructureEncoder(model_channels=channels, num_blocks=blocks),
        "decoder": PatchStructureDecoder(model_channels=channels, num_blocks=blocks + 1),
    }


def loss_terms(logits: Tensor, target: Tensor, mean: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(BCE, dice, KL) of logits and targets [B, 1, 64, 64, 64]."""
    bce = F.binary_cross_entropy_with_logits(logits, target, pos_weight=logits.new_tensor(2.0))
    probability = logits.sigmoid()
    overlap = (probability * target).sum((1, 2, 3, 4))
    dice = 1 - ((2 * overlap + 1) / (probability.sum((1, 2, 3, 4)) + target.sum((1, 2, 3, 4)) + 1)).mean()
    kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
    return bce, dice, kl


@torch.no_grad()
def evaluate(nets: dict[str, nn.Module], words: Tensor, batch: int = 64) -> dict[str, float]:
    """Mean IoU of the decoded means over outer occupancies `words` [N, 64, 64]."""
    iou, count = 0.0, 0
    for chunk in words.split(batch):
        target = to_bool(chunk)[:, None]
        mean, _ = nets["encoder"](target.float())
        found = nets["decoder"](mean) > 0
        both, either = (found & target).flatten(1).sum(1), (found | target).flatten(1).sum(1)
        iou += float((both / either).sum())
        count += len(chunk)
    return {"iou": iou / max(count, 1)}


@torch.no_grad()
def fold_statistics(nets: dict[str, nn.Module], words: Tensor, batch: int = 64) -> None:
    """Moves the latents' per-channel mean and standard deviation into the end layers: latents come out normalised."""
    means = torch.cat([nets["encoder"](to_bool(chunk)[:, None].float())[0] for chunk in words.split(batch)])
    shift, scale = means.mean((0, 2, 3, 4)), means.std((0, 2, 3, 4)).clamp_min(LEAST_SCALE)
    out, into = nets["encoder"].out_layer, nets["decoder"].input_layer
    latent = len(scale)
    into.bias += into.weight[:, :, 0, 0, 0] @ shift
    into.weight *= scale[:, None, None, None]
    out.bias[:latent] = (out.bias[:latent] - shift) / scale
    out.weight[:latent] /= scale[:, None, None, None, None]
    out.bias[latent:] -= 2 * scale.log()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data/bricks"))
    parser.add_argument("--out", type=Path, default=Path("checkpoints"))
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--pool", type=int, default=8192)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--kl", type=float, default=1e-3)
    parser.add_argument("--least-std", type=float, default=0.15)
    parser.add_argument("--resume", action="store_true")
    add_seed(parser)
    args = parser.parse_args()

    device = Parallel().device()
    first, _ = seeded(args.seed, 1, device)
    amp = dict(device_type=device.type, dtype=torch.bfloat16)
    bank = DeviceBank.upload(Bank.load(args.data / "bank.npz"), device)
    nets = {key: net.to(device, memory_format=torch.channels_last_3d) for key, net in networks().items()}
    if args.resume:
        load_half(nets, args.out / "structure_vae")
    average = Average(nets, 0.998)
    optimiser = Optimiser(list(nets.values()), args.lr)
    stream = Stream(args.data, args.pool, seed=first, workers=args.workers)
    log = Log(args.out / "structure_vae.jsonl")
    floor = 2 * math.log(args.least_std)
    begin, step, words = time.time(), 0, None
    while (progress := (time.time() - begin) / args.seconds) < 1:
        if step % max(args.pool // args.batch, 1) == 0:
            objects = stream.next()
            batch = Batch.of(objects, slice(None), device)
            words = torch.cat([shell(occupancy(bank, batch.cut(i, i + 2048))) for i in range(0, len(objects), 2048)])
            begin += 0 if step else time.time() - begin
        pick = torch.randint(0, len(words), (args.batch,), device=device)
        target = to_bool(words[pick])[:, None].float()
        with torch.autocast(**amp, enabled=device.type == "cuda"):
            mean, logvar = nets["encoder"](target)
            logvar = logvar.clamp(floor, 4)
            logits = nets["decoder"](sample_posterior(mean, logvar))
        bce, dice, kl = loss_terms(logits, target, mean, logvar)
        (2 * bce + dice + args.kl * kl).backward()
        optimiser.step(schedule(progress))
        average.update()
        log.add(bce=bce, dice=dice, kl=kl, std=mean.std())
        step += 1
        if log.due():
            log.write(step=step, progress=round(progress, 3))
    log.write(step=step, progress=1.0)
    fold_statistics(average.average, words)
    save_half(average.average, args.out / "structure_vae")
    log.write(**evaluate(average.average, words[:1024]))
    stream.close()


if __name__ == "__main__":
    main()
