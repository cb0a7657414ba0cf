"""Customize-then-Generate (CtG): one composed picture, or several views of it, then 3D as a whole (paper section 5.1).

The result is one object without parts; measuring lends it the labels of the truth.
"""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from ...errors import InputError
from ...meshes.mesh import Mesh
from ...meshes.raster import framed, shoot
from ...pictures.crops import crop_square
from ...pictures.opening import open_picture
from ..bench import Bench
from ..outcome import Outcome, meshes_of, of_result
from .placing import places
from .uplift import lifted_parts

SIDE = 256  # pixels of composed pictures
YAWS = (45.0, -45.0)  # further views; the small backbone was trained on pictures within 60 degrees of the front
PITCH = 18.0
SINGLE = 1  # which of a case's true views the oracle gets: a slanted one, as front views of animals show little


def pasted(bench: Bench) -> Outcome:
    """One view: accessories' pictures pasted on the base's by rule, without any model."""
    return as_a_whole(bench, [pasted_view(bench, asset_pictures(bench))])


def pasted_views(bench: Bench) -> Outcome:
    """Three views: the pasted one, and the same done with renders of the lifted assets from either side."""
    base, parts = lifted_parts(bench)
    meshes = meshes_of({bench.case.main: base, **parts})
    views = [asset_pictures(bench)]
    views += [{term: render(mesh, yaw) for term, mesh in meshes.items()} for yaw in YAWS]
    return as_a_whole(bench, [pasted_view(bench, view) for view in views])


def oracle(bench: Bench) -> Outcome:
    """One true view of the composite: what a perfect picture editor would give. An upper bound, no method."""
    return as_a_whole(bench, true_views(bench)[SINGLE : SINGLE + 1])


def oracle_views(bench: Bench) -> Outcome:
    """All true views."""
    return as_a_whole(bench, true_views(bench))


def true_views(bench: Bench) -> list[Image.Image]:
    if len(bench.case.views) <= SINGLE:
        raise InputError(f"case {bench.case.id!r} has no true views; oracles need a suite rendered with --view-size")
    return [open_picture(view.image).rgba for view in bench.case.views]


def as_a_whole(bench: Bench, views: Sequence[Image.Image]) -> Outcome:
    """The composed views to 3D, in the base's frame."""
    main = bench.case.main
    return of_result(bench.lifted(list(views), main, "in_place"), main, labelled=False)


def asset_pictures(bench: Bench) -> dict[str, Image.Image]:
    """The cut-out picture of every term."""
    return {term: bench.picture(term) for term in bench.case.terms}


def pasted_view(bench: Bench, pictures: dict[str, Image.Image]) -> Image.Image:
    """The accessories where `placing` puts them in the picture of the base, some of them behind it."""
    main = crop_square(pictures[bench.case.main], 1.0).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    box = main.getchannel("A").point(lambda a: 255 * (a > 127)).getbbox()
    assert box is not None  # a cut-out picture is not empty
    left, top, right, bottom = box
    layers: dict[bool, list[Image.Image]] = {True: [], False: []}
    for term, place in places(bench.case).items():
        if term in pictures:
            side = max(8, round(place.size * SIDE))
            thing = crop_square(pictures[term], 1.0).resize((side, side), Image.Resampling.LANCZOS)
            x = left + place.x * (right - left) - side / 2
            y = bottom - place.z * (bottom - top) - side / 2
            layers[place.behind].append(_layer(thing, x, y))
    canvas = Image.new("RGBA", (2 * SIDE, 2 * SIDE))
    for layer in (*layers[True], _layer(main, 0, 0), *layers[False]):
        canvas.alpha_composite(layer)
    return canvas


def _layer(thing: Image.Image, x: float, y: float) -> Image.Image:
    """A picture at a place of the base's square, which is the middle of the canvas; what lies outside is cut off."""
    layer = Image.new("RGBA", (2 * SIDE, 2 * SIDE))
    layer.paste(thing, (round(x) + SIDE // 2, round(y) + SIDE // 2))
    return layer


def render(mesh: Mesh, yaw: float) -> Image.Image:
    """A cut-out picture of a mesh."""
    shot = shoot([mesh], framed([mesh], yaw, PITCH), SIDE)
    color = Image.fromarray((shot.color * 255).round().clip(0, 255).astype("uint8"))
    color.putalpha(Image.fromarray((shot.mask * 255).astype("uint8")))
    return color
