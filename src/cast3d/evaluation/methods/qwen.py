"""CtG as in the paper: Qwen-Image-Edit-2511 through diffusers composes the pictures (section 5.1).

Needs `pip install diffusers accelerate`, a large GPU, and the weights, which are never downloaded from here: set
CAST3D_QWEN to their folder, or have them in the local hub cache. The paper's prompts are not public; these are ours.
Not run anywhere yet: no machine with the weights was at hand.
"""

from __future__ import annotations

import os
from functools import cache

import torch
from PIL import Image

from ...errors import InputError
from ..bench import Bench
from ..outcome import Outcome
from .customise import as_a_whole

MODEL = "Qwen/Qwen-Image-Edit-2511"
SINGLE = "Combine the things in these pictures into one object: {prompt}. Keep each as it looks. One object, whole, in "
VIEWS = {"": "a slanted front view", "left": "a view from its left front", "right": "a view from its right front"}
BACKGROUND = ", on a plain white background."
STEPS, GUIDANCE = 40, 4.0  # of the model card


def composed_by_qwen(bench: Bench) -> Outcome:
    """One view."""
    return as_a_whole(bench, [_cut(_edit(bench, VIEWS[""]))])


def views_by_qwen(bench: Bench) -> Outcome:
    """Three views, each asked for by itself, as the paper's multi-view prompt is not public."""
    return as_a_whole(bench, [_cut(_edit(bench, view)) for view in VIEWS.values()])


def available() -> None:
    """Raises InputError, saying what to install, where the model cannot run."""
    try:
        import diffusers
    except ImportError as error:
        raise InputError("ctg-qwen needs diffusers: pip install diffusers accelerate") from error
    if not hasattr(diffusers, "QwenImageEditPlusPipeline"):
        raise InputError(f"ctg-qwen needs a diffusers with QwenImageEditPlusPipeline, not {diffusers.__version__}")
    folder = os.environ.get("CAST3D_QWEN")
    if folder and not os.path.isfile(os.path.join(folder, "model_index.json")):
        raise InputError(f"CAST3D_QWEN={folder} holds no model_index.json; it is the folder of {MODEL}")


@cache
def _pipeline():
    available()
    from diffusers import QwenImageEditPlusPipeline

    where = os.environ.get("CAST3D_QWEN", MODEL)
    try:
        pipeline = QwenImageEditPlusPipeline.from_pretrained(where, torch_dtype=torch.bfloat16, local_files_only=True)
    except OSError as error:
        raise InputError(f"no weights of {MODEL} on this machine; set CAST3D_QWEN to their folder") from error
    return pipeline.to("cuda" if torch.cuda.is_available() else "cpu")


def _edit(bench: Bench, view: str) -> Image.Image:
    pictures = []
    for term in bench.case.terms:
        white = Image.new("RGBA", bench.picture(term).size, "white")
        pictures.append(Image.alpha_composite(white, bench.picture(term)).convert("RGB"))
    generator = torch.Generator("cpu").manual_seed(bench.seed)
    prompt = SINGLE.format(prompt=bench.case.prompt) + view + BACKGROUND
    return _pipeline()(
        image=pictures, prompt=prompt, negative_prompt=" ", num_inference_steps=STEPS, true_cfg_scale=GUIDANCE,
        generator=generator,
    ).images[0]  # fmt: skip


def _cut(picture: Image.Image) -> Image.Image:
    from ...pictures.cutout import cut_out
    from ...pictures.opening import open_picture

    return cut_out(open_picture(picture)).rgba
