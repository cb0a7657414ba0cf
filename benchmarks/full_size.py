"""A composition of three parts on full-size TRELLIS networks with random weights: time, work and memory per stage.

    python -m benchmarks.full_size --device cuda --json full_size.json
    python -m benchmarks.full_size --device cuda --compile          # blocks of the structure flow compiled, too
    python -m benchmarks.full_size --tiny --device cpu              # the same at toy size, to try the script
    python -m benchmarks.full_size --device cuda --thick 2 --extent 0.85 --memory    # larger objects, what they need

Weights are drawn on the device; voxels and masks are those of a known figure with a cap and a backpack (see `forced`).
*flow* is the time between the first and the last kernel of the flow networks' forward passes, *stage* the wall clock
of everything. *rows* are predictions; several share a forward pass where the batch allows. Work is counted from sizes
(`flops`). Each mode runs once after a short warm-up. Only the first draws all views of the hints and extracts
meshes; the others draw 8 of 24 views and extract none, so that their hints and meshes cost less. With --memory every
mode draws 8, and the last extracts meshes; --tiny has its own size.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from cast3d.backbones import Guided
from cast3d.backbones.loading import compile_blocks
from cast3d.backbones.residency import weight_bytes
from cast3d.composer import Composer
from cast3d.splats import rings
from cast3d.stages.hints import YAWS

from .flops import forward_flops
from .forced import Case, Forced, random_backbone, read_case
from .timing import milliseconds

SUITE = Path(__file__).parent.parent / "suites" / "bricks-dev"
SAMPLING = ("main", "layout", "layout_appearance", "parts", "geometry", "slats", "appearance")  # diffusion work
WARM = dict(structure_steps=3, slat_steps=2, layout_starts=2, part_start=2, refine_start=2, view_pitches=0)
FEW_VIEWS = dict(view_pitches=10.0)  # 8 of 24: drawing does not depend on the mode
LIMIT = 0.02  # of the largest value: float16 torsos, see docs/parity.md


@dataclass
class Row:
    """What a stage cost."""

    stage: str
    forwards: int = 0
    rows: int = 0
    tflop: float = 0.0
    flow_ms: float = 0.0
    stage_ms: float = 0.0
    peak_gib: float = 0.0

    @property
    def speed(self) -> float:
        return self.tflop / self.flow_ms * 1000 if self.flow_ms else 0.0


@dataclass
class Meter:
    """Counts forward passes of flows and times stages, as the composer's progress callback and as hooks."""

    device: torch.device
    stages: dict[str, Row] = field(default_factory=dict)
    spans: list[tuple[Row, Any, Any]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    begun: float = 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        if (done, total) == (0, 1):
            if not self.open:
                self.synchronize()
                self.reset_peak()
                self.begun = time.perf_counter()
            self.open.append(stage)
        elif (done, total) == (1, 1) and stage in self.open:
            self.open.remove(stage)
            if not self.open:
                row = self.row(stage)
                self.synchronize()
                row.stage_ms += 1000 * (time.perf_counter() - self.begun)
                row.peak_gib = max(row.peak_gib, self.peak())

    def row(self, stage: str) -> Row:
        name = {"part": "parts", "slat": "slats"}.get(stage.partition("-")[0], stage)
        return self.stages.setdefault(name, Row(name))

    @contextmanager
    def watching(self, nets: list[nn.Module]) -> Iterator[None]:
        """Hooks on the flows' forward passes."""

        def before(net: nn.Module, inputs: tuple) -> None:
            self.spans.append((self.row(self.open[0]), self.mark(), None))

        def after(net: nn.Module, inputs: tuple, output: Any) -> None:
            row, start, _ = self.spans[-1]
            self.spans[-1] = row, start, self.mark()
            row.forwards += 1
            row.rows += len(inputs[2])
            row.tflop += forward_flops(net, inputs) / 1e12

        handles = [net.register_forward_pre_hook(before) for net in nets]
        handles += [net.register_forward_hook(after) for net in nets]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            self.synchronize()
            for row, start, stop in self.spans:
                row.flow_ms += start.elapsed_time(stop) if self.cuda else 1000 * (stop - start)

    @property
    def cuda(self) -> bool:
        return self.device.type == "cuda"

    def mark(self) -> Any:
        if not self.cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def synchronize(self) -> None:
        if self.cuda:
            torch.cuda.synchronize(self.device)

    def reset_peak(self) -> None:
        if self.cuda:
            torch.cuda.reset_peak_memory_stats(self.device)

    def peak(self) -> float:
        return torch.cuda.max_memory_allocated(self.device) / 2**30 if self.cuda else 0.0


def flows_of(backbone: Forced) -> list[nn.Module]:
    return [*backbone.structure_flows.values(), *backbone.slat_flows.values()]


def networks_of(backbone: Forced) -> list[nn.Module]:
    described = [backbone.describer.picture_encoder, backbone.describer.text_encoder]
    coders = [backbone.structure_encoder, backbone.structure_decoder, backbone.gaussian_decoder, backbone.mesh_decoder]
    return [*flows_of(backbone), *coders, *described, *backbone.segmenter.networks]


def compose(backbone: Forced, settings: dict[str, Any]) -> list[Row]:
    """One composition, measured."""
    chosen = backbone.defaults.changed(settings)
    backbone.restart(rings(YAWS, chosen.view_pitches))
    meter = Meter(backbone.device)
    with meter.watching(flows_of(backbone)):
        Composer(backbone).compose(backbone.case.scene, settings=settings, progress=meter)
    return list(meter.stages.values())


def print_table(title: str, rows: list[Row]) -> dict[str, Any]:
    """Prints a composition; returns it as plain data."""
    work = [row for row in rows if row.stage in SAMPLING]
    total = Row("diffusion work", *(sum(getattr(row, name) for row in work) for name in SUMS))
    total.peak_gib = max(row.peak_gib for row in work)
    print(f"\n{title}")
    print(f"{'stage':<20}{'forwards':>9}{'rows':>6}{'flow ms':>10}{'TFLOP/s':>9}{'stage ms':>10}{'peak GiB':>10}")
    for row in [*rows, total]:
        print(
            f"{row.stage:<20}{row.forwards:>9}{row.rows:>6}{row.flow_ms:>10.0f}{row.speed:>9.0f}"
            f"{row.stage_ms:>10.0f}{row.peak_gib:>10.2f}",
            flush=True,
        )
    return {"title": title, "stages": [asdict(row) | {"tflops": row.speed} for row in [*rows, total]]}


SUMS = ("forwards", "rows", "tflop", "flow_ms", "stage_ms")


@torch.no_grad()
def single_forwards(backbone: Forced, compiled: bool) -> list[dict[str, Any]]:
    """One forward pass of each structure flow: plain attention (scores written out) against the kernels in use."""
    results = []
    print(f"\n{'structure flow':<16}{'batch':>6}{'attention':>22}{'ms':>9}{'ms / row':>10}{'TFLOP/s':>9}")
    for kind, net in backbone.structure_flows.items():
        tokens = 1374 if kind == "image" else 77
        for batch in (1, 2, 4, 8):
            inputs = (
                torch.randn(batch, *backbone.structure_shape, device=backbone.device),
                torch.full((1,), 500.0, device=backbone.device),
                torch.randn(batch, tokens, net.config["cond_channels"], device=backbone.device),
            )
            # Compiled blocks keep the kernels that they were compiled with: they have no plain variant.
            variants = {"fused": [], "plain": [SDPBackend.MATH]} if batch == 1 and not compiled else {"fused": []}
            for name, backends in variants.items():
                with backbone.residency(net), sdpa_kernel(backends or list(DEFAULT)):
                    times = milliseconds(lambda: net(*inputs), 2 + 7, backbone.device)  # noqa: B023
                ms = statistics.median(times[2:])  # two calls warm up
                speed = forward_flops(net, inputs) / ms / 1e9
                label = name + (", compiled" if compiled else "")
                results.append(dict(flow=kind, batch=batch, attention=label, ms=ms, tflops=speed))
                print(f"{kind:<16}{batch:>6}{label:>22}{ms:>9.2f}{ms / batch:>10.2f}{speed:>9.0f}", flush=True)
    return results


DEFAULT = (
    SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH,
)  # fmt: skip


@torch.no_grad()
def agreement(backbone: Forced) -> dict[str, float]:
    """Largest difference between batched and single predictions, as a share of the largest value."""
    case, batch = backbone.case, backbone.batch
    generator = torch.Generator().manual_seed(0)
    terms = list(case.grids)
    guided = [Guided(backbone.of_text(term), 7.5) for term in terms]
    x = torch.randn(len(terms), *backbone.structure_shape, generator=generator).to(backbone.device)
    coords = [case.grids[term].nonzero().to(backbone.device) for term in terms]
    feats = torch.randn(sum(map(len, coords)), backbone.slat_channels, generator=generator).to(backbone.device)
    found = {}
    for name, call in (
        ("structure", lambda: backbone.structure_velocities(guided)(x, 0.6)),
        ("slat", lambda: backbone.slat_velocities(guided, coords)(feats, 0.6)),
    ):
        backbone.batch = 1
        single = call()
        backbone.batch = batch
        found[name] = float((call() - single).abs().max() / single.abs().max())
    print(f"\nbatched against one by one, share of the largest value: {found} (limit {LIMIT})", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="networks of toy size, few steps")
    parser.add_argument("--batch", type=int, default=8, help="most predictions in one forward pass")
    parser.add_argument("--compile", action="store_true", help="also with compiled blocks of the structure flow")
    parser.add_argument("--case", default="cap", help="of suites/bricks-dev")
    parser.add_argument("--thick", type=int, default=0, help="voxels put on every side: 1 and 2 give larger objects")
    parser.add_argument("--extent", type=float, default=0.98, help="the longest side, as a share of the grid's")
    parser.add_argument("--memory", action="store_true", help="only what tells memory: fewer modes")
    parser.add_argument("--json", type=Path, help="write the results here too")
    args = parser.parse_args()
    device = torch.device(args.device)
    case = read_case(SUITE, args.case, 0.4 if args.tiny else args.extent, args.thick)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "CPU"
    report: dict[str, Any] = {
        "machine": f"torch {torch.__version__}, {name}",
        "voxels": {term: int(grid.sum()) for term, grid in case.grids.items()} | {"all": int(case.whole.sum())},
        "compositions": [],
    }
    print(report["machine"], report["voxels"], sep="\n", flush=True)

    def save() -> None:
        if args.json:
            args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")

    run(args, device, case, report, save)
    if not args.memory and not all(share <= LIMIT for share in report["agreement"].values()):  # a NaN is no agreement
        sys.exit("batched and single predictions differ by more than the limit")


def run(
    args: argparse.Namespace, device: torch.device, case: Case, report: dict[str, Any], save: Callable[[], None]
) -> None:
    """All measurements, into `report`; saved after each, so that a run that is cut off leaves what it had."""
    full = WARM if args.tiny else {}
    resident = random_backbone(device, args.tiny, False, case)
    resident.batch = args.batch
    report["weights_gib"] = weight_bytes(networks_of(resident)) / 2**30
    print(f"weights: {report['weights_gib']:.2f} GiB", flush=True)

    def measure(title: str, backbone: Forced, settings: dict[str, Any], extract: bool = False) -> None:
        backbone.extract = False
        compose(backbone, WARM)
        backbone.extract = extract
        report["compositions"].append(print_table(title, compose(backbone, settings)))
        report["compositions"][-1]["segmenter"] = told = backbone.script.segmenting
        print(
            f"of the hints, the segmenter: {told['questions']} questions, {1000 * told['seconds']:.0f} ms", flush=True
        )
        save()

    few = full | FEW_VIEWS
    if args.memory:
        measure(f"resident, batches of up to {args.batch}", resident, few)
        del resident
        release(device)
        offloaded = random_backbone(device, args.tiny, True, case)
        offloaded.batch = args.batch
        measure(f"offloaded, batches of up to {args.batch}", offloaded, few)
        measure(f"offloaded, batches of up to {args.batch}, with meshes", offloaded, few, extract=True)
        return
    measure(f"resident, batches of up to {args.batch}", resident, full, extract=True)
    resident.batch = 1
    measure("resident, one prediction at a time", resident, few)
    resident.batch = args.batch
    report["agreement"] = agreement(resident)
    report["single_forwards"] = single_forwards(resident, compiled=False)
    if args.compile:
        compile_blocks(resident.structure_flows.values())
        measure(f"resident, compiled, batches of up to {args.batch}", resident, few)
        report["single_forwards"] += single_forwards(resident, compiled=True)
    del resident
    report["left_gib"] = release(device)
    print(f"left on the card before the offloaded modes: {report['left_gib']:.2f} GiB", flush=True)
    offloaded = random_backbone(device, args.tiny, True, case)
    offloaded.batch = args.batch
    measure(f"offloaded, batches of up to {args.batch}", offloaded, few)
    offloaded.batch = 2
    measure("offloaded, batches of up to 2", offloaded, few)


def release(device: torch.device) -> float:
    """Let go of what nobody uses; GiB of tensors that stay on the card.

    Compiled code goes first, which may hold on to networks: what stays would count in the peaks of later modes.
    """
    torch.compiler.reset()
    gc.collect()
    if device.type != "cuda":
        return 0.0
    torch.cuda.empty_cache()
    return torch.cuda.memory_allocated(device) / 2**30


if __name__ == "__main__":
    main()
