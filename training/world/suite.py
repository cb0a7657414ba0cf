"""Renders evaluation suites of people and of things on things, in the schema of `training.bricks.suite`.

    python -m training.world.suite --data data/world --ldraw complete.zip --home3d HOME3D --people PEOPLE \\
        --family person --split test -n 24 -o suites/people-24

Half of the cases hold only what is trained; the other half at least one part or thing of the split, and its bodies.
The same data folder, seed and split give the same suite.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from training.bricks import captions, splits
from training.bricks.bank import Bank
from training.bricks.catalog import Catalog
from training.bricks.ldraw import Library
from training.bricks.objects import Objects, stack
from training.bricks.options import Draft, Options
from training.bricks.pictures import Studio
from training.bricks.prepare import load_catalog
from training.bricks.suite import Look, Writer, truth

from . import home3d, pack, people
from .index import Index, Places
from .recipes import person, scene

MOST_USES = 2  # cases with the same thing worn, held or standing on another
LEAST = 60  # voxels of each term that the composite must show
_PATIENCE = 4000


class WorldStudio(Studio):
    """Draws bodies and things, too."""

    def __init__(self, library: Library, catalog: Catalog, bank: Bank, index: Index, folders: Folders) -> None:
        super().__init__(library, catalog, bank)
        bodies, meshes, measures = people.bodies(*folders.people)
        shapes = [shape for body in bodies for shape in people.shapes(body, meshes[body.id], 0)]
        shapes += people.worn(catalog, library, bodies, measures)
        shapes += home3d.models(index.things, home3d.soups_of(index.things, pack.read(folders.home3d / "pack.xz")))
        self._shapes |= {shape.key: shape for shape in shapes}


class Folders(argparse.Namespace):
    """Where the sources lie."""

    people: Sequence[Path]
    home3d: Path


def drafts(family: str, split: str, count: int, seed: int, bank: Bank, parts: Catalog, index: Index) -> Iterator[Draft]:
    """Half of them trained, half with something of the split; no two with the same names."""
    recipe = {"person": lambda p, o, rng: person(p, o, rng), "scene": lambda p, o, rng: scene(p, rng)}[family]
    known: set[tuple[str, ...]] = set()
    uses: Counter[str] = Counter()
    for kind, wanted in ((splits.TRAIN, count - count // 2), (split, count // 2)):
        options = Options(bank, parts, kind)
        places = Places(index, bank, options, parts.colors, len(parts), around=False)
        rng, found = Random(f"suite {family} {kind} {seed}"), 0
        for _ in range(_PATIENCE):
            if found == wanted:
                break
            draft = recipe(places, options, rng)
            if draft is None or not draft.things or len(draft.things) > 3:
                continue
            plain(draft, family)
            terms = draft.caption.terms
            fresh = family == "scene" or kind == splits.TRAIN or options.belongs(draft.accessories)
            fresh &= len(set(terms)) == len(terms) and all(uses[term] < MOST_USES for term in terms[1:])
            if terms not in known and fresh and shown(bank, stack([draft])):
                known.add(terms)
                uses.update(terms)
                found += 1
                yield draft
        else:
            raise SystemExit(f"only {found} of {wanted} {family} cases of {kind} were found; ask for fewer")


def plain(draft: Draft, family: str) -> None:
    """Tells the object by its first names, without colours."""
    name, nouns = draft.caption.terms[0], [captions.with_article(thing.names[0]) for thing in draft.things]
    base = captions.with_article(name)
    if family == "scene":
        posed = draft.things[0].relation in ("sitting on", "lying on")
        text = f"{nouns[0]} {draft.things[0].relation} {base}" if posed else f"{base} with {captions.listed(nouns)}"
    else:
        groups: dict[str, list[str]] = {}
        for thing, noun in zip(draft.things, nouns):
            groups.setdefault(thing.relation, []).append(noun)
        text = f"{base} {captions.phrases(groups)}"
    draft.caption = captions.Caption(text, (name, *(thing.names[0] for thing in draft.things)))


def shown(bank: Bank, objects: Objects) -> bool:
    """Whether every term can be seen."""
    return all(int(arrays["visible"].sum()) >= LEAST for arrays in truth(bank, objects, 0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="what `prepare` wrote from the same sources")
    parser.add_argument("--ldraw", type=Path, nargs="+", required=True)
    parser.add_argument("--home3d", type=Path, required=True)
    parser.add_argument("--people", type=Path, nargs="+", required=True)
    parser.add_argument("--family", choices=("person", "scene"), required=True)
    parser.add_argument("--split", choices=(splits.DEV, splits.TEST), default=splits.DEV)
    parser.add_argument("-n", "--count", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args(namespace=Folders())
    bank, parts, index = Bank.load(args.data / "bank.npz"), load_catalog(args.data), Index.load(args.data)
    if index is None:
        raise SystemExit(f"{args.data} knows parts alone: give --people and --home3d to prepare")
    held = {thing.id for thing in index.things if thing.split != splits.TRAIN}
    held |= {body.id for body in index.bodies if body.split != splits.TRAIN}
    held |= {id for id, split in splits.load().items() if split != splits.TRAIN}
    library = Library(*args.ldraw)
    studio = WorldStudio(library, parts, bank, index, args)
    look = Look(size=192, view_size=128, format="webp", quality=72)
    writer = Writer(bank, studio, args.output, look, held)
    cases = []
    for number, draft in enumerate(drafts(args.family, args.split, args.count, args.seed, bank, parts, index), 1):
        id = f"{args.family}-{number:02d}"
        cases.append(writer.case(id, draft.caption.text, stack([draft])))
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / "suite.json").write_text(json.dumps(cases, indent=1) + "\n")
    fresh = sum(bool(case["unseen"]) for case in cases)
    print(f"{len(cases)} cases, {fresh} with something never trained, in {args.output / 'suite.json'}")


if __name__ == "__main__":
    main()
