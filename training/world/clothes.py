"""Clothes on a body of `mpfb`, as regions of its surface, and the measures that other things are fitted by.

Everything below the neck is painted and covered: no bare body leaves this module.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .mpfb import BODY, Human, Points, normals, unit

SKIN, HAIR, SHIRT, LOWER, SHOES, EYE, PUPIL = range(7)  # regions
_EYES = ("helper-l-eye", "helper-r-eye")
_EYE_ROWS = slice(14598, 14742)
_LIMBS = ("upperarm", "lowerarm", "wrist", "finger", "metacarpal")


@dataclass(frozen=True)
class Look:
    """What somebody wears."""

    long_sleeves: bool = True
    long_legs: bool = True
    skirt: float = 0.0  # share of the way from the waist to the ankles; 0 for none
    bald: bool = False
    hair: float = 1.6  # cm, at a height of 175


def starts(bones: NDArray[np.str_], *prefixes: str) -> NDArray[np.bool_]:
    return np.any([np.char.startswith(bones, prefix) for prefix in prefixes], 0)


def measures(human: Human, vertices: Points) -> dict:
    """Where things sit, cm: head, neck, back, chest, shoulders, waist and fists."""
    rows = np.arange(BODY)
    bone = human.main_bone[rows]

    def joint(name: str) -> Points:
        return human.head(vertices, name)

    skull = vertices[rows[(bone == "head") | starts(bone, "temporalis", "oculi")]]
    neck, eye, top = joint("neck01"), vertices[_EYE_ROWS].mean(0), vertices[rows, 2].max()
    level = eye[2] + 0.5 * (top - eye[2])
    band = skull[np.abs(skull[:, 2] - level) < 0.12 * (top - eye[2])]
    low, high = band.min(0), band.max(0)
    face = vertices[rows[vertices[rows, 2] > neck[2]]]
    chin = human.tail(vertices, "jaw")[2]
    trunk = vertices[rows[starts(bone, "spine", "breast", "clavicle", "shoulder")]]
    shoulders = [joint("upperarm01.R"), joint("upperarm01.L")]
    hip = (joint("upperleg01.R") + joint("upperleg01.L")) / 2
    height = (shoulders[0][2] + shoulders[1][2]) / 2
    torso = height - hip[2]
    middle = trunk[np.abs(trunk[:, 2] - (0.6 * height + 0.4 * hip[2])) < 0.12 * torso]
    z = vertices[rows, 2]
    waist = vertices[rows[(np.abs(z - (0.35 * height + 0.65 * hip[2])) < 1.5) & starts(bone, "spine")]]
    hands = [name for name in human.bones if name[0] in "fmw"]
    behind = (z > hip[2] - 0.1 * torso) & (z < height) & ~starts(bone, "lowerarm") & ~np.isin(bone, hands)
    found = {
        "height": top,
        "head": {
            "top": [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, top],
            "width": high[0] - low[0],
            "depth": high[1] - low[1],
            "eye": eye[2],
            "chin": chin,
            "level": level,
        },
        "face": [eye[0], face[:, 1].min(), eye[2]],
        "neck": list(neck),
        "back": [0, middle[:, 1].max(), height],
        "rear": vertices[rows[behind], 1].max(),
        "chest": [0, middle[:, 1].min(), height],
        "shoulders": abs(shoulders[0][0] - shoulders[1][0]),
        "torso": torso,
        "waist": {
            "at": [0, waist[:, 1].mean(), waist[:, 2].mean()],
            "width": np.ptp(waist[:, 0]),
            "depth": np.ptp(waist[:, 1]),
        },
    }
    return found | {f"fist{side}": _fist(human, vertices, side) for side in "RL"}


def _fist(human: Human, vertices: Points, side: str) -> dict:
    first, last = (human.head(vertices, f"finger{n}-1.{side}") for n in "25")
    tips = np.mean([human.tail(vertices, f"finger{n}-3.{side}") for n in "234"], 0)
    knuckles, joints = (np.mean([human.head(vertices, f"finger{n}-{k}.{side}") for n in "234"], 0) for k in "12")
    up = unit(first - last)
    forward = unit(knuckles - human.head(vertices, f"wrist.{side}"))
    at = (knuckles + joints + tips + human.tail(vertices, f"finger1-2.{side}")) / 4
    size = float(np.linalg.norm(first - last))
    return {"at": list(at), "up": list(up), "forward": list(unit(forward - up * (forward @ up))), "size": size}


def dress(human: Human, vertices: Points, look: Look) -> tuple[Points, NDArray[np.int64], NDArray[np.int64], dict]:
    """Vertices, triangles, the region of each triangle, and `measures` of the dressed body."""
    known = measures(human, vertices)
    tall, head = known["height"] / 175, known["head"]
    waist = known["waist"]["at"][2] - 0.24 * known["torso"]
    ankle = human.head(vertices, "foot.R")[2] + 2.5
    faces = human.faces["body"]
    region = _regions(human, vertices, faces, known, waist, ankle, look)
    vertices = vertices.copy()
    out, grow = normals(vertices, faces), np.zeros(len(vertices))
    for number, cm in ((HAIR, look.hair), (SHIRT, 0.7), (LOWER, 0.9), (SHOES, 1.0)):
        np.maximum.at(grow, faces[region == number].ravel(), cm * tall)
    vertices[:BODY] += (out * grow[:, None])[:BODY]
    shoes = faces[region == SHOES].ravel()
    sole = vertices[shoes][:, 2].min() if len(shoes) else 0.0
    pieces = [(vertices, faces, region)]
    eyes = np.concatenate([human.faces[name] for name in _EYES])
    pieces.append((vertices, eyes, np.full(len(eyes), EYE)))
    pieces += _garments(human, vertices, waist, ankle, tall, look)
    starts_at = np.cumsum([0] + [len(v) for v, _, _ in pieces[:-1]])
    whole = np.concatenate([v for v, _, _ in pieces])
    triangles = np.concatenate([f + start for (_, f, _), start in zip(pieces, starts_at)])
    regions = np.concatenate([r for _, _, r in pieces])
    whole[:, 2] -= min(sole, 0)
    regions[_pupils(human, vertices, whole[triangles].mean(1), regions, head["width"])] = PUPIL
    return whole, triangles, regions, measures(human, whole[: len(human.base)])


def _regions(human: Human, vertices: Points, faces, known: dict, waist: float, ankle: float, look: Look):
    """The region of each of the body's triangles: by bones, heights, and a slanted plane for the hair."""
    center, bone, head = vertices[faces].mean(1), human.main_bone[faces[:, 0]], known["head"]
    arm, shin = starts(bone, "upperarm"), starts(bone, "lowerleg")
    trunk = starts(bone, "spine", "breast", "clavicle", "shoulder", "upperleg", "pelvis", "root", "special") | arm
    region = np.full(len(faces), SKIN)
    region[trunk] = np.where(center[trunk, 2] > waist, SHIRT, LOWER)
    region[arm] = SHIRT
    region[starts(bone, "lowerarm")] = SHIRT if look.long_sleeves else SKIN
    region[shin] = LOWER if look.long_legs else SKIN
    region[starts(bone, "foot", "toe") | (shin & (center[:, 2] < ankle))] = SHOES
    region[starts(bone, "neck") & (center[:, 2] < known["neck"][2])] = SHIRT
    if look.bald:
        return region
    front, back = known["face"][1], head["top"][1] + head["depth"] / 2
    depth = (center[:, 1] - front) / (back - front)
    height = (center[:, 2] - head["eye"]) / (head["top"][2] - head["eye"])
    above = center[:, 2] > head["chin"] - 0.25 * (head["top"][2] - head["eye"])
    ear = (np.abs(center[:, 0]) > 0.5 * head["width"]) & (height < 0.35)
    grown = above & (height > -0.72) & (height > 0.66 - 1.75 * np.clip(depth - 0.12, 0, 0.8)) & ~ear
    region[grown & ~starts(bone, "spine", "shoulder", "clavicle", "breast")] = HAIR
    return region


