"""Eq. 15: what is held stays exactly on its path; seams between parts are soft; the last steps are free."""

from __future__ import annotations

import pytest
import torch

from cast3d import flow
from cast3d.stages.appearance import Appearance, composed_appearance, correspond, free_steps, held
from cast3d.stages.geometry import Geometry
from cast3d.stages.kit import Kit
from cast3d.stages.layout import Slat
from cast3d.stages.reading import Reading
from cast3d.voxels import to_grid
from tests.tiny_backbone import tiny_backbone


def box(low: tuple[int, int, int], high: tuple[int, int, int]) -> torch.Tensor:
    """[N, 3] voxels of a box, ends included."""
    axes = [torch.arange(a, b + 1) for a, b in zip(low, high)]
    return torch.cartesian_prod(*axes)


def latents(coords: torch.Tensor, seed: int) -> torch.Tensor:
    return torch.randn(len(coords), 8, generator=torch.Generator().manual_seed(seed))


COORDS = box((20, 20, 20), (29, 29, 29))
BACKBONE = tiny_backbone()
SETTINGS = BACKBONE.defaults
NOISE = flow.noise((len(COORDS), 8), 0, ("appearance", ""))
PROMPT = "a figure"


def compose(parts: dict[str, tuple[torch.Tensor, torch.Tensor]], coords=COORDS, **settings) -> Appearance:
    """z_o of parts by term, the first one being the base."""
    terms = tuple(parts)
    grid = to_grid(coords)
    reading = Reading(PROMPT, terms, terms, terms[0], 1)
    slats = {term: Slat(*part) for term, part in parts.items()}
    return composed_appearance(
        Kit(BACKBONE, SETTINGS.changed(settings)), Geometry(grid, grid, grid, ()), slats, reading
    )


def wild(x: torch.Tensor, t: float) -> torch.Tensor:
    return torch.sin(3 * x) * 5 + t


def weights(sigma: float, reach: int = 4) -> torch.Tensor:
    """[2 reach + 1] one axis of the Gaussian kernel; its sum plays no role in shares."""
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float64)
    return torch.exp(-0.5 * (offsets / sigma) ** 2)


def test_full_override_ends_in_the_held_latents():
    clean = latents(COORDS, 1)
    match = correspond(COORDS, [(COORDS, clean)], 0, 1.0)
    assert torch.equal(match.hold, torch.ones(len(COORDS), 1)) and torch.equal(match.clean, clean)
    t = flow.times(25, 3.0)
    states = flow.sample(held(wild, match, -1.0), NOISE(25), t)
    for level, time in enumerate(t.tolist()):
        torch.testing.assert_close(states[level], (1 - time) * clean + time * NOISE(25), rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    "steps, fraction, free",
    [(25, 0.15, 4), (12, 0.15, 2), (4, 0.15, 1), (4, 0.2, 1), (20, 0.15, 3), (4, 0.0, 0), (4, 1e-3, 1), (3, 1.0, 3)],
)
def test_free_steps_are_rounded_up(steps, fraction, free):
    assert free_steps(steps, fraction) == free


@pytest.mark.parametrize("steps, free", [(25, 4), (12, 2), (4, 1)])
def test_the_last_steps_are_the_models(steps, free):
    clean = latents(COORDS, 2)
    made = compose({"figure": (COORDS, clean)}, slat_steps=steps, structure_steps=25, free_fraction=0.15)
    t = flow.times(steps, SETTINGS.rescale)
    velocity = BACKBONE.slat_velocity(BACKBONE.of_text(PROMPT), COORDS, SETTINGS.slat_text_guidance)

    def with_free(count: int) -> torch.Tensor:
        start = (1 - t[count]) * clean + t[count] * NOISE(steps)
        return flow.sample(velocity, start.float(), t[: count + 1])[0] if count else clean

    assert made.free_steps == free
    torch.testing.assert_close(made.feats, with_free(free), rtol=0, atol=1e-4)
    assert (made.feats - with_free(free + 1)).abs().max() > 1e-3


