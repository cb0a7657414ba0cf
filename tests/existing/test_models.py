"""Reading, cutting and writing back, on boxes whose places are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cast3d.existing.cutting import all_of, cut
from cast3d.existing.frame import UPS, Frame, Stand, frame_of
from cast3d.existing.model import Model
from cast3d.existing.opening import open_model
from cast3d.existing.seen import Existing
from cast3d.existing.surface import colors_at
from cast3d.existing.views import meshes_of
from cast3d.existing.writing import Addition, edited
from cast3d.meshes.mesh import Mesh
from cast3d.splats import Gaussians, orbit
from tests.existing.made import BOX, FACES, Gltf, man


@pytest.fixture
def model(tmp_path) -> Model:
    return open_model(man().write(tmp_path / "man.glb"))


def again(tmp_path, data: bytes) -> Model:
    (tmp_path / "again.glb").write_bytes(data)
    return open_model(tmp_path / "again.glb")


def area(points, faces) -> float:
    a, b, c = points[faces].transpose(1, 0, 2)
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def test_nodes_stand_where_their_parents_put_them(model):
    cap = model.pieces[1]
    assert cap.names[:2] == ("Red_Cap.001", "Head")
    np.testing.assert_allclose(cap.vertices.min(0), [0, 6.02, 0], atol=1e-6)
    np.testing.assert_allclose(cap.vertices.max(0), [2, 7.02, 2], atol=1e-6)


def test_a_mirrored_node_keeps_its_outside_outside(tmp_path):
    made = Gltf()
    made.box("a", scale=[-1, 1, 1])
    made.box("b")
    sides = []
    for piece in open_model(made.write(tmp_path / "m.glb")).pieces:
        a, b, c = piece.vertices[piece.faces].transpose(1, 0, 2)
        outwards = np.einsum("fd,fd->f", np.cross(b - a, c - a), (a + b + c) / 3 - piece.vertices.mean(0))
        sides.append(np.sign(outwards))
    np.testing.assert_array_equal(*sides)


def test_strips_fans_and_plain_lists_are_the_same_square(tmp_path):
    points = np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]])
    lists = {4: [0, 1, 2, 2, 1, 3], 5: [0, 1, 2, 3], 6: [0, 1, 3, 2]}
    for mode, corners in lists.items():
        made = Gltf()
        made.box("a")
        primitive = made.tables["meshes"][0]["primitives"][0]
        primitive["attributes"] = {"POSITION": made.accessor(points, "VEC3")}
        primitive |= {"indices": made.accessor(np.array(corners, np.uint16)[:, None], "SCALAR"), "mode": mode}
        piece = open_model(made.write(tmp_path / "s.glb")).pieces[0]
        a, b, c = piece.vertices[piece.faces].transpose(1, 0, 2)
        assert (np.cross(b - a, c - a)[:, 2] > 0).all()
        assert area(piece.vertices, piece.faces) == pytest.approx(1)


def test_a_skin_is_seen_at_rest(tmp_path):
    """One bone, moved up by 3 and bound at 1: points go up by 2, wherever their node stands."""
    made = Gltf()
    made.box("body")
    joint = made.node({"name": "bone", "translation": [0, 3, 0]})
    inverse = np.eye(4, dtype=np.float32)
    inverse[1, 3] = -1
    row = made.append(
        "accessors", {"bufferView": made.view(inverse.T.tobytes()), "componentType": 5126, "count": 1, "type": "MAT4"}
    )
    made.append("skins", {"joints": [joint], "inverseBindMatrices": row})
    primitive = made.tables["meshes"][0]["primitives"][0]
    primitive["attributes"] |= {
        "JOINTS_0": made.accessor(np.zeros((8, 4), np.uint8), "VEC4"),
        "WEIGHTS_0": made.accessor(np.tile(np.float32([1, 0, 0, 0]), (8, 1)), "VEC4"),
    }
    made.tables["nodes"][0] |= {"skin": 0, "translation": [50, 0, 0]}
    model = open_model(made.write(tmp_path / "k.glb"))
    np.testing.assert_allclose(model.pieces[0].vertices, BOX + np.array([0, 2, 0]), atol=1e-6)
    assert any("rest pose" in note for note in model.notes)


def test_colours_of_factor_vertices_and_picture_multiply(tmp_path):
    made = Gltf()
    made.box("a", color=(0.5, 1, 1))
    primitive = made.tables["meshes"][0]["primitives"][0]
    texture = made.picture(np.uint8([[[255, 255, 255, 255], [255, 0, 0, 255]]]))
    made.tables["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"] = {"index": texture}
    uv = np.tile(np.float32([[0.25, 0.5]]), (8, 1))
    uv[4:, 0] = 0.75
    primitive["attributes"] |= {
        "TEXCOORD_0": made.accessor(uv, "VEC2"),
        "COLOR_0": made.accessor(np.full((8, 4), [255, 128, 255, 255], np.uint8), "VEC4", normalized=True),
    }
    piece = open_model(made.write(tmp_path / "c.glb")).pieces[0]
    white, red = colors_at(piece, np.array([[0, 0, 0], [4, 4, 4]]), np.eye(3)[[0, 0]])
    half = 0.735357  # 0.5 linear as sRGB
    np.testing.assert_allclose(white[:3], [half, 0.7366, 1], atol=2e-3)
    np.testing.assert_allclose(red[:3], [half, 0, 0], atol=1e-6)


def test_what_a_picture_cuts_out_is_no_surface(tmp_path):
    """A quad of which the picture shows the left half only (a leaf as a card)."""
    made = Gltf()
    made.box("a")
    primitive = made.tables["meshes"][0]["primitives"][0]
    points = np.float32([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    texture = made.picture(np.uint8([[[9, 9, 9, 255], [9, 9, 9, 0]]]))
    made.tables["materials"][0] = {
        "alphaMode": "MASK",
        "pbrMetallicRoughness": {"baseColorTexture": {"index": texture}},
    }
    primitive["attributes"] = {
        "POSITION": made.accessor(points, "VEC3"), "TEXCOORD_0": made.accessor(points[:, :2].copy(), "VEC2"),
    }  # fmt: skip
    primitive["indices"] = made.accessor(np.uint16([0, 1, 2, 0, 2, 3])[:, None], "SCALAR")
    seen = Existing(open_model(made.write(tmp_path / "l.glb")), Frame(UPS["y"], 0.9, (-0.45, 0, -0.45)))
    assert seen.surface().position[:, 0].max() < 0.02
    _, alpha = seen.picture(orbit(0, 0, fov=None, width=1.0), 64)
    assert alpha[:, :30].sum() > 0 and not alpha[:, 34:].any()


# --- frames -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("up", ["y", "z"])
@pytest.mark.parametrize("front", [0.0, 37.0, 180.0])
def test_the_way_to_the_cube_and_back(model, up, front):
    frame = frame_of(model, up, front, Stand(50 / 64, 2 / 64))
    points = model.points()
    cube = frame.to_cube(points)
    np.testing.assert_allclose(frame.to_file(cube), points, atol=1e-12)
    assert cube[:, 2].min() == pytest.approx(2 / 64 - 0.5)
    assert np.abs(cube).max() <= 0.5
    turn = np.array(frame.turn)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)


def test_axes(model):
    """y up with the front at +z becomes z up with the front at -y."""
    frame = frame_of(model)
    arrows = frame.to_cube(np.eye(3)) - frame.to_cube(np.zeros((1, 3)))
    np.testing.assert_allclose(arrows / frame.scale, [[1, 0, 0], [0, 0, 1], [0, -1, 0]], atol=1e-12)


def test_the_main_thing_says_how_large_all_is(model):
    frame = frame_of(model, stand=Stand(50 / 64, 2 / 64), main=[0])
    body = frame.to_cube(model.pieces[0].vertices)
    assert np.ptp(body[:, 2]) == pytest.approx(50 / 64)
    small = frame_of(model, stand=Stand(0.95, None), main=[1])
    assert np.abs(small.to_cube(model.points())).max() <= 0.5  # what sticks out has room, too


def test_what_hangs_below_the_main_thing_makes_nothing_tiny(model):
    """A head with its body below it: as the body goes, the floor is under all of it."""
    frame = frame_of(model, stand=Stand(50 / 64, 2 / 64), main=[1])
    cube = frame.to_cube(model.points())
    assert np.ptp(cube[:, 2]) > 0.75 and np.abs(cube).max() <= 0.5
    assert cube[:, 2].min() == pytest.approx(2 / 64 - 0.5)


# --- surfaces ---------------------------------------------------------------------------------------------------------


def test_no_voxel_that_a_surface_passes_is_missed(model):
    """Against a slow direct version: random points on every triangle, each in a voxel that the lattice has."""
    existing = Existing(model, frame_of(model))
    surface = existing.surface()
    found = {tuple(cell) for cell in ((surface.position + 0.5) * 64).floor().long().tolist()}
    rng = np.random.default_rng(0)
    for piece, cube in zip(model.pieces, existing.cube):
        share = rng.dirichlet((1, 1, 1), (len(piece.faces), 4000))
        points = np.einsum("fkc,fcd->fkd", share, cube[piece.faces]).reshape(-1, 3)
        missed = [p for p in points if tuple(np.floor((p + 0.5) * 64).astype(int)) not in found]
        assert len(missed) < 0.002 * len(points)  # slivers at the corners of voxels
    assert torch.allclose(surface.normal.norm(dim=1), torch.ones(len(surface.normal)))


def test_views_have_the_area_and_the_colours(model):
    existing = Existing(model, frame_of(model))
    meshes = meshes_of(existing)
    assert list(meshes) == ["Body", "Red_Cap.001", "Backpack"]
    for mesh, piece, cube in zip(meshes.values(), model.pieces, existing.cube):
        assert area(mesh.vertices.double().numpy(), mesh.faces.numpy()) == pytest.approx(
            area(cube, piece.faces), rel=1e-4
        )
        assert mesh.colors.unique(dim=0).shape[0] == 1


# --- cutting ----------------------------------------------------------------------------------------------------------


def test_a_cut_leaves_just_what_lies_outside(model):
    """A box halved by a region: the areas inside and outside are those of the halves, to half a small triangle."""
    frame = Frame(UPS["y"], 1 / 8, (-0.125, 0.125, -0.375))
    cube = frame.to_cube(model.pieces[0].vertices)
    region = np.zeros((64, 64, 64), bool)
    region[:, :, 32:] = True  # above the middle of the cube, which is 3 up in the file
    one = cut(model.pieces[0], cube, region)
    points = np.concatenate(
        [model.pieces[0].vertices, np.einsum("kc,kcd->kd", one.weights, model.pieces[0].vertices[one.corners])]
    )
    kept = np.concatenate([model.pieces[0].faces[one.keep], one.faces])
    assert area(points, kept) == pytest.approx(4 + 3 * 8, rel=0.01)
    assert area(points, one.lost) + area(points, model.pieces[0].faces[~one.keep]) > 0
    assert points[kept][..., 1].max() < 3.06
    assert not one.nothing and not one.everything


def test_a_region_elsewhere_cuts_nothing(model):
    existing = Existing(model, frame_of(model))
    assert cut(model.pieces[0], existing.cube[0], np.zeros((64, 64, 64), bool)).nothing
    assert cut(model.pieces[0], existing.cube[0], np.ones((64, 64, 64), bool)).everything


# --- writing ----------------------------------------------------------------------------------------------------------


def stored(model: Model, name: str) -> dict[str, bytes]:
    """The bytes of all that a node's mesh has, by attribute."""
    from cast3d.existing.accessors import raw

    assert model.document is not None
    node = next(row for row in model.document.rows("nodes") if row.get("name") == name)
    (primitive,) = model.document.rows("meshes")[node["mesh"]]["primitives"]
    held = {key: raw(model.document, index).tobytes() for key, index in primitive["attributes"].items()}
    return {**held, "indices": raw(model.document, primitive["indices"]).tobytes()}


