"""What the benchmarks report is counted right."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import batch as batches
from benchmarks.flops import forward_flops
from benchmarks.forced import outline, random_backbone, read_case
from benchmarks.full_size import SUITE, WARM, YAWS, compose
from benchmarks.networks import SMALL, measure
from benchmarks.roundtrip import compared, decibel, models_of, roundtrip
from benchmarks.segmenter import detector_config, masker_config, random_grounded_sam2
from cast3d.evaluation.edits.suite import load_edits
from cast3d.existing.frame import UPS, Frame
from cast3d.existing.opening import open_model
from cast3d.existing.seen import Existing
from cast3d.models import SparseTensor
from cast3d.splats import orbit, read_ply, write_ply
from tests.evaluation.edit_cases import write_edits
from tests.models.tiny import tiny
from tests.tiny_backbone import tiny_backbone


def counted(net, *inputs) -> int:
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter, torch.no_grad():
        net(*inputs)
    return counter.get_total_flops()


@pytest.mark.parametrize("batch", [1, 3])
def test_work_of_the_structure_flow(batch):
    net = tiny("SparseStructureFlowModel")
    inputs = torch.randn(batch, 4, 4, 4, 4), torch.tensor([500.0] * batch), torch.randn(batch, 7, 10)
    assert forward_flops(net, inputs) == counted(net, *inputs)


@pytest.mark.parametrize("ends", [None, [12]])
def test_work_of_the_latent_flow(ends):
    net = tiny("SLatFlowModel", io_block_channels=ends, num_io_res_blocks=3)
    coords = torch.cartesian_prod(torch.arange(2), *[torch.arange(4)] * 3).int()  # full cubes of 64 voxels
    x = SparseTensor(torch.randn(len(coords), 4), coords)
    work = counted(net, x, torch.tensor([500.0, 500.0]), torch.randn(2, 7, 10))
    expected = forward_flops(net, (x, None, torch.randn(2, 7, 10)))
    if ends is None:
        assert expected == work
    else:  # on a CPU only neighbours that exist are multiplied: (10 / 12)^3 of 27 in a cube of 4, half that in one of 2
        assert 0.3 * expected < work < expected


@pytest.mark.parametrize("stem", SMALL)
def test_every_shipped_network_is_timed(stem):
    result = measure(stem, True, torch.device("cpu"), None, 1)
    assert result["median_ms"] > 0 and result["weight_bytes"] >= 4 * result["parameters"]


def test_a_case_has_its_outlines():
    case = read_case(SUITE, "cap")
    mask = outline(case.whole, orbit(30, 10), 128)
    assert 0.05 < mask.float().mean() < 0.5
    cap = outline(case.grids["baseball cap"], orbit(0, 0), 128).nonzero()[:, 0].float().mean()
    pack = outline(case.grids["figure"], orbit(0, 0), 128).nonzero()[:, 0].float().mean()
    assert cap < pack  # rows count from the top
    assert len(case.decoded()) == 5 and torch.equal(case.decoded()[1], case.whole)


def test_the_segmenter_has_the_released_sizes():
    """Millions of weights of grounding-dino-base and of sam2.1-hiera-small without its memory of videos."""
    transformers = pytest.importorskip("transformers", reason="transformers is not installed: pip install transformers")
    with torch.device("meta"):
        detector = transformers.GroundingDinoForObjectDetection(detector_config())
        masker = transformers.Sam2Model(masker_config())
    counts = [sum(p.numel() for p in net.parameters()) / 1e6 for net in (detector, masker)]
    assert counts == [pytest.approx(232.3, abs=0.1), pytest.approx(38.5, abs=0.1)]


def test_the_segmenter_lies_on_its_device_whole():
    """GroundingDINO makes its first parameter on the CPU, wherever it is told to be; it says where the network is."""
    nets = random_grounded_sam2(True, torch.device("meta")).networks
    assert {tensor.device.type for net in nets for tensor in (*net.parameters(), *net.buffers())} == {"meta"}


def test_a_tiny_segmenter_finds_boxes_and_draws_masks():
    pytest.importorskip("transformers", reason="transformers is not installed: pip install transformers")
    segmenter, images = random_grounded_sam2(True, torch.device("cpu")), torch.rand(2, 3, 48, 64)
    with torch.no_grad():
        boxes, scores = segmenter.boxes(images, ["a baseball cap"])
        masks, _ = segmenter.masks(images, torch.tensor([0, 1]), boxes[:, 0, 0])
    assert boxes.shape == (2, 1, scores.shape[2], 4) and masks.shape == (2, 48, 64)


def test_a_forced_backbone_composes_and_asks_its_segmenter():
    pytest.importorskip("transformers", reason="transformers is not installed: pip install transformers")
    backbone = random_backbone(torch.device("cpu"), True, False, read_case(SUITE, "cap", 0.4))
    backbone.extract = False
    rows = compose(backbone, WARM)
    assert {"main", "hints", "appearance"} <= {row.stage for row in rows}
    assert backbone.script.segmenting["questions"] == 2 * YAWS


def test_the_benchmark_of_batches_composes_the_examples():
    """Those that edit a model are no scenes of a batch."""
    assert {"a figure riding a horse"} < {scene.prompt for scene in batches.shown()}


def test_a_round_trip_that_loses_nothing_has_full_marks(tmp_path):
    """A splat against its own rendering, and against one of another colour."""
    suite = write_edits(tmp_path / "suite", ("bare",))
    ((name, path),) = models_of(suite, tmp_path)
    assert name == "bare" and [found for found, _ in models_of(path, tmp_path)] == ["bare.glb"]
    (case,) = load_edits(suite)
    case.write_splat(tmp_path / "one.ply")
    splat, cube = read_ply(tmp_path / "one.ply"), Frame(UPS["z"], 0.5, (0.0, 0.0, 0.0))
    write_ply(tmp_path / "half.ply", replace(splat, positions=splat.positions / 2, scales=splat.scales / 2))
    own = read_ply(tmp_path / "half.ply")
    existing = Existing(open_model(tmp_path / "one.ply"), cube)
    assert decibel(torch.cat(compared(existing, own, 45.0))) > 60
    darker = replace(own, features_dc=own.features_dc - 0.1 / 0.28209479)
    _, inside = compared(existing, darker, 45.0)
    assert decibel(inside) == pytest.approx(20, abs=1.5)


def test_a_round_trip_of_a_backbone(tmp_path):
    suite = write_edits(tmp_path / "suite", ("bare",))
    ((name, path),) = models_of(suite, tmp_path)
    loss = roundtrip(tiny_backbone(), path, name)
    assert loss.voxels > 100 and 0 <= loss.f1_1 <= loss.f1_2 < 1 and 0 < loss.psnr < 40
