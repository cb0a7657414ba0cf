"""The user study: what its page gives away, how answers are read, and what intervals are made of them."""

from __future__ import annotations

import json
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cast3d.cli import app
from cast3d.errors import InputError
from cast3d.evaluation import opinions, questions, study
from cast3d.evaluation.results import read
from cast3d.evaluation.statistics import estimate
from cast3d.evaluation.suite import load_suite
from tests.evaluation.finished import CASES, COLORS, METHODS, write_results, write_suite


@pytest.fixture(scope="module", autouse=True)
def small_views():
    """Views are drawn small, which is faster."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(questions, "SIDE", 96)
        yield


@pytest.fixture(scope="module")
def handed_out(tmp_path_factory, small_views):
    """A study that was written; tests copy it."""
    folder = tmp_path_factory.mktemp("study")
    cases = write_suite(folder / "suite")
    content = write_results(folder / "out")
    study.write_study(folder / "out", content, cases)
    return folder


@pytest.fixture
def out(handed_out, tmp_path) -> Path:
    return shutil.copytree(handed_out / "out", tmp_path / "out")


def key_of(out: Path) -> dict:
    return json.loads((out / study.KEY).read_text())


def answers(out: Path, name: str, scores: dict[str, tuple[int, int]], **changes) -> Path:
    """A file as the page saves it; `scores` = method -> (faithfulness, rationality) on every case."""
    key = key_of(out)
    given = [
        {"mark": mark, "faithfulness": scores[run["method"]][0], "rationality": scores[run["method"]][1]}
        for mark, run in key["marks"].items()
        if run["method"] in scores
    ]
    file = out.parent / f"{name}.json"
    file.write_text(json.dumps({"study": key["study"], "rater": name, "answers": given} | changes))
    return file


def embedded(page: Path) -> dict:
    """The page's data."""
    (text,) = [part.partition("</script>")[0] for part in page.read_text().split('id="study">')[1:]]
    return json.loads(text)


# --- the page -------------------------------------------------------------------------------------------------------


def test_the_page_gives_no_method_away(out):
    page = out / "study" / "study.html"
    text = page.read_text()
    plain = text.replace(json.dumps(embedded(page)), "")
    data = embedded(page)
    for one in (image for part in data["rounds"] for image in [*part["pictures"], *part["objects"]]):
        assert one.pop("image").startswith("data:image/webp;base64,")
    assert not any(name in json.dumps(data) for name in METHODS)
    assert "cast3d study" in plain and "utc" not in plain and "lazy" not in plain
    assert [sorted(one) for one in data["rounds"][0]["objects"]] == [["mark"], ["mark"]]
    assert len(data["rounds"]) == 2 and data["rounds"][0]["pictures"][0]["term"] == "figure"
    marks = {object["mark"]: run for run in data["rounds"] for object in run["objects"]}
    key = key_of(out)["marks"]
    assert {(key[mark]["method"], key[mark]["case"]) for mark in marks} == {(m, c) for m in COLORS for c in CASES}
    assert all(not run["made"] for run in key.values() if run["method"] == "lazy")


def test_nothing_comes_from_or_goes_to_the_network(out):
    class Page(HTMLParser):
        policy = ""

        def handle_starttag(self, tag, attrs):
            given = dict(attrs)
            assert not {"src", "href", "action"} & set(given)
            if given.get("http-equiv") == "Content-Security-Policy":
                self.policy = given["content"]

    page = Page()
    page.feed((out / "study" / "study.html").read_text())
    assert page.policy.startswith("default-src 'none'; img-src data:;") and page.policy.count("'sha256-") == 2


def test_unchanged_objects_keep_their_marks(handed_out, out):
    before, cases = key_of(out), load_suite(handed_out / "suite")
    study.write_study(out, read(out), cases)
    assert key_of(out) == before
    changed = out / "cells" / "utc" / "alpha" / "0" / "model.glb"
    shutil.copy(out / "cells" / "utc" / "beta" / "0" / "model.glb", changed)
    study.write_study(out, read(out), cases)
    after = key_of(out)
    assert after["study"] == before["study"] and len(set(after["marks"]) - set(before["marks"])) == 1
    with pytest.raises(InputError, match="compares methods"):
        study.write_study(out, read(out) | {"runs": read(out)["runs"][:2]}, cases)


# --- answers --------------------------------------------------------------------------------------------------------


def test_answers_become_rows(out):
    rows = study.read_ratings(out, [answers(out, "ann", {"cast3d": (9, 8), "utc": (7, 4)})])
    assert len(rows) == 6
    assert {"rater": "ann", "method": "utc", "case": "beta", "seed": 0, "faithfulness": 7, "rationality": 4} in rows
    assert [row["rationality"] for row in rows if row["method"] == "lazy"] == [1, 1]  # made nothing


