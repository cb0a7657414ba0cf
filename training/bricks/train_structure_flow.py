"""Step 2: one structure flow for pictures and words, with its condition encoders.

    python -m training.bricks.train_structure_flow --data data/bricks --out checkpoints --seconds 540
    torchrun --nproc-per-node 2 -m training.bricks.train_structure_flow ...      (several GPUs)

Flow matching in the released convention: x_t = (1 - t) x_0 + t eps, the network predicts eps - x_0. The encoders learn
from the flow and, at once and densely, from the `questions` they are asked.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from cast3d.backbones.bricks.encoders import PictureEncoder, WordEncoder
from cast3d.backbones.bricks.words import START, Vocabulary
from cast3d.backbones.loading import compile_blocks
from cast3d.models import SparseStructureFlowModel

from .assemble import Batch, DeviceBank, to_bool
from .bank import Bank
from .common import Average, Log, Optimiser, Parallel, add_seed, load_half, save_half, schedule, seeded
from .condition_pool import WORDS, Conditions, build
from .objects import SLOTS
from .pool import Stream
from .prepare import classes, mix
from .questions import Questions, weighted
from .train_structure_vae import networks as vae_networks

CONTEXT = 256
FEATURES = "features"  # checkpoint of the features that pictures are read with (`unpack --features`)
# Single parts more often than they are met (`objects.MIX`): they are the hardest to read off a picture.
MIX = {"figure": 0.36, "bare": 0.04, "filled": 0.27, "in_place": 0.2, "rider": 0.05, "creature": 0.04, "animal": 0.04}
WORLD_MIX = {
    "figure": 0.21, "bare": 0.02, "filled": 0.15, "in_place": 0.11, "rider": 0.04, "creature": 0.03, "animal": 0.04,
    "person": 0.09, "bare_person": 0.01, "thing": 0.14, "stand": 0.07, "scene": 0.09,
}  # fmt: skip


def flow_network(channels: int = 320, blocks: int = 8) -> SparseStructureFlowModel:
    return SparseStructureFlowModel(
        resolution=16,
        in_channels=8,
        out_channels=8,
        model_channels=channels,
        cond_channels=CONTEXT,
        num_blocks=blocks,
        num_head_channels=64,
        mlp_ratio=4,
        patch_size=2,
        pe_mode="ape",
        share_mod=True,
        qk_rms_norm=True,
        use_fp16=False,
    )


def networks(num_words: int, features: bool = True) -> dict[str, nn.Module]:
    """The flow and its condition encoders, at their shipped sizes; `features`: see `PictureEncoder`."""
    return {
        "flow": flow_network(),
        "picture": PictureEncoder(out_channels=CONTEXT, features=features),
        "words": WordEncoder(num_words, max_words=WORDS, out_channels=CONTEXT),
    }


def with_features(folder: Path) -> bool:
    """Whether the picture encoder in a folder of checkpoints reads features; if there is none, whether it could."""
    files = list(folder.glob("structure_flow-*.safetensors"))
    if not files:
        return any(folder.glob(f"{FEATURES}-*.safetensors"))
    names = (name for file in files for name in safe_open(file, "pt").keys())  # noqa: SIM118  (it is no dictionary)
    return any(name.startswith("picture.features.") for name in names)


def started(folder: Path, num_words: int) -> dict[str, nn.Module]:
    """The networks with the weights of a folder of checkpoints, fresh ones where it has none."""
    nets = networks(num_words, with_features(folder))
    if not load_half(nets, folder / "structure_flow") and nets["picture"].features is not None:
        load_half({"features": nets["picture"].features}, folder / FEATURES)
    return nets


def draw_times(count: int, device: torch.device) -> Tensor:
    """sigmoid(normal + 1): most draws at high noise, where the shape is decided."""
    return (torch.randn(count, device=device) + 1).sigmoid()


def flow_loss(flow: nn.Module, latent: Tensor, tokens: Tensor) -> Tensor:
    """Flow matching: mean squared error of the velocity eps - x_0."""
    t = draw_times(len(latent), latent.device)
    noise = torch.randn_like(latent)
    w = t.view(-1, 1, 1, 1, 1)
    velocity = flow((1 - w) * latent + w * noise, 1000 * t, tokens)
    return F.mse_loss(velocity, noise - latent)


def empty_words(count: int, device: torch.device) -> Tensor:
    """The empty sentence: the negative condition of text."""
    words = torch.zeros(count, WORDS, dtype=torch.int64, device=device)
    words[:, 0] = START
    return words


@dataclass
class Pool(Conditions):
    """Conditions and the structure latents of the same objects."""

    latent: Tensor = None  # [N, 8, 16, 16, 16] float16


def make_pool(size, bank, stream, encoder, vocabulary, num_slots, device, generator) -> Pool:
    def encode(batch: Batch, surface: Tensor) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            return encoder(to_bool(surface)[:, None].float())[0].half()

    pieces = []
    while sum(map(len, pieces)) < size:
        conditions, latents = build(bank, stream.next(), vocabulary, num_slots, device, generator, encode, varied=True)
        pieces.append(Pool(**vars(conditions), latent=torch.cat(latents)))
    return Pool(*(torch.cat(parts) for parts in zip(*(vars(piece).values() for piece in pieces))))


def picture_step(nets, questions: Questions, pool: Pool, rows: Tensor, drop: float) -> dict[str, Tensor]:
    tokens, answers = questions.of_picture(nets["picture"], pool.shown(rows))
    keep = torch.rand(len(rows), 1, 1, device=rows.device) >= drop
    return {"picture": flow_loss(nets["flow"], pool.latent[rows].float(), tokens * keep), **answers}


def words_step(nets, questions: Questions, pool: Pool, rows: Tensor, drop: float) -> dict[str, Tensor]:
    dropped = torch.rand(len(rows), 1, device=rows.device) < drop
    words = torch.where(dropped, empty_words(1, rows.device), pool.words[rows])
    tokens = nets["words"](words)
    answers = questions.of_words(tokens, pool, rows)
    return {"words": flow_loss(nets["flow"], pool.latent[rows].float(), tokens), **answers}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data/bricks"))
    parser.add_argument("--out", type=Path, default=Path("checkpoints"))
    parser.add_argument("--state", type=Path, help="folder for full-precision weights between calls")
    parser.add_argument("--seconds", type=float, default=540)
    parser.add_argument("--span", type=float, nargs=2, default=(0.0, 1.0), help="part of the schedule this call covers")
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--picture-share", type=float, default=0.6)
    parser.add_argument("--pool", type=int, default=49152)
    parser.add_argument("--first-pool", type=int, default=8192)
    parser.add_argument("--epochs", type=float, default=4.0, help="passes over a pool before it is replaced")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--drop", type=float, default=0.1)
    parser.add_argument("--freeze-encoders", action="store_true")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--save-every", type=float, default=150)
    add_seed(parser)
    args = parser.parse_args()

    parallel = Parallel()
    device = parallel.device()
    first, generator = seeded(args.seed, 1_000_000 * parallel.rank + int(1e5 * args.span[0]), device)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    vocabulary = Vocabulary(json.loads((args.data / "words.json").read_text()))
    bank = DeviceBank.upload(Bank.load(args.data / "bank.npz"), device)
    num_slots, num_parts = len(SLOTS), classes(args.data)

    vae = {key: net.to(device) for key, net in vae_networks().items()}
    if not load_half(vae, args.out / "structure_vae"):
        raise SystemExit(f"no structure_vae weights in {args.out}: run train_structure_vae first")
    nets = {key: net.to(device) for key, net in started(args.out, len(vocabulary)).items()}
    questions = Questions(num_parts, num_slots, CONTEXT).to(device)
    trained = {**nets, "questions": questions}
    if args.state and (args.state / "raw.safetensors").exists():
        raw = load_file(args.state / "raw.safetensors", device=str(device))
        for key, net in trained.items():
            net.load_state_dict({n[len(key) + 1 :]: v for n, v in raw.items() if n.startswith(key + ".")})
    parallel.share(list(trained.values()))
    average = Average(nets, 0.999)
    if args.state and (args.state / "average.safetensors").exists():
        ema = load_file(args.state / "average.safetensors", device=str(device))
        for key, net in average.average.items():
            net.load_state_dict({n[len(key) + 1 :]: v for n, v in ema.items() if n.startswith(key + ".")})
        average.count = 10_000
    if args.freeze_encoders:
        for key in ("picture", "words"):
            trained[key].load_state_dict(average.average[key].state_dict())  # what is shipped is what the flow learns
            trained[key].requires_grad_(False)
    optimiser = Optimiser(list(trained.values()), args.lr)
    if args.compile:
        compile_blocks(nets[key] for key in ("flow", "picture", "words"))

    main_process = parallel.rank == 0
    log = Log(args.out / "structure_flow.jsonl" if main_process else None)
    stream = Stream(args.data, min(4096, args.first_pool), first, args.workers, mix=mix(args.data, MIX, WORLD_MIX))

    def fresh(size: int) -> Pool:
        return make_pool(size, bank, stream, vae["encoder"], vocabulary, num_slots, device, generator)

    def save() -> None:
        save_half(average.average, args.out / "structure_flow")
        if args.state:
            args.state.mkdir(parents=True, exist_ok=True)
            for name, group in (("raw", trained), ("average", average.average)):
                tensors = {f"{k}.{n}": v.contiguous() for k, net in group.items() for n, v in net.state_dict().items()}
                save_file(tensors, args.state / f"{name}.safetensors")

    begin = time.time()
    pool = fresh(args.first_pool)
    log.write(pool=len(pool), pool_seconds=round(time.time() - begin, 1))
    text_rows = pool.text_ok.nonzero()[:, 0]
    left, step, saved = len(pool), 0, time.time()
    n_picture = int(args.batch * args.picture_share)
    while (progress := parallel.agree((time.time() - begin) / args.seconds, step)) < 1:
        if left <= 0:
            del pool
            tick = time.time()
            pool = fresh(args.pool)
            text_rows = pool.text_ok.nonzero()[:, 0]
            left = args.epochs * len(pool)
            log.write(step=step, pool=len(pool), pool_seconds=round(time.time() - tick, 1))
        rows = torch.randint(0, len(pool), (n_picture,), device=device)
        text = text_rows[torch.randint(0, len(text_rows), (args.batch - n_picture,), device=device)]
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            losses = picture_step(nets, questions, pool, rows, args.drop)
            losses |= words_step(nets, questions, pool, text, args.drop)
            loss = args.picture_share * losses["picture"] + (1 - args.picture_share) * losses["words"]
            loss = loss + weighted(losses)
        loss.backward()
        parallel.average_gradients(optimiser.params)
        overall = args.span[0] + (args.span[1] - args.span[0]) * progress
        optimiser.step(schedule(overall))
        average.update()
        log.add(**losses)
        left -= args.batch
        step += 1
        if log.due():
            log.write(step=step, samples=step * args.batch * parallel.size, progress=round(overall, 3))
        if main_process and time.time() - saved > args.save_every:
            save()
            saved = time.time()
    log.write(step=step, samples=step * args.batch * parallel.size, progress=args.span[1])
    if main_process:
        save()
    stream.close()
    parallel.close()


if __name__ == "__main__":
    main()
