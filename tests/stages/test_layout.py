"""Eq. 10 and 11: what STM leaves alone, and what each choice of guidance stands for."""

from __future__ import annotations

import pytest
import torch

from cast3d import flow
from cast3d.stages.kit import Kit
from cast3d.stages.layout import propose_layout, sampled
from cast3d.stages.operators import d_slat
from cast3d.stages.reading import Reading
from tests.tiny_backbone import pictures, tiny_backbone

BACKBONE = tiny_backbone()
SETTINGS = BACKBONE.defaults
KIT = Kit(BACKBONE, SETTINGS)
FIGURE, PROMPT = "figure", "a figure wearing a cap"


def draws(seed: int) -> flow.Draws:
    return flow.noise((1, *BACKBONE.structure_shape), seed, "test")


@pytest.fixture(scope="module")
def main():
    condition = BACKBONE.of_pictures([pictures()["figure"]])
    return sampled(KIT, condition, SETTINGS.image_guidance, draws(0))


def layout(main, target=PROMPT, noise=0, start=4, **settings):
    reading = Reading(target, (FIGURE,), (FIGURE,), FIGURE, start)
    return propose_layout(Kit(BACKBONE, SETTINGS.changed(settings)), main, reading, draws(noise))


def test_the_main_geometry_keeps_its_trajectory(main):
    assert torch.equal(main.states[-1], draws(0)(SETTINGS.structure_steps))
    assert torch.equal(main.states[0], main.latent) and len(main.states) == SETTINGS.structure_steps + 1
    assert torch.equal(main.grid, BACKBONE.decode_structure(main.latent))
    assert 0.001 < main.grid.float().mean() < 0.1


@pytest.mark.parametrize("generator", ["trajectory", "static"])
@pytest.mark.parametrize("diffusion", [0.0, 0.6])
def test_a_prompt_that_says_the_same_changes_nothing(main, generator, diffusion):
    same = layout(main, target=FIGURE, layout_generator=generator, diffusion=diffusion)
    assert torch.equal(same.latent, main.latent) and torch.equal(same.grid, main.grid)


@pytest.mark.parametrize("generator", ["trajectory", "static"])
def test_a_prompt_that_says_more_changes_it(main, generator):
    assert not torch.equal(layout(main, layout_generator=generator).latent, main.latent)


def test_the_trajectory_generator_draws_nothing(main):
    assert torch.equal(layout(main, noise=0).latent, layout(main, noise=1).latent)
    static = [layout(main, noise=n, layout_generator="static").latent for n in (0, 0, 1)]
    assert torch.equal(static[0], static[1]) and not torch.equal(static[0], static[2])


def test_mixing_the_negative_goes_from_null_to_source(main):
    def mixed(weight):
        return layout(main, target_negative="mix", target_negative_weight=weight).latent

    null, source = layout(main).latent, layout(main, target_negative="source").latent
    assert torch.equal(mixed(0.0), null) and torch.equal(mixed(1.0), source)
    assert not torch.equal(mixed(0.5), null) and not torch.equal(null, source)


def test_source_guidance_follows_the_text_unless_it_is_given(main):
    same = layout(main, source_guidance=SETTINGS.text_guidance).latent
    assert torch.equal(layout(main).latent, same)
    assert not torch.equal(layout(main, source_guidance=0.0).latent, same)


def test_latents_on_voxels_depend_on_what_is_asked_for(main):
    coords = main.grid.nonzero()[:200]
    noise = flow.noise((len(coords), 8), 0, "slat")
    red, blue = (d_slat(KIT, [coords], [KIT.text(text)], 0.0, [noise])[0] for text in ("red", "cap"))
    assert red.shape == (200, 8) and red.isfinite().all() and not torch.equal(red, blue)
