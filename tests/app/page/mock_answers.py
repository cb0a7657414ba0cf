"""What the mock server answers that has nothing to do with jobs: examples, settings, the reading of a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from cast3d.scene.grammar import unpictured

EXAMPLES = Path(__file__).parents[3] / "examples"


def read(body: dict[str, Any]) -> dict[str, Any]:
    """The terms given, and further nouns with an article."""
    prompt, given = body["prompt"], body.get("terms") or []
    words = [*given, *(noun for noun in unpictured(prompt, {}) if not any(noun in term for term in given))]
    nouns = [{"text": w, "start": prompt.find(w), "end": prompt.find(w) + len(w)} for w in words if w in prompt]
    nouns.sort(key=lambda noun: noun["start"])
    return {"nouns": nouns, "base": body.get("main") or (nouns[0]["text"] if nouns else None), "warnings": []}


def examples() -> list[dict[str, Any]]:
    """Those of the repository."""
    found = []
    for file in sorted(EXAMPLES.glob("*/scene.yaml")):
        scene, name = yaml.safe_load(file.read_text(encoding="utf-8")), file.parent.name
        if scene.get("kind", "compose") != "compose":
            continue
        url = f"/api/v1/examples/{name}/files"
        lists = {term: names if isinstance(names, list) else [names] for term, names in scene["assets"].items()}
        assets = {term: [f"{url}/{one}" for one in names] for term, names in lists.items()}
        told = {"id": name, "title": name, "kind": "compose", "prompt": scene["prompt"], "main": scene["main"]}
        found.append({**told, "assets": assets, "picture": f"{url}/result.webp"})
    return found


def _setting(name: str, default: Any, group: str, **more: Any) -> dict[str, Any]:
    empty = {"symbol": "", "minimum": None, "maximum": None, "choices": None}
    return {"name": name, "title": name.replace("_", " "), "help": f"what {name} does", "default": default} | {
        **empty,
        "group": group,
        **more,
    }


SETTINGS = [
    _setting("diffusion", 0.6, "Layout", symbol="λ_diff", minimum=0, maximum=9),
    _setting("layout_starts", [10, 11, 12], "Layout", symbol="n_max"),
    _setting("refine", True, "Geometry"),
    _setting("multi_image", "multidiffusion", "Parts", choices=["multidiffusion", "stochastic"]),
]
