"""Step 4: the structured-latent flow for pictures and words, on the condition encoders of step 2 (frozen).

python -m training.bricks.train_slat_flow --data data/bricks --out checkpoints --seconds 540
torchrun --nproc-per-node 2 -m training.bricks.train_slat_flow ...      (several GPUs)
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from cast3d.backbones.bricks.slat_clean_flow import SLatCleanFlowModel
from cast3d.backbones.bricks.words import Vocabulary
from cast3d.models import SparseTensor

from .appearance import features, voxel_points
from .assemble import Batch, DeviceBank, surface_points
from .bank import Bank
from .common import Average, Log, Optimiser, Parallel, add_seed, load_half, save_half, schedule, seeded
from .condition_pool import Conditions, build, softened
from .objects import SLOTS, Objects
from .pool import Stream
from .prepare import mix
from .train_appearance import POINTS
from .train_appearance import networks as appearance_networks
from .train_structure_flow import CONTEXT, draw_times, empty_words, with_features
from .train_structure_flow import networks as structure_networks

MIX = {"figure": 0.45, "bare": 0.10, "filled": 0.12, "in_place": 0.25, "rider": 0.03, "creature": 0.03, "animal": 0.02}
WORLD_MIX = {
    "figure": 0.27, "bare": 0.04, "filled": 0.11, "in_place": 0.15, "rider": 0.03, "creature": 0.03, "animal": 0.03,
    "person": 0.11, "bare_person": 0.02, "thing": 0.09, "stand": 0.04, "scene": 0.08,
}  # fmt: skip


CHUNK = 64  # objects encoded at a time


def flow_network(channels: int = 192, blocks: int = 5) -> SLatCleanFlowModel:
    """One network for pictures and words."""
    return SLatCleanFlowModel(
        resolution=64,
        in_channels=8,
        out_channels=8,
        model_channels=channels,
        cond_channels=CONTEXT,
        num_blocks=blocks,
        num_heads=3,
        mlp_ratio=4,
        patch_size=2,
        num_io_res_blocks=1,
        io_block_channels=[64],
        pe_mode="ape",
        share_mod=True,
        qk_rms_norm=True,
        use_fp16=False,
    )


@dataclass
class Pool:
    """Conditions of N objects, and their voxels and latents one object after the other."""

    conditions: Conditions
    coords: Tensor  # [V, 3] int16
    latent: Tensor  # [V, 8] float16
    start: Tensor  # [N]
    count: Tensor  # [N]

    def batch(self, rows: Tensor) -> SparseTensor:
        """The normalised latents of some objects, batch item by batch item."""
        count = self.count[rows]
        item = torch.repeat_interleave(torch.arange(len(rows), device=rows.device), count)
        within = torch.arange(len(item), device=rows.device) - (count.cumsum(0) - count)[item]
        index = self.start[rows][item] + within
        coords = torch.cat([item[:, None], self.coords[index].long()], 1).int()
        return SparseTensor(self.latent[index].float(), coords, len(rows))


def make_pool(
    bank: DeviceBank,
    objects: Objects,
    encoder: nn.Module,
    vocabulary: Vocabulary,
    device: torch.device,
    generator: torch.Generator,
) -> Pool:
    """Pictures, captions and encoded latents of `objects`."""

    def encode(batch: Batch, surface: Tensor) -> tuple[Tensor, Tensor]:
        v = voxel_points(surface, surface_points(bank, batch, surface, POINTS))
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            mean, _ = encoder(SparseTensor(features(v), v.coords, len(surface)))
        known = v.count > 0  # a voxel without samples has no colour to learn
        return v.coords[known], mean[known].half()

    conditions, targets = build(bank, objects, vocabulary, len(SLOTS), device, generator, encode, 1, CHUNK, True)
    coords = [c for c, _ in targets]
    sizes = [min(CHUNK, len(objects) - start) for start in range(0, len(objects), CHUNK)]
    counts = torch.cat([torch.bincount(c[:, 0].long(), minlength=size) for c, size in zip(coords, sizes)])
    return Pool(
        conditions,
        torch.cat([c[:, 1:] for c in coords]).short(),
        torch.cat([z for _, z in targets]),
        counts.cumsum(0) - counts,
        counts,
    )


def slat_loss(flow: nn.Module, x0: SparseTensor, tokens: Tensor, high_noise: float = 0.0) -> Tensor:
    """Squared error of the clean latents, weighted as the velocity's but at most fourfold.

    A share `high_noise` of the times is drawn from [0.85, 1], where colours are decided.
    """
    t = draw_times(x0.batch_size, tokens.device)
    t = torch.where(torch.rand_like(t) < high_noise, 1 - 0.15 * torch.rand_like(t).square(), t)
    w = x0.spread(t[:, None])
    noise = torch.randn_like(x0.feats)
    clean = flow.clean(x0.replace((1 - w) * x0.feats + w * noise), 1000 * t, tokens)
    return ((clean.feats.float() - x0.feats).square() / w.square().clamp_min(0.25)).mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data/bricks"))
    parser.add_argument("--out", type=Path, default=Path("checkpoints"))
    parser.add_argument("--seconds", type=float, default=540)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--picture-share", type=float, default=0.6)
    parser.add_argument("--pool", type=int, default=4096)
    parser.add_argument("--epochs", type=float, default=4)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--drop", type=float, default=0.1)
    parser.add_argument("--high-noise", type=float, default=0.0)
    parser.add_argument("--save-every", type=float, default=150)
    parser.add_argument("--resume", action="store_true")
    add_seed(parser)
    args = parser.parse_args()

    parallel = Parallel()
    device = parallel.device()
    first, generator = seeded(args.seed, 501 + 1_000_000 * parallel.rank, device)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    vocabulary = Vocabulary(json.loads((args.data / "words.json").read_text()))
    bank = DeviceBank.upload(Bank.load(args.data / "bank.npz"), device)
    encoders = structure_networks(len(vocabulary), with_features(args.out))
    del encoders["flow"]
    frozen = {k: n.to(device).requires_grad_(False) for k, n in encoders.items()}
    appearance = {k: n.to(device).requires_grad_(False) for k, n in appearance_networks().items()}
    if not load_half(frozen, args.out / "structure_flow") or not load_half(appearance, args.out / "appearance"):
        raise SystemExit(f"{args.out} lacks structure_flow or appearance weights: run steps 2 and 3 first")
    nets = {"slat_flow": flow_network().to(device)}
    if args.resume:
        load_half(nets, args.out / "slat_flow")
    parallel.share(list(nets.values()))
    average, optimiser = Average(nets, 0.999), Optimiser(list(nets.values()), args.lr)
    stream = Stream(args.data, args.pool, seed=first, workers=args.workers, mix=mix(args.data, MIX, WORLD_MIX))
    main_process = parallel.rank == 0
    log = Log(args.out / "slat_flow.jsonl" if main_process else None)

    def save() -> None:
        if main_process:
            save_half(average.average, args.out / "slat_flow")

    pool = make_pool(bank, stream.next(), appearance["encoder"], vocabulary, device, generator)
    log.write(pool=len(pool.start), voxels=len(pool.coords))
    begin, step, left, saved = time.time(), 0, args.epochs * args.pool, time.time()
    n_picture = int(args.batch * args.picture_share)
    while (progress := parallel.agree((time.time() - begin) / args.seconds, step)) < 1:
        if left <= 0:
            pool = make_pool(bank, stream.next(), appearance["encoder"], vocabulary, device, generator)
            left = args.epochs * args.pool
        c = pool.conditions
        rows = torch.randint(0, len(pool.start), (n_picture,), device=device)
        named = c.text_ok.nonzero()[:, 0]
        text = named[torch.randint(0, len(named), (args.batch - n_picture,), device=device)]
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            with torch.no_grad():
                seen = frozen["picture"](softened(c.image[rows, 0].float() / 255), c.frame[rows])
                seen = seen * (torch.rand(len(rows), 1, 1, device=device) >= args.drop)
                dropped = torch.rand(len(text), 1, device=device) < args.drop
                told = frozen["words"](torch.where(dropped, empty_words(1, device), c.words[text]))
            out = {
                "picture": slat_loss(nets["slat_flow"], pool.batch(rows), seen, args.high_noise),
                "words": slat_loss(nets["slat_flow"], pool.batch(text), told, args.high_noise),
            }
        (args.picture_share * out["picture"] + (1 - args.picture_share) * out["words"]).backward()
        parallel.average_gradients(optimiser.params)
        optimiser.step(schedule(progress))
        average.update()
        log.add(**out)
        left -= args.batch
        step += 1
        if log.due():
            log.write(step=step, samples=step * args.batch * parallel.size, progress=round(progress, 3))
        if time.time() - saved > args.save_every:
            save()
            saved = time.time()
    save()
    log.write(step=step, samples=step * args.batch * parallel.size, progress=1.0)
    stream.close()
    parallel.close()


if __name__ == "__main__":
    main()
