import re
from pathlib import Path

import pytest
from PIL import Image

from cast3d import Asset, InputError, Scene
from cast3d.scene import read_scene, slug, unique_slugs
from cast3d.scene.grammar import counts, sided
from cast3d.scene.terms import find_terms

PROMPT = "a boy wearing a Baseball Cap, wings and the boy's red backpack"


def scene(prompt: str, *terms: str, **rest) -> Scene:
    return Scene.make(prompt, {term: "p.png" for term in terms}, **rest)


def spans(prompt: str, *terms: str) -> dict[str, tuple[int, str]]:
    found = scene(prompt, *terms)
    return {term: (span.start, found.prompt[span.start : span.end]) for term, span in found.spans.items()}


def test_terms_bind_to_whole_words_of_the_prompt():
    assert spans(PROMPT, "boy", "baseball cap", "red backpack") == {
        "boy": (2, "boy"),
        "baseball cap": (16, "Baseball Cap"),
        "red backpack": (50, "red backpack"),
    }


@pytest.mark.parametrize("term", ["cap", "The  CAP", "a cap", "caps"])
def test_case_articles_spaces_and_one_plural_do_not_matter(term):
    assert list(spans("a boy wearing a cap", "boy", term).values())[1] == (16, "cap")


def test_a_singular_term_finds_its_plural_in_the_prompt():
    assert spans("a teddy bear with wings", "bear", "wing")["wing"] == (18, "wings")


def test_a_plural_that_could_be_two_things_is_refused():
    with pytest.raises(InputError, match=r"'caps' could be any of 'cap', 'cap'"):
        scene("a red cap and a blue cap", "caps")


def test_words_inside_words_do_not_count():
    for prompt in ("a boy with a capital letter", "a cap-shaped boy"):
        with pytest.raises(InputError, match="'cap' does not occur"):
            scene(prompt, "boy", "cap")


@pytest.mark.parametrize(
    "term, hint",
    [
        ("cpa", "did you mean 'cap'?"),
        ("red cap", "did you mean 'blue cap'?"),
        ("basebal cap", "did you mean"),
        ("zebra", "a term is one or more words of it: boy, wearing, blue, cap"),
    ],
)
def test_a_missing_term_names_the_nearest_phrase(term, hint):
    with pytest.raises(InputError, match="does not occur in the prompt") as caught:
        scene("a boy wearing a blue cap", "boy", term)
    assert hint in str(caught.value)


def test_overlapping_terms_take_an_occurrence_each():
    prompt = "a red cap and a cap"
    for order in (("cap", "red cap"), ("red cap", "cap")):
        assert spans(prompt, *order) == {"red cap": (2, "red cap"), "cap": (16, "cap")}
    assert spans("a red cap and a blue cap", "red cap", "blue cap") == {
        "red cap": (2, "red cap"),
        "blue cap": (16, "blue cap"),
    }
    # Taking the first place for each, in any order, would fail here.
    assert spans("x y z and y z", "y z", "x y") == {"x y": (0, "x y"), "y z": (10, "y z")}


def test_overlapping_terms_without_words_of_their_own_are_refused():
    for terms in (("cap", "red cap"), ("red cap", "cap")):
        with pytest.raises(InputError, match="belong to another term already"):
            scene("a boy and a red cap", "boy", *terms)


@pytest.mark.parametrize("twin", ["Cap", "the cap", " cap "])
def test_equal_terms_are_refused(twin):
    with pytest.raises(InputError, match="are the same"):
        scene("a cap on a cap", "cap", twin)


def test_many_occurrences_of_many_terms_are_placed_quickly():
    terms = [" ".join(["cap"] * n) for n in range(1, 9)]
    found = scene(" ".join(["cap"] * 40), *terms)
    assert sorted(span.end - span.start for span in found.spans.values()) == [4 * n - 1 for n in range(1, 9)]