def test_untouched_nodes_are_the_same_bytes(tmp_path, model):
    result = again(tmp_path, edited(model, {1: all_of(model.pieces[1])}, [Addition("hat", solid(), 1)]))
    assert result.nodes == ["Body", "hat", "Backpack"] or set(result.nodes) == {"Body", "hat", "Backpack"}
    for name in ("Body", "Backpack"):
        assert stored(result, name) == stored(model, name)
    hat = next(piece for piece in result.pieces if piece.names[0] == "hat")
    assert hat.names[1] == "Head"  # it hangs where the old one hung
    np.testing.assert_allclose(np.sort(hat.vertices, 0), np.sort(BOX, 0), atol=1e-6)  # and stands where it was put
    assert len(result.document.rows("meshes")) == 3  # nothing is left of the old one
    assert b"Red_Cap" not in (tmp_path / "again.glb").read_bytes()


def test_a_new_node_takes_the_name_of_one_that_goes(tmp_path, model):
    result = again(tmp_path, edited(model, {1: all_of(model.pieces[1])}, [Addition("Red_Cap.001", solid(), 1)]))
    assert set(result.nodes) == {"Body", "Backpack", "Red_Cap.001"}
    assert b"Red_Cap.001 2" not in (tmp_path / "again.glb").read_bytes()