def test_answers_about_unchanged_objects_count_and_the_others_are_told(handed_out, out):
    before = answers(out, "ann", {"cast3d": (9, 8), "utc": (7, 4)})
    shutil.copy(out / "cells/utc/beta/0/model.glb", out / "cells/utc/alpha/0/model.glb")
    study.write_study(out, read(out), load_suite(handed_out / "suite"))
    told = []
    rows = study.read_ratings(out, [before], told.append)
    kept = {(row["method"], row["case"]) for row in rows}
    assert kept == {("cast3d", "alpha"), ("cast3d", "beta"), ("utc", "beta"), ("lazy", "alpha"), ("lazy", "beta")}
    assert told == [f"{before}: 1 of 4 answers left out; their objects have changed since the page was handed out"]
    with pytest.warns(UserWarning, match="1 of 4 answers left out"):
        assert study.read_ratings(out, [before]) == rows


def test_a_case_all_of_whose_objects_changed_counts_for_nobody(out):
    key = key_of(out)
    file = answers(out, "ann", {"cast3d": (9, 8), "utc": (7, 4)})
    key["marks"] = {m + ("x" if run["case"] == "alpha" else ""): run for m, run in key["marks"].items()}
    (out / study.KEY).write_text(json.dumps(key))
    assert {row["case"] for row in study.read_ratings(out, [file], lambda _: None)} == {"beta"}


def test_a_case_that_was_not_rated_counts_for_nobody(out):
    file = answers(out, "ann", {"cast3d": (9, 8), "utc": (7, 4)})
    content, marks = json.loads(file.read_text()), key_of(out)["marks"]
    content["answers"] = [one for one in content["answers"] if marks[one["mark"]]["case"] == "alpha"]
    file.write_text(json.dumps(content))
    assert {row["case"] for row in study.read_ratings(out, [file])} == {"alpha"}


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"study": "other"}, "another study"),
        ({"answers": [{"mark": "0"}, {"mark": "1"}]}, "none of the objects .* is still there"),
        ({"answers": 3}, "holds no answers"),
        ({"answers": [[]]}, "holds no answers"),
    ],
)
def test_unusable_answers(out, changes, says):
    with pytest.raises(InputError, match=says):
        study.read_ratings(out, [answers(out, "ann", {"cast3d": (9, 8)}, **changes)])


@pytest.mark.parametrize("score", [0, 11, "9", True, None])
def test_scores_are_numbers_from_one_to_ten(out, score):
    with pytest.raises(InputError, match="from 1 to 10"):
        study.read_ratings(out, [answers(out, "ann", {"cast3d": (score, 8)})])


def test_nobody_is_counted_twice(out):
    file = answers(out, "ann", {"cast3d": (9, 8)})
    with pytest.raises(InputError, match="there already"):
        study.read_ratings(out, [file, file])
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"answers": content["answers"] * 2}))
    with pytest.raises(InputError, match="twice"):
        study.read_ratings(out, [file])


def test_table_2_on_the_command_line(handed_out, out):
    files = [answers(out, name, {"cast3d": (9, 8), "utc": (7, shift)}) for name, shift in (("ann", 4), ("bob", 6))]
    done = CliRunner().invoke(app, ["study", "-o", str(out), *(f"--ratings={file}" for file in files)])
    assert done.exit_code == 0, done.output
    words = done.stdout.split()
    assert "aesthetic" not in words and {"8.50", "9.00", "5.00", "6.00"} <= set(words)
    assert len(read(out)["judges"][opinions.PEOPLE]) == 12 and read(out)["judges"]["someone"] == []
    made = CliRunner().invoke(app, ["study", str(handed_out / "suite"), "-o", str(out)])
    assert made.exit_code == 0 and "study.html" in made.stdout and "study-key.json" in made.stdout


# --- intervals ------------------------------------------------------------------------------------------------------


def rows_of(scores: dict[str, np.ndarray]) -> list[dict]:
    """method -> [raters, cases] as rows; NaN for what was not asked."""
    return [
        {"method": method, "case": f"c{j:02}", "seed": 0, "rater": f"r{i}", "faithfulness": float(value)}
        for method, grid in scores.items()
        for (i, j), value in np.ndenumerate(grid)
        if np.isfinite(value)
    ]


def test_one_rater_is_the_bootstrap_over_cases():
    values = np.random.default_rng(1).normal(6, 1, (1, 27))
    found = opinions.entries(rows_of({"a": values}), ["a"], "faithfulness")["a"].value
    plain = estimate({str(i): value for i, value in enumerate(values[0])})
    assert found.mean == pytest.approx(plain.mean) and found.cases == 27
    assert (found.low, found.high) == (pytest.approx(plain.low, abs=0.03), pytest.approx(plain.high, abs=0.03))


def test_raters_who_differ_widen_the_interval_of_a_mean_but_not_of_a_difference():
    rng = np.random.default_rng(2)
    mild_or_strict = np.array([-2.0, -1, 0, 1, 2])[:, None]
    a = 6 + mild_or_strict + rng.normal(0, 0.3, (5, 27))
    found = opinions.entries(rows_of({"a": a, "b": a - 1}), ["a", "b"], "faithfulness")
    assert found["a"].value.high - found["a"].value.low > 2
    change = found["b"].change
    assert (change.mean, change.low, change.high) == (pytest.approx(-1),) * 3 and found["b"].verdict == -1
    assert found["a"].change is None


