"""Fields whose names or values look like a judgement of the answer, and are none, or are one of another kind."""

from typing import Any

import pytest

from support.judged_rows import ANSWERS, OTHERS, QUESTIONS, make_rows, numbered_answers, one_answer, rival_answers
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.proposal import propose


def several(count: int) -> list[list[str]]:
    """Makes a list of so many answers for each question."""
    return [[f"{ANSWERS[(i + n) % 12]} Take {n}." for n in range(count)] for i in range(12)]


@pytest.mark.parametrize(
    ("best", "worst"),
    [("best_position", "worst_position"), ("chosen_idx", "rejected_idx"), ("winner_index", "loser_id")],
)
def test_the_place_of_the_worst_answer_is_a_judgement_too(best: str, worst: str) -> None:
    rows = make_rows({"prompt": QUESTIONS, worst: [1, 2, 0], "candidates": several(3), best: [0, 1, 2]})
    found = propose(rows)
    assert (found.format, found.map["answer"]) == ("multiple_choice", best)
    assert any(f"'{worst}' looks like a judgement" in doubt for doubt in found.doubts)
    assert found.confidence <= 0.5


@pytest.mark.parametrize("name", ["ppl", "mean_logprob", "nll", "token_entropy", "val_loss"])
def test_a_number_of_the_model_about_its_own_text_is_no_rating(name: str) -> None:
    numbers = [1.5, 7.25, 3.1, 4.4, 9.9, 2.2, 8.1, 5.5, 6.1, 3.3, 1.1, 2.9]
    assert propose(one_answer(**{name: numbers})).format == "demonstration"
    assert propose(rival_answers(**{name: numbers})).format == "demonstration"


@pytest.mark.parametrize("listed", ["documents", "retrieved_chunks", "citations", "search_hits"])
def test_the_score_of_a_document_does_not_rate_the_answer(listed: str) -> None:
    pages = [[{"title": "a page", "relevance_score": 0.5 + i / 30}] for i in range(12)]
    found = propose(rival_answers(**{listed: pages, "feedback": ["like", "dislike"]}))
    assert (found.format, found.map["label"]) == ("thumbs", "feedback")
    assert propose(one_answer(**{listed: pages})).format in (None, "demonstration")


def test_the_description_of_a_score_is_no_verdict() -> None:
    found = propose(one_answer(score1_description=["It is wrong."], rubric=["It is correct."], score=[1, 5, 3]))
    assert found.map["label"] == "score"
    found = propose(one_answer(scoring_criteria=["It is helpful."]))
    assert (found.format, "where" in found.map) == ("demonstration", False)


def test_the_description_of_a_problem_is_a_prompt() -> None:
    rows = make_rows({"problem_description": QUESTIONS, "answer": ANSWERS})
    assert propose(rows).map == {"prompt": "problem_description", "response": "answer"}


@pytest.mark.parametrize("names", [("human_answers", "gpt_answers"), ("doctor_replies", "chatbot_replies")])
def test_lists_by_author_are_not_good_and_bad_answers(names: tuple[str, str]) -> None:
    lists = [several(2)[i][: 1 + i % 2] for i in range(12)]
    rows = make_rows({"question": QUESTIONS, names[0]: several(2), names[1]: lists, "source": ["web", "book"]})
    assert propose(rows).format in (None, "demonstration")


@pytest.mark.parametrize("name", ["domain", "topic", "source"])
def test_a_sort_of_question_does_not_name_an_option(name: str) -> None:
    rows = make_rows({"question": QUESTIONS, "answers": several(2), name: ["maths", "law"]})
    assert propose(rows).map.get("answer") is None


def test_the_best_of_the_correct_answers_counts_once() -> None:
    good = several(2)
    rows = make_rows({"question": QUESTIONS, "best": [g[0] for g in good], "correct": good, "incorrect": [OTHERS[:2]]})
    found = propose(rows)
    assert (found.format, found.map["good"], found.map["bad"]) == ("groups", "correct", "incorrect")


def test_a_best_answer_of_its_own_is_read_as_well() -> None:
    rows = make_rows({"question": QUESTIONS, "best": OTHERS, "correct": several(2), "incorrect": [ANSWERS[:2]]})
    assert propose(rows).map["good"] == ["best", "correct"]


@pytest.mark.parametrize("order", ["shown_order", "display_order"])
def test_a_click_on_a_place_names_an_answer_only_with_the_order(order: str) -> None:
    found = propose(numbered_answers(**{order: ["12", "21"], "clicked_position": [0, 2, 1]}))
    assert (found.format, found.map["votes"]) == ("votes", "clicked_position")
    assert {*found.map["codes"].values()} == {PLACEHOLDER}
    assert found.map["where"] == {order: PLACEHOLDER}


@pytest.mark.parametrize(
    ("values", "settings"),
    [
        (["ok", "not ok"], {"up": ["ok"], "down": ["not ok"]}),
        (["OK", "NOK"], {"up": ["OK"], "down": ["NOK"]}),
        (["ok", "good", "bad"], {"up": ["good"], "down": ["bad"], "neutral": ["ok"]}),
    ],
)
def test_ok_praises_beside_not_ok_and_without_praise(values: list[str], settings: dict[str, Any]) -> None:
    found = propose(one_answer(verdict=values))
    assert {key: found.map[key] for key in settings} == settings


@pytest.mark.parametrize(
    ("names", "codes"),
    [
        (("Antwort 1", "Antwort 2", "Urteil Prüfer 1", "Urteil Prüfer 2"), ["Antwort 1", "Antwort 2", "gleich"]),
        (("Réponse A", "Réponse B", "Avis juge 1", "Avis juge 2"), ["Réponse A", "Réponse B", "égal"]),
    ],
)
def test_votes_in_another_language_name_the_answers(names: tuple[str, ...], codes: list[str]) -> None:
    first, second, *people = names
    votes = {people[0]: codes[:2] * 3 + codes[2:] * 2, people[1]: codes}
    found = propose(make_rows({"Question": QUESTIONS, first: ANSWERS, second: OTHERS, **votes}))
    assert (found.format, found.map["votes"]) == ("votes", people)
    assert found.map["codes"].get(codes[0]) in ("first", PLACEHOLDER)


def test_a_translation_and_its_reference_are_not_two_answers() -> None:
    rows = make_rows({"src": QUESTIONS, "mt": ANSWERS, "ref": OTHERS, "score": [12.0, 91.0, 66.0, 41.5]})
    found = propose(rows)
    assert (found.format, found.map["prompt"], found.map["response"]) == ("thumbs", "src", "mt")
    assert found.map["up"] == PLACEHOLDER