def test_a_new_node_is_numbered_where_another_keeps_the_name(tmp_path, model):
    twice = [Addition("Body", solid()), Addition("Body 2", solid())]
    result = again(tmp_path, edited(model, {1: all_of(model.pieces[1])}, twice))
    assert result.nodes == ["Body", "Backpack", "Body 2", "Body 2 2"]
    assert stored(result, "Body") == stored(model, "Body")


def solid() -> Mesh:
    return Mesh(torch.from_numpy(BOX), torch.from_numpy(FACES.astype(np.int64)), torch.full((8, 3), 0.5))


def test_a_cut_mesh_keeps_its_vertices_first(tmp_path, model):
    existing = Existing(model, frame_of(model))
    region = np.zeros((64, 64, 64), bool)
    region[:, :, 40:] = True
    cuts = {index: cut(piece, existing.cube[index], region) for index, piece in enumerate(model.pieces)}
    result = again(tmp_path, edited(model, cuts, []))
    before, after = stored(model, "Body"), stored(result, "Body")
    assert after["POSITION"].startswith(before["POSITION"])
    top = existing.frame.to_cube(result.points())[:, 2].max()
    assert top == pytest.approx(40 / 64 - 0.5, abs=0.6 / 64)


def test_other_nodes_with_the_same_mesh_stay_whole(tmp_path):
    made = Gltf()
    made.box("a")
    made.node({"name": "b", "mesh": 0, "translation": [5, 0, 0]})
    model = open_model(made.write(tmp_path / "two.glb"))
    result = again(tmp_path, edited(model, {0: all_of(model.pieces[0])}, []))
    assert result.nodes == ["b"]
    assert stored(result, "b") == stored(model, "b")


