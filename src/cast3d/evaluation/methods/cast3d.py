"""CAST3D and what is left of it without one of its ingredients (paper section 5.4)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

from torch import Tensor

from ... import flow
from ...backbones import Condition
from ...composition import compose
from ...errors import InputError
from ...stages.hints import Hints
from ...stages.kit import Kit
from ...stages.layout import Layout, MainGeometry
from ...stages.operators import d_ss, decoded, structure_guide, times
from ...stages.parts import PartGeometry
from ...stages.reading import Reading
from ..bench import Bench
from ..outcome import Outcome


def cast3d(bench: Bench, **settings: Any) -> Outcome:
    """The method as it is shipped, or with some settings changed."""
    run = bench.staging(settings)
    return bench.composed(run, compose(run, bench.sentence))


def without_stm(bench: Bench, **settings: Any) -> Outcome:
    """No STM in layout and parts: nothing ties them to p_B or to a hint. `settings` turn off the rest."""
    run = bench.staging(settings, {"layout": layout_from_text, "part": parts_from_pictures})
    return bench.composed(run, compose(run, bench.sentence))


def layout_from_text(kit: Kit, main: MainGeometry, reading: Reading) -> Layout:
    """The layout from the sentence alone."""
    noise = kit.structure_noise("layout")
    latent = d_ss(kit, [kit.text(reading.prompt)], kit.settings.text_guidance, [noise])[0]
    return Layout(latent, decoded(kit, latent)[0])


def parts_from_pictures(kits: Sequence[Kit], terms: Sequence[str], hints: Sequence[Hints]) -> list[PartGeometry]:
    """Parts from their pictures alone."""
    kit = kits[0]
    shown = [own.picture(term) for own, term in zip(kits, terms)]
    noises = [own.structure_noise("parts", term, own=True) for own, term in zip(kits, terms)]
    grids = decoded(kit, d_ss(kit, shown, kit.settings.image_guidance, noises)[0])
    return [PartGeometry(term, grid, "composite") for term, grid in zip(terms, grids)]


def edited_layout(bench: Bench, editor: str) -> Outcome:
    """CAST3D with another editor in place of STM for the layout (Eq. 10); all else as it is."""
    run = bench.staging(swapped={"layout": partial(layout_by, editor=editor)})
    return bench.composed(run, compose(run, bench.sentence))


def layout_by(kit: Kit, main: MainGeometry, reading: Reading, editor: str) -> Layout:
    """p_B carried over to the prompt by another editor."""
    latent = cast(Tensor, edited(kit, main, reading, editor))  # two only with `trajectory`
    return Layout(latent, decoded(kit, latent)[0])


def edited(kit: Kit, main: MainGeometry, reading: Reading, editor: str) -> flow.Edited:
    """The latent; guidance as for STM, unless the editor is known for its own."""
    settings, start, on = kit.settings, reading.start, kit.on_step
    source, target = kit.text(reading.main), kit.text(reading.prompt)
    w, x0 = settings.text_guidance, main.latent
    t = times(settings.structure_steps)
    noise = kit.structure_noise("layout")

    def velocity(condition: Condition, scale: float) -> flow.Velocity:
        return kit.backbone.structure_velocities([structure_guide(kit, condition, scale)])

    match editor:
        case "sdedit":
            return flow.sdedit(x0, velocity(target, w), t, start, noise, on_step=on)
        case "ode-inversion":  # inverted without guidance, as inversion is usually done
            return flow.ode_inversion(x0, velocity(source, 0), velocity(target, w), t, start, on_step=on)
        case "rf-inversion":
            stop = round(7 / 28 * settings.structure_steps)  # the paper's eta acts on 7 of 28 steps
            null, end = velocity(target.unconditional, 0), noise(settings.structure_steps).to(x0)
            return flow.rf_inversion(x0, null, velocity(target, w), t, end, stop=stop, on_step=on)
        case "flowedit":
            return flow.flowedit(x0, velocity(source, w), velocity(target, w), t, start, noise, on_step=on)
        case "flowedit-own":  # 1.5 and 5.5 in the usual form
            return flow.flowedit(x0, velocity(source, 0.5), velocity(target, 4.5), t, start, noise, on_step=on)
        case "flowalign":  # guided by the source prompt; scale 1 is no guidance in its form
            pair = velocity(source, 0), velocity(target, 0)
            return flow.flowalign(x0, *pair, t, start, noise, scale=1 + w, on_step=on)
    raise InputError(f"no editor {editor!r}")
