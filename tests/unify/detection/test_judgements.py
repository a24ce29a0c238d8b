"""Judgements between two answers, in any spelling: read where the words say it, asked for where they do not."""

from typing import Any

import pytest

from support.judged_rows import ANSWERS, OTHERS, QUESTIONS, make_rows, numbered_answers, two_answers
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.detection.side_words import SideWord, names_a_side, read_side
from unipref.unify.inspection import open_questions
from unipref.unify.proposal import propose

READ: list[tuple[str, dict[Any, Any]]] = [
    ("winner", {"A": "first", "B": "second", "tie": "tie"}),
    ("winner", {"model_a": "first", "model_b": "second", "tie (bothbad)": "tie", "both bad": "tie"}),
    ("winner", {"[[A]]": "first", "[[B]]": "second"}),
    ("verdict", {"A>B": "first", "B>A": "second", "A=B": "tie"}),
    ("k3", {"A > B": "first", "A < B": "second"}),
    ("preference", {"response_a": "first", "response_b": "second"}),
    ("k3", {"A is better": "first", "B is better": "second", "Both are equal": "tie"}),
    ("pref", {"A is worse": "second", "B is worse": "first"}),
    ("vote", {"Response A": "first", "Response B": "second", "neither": "tie"}),
]


@pytest.mark.parametrize(("name", "codes"), READ)
def test_a_winner_is_read_in_any_spelling(name: str, codes: dict[Any, str]) -> None:
    found = propose(two_answers(**{name: list(codes)}))
    assert found.format in ("pairs", "votes")
    assert found.map["codes"] == codes


ASKED: list[tuple[str, list[Any]]] = [
    ("label", ["a", "b"]),
    ("label", [0, 1]),
    ("label", [0, 1, 2]),
    ("choice", [1, 2]),
    ("loser", ["A", "B"]),
    ("worse_response", ["a", "b"]),
    ("least_preferred", ["A", "B"]),
    ("not_chosen", ["A", "B"]),
    ("better", ["first", "second"]),
    ("vote", ["left", "right"]),
    ("is_a_better", [True, False]),
    ("best_model", ["gpt-4", "claude"]),
    ("k3", ["A", "B"]),
]


@pytest.mark.parametrize(("name", "values"), ASKED)
def test_what_the_words_do_not_say_is_asked_for(name: str, values: list[Any]) -> None:
    found = propose(two_answers(**{name: values}))
    assert found.format in ("pairs", "votes")
    assert set(found.map["codes"].values()) == {PLACEHOLDER}


@pytest.mark.parametrize(
    ("name", "values", "codes"),
    [
        ("winner", [1, 2], {1: "first", 2: "second"}),
        ("winner", [0, 1], {0: PLACEHOLDER, 1: PLACEHOLDER}),
        ("winner", [0, 1, 2], {0: PLACEHOLDER, 1: PLACEHOLDER, 2: PLACEHOLDER}),
        ("label", [1, 2], {1: PLACEHOLDER, 2: PLACEHOLDER}),
        ("better", ["1", "2", "tie"], {1: "first", 2: "second", "tie": "tie"}),
        ("preferred_output", ["output_1", "output_2"], {"output_1": "first", "output_2": "second"}),
    ],
)
def test_a_number_names_an_answer_only_if_all_values_are_marks_in_the_names(
    name: str, values: list[Any], codes: dict[Any, str]
) -> None:
    assert propose(numbered_answers(**{name: values})).map["codes"] == codes


@pytest.mark.parametrize("values", [[1, 2], [0, 1], [0, 1, 2]])
def test_a_label_beside_two_answers_is_never_a_rating_of_the_first(values: list[int]) -> None:
    rows = make_rows({"prompt": QUESTIONS[:2], "response 1": ANSWERS, "response 2": OTHERS, "label": values}, count=24)
    found = propose(rows)
    assert found.format in ("pairs", "votes")
    assert not any("'ratings'" in doubt or "'thumbs'" in doubt for doubt in found.doubts)


def test_a_label_beside_two_short_answers_is_asked_for() -> None:
    rows = make_rows(
        {"question": QUESTIONS, "label": [1, 2],
         "answer_1": [f"No {i}." for i in range(12)], "answer_2": [f"Yes {i}." for i in range(12)]}
    )  # fmt: skip
    assert open_questions(propose(rows).map, "map")