@pytest.mark.parametrize(
    "prompt, message",
    [
        ("", "is empty"),
        (" \n\t ", "is empty"),
        (None, "is text"),
        ("a\x00cap", r"U\+0000"),
        ("a \u202ecap", r"U\+202E"),
    ],
)
def test_bad_prompts(prompt, message):
    with pytest.raises(InputError, match=message):
        scene(prompt, "cap")


@pytest.mark.parametrize("term", ["", "  ", "../cap", "a\\b", "cap\x07", "the", "!?", "\ud800", "x" * 81, 3, True])
def test_bad_terms(term):
    with pytest.raises(InputError):
        scene("a cap", term)


def test_between_one_and_eight_assets():
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    assert len(scene(" ".join(words), *words[:8]).assets) == 8
    for count in (0, 9):
        with pytest.raises(InputError, match="1 to 8 assets"):
            scene(" ".join(words), *words[:count])


@pytest.mark.parametrize(
    ("prompt", "main"),
    [
        ("a boy in a cap", "boy"),
        ("a boy wearing a cap", "boy"),
        ("a boy who wears a cap", "boy"),
        ("wearing a cap, a boy holding a cup", "boy"),
        ("a cap on a boy", "boy"),
        ("a cap on top of the boy", "boy"),
        ("a boy with a cap on his head", "boy"),
        ("a boy wearing a cap riding a horse", "horse"),
        ("a boy riding a horse with a saddle", "horse"),
        ("a boy holding a cap and a cup", "boy"),
        ("a boy and a cap", "cap"),  # the sentence does not say: the first that was given
        ("a boy next to a cap", "cap"),
    ],
)
def test_main_is_what_the_sentence_lets_carry_the_rest(prompt, main):
    made = scene(prompt, *(term for term in ("cap", "cup", "saddle", "horse", "boy") if term in prompt))
    assert made.main == main
    (note,) = [note for note in made.notes if "carries the other things" in note]
    assert repr(main) in note and ("first that was given" in note) is (" and a cap" in prompt or "next to" in prompt)


def test_words_within_terms_do_not_choose_the_main_thing():
    made = scene("a figure wearing a helmet with horns", "helmet with horns", "figure")
    assert made.main == "figure"


def test_another_seed_forgets_no_note():
    made = scene("a boy in a cap", "cap", "boy")
    assert made.notes and made.with_seed(3).notes == made.notes and made.with_seed(3).seed == 3
    with pytest.raises(InputError, match="seed"):
        made.with_seed(-1)


def test_a_main_thing_that_is_said_goes_first():
    made = scene("a boy in a cap", "boy", "cap", main="The Cap")
    assert made.main == "cap" and made.notes == []
    assert scene("a cap", "cap").notes == []
    with pytest.raises(InputError, match="did you mean 'boy'"):
        scene("a boy in a cap", "cap", "boy", main="boi")


@pytest.mark.parametrize("seed", [-1, 1.0, "1", True, 2**63])
def test_bad_seeds(seed):
    with pytest.raises(InputError, match="seed"):
        scene("a cap", "cap", seed=seed)


def test_pictures_may_be_shared_several_or_already_open():
    picture = Image.new("RGB", (4, 4))
    made = Scene.make("two twin owls, a hat", {"twin": "a.png", "owls": ["a.png", picture], "hat": Path("a.png")})
    assert [asset.images for asset in made.assets] == [(Path("a.png"),), (Path("a.png"), picture), (Path("a.png"),)]
    assert made["the Hat"] == Asset("hat", (Path("a.png"),))
    for wrong in ((), None, 3, [b""], {"a.png"}, "", ["a.png", None]):
        with pytest.raises(InputError, match="picture"):
            Scene.make("a hat", {"hat": wrong})


