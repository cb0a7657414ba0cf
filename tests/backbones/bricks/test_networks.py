"""The small backbone's own networks: contracts that hold for any weights."""

from __future__ import annotations

import pytest
import torch

from cast3d.backbones.bricks import encoders
from cast3d.backbones.bricks.encoders import FRAMES, PictureEncoder, WordEncoder
from cast3d.backbones.bricks.sdf_decoder import FINE, REACH, SLatSdfDecoder
from cast3d.backbones.bricks.slat_clean_flow import SLatCleanFlowModel
from cast3d.backbones.bricks.structure_patch import PatchStructureDecoder, PatchStructureEncoder, sample_posterior
from cast3d.meshes.surface import is_closed
from cast3d.models import SparseTensor, load, save
from cast3d.models.folding import patchify as fold
from cast3d.models.folding import unpatchify as unfold
from tests.meshes.checks import faults, read
from tests.meshes.shapes import volume
from tests.tiny_backbone import FLOW, TRUNK, drawn


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def voxels(count: int, side: int, seed: int = 0) -> torch.Tensor:
    """[count, 3] different voxels."""
    flat = torch.randperm(side**3, generator=torch.Generator().manual_seed(seed))[:count]
    return torch.stack([flat // side**2, flat // side % side, flat % side], dim=1)


def sparse(coords: torch.Tensor, feats: torch.Tensor) -> SparseTensor:
    return SparseTensor(feats, torch.cat([torch.zeros(len(coords), 1), coords], 1).int(), 1)


# --- signed distances -----------------------------------------------------------------------------------------------

SIDE = 12


def sdf_decoder() -> SLatSdfDecoder:
    return drawn(SLatSdfDecoder(resolution=SIDE, latent_channels=8, **TRUNK), 1)


@pytest.mark.parametrize("seed", range(4))
def test_any_distances_give_a_closed_mesh(seed):
    net = sdf_decoder()
    coords = voxels([1, 20, 200, SIDE**3][seed], SIDE, seed)  # one, few, many, the whole grid up to its border
    mesh = net.mesh(coords, 3 * random(len(coords), REACH**3, seed=seed))
    assert is_closed(mesh) and mesh.vertices.abs().max() <= 0.5 + 1e-6


def test_nothing_predicted_inside_is_no_mesh():
    coords = voxels(50, SIDE)
    assert not len(sdf_decoder().mesh(coords, torch.ones(50, REACH**3)).faces)


def test_cells_lie_around_their_voxel_and_overlaps_are_averaged():
    net = sdf_decoder()
    coords = torch.tensor([[3, 4, 5], [4, 4, 5]])
    field, known = net.field(coords, torch.stack([torch.full((REACH**3,), 0.1), torch.full((REACH**3,), 0.5)]))
    outside, first, both, second = 0.8, 0.1, 0.3, 0.5
    assert field[:, 9, 11].tolist() == pytest.approx(
        [outside] * 5 + [first] * 2 + [both] * 2 + [second] * 2 + [outside] * 13
    )
    assert torch.equal(known, field != field.new_tensor(outside))
    assert known.sum() == 6 * REACH * REACH and len(field) == FINE * SIDE


def test_cells_are_ordered_x_first():
    cells = torch.arange(REACH**3).float() + 1
    field, _ = sdf_decoder().field(torch.tensor([[5, 5, 5]]), cells[None])
    block = field[9:13, 9:13, 9:13]
    assert torch.equal(block.flatten(), cells)


def test_what_predictions_enclose_is_inside():
    """Also where the shell has a hole: seven voxels each way, and almost half a voxel more on every side."""
    coords = torch.tensor([[x, y, z] for x in range(2, 9) for y in range(2, 9) for z in range(2, 9)])
    hollow = coords[((coords == 2) | (coords == 8)).any(1)]  # a shell with an unpredicted middle
    hollow = hollow[(hollow != torch.tensor([8, 5, 5])).any(1)]
    mesh = sdf_decoder().mesh(hollow, torch.full((len(hollow), REACH**3), -0.5))
    assert faults(mesh) == {} and read(mesh).body_count == 1
    assert volume(mesh) == pytest.approx((7.9 / SIDE) ** 3, rel=0.02)


def test_parts_that_are_decoded_together_are_solids_side_by_side():
    net = sdf_decoder()
    coords = torch.tensor([[x, y, z] for x in range(2, 9) for y in range(3, 7) for z in range(3, 7)])
    slat = sparse(coords, torch.full((len(coords), REACH**3), -0.5))
    owner = (coords[:, 0] > 5).long()
    left, empty, right = net.solids(coords, slat, owner * 2, 3)
    assert empty is None and faults(left) == {} and faults(right) == {}
    whole = net.mesh(coords, slat.feats)
    assert volume(left) + volume(right) == pytest.approx(volume(whole), rel=0.02)


def test_a_batch_gives_one_mesh_per_item():
    net, coords = sdf_decoder(), voxels(40, SIDE)
    batch = torch.cat([(torch.arange(40) // 15).clamp(max=1)[:, None], coords], 1).int()
    slat = SparseTensor(random(40, 8), batch)
    features, meshes = net.features(slat), net(slat)
    assert features.feats.shape == (40, REACH**3) and len(meshes) == 2
    assert torch.equal(meshes[1].vertices, net.mesh(coords[15:], features.feats[15:]).vertices)


# --- structured-latent flow -----------------------------------------------------------------------------------------


def clean_flow() -> SLatCleanFlowModel:
    return drawn(SLatCleanFlowModel(resolution=16, io_block_channels=[8], num_io_res_blocks=1, **FLOW), 2)


@pytest.mark.parametrize("time", [1.0, 0.5, 0.02])
def test_velocity_leads_from_the_clean_prediction(time):
    net, x = clean_flow(), sparse(voxels(60, 16), random(60, 8))
    t, cond = torch.tensor([1000 * time]), random(1, 5, 16, seed=3)
    velocity, clean = net(x, t, cond).feats, net.clean(x, t, cond).feats
    torch.testing.assert_close(velocity, (x.feats - clean) / time)
    # One Euler step to time 0 lands on the prediction.
    torch.testing.assert_close(x.feats - time * velocity, clean, rtol=0, atol=1e-5)


def test_velocity_stays_finite_at_time_zero():
    net, x = clean_flow(), sparse(voxels(60, 16), random(60, 8))
    assert net(x, torch.zeros(1), random(1, 5, 16)).feats.isfinite().all()


def test_batches_have_times_of_their_own():
    net, cond = clean_flow(), random(2, 5, 16)
    coords = torch.cat([(torch.arange(60) // 25).clamp(max=1)[:, None], voxels(60, 16)], 1).int()
    x, t = SparseTensor(random(60, 8), coords), torch.tensor([900.0, 200.0])
    both = net(x, t, cond).feats
    for item, rows in enumerate(x.layout):
        alone = net(sparse(coords[rows, 1:], x.feats[rows]), t[item : item + 1], cond[item : item + 1]).feats
        torch.testing.assert_close(both[rows], alone, rtol=1e-4, atol=1e-4)


# --- structure VAE --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("patch", [1, 2, 4])
@pytest.mark.parametrize("channels", [1, 3])
def test_folding_there_and_back(patch, channels):
    x = random(2, channels, 8, 4, 12)
    folded = fold(x, patch)
    assert folded.shape == (2, channels * patch**3, 8 // patch, 4 // patch, 12 // patch)
    assert torch.equal(unfold(folded, patch), x)
    y = random(2, channels * patch**3, 2, 3, 4)
    assert torch.equal(fold(unfold(y, patch), patch), y)


def test_a_folded_cell_holds_its_patch():
    x = torch.arange(8**3).float().view(1, 1, 8, 8, 8)
    assert torch.equal(fold(x, 4)[0, :, 1, 0, 1], x[0, 0, 4:, :4, 4:].flatten())


def test_structure_vae_shapes():
    encoder, decoder = drawn(PatchStructureEncoder(4, 8, 1), 3), drawn(PatchStructureDecoder(4, 8, 1), 4)
    grid = (random(2, 1, 16, 16, 16) > 1).float()
    mean, logvar = encoder(grid)
    assert mean.shape == logvar.shape == (2, 4, 4, 4, 4) and decoder(mean).shape == (2, 1, 16, 16, 16)
    assert torch.equal(encoder(grid[1:])[0], mean[1:]) or torch.allclose(encoder(grid[1:])[0], mean[1:], atol=1e-5)


def test_posterior_samples_have_the_stated_spread():
    mean, logvar = torch.full((1, 1, 40, 40, 40), 2.0), torch.full((1, 1, 40, 40, 40), -2.0)
    sample = sample_posterior(mean, logvar, torch.Generator().manual_seed(0))
    assert sample.mean().item() == pytest.approx(2, abs=0.01)
    assert sample.std().item() == pytest.approx(torch.tensor(-1.0).exp().item(), rel=0.01)


# --- condition encoders ---------------------------------------------------------------------------------------------


def test_pictures_become_a_frame_token_and_patches():
    net, image = drawn(PictureEncoder(32, 32, 16, 1, 2), 5), random(1, 4, 32, 32).sigmoid()
    filled, in_place = (net(image, torch.tensor([FRAMES.index(name)])) for name in ("filled", "in_place"))
    assert filled.shape == (1, 1 + 16, 16) and not torch.allclose(filled, in_place)


def test_tokens_say_where_their_patch_lies():
    """`look` gives quarters of patches, row by row; each patch's token depends on what it says, the first on none."""
    net, image = drawn(PictureEncoder(32, 32, 16, 1, 2), 5), random(1, 4, 32, 32).sigmoid()
    frame = torch.zeros(1, dtype=torch.int64)
    tokens, places = net.look(image, frame)
    assert places.shape == (1, 6, 8, 8) and torch.equal(tokens, net(image, frame))
    with torch.no_grad():
        net.places.weight.zero_()
        net.places.bias.copy_(torch.arange(24) / 24 - 0.5)  # channel by channel: quarters of the patch
    again, places = net.look(image, frame)
    assert torch.equal(places[0, :, 2:4, 2:4].flatten(), net.places.bias)
    moved = (again - tokens).abs().amax(-1)[0]
    assert moved[0] == 0 and (moved[1:] > 0).all()


def test_positions_as_waves_know_every_voxel_from_every_other():
    waves = encoders._waves(((torch.arange(64) + 0.5) / 64 - 0.5)[:, None])
    gaps = torch.cdist(waves, waves) + 9 * torch.eye(64)
    assert waves.shape == (64, 2 * encoders.OCTAVES) and gaps.min() > 1


def test_padded_words_are_silent_and_unseen():
    net = drawn(WordEncoder(10, 8, 16, 12, 2, 2), 6)
    tokens = net(torch.tensor([[1, 5, 3, 0, 0, 0, 0, 0]]))
    assert tokens.shape == (1, 8, 12) and not tokens[:, 3:].any()
    torch.testing.assert_close(net(torch.tensor([[1, 5, 3]])), tokens[:, :3])
    assert not torch.allclose(net(torch.tensor([[1, 3, 5]])), tokens[:, :3])  # order matters


@pytest.mark.parametrize(
    "net",
    [
        PatchStructureEncoder(4, 8, 1),
        PatchStructureDecoder(4, 8, 1),
        PictureEncoder(16, 32, 8, 1, 2),
        WordEncoder(10, 8, 16, 12, 1, 2),
        sdf_decoder(),
        clean_flow(),
    ],
    ids=lambda net: type(net).__name__,
)
def test_saved_and_loaded(net, tmp_path):
    save(net, tmp_path / "net")
    again = load(tmp_path / "net")
    assert type(again) is type(net) and not any(p.requires_grad for p in again.parameters())
    for key, value in net.state_dict().items():
        assert torch.equal(again.state_dict()[key], value), key
