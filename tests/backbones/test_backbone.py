"""What stages see of a backbone: conditions, guided velocities, encodings, parts of a mesh."""

from __future__ import annotations

import torch

from cast3d.meshes.surface import is_closed
from tests.tiny_backbone import pictures, tiny_backbone

BACKBONE = tiny_backbone()
FIGURE, CAP = (BACKBONE.of_pictures([pictures()[term]]) for term in ("figure", "cap"))


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


X = random(1, *BACKBONE.structure_shape)
COORDS = torch.tensor([[x, y, 30] for x in range(10, 20) for y in range(10, 20)])


def close(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_no_picture_is_zeros_and_no_sentence_is_the_empty_one():
    assert not FIGURE.negative.any() and FIGURE.negative.shape == FIGURE.tokens[0].shape
    text = BACKBONE.of_text("a cap")
    assert torch.equal(text.negative, BACKBONE.of_text("").tokens[0])
    assert torch.equal(text.unconditional.tokens[0], text.negative) and text.unconditional.kind == "text"


def test_frames_change_what_a_picture_says():
    filled = BACKBONE.of_pictures([pictures()["cap"]], "filled")
    assert not torch.allclose(filled.tokens[0], CAP.tokens[0])


def test_networks_are_told_a_thousand_times_the_time():
    times = []
    handle = BACKBONE.structure_flows["text"].register_forward_hook(lambda _, inputs, __: times.append(inputs[1]))
    try:
        BACKBONE.structure_velocity(BACKBONE.of_text("cap"), 0.0)(X, 0.25)
    finally:
        handle.remove()
    assert [(time.dtype, time.tolist()) for time in times] == [(torch.float32, [250.0])]


def test_guidance_has_the_released_form():
    positive, negative = (BACKBONE.structure_velocity(c, 0.0)(X, 0.5) for c in (CAP, CAP.unconditional))
    close(BACKBONE.structure_velocity(CAP, 2.5)(X, 0.5), 3.5 * positive - 2.5 * negative)
    feats = random(len(COORDS), 8)
    positive, negative = (BACKBONE.slat_velocity(c, COORDS, 0.0)(feats, 0.5) for c in (CAP, CAP.unconditional))
    close(BACKBONE.slat_velocity(CAP, COORDS, 2.5)(feats, 0.5), 3.5 * positive - 2.5 * negative)


def test_several_views_are_averaged():
    both = BACKBONE.of_pictures([pictures()["figure"], pictures()["cap"]])
    first, second = (BACKBONE.structure_velocity(c, 0.0)(X, 0.5) for c in (FIGURE, CAP))
    close(BACKBONE.structure_velocity(both, 0.0)(X, 0.5), (first + second) / 2)


def test_null_guided_by_null_is_null():
    null = BACKBONE.structure_velocity(CAP.unconditional, 0.0)(X, 0.5)
    close(BACKBONE.structure_velocity(CAP.unconditional, 5.0)(X, 0.5), null)


def test_structures_there_and_back_have_their_shapes():
    latent = BACKBONE.encode_structure(torch.zeros(64, 64, 64, dtype=torch.bool))
    assert latent.shape == X.shape and latent.dtype == torch.float32
    grid = BACKBONE.decode_structure(X)
    assert grid.shape == (64, 64, 64) and grid.dtype == torch.bool


def test_latents_are_denormalised_before_decoding():
    feats = random(len(COORDS), 8)
    slat = BACKBONE.denormalised(COORDS, feats)
    close((slat.feats - BACKBONE.slat_mean) / BACKBONE.slat_std, feats)
    assert torch.equal(slat.coords[:, 1:], COORDS.int()) and not slat.coords[:, 0].any()


def test_gaussians_know_their_voxel():
    splat = BACKBONE.gaussians(COORDS, random(len(COORDS), 8))
    centre = (COORDS[splat.voxel] + 0.5) / 64 - 0.5
    assert ((splat.positions - centre).abs() <= 0.75 / 64 + 1e-6).all()  # voxel_size 1.5
    assert torch.equal(splat.voxel.bincount(), torch.full((len(COORDS),), 2))


def test_one_closed_mesh_per_part():
    owner = (COORDS[:, 0] > 14).long() * 2
    meshes = BACKBONE.meshes(COORDS, random(len(COORDS), 8), owner, 4)
    assert meshes[1] is None and meshes[3] is None
    assert is_closed(meshes[0]) and is_closed(meshes[2])
    assert meshes[0].vertices[:, 0].max() < (16.5 + 0.5) / 64 - 0.5 < meshes[2].vertices[:, 0].max()


def test_words_outside_the_list_are_named():
    assert BACKBONE.describer.unknown_words("a capp on a zebra") == {"capp": "cap", "on": None, "zebra": None}
