"""What every training step shares: optimiser, averaged weights, learning rates, logs, checkpoints, data parallel."""

from __future__ import annotations

import argparse
import copy
import json
import os
import time
from collections import defaultdict
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

LEAST_SCALE = 1e-3  # of a latent channel that is to be normalised: untrained ones have none
LOTS = 10**9  # lots of objects between two seeds: a stream counts up by one a lot and must not reach the next


def add_seed(parser: argparse.ArgumentParser) -> None:
    """The option `--seed`."""
    parser.add_argument("--seed", type=int, default=0, help="a second call needs another one, or it sees the same data")


def seeded(seed: int, offset: int, device: torch.device) -> tuple[int, torch.Generator]:
    """Where the stream of objects starts, and a generator for views, lights and stretches; seeds torch, too.

    `offset` keeps steps and processes with the same `--seed` apart.
    """
    first = LOTS * seed + offset
    torch.manual_seed(first)
    return first, torch.Generator(device).manual_seed(first)


def _orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Newton-Schulz iteration towards the nearest semi-orthogonal matrices, [K, rows, columns]; on GPUs in bfloat16."""
    x = matrices.bfloat16() if matrices.is_cuda else matrices.float()
    wide = x.shape[-2] <= x.shape[-1]
    x = x if wide else x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return (x if wide else x.mT).float()


class Muon(torch.optim.Optimizer):
    """Orthogonalised momentum for weight matrices, equal shapes in one batched product (Jordan et al. 2024).

    The step has the root mean square of AdamW's at the same learning rate (factor 0.2 sqrt(max(rows, columns))).
    """

    def __init__(self, params, lr: float = 2e-3, momentum: float = 0.95, weight_decay: float = 0.01):
        super().__init__(params, dict(lr=lr, momentum=momentum, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            by_shape = defaultdict(list)
            for p in group["params"]:
                if p.grad is not None:
                    by_shape[tuple(p.shape)].append(p)
            for (rows, columns), params in by_shape.items():
                for p in params:
                    if "momentum" not in self.state[p]:
                        self.state[p]["momentum"] = torch.zeros_like(p)
                grads = [p.grad for p in params]
                buffers = [self.state[p]["momentum"] for p in params]
                torch._foreach_lerp_(buffers, grads, 1 - group["momentum"])
                update = torch.stack(torch._foreach_lerp(grads, buffers, group["momentum"]))
                scale = 0.2 * max(rows, columns) ** 0.5 * group["lr"]
                torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
                torch._foreach_sub_(params, list((_orthogonalise(update) * scale).unbind()))


class Optimiser:
    """Muon on the matrices of hidden layers; AdamW on embeddings, norms, biases, convolutions and the `ends`."""

    def __init__(
        self,
        nets: list[nn.Module],
        lr: float,
        ends: tuple[str, ...] = ("input_layer", "out_layer", "words", "frame"),
    ):
        matrices, rest = [], []
        for net in nets:
            for name, p in net.named_parameters():
                if p.requires_grad:
                    hidden = p.ndim == 2 and not any(end in name.split(".") for end in ends)
                    (matrices if hidden else rest).append(p)
        self.lr = lr
        self.parts = [torch.optim.AdamW(rest, lr=lr, betas=(0.9, 0.98), weight_decay=0.0)]
        if matrices:
            self.parts.append(Muon(matrices, lr=lr))
        self.params = matrices + rest

    def step(self, factor: float, clip: float = 1.0) -> Tensor:
        """Clip, set the learning rate to `factor` of its peak, update and clear; returns the gradient norm."""
        norm = nn.utils.clip_grad_norm_(self.params, clip)
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = self.lr * factor
            part.step()
            part.zero_grad(set_to_none=True)
        return norm


class Average:
    """Exponential moving average of networks' weights; `decay` is reached gradually."""

    def __init__(self, nets: dict[str, nn.Module], decay: float = 0.999):
        self.nets, self.decay, self.count = nets, decay, 0
        self.average = {key: copy.deepcopy(net).requires_grad_(False) for key, net in nets.items()}

    @torch.no_grad()
    def update(self) -> None:
        """After every optimiser step."""
        self.count += 1
        decay = min(self.decay, (1 + self.count) / (10 + self.count))
        for key, net in self.nets.items():
            torch._foreach_lerp_(list(self.average[key].parameters()), list(net.parameters()), 1 - decay)


def schedule(progress: float, warmup: float = 0.02, flat: float = 0.4, floor: float = 0.0) -> float:
    """Linear warm-up, flat until `flat`, then linear decay to `floor`; progress in [0, 1]."""
    if progress < warmup:
        return max(progress / warmup, 0.01)
    if progress < flat:
        return 1.0
    return floor + (1 - floor) * max(0.0, (1 - progress) / (1 - flat))