def _garments(human: Human, vertices: Points, waist: float, ankle: float, tall: float, look: Look) -> list:
    """Loose layers over the body: shirt, trousers, skirt."""
    faces = human.faces["helper-tights"]
    bone, height = human.main_bone[faces[:, 0]], vertices[faces].mean(1)[:, 2]
    upper = (height > waist) & ~starts(bone, "neck", "head", "wrist", "metacarpal", "finger", "lowerarm")
    lower = (height <= waist) & ~starts(bone, *_LIMBS, "foot", "toe") & (height > ankle)
    if look.long_sleeves:
        upper |= starts(bone, "lowerarm")
    if not look.long_legs:
        lower &= ~starts(bone, "lowerleg")
    upper |= (height > waist - 5 * tall) & ~starts(bone, *_LIMBS, "neck", "head")
    out, made = normals(vertices, faces), []
    for mine, region, cm in ((upper, SHIRT, 1.6), (lower, LOWER, 1.1)):
        layer = vertices + out * (cm * tall)
        if region == SHIRT:  # an even hem
            hem = np.isin(np.arange(len(layer)), faces[mine]) & (layer[:, 2] < waist)
            layer[hem, 2] = np.maximum(layer[hem, 2], waist - 4 * tall)
        made.append((layer, faces[mine], np.full(int(mine.sum()), region)))
    if look.skirt:
        cut = waist - look.skirt * (waist - ankle)
        faces = human.faces["helper-skirt"]
        faces = faces[vertices[faces].mean(1)[:, 2] > cut - 4]
        layer = vertices.copy()
        layer[:, 2] = np.maximum(layer[:, 2], cut)
        made.append((layer, faces, np.full(len(faces), LOWER)))
    return made


def _pupils(human: Human, vertices: Points, center: Points, regions, width: float) -> NDArray[np.bool_]:
    left, right = (vertices[human.faces[name].ravel(), 1].min() for name in _EYES)
    return (regions == EYE) & (center[:, 1] < np.where(center[:, 0] > 0, left, right) + 0.12 * width / 15)
