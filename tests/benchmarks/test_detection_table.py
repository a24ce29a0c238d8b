"""The scoring of the detection table, with inspections made up for it, and the files of the table."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from detection_files.make import dev, held_out
from detection_files.make.files import MOST_BYTES, Made
from unipref.core import registry
from unipref.core.records import Reject
from unipref.sources import peek
from unipref.unify.mapping.paths import get_path

FOLDER = Path(__file__).parents[2] / "benchmarks"
FILES = Path(__file__).parents[1] / "detection_files"
MAKERS = [("dev", name) for name in dev.FILES] + [("test", name) for name in held_out.FILES]
KEYS = {"file", "about", "seen", "holds", "right"}
MORE_KEYS = {"judgements", "context", "where", "accept", "never", "needs", "silence"}
MEANINGS = {"first", "second", "tie", "none", "good", "bad", "neutral", "right", "wrong", "ask"}
PATHS = ("prompt", "response", "messages", "first", "second", "chosen", "rejected", "label", "answers", "options")
"""Settings whose paths start at the row, in most formats."""


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


scoring = load("detection_scoring")
table = load("detection_table")

TWO = {
    "holds": "judgements",
    "right": [
        {
            "format": ["pairs", "votes", "graded_pair"],
            "map": {
                "prompt": "q",
                "first": "a",
                "second": "b",
                "label": "winner",
                "codes": {"A": "first", "B": "second", "same": "tie", "skip": "none"},
            },
        }
    ],
    "judgements": ["winner"],
    "never": ["at"],
}
ONE = {
    "holds": "judgements",
    "right": [
        {
            "format": ["thumbs", "ratings"],
            "map": {
                "prompt": "q",
                "response": "a",
                "label": "mark",
                "codes": {"yes": "good", "no": "bad", "so-so": "neutral"},
            },
        }
    ],
    "judgements": ["mark"],
}
RATED = {
    "holds": "judgements",
    "right": [
        {"format": ["ratings"], "map": {"prompt": "q", "response": "a", "scores": {"stars": "high", "length": "ask"}}}
    ],
    "judgements": ["stars"],
    "context": ["system"],
    "needs": {"words": ["codes"]},
}


def outcome(
    truth: dict[str, Any], name: str | None, mapping: dict[str, Any] | None = None, doubt: str = "", **source: Any
):
    found = {
        "format": name,
        "map": mapping or {},
        "source": {"format": name, "map": mapping} | source,
        "doubts": [doubt],
        "notes": [],
        "confidence": 0.9,
    }
    return scoring.score(found, truth)


PAIR = {"prompt": "q", "first": "a", "second": "b", "label": "winner", "codes": {"A": "first", "B": "second"}}


@pytest.mark.parametrize(
    ("name", "changes", "kind"),
    [
        ("pairs", {}, "right"),
        ("pairs", {"codes": {"A": "first", "B": "second", "same": "tie"}}, "right"),
        ("pairs", {"codes": {"A": "?", "B": "?"}}, "asked"),
        ("pairs", {"codes": {"A": "second", "B": "first"}}, "false"),
        ("pairs", {"codes": {"A": "first"}}, "false"),
        ("pairs", {"codes": {"A": "first", "B": "second", "skip": "tie"}}, "false"),
        ("pairs", {"codes": {"A": "first", "B": "second", "both bad": "tie"}}, "right"),
        ("pairs", {"codes": {"A": "first", "B": "second", "skip": "?"}}, "asked"),
        ("pairs", {"label": "at"}, "false"),
        ("pairs", {"prompt": ["at", "q"]}, "false"),
        ("pairs", {"where": {"at": ["monday"]}}, "false"),
        ("pairs", {"keep": ["at"]}, "right"),
        ("pairs", {"first": "b", "second": "a"}, "false"),
        ("pairs", {"first": "b", "second": "a", "codes": {"A": "second", "B": "first"}}, "right"),
        ("ratings", {}, "false"),
        ("rated_list", {"codes": {"A": "?"}}, "false"),
    ],
)
def test_two_answers(name: str, changes: dict[str, Any], kind: str) -> None:
    assert outcome(TWO, name, PAIR | changes).kind == kind


def test_votes_and_grades_are_compared_as_labels() -> None:
    rest = {key: value for key, value in PAIR.items() if key != "label"}
    votes = rest | {"votes": ["winner"]}
    assert outcome(TWO, "votes", votes).kind == "right"
    grades = {key: value for key, value in PAIR.items() if key != "label"} | {
        "grade": "winner",
        "codes": {"A": 1, "B": -1},
    }
    assert outcome(TWO, "graded_pair", grades).kind == "right"
    assert outcome(TWO, "graded_pair", grades | {"codes": {"A": -1, "B": 1}}).reasons == [
        "code a: second",
        "code b: first",
    ]
    assert outcome(TWO, "graded_pair", grades | {"scale": {"first": 1, "second": 2}}).kind == "false"


THUMB = {"prompt": "q", "response": "a", "label": "mark", "up": ["yes"], "down": ["no"]}


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, "right"),
        ({"neutral": ["so-so"]}, "right"),
        ({"up": "?", "down": "?"}, "asked"),
        ({"up": ["no"], "down": ["yes"]}, "false"),
        ({"down": ["no", "so-so"]}, "false"),
        ({"down": ["so-so"]}, "false"),
        ({"up": [True], "down": [False]}, "false"),
        ({"response": "mark"}, "false"),
    ],
)
def test_thumbs(changes: dict[str, Any], kind: str) -> None:
    assert outcome(ONE, "thumbs", THUMB | changes).kind == kind


def test_thumbs_by_bounds() -> None:
    truth = {
        **ONE,
        "right": [{"format": ["thumbs"], "map": {**THUMB, "codes": {"5": "good", "3": "neutral", "1": "bad"}}}],
    }
    assert outcome(truth, "thumbs", THUMB | {"up": {"at_least": 4}, "down": {"at_most": 2}}).kind == "right"
    assert outcome(truth, "thumbs", THUMB | {"up": {"at_least": 3}, "down": {"at_most": 2}}).kind == "false"
    assert outcome(truth, "thumbs", THUMB | {"up": {"below": 4}, "down": {"above": 4}}).kind == "false"


def test_a_bound_can_be_asked() -> None:
    truth = {
        **ONE,
        "right": [{"format": ["thumbs"], "map": {**THUMB, "codes": {"5": "good", "3": "neutral", "1": "bad"}}}],
    }
    assert outcome(truth, "thumbs", THUMB | {"up": {"at_least": "?"}, "down": {"at_most": "?"}}).kind == "asked"
    assert outcome(truth, "thumbs", THUMB | {"up": {"at_least": "?"}, "down": {"at_least": 2}}).kind == "false"


def test_a_pattern_reads_the_number_in_a_label() -> None:
    truth = {**ONE, "right": [{"format": ["thumbs"], "map": {**THUMB, "codes": {"5 stars": "good", "1 star": "bad"}}}]}
    bounds = THUMB | {"up": {"at_least": 4}, "down": {"at_most": 2}}
    assert outcome(truth, "thumbs", bounds).kind == "false"
    assert outcome(truth, "thumbs", bounds | {"pattern": r"^(\d) star"}).kind == "right"


def test_names_of_the_sides_must_not_be_turned() -> None:
    named = {"prompt": "q", "first": "a", "second": "b", "label": "winner", "names": {"first": "m1", "second": "m2"}}
    truth = {"holds": "judgements", "right": [{"format": ["pairs"], "map": named}], "judgements": ["winner"]}
    swapped = {"first": "m2", "second": "m1"}
    assert outcome(truth, "pairs", named).kind == "right"
    assert outcome(truth, "pairs", named | {"names": swapped}).kind == "false"
    assert outcome(truth, "pairs", named | {"first": "b", "second": "a", "names": swapped}).kind == "right"


def test_a_mark_in_words_can_be_a_rating() -> None:
    scale = {"field": "mark", "better": "high", "codes": {"yes": 1, "no": 0}}
    rating = {"prompt": "q", "response": "a", "scores": {"mark": scale}}
    assert outcome(ONE, "ratings", rating).kind == "right"
    assert outcome(ONE, "ratings", rating | {"scores": {"mark": scale | {"better": "low"}}}).reasons == [
        "'mark' is turned"
    ]
    assert outcome(ONE, "ratings", rating | {"scores": {"mark": scale | {"better": "?"}}}).kind == "asked"
    assert outcome(ONE, "ratings", rating | {"scores": {"mark": {"field": "mark", "better": "high"}}}).kind == "false"


def test_a_doubt_names_a_field_in_quotes() -> None:
    mapping = {"prompt": "q", "response": "a", "scores": {"stars": {"field": "stars", "better": "high"}}}
    assert outcome(RATED, "ratings", mapping, "the system is fine").kind == "false"
    assert outcome(RATED, "ratings", mapping, "'system' is not read").kind == "right"
    assert outcome({**RATED, "context": ["system_1"]}, "ratings", mapping, "not read: system_1, b").kind == "right"
    assert (
        outcome({**RATED, "context": ["meta.system"]}, "ratings", mapping, "'meta.system.text' is not read").kind
        == "right"
    )


def test_a_doubt_can_name_a_code_without_a_meaning() -> None:
    mapping = THUMB | {"down": ["never"]}
    assert outcome(ONE, "thumbs", mapping).reasons == ["'no' has no meaning"]
    assert outcome(ONE, "thumbs", mapping, "values without a meaning: [maybe, no]").kind == "right"
    assert outcome(ONE, "thumbs", mapping, "values without a meaning: 'no'").kind == "right"
    assert outcome(ONE, "thumbs", mapping, "there is no doubt").kind == "false"


def test_a_question_in_place_of_the_label_passes_no_judgement_over() -> None:
    assert outcome(TWO, "pairs", PAIR | {"label": "?", "codes": "?"}).kind == "asked"


def test_a_denied_judgement_is_false_unless_it_is_asked() -> None:
    plain = {"prompt": "q", "response": "a"}
    assert outcome(ONE, "demonstration", plain).kind == "false"
    assert outcome(ONE, "demonstration", plain, doubt="'mark' looks like a judgement and is not read").kind == "false"
    assert outcome(ONE, "demonstration", plain | {"where": {"mark": ["?"]}}).kind == "asked"
    assert outcome(ONE, "demonstration", plain | {"where": {"mark": ["yes"]}}).kind == "false"
    assert outcome(ONE, "demonstration", plain | {"where": {"other": ["?"]}}).kind == "false"


@pytest.mark.parametrize(
    ("scores", "doubt", "kind"),
    [
        ({"stars": {"field": "stars", "better": "high"}}, "'system' is not read", "right"),
        ({"stars": {"field": "stars", "better": "?"}}, "'system' is not read", "asked"),
        ({"stars": {"field": "stars", "better": "low"}}, "'system' is not read", "false"),
        ({"stars": {"field": "stars", "better": "high"}}, "", "false"),
        ({"length": {"field": "length", "better": "high"}}, "'system', 'stars' are not read", "false"),
        ({"length": {"field": "length", "better": "?"}}, "'system', 'stars' are not read", "asked"),
        ({"length": {"field": "length", "better": "?"}}, "'system' is not read", "false"),
        ({"seconds": {"field": "seconds", "better": "?"}}, "'system', 'stars' are not read", "false"),
    ],
)
def test_scores(scores: dict[str, Any], doubt: str, kind: str) -> None:
    assert outcome(RATED, "ratings", {"prompt": "q", "response": "a", "scores": scores}, doubt).kind == kind


@pytest.mark.parametrize(
    ("field", "better", "doubt", "kind"),
    [
        ("?", "?", "'system' is not read; which of 'stars' and 'length' is the score", "asked"),
        (["?"], "?", "'system' is not read; which of 'stars' and 'length' is the score", "asked"),
        ("?", "?", "'system' is not read", "false"),
        ("other", "?", "'system' is not read; which of 'stars' and 'length' is the score", "false"),
        (["?", "other"], "?", "'system' is not read; which of 'stars' and 'length' is the score", "false"),
    ],
)
def test_a_score_whose_field_is_a_question_asks(field: Any, better: str, doubt: str, kind: str) -> None:
    mapping = {"prompt": "q", "response": "a", "scores": {"score": {"field": field, "better": better}}}
    assert outcome(RATED, "ratings", mapping, doubt).kind == kind


def test_codes_must_not_turn_a_scale() -> None:
    mapping = {"prompt": "q", "response": "a", "scores": {"stars": {"field": "stars", "better": "high"}}}
    doubt = "'system' is not read"
    for codes, kind in (({5: 5, 1: 1}, "right"), ({5: 1, 1: 5}, "false"), ({"N/A": None}, "right")):
        spec = mapping["scores"]["stars"] | {"codes": codes}  # type: ignore[index]
        assert outcome(RATED, "ratings", mapping | {"scores": {"stars": spec}}, doubt).kind == kind


def test_marks_of_several_people_can_be_ratings() -> None:
    marks = {"prompt": "q", "response": "a", "label": ["ann", "bob"], "codes": {"yes": "good", "no": "bad"}}
    truth = {
        "holds": "judgements",
        "right": [{"format": ["thumbs", "ratings"], "map": marks}],
        "judgements": ["ann", "bob"],
    }
    spec = {"field": ["ann", "bob"], "better": "high", "codes": {"yes": 1, "no": 0}}
    rating = {"prompt": "q", "response": "a", "scores": {"mark": spec}}
    assert outcome(truth, "ratings", rating).kind == "right"
    assert outcome(truth, "ratings", rating | {"scores": {"mark": spec | {"field": "ann"}}}).kind == "false"
    up = {"prompt": "q", "response": "a", "label": ["ann", "bob"], "up": ["yes"], "down": ["no"]}
    assert outcome(truth, "thumbs", up).kind == "right"
    assert outcome(truth, "thumbs", up | {"label": "ann"}).kind == "false"


def test_scores_in_words_need_codes() -> None:
    truth = {
        **RATED,
        "right": [{"format": ["ratings"], "map": {"prompt": "q", "response": "a", "scores": {"words": "high"}}}],
    }
    truth |= {"judgements": ["words"], "context": []}
    spec = {"field": "words", "better": "?"}
    assert outcome(truth, "ratings", {"prompt": "q", "response": "a", "scores": {"w": spec}}).kind == "false"
    spec |= {"codes": {"good": "?"}}
    assert outcome(truth, "ratings", {"prompt": "q", "response": "a", "scores": {"w": spec}}).kind == "asked"


def test_silence_is_right_only_where_there_is_nothing_to_read() -> None:
    assert outcome({"holds": "nothing", "right": []}, None).kind == "right"
    assert outcome({"holds": "nothing", "right": []}, "pairs", PAIR).kind == "false"
    assert outcome({"holds": "nothing", "right": []}, "pairs", PAIR | {"label": "?"}).kind == "asked"
    assert outcome(TWO, None).kind == "silent"
    assert outcome({**TWO, "silence": "right"}, None).kind == "right"


def test_rows_inside_rows() -> None:
    truth = {**TWO, "right": [TWO["right"][0] | {"records": "data"}]}
    assert outcome(truth, "pairs", PAIR, records="data").kind == "right"
    assert outcome(truth, "pairs", PAIR).kind == "false"
    assert outcome(TWO, "pairs", PAIR, records="data").kind == "false"


def test_judgements_inside_answers_are_used_by_relative_paths() -> None:
    right = {"prompt": "q", "answers": "items", "response": "text", "scores": {"marks.help": "high"}}
    truth = {
        "holds": "judgements",
        "right": [{"format": ["rated_list"], "map": right}],
        "judgements": ["items.*.marks", "items.*.best"],
    }
    scores = {"help": {"field": "marks.help", "better": "high"}}
    found = outcome(truth, "rated_list", right | {"scores": scores}, "'best' is not read")
    assert found.kind == "right"
    assert outcome(truth, "rated_list", right | {"scores": scores}).kind == "false"
    whole = {"help": {"field": "items.*.marks.help", "better": "high"}}
    assert outcome(truth, "rated_list", right | {"scores": whole}, "'best' is not read").kind == "right"


@pytest.mark.parametrize(
    ("changes", "kind"),
    [({"counted_from": 1}, "right"), ({"counted_from": "?"}, "asked"), ({"counted_from": 0}, "false"), ({}, "false")],
)
def test_a_place_must_be_counted_from_the_right_number(changes: dict[str, Any], kind: str) -> None:
    steps = {"prompt": "q", "steps": "lines", "first_wrong": "error"}
    right = {"format": ["steps"], "map": steps | {"counted_from": 1}}
    truth = {"holds": "judgements", "right": [right], "judgements": ["error"]}
    assert outcome(truth, "steps", steps | changes).kind == kind


def test_the_table_counts_outcomes_by_stated_confidence() -> None:
    results = [
        table.Result("dev", "a", "right", "pairs", 0.9, 0.1, []),
        table.Result("dev", "b", "false", "votes", 0.81, 0.2, ["label: at"]),
        table.Result("dev", "c", "asked", "thumbs", 0.8, 0.1, []),
        table.Result("test", "d", "silent", None, 0.0, 0.3, []),
    ]
    assert table.summarise(results) == [
        ["dev", 3, 1, 1, 0, 1, "0.20 s"],
        ["test", 1, 0, 0, 1, 0, "0.30 s"],
        ["all", 4, 1, 1, 1, 1, "0.30 s"],
    ]
    bins = {row[0]: row[1:] for row in table.calibrate(results)}
    assert bins["above 0.8"] == [2, "0.85", 1, 0, 0, 1, "50%"]
    assert bins["above 0.5 to 0.8"] == [1, "0.80", 0, 1, 0, 0, "100%"]
    assert bins["no proposal"] == [1, "0.00", 0, 0, 1, 0, "100%"]
    text = table.write_tables(results, {"dev/b": ["right", "pairs", 0.5, 0.1, []]})
    assert "| dev/b | right 0.50 | false 0.81 | votes | 200 ms | label: at |" in text


def test_a_crash_of_inspect_is_false(tmp_path: Path) -> None:
    missing = table.Case("dev", "x", tmp_path / "missing.jsonl", TWO)
    assert table.inspect(missing).kind == "false"


def test_inspect_is_scored_on_a_real_file(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    texts = [f'{{"prompt": "Why {n}?", "chosen": "Because {n}.", "rejected": "No idea {n}."}}\n' for n in range(3)]
    file.write_text("".join(texts), encoding="utf-8")
    right = {"format": ["pairs"], "map": {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"}}
    found = table.inspect(table.Case("dev", "x", file, {"holds": "judgements", "right": [right]}))
    assert (found.kind, found.format) == ("right", "pairs")


@pytest.mark.parametrize(("half", "name"), MAKERS)
def test_a_truth_is_complete_and_its_paths_exist(half: str, name: str) -> None:
    folder = FILES / half / name
    truth = yaml.safe_load((folder / "truth.yaml").read_text(encoding="utf-8"))
    assert KEYS <= set(truth) <= KEYS | MORE_KEYS
    assert truth["holds"] in ("judgements", "demonstrations", "nothing")
    assert (folder / truth["file"]).stat().st_size <= MOST_BYTES
    formats = {choice.name() for choice in registry.find_all("format")} | {"rated_turns"}
    rows = peek(folder / truth["file"], 60)
    for reading in truth["right"]:
        assert set(reading["format"]) <= formats
        assert {str(meaning) for meaning in reading["map"].get("codes", {}).values()} <= MEANINGS
        # Without codes, thumbs of either direction would pass.
        assert "codes" in reading["map"] or not {"thumbs", "rated_turns"} & set(reading["format"])
        if "orient" not in reading and "literals" not in reading["map"]:
            _check_paths(reading, rows)


def _check_paths(reading: dict[str, Any], rows: list[Any]) -> None:
    if reading.get("records") == ".":
        rows = [inner for row in rows for inner in row.values()]
    elif "records" in reading:
        rows = [inner for row in rows for inner in get_path(row, reading["records"])]
    elsewhere = {"multiple_choice": "first", "rated_turns": "label", "ranking": "response", "rated_list": "response"}
    relative = {elsewhere.get(name) for name in reading["format"]}
    for key in [key for key in PATHS if key not in relative]:
        paths = reading["map"].get(key, [])
        for path in paths if isinstance(paths, list) else [paths]:
            if path.startswith("parent.") and "records" in reading:
                continue
            assert any(_has(row, path) for row in rows), f"{key}: no row has '{path}'"


def _has(row: Any, path: str) -> bool:
    try:
        get_path(row, path)
    except Reject:
        return False
    return True


@pytest.mark.parametrize(("half", "name"), MAKERS)
def test_the_script_writes_the_same_file_again(half: str, name: str) -> None:
    made: Made = (dev.FILES if half == "dev" else held_out.FILES)[name]()
    truth = yaml.safe_load((FILES / half / name / "truth.yaml").read_text(encoding="utf-8"))
    assert truth == {"file": made.file} | made.truth
    content = (FILES / half / name / made.file).read_bytes()
    if made.file.endswith((".xlsx", ".parquet")):
        # Other versions of the libraries pack the same cells into other bytes.
        assert len(content) <= MOST_BYTES
    else:
        assert content == made.content


def test_there_are_enough_files_in_both_halves() -> None:
    assert len(dev.FILES) >= 230
    assert len(held_out.FILES) >= 60
    assert not set(dev.FILES) & set(held_out.FILES)
    assert {half for half in ("dev", "test") for _ in (FILES / half).iterdir()} == {"dev", "test"}
    assert {(path.parent.parent.name, path.parent.name) for path in FILES.glob("*/*/truth.yaml")} == set(MAKERS)
