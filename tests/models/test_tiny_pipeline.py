"""A whole miniature model repository, from pictures to Gaussians, against the original pipeline's run on it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from cast3d import flow
from cast3d.backbones.trellis.dinov2 import load_dinov2
from cast3d.models import SparseTensor, load
from cast3d.pictures.crops import preprocess_trellis
from cast3d.pictures.opening import open_picture
from tests.golden_data import golden

pytest.importorskip("transformers", reason="DINOv2 needs the extra 'trellis'")


def prepare(path: Path) -> Tensor:
    """[3, 518, 518] in [0, 1], cropped and put on black as the released pipeline does."""
    pixels = np.asarray(preprocess_trellis(open_picture(path).rgba), dtype=np.float32)
    return torch.from_numpy(pixels / 255).permute(2, 0, 1)


class TinyPipeline:
    """The stages of the released pipeline, written with our networks and our flow functions."""

    def __init__(self, folder: Path):
        self.settings = json.loads((folder / "pipeline.json").read_text())["args"]
        self.nets = {key: load(folder / stem) for key, stem in self.settings["models"].items()}
        encoder = load_dinov2(folder / "dinov2_tiny")
        paths = sorted(folder.glob("image_*.png"))
        self.cond = encoder.encode(torch.stack([prepare(path) for path in paths]))
        self.io = load_file(folder / "io.safetensors")

    def sample(self, stage, predict, noise, images, mode, steps=None):
        """`predict(x, t, cond)` -> velocity of one condition row; one or several pictures."""
        params = self.settings[f"{stage}_sampler"]["params"]
        t = flow.times(steps or params["steps"], params["rescale_t"])
        rows = self.cond[list(images)]
        velocities = [lambda x, time, c=c: predict(x, time, c[None]) for c in rows]
        positive = flow.mean_of(velocities) if mode == "multidiffusion" else flow.cycled(velocities, t)
        velocity = flow.guided(
            positive,
            lambda x, time: predict(x, time, torch.zeros_like(rows[:1])),
            params["cfg_strength"],
            tuple(params["cfg_interval"]),
        )
        return flow.sample(velocity, noise, t)[0]

    def structure(self, noise, images, mode):
        net = self.nets["sparse_structure_flow_model"]
        return self.sample("sparse_structure", lambda x, t, c: net(x, torch.tensor([1000 * t]), c), noise, images, mode)

    def occupied(self, latent):
        return (self.nets["sparse_structure_decoder"](latent) > 0).nonzero()[:, [0, 2, 3, 4]].int()

    def slat(self, coords, noise, images, mode, steps=None) -> SparseTensor:
        net, voxels = self.nets["slat_flow_model"], SparseTensor(noise, coords)

        def predict(x, t, c):
            return net(voxels.replace(x), torch.tensor([1000 * t]), c).feats

        feats = self.sample("slat", predict, noise, images, mode, steps)
        mean, std = (torch.tensor(self.settings["slat_normalization"][key]) for key in ("mean", "std"))
        return voxels.replace(feats * std + mean)


@pytest.fixture(scope="module")
def pipeline():
    return TinyPipeline(golden("trellis/tiny_pipeline"))


RUNS = [
    ("run", 42, [0], "stochastic", None),
    ("multi_stochastic", 43, [0, 1, 2], "stochastic", 4),
    ("multi_multidiffusion", 44, [0, 1], "multidiffusion", None),
]


@pytest.mark.parametrize("name, seed, images, mode, steps", RUNS, ids=[run[0] for run in RUNS])
def test_both_stages(pipeline, name, seed, images, mode, steps):
    io = {key.removeprefix(f"{name}."): value for key, value in pipeline.io.items() if key.startswith(f"{name}.")}
    torch.manual_seed(seed)
    noise = torch.randn(io["noise_ss"].shape)
    assert torch.equal(noise, io["noise_ss"])
    latent = pipeline.structure(noise, images, mode)
    torch.testing.assert_close(latent, io["z_s"], rtol=0, atol=1e-4)
    coords = pipeline.occupied(latent)
    assert torch.equal(coords, io["coords"])
    noise = torch.randn(io["noise_slat"].shape)
    assert torch.equal(noise, io["noise_slat"])
    slat = pipeline.slat(coords, noise, images, mode, steps)
    torch.testing.assert_close(slat.feats, io["slat"], rtol=0, atol=2e-4)


def test_condition(pipeline):
    torch.testing.assert_close(pipeline.cond[:1], pipeline.io["run.cond"], rtol=0, atol=3e-5)


def test_decoders(pipeline):
    io = pipeline.io
    slat = SparseTensor(io["run.slat"], io["run.coords"])
    (gaussians,) = pipeline.nets["slat_decoder_gs"](slat)
    (field,) = pipeline.nets["slat_decoder_rf"](slat)
    pairs = {
        "gaussian.0.get_xyz": gaussians.positions,
        "gaussian.0.get_features": gaussians.features_dc[:, None],
        "gaussian.0.get_scaling": gaussians.scales,
        "gaussian.0.get_rotation": gaussians.rotations,
        "gaussian.0.get_opacity": gaussians.opacities[:, None],
        "rf.0.position": field.positions + 0.5,
        "rf.0.trivec": field.trivec,
        "rf.0.density": field.density,
        "rf.0.features_dc": field.features_dc,
    }
    for key, value in pairs.items():
        reference = io[f"run.{key}"]
        torch.testing.assert_close(value, reference, rtol=0, atol=2e-5 * reference.abs().max().item(), msg=key)
