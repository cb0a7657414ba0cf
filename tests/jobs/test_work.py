"""What a worker asks of the composer."""

from __future__ import annotations

from types import SimpleNamespace

from cast3d.jobs.job import Job, read_job, write_job
from cast3d.jobs.work import compose


def test_an_edit_is_asked_for_with_the_words_of_what_is_new(tmp_path):
    job = Job("1", "edit", "a man wearing a top hat and holding a sword", model="job:0", remove=["pack"], keep="exact")
    job.replace, job.add = {"cap": {"top hat": ["a.png", "b.png"]}}, {"sword": ["c.png"]}
    asked = {}
    composer = SimpleNamespace(edit=lambda model, prompt, **more: asked.update(more, model=model, prompt=prompt))
    compose(composer, job, SimpleNamespace(path=tmp_path / "1"), SimpleNamespace(progress=None, preview=None))
    given = tmp_path / "1" / "given"
    assert asked["replace"] == {"cap": {"top hat": [given / "a.png", given / "b.png"]}}
    assert asked["add"] == {"sword": [given / "c.png"]} and asked["remove"] == ["pack"]
    assert asked["model"] == tmp_path / "0" and asked["prompt"] == job.prompt


def test_pictures_are_swapped_wherever_their_term_is():
    job = Job("1", "edit", "", replace={"cap": {"hat": ["a.png"]}}, add={"sword": ["b.png"]})
    job.repicture({"hat": ["c.png"], "sword": ["d.png"]})
    assert job.pictures == {"hat": ["c.png"], "sword": ["d.png"]} and list(job.replace) == ["cap"]


def test_a_job_of_before_parts_had_words_of_their_own_is_read(tmp_path):
    job = Job("1", "edit", "a man wearing a cap")
    job.replace = {"cap": ["a.png"]}  # type: ignore[dict-item]
    write_job(tmp_path, job)
    assert read_job(tmp_path).replace == {"cap": {"cap": ["a.png"]}}