def test_joints_cameras_and_animated_nodes_stay(tmp_path):
    made = man()
    made.append("animations", {"samplers": [], "channels": [{"sampler": 0, "target": {"node": 2, "path": "scale"}}]})
    model = open_model(made.write(tmp_path / "moving.glb"))
    result = again(tmp_path, edited(model, {1: all_of(model.pieces[1])}, []))
    assert "Red_Cap.001" in [node.get("name") for node in result.document.rows("nodes")]
    assert result.document.rows("animations")[0]["channels"][0]["target"]["node"] == 2


def test_an_edit_of_nothing_changes_no_byte_of_the_buffer(model):
    from cast3d.existing.container import from_bytes

    written = from_bytes(edited(model, {}, []))
    assert written.binary == model.document.binary
    assert {k: v for k, v in written.tables.items() if k != "buffers"} == {
        k: v for k, v in model.document.tables.items() if k != "buffers"
    }


def test_unknown_extensions_keep_the_file_whole(tmp_path):
    made = man()
    made.tables["extensionsUsed"] = ["ACME_secret"]
    model = open_model(made.write(tmp_path / "x.glb"))
    result = again(tmp_path, edited(model, {1: all_of(model.pieces[1])}, []))
    assert len(result.document.rows("meshes")) == 3 and result.nodes == ["Body", "Backpack"]


def test_obj_stl_and_ply_are_read_alike(tmp_path):
    import trimesh

    box = trimesh.Trimesh(BOX, FACES.astype(np.int64), process=False)
    for kind, up in (("obj", "y"), ("stl", "z"), ("ply", "z")):
        path = tmp_path / f"box.{kind}"
        box.export(path)
        model = open_model(path)
        assert (model.kind, model.up) == (kind, up)
        np.testing.assert_allclose(np.unique(model.points(), axis=0), np.unique(BOX, axis=0), atol=1e-6)