class Log:
    """Prints and appends JSON lines; sums run on the device, so that nothing is synchronised between prints."""

    def __init__(self, path: Path | None, every: float = 10.0):
        self.path, self.every = path, every
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
        self.begin = self.last = time.time()
        self.sums: dict[str, Tensor] = {}
        self.count = 0

    def add(self, **values: Tensor) -> None:
        """Losses of one step."""
        for key, value in values.items():
            self.sums[key] = self.sums.get(key, 0) + value.detach().clone()  # a view would keep its whole buffer alive
        self.count += 1

    def due(self) -> bool:
        """Whether it is time for the next line."""
        return time.time() - self.last > self.every

    def write(self, **extra) -> dict:
        """One line: seconds, `extra` and the means since the last line."""
        means = {k: round(float(v) / max(self.count, 1), 5) for k, v in self.sums.items()}
        row = {"seconds": round(time.time() - self.begin, 1), **extra, **means}
        print(json.dumps(row), flush=True)
        if self.path:
            with open(self.path, "a") as file:
                file.write(json.dumps(row) + "\n")
        self.sums, self.count, self.last = {}, 0, time.time()
        return row


class Parallel:
    """Data parallel without wrappers: gradients are averaged over processes in one flat buffer."""

    def __init__(self):
        self.size = int(os.environ.get("WORLD_SIZE", 1))
        self.rank = int(os.environ.get("RANK", 0))
        if self.size > 1:
            torch.distributed.init_process_group("nccl")
            torch.cuda.set_device(self.rank)

    def device(self) -> torch.device:
        """This process's GPU, or the CPU."""
        torch.backends.cuda.enable_cudnn_sdp(False)  # it plans anew for every shape, and ragged batches never repeat
        return torch.device("cuda", self.rank) if torch.cuda.is_available() else torch.device("cpu")

    def share(self, nets: list[nn.Module]) -> None:
        """Everyone starts from rank 0's weights."""
        if self.size > 1:
            for net in nets:
                for tensor in net.state_dict().values():
                    torch.distributed.broadcast(tensor, 0)

    def agree(self, value: float, step: int, every: int = 10) -> float:
        """Rank 0's value, renewed every few steps, so that all processes stop at the same step."""
        if self.size == 1:
            return value
        if step % every == 0:
            box = torch.tensor([value], device=self.device())
            torch.distributed.broadcast(box, 0)
            self.agreed = float(box)
        return self.agreed

    def close(self) -> None:
        """The processes part."""
        if self.size > 1:
            torch.distributed.destroy_process_group()

    def average_gradients(self, params: list[nn.Parameter]) -> None:
        """Every process gets the mean; a parameter without a gradient counts as zero."""
        if self.size == 1:
            return
        for p in params:
            if p.grad is None:
                p.grad = torch.zeros_like(p)
        flat = torch.cat([p.grad.flatten() for p in params])
        torch.distributed.all_reduce(flat, op=torch.distributed.ReduceOp.AVG)
        for p, chunk in zip(params, flat.split([p.numel() for p in params])):
            p.grad.copy_(chunk.view_as(p))


def save_half(nets: dict[str, nn.Module], path: Path, shard_bytes: int = 15_500_000) -> None:
    """Half-precision weights of several networks, keys `net.parameter`, in shards `path-0.safetensors`, `path-1...`."""
    tensors = {
        f"{key}.{name}": (value.half() if value.is_floating_point() else value).contiguous().cpu()
        for key, net in nets.items()
        for name, value in net.state_dict().items()
    }
    shards, size = [{}], 0
    for name, value in tensors.items():
        if size + value.nbytes > shard_bytes and shards[-1]:
            shards.append({})
            size = 0
        shards[-1][name] = value
        size += value.nbytes
    path.parent.mkdir(parents=True, exist_ok=True)
    for i, shard in enumerate(shards):
        temporary = path.with_name(f"{path.name}-{i}.partial")
        save_file(shard, temporary)
        temporary.rename(path.with_name(f"{path.name}-{i}.safetensors"))


def load_half(nets: dict[str, nn.Module], path: Path, strict: bool = True) -> bool:
    """Reads what `save_half` wrote; False where there is nothing. Keeps the networks' own dtype."""
    files = sorted(path.parent.glob(f"{path.name}-*.safetensors"))
    if not files:
        return False
    tensors: dict[str, Tensor] = {}
    for file in files:
        tensors.update(load_file(file))
    for key, net in nets.items():
        mine = {n[len(key) + 1 :]: v for n, v in tensors.items() if n.startswith(key + ".")}
        net.load_state_dict({n: v.float() if v.is_floating_point() else v for n, v in mine.items()}, strict=strict)
    return True
