"""The house: arrows point down only, there are no circles, and few files lie beside the rooms."""

from __future__ import annotations

import ast
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import cast3d

ROOT = Path(cast3d.__file__).parent

# From the ground up: a module imports from its own room and from rooms before it.
FLOORS = (
    ("errors", "version"),
    ("files", "flow", "settings"),
    ("language",),
    ("voxels",),
    ("splats",),
    ("meshes",),
    ("models",),
    ("existing",),
    ("scene", "pictures"),
    ("following",),
    ("run",),
    ("segmentation",),
    ("backbones",),
    ("stages",),
    ("composition",),
    ("result",),
    ("composer",),
    ("jobs",),
    ("evaluation",),
    ("app",),
    ("cli",),
    ("__main__",),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
MODULES = sorted(path.relative_to(ROOT).with_suffix("") for path in ROOT.rglob("*.py"))
PACKAGES = {module.parent.parts for module in MODULES if module.name == "__init__"}


def name_of(module: Path) -> tuple[str, ...]:
    return module.parent.parts if module.name == "__init__" else module.parts


NAMES = {name_of(module) for module in MODULES}


@cache
def imports(module: Path) -> frozenset[tuple[str, ...]]:
    """Modules of ours that a file imports, wherever in it."""
    found = set()
    tree = ast.parse((ROOT / module).with_suffix(".py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not (node.level or (node.module or "").startswith("cast3d")):
            continue
        if node.level:
            package = module.parent.parts
            base = package[: len(package) - node.level + 1]
            base += tuple(node.module.split(".")) if node.module else ()
        else:
            base = tuple(node.module.split(".")[1:])
        for alias in node.names:
            target = (*base, alias.name)
            found.add(target if target in NAMES else base)
    return frozenset(one for one in found if one)


def room(name: tuple[str, ...]) -> str:
    return name[0]


INSIDE = [module for module in MODULES if name_of(module)]  # all but the package itself, whose doors open late


@pytest.mark.parametrize("module", INSIDE, ids=str)
def test_arrows_point_down(module):
    mine = FLOOR[room(name_of(module))]
    upwards = [
        ".".join(target)
        for target in imports(module)
        if room(target) != room(name_of(module)) and FLOOR[room(target)] >= mine
    ]
    assert upwards == []


def test_no_circles():
    graph = {name_of(module): {t for t in imports(module) if t != name_of(module)} for module in INSIDE}
    # A package's own file may gather what lies in it.
    graph = {name: {t for t in targets if t not in PACKAGES or t[0] != name[0]} for name, targets in graph.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_few_files_beside_the_rooms():
    assert len([module for module in MODULES if len(module.parts) == 1]) <= 8


def test_rooms_below_the_backbones_know_none_by_name():
    below = [module for module in INSIDE if FLOOR[room(name_of(module))] < FLOOR["backbones"]]
    named = [
        str(module)
        for module in below
        if any(t[:2] in {("backbones", "bricks"), ("backbones", "trellis")} for t in imports(module))
    ]
    assert named == []


def test_the_method_fits_on_a_page():
    lines = (ROOT / "composition.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 150
