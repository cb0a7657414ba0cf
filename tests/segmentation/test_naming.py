"""A language model names clusters: what it is asked, and which of its answers are taken."""

from __future__ import annotations

import pytest
from PIL import Image

from cast3d.errors import InputError
from cast3d.language.endpoints import Endpoint, LanguageModel
from cast3d.segmentation.naming import SYSTEM, named, read_numbers
from tests.evaluation.test_judges import texts_and_pictures
from tests.language.stub import serving

PARTS = ("cap", "left wing")
GOOD = 'I see it.\n```json\n{"cap": [3, 1], "left wing": []}\n```'


@pytest.mark.parametrize("form", ["openai", "gemini"])
def test_it_is_asked_for_all_parts_at_once(form):
    with serving(form, GOOD) as server:
        at = Endpoint(form, "m", server.url, "secret")
        found = named(at, "a bird", PARTS, 5, [Image.new("RGB", (8, 4), "red"), Image.new("RGB", (8, 4))])
    assert found == {"cap": (1, 3), "left wing": ()}
    ((_, _, body),) = server.requests
    text, pictures = texts_and_pictures(form, body)
    assert SYSTEM in text and "a bird" in text and '"left wing"' in text and "5 regions" in text
    assert [picture.size for picture in pictures] == [(8, 4)] * 2
    assert read_numbers(text[text.rindex("numbers:") :], PARTS, 5)  # the example is an answer that would be taken


def test_a_bad_answer_is_asked_again_once_with_what_was_wrong():
    with serving("openai", GOOD) as server:
        at = Endpoint("openai", "m", server.url)
        server.plan = [(200, {}, '{"cap": [9], "left wing": []}'), (200, {}, GOOD)]
        assert named(at, "a bird", PARTS, 5, [])["cap"] == (1, 3)
        text, _ = texts_and_pictures("openai", server.requests[1][2])
        assert "could not be used: for 'cap' it gives region 9; they are 1 to 5" in text
        server.plan = [(200, {}, "I cannot see pictures")]
        with pytest.raises(InputError, match=r"did not say which regions 'cap' and 'left wing' are.*--region"):
            named(at, "a bird", PARTS, 5, [])
        assert len(server.requests) == 4


@pytest.mark.parametrize(
    "answer, says",
    [
        ("", "no JSON object"),
        ('{"cap": [1]}', "no JSON object with 'cap' and 'left wing'"),
        ('{"cap": 1, "left wing": []}', "'1', not a list"),
        ('{"cap": [1.5], "left wing": []}', "not a list of whole numbers"),
        ('{"cap": [true], "left wing": []}', "not a list of whole numbers"),
        ('{"cap": ["1"], "left wing": []}', "not a list of whole numbers"),
        ('{"cap": [0], "left wing": []}', "gives region 0; they are 1 to 5"),
        ('{"cap": [1, 2], "left wing": [2]}', "gives region 2 to both 'cap' and 'left wing'"),
        ('{"cap": [1, 2, 3], "left wing": [4, 5]}', "gives every region away"),
        ("[" * 100_000, "no JSON object"),
        ('{"a":' * 100_000, "no JSON object"),
    ],
)
def test_answers_that_are_not_taken(answer, says):
    with pytest.raises(InputError, match=says):
        read_numbers(answer, PARTS, 5)


def test_the_last_object_with_all_parts_counts():
    assert read_numbers('{"cap": [1], "left wing": []} no: {"cap": [2, 2], "left wing": [4]} {"a": 1}', PARTS, 5) == {
        "cap": (2,),
        "left wing": (4,),
    }


def test_models_as_one_word(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("MINE", "m")
    monkeypatch.setenv("GEMINI_API_KEY", "g")
    local = LanguageModel("http://127.0.0.1:8000/v1/#qwen/vl:7b", "MINE").endpoint
    assert (local.provider, local.model, local.url, local.key) == (
        "openai", "qwen/vl:7b", "http://127.0.0.1:8000/v1", "m",
    )  # fmt: skip
    assert LanguageModel("http://127.0.0.1:8000/v1").endpoint.key == ""
    assert LanguageModel("gemini:pro").endpoint.key == "g"
    assert "m" not in LanguageModel("http://h/v1#x", "MINE").identity.values()
    with pytest.raises(InputError, match="OPENAI_API_KEY"):
        _ = LanguageModel("openai:x").endpoint
    for wrong in ("claude", "ftp://host/v1#m", "openai:", ""):
        with pytest.raises(InputError, match="http://HOST/v1#MODEL, openai:MODEL or gemini:MODEL"):
            LanguageModel(wrong)
