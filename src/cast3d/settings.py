"""Settings of the method. Defaults are the paper's; a backbone may bring its own (`pipeline.json`, key `cast3d`)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from .errors import InputError, nearest


def _of(default: Any, help: str, symbol: str = "", choices: tuple[str, ...] = ()) -> Any:
    return field(default=default, metadata={"help": help, "symbol": symbol, "choices": choices})


@dataclass(frozen=True)
class Settings:
    """What can be set by name, on the command line with `--set name=value`. Levels count from 0 (clean) to `steps`."""

    background: str = _of(
        "auto",
        "how pictures without transparency are cut out: from one plain colour, by a network, or as it takes (see "
        "docs/pictures.md)",
        "",
        ("auto", "plain", "u2net", "isnet", "birefnet"),
    )
    structure_steps: int = _of(25, "sampling steps of the structure flow", "N")
    slat_steps: int = _of(25, "sampling steps of the structured-latent flow", "N")
    rescale: float = _of(3.0, "rescaling ratio of the time grid", "r")
    image_guidance: float = _of(5.0, "guidance scale of picture conditions, (1+w) c - w n", "CFG")
    text_guidance: float = _of(7.5, "guidance scale of text conditions", "CFG")
    slat_image_guidance: float = _of(5.0, "guidance scale of picture conditions in the second flow", "CFG")
    slat_text_guidance: float = _of(7.5, "guidance scale of text conditions in the second flow", "CFG")
    guidance_interval: tuple[float, ...] = _of((0.0, 1.0), "times of guidance, from clean 0 to noise 1; elsewhere none")
    multi_image: str = _of(
        "multidiffusion",
        "several pictures of one thing: their mean at every step, or one at a step in turn",
        "",
        ("multidiffusion", "stochastic"),
    )
    diffusion: float = _of(0.6, "stochasticity of STM; 0 is FlowEdit", "lambda_diff")

    layout_generator: str = _of("trajectory", "source path of the layout's STM", "G", ("trajectory", "static"))
    layout_starts: tuple[int, ...] = _of((18, 21, 15), "start levels tried until every term is found", "n_max")
    lookalikes: int = _of(
        0,
        "names of similar things tried for a term that the text model has no words for or the layout does not show; "
        "they come from the term's picture (bricks only)",
    )
    source_guidance: float = _of(-1.0, "guidance of the source text in the layout's STM; below 0: text_guidance")
    target_negative: str = _of("null", "what the layout's target is guided away from", "", ("null", "source", "mix"))
    target_negative_weight: float = _of(0.5, "share of the source text where target_negative is mix")

    view_yaws: int = _of(8, "views around the layout per ring", "V")
    view_pitches: tuple[float, ...] = _of((-20.0, 10.0, 40.0), "heights of the view rings, degrees", "V")
    view_size: int = _of(512, "side of the views, pixels")
    detection_threshold: float = _of(
        -1.0, "least score of a detected box or instance (open-vocabulary segmenters); below 0: the segmenter's own"
    )
    mask_score_threshold: float = _of(-1.0, "least score of a box's mask, likewise")
    mask_threshold: float = _of(0.9, "share of a voxel's Gaussians that must be masked", "tau_mask")
    minimum_hint: int = _of(20, "voxels of the smallest hint, and of its smallest piece")
    base_in_hint: float = _of(
        1.0,
        "a hint that holds a larger share of the base's own voxels gives them back: the whole was taken for the part; "
        "1 keeps all",
    )

    part_start: int = _of(12, "start level of the parts' STM", "n_max")
    part_frame: str = _of("composite", "frame in which parts are generated", "", ("composite", "canonical", "auto"))
    canonical_below: int = _of(20, "with part_frame auto: hints with a shorter longest side use the canonical frame")

    expand_sigma: float = _of(1.5, "blur, voxels", "Expand")
    expand_threshold: float = _of(0.05, "where the blur counts as near", "Expand")
    keep_hidden: bool = _of(
        False,
        "near parts, keep the base's voxels in or beside the layout's solid: no holes behind thin parts",
    )
    prune_absolute: int = _of(100, "voxels a cut-off region needs to be kept")
    prune_relative: float = _of(0.005, "or its share of the largest region")
    prune_unchanged: float = _of(0.95, "share of an originally separate piece that must be left for it to be kept")
    prune_connectivity: int = _of(6, "which neighbours connect regions: 6 (faces) or 26 (corners too)")
    crumbs: float = _of(0.0, "floating pieces with a smaller share of the whole are dropped; 0 keeps all")
    refine: bool = _of(True, "refine the coarse geometry with STM")
    refine_start: int = _of(9, "start level of the refinement's STM", "n_max")
    seal: float = _of(
        0.0,
        "openings that the composition or its refinement leaves in a chamber with this share of the inside are closed; "
        "0: never",
    )
    refine_guard: float = _of(0.6, "least IoU with the coarse geometry; below it the coarse geometry is kept")

    boundary_sigma: float = _of(1.0, "blur of the soft boundaries between parts, voxels")
    free_fraction: float = _of(0.15, "last share of the steps without override", "tau_fine")

    mesh_faces: int = _of(1_000_000, "most triangles of a part in the GLB; a mesh with more is simplified")
    texture_size: int = _of(0, "longer side of each part's baked texture in the GLB, texels; 0: colours at vertices")
    spz: bool = _of(False, "write scene.spz too: the Gaussians for web viewers, a sixth of scene.ply")

    def __post_init__(self) -> None:
        for f in fields(self):
            object.__setattr__(self, f.name, _checked(f, getattr(self, f.name)))
        for name, low, high in _RANGES:
            values = getattr(self, name)
            for value in values if isinstance(values, tuple) else (values,):
                if not low <= value <= high:
                    raise InputError(f"setting {name} is {value}; it must lie between {low:g} and {high:g}")
        if self.prune_connectivity not in (6, 26):
            raise InputError(
                f"setting prune_connectivity is {self.prune_connectivity}; it is 6 (faces) or 26 (corners too)"
            )
        low_high = self.guidance_interval
        if len(low_high) != 2 or low_high[0] > low_high[1]:
            raise InputError(f"setting guidance_interval is {low_high}; give two times, the lower one first")
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


_RANGES = (
    ("structure_steps", 1, 1000),
    ("slat_steps", 1, 1000),
    ("rescale", 1, 100),
    ("diffusion", 0, 9),
    ("guidance_interval", 0, 1),
    ("detection_threshold", -1, 1),
    ("mask_score_threshold", -1, 1),
    ("mask_threshold", 0, 1),
    ("target_negative_weight", 0, 1),
    ("view_yaws", 1, 360),
    ("view_size", 32, 4096),
    ("minimum_hint", 1, 64**3),
    ("base_in_hint", 0, 1),
    ("lookalikes", 0, 100),
    ("expand_sigma", 0.1, 16),
    ("boundary_sigma", 0.1, 16),
    ("refine_guard", 0, 1),
    ("seal", 0, 1),
    ("free_fraction", 0, 1),
    ("crumbs", 0, 0.5),
    ("prune_absolute", 0, 64**3),
    ("prune_relative", 0, 1),
    ("prune_unchanged", 0, 1),
    ("expand_threshold", 0, 1),
    ("canonical_below", 0, 64),
    ("mesh_faces", 4, 100_000_000),
    ("texture_size", 0, 8192),
    ("view_pitches", -89, 89),
)


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