def test_everything_free_is_plain_sampling():
    made = compose({"figure": (COORDS, latents(COORDS, 2))}, free_fraction=1.0)
    t = flow.times(SETTINGS.slat_steps, SETTINGS.rescale)
    velocity = BACKBONE.slat_velocity(BACKBONE.of_text(PROMPT), COORDS, 0.0)
    assert torch.equal(made.feats, flow.sample(velocity, NOISE(SETTINGS.slat_steps), t)[0])


def test_nothing_free_and_no_seam_asks_no_network(monkeypatch):
    monkeypatch.setattr(type(BACKBONE), "slat_velocities", lambda *_: pytest.fail("the network was asked"))
    clean = latents(COORDS, 2)
    made = compose({"figure": (COORDS, clean)}, free_fraction=0.0)
    assert torch.equal(made.feats, clean) and (made.free_steps, made.soft) == (0, 0.0)


# --- seams ------------------------------------------------------------------------------------------------------------

LEFT, RIGHT = box((20, 20, 20), (24, 29, 29)), box((25, 20, 20), (29, 29, 29))
SIGMA = 1.0


def test_seams_between_two_boxes_are_soft():
    """The kernel is a product over axes, so a voxel's share is that along x alone."""
    match = correspond(COORDS, [(LEFT, latents(LEFT, 3)), (RIGHT, latents(RIGHT, 4))], 0, SIGMA)
    w = weights(SIGMA)
    for x in range(20, 30):
        around = {other: float(w[other - x + 4]) for other in range(20, 30) if abs(other - x) <= 4}
        mine = sum(weight for other, weight in around.items() if (other <= 24) == (x <= 24))
        expected = mine / sum(around.values())
        hold = match.hold[COORDS[:, 0] == x]
        assert torch.allclose(hold, torch.full_like(hold, expected if expected < 1 - 1e-4 else 1.0), atol=1e-5)
    assert torch.equal(match.owner, (COORDS[:, 0] > 24).long())
    assert match.hold[COORDS[:, 0] == 24].max() < 0.75 and match.hold[COORDS[:, 0] == 20].min() == 1


def test_a_thin_part_keeps_the_larger_share_of_itself():
    sheet, body = box((20, 20, 29), (29, 29, 29)), box((20, 20, 20), (29, 29, 28))
    match = correspond(COORDS, [(body, latents(body, 5)), (sheet, latents(sheet, 6))], 0, SIGMA)
    w = weights(SIGMA)
    expected = float(w[4] / w[:5].sum())  # itself, and the body on one side
    assert torch.allclose(match.hold[COORDS[:, 2] == 29], torch.tensor(expected), atol=1e-5) and expected > 0.5


def test_an_isolated_part_is_held_fully():
    far = box((40, 40, 40), (44, 44, 44))
    both = torch.cat([COORDS, far])
    match = correspond(both, [(COORDS, latents(COORDS, 5)), (far, latents(far, 6))], 0, SIGMA)
    assert (match.hold == 1).all() and match.soft == 0


def test_the_seam_is_where_latents_are_mixed():
    """With the shipped defaults' few steps, too: nothing free, seams soft."""
    parts = {"figure": (LEFT, latents(LEFT, 3)), "cap": (RIGHT, latents(RIGHT, 4))}
    copy = torch.cat([parts["figure"][1], parts["cap"][1]])  # boxes are listed along x
    made = compose(parts, slat_steps=4, free_fraction=0.0)
    change = (made.feats - copy).abs().amax(1)
    assert change[(COORDS[:, 0] == 24) | (COORDS[:, 0] == 25)].min() > 0
    assert change[(COORDS[:, 0] == 20) | (COORDS[:, 0] == 29)].max() < 1e-5
    assert 0.3 < made.soft < 0.9
    hard = compose(parts, slat_steps=4, free_fraction=0.0, boundary_sigma=0.0)
    assert torch.equal(hard.feats, copy) and hard.soft == 0


def test_what_no_part_reaches_is_free():
    match = correspond(COORDS, [(LEFT, latents(LEFT, 3))], 0, SIGMA)
    hold, x = match.hold[:, 0], COORDS[:, 0]
    assert (hold[x >= 26] == 0).all()  # farther than one voxel from anything known
    assert (hold[x == 20] == 1).all() and 0 < hold[x == 25].min() <= hold[x == 24].max() < 1


