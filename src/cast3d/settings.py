"""Settings of the method. Defaults are the paper's; a backbone may bring its own (`pipeline.json`, key `cast3d`)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from .errors import InputError, nearest

_NOT_OURS = object()


def _of(
    default: Any,
    help: str,
    symbol: str = "",
    choices: tuple[str, ...] = (),
    within: tuple[float, float] | None = None,
    off: Any = _NOT_OURS,
) -> Any:
    """A setting. `within` is its range, with both ends; `off` is the value at which something of ours does nothing."""
    told = {"help": help, "symbol": symbol, "choices": choices, "within": within}
    return field(default=default, metadata=told if off is _NOT_OURS else {**told, "off": off})


@dataclass(frozen=True)
class Settings:
    """What can be set by name, on the command line with `--set name=value`. Levels count from 0 (clean) to `steps`."""

    background: str = _of(
        "auto",
        "how a picture without transparency is cut out: plain takes a background of one colour away, u2net, isnet and "
        "birefnet are networks, auto takes a network only where the background is not plain (see docs/pictures.md)",
        choices=("auto", "plain", "u2net", "isnet", "birefnet"),
    )
    structure_steps: int = _of(25, "sampling steps of the structure flow", "N", within=(1, 1000))
    slat_steps: int = _of(25, "sampling steps of the structured-latent flow", "N", within=(1, 1000))
    image_guidance: float = _of(5.0, "guidance scale of picture conditions, (1+w) c - w n", "CFG", within=(0, 100))
    text_guidance: float = _of(7.5, "guidance scale of text conditions", "CFG", within=(0, 100))
    slat_image_guidance: float = _of(
        5.0, "guidance scale of picture conditions in the second flow", "CFG", within=(0, 100)
    )
    slat_text_guidance: float = _of(7.5, "guidance scale of text conditions in the second flow", "CFG", within=(0, 100))
    multi_image: str = _of(
        "multidiffusion",
        "how several pictures of one thing act: multidiffusion takes their mean at every step, stochastic takes one of "
        "them in turn at each step",
        choices=("multidiffusion", "stochastic"),
    )
    diffusion: float = _of(0.6, "stochasticity of STM; 0 is FlowEdit", "lambda_diff", within=(0, 9))

    layout_generator: str = _of(
        "trajectory",
        "path of the source in the layout's STM: trajectory follows the states of its own sampling, static adds noise "
        "to it",
        "G",
        ("trajectory", "static"),
    )
    layout_starts: tuple[int, ...] = _of(
        (18, 21, 15), "start levels of the layout's STM; they are tried in turn until every term is found", "n_max"
    )
    layout_colors: bool = _of(
        False,
        "where a term is not found, the first layout is painted once more, things in the colours of their pictures "
        "where the sentence tells none: they may have come in the colour of what is beside them",
        off=False,
    )
    lookalikes: int = _of(
        0,
        "most names of similar things that are tried for a term, where the text model has no words for it or the "
        "layout does not show it; the names come from the term's picture (bricks only); 0: none",
        within=(0, 100),
        off=0,
    )
    source_guidance: float = _of(
        -1.0,
        "guidance scale of the source text in the layout's STM; below 0: the same as text_guidance",
        within=(-1, 100),
    )
    target_negative: str = _of(
        "null",
        "what guidance leads the layout's target away from: the empty text (null), or the source text",
        choices=("null", "source"),
    )

    view_pitches: tuple[float, ...] = _of(
        (-20.0, 10.0, 40.0), "heights of the rings of views, in degrees", "V", within=(-89, 89)
    )
    view_size: int = _of(512, "side of the views, in pixels", within=(32, 4096))
    mask_threshold: float = _of(
        0.9, "a voxel is of a term where more than this share of its Gaussians are masked", "tau_mask", within=(0, 1)
    )
    minimum_hint: int = _of(20, "fewest voxels of a hint, and of each piece of it", within=(1, 64**3), off=1)
    base_in_hint: float = _of(
        1.0,
        "a hint that holds more than this share of the base's own voxels gives them back, because the segmenter took "
        "the whole for the part; 1: a hint keeps all",
        within=(0, 1),
        off=1.0,
    )

    part_start: int = _of(12, "start level of the parts' STM", "n_max")
    part_frame: str = _of(
        "composite",
        "frame in which a part is generated: composite leaves its hint in place, canonical centres and enlarges the "
        "hint, auto does so for small hints only",
        "",
        ("composite", "canonical", "auto"),
        off="composite",
    )

    replace_hint: str = _of(
        "region",
        "hint of a new part that replaces a part of a model: region takes the place of the old part, layout takes the "
        "place where a layout shows the new one",
        "h_i",
        ("region", "layout"),
    )

    keep_hidden: bool = _of(
        False,
        "near parts, the base keeps its voxels in or beside the layout's solid, so that thin parts have no holes "
        "behind them",
        off=False,
    )
    prune: bool = _of(True, "pieces that the parts cut off the base are dropped")
    prune_connectivity: int = _of(
        6,
        "neighbours that connect regions: 6 (across faces, as in the paper) or 26 (across corners too, for slanted "
        "shells that are one voxel thin)",
    )
    crumbs: float = _of(
        0.0,
        "a floating piece with a smaller share of the whole is dropped; 0: all are kept",
        within=(0, 0.5),
        off=0.0,
    )
    refine: bool = _of(True, "STM refines the coarse geometry")
    refine_start: int = _of(9, "start level of the refinement's STM", "n_max")
    seal: float = _of(
        0.0,
        "the composition and its refinement can leave openings in a chamber; they are closed where the chamber has at "
        "least this share of the inside; 0: never",
        within=(0, 1),
        off=0.0,
    )
    guards: bool = _of(
        True,
        "a refinement that strays from the coarse geometry is dropped; voxels that come only from a part's hint are "
        "dropped too",
        off=False,
    )

    boundary_sigma: float = _of(
        1.0, "blur of the soft boundaries between parts, in voxels; 0: hard boundaries", within=(0, 16)
    )
    free_fraction: float = _of(
        0.15,
        "share of the steps at the end that have no override, rounded up to whole steps",
        "tau_fine",
        within=(0, 1),
    )

    outline: float = _of(
        0.0,
        "how strongly the outlines of the pictures guide what is lifted alone (`lift`, things placed by rule) and the "
        "third candidate, where the result then agrees better with them; 0: not at all, 1: as measured",
        within=(0, 4),
        off=0.0,
    )
    candidates: int = _of(
        1,
        "most candidates for the geometry of a part: one from the hint, one lifted alone and laid over the hint, one "
        "that the outline guides; 1: only the one from the hint",
        within=(1, 3),
        off=1,
    )
    place_missing: bool = _of(
        False,
        "a thing that no layout shows is lifted alone; a rule places it where its relation in the sentence says",
        off=False,
    )
    own_cube: bool = _of(
        False,
        "a new part of an edit that keeps the rest is made once more in a cube of its own, where that is finer",
        off=False,
    )
    recolor: float = _of(
        0.0,
        "how far colours of a thing move to those of its pictures after Eq. 15, on all its sides; 0: not at all",
        within=(0, 1),
        off=0.0,
    )
    refit: float = _of(
        0.0,
        "how far colours follow the detail of the pictures (faces, prints) after Eq. 15; 0: not at all",
        within=(0, 1),
        off=0.0,
    )

    smooth: int = _of(
        0,
        "rounds in which bumps are taken off the parts' meshes; their edges stay; 0: none",
        within=(0, 50),
        off=0,
    )
    mesh_faces: int = _of(
        1_000_000, "most triangles of a part in the GLB; a mesh that has more is simplified", within=(4, 100_000_000)
    )
    texture_size: int = _of(
        0,
        "longer side of the texture that is baked for each part in the GLB, in texels; 0: colours at vertices",
        within=(0, 8192),
    )
    spz: bool = _of(
        False, "scene.spz is written too: it holds the Gaussians for web viewers, at a sixth of the size of scene.ply"
    )

    @classmethod
    def paper(cls) -> Settings:
        """The paper's values, and nothing of ours: no guard, no net, no least size.

        `docs/method.md` lists what cannot be switched off.
        """
        return cls(**{f.name: f.metadata["off"] for f in fields(cls) if "off" in f.metadata})

    def __post_init__(self) -> None:
        for f in fields(self):
            value = _checked(f, getattr(self, f.name))
            object.__setattr__(self, f.name, value)
            if within := f.metadata["within"]:
                low, high = within
                for one in value if isinstance(value, tuple) else (value,):
                    if not low <= one <= high:
                        raise InputError(f"setting {f.name} is {one}; it must lie between {low:g} and {high:g}")
        if self.prune_connectivity not in (6, 26):
            raise InputError(
                f"setting prune_connectivity is {self.prune_connectivity}; it is 6 (faces) or 26 (corners too)"
            )
        for name in ("layout_starts", "part_start", "refine_start"):
            levels = getattr(self, name)
            for level in levels if isinstance(levels, tuple) else (levels,):
                if not 1 <= level <= self.structure_steps:
                    raise InputError(
                        f"setting {name} holds level {level}; with structure_steps={self.structure_steps} "
                        f"levels are 1 to {self.structure_steps}"
                    )

    def changed(self, changes: Mapping[str, Any]) -> Settings:
        """A copy with some settings changed; unknown names and wrong values are errors."""
        known = {f.name for f in fields(self)}
        for name in changes:
            if name not in known:
                raise InputError(f"unknown setting {name!r}{nearest(name, known)}; known: {', '.join(sorted(known))}")
        return replace(self, **changes)

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def _checked(f: Any, value: Any) -> Any:
    """The value in the field's type; text (from a command line) is read as the type says."""
    default = f.default
    try:
        if isinstance(default, bool):
            if isinstance(value, str):
                value = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[value.lower()]
            if not isinstance(value, bool):
                raise ValueError
        elif isinstance(default, tuple):
            items = value.replace(",", " ").split() if isinstance(value, str) else value
            items = [items] if isinstance(items, int | float) else items
            value = tuple(_number(item, type(default[0])) for item in items)
            if not value:
                raise ValueError
        elif isinstance(default, int | float):
            value = _number(value, type(default))
        elif not isinstance(value, str):
            raise ValueError
    except (TypeError, ValueError, KeyError) as error:
        kind = "true or false" if isinstance(default, bool) else f"like {default!r}"
        if isinstance(value, str) and not isinstance(default, bool | tuple) and (number := _with_point(value, default)):
            kind = f"without a comma: write {number}"
        raise InputError(f"setting {f.name} cannot be {value!r}; give a value {kind}") from error
    if (choices := f.metadata["choices"]) and value not in choices:
        raise InputError(f"setting {f.name} cannot be {value!r}{nearest(value, choices)}; choose {', '.join(choices)}")
    return value


def _with_point(text: str, default: int | float | str) -> str:
    """A number whose decimals, or thousands, stand behind commas, as it is to be written; "" for anything else."""
    if isinstance(default, str):
        return ""
    if isinstance(default, int):
        return text.strip().replace(",", "") if re.fullmatch(r"\s*[+-]?\d{1,3}(,\d{3})+\s*", text) else ""
    return text.strip().replace(",", ".") if re.fullmatch(r"\s*[+-]?\d*,\d+(e[+-]?\d+)?\s*", text) else ""


def _number(value: Any, kind: type) -> int | float:
    """`value` as a finite number; whole where `kind` is int. Raises ValueError or TypeError for anything else."""
    number = float(value)
    if isinstance(value, bool) or not math.isfinite(number) or (kind is int and number != int(number)):
        raise ValueError
    return kind(number)
