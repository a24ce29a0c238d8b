"""Tests of the label check: its counts and verdicts, and that a contradiction stops the run."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import unipref
from unipref.core.errors import UserError
from unipref.core.judgements import NOBODY
from unipref.core.records import Axis, preference_schema
from unipref.unify.label_check import check_polarity, conclude, refuse_contradictions
from unipref.unify.label_votes import MAX_EXAMPLES, Votes

AXES = {"help": Axis("high"), "harm": Axis("low", 0, 1)}


Sides = tuple[float | None, float | None]


def judged(
    folder: Path,
    rows: list[dict[str, Sides]],
    alone: bool = False,
    contradictions: int = 0,
    groups: list[str] | None = None,
) -> dict[str, Any]:
    """The verdict on preferences of one source, given axis -> (chosen, rejected) for each."""
    turn = [{"role": "assistant", "content": "x"}]
    columns = ["source", "group", "chosen", "rejected", "axes", "origin"]
    schema = pa.schema([preference_schema().field(name) for name in columns])
    table = [
        {
            "source": "s",
            "group": groups[number - 1] if groups else f"g{number}",
            "chosen": turn,
            "rejected": None if alone else turn,
            "axes": [{"axis": axis, "chosen": a, "rejected": b} for axis, (a, b) in row.items()],
            "origin": [f"f:{number}"],
        }
        for number, row in enumerate(rows, 1)
    ]
    pq.write_table(pa.Table.from_pylist(table, schema), folder / "p.parquet")
    return check_polarity([folder / "p.parquet"], None, {"s": AXES}, {"s": contradictions})["s"]


FOR, AGAINST, NEITHER = {"help": (5.0, 1.0)}, {"help": (1.0, 5.0)}, {"help": (3.0, 3.0)}
# The lead in standard deviations is (for - against) / sqrt(for + against); 2.326 is 1 % on one side.
VERDICTS = [
    (0, 0, "unknown"),
    (7, 0, "unknown"),
    (0, 7, "unknown"),
    (8, 0, "no_contradiction"),  # 8 / 2.83 = 2.83
    (0, 8, "contradicts"),
    (6, 4, "unknown"),  # Wilson's interval of 0.4 begins at 0.17
    (60, 40, "mixed"),  # 20 / 10 = 2, and Wilson's interval of 0.4 begins at 0.31
    (40, 60, "mixed"),
    (62, 38, "mixed"),  # 24 / 10 = 2.4, but up to 48 % may be turned round
    (38, 62, "contradicts"),
    (95, 5, "no_contradiction"),
    (700, 300, "mixed"),
]


@pytest.mark.parametrize(("agree", "against", "verdict"), VERDICTS)
def test_verdicts_by_hand(agree: int, against: int, verdict: str, tmp_path: Path) -> None:
    found = judged(tmp_path, [FOR] * agree + [NEITHER] * 5 + [AGAINST] * against)
    assert (found["verdict"], found["agree"], found["against"]) == (verdict, agree, against)
    assert found["by_axis"] == ({"help": [agree, against]} if agree + against else {})
    assert found["examples"] == [f"f:{agree + 5 + n}" for n in range(1, against + 1)][:MAX_EXAMPLES]


def test_a_low_score_counts_for_an_answer_if_low_is_better(tmp_path: Path) -> None:
    found = judged(tmp_path, [{"harm": (0.1, 0.9)}] * 9)
    assert (found["verdict"], found["by_axis"]) == ("no_contradiction", {"harm": [9, 0]})


def test_each_preference_counts_once_by_the_majority_of_its_axes(tmp_path: Path) -> None:
    split = {"help": (5.0, 1.0), "harm": (0.9, 0.1)}
    both = {"help": (1.0, 5.0), "harm": (0.9, 0.1)}
    found = judged(tmp_path, [split] * 20 + [both] * 9)
    assert (found["verdict"], found["agree"], found["against"]) == ("contradicts", 0, 9)
    assert found["by_axis"] == {"help": [20, 9], "harm": [0, 29]}


def test_a_missing_score_and_an_axis_without_direction_do_not_count(tmp_path: Path) -> None:
    found = judged(tmp_path, [{"help": (None, 1.0), "length": (1.0, 9.0)}] * 20)
    assert found["verdict"] == "unknown"


def test_a_one_sided_preference_is_compared_to_the_middle_of_the_scale(tmp_path: Path) -> None:
    found = judged(tmp_path, [{"harm": (0.1, None)}] * 9 + [{"harm": (0.5, None), "help": (5.0, None)}], alone=True)
    assert (found["verdict"], found["by_axis"]) == ("no_contradiction", {"harm": [9, 0]})


def test_a_row_that_contradicts_itself_counts_against_the_labels(tmp_path: Path) -> None:
    found = judged(tmp_path, [FOR] * 2, contradictions=20)
    assert (found["verdict"], found["agree"], found["against"]) == ("contradicts", 2, 20)


def test_the_error_names_source_figures_examples_and_the_fix(tmp_path: Path) -> None:
    books = {"s": {"scales": [], "opposed": [], "polarity": judged(tmp_path, [AGAINST] * 9 + [FOR])}}
    with pytest.raises(UserError) as caught:
        refuse_contradictions(books, accepted=set())
    assert caught.value.where == "source s"
    assert "for the chosen answer in 1 of 10 preferences" in caught.value.what
    assert "(for:against by axis: help 1:9)" in caught.value.what
    assert "Examples against: f:1; f:2; f:3." in caught.value.what
    assert "accept_polarity" in (caught.value.mend or "")
    refuse_contradictions(books, accepted={"s"})


def source(form: str, mapping: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"sources": [{"name": "mine", "format": form, "map": mapping, **more}], "workers": 1}


def verdict(study: dict[str, Any], rows: list[dict[str, Any]], out: Path) -> str:
    """What the run says of the one source; 'stopped: source mine' where it stops on it."""
    try:
        unipref.unify_feedback(study, out, rows={"mine": rows})
    except UserError as error:
        return f"stopped: {error.where}"
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    return str(manifest["sources"]["mine"]["polarity"]["verdict"])


RATED = [
    {"q": f"q{i}", "a": f"{side} {i}", "overall": score, "harm": 1 - score / 5}
    for i in range(12)
    for side, score in (("good", 4), ("bad", 1))
]


@pytest.mark.parametrize(("better", "expected"), [("high", "no_contradiction"), ("low", "stopped: source mine")])
def test_a_direction_the_wrong_way_round_stops_the_run(better: str, expected: str, tmp_path: Path) -> None:
    scores = {"overall": {"field": "overall", "better": better}, "harm": {"field": "harm", "better": "low"}}
    study = source("ratings", {"prompt": "q", "response": "a", "scores": scores})
    assert verdict(study, RATED, tmp_path / "run") == expected


def test_an_accepted_polarity_does_not_stop_the_run(tmp_path: Path) -> None:
    scores = {"overall": {"field": "overall", "better": "low"}, "harm": {"field": "harm", "better": "low"}}
    study = source("ratings", {"prompt": "q", "response": "a", "scores": scores}, accept_polarity=True)
    assert verdict(study, RATED, tmp_path / "run") == "contradicts"


def test_the_axes_of_a_weighted_mean_are_not_evidence_for_it(tmp_path: Path) -> None:
    scores = {
        "overall": {"field": "overall", "better": "high", "low": 0, "high": 5},
        "harm": {"field": "harm", "better": "low", "low": 0, "high": 1},
    }
    study = source("ratings", {"prompt": "q", "response": "a", "scores": scores}, axis={"overall": 1, "harm": 1})
    assert verdict(study, RATED, tmp_path / "run") == "unknown"


CODES = [({1: "first", 0: "second"}, "no_contradiction"), ({0: "first", 1: "second"}, "stopped: source mine")]


@pytest.mark.parametrize(("codes", "expected"), CODES, ids=["right", "swapped"])
def test_codes_the_wrong_way_round_stop_the_run(codes: dict[int, str], expected: str, tmp_path: Path) -> None:
    rows = [{"q": f"q{i}", "a": "x", "b": "y", "l": i % 2, "va": 9 * (i % 2), "vb": 5} for i in range(12)]
    evidence = {"votes": {"first": "va", "second": "vb", "better": "high"}}
    mapping = {"prompt": "q", "first": "a", "second": "b", "label": "l", "codes": codes, "evidence": evidence}
    assert verdict(source("pairs", mapping), rows, tmp_path / "run") == expected


@pytest.mark.parametrize(("answer", "expected"), [("key", "no_contradiction"), ("turned", "stopped: source mine")])
def test_a_second_answer_field_is_evidence(answer: str, expected: str, tmp_path: Path) -> None:
    rows = [{"q": f"q{i}", "o": ["x", "y"], "key": i % 2, "turned": 1 - i % 2} for i in range(12)]
    mapping = {"prompt": "q", "options": "o", "answer": answer, "check": "key", "first": 0}
    assert verdict(source("multiple_choice", mapping), rows, tmp_path / "run") == expected


@pytest.mark.parametrize(("wrong", "expected"), [(1, "no_contradiction"), (23, "stopped: source mine")])
def test_solutions_that_miss_the_target_unmarked_count_against_the_labels(
    wrong: int, expected: str, tmp_path: Path
) -> None:
    right = [{"p": f"{i} + 0", "s": [f"{i} + 0 = {i}"], "m": None, "a": f"{i}", "t": f"{i}"} for i in range(24 - wrong)]
    missed = [{"p": f"{i} + 1", "s": [f"{i} + 1 = 0"], "m": None, "a": "0", "t": f"{i + 1}"} for i in range(wrong)]
    mapping = {"prompt": "p", "steps": "s", "first_wrong": "m", "answer": "a", "target": "t"}
    assert verdict(source("steps", mapping), right + missed, tmp_path) == expected
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["sources"]["mine"]["rejected"] == {"contradiction": wrong}


def rated_rows(prompts: int, raters: int = 4) -> list[dict[str, Any]]:
    """Two rated answers to each prompt; the further axis agrees with the label."""
    return [
        {"q": f"q{i}", "a": f"{side} {i}", "overall": score, "harm": 1 - score / 5, "who": f"r{i % raters}"}
        for i in range(prompts)
        for side, score in (("good", 1 + i % 4), ("bad", 0))
    ]


def turn(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "overall": 5 - row["overall"]}


SCORES = {"overall": {"field": "overall", "better": "high"}, "harm": {"field": "harm", "better": "low"}}
BY_RATER = source("ratings", {"prompt": "q", "response": "a", "scores": SCORES, "annotator": "who"}, axis="overall")


def polarity(out: Path) -> dict[str, Any]:
    record = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["sources"]["mine"]["polarity"]
    assert isinstance(record, dict)
    return record


@pytest.mark.parametrize("one_in", [3, 10])
def test_rows_that_are_turned_round_are_never_called_right(one_in: int, tmp_path: Path) -> None:
    rows = [turn(row) if int(row["q"][1:]) % one_in == 0 else row for row in rated_rows(200, raters=7)]
    assert verdict(BY_RATER, rows, tmp_path) == ("mixed" if one_in == 3 else "no_contradiction")
    record = polarity(tmp_path)
    estimate, low, high = record["turned"]
    assert low <= 1 / one_in <= high
    assert estimate is None or estimate == pytest.approx(1 / one_in, abs=0.06)
    assert record["prompts"] == 200


def test_a_rater_whose_labels_are_all_turned_round_is_named(tmp_path: Path) -> None:
    rows = [turn(row) if row["who"] == "r2" else row for row in rated_rows(80)]
    assert verdict(BY_RATER, rows, tmp_path) == "mixed"
    record = polarity(tmp_path)
    assert record["by_rater"][0] == ["r2", 0, 20, "contradicts"]
    assert [name for name, _, _, word in record["by_rater"] if not word] == ["r0", "r1", "r3"]
    assert "against most labels of r2" in record["why"]


def test_a_file_that_is_read_the_wrong_way_round_stops_the_run(tmp_path: Path) -> None:
    rows = rated_rows(40)
    for name, part in (("a", rows[:40]), ("b", list(map(turn, rows[40:])))):
        lines = "".join(json.dumps(row) + "\n" for row in part)
        (tmp_path / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    entry = {**BY_RATER["sources"][0], "path": "*.jsonl"}
    study = {**BY_RATER, "sources": [entry], "data_root": str(tmp_path)}
    with pytest.raises(UserError) as caught:
        unipref.unify_feedback(study, tmp_path / "run")
    assert "the labels of b.jsonl contradict the data" in caught.value.what
    accepted = {**study, "sources": [{**entry, "accept_polarity": True}]}
    unipref.unify_feedback(accepted, tmp_path / "accepted")
    assert polarity(tmp_path / "accepted")["by_file"] == [["b.jsonl", 0, 20, "contradicts"], ["a.jsonl", 20, 0, ""]]


def test_two_sources_that_order_ten_answers_to_a_few_prompts_oppositely_are_not_opposed(tmp_path: Path) -> None:
    # Ten pairs of answers to each of four prompts are opposite, but four prompts are too few for a conclusion.
    rows = [{"q": f"q{i % 4}", "a": f"answer {i // 4} of {i % 4}", "s": i // 4} for i in range(20)]
    entry = source("ratings", {"prompt": "q", "response": "a", "scores": {"s": {"field": "s", "better": "high"}}})
    one = entry["sources"][0]
    study = {**entry, "sources": [one, {**one, "name": "other"}], "unify": {"pairs": "all"}}
    turned = [{**row, "s": 4 - row["s"]} for row in rows]
    unipref.unify_feedback(study, tmp_path, rows={"mine": rows, "other": turned})
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["sources"]["mine"]["opposed"] == []


def test_ten_preferences_with_one_vote_count_once(tmp_path: Path) -> None:
    # Each prompt has one vote that all its ten preferences share: 12 of 20 prompts against is no contradiction.
    rows = [AGAINST] * 120 + [FOR] * 80
    found = judged(tmp_path, rows, groups=[f"g{at // 10}" for at in range(200)])
    assert found["prompts"] == 20
    assert found["verdict"] == "mixed"
    assert judged(tmp_path, rows)["verdict"] == "contradicts"


def votes(sign: list[int], prompt: list[int], rater: list[int], n_raters: int = 1) -> Votes:
    return Votes(
        sign=np.array(sign),
        gap=np.ones(len(sign)),
        prompt=np.array(prompt),
        rater=np.array(rater),
        file=np.zeros(len(sign), dtype=np.int64),
        raters=[f"rater {number}" for number in range(n_raters)],
        files=["a.jsonl"],
        by_axis={},
        examples=[],
    )


@pytest.mark.parametrize("most", [30, 60, 120])
def test_one_prompt_with_most_of_the_votes_decides_nothing(most: int) -> None:
    """Eight prompts count here as about one independent vote, however often the one was voted on."""
    sign = [-1] * (most + 7)
    record = conclude(votes(sign, [0] * most + list(range(1, 8)), [NOBODY] * len(sign)))
    assert record["verdict"] == "unknown"


def test_raters_of_few_prompts_are_counted_and_only_one_of_many_contradicts() -> None:
    """Rater 0 votes against 200 prompts, each of a thousand others for one prompt."""
    record = conclude(votes([-1] * 200 + [1] * 1000, list(range(1200)), [0] * 200 + list(range(1, 1001)), 1001))
    assert record["verdict"] == "mixed"
    assert record["by_rater"][0] == ["rater 0", 0, 200, "contradicts"]
    assert record["by_rater"][1][1:] == [1, 0, ""]