def test_a_mixed_velocity_lies_between():
    match = correspond(COORDS, [(LEFT, latents(LEFT, 3))], 0, SIGMA)
    x, t = NOISE(0), 0.5
    own, optimal = wild(x, t), (x - match.clean) / t
    mixed = held(wild, match, 0.2)(x, t)
    torch.testing.assert_close(mixed, match.hold * optimal + (1 - match.hold) * own)
    assert torch.equal(held(wild, match, 0.2)(x, 0.2), wild(x, 0.2))


# --- whose a voxel is -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", [0, 1])
def test_accessories_own_what_they_share_with_the_base(base):
    parts = [(COORDS, latents(COORDS, 4)), (COORDS, latents(COORDS, 5))]
    match = correspond(COORDS, parts, base, 1.0)
    assert (match.owner == 1 - base).all()
    assert torch.equal(match.clean, parts[1 - base][1])


@pytest.mark.parametrize("base", [0, 1])
def test_the_base_keeps_its_own_voxels_beside_an_accessory(base):
    """An exact match goes before a near one: the hat does not take the head's voxels within its reach."""
    body, hat = box((20, 20, 20), (29, 29, 24)), box((20, 20, 25), (29, 29, 29))
    parts = [(body, latents(body, 4)), (hat, latents(hat, 5))]
    match = correspond(COORDS, parts if base == 0 else parts[::-1], base, 1.0)
    assert torch.equal(match.owner == base, COORDS[:, 2] <= 24)
    assert torch.equal(match.clean[COORDS[:, 2] <= 24], parts[0][1])


def test_between_two_near_parts_the_nearer_owns_a_voxel_and_accessories_win_ties():
    coords = torch.tensor([[20, 20, 21]])
    below, above, corner = (torch.tensor([[20, 20, z]]) for z in (20, 22, 20))
    corner = corner + torch.tensor([[1, 0, 0]])
    owner = lambda *at: correspond(coords, [(one, latents(one, i)) for i, one in enumerate(at)], 0, 1.0).owner  # noqa: E731
    assert owner(below, above) == 1  # both at distance 1
    assert owner(below, corner) == 0  # 1 before the square root of 2
    assert owner(corner, above) == 1
    assert correspond(coords, [(above, latents(above, 0)), (below, latents(below, 1))], 1, 1.0).owner == 0


def test_the_reach_ends_between_a_corner_and_the_second_neighbour():
    at = torch.tensor([[20, 20, 20]])
    steps = {(1, 1, 1): 1.0, (2, 0, 0): 0.0}
    for step, hold in steps.items():
        coords = torch.cat([at, at + torch.tensor([step])])
        match = correspond(coords, [(at, latents(at, 0))], 0, 0.0)
        assert match.hold[:, 0].tolist() == [1.0, hold], step


def test_unmatched_voxels_belong_to_the_nearest_part():
    left, right = box((20, 20, 20), (20, 29, 29)), box((29, 20, 20), (29, 29, 29))
    match = correspond(COORDS, [(left, latents(left, 6)), (right, latents(right, 7))], 0, 1.0)
    x = COORDS[:, 0]
    assert torch.equal(match.owner, (x > 24).long())
    assert (match.hold[(x > 21) & (x < 28)] == 0).all()


def test_a_part_without_voxels_takes_nothing():
    parts = [(COORDS, latents(COORDS, 4)), (torch.zeros(0, 3, dtype=torch.long), torch.zeros(0, 8))]
    assert (correspond(COORDS, parts, 0, 1.0).owner == 0).all()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_neighbouring_accessories_do_not_take_from_each_other(order):
    low, high = box((20, 20, 20), (29, 29, 24)), box((20, 20, 25), (29, 29, 29))
    base = torch.tensor([[0, 0, 0]])
    parts = [((low, high)[i], latents((low, high)[i], i)) for i in order]
    match = correspond(COORDS, [*parts, (base, latents(base, 9))], 2, 1.0)
    assert torch.equal(match.owner, torch.where(COORDS[:, 2] < 25, order.index(0), order.index(1)))
    assert torch.equal(match.clean[COORDS[:, 2] < 25], latents(low, 0))