@pytest.mark.parametrize(
    ("prompt", "thing"),
    [
        ("a boy wearing a cap and a backpack", "backpack"),
        ("a boy wearing a plumed helmet and a cap", "plumed helmet"),
        ("a boy wearing a cap, a long sword and a map", "long sword"),
        ("a knight and a boy wearing a cap", "knight"),
    ],
)
def test_a_thing_without_a_picture_is_told_once(prompt, thing):
    notes = scene(prompt, "boy", "cap", main="boy").notes
    assert len([note for note in notes if repr(thing) in note and "no picture" in note]) == 1


@pytest.mark.parametrize(
    "prompt",
    [
        "a boy wearing a cap with a smile on a white background",
        "a boy in a heroic pose wearing a cap in the style of a toy",
        "a boy wearing a red cap",
        "a boy with a cap on his head and his hands up",
        "a small boy wearing a big red cap",
    ],
)
def test_what_is_no_thing_is_not_missed(prompt):
    assert scene(prompt, "boy", "cap", main="boy").notes == []


def test_what_no_layout_tells_apart_is_warned_of():
    pair = scene("a knight with a first sword and a second sword", "knight", "first sword", "second sword").warnings
    assert len(pair) == 1 and "differ by their order only" in pair[0] and "left, right" in pair[0]
    (warning,) = scene("a knight with several red swords", "knight", "several red swords").warnings
    assert "'several red swords'" in warning and "one part" in warning and "name and a picture of its own" in warning
    for prompt, terms in (
        ("a knight with feather wings", ["feather wings"]),
        ("a knight with a red sword and a blue sword", ["red sword", "blue sword"]),
        ("a knight with a left sword and a right sword", ["left sword", "right sword"]),  # the layout is asked
        ("a knight with two swords", ["two swords"]),
        ("a knight with one sword", ["sword"]),
    ):
        assert scene(prompt, "knight", *terms).warnings == []


@pytest.mark.parametrize(
    ("terms", "pairs"),
    [
        (("right sword", "knight", "left sword"), [("left sword", "right sword", 0)]),
        (("a back wheel", "the front wheel"), [("a back wheel", "the front wheel", 1)]),
        (("rear wheel", "front wheel"), [("rear wheel", "front wheel", 1)]),
        (("upper drawer", "lower drawer"), [("upper drawer", "lower drawer", 2)]),
        (("left front wheel", "right front wheel"), [("left front wheel", "right front wheel", 0)]),
        (("left front wheel", "right back wheel"), []),  # two words differ
        (("left sword", "right shield"), []),
        (("left sword", "left shield"), []),
        (("first sword", "second sword"), []),
        (("left sword", "sword"), []),
    ],
)
def test_pairs_that_their_side_tells_apart(terms, pairs):
    assert sided(terms) == pairs


@pytest.mark.parametrize(
    ("prompt", "term", "number"),
    [
        ("a knight with two swords", "swords", 2),
        ("a knight with two swords", "two swords", 2),
        ("a knight with 3 swords", "swords", 3),
        ("a knight with a sword", "sword", None),
        ("a knight with several swords", "swords", None),
        ("two knights with a sword", "sword", None),
    ],
)
def test_numbers_of_things(prompt, term, number):
    assert counts(prompt, find_terms(prompt, [term])).get(term) == number


# --- other scripts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "terms"),
    [
        ("टोपी और टोपा पहने लड़का", ("टोपी", "टोपा", "लड़का")),  # they differ by a vowel sign
        ("เด็กสวมหมวกและสะพายเป้", ("เด็ก", "หมวก", "เป้")),
        ("一个戴着红色帽子的男孩背着书包", ("红色帽子", "男孩", "书包")),
        ("帽子をかぶった少年とリュック", ("帽子", "少年", "リュック")),
        ("پسری با کلاه می‌پوشد و کوله‌پشتی", ("کلاه", "کوله‌پشتی")),
        ("мальчик в кепке с рюкзаком", ("мальчик", "кепке", "рюкзаком")),
        ("نَجمَة و نُجُوم", ("نَجمَة", "نُجُوم")),  # with vowel marks
        ("שָׁלוֹם עִם כּוֹבַע", ("שָׁלוֹם", "כּוֹבַע")),
        ("a 👩🏽‍🚒 with a 🎩", ("👩🏽‍🚒", "🎩")),
        ("a T恤 on a男孩", ("T恤", "男孩")),
    ],
)
def test_terms_of_any_script(prompt, terms):
    made = scene(prompt, *terms)
    assert [made.prompt[span.start : span.end] for span in made.spans.values()] == list(terms)
    assert len(set(made.slugs.values())) == len(terms) and "part" not in made.slugs.values()
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in made.slugs.values())
    assert all(name.strip("-") and "part" not in name for name in unique_slugs(terms).values())


