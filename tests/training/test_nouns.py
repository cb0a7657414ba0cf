"""Nouns likened to known ones, from a WordNet of a few meanings."""

from __future__ import annotations

import pytest

from cast3d.backbones.bricks.words import Vocabulary
from training.bricks import nouns
from training.bricks.nouns import ANIMAL, ARTIFACT, PERSON, Head, WordNet, heads, likened, text

LICENCE = "  1 Whoever has WordNet has its licence at the top of every file.  \n"
# id, file, words, ids of what it is a kind of, gloss
MEANINGS = [
    ("00000001", "03", ["entity"], [], "all there is"),
    ("00000002", ARTIFACT, ["headdress", "headgear"], ["00000001"], "clothing for the head"),
    ("00000003", ARTIFACT, ["hat", "chapeau"], ["00000002"], "headdress with a brim"),
    ("00000004", ARTIFACT, ["fedora", "Stetson", "trilby"], ["00000003"], "a hat made of felt"),
    ("00000005", ARTIFACT, ["turban"], ["00000002"], "a headdress of wound cloth"),
    ("00000006", ARTIFACT, ["bat"], ["00000001"], "a club for hitting a ball"),
    ("00000007", ANIMAL, ["bat"], ["00000001"], "a nocturnal mammal"),
    ("00000008", ANIMAL, ["pipistrelle"], ["00000007"], "a small common bat"),
    ("00000009", ARTIFACT, ["beanball"], ["00000006"], "a trademark of a bat"),
    ("00000010", "07", ["felt"], ["00000001"], "a quality"),
    ("00000011", PERSON, ["man", "adult_male"], ["00000001"], "an adult person who is male"),
    ("00000012", PERSON, ["gentleman"], ["00000011"], "a man of refinement"),
    ("00000013", PERSON, ["lout"], ["00000011"], "an awkward man"),
    ("00000014", PERSON, ["Fedora"], ["00000011"], "a name"),
]
COUNTS = {"gentleman": 4, "trilby": 1}


TOLD = {
    "vague": "headgear", "left_out": "", "trades": "", "senses": {}, "people": {"man": 1}, "also": {},
    "more": {"man": "uncle"},
}  # fmt: skip


@pytest.fixture
def wordnet(tmp_path, monkeypatch):
    monkeypatch.setattr(nouns, "TOLD", TOLD)
    lines, senses = [], {}
    for id, file, words, above, gloss in MEANINGS:
        kinds = "".join(f" @ {one} n 0000" for one in above)
        spelt = " ".join(f"{word} 0" for word in words)
        lines.append(f"{id} {file} n {len(words):02x} {spelt} {len(above):03d}{kinds} | {gloss}  \n")
        for word in words:
            senses.setdefault(word.lower(), []).append(id)
    index = [f"{word} n {len(ids)} 0 {len(ids)} 0 {' '.join(ids)}  \n" for word, ids in sorted(senses.items())]
    (tmp_path / "data.noun").write_text(LICENCE + "".join(lines))
    (tmp_path / "index.noun").write_text(LICENCE + "".join(index))
    (tmp_path / "cntlist.rev").write_text("".join(f"{word}%1:06:00:: 1 {n}\n" for word, n in COUNTS.items()))
    (tmp_path / "verb.exc").write_text("drove drive\n")
    return WordNet(tmp_path)


VOCABULARY = Vocabulary(["a", "hat", "headdress", "bat", "man", "wings"])
KNOWN = [Head("bat", ANIMAL, 3), Head("hat", ARTIFACT, 5), Head("headdress", ARTIFACT, 2)]


def test_nouns_lead_to_synonyms_and_kinds_the_nearest_first(wordnet):
    assert likened(wordnet, KNOWN, VOCABULARY) == {
        "uncle": ("man",),  # told
        "gentleman": ("man",),  # in WordNet's texts, as a lout is not
        "chapeau": ("hat", "headdress"),
        "headgear": ("headdress",),
        "fedora": ("hat", "headdress"),
        "trilby": ("hat", "headdress"),
        "turban": ("headdress",),
        "pipistrelle": ("bat",),  # the animal, as the trained thing is one
    }  # no Stetson, which is a name; no beanball, which is a trade mark; no felt, which is no thing


def test_the_same_input_makes_the_same_bytes(wordnet):
    table = likened(wordnet, KNOWN, VOCABULARY)
    assert text(table) == text(likened(wordnet, list(reversed(KNOWN)), VOCABULARY))
    assert "trilby hat headdress\n" in text(table) and list(table) == sorted(table)


def test_a_word_that_is_not_known_stands_for_nothing(wordnet):
    table = likened(wordnet, [Head("headdress", ARTIFACT, 2)], Vocabulary(["a", "headdress"]))
    assert table["trilby"] == ("headdress",) and table["hat"] == ("headdress",)
    assert "gentleman" not in table and "pipistrelle" not in table


def test_heads_are_nouns_of_names():
    named = [("red hat", ARTIFACT), ("hat with wings", ARTIFACT), ("bat", ANIMAL), ("bat", ANIMAL), ("bat", ARTIFACT)]
    assert heads(named, VOCABULARY) == [Head("bat", ANIMAL, 3), Head("hat", ARTIFACT, 2)]