def test_intervals_cover_the_truth_as_often_as_they_say():
    """Scores = rater + case + noise around a known mean; the double bootstrap is a little conservative."""
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(40):
        grid = 5 + rng.normal(0, 0.7, (12, 1)) + rng.normal(0, 0.7, (1, 20)) + rng.normal(0, 0.5, (12, 20))
        value = opinions.entries(rows_of({"a": grid}), ["a"], "faithfulness")["a"].value
        hits += value.low <= 5 <= value.high
    assert hits >= 35


def test_gaps_are_left_out_and_averages_take_what_there_is():
    grid = np.array([[4.0, np.nan], [6.0, 8.0]])
    found = opinions.entries(rows_of({"a": grid}), ["a", "b"], "average")
    assert found["a"].value.mean == 6 and found["b"].value is None
    assert opinions.entries([], ["a"], "average")["a"].value is None


# --- in a browser ---------------------------------------------------------------------------------------------------

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
RATE = """
setTimeout(async () => {
  const log = {blocked: [], shown: []};
  for (let round = 0; round < data.rounds.length; round += 1) {
    const next = document.querySelector("[data-go='1']");
    log.blocked.push(next.disabled);
    const images = [...document.images];
    for (let i = 0; i < 20 && !images.every((image) => image.complete); i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    log.shown.push(images.map((image) => image.naturalWidth > 0));
    document.querySelectorAll("input").forEach((input, i) => {
      input.value = 3 + i;
      input.dispatchEvent(new Event("input"));
    });
    log.blocked.push(next.disabled);
    next.click();
  }
  log.answers = JSON.parse(document.querySelector("[data-answers]").dataset.answers);
  log.link = document.querySelector("[data-answers]").href.slice(0, 5);
  document.documentElement.dataset.log = JSON.stringify(log);
}, 300);
"""


needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed (apt-get install chromium)")


def acted(handed_out, out, tmp_path, monkeypatch, before: str = "", after: str = "") -> dict:
    """What the page logs in a browser, with scripts added around its own."""
    own = study._own
    monkeypatch.setattr(study, "_own", lambda name: before + own(name) + after if name == "study.js" else own(name))
    page = study.write_study(out, read(out), load_suite(handed_out / "suite"))
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--dump-dom"]
    options += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=5000"]
    dom = subprocess.run(
        [BROWSER, *options, page.as_uri()], capture_output=True, text=True, timeout=120, check=True
    ).stdout

    class Root(HTMLParser):
        log = None

        def handle_starttag(self, tag, attrs):
            self.log = self.log or dict(attrs).get("data-log")

    root = Root()
    root.feed(dom)
    return json.loads(root.log)


@needs_browser
def test_people_can_answer_in_a_browser(handed_out, tmp_path, monkeypatch):
    out = shutil.copytree(handed_out / "out", tmp_path / "out")
    log = acted(handed_out, out, tmp_path, monkeypatch, after=RATE)
    assert log["blocked"] == [True, False] * 2 and log["link"] == "blob:"
    assert all(all(row) and len(row) == 3 + 2 for row in log["shown"])
    (tmp_path / "answers.json").write_text(json.dumps(log["answers"]))
    rows = study.read_ratings(out, [tmp_path / "answers.json"])
    assert sorted(row["faithfulness"] for row in rows if row["method"] != "lazy") == [3, 3, 5, 5]


REMEMBERED = """{
  const {study, version} = JSON.parse(document.getElementById("study").textContent);
  const place = `cast3d study ${study} rater`;
  %s
}
"""
TELL = """
document.documentElement.dataset.log = JSON.stringify({
  rater: answers().rater, kept: localStorage.getItem(`cast3d study ${data.study} rater`),
});
"""


@needs_browser
@pytest.mark.parametrize(
    "before",
    [
        'localStorage.setItem(place, "ann");',  # who answered an earlier version of the page
        'localStorage.setItem(`cast3d study ${study} ${version}`, JSON.stringify({rater: "ann", order: [0, 1],'
        "objects: [[], []], round: 2, scores: {}}));",  # who began before raters were kept by themselves
    ],
)
def test_a_person_stays_the_same_when_the_page_changes(handed_out, out, tmp_path, monkeypatch, before):
    log = acted(handed_out, out, tmp_path, monkeypatch, REMEMBERED % before, TELL)
    assert log == {"rater": "ann", "kept": "ann"}


@needs_browser
def test_a_new_person_is_remembered_apart_from_the_version(handed_out, out, tmp_path, monkeypatch):
    log = acted(handed_out, out, tmp_path, monkeypatch, after=TELL)
    assert log["rater"] == log["kept"] and len(log["rater"]) == 16
