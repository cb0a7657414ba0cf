"""`cast3d judge` and `cast3d study`: which results are meant, and what is printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cast3d.cli import app
from cast3d.evaluation import questions, study
from cast3d.evaluation.results import FILE, read
from cast3d.language.endpoints import Endpoint, Reply
from tests.evaluation.finished import write_results, write_suite

JUDGE = "openai:judge-1"
SCORES = '{"faithfulness": 8, "aesthetic": 6.5, "rationality": 9}'


@pytest.fixture
def out(tmp_path, monkeypatch) -> Path:
    """Finished results: methods cast3d, utc and lazy, which made nothing, on cases alpha and beta; drawn small."""
    monkeypatch.setattr(questions, "SIDE", 96)
    write_suite(tmp_path / "suite")
    write_results(tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def asked(monkeypatch) -> list:
    """Requests to the judge, which answers all alike."""
    requests = []
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setattr(Endpoint, "ask", lambda self, system, contents: requests.append(contents) or Reply(SCORES))
    return requests


def call(*arguments: str | Path, code: int = 0):
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    assert done.exit_code == code, done.output
    return done


def judge(out: Path, *arguments: str, code: int = 0):
    return call("judge", out.parent / "suite", f"--model={JUDGE}", "-o", out, *arguments, code=code)


def hand_out(out: Path, *arguments: str, code: int = 0):
    return call("study", out.parent / "suite", "-o", out, *arguments, code=code)


def rated(out: Path) -> Path:
    """One person's answers about a study that is written here."""
    hand_out(out)
    key = json.loads((out / study.KEY).read_text())
    marks = [mark for mark, run in key["marks"].items() if run["made"]]
    file = out.parent / "ann.json"
    answers = [{"mark": mark, "faithfulness": 5, "rationality": 6} for mark in marks]
    file.write_text(json.dumps({"study": key["study"], "rater": "ann", "answers": answers}))
    return file


def runs(rows: list[dict]) -> list[tuple]:
    return sorted((row["method"], row["case"], row["seed"]) for row in rows)


# --- which results --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), 4),
        (("-m", "utc"), 2),
        (("--cases=beta",), 2),
        (("-m", "utc,lazy", "--cases=beta", "--seeds=0"), 1),
    ],
)
def test_a_judge_is_asked_about_the_runs_that_are_named(out, asked, options, expected):
    dry = judge(out, "--dry-run", *options)
    assert dry.stderr.startswith(f"{expected} questions") and not asked
    shown = judge(out, *options).stdout
    assert len(asked) == expected
    assert ("cast3d" in shown) == ("-m" not in options)


def test_what_a_judge_said_of_other_runs_stays(out, asked):
    judge(out)
    before = runs(read(out)["judges"][JUDGE])
    told = json.loads(judge(out, "-m", "utc", "--cases=beta", "--json").stdout)
    assert runs(told["rows"]) == [("utc", "beta", 0)]
    assert runs(read(out)["judges"][JUDGE]) == before and len(before) == 6 and len(asked) == 4


def test_a_study_shows_the_runs_that_are_named(out):
    content = json.loads((out / FILE).read_text())
    content["seeds"] = [0, 1]
    for run in [dict(run) for run in content["runs"]]:
        content["runs"].append(run | {"seed": 1})
    (out / FILE).write_text(json.dumps(content))
    hand_out(out, "-m", "utc,cast3d", "--cases=alpha", "--seeds=1")
    marks = json.loads((out / study.KEY).read_text())["marks"]
    assert runs(marks.values()) == [("cast3d", "alpha", 1), ("utc", "alpha", 1)]


def test_methods_are_compared_with_the_first_that_is_named(out):
    file = rated(out)
    plain, turned = (call("study", "-o", out, f"--ratings={file}", *more).stdout for more in ((), ("-m", "lazy,utc")))
    assert plain.index("cast3d") < plain.index("utc") < plain.index("lazy")
    assert "cast3d" not in turned and turned.index("lazy") < turned.index("utc")
    assert len(read(out)["judges"]["people"]) == 6  # all are kept


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("-m", "cast4d"), "no method 'cast4d'; did you mean 'cast3d'"),
        (("--cases=gamma",), "no case 'gamma'"),
        (("--seeds=0,3",), "no seed 3"),
        (("--cases=,",), "--cases takes names"),
        (("--set=diffusion=0.5",), "No such option"),  # nothing is run
        (("--device=cpu",), "No such option"),
    ],
)
@pytest.mark.parametrize("command", [judge, hand_out])
def test_options_that_cannot_be_followed_are_refused(out, asked, options, says, command):
    before = (out / FILE).read_bytes()
    done = command(out, *options, code=2)
    assert says in done.stderr and done.stdout == "" and not asked
    assert (out / FILE).read_bytes() == before and not (out / study.KEY).exists()


# --- one JSON object ------------------------------------------------------------------------------------------------


def test_each_opinion_is_a_json_object(out, asked):
    file = rated(out)
    written = json.loads(hand_out(out, "--json").stdout)
    assert set(written) == {"study", "key"} and all(Path(path).is_file() for path in written.values())
    counted = json.loads(call("study", "-o", out, f"--ratings={file}", "--json").stdout)
    assert set(counted) == {"people"} and len(counted["people"]) == 6
    told = json.loads(judge(out, "--dry-run", "--price=2,10", "--json").stdout)
    assert told["judge"] == JUDGE and (told["asked"], told["known"]) == (4, 0) and told["cost"] > 0
    told = json.loads(judge(out, "--json").stdout)
    assert set(told) == {"judge", "rows"} and len(told["rows"]) == 6


def test_errors_are_json_too(out, asked):
    for done in (
        judge(out, "--cases=gamma", "--json", code=2),
        hand_out(out, "--cases=gamma", "--json", code=2),
        call("study", "-o", out, "--json", code=2),
    ):
        assert json.loads(done.stdout)["error"]["message"] in done.stderr


def test_the_list_of_methods_is_json_too():
    done = CliRunner().invoke(app, ["evaluate", "--list", "--json"])
    assert {"cast3d", "utc"} <= {method["name"] for method in json.loads(done.stdout)["methods"]}


def test_the_page_needs_a_suite(out):
    assert "needs the suite of the results" in call("study", "-o", out, code=2).stderr


def test_the_home_folder_is_found(out, asked, monkeypatch):
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(out.parent))
    rated(out)
    call("study", "~/suite", "-o", "~/out")
    assert "1 answers" in call("study", "-o", "~/out", "--ratings=~/ann.json").stdout
    call("judge", "~/suite", f"--model={JUDGE}", "-o", "~/out")
    assert len(asked) == 4


@pytest.mark.parametrize("gone", ["--judge", "--study", "--ratings"])
def test_evaluate_asks_for_no_opinions(out, gone):
    assert "No such option" in call("evaluate", out.parent / "suite", "-o", out, f"{gone}=x", code=2).stderr