def test_an_obj_keeps_its_groups(tmp_path):
    text = []
    for number, name in enumerate(("body", "hat")):
        text += [f"o {name}", *(f"v {x} {y + 2 * number} {z}" for x, y, z in BOX.tolist())]
        text += [f"f {a} {b} {c}" for a, b, c in (FACES.astype(int) + 1 + 8 * number).tolist()]
    (tmp_path / "a.obj").write_text("\n".join(text))
    assert set(open_model(tmp_path / "a.obj").nodes) == {"body", "hat"}


def test_normals_of_a_splat_are_those_of_its_surface():
    """Round Gaussians on a slanted plane: its normal; flat ones keep their own axis, whatever lies around them."""
    grid = torch.cartesian_prod(torch.linspace(-0.3, 0.3, 12), torch.linspace(-0.3, 0.3, 12))
    points = torch.stack([grid[:, 0], grid[:, 1], 0.5 * grid[:, 0]], 1)
    count = len(points)
    scales = torch.full((count, 3), 0.02)
    scales[: count // 2, 1] = 0.004
    turns = torch.tensor([[1.0, 0, 0, 0]]).expand(count, 4).contiguous()
    splat = Gaussians(points, torch.zeros(count, 3), scales, turns, torch.ones(count))
    still = Frame(((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)), 1.0, (0.0, 0.0, 0.0))
    surface = Existing(Model("ply", "", gaussians=splat), still).surface()
    slanted = torch.nn.functional.normalize(torch.tensor([-0.5, 0.0, 1.0]), dim=0)
    assert (surface.normal[count // 2 :] @ slanted).abs().min() > 0.999
    assert (surface.normal[: count // 2, 1].abs() > 0.999).all()


def textured_obj(folder):
    """A quad whose corners have texture corners of their own, as most exporters write them; its picture is two halves.

    Another material uses other vertices.
    """
    from PIL import Image

    picture = Image.new("RGB", (64, 64), (200, 0, 0))
    picture.paste((0, 0, 200), (32, 0, 64, 64))
    picture.save(folder / "skin.png")
    (folder / "a.mtl").write_text("newmtl plain\nKd 0 1 0\nnewmtl skin\nKd 1 1 1\nmap_Kd skin.png\n")
    lines = ["mtllib a.mtl", *(f"v {x} {y} {z}" for z in (3, 0) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1)))]
    lines += [f"vt {u} {v}" for u, v in ((1, 1), (0, 1), (0, 0), (1, 0), (0.5, 0.5))]
    lines += ["usemtl plain", "f 1/5 2/5 3/5", "usemtl skin", "f 5/3 6/4 7/1", "f 5/3 7/1 8/2"]
    (folder / "a.obj").write_text("\n".join(lines))
    return folder / "a.obj"


def test_an_obj_keeps_its_textures(tmp_path):
    """Vertices and texture corners that are counted separately, of a material that uses some of them only."""
    piece = next(one for one in open_model(textured_obj(tmp_path)).pieces if one.paint.picture is not None)
    corners = np.eye(3)[None].repeat(len(piece.faces), 0).reshape(-1, 3)
    colors = colors_at(piece, np.repeat(piece.faces, 3, axis=0), corners)[:, :3]
    red = colors[:, 0] > colors[:, 2]
    assert piece.uv is not None
    np.testing.assert_array_equal(red, piece.vertices[piece.faces.reshape(-1), 0] < 0.5)


def test_groups_name_the_parts_of_an_obj_without_objects(tmp_path):
    text = []
    for number, name in enumerate(("lampshade", "base")):
        text += [f"g {name}", "usemtl same", *(f"v {x} {y + 2 * number} {z}" for x, y, z in BOX.tolist())]
        text += [f"f {a} {b} {c}" for a, b, c in (FACES.astype(int) + 1 + 8 * number).tolist()]
    (tmp_path / "a.obj").write_text("\n".join(text))
    assert set(open_model(tmp_path / "a.obj").nodes) == {"lampshade", "base"}
