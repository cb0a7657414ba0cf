"""CAST3D and what is left of it without one of its ingredients (paper section 5.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ... import flow
from ...composition import Composition
from ...errors import InputError
from ...stages.guide import structure_guide
from ...stages.hints import Hints
from ...stages.layout import Layout, MainGeometry, generate_structure
from ...stages.parts import PartGeometry
from ..bench import Bench
from ..outcome import Outcome


def cast3d(bench: Bench, **settings: Any) -> Outcome:
    """The method as it is shipped, or with some settings changed."""
    return bench.composed(bench.composition(settings=settings))


@dataclass
class WithoutSTM(Composition):
    """Layout from the sentence alone, parts from their pictures alone: nothing ties them to p_B or to a hint."""

    def layout(self, main: MainGeometry, start: int) -> Layout:
        def compute(on: flow.OnStep) -> Layout:
            target, noise = self.backbone.of_text(self.reading.prompt), self.structure_noise("layout", "")
            made = generate_structure(self.backbone, target, self.settings.text_guidance, self.settings, noise, on)
            return Layout(made.latent, made.grid)

        depends = self.depends("text_guidance", prompt=self.reading.prompt, seed=self.scene.seed, by="text alone")
        return self.staging.stage("layout", 2, Layout, compute, depends)

    def parts(self, hints: Hints) -> dict[str, PartGeometry]:
        return {term: self._part(term) for term in self.scene.terms if term != self.scene.main}

    def _part(self, term: str) -> PartGeometry:
        def compute(on: flow.OnStep) -> PartGeometry:
            noise = self.structure_noise("parts", term)
            guidance = self.settings.image_guidance
            made = generate_structure(self.backbone, self.picture(term), guidance, self.settings, noise, on)
            return PartGeometry(made.grid, "composite")

        depends = self.depends("image_guidance", pictures=[term], term=term, seed=self.scene.seed, by="picture alone")
        return self.staging.stage(f"part-{self.scene.slugs[term]}", 5, PartGeometry, compute, depends)


def without_stm(bench: Bench, **settings: Any) -> Outcome:
    """No STM in layout and parts; `settings` turn off the rest."""
    return bench.composed(bench.composition(WithoutSTM, settings))


@dataclass
class EditedLayout(Composition):
    """CAST3D with another editor in place of STM for the layout (Eq. 10); all else as it is."""

    editor: str = "sdedit"

    def layout(self, main: MainGeometry, start: int) -> Layout:
        def compute(on: flow.OnStep) -> Layout:
            latent = self.edited(main, start, on)
            return Layout(latent, self.backbone.decode_structure(latent))

        depends = self.depends(
            "text_guidance", prompt=self.reading.prompt, main=self.scene.main, seed=self.scene.seed, by=self.editor,
            start=None if self.editor == "rf-inversion" else start,  # which has no start level
        )  # fmt: skip
        return self.staging.stage("layout", 2, Layout, compute, depends, after=("main",))

    def edited(self, main: MainGeometry, start: int, on: flow.OnStep):
        """The latent of p_B carried over to the prompt; guidance as for STM, unless the editor is known for its own."""
        source, target = (self.backbone.of_text(text) for text in (self.scene.main, self.reading.prompt))
        w, x0 = self.settings.text_guidance, main.latent
        t = flow.times(self.settings.structure_steps, self.settings.rescale)
        noise = self.structure_noise("layout", "")

        def velocity(condition, scale: float) -> flow.Velocity:
            return self.backbone.structure_velocities([structure_guide(condition, scale, self.settings)])

        match self.editor:
            case "sdedit":
                return flow.sdedit(x0, velocity(target, w), t, start, noise, on_step=on)
            case "ode-inversion":  # inverted without guidance, as inversion is usually done
                return flow.ode_inversion(x0, velocity(source, 0), velocity(target, w), t, start, on_step=on)
            case "rf-inversion":
                stop = round(7 / 28 * self.settings.structure_steps)  # the paper's eta acts on 7 of 28 steps
                null, end = velocity(target.unconditional, 0), noise(self.settings.structure_steps).to(x0)
                return flow.rf_inversion(x0, null, velocity(target, w), t, end, stop=stop, on_step=on)
            case "flowedit":
                return flow.flowedit(x0, velocity(source, w), velocity(target, w), t, start, noise, on_step=on)
            case "flowedit-own":  # 1.5 and 5.5 in the usual form
                return flow.flowedit(x0, velocity(source, 0.5), velocity(target, 4.5), t, start, noise, on_step=on)
            case "flowalign":  # guided by the source prompt; scale 1 is no guidance in its form
                pair = velocity(source, 0), velocity(target, 0)
                return flow.flowalign(x0, *pair, t, start, noise, scale=1 + w, on_step=on)
        raise InputError(f"no editor {self.editor!r}")


def edited_layout(bench: Bench, editor: str) -> Outcome:
    return bench.composed(bench.composition(EditedLayout, editor=editor))
