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
    """A setting. `within` is its range, ends included; `off` the value at which something of ours does nothing."""
    told = {"help": help, "symbol": symbol, "choices": choices, "within": within}
    return field(default=default, metadata=told if off is _NOT_OURS else {**told, "off": off})


@dataclass(frozen=True)
class Settings:
    """What can be set by name, on the command line with `--set name=value`. Levels count from 0 (clean) to `steps`."""

    background: str = _of(
        "auto",
        "how pictures without transparency are cut out: from one plain colour, by a network, or as it takes (see "
        "docs/pictures.md)",
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
        "several pictures of one thing: their mean at every step, or one at a step in turn",
        choices=("multidiffusion", "stochastic"),
    )
    diffusion: float = _of(0.6, "stochasticity of STM; 0 is FlowEdit", "lambda_diff", within=(0, 9))

    layout_generator: str = _of("trajectory", "source path of the layout's STM", "G", ("trajectory", "static"))
    layout_starts: tuple[int, ...] = _of((18, 21, 15), "start levels tried until every term is found", "n_max")
    lookalikes: int = _of(
        0,
        "names of similar things tried for a term that the text model has no words for or the layout does not show; "
        "they come from the term's picture (bricks only)",
        within=(0, 100),
        off=0,
    )
    source_guidance: float = _of(
        -1.0, "guidance of the source text in the layout's STM; below 0: text_guidance", within=(-1, 100)
    )
    target_negative: str = _of("null", "what the layout's target is guided away from", choices=("null", "source"))

    view_pitches: tuple[float, ...] = _of(
        (-20.0, 10.0, 40.0), "heights of the rings of views, degrees", "V", within=(-89, 89)
    )
    view_size: int = _of(512, "side of the views, pixels", within=(32, 4096))
    mask_threshold: float = _of(0.9, "share of a voxel's Gaussians that must be masked", "tau_mask", within=(0, 1))
    minimum_hint: int = _of(20, "voxels of the smallest hint, and of its smallest piece", within=(1, 64**3), off=1)
    base_in_hint: float = _of(
        1.0,
        "a hint that holds a larger share of the base's own voxels gives them back: the whole was taken for the part; "
        "1 keeps all",
        within=(0, 1),
        off=1.0,
    )

    part_start: int = _of(12, "start level of the parts' STM", "n_max")
    part_frame: str = _of(
        "composite", "frame in which parts are generated", "", ("composite", "canonical", "auto"), off="composite"
    )

    replace_hint: str = _of(
        "region",
        "hint of a part that replaces one of a model: where the old one was, or where a layout shows the new one",
        "h_i",
        ("region", "layout"),
    )

    keep_hidden: bool = _of(
        False,
        "near parts, keep the base's voxels in or beside the layout's solid: no holes behind thin parts",
        off=False,
    )
    prune: bool = _of(True, "drop what the parts cut off the base")
    prune_connectivity: int = _of(
        6, "which neighbours connect regions: 6 (faces, the paper's) or 26 (corners too: slanted shells one voxel thin)"
    )
    crumbs: float = _of(
        0.0, "floating pieces with a smaller share of the whole are dropped; 0 keeps all", within=(0, 0.5), off=0.0
    )
    refine: bool = _of(True, "refine the coarse geometry with STM")
    refine_start: int = _of(9, "start level of the refinement's STM", "n_max")
    seal: float = _of(
        0.0,
        "openings that the composition or its refinement leaves in a chamber with this share of the inside are closed; "
        "0: never",
        within=(0, 1),
        off=0.0,
    )
    guards: bool = _of(
        True,
        "a refinement that strays from the coarse geometry is dropped, and voxels that only a part's hint brought in",
        off=False,
    )

    boundary_sigma: float = _of(
        1.0, "blur of the soft boundaries between parts, voxels; 0: hard boundaries", within=(0, 16)
    )
    free_fraction: float = _of(
        0.15, "last share of the steps without override, rounded up to whole steps", "tau_fine", within=(0, 1)
    )

    outline: float = _of(
        0.0,
        "how strongly sampling is guided by the pictures' outlines, where that agrees better; 0: not at all, 1: as "
        "measured",
        within=(0, 4),
        off=0.0,
    )
    candidates: int = _of(
        1,
        "most candidates for a part's geometry: from the hint, lifted alone and laid over the hint, guided by the "
        "outline; 1: the hint's alone",
        within=(1, 3),
        off=1,
    )
    place_missing: bool = _of(
        False,
        "a thing that no layout shows is lifted alone and placed by rule where its relation in the sentence says",
        off=False,
    )
    refit: float = _of(
        0.0,
        "how far colours follow the detail of the pictures (faces, prints) after Eq. 15; 0: not at all",
        within=(0, 1),
        off=0.0,
    )

    mesh_faces: int = _of(
        1_000_000, "most triangles of a part in the GLB; a mesh with more is simplified", within=(4, 100_000_000)
    )
    texture_size: int = _of(
        0, "longer side of each part's baked texture in the GLB, texels; 0: colours at vertices", within=(0, 8192)
    )
    spz: bool = _of(False, "write scene.spz too: the Gaussians for web viewers, a sixth of scene.ply")

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
