"""Settings: the paper's values, what is accepted from Python and from text, and what refusals say."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest

from cast3d.errors import InputError
from cast3d.settings import Settings


@pytest.mark.parametrize(
    ("name", "value", "write"),
    [
        ("free_fraction", "0,2", "0.2"),
        ("free_fraction", " ,25", ".25"),
        ("diffusion", "0,60", "0.60"),
        ("mesh_faces", "100,000", "100000"),
        ("mesh_faces", "1,000,000", "1000000"),
    ],
)
def test_numbers_with_commas_are_told_how_to_be_written(name, value, write):
    with pytest.raises(InputError, match=f"{name} cannot be {value!r}; give a value without a comma: write {write}$"):
        Settings(**{name: value})


def test_lists_keep_their_commas():
    assert Settings(view_pitches="0,0.5").view_pitches == (0.0, 0.5)


def test_defaults_are_the_papers():
    s = Settings()
    assert (s.structure_steps, s.slat_steps) == (25, 25)
    assert (s.text_guidance, s.image_guidance, s.slat_text_guidance, s.slat_image_guidance) == (7.5, 5.0, 7.5, 5.0)
    assert (s.diffusion, s.mask_threshold, s.free_fraction) == (0.6, 0.9, 0.15)
    assert all(15 <= start <= 21 for start in s.layout_starts)
    assert 9 <= s.part_start <= 14 and 9 <= s.refine_start <= 14


def test_the_paper_alone_has_nothing_of_ours():
    """What a run of `Settings.paper()` does not do, setting by setting."""
    s = Settings.paper()
    ours = {f.name: getattr(s, f.name) for f in fields(Settings) if "off" in f.metadata}
    assert ours == {
        "layout_colors": False,
        "lookalikes": 0, "minimum_hint": 1, "base_in_hint": 1.0, "part_frame": "composite", "keep_hidden": False,
        "crumbs": 0.0, "seal": 0.0, "guards": False, "outline": 0.0, "candidates": 1, "place_missing": False,
        "own_cube": False,
        "recolor": 0.0,
        "refit": 0.0,
        "smooth": 0,
    }  # fmt: skip
    assert s.changed({name: getattr(Settings(), name) for name in ours}) == Settings()


def test_every_setting_says_what_it_is():
    for field in fields(Settings):
        assert field.metadata["help"], field.name
        assert not field.metadata["choices"] or field.default in field.metadata["choices"], field.name


@pytest.mark.parametrize(
    "name, given, kept",
    [
        ("part_start", "9", 9),
        ("part_start", 9.0, 9),
        ("text_guidance", "2.5", 2.5),
        ("text_guidance", 2, 2.0),
        ("refine", "no", False),
        ("refine", "True", True),
        ("layout_starts", "15, 18 21", (15, 18, 21)),
        ("layout_starts", [15, 18], (15, 18)),
        ("layout_starts", 15, (15,)),
        ("view_pitches", "-10,20", (-10.0, 20.0)),
        ("view_pitches", 5, (5.0,)),
        ("layout_generator", "static", "static"),
    ],
)
def test_values_are_read_as_their_type(name, given, kept):
    value = getattr(Settings().changed({name: given}), name)
    assert value == kept and type(value) is type(kept)


@pytest.mark.parametrize(
    "name, value",
    [
        ("part_start", 9.5),
        ("part_start", "nine"),
        ("part_start", True),
        ("part_start", None),
        ("part_start", float("inf")),
        ("text_guidance", "fast"),
        ("text_guidance", True),
        ("text_guidance", float("nan")),
        ("text_guidance", "inf"),
        ("refine", "maybe"),
        ("refine", 1),
        ("layout_starts", ()),
        ("layout_starts", ""),
        ("layout_starts", (18.5,)),
        ("layout_starts", "18.5"),
        ("layout_starts", True),
        ("view_pitches", {"a": 1}),
        ("layout_generator", 3),
    ],
)
def test_values_of_another_kind_are_refused(name, value):
    with pytest.raises(InputError, match=f"setting {name} cannot be"):
        Settings().changed({name: value})


@pytest.mark.parametrize(
    "name, value",
    [
        ("structure_steps", 0),
        ("slat_steps", 1001),
        ("text_guidance", 101),
        ("diffusion", -0.1),
        ("diffusion", 10),
        ("mask_threshold", 1.5),
        ("free_fraction", -0.1),
        ("view_size", 8),
        ("view_pitches", (0, 90)),
        ("minimum_hint", 0),
        ("crumbs", 0.6),
        ("boundary_sigma", -1),
    ],
)
def test_ranges(name, value):
    with pytest.raises(InputError, match=f"setting {name} is .* must lie between"):
        Settings().changed({name: value})


@pytest.mark.parametrize("name, low", [("seal", 0.2), ("boundary_sigma", 0.2), ("minimum_hint", 1)])
def test_small_values_inside_the_ranges(name, low):
    assert getattr(Settings().changed({name: low}), name) == low


@pytest.mark.parametrize("name", ["layout_starts", "part_start", "refine_start"])
@pytest.mark.parametrize("level", [0, 26, -1])
def test_levels_exist_on_the_grid(name, level):
    with pytest.raises(InputError, match=f"{name} holds level {level}; with structure_steps=25 levels are 1 to 25"):
        Settings().changed({name: level})


def test_fewer_steps_need_lower_levels():
    with pytest.raises(InputError, match="layout_starts holds level 18; with structure_steps=12"):
        Settings().changed({"structure_steps": 12})
    fewer = {"structure_steps": 12, "layout_starts": (10, 12), "part_start": 6, "refine_start": 4}
    assert Settings().changed(fewer).layout_starts == (10, 12)


def test_unknown_names_and_choices_name_the_nearest():
    with pytest.raises(InputError, match="unknown setting 'mask_treshold'; did you mean 'mask_threshold'"):
        Settings().changed({"mask_treshold": 0.5})
    with pytest.raises(InputError, match="did you mean 'trajectory'"):
        Settings().changed({"layout_generator": "trajectori"})


def test_changing_leaves_the_original():
    first = Settings()
    second = first.changed({"diffusion": 0.0})
    assert (first.diffusion, second.diffusion) == (0.6, 0.0) and first.changed({}) == first


def test_plain_data_survives_json():
    settings = Settings().changed({"layout_starts": (12, 15), "refine": False})
    assert Settings().changed(json.loads(json.dumps(settings.plain()))) == settings