def test_strengths_are_read_from_words_and_signs() -> None:
    found = propose(two_answers(judgment=["A>>B", "A>B", "A=B", "B>A", "B>>A"]))
    assert (found.format, found.map["codes"]) == (
        "graded_pair",
        {"A>>B": 2, "A>B": 1, "A=B": 0, "B>A": -1, "B>>A": -2},
    )
    found = propose(two_answers(k3=["A slightly better", "B much better", "equal"]))
    assert found.map["codes"] == {"A slightly better": 1, "B much better": -3, "equal": 0}


def test_several_criteria_are_not_the_votes_of_several_people() -> None:
    values = ["A", "B", "tie"]
    found = propose(two_answers(helpfulness_pref=values, overall_pref=values[::-1], safety_pref=values))
    assert found.map["votes"] == "overall_pref"
    assert found.confidence <= 0.5
    assert all(any(name in doubt for doubt in found.doubts) for name in ("helpfulness_pref", "safety_pref"))


def test_votes_of_several_people_in_a_list_are_read() -> None:
    votes = [[{"value": "response_a", "user": "u1"}, {"value": "response_b", "user": "u2"}], [{"value": "response_b"}]]
    found = propose(two_answers(preference=votes))
    assert (found.format, found.map["votes"]) == ("votes", "preference.*.value")
    assert found.map["codes"] == {"response_a": "first", "response_b": "second"}


def test_two_answers_without_a_judgement_are_asked_about() -> None:
    found = propose(two_answers(rating=[1, 5, 3]))
    assert open_questions(found.map, "map")
    assert any("'rating' looks like a score" in doubt for doubt in found.doubts)


def test_the_scores_of_chosen_and_rejected_show_their_direction() -> None:
    rows = make_rows({"prompt": QUESTIONS, "chosen": ANSWERS, "rejected": OTHERS})
    for better, (high, low) in {"high": ([5, 4], [1, 2]), "low": ([1, 2], [5, 4])}.items():
        scored = [{**row, "score_chosen": high[i % 2], "score_rejected": low[i % 2]} for i, row in enumerate(rows)]
        found = propose(scored)
        assert found.map["evidence"] == {
            "score": {"first": "score_chosen", "second": "score_rejected", "better": better}
        }
    mixed = [{**row, "score_chosen": i % 4, "score_rejected": 3 - i % 4} for i, row in enumerate(rows)]
    found = propose(mixed)
    assert "evidence" not in found.map
    assert found.confidence <= 0.5


def test_three_answers_are_a_ranking_or_a_choice_and_not_two_answers() -> None:
    three = {"prompt": QUESTIONS, "answer_1": ANSWERS, "answer_2": OTHERS, "answer_3": OTHERS[::-1]}
    ranks = [[1, 2, 3], [2, 3, 1], [3, 1, 2]]
    found = propose(make_rows({**three, **{f"rank_{i + 1}": rank for i, rank in enumerate(ranks)}}))
    assert (found.format, found.map["ranks"], found.map["better"]) == ("ranking", ["rank_1", "rank_2", "rank_3"], "low")
    scores = [[4, 2, 1], [5, 3, 1], [1, 1, 4]]
    found = propose(make_rows({**three, **{f"score_{i + 1}": score for i, score in enumerate(scores)}}))
    assert (found.format, found.map["scores"]["score"]["better"]) == ("rated_list", PLACEHOLDER)
    found = propose(make_rows({**three, "best": [1, 2, 3]}))
    assert (found.format, found.map["first"]) == ("multiple_choice", PLACEHOLDER)


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("A", SideWord("first")),
        ("assistant_b", SideWord("second")),
        ("B wins", SideWord("second", 2, speaks=True)),
        ("B is not better", SideWord(None)),
        ("B>A", SideWord("second", 1, speaks=True)),
        ("C>A", SideWord(None, speaks=True)),
        ("toss-up", SideWord("tie", speaks=True)),
        ("koala", SideWord(None)),
    ],
)
def test_the_side_that_a_value_names(value: str, word: SideWord) -> None:
    assert read_side(value, ("a", "b")) == word


@pytest.mark.parametrize("value", ["koala-13b", "gpt-4", "open_qa", "42", "see option b of the text below", ""])
def test_other_values_name_no_side(value: str) -> None:
    assert not names_a_side(value)


@pytest.mark.parametrize(
    ("value", "side"),
    [
        ("B is even better", "second"),
        ("both are bad", "tie"),
        ("neither is better", "tie"),
        ("both bad, A is better", None),
        ("even", "tie"),
        ("A is worse", "second"),
    ],
)
def test_a_sentence_about_one_answer_is_no_tie(value: str, side: str | None) -> None:
    assert read_side(value, ("a", "b")).side == side