def test_words_of_spaced_scripts_are_whole():
    for prompt, term in (("टोपीवाला लड़का", "टोपी"), ("टोपी", "टोप"), ("кепка", "кеп"), ("cafés", "cafe")):
        with pytest.raises(InputError, match="does not occur"):
            scene(prompt, term)


def test_a_sign_keeps_its_marks():
    with pytest.raises(InputError, match="did you mean 'เด็ก'"):
        scene("เด็กสวมหมวก", "เดก")
    with pytest.raises(InputError, match="sign for sign"):
        scene("一个戴着帽子的男孩", "鞋")


def test_joiners_make_no_difference_and_stand_within_words_only():
    assert scene("کوله‌پشتی", "کولهپشتی").main == "کولهپشتی"
    for prompt in ("‍a cap", "a ‍cap", "a​ cap"):
        with pytest.raises(InputError, match="invisible"):
            scene(prompt, "cap")


def test_decomposed_and_composed_letters_are_the_same():
    made = scene("a café", "café", main="CAFÉ")
    assert made.main == "café"


def test_slugs_are_safe_and_unique():
    assert slug("Baseball Cap!") == "baseball-cap" and slug("Größe") == "größe" and slug("帽子") == "帽子"
    assert slug("CON") == "part-con" and slug("com¹") == "part-com¹" and slug("..") == "part"
    assert len(slug("x" * 80)) == 40 and slug("café") == "café" and slug("🎩") == "🎩"
    long = slug("टोपी" * 20)
    assert len(long.encode()) <= 80 and long.endswith(("पी", "टो"))  # no letter without its vowel sign
    made = scene("帽子 猫 cap Cáp cap-2", "帽子", "猫", "cap", "Cáp", "cap-2")
    assert list(made.slugs.values()) == ["5e3d-5b50", "732b", "cap", "cap-2", "cap-2-2"]
    assert list(unique_slugs(["cap", "Cap!", "帽子", "帽 子"]).values()) == ["cap", "cap-2", "帽子", "帽-子"]


MAPPING = "prompt: a boy in a cap\nmain: boy\nassets:\n  cap: pictures/cap.png\n  boy: [a.png, /b.png]\n"
LIST = "prompt: a boy in a cap\nassets:\n  - {term: cap, image: cap.png}\n  - {term: boy, image: [boy.png]}\nseed: 4\n"


def test_scene_files_as_mapping_and_as_list(tmp_path):
    file = tmp_path / "scene.yaml"
    file.write_text(MAPPING)
    read = read_scene(file)
    assert (read.main, read.seed, read.terms) == ("boy", 0, ("cap", "boy"))
    assert read["cap"].images == (tmp_path / "pictures/cap.png",)
    assert read["boy"].images == (tmp_path / "a.png", Path("/b.png"))
    file.write_text(LIST + "backbone: bricks\nsettings: {steps: 3}\n")
    read = read_scene(str(file))
    assert (read.main, read.seed, read.backbone, read.settings) == ("boy", 4, "bricks", {"steps": 3})


