"""The vision-language judge, against a stub: a server of this test on 127.0.0.1 that knows no model."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace

import pytest
from PIL import Image
from typer.testing import CliRunner

from cast3d.cli import app
from cast3d.errors import InputError
from cast3d.evaluation import judges, opinions, questions
from cast3d.evaluation.questions import SYSTEM, read_scores
from cast3d.evaluation.results import read
from cast3d.language import endpoints
from cast3d.language.endpoints import Endpoint
from cast3d.meshes.glb import write_glb
from tests.evaluation.finished import CASES, METHODS, write_results, write_suite
from tests.evaluation.scenes import cuboid
from tests.language.fixtures import both
from tests.tiny_backbone import PROMPT

GOOD = 'It stands.\n{"faithfulness": 8, "aesthetic": 6.5, "rationality": 9}'


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """(folder of results, their content, cases); views are drawn small, which is faster."""
    monkeypatch.setattr(questions, "SIDE", 96)
    cases = write_suite(tmp_path / "suite")
    return tmp_path / "out", write_results(tmp_path / "out"), cases


def texts_and_pictures(form: str, body: dict) -> tuple[str, list[Image.Image]]:
    """What a request says, and the pictures in it."""
    if form == "openai":
        system, user = body["messages"]
        texts = [system["content"], *(part["text"] for part in user["content"] if part["type"] == "text")]
        data = [part["image_url"]["url"] for part in user["content"] if part["type"] == "image_url"]
        assert all(one.startswith("data:image/png;base64,") for one in data)
        data = [one.partition(",")[2] for one in data]
    else:
        parts = body["contents"][0]["parts"]
        texts = [body["systemInstruction"]["parts"][0]["text"], *(part["text"] for part in parts if "text" in part)]
        data = [part["inlineData"]["data"] for part in parts if "inlineData" in part]
    return "\n".join(texts), [Image.open(io.BytesIO(base64.b64decode(one))) for one in data]


# --- asking ---------------------------------------------------------------------------------------------------------


@both
def test_a_request_shows_everything_but_the_method(server, at, finished):
    out, content, cases = finished
    judges.judge(out, content, judges.questions(out, content, cases)[:1], at)
    ((path, headers, body),) = server.requests
    text, shown = texts_and_pictures(server.form, body)
    assert SYSTEM in text and PROMPT in text and "backpack:" in text
    assert not any(name in text for name in (*METHODS, *CASES))
    assert [picture.format for picture in shown] == ["PNG"] * 4
    assert shown[-1].size == (192, 192) and shown[-1].convert("RGB").getpixel((48, 48))[0] > 60  # a red box
    assert body["seed"] == 7
    if server.form == "openai":
        assert path == "/v1/chat/completions" and headers["Authorization"] == "Bearer secret"
        assert body["model"] == "judge-1"
    else:
        assert path == "/v1/models/judge-1:generateContent" and headers["X-Goog-Api-Key"] == "secret"


# --- answers --------------------------------------------------------------------------------------------------------


def test_scores_are_read_from_the_last_object_that_has_them():
    assert read_scores(GOOD) == {"faithfulness": 8, "aesthetic": 6.5, "rationality": 9}
    chatty = 'e.g. {"a": {"b": 1}} or {broken ' + GOOD.replace("8", "2") + f"\n```json\n{GOOD}\n```"
    assert read_scores(chatty)["faithfulness"] == 8
    for bad in ("", "8/10", GOOD.replace("8", "11"), GOOD.replace("8", "0"), GOOD.replace("8", "true"), GOOD[:-20]):
        with pytest.raises(InputError, match="without three scores"):
            read_scores(bad)


def test_answers_are_kept_and_asked_for_once(server, at, finished):
    out, content, cases = finished
    asked = judges.questions(out, content, cases)
    assert {(one.method, one.case.id) for one in asked} == {(m, c) for m in METHODS[:2] for c in CASES}
    before = judges.estimate(out, at, asked)
    assert (before.asked, before.known, before.tokens_out) == (4, 0, 800)
    assert 4 * 1000 < before.tokens_in < 4 * 2000 and before.cost(1, 10) == (before.tokens_in + 8000) / 1e6
    rows, unread = judges.judge(out, content, asked, at)
    assert len(server.requests) == 4 and not unread
    assert judges.estimate(out, at, judges.questions(out, content, cases)) == judges.Estimate(0, 4, 0, 0)
    again, _ = judges.judge(out, content, judges.questions(out, content, cases), at)
    assert again == rows and len(server.requests) == 4
    assert judges.estimate(out, replace(at, model="other"), asked).asked == 4  # another judge is asked anew
    assert judges.estimate(out, at, judges.questions(out, content, cases, samples=2)).asked == 4
    kept = "".join(file.read_text() for file in out.rglob("*.json"))
    assert "secret" not in kept and "It stands." in kept
    found = read(out)["judges"]
    assert found["someone"] == [] and found[at.name] == rows
    nothing = [row for row in rows if row["method"] == "lazy"]
    assert [row["faithfulness"] for row in nothing] == [1, 1]  # it made nothing


def test_answers_belong_to_the_address_and_to_what_is_added_to_requests(server, at, finished):
    out, content, cases = finished
    asked = judges.questions(out, content, cases)[:1]
    judges.judge(out, content, asked, at, workers=1)
    others = [replace(at, url=f"{at.url}/other"), replace(at, extra={"seed": 8}), replace(at, extra={})]
    for i, other in enumerate(others):
        assert judges.estimate(out, other, asked).known == 0
        judges.judge(out, content, asked, other, workers=1)
        assert len(server.requests) == 2 + i
    assert [judges.estimate(out, one, asked).known for one in (at, *others)] == [1] * 4
    assert judges.estimate(out, replace(at, key="another"), asked).known == 1  # whoever pays


def test_a_name_alone_is_the_providers_own_address_with_nothing_added(finished, monkeypatch):
    out, content, cases = finished
    asked = judges.questions(out, content, cases)[:1]
    own = Endpoint("openai", "judge-1", endpoints.OpenAi.url)
    assert endpoints.address(own.name) == own
    monkeypatch.setattr(Endpoint, "ask", lambda *_: endpoints.Reply(GOOD))
    judges.judge(out, content, asked, own, workers=1)
    assert judges.estimate(out, own.name, asked).known == judges.estimate(out, own, asked).known == 1
    assert judges.estimate(out, replace(own, url="http://127.0.0.1:1"), asked).known == 0


@pytest.mark.parametrize(
    "damage", ["{", "[]", '{"text": 3}', '{"text": "no scores", "tokens_in": 1, "tokens_out": 1}', "\xff"]
)
def test_a_damaged_answer_is_asked_for_and_kept_anew(server, at, finished, damage):
    out, content, cases = finished
    asked = judges.questions(out, content, cases)[:1]
    rows, _ = judges.judge(out, content, asked, at)
    (file,) = (out / "judgements").rglob("*.json")
    whole = file.read_text()
    file.write_bytes(damage.encode("latin-1"))
    assert judges.estimate(out, at, asked).asked == 1
    assert judges.judge(out, content, asked, at) == (rows, [])
    assert file.read_text() == whole and len(server.requests) == 2
    assert judges.estimate(out, at, asked).known == 1


def test_a_changed_object_is_asked_about_again(at, finished):
    out, content, cases = finished
    judges.judge(out, content, judges.questions(out, content, cases), at)
    model = out / "cells" / "utc" / "alpha" / "0" / "model.glb"
    write_glb(model, {"figure": cuboid((-0.2,) * 3, (0.2,) * 3, (0, 1, 0))}, {})
    assert judges.estimate(out, at, judges.questions(out, content, cases)).asked == 1
    model.unlink()
    rows, _ = judges.judge(out, content, judges.questions(out, content, cases), at)
    assert [row["faithfulness"] for row in rows if (row["method"], row["case"]) == ("utc", "alpha")] == [1]


def test_an_answer_that_cannot_be_read_is_asked_for_again_and_then_left_out(server, at, finished):
    out, content, cases = finished
    asked = judges.questions(out, content, cases)
    server.plan = [(200, {}, "no idea"), (200, {}, GOOD)]
    rows, unread = judges.judge(out, content, asked, at, workers=1)
    assert len(server.requests) == 5 and not unread and len(rows) == 6
    server.plan, server.requests[:] = [(200, {}, "no idea")], []
    other = Endpoint(server.form, "judge-2", server.url)
    rows, unread = judges.judge(out, content, asked, other)
    assert len(server.requests) == 4 * judges.ATTEMPTS and len(unread) == 4 and len(rows) == 2
    assert "alpha 0 cast3d: an answer without three scores" in unread[0]
    assert judges.estimate(out, other, asked).asked == 4  # nothing of it was kept


def test_after_a_failure_the_same_call_goes_on(server, at, finished):
    out, content, cases = finished
    asked = judges.questions(out, content, cases)
    server.plan = [(200, {}, GOOD), (200, {}, GOOD), (403, {}, "no money left")]
    with pytest.raises(InputError, match="no money left"):
        judges.judge(out, content, asked, at, workers=1)
    assert judges.estimate(out, at, asked).known == 2 and at.name not in read(out)["judges"]
    server.plan = [(200, {}, GOOD)]
    rows, _ = judges.judge(out, content, asked, at, workers=1)
    assert len(rows) == 6


@pytest.mark.parametrize("samples", [1, 3])
def test_a_run_that_made_nothing_counts_as_much_as_any_however_many_samples(server, at, finished, samples):
    out, content, cases = finished
    server.plan = [(200, {}, '{"faithfulness": 9, "aesthetic": 9, "rationality": 9}')]
    first = next(run for run in content["runs"] if (run["method"], run["case"]) == ("cast3d", "alpha"))
    content["runs"] = [first, first | {"seed": 1, "folder": "cells/cast3d/alpha/1"}]  # which is not there
    rows, _ = judges.judge(out, content, judges.questions(out, content, cases, samples), at)
    assert len(rows) == samples + 1
    assert opinions.entries(rows, ["cast3d"], "average")["cast3d"].value.mean == 5


def test_a_seed_with_samples_that_could_not_be_read_counts_as_much_as_any():
    row = {"method": "cast3d", "case": "alpha"}
    rows = [row | {"seed": 0, "faithfulness": 9}, *(row | {"seed": 1, "faithfulness": score} for score in (1, 2, 3))]
    assert opinions.entries(rows, ["cast3d"], "faithfulness")["cast3d"].value.mean == (9 + 2) / 2


def test_results_of_another_suite_are_refused(finished):
    out, content, cases = finished
    with pytest.raises(InputError, match="no case 'beta'"):
        judges.questions(out, content, cases[:1])


# --- on the command line --------------------------------------------------------------------------------------------


@both
def test_the_command_line_estimates_and_judges(server, finished, monkeypatch):
    out, _, _ = finished
    monkeypatch.setenv("MINE", "secret")

    def call(*arguments, code=0):
        done = CliRunner().invoke(app, ["judge", *map(str, arguments)])
        assert done.exit_code == code, done.output
        return done

    model = f"--model={server.form}:judge-1"
    given = (out.parent / "suite", "-o", out, model)
    dry = call(*given, "--dry-run", "--price=2,10")
    assert "4 questions, 0 more are answered already" in dry.stderr and "0.02 in the currency" in dry.stderr
    assert "[picture, " in dry.stderr and not server.requests
    shown = call(*given, f"--url={server.url}", "--key=MINE").stdout
    assert len(server.requests) == 4
    for words in ("faithfulness", "8.00", "6.50", "7.83", "lazy", "1.00"):
        assert words in shown
    facts = json.loads(call(*given, f"--url={server.url}", "--json").stdout)
    assert facts["judge"] == f"{server.form}:judge-1" and len(facts["rows"]) == 6 and len(server.requests) == 4
    for wrong, says in (
        ((model, "-o", out), "SUITE"),
        ((out.parent / "suite", model), "--out"),
        ((out.parent / "suite", "-o", out), "--model"),
        ((*given, "--price=cheap"), "takes two numbers"),
        ((out.parent / "suite", "-o", out, "--model=me", "--dry-run"), "gemini:MODEL"),
        ((out.parent / "suite", "-o", out.parent, model), "holds no results"),
    ):
        assert says in call(*wrong, code=2).stderr
