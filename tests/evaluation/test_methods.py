"""The methods on a tiny backbone: what each takes from the case, and what it does with it."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cast3d import voxels
from cast3d.errors import InputError, TermNotFound
from cast3d.evaluation import bench as module
from cast3d.evaluation import cells, methods
from cast3d.evaluation.bench import Bench
from cast3d.evaluation.cache import StageCache
from cast3d.evaluation.measure import failed, measure
from cast3d.evaluation.methods import cast3d, customise, folder, hinted, nano3d, placing, uplift, voxhammer
from cast3d.evaluation.suite import Case, load_suite
from cast3d.meshes.glb import write_glb
from cast3d.models.attention import SelfAttention
from cast3d.stages.hints import YAWS
from cast3d.stages.reading import Reading
from cast3d.voxels import Similarity
from tests.evaluation.scenes import BOXES, box, cuboid, filled, mesh_of, write_suite
from tests.tiny_backbone import BANDS, Bands, tiny_backbone


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    root = tmp_path_factory.mktemp("bench")
    first, second = load_suite(write_suite(root / "suite", ("one", "two")))
    return Bench(tiny_backbone(), first, 0, StageCache(root / "stages"), (second,))


VIEWS = YAWS  # of the layout, on the tiny backbone
EDITORS = ("sdedit", "ode-inversion", "rf-inversion", "flowedit", "flowedit-own", "flowalign")
RUN = [name for name in methods.METHODS if "qwen" not in name]


@pytest.mark.parametrize("name", RUN)
def test_every_method_makes_an_outcome(bench, name):
    with torch.no_grad():
        made = methods.find(name).run(bench)
    assert made.main == "figure" and made.grids["figure"].any()
    unnamed = name.startswith(("ctg", "nano3d", "voxhammer"))
    assert made.labelled is not unnamed
    assert set(made.grids) == ({"figure"} if unnamed else set(BOXES))
    for mesh in made.meshes.values():
        assert mesh.colors is not None and len(mesh.faces)


def test_the_truth_is_a_ceiling(bench):
    made = methods.find("truth").run(bench)
    measured = measure(made, bench.case, {term: bench.picture(term) for term in bench.case.terms})
    for part in measured["parts"].values():
        assert part["f1_1"] == part["iou"] == part["present"] == 1
        assert part["chamfer"] == part["offset"] == 0
    assert measured["object"]["rationality"] == pytest.approx(10)
    for term, mesh in made.meshes.items():  # closed, around what the shell encloses
        at = voxels.to_world(voxels.to_coords(bench.case.truth[term].voxels))
        half = 0.5 / 64
        assert torch.allclose(mesh.vertices.amin(0), at.amin(0).float() - half, atol=0.5 * half)
        assert torch.allclose(mesh.vertices.amax(0), at.amax(0).float() + half, atol=0.5 * half)
        corners = mesh.vertices[mesh.faces].double()
        volume = (corners[:, 0].cross(corners[:, 1], dim=-1) * corners[:, 2]).sum() / 6
        sides = (at.amax(0) - at.amin(0)) + 1 / 64
        assert volume > 0.8 * sides.prod()


@pytest.mark.parametrize("editor", EDITORS)
def test_every_editor_moves_the_layout_unless_there_is_nothing_to_say(bench, editor):
    main, kit = bench.main_geometry(), bench.kit()
    with torch.no_grad():
        moved, still = (
            cast3d.edited(kit, main, Reading(prompt, ("figure",), ("figure",), "figure", 4), editor)
            for prompt in (bench.case.prompt, "figure")
        )
    assert (moved - main.latent).abs().mean() > 1e-3
    if editor.startswith("flow") and editor != "flowedit-own":  # equal conditions, equal guidance, no inversion
        assert torch.allclose(still, main.latent, atol=1e-4)


def test_each_background_is_cut_out_once_by_the_method_that_asks_for_it(bench, monkeypatch):
    asked, cut = [], module.open_cut_out
    monkeypatch.setattr(module, "open_cut_out", lambda *given: asked.append(given[1]) or cut(*given))
    mine = replace(bench, changes={"background": "isnet"})
    for _ in range(2):
        assert mine.kit({"background": "plain"}).pictures.keys() == set(BOXES)
        assert mine.kit().pictures is mine.pictures("isnet")
        mine.picture("cap")
    assert asked == ["plain"] * len(BOXES) + ["isnet"] * len(BOXES)


def test_methods_share_what_they_have_in_common(bench, tmp_path):
    cache = StageCache(tmp_path)
    mine = Bench(bench.backbone, bench.case, 0, cache, bench.others)
    with torch.no_grad():
        methods.find("cast3d").run(mine)
        names = {path.name for path in tmp_path.iterdir()}
        cache.restart()
        methods.find("no-refine").run(mine)
        added = {path.name.rsplit("-", 1)[0] for path in tmp_path.iterdir() if path.name not in names}
        assert "geometry" in added <= {"geometry", "appearance"} and 0 < cache.made < cache.seconds
        before = set(tmp_path.iterdir())
        cache.restart()
        methods.find("cast3d").run(mine)  # its own versions are still there
    assert set(tmp_path.iterdir()) == before and cache.made == 0 < cache.seconds


def test_a_layout_that_lacks_a_term_is_told(bench, tmp_path):
    blind = tiny_backbone(Bands({"figure": (0, 1)}))
    mine = Bench(blind, bench.case, 0, StageCache(tmp_path), bench.others)
    with torch.no_grad(), pytest.raises(TermNotFound, match="no 'cap' and no 'backpack'"):
        methods.find("cast3d").run(mine)


@pytest.fixture(scope="module")
def rungs(bench, tmp_path_factory):
    """The stages that `cast3d` and `no-refine` kept, which saw no cap in the first layout. They are said to have taken
    1, 10 and 100 seconds for a layout, its appearance and its hints, and nothing else.
    """
    folder = tmp_path_factory.mktemp("rungs")
    backbone = tiny_backbone(Bands(BANDS, blind={"cap": VIEWS}))
    mine = Bench(backbone, bench.case, 0, StageCache(folder), bench.others)
    with torch.no_grad():
        methods.find("cast3d").run(mine)
        methods.find("no-refine").run(mine)
    costs = {"layout": 1, "layout_appearance": 10, "hints": 100}
    for cost in folder.glob("*/seconds.txt"):
        cost.write_text(str(costs.get(cost.parent.name.rpartition("-")[0], 0)))
    assert len(list(folder.glob("hints-*"))) == 2  # both rungs
    return folder


@pytest.fixture
def climbed(bench, rungs, tmp_path):
    """A bench with these stages, and a segmenter that would find nothing."""
    cache = StageCache(Path(shutil.copytree(rungs, tmp_path / "stages")))
    return Bench(tiny_backbone(Bands({})), bench.case, 0, cache, bench.others)


@pytest.mark.parametrize("name", ["cast3d", "no-refine"])
def test_every_method_climbs_its_own_ladder_and_pays_for_the_rungs_that_failed(climbed, tmp_path, monkeypatch, name):
    """Whichever ran before it on the same stages."""
    monkeypatch.setattr(cells, "measured", lambda made, method, bench, _: failed(bench.case))
    cell = cells.make(methods.find(name), climbed, tmp_path / "cell")
    assert climbed.cache.made == 0 and climbed.cache.seconds == 2 * 111
    assert 2 * 111 < cell.seconds < 2 * 111 + 60  # and what is no stage


def test_each_method_searches_by_itself(climbed):
    """A reading that another method found would spare it the first rung, and its time."""
    with torch.no_grad():
        for name in ("cast3d", "no-refine"):
            climbed.cache.restart()
            methods.find(name).run(climbed)
            assert climbed.cache.seconds == 222


def test_cast3d_is_the_composer(bench):
    from cast3d.composer import Composer

    with torch.no_grad():
        made = methods.find("cast3d").run(bench)
    result = Composer(bench.backbone).compose(bench.case.scene(0))
    for term in bench.case.terms:
        assert (made.grids[term] == result.parts[term].voxels).all()


def test_oracles_alone_read_the_true_views(bench):
    blind = Bench(bench.backbone, _without_views(bench.case), 0, bench.cache, bench.others)
    with torch.no_grad():
        methods.find("ctg").run(blind)
        with pytest.raises(InputError, match="no true views"):
            methods.find("ctg-oracle").run(blind)


def _without_views(case):
    return Case(case.id, case.prompt, case.main, case.images, case.files)


# --- Uplift-then-Compose --------------------------------------------------------------------------------------------


def part_of(grid):
    from cast3d.result.result import Part
    from cast3d.splats import Gaussians

    at = voxels.to_world(voxels.to_coords(grid)).float()
    count = len(at)
    rotations = torch.tensor([[1.0, 0, 0, 0]]).expand(count, 4)
    gaussians = Gaussians(at, torch.zeros(count, 3), torch.full((count, 3), 0.01), rotations, torch.ones(count))
    return Part("cap", cuboid((-0.2, -0.2, -0.2), (0.2, 0.2, 0.2)), gaussians, grid)


@pytest.mark.parametrize("closed", [True, False])
def test_utc_takes_centre_and_volume_of_the_hint(closed):
    """Solids of shells that enclose something with the third root, others with the second."""
    big, hint = box((8, 8, 8), (56, 56, 56)), box((30, 20, 40), (42, 32, 52))
    if not closed:  # the top is missing
        big, hint = big & (torch.arange(64) < 50), hint & (torch.arange(64) < 50)
    moved = uplift.moved(part_of(big), uplift.onto_hint(part_of(big), hint))
    center, wanted = (voxels.to_coords(grid).double().mean(0) for grid in (moved.voxels, hint))
    assert (center - wanted).abs().max() < 0.75
    sides = voxels.to_coords(moved.voxels)[:, :2].amax(0) - voxels.to_coords(moved.voxels)[:, :2].amin(0) + 1
    assert (sides - 12).abs().max() <= 1
    assert np.allclose(np.ptp(moved.mesh.vertices.numpy(), axis=0), 0.4 * 12 / 48, rtol=0.1)


def test_utc_free_puts_things_where_the_words_say(bench):
    place = placing.places(bench.case)
    assert place["cap"] == placing.WORN[0] and place["backpack"] == placing.WORN[1]
    similarity = uplift.into_place(part_of(filled((8, 8, 8), (56, 56, 56))), torch.tensor([0.1, 0.0, 0.3]), 0.2)
    corners = similarity(torch.tensor([[-0.375, -0.375, -0.375], [0.375, 0.375, 0.375]]))
    assert torch.allclose(corners.mean(0), torch.tensor([0.1, 0.0, 0.3]), atol=0.01)
    assert torch.allclose(corners[1] - corners[0], torch.full((3,), 0.2), atol=0.01)


@pytest.mark.parametrize(
    ("prompt", "main", "terms", "expected"),
    [
        ("a figure wearing a cap and holding a sword", "figure", ("cap", "sword"), (placing.WORN[0], placing.HELD[0])),
        ("a dragon with wings", "dragon", ("wings",), (placing.WITH[0],)),
        ("a bag with straps and a cap", "bag with straps", ("cap",), (placing.WITH[0],)),
    ],
)
def test_places_follow_the_last_relation_before_the_term(prompt, main, terms, expected):
    case = Case("x", prompt, main, dict.fromkeys((main, *terms)), {})
    assert tuple(placing.places(case)[term] for term in terms) == expected


def test_riders_sit_on_top_and_wear_their_own_things():
    terms = ("horse", "figure", "cap", "saddle")
    case = Case("x", "a figure wearing a cap riding a horse with a saddle", "horse", dict.fromkeys(terms), {})
    place = placing.places(case)
    assert place["figure"] == placing.RIDING[0] and place["saddle"] == placing.WITH[0]
    assert place["cap"].z > 1.2 and place["cap"].size < placing.WORN[0].size


# --- Customize-then-Generate ----------------------------------------------------------------------------------------


def test_the_pasted_view_holds_every_picture_where_it_belongs(bench):
    colors = {"figure": (250, 200, 0), "cap": (200, 0, 0), "backpack": (0, 0, 200)}
    view = customise.pasted_view(bench, {term: Image.new("RGBA", (64, 64), color) for term, color in colors.items()})
    pixels = np.asarray(view)
    at = {term: np.argwhere((pixels[..., :3] == color).all(-1)) for term, color in colors.items()}
    assert at["cap"][:, 0].mean() < at["figure"][:, 0].mean()  # above
    assert not len(at["backpack"])  # behind a figure that covers it
    assert pixels[..., 3].any() and not pixels[0, :, 3].any()


def test_renders_are_cut_out():
    picture = customise.render(mesh_of("cap", (0.8, 0.1, 0.1)), 30.0)
    alpha = np.asarray(picture)[..., 3]
    assert alpha.max() == 255 and not alpha[0].any() and np.asarray(picture)[alpha > 0][:, 0].mean() > 190


def test_qwen_says_what_it_lacks(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(InputError, match="pip install diffusers"):
        methods.find("ctg-qwen").check()


# --- Nano3D, VoxHammer ----------------------------------------------------------------------------------------------


def test_merging_flips_large_regions_only():
    source, proposal = filled((20, 20, 20), (30, 30, 30)), filled((20, 20, 20), (30, 30, 30))
    proposal[20:30, 20:30, 30:32] = True  # 200 new voxels
    proposal[40:44, 40, 40] = True  # 4 new ones
    proposal[20:24, 20, 20] = False  # 4 lost ones
    merged = nano3d.merge_voxels(source, proposal)
    assert merged[20:30, 20:30, 30:32].all() and not merged[40:44].any() and merged[20:24, 20, 20].all()
    assert (nano3d.merge_voxels(source, source) == source).all()


def test_latents_are_kept_where_the_voxel_is_the_same():
    coords = torch.tensor([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    kept = nano3d.keep_latents(coords, torch.zeros(3, 2), coords[[2, 0]], torch.tensor([[9.0, 9], [1, 1]]))
    assert kept.tolist() == [[1, 1], [0, 0], [9, 9]]


def test_inversion_by_the_midpoint_rule_is_of_second_order():
    errors = []
    for steps in (10, 20):
        t = [i / steps for i in range(steps + 1)]
        path = voxhammer.inverted(torch.ones(1, dtype=torch.float64), lambda x, time: -x * (1 + time), t)
        errors.append(abs(path.levels[-1].item() - np.exp(-1.5)))
    assert 3.5 < errors[0] / errors[1] < 4.5


def test_redrawing_holds_what_is_preserved_and_finds_the_source_back():
    t = [i / 8 for i in range(9)]
    x0 = torch.linspace(-1, 1, 6, dtype=torch.float64)

    def source(x, time):
        return torch.cos(x) + time

    path = voxhammer.inverted(x0, source, t)

    def draw(preserved, velocity):
        return voxhammer.redrawn(path.levels[-1], path, velocity, t, preserved, lambda *_: None)

    everything, nothing = torch.ones(6, dtype=torch.bool), torch.zeros(6, dtype=torch.bool)
    assert (draw(everything, lambda x, at, time: x * 0) == x0).all()
    assert (draw(nothing, lambda x, at, time: source(x, time)) - x0).abs().max() < 1e-2
    half = torch.arange(6) < 3
    edited = draw(half, lambda x, at, time: source(x, time) + 1)
    assert (edited[half] == x0[half]).all() and ((edited[~half] - x0[~half]).abs() > 0.5).all()


def test_remembered_attention_makes_the_target_attend_as_the_source_did(bench):
    net = bench.backbone.structure_flows["image"]
    calls = []
    layers = [module for module in net.modules() if isinstance(module, SelfAttention)]
    handle = layers[0].to_qkv.register_forward_hook(lambda m, i, out: calls.append(out))
    x, t = torch.randn(2, 1, 8, 16, 16, 16), torch.tensor([500.0])
    tokens = torch.zeros(64, dtype=torch.bool)
    tokens[:10] = True
    try:
        with torch.no_grad(), voxhammer.attention(net) as memory:
            cond = torch.zeros(1, 4, net.config["cond_channels"])
            memory.begin(None)
            net(x[0], t, cond)
            plain = net(x[1], t, cond)
            memory.begin(None)
            net(x[0], t, cond)
            memory.begin(tokens)
            changed = net(x[1], t, cond)
            memory.begin(tokens.new_zeros(64))
            unchanged = net(x[1], t, cond)
    finally:
        handle.remove()
    assert not torch.equal(plain, changed) and torch.equal(plain, unchanged)
    assert len(calls) == 5 and not net._forward_hooks and not layers[0].to_qkv._forward_hooks


def test_a_token_is_preserved_only_whole():
    cells = torch.ones(1, 1, 4, 4, 4, dtype=torch.bool)
    cells[0, 0, 0, 0, 3] = False
    assert voxhammer.whole_tokens(cells, 2).tolist() == [True, False, *[True] * 6]


# --- given hints ----------------------------------------------------------------------------------------------------


def test_hints_are_changed_as_named(bench):
    true = {term: bench.case.truth[term].visible for term in bench.case.accessories}
    shifted = hinted.shifted(bench, true)
    for term, grid in true.items():
        center, moved = (voxels.to_coords(g).double().mean(0) for g in (grid, shifted[term]))
        assert ((center - moved).abs() == 2).all()
        assert (grid & hinted.blurred(bench, true)[term]).sum() > 0.95 * grid.sum()  # but for corners
    swapped = hinted.swapped(bench, true)
    assert (swapped["cap"] == true["backpack"]).all() and (swapped["backpack"] == true["cap"]).all()
    alone = {"cap": true["cap"]}
    assert (hinted.swapped(bench, alone)["cap"] == true["cap"].flip(0)).all()


def test_existing_hints_come_from_another_thing_in_the_same_place(bench, tmp_path):
    true = {term: bench.case.truth[term].visible for term in bench.case.accessories}
    same = hinted.existing(bench, true)
    assert all((same[term] == true[term]).all() for term in true)  # the other case has the very same things
    (other,) = bench.others
    renamed = Case(
        other.id, other.prompt, other.main, {t: tmp_path / f"other-{t}.png" for t in other.images}, other.files
    )
    renamed.__dict__["truth"] = {t: hinted_truth(one) for t, one in other.truth.items()}
    found = hinted.existing(Bench(bench.backbone, bench.case, 0, bench.cache, (renamed,)), true)
    assert (found["cap"] == renamed.truth["cap"].visible).all() and not (found["cap"] == true["cap"]).all()


def hinted_truth(one):
    moved = voxels.shift(one.visible, (1, 0, 0))
    return type(one)(moved, moved)


# --- results of other systems ---------------------------------------------------------------------------------------


def test_models_in_a_folder_become_parts_in_our_frame(bench, tmp_path):
    write_glb(tmp_path / "one.glb", {term: mesh_of(term, (0.9, 0.2, 0.1)) for term in BOXES}, {})
    made = methods.find(f"folder:{tmp_path}").run(bench)
    assert made.labelled
    for term, (low, high) in BOXES.items():
        assert voxels.iou(made.grids[term], box(low, high)) > 0.7
        assert torch.allclose(made.meshes[term].colors.mean(0), torch.tensor([0.9, 0.2, 0.1]), atol=0.01)


def test_seeds_go_first_and_unnamed_models_are_one_object(bench, tmp_path):
    (tmp_path / "one").mkdir()
    write_glb(tmp_path / "one.glb", {"cap": mesh_of("cap")}, {})
    write_glb(tmp_path / "one" / "0.glb", {"geometry_0": mesh_of("cap"), "geometry_1": mesh_of("figure")}, {})
    made = folder.outcome_of_folder(bench, tmp_path)
    assert not made.labelled and list(made.meshes) == ["figure"] and len(made.meshes["figure"].faces) == 24


def test_models_of_any_size_are_fitted_into_the_cube(bench, tmp_path):
    large = {term: Similarity(30.0, (100.0, 0.0, 5.0)) for term in BOXES}
    meshes = {term: cuboid(*large[term](mesh_of(term).vertices[[0, 7]]).tolist()) for term in BOXES}
    write_glb(tmp_path / "one.glb", meshes, {})
    made = folder.outcome_of_folder(bench, tmp_path)
    assert voxels.to_coords(made.whole).amin() >= 2 and voxels.to_coords(made.whole).amax() <= 62


def test_missing_models_and_folders_say_what_is_looked_for(bench, tmp_path):
    with pytest.raises(InputError, match=r"no one/0.glb and no one/scene.glb and no one.glb"):
        methods.find(f"folder:{tmp_path}").run(bench)
    with pytest.raises(InputError, match="is no folder"):
        methods.find(f"folder:{tmp_path}/nowhere").check()
    (tmp_path / "one.glb").write_bytes(b"not a model")
    with pytest.raises(InputError, match="not a GLB"):
        methods.find(f"folder:{tmp_path}").run(bench)


def test_unknown_methods_name_the_nearest():
    with pytest.raises(InputError, match="did you mean 'cast3d'"):
        methods.find("cast3")