@pytest.mark.parametrize(
    "text, message",
    [
        (MAPPING + "seeed: 1", "unknown key 'seeed'; did you mean 'seed'"),
        (LIST.replace("image: cap", "images: cap"), "unknown key 'images'; did you mean 'image'"),
        (MAPPING + "  boy: c.png", "'boy' stands there twice"),
        (MAPPING.replace("main: boy", "main: on"), "'main' is one of the terms, not True"),
        ("assets: {cap: a.png}", "'prompt' is missing"),
        ("prompt: a cap", "'assets' is missing"),
        ("prompt: a cap\nassets: cap", "mapping"),
        ("prompt: a cap\nassets: [cap]", "each entry"),
        ("prompt: a cap\nassets: {cap: 3}", "the picture of 'cap'"),
        ("prompt: a cap\nassets: {cap: c.png}\nsettings: [1]", "settings"),
        ("prompt: a no\nassets: {no: c.png}", "quotes"),
        ("- a", "holds the keys"),
        ("prompt: [", "not valid YAML"),
        ("prompt: a cap\nassets: {cap: cap.png}\nsettings: {free_fraction: 0,2}", "write numbers with a point, as 0.2"),
        ("prompt: !!python/object/apply:os.system [true]", "not valid YAML"),
        ("[" * 5000, "not valid YAML"),
        ("", "holds the keys"),
    ],
)
def test_scene_files_that_are_refused(tmp_path, text, message):
    file = tmp_path / "scene.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        read_scene(file)
    assert message in str(caught.value) and str(caught.value).startswith(str(file))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_scene_files_in_the_encodings_of_editors(tmp_path, encoding):
    file = tmp_path / "scene.yaml"
    file.write_bytes("prompt: a boy in a Mütze\nassets: {Mütze: a.png, boy: b.png}\n".encode(encoding))
    assert read_scene(file).terms == ("Mütze", "boy")
    file.write_bytes("prompt: a Mütze".encode("latin-1"))
    with pytest.raises(InputError, match="save it as UTF-8"):
        read_scene(file)


def test_the_home_folder_in_scene_files(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "scene.yaml").write_text("prompt: a cap\nassets: {cap: ~/cap.png}\n")
    assert read_scene("~/deep/scene.yaml")["cap"].images == (tmp_path / "cap.png",)
    assert Scene.make("a cap", {"cap": "~/cap.png"})["cap"].images == (tmp_path / "cap.png",)


@pytest.mark.parametrize(
    ("address", "fix"),
    [
        ("https://example.org/cap.png", "download it"),
        ("HTTP://example.org/cap.png", "download it"),
        ("s3://bucket/cap.png", "download it"),
        ("data:image/png;base64," + 500 * "A", "download it"),
        ("file:///home/me/cap.png", "give its path"),
    ],
)
def test_addresses_are_not_files(tmp_path, address, fix):
    (tmp_path / "scene.yaml").write_text(f"prompt: a cap\nassets: {{cap: '{address}'}}\n")
    for make in (
        lambda: Scene.make("a cap", {"cap": address}),
        lambda: Scene.make("a cap", {"cap": Path(address)}),
        lambda: read_scene(tmp_path / "scene.yaml"),
        lambda: read_scene(address),
    ):
        with pytest.raises(InputError, match=f"is an address .*only files are read: {fix}") as caught:
            make()
        assert len(str(caught.value)) < 800


def test_a_name_with_a_colon_is_a_file():
    assert Scene.make("a cap", {"cap": "C:/cap.png"})["cap"].images == (Path("C:/cap.png"),)
    assert Scene.make("a cap", {"cap": "12:30.png"})["cap"].images == (Path("12:30.png"),)


def test_missing_scene_file_names_the_nearest(tmp_path):
    (tmp_path / "scene.yaml").write_text(MAPPING)
    with pytest.raises(InputError, match=r"did you mean 'scene\.yaml'"):
        read_scene(tmp_path / "scen.yml")
    with pytest.raises(InputError, match="cannot be read"):
        read_scene(tmp_path)
