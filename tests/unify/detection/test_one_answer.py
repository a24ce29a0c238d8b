"""Verdicts on one answer, in any spelling: read as they say, asked for, or at least a doubt that stops the entry."""

from typing import Any

import pytest

from support.judged_rows import ANSWERS, QUESTIONS, make_rows, one_answer, rival_answers
from unipref.core import registry
from unipref.core.contracts import read_all
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.inspection import open_questions
from unipref.unify.proposal import propose

# name of the field, its values, and which of them are thumbs up and thumbs down; None: asked for
THUMBS: list[tuple[str, list[Any], list[Any] | None, list[Any] | None]] = [
    ("feedback", ["👍", "👎"], ["👍"], ["👎"]),
    ("k7", ["👍🏽", "👎🏻"], ["👍🏽"], ["👎🏻"]),
    ("emoji", ["😀", "😡"], ["😀"], ["😡"]),
    ("payload", [":+1:", ":-1:"], [":+1:"], [":-1:"]),
    ("feedback", ["thumbs_up", "thumbs_down"], ["thumbs_up"], ["thumbs_down"]),
    ("feedback", ["accept", "reject"], ["accept"], ["reject"]),
    ("status", ["approved", "rejected"], ["approved"], ["rejected"]),
    ("reaction", ["like", "dislike"], ["like"], ["dislike"]),
    ("review", ["Pass", "FAIL"], ["Pass"], ["FAIL"]),
    ("verdict", ["correct", "incorrect"], ["correct"], ["incorrect"]),
    ("human_eval", ["✓", "✗"], ["✓"], ["✗"]),
    ("is_helpful", ["yes", "no", "n/a"], ["yes"], ["no"]),
    ("Was this helpful?", ["Yes", "No"], ["Yes"], ["No"]),
    ("contains_hallucination", ["No", "Yes"], ["No"], ["Yes"]),
    ("rejected", [True, False], [False], [True]),
    ("liked", [1, 0], [1], PLACEHOLDER),
    ("thumbs", [1, -1], [1], [-1]),
    ("user_feedback", [True, False, None], None, None),
    ("not_helpful", ["yes", "no"], None, None),
    ("label", [True, False], None, None),
    ("label", [0, 1], None, None),
    ("sentiment", ["positive", "negative"], None, None),
    ("toxicity", ["good", "bad"], ["good"], ["bad"]),
    ("resolved", ["yes", "no"], None, None),
    ("x", [True, False], None, None),
]


@pytest.mark.parametrize(("name", "values", "up", "down"), THUMBS)
def test_thumbs_are_read_as_their_words_say_or_asked_for(
    name: str, values: list[Any], up: list[Any] | None, down: list[Any] | None
) -> None:
    found = propose(one_answer(**{name: values}))
    assert found.format == "thumbs"
    assert found.map["label"] in (name, PLACEHOLDER)
    expected = (PLACEHOLDER, PLACEHOLDER) if up is None else (up, down)
    assert (found.map["up"], found.map["down"]) == expected


def test_three_values_have_a_neutral_one_that_is_neither_side() -> None:
    rows = one_answer(feedback=["helpful", "unhelpful", "neutral"])
    found = propose(rows)
    assert (found.map["up"], found.map["down"], found.map["neutral"]) == (["helpful"], ["unhelpful"], ["neutral"])
    (form,) = [registry.make("format", found.format or "", found.map, "map")]
    read = read_all(form, rows[:3])
    assert [getattr(item, "reason", None) for item in read].count(None) == 2


WORDS: list[tuple[str, list[str], list[str], str]] = [
    (
        "feedback",
        ["Agree", "Strongly disagree", "Neutral", "Strongly agree", "Disagree"],
        ["Strongly disagree", "Disagree", "Neutral", "Agree", "Strongly agree"],
        PLACEHOLDER,
    ),
    ("quality", ["good", "poor", "excellent", "fair"], ["poor", "fair", "good", "excellent"], "high"),
    (
        "csat",
        ["Satisfied", "Very satisfied", "Very dissatisfied", "Dissatisfied"],
        ["Very dissatisfied", "Dissatisfied", "Satisfied", "Very satisfied"],
        "high",
    ),
    (
        "correctness",
        ["correct", "partially correct", "incorrect"],
        ["incorrect", "partially correct", "correct"],
        "high",
    ),
]


@pytest.mark.parametrize(("name", "values", "order", "better"), WORDS)
def test_grades_in_words_are_a_scale_whose_direction_only_words_of_praise_tell(
    name: str, values: list[str], order: list[str], better: str
) -> None:
    found = propose(one_answer(**{name: values}))
    assert found.format == "ratings"
    (axis,) = found.map["scores"].values()
    assert (list(axis["codes"]), axis["better"]) == (order, better)
    assert list(axis["codes"].values()) == list(range(len(order)))


@pytest.mark.parametrize(
    ("values", "settings"),
    [
        (["★★★★★", "★☆☆☆☆", "★★★☆☆"], {"codes": {"★★★★★": 5.0, "★★★☆☆": 3.0, "★☆☆☆☆": 1.0}}),
        (["4,5", "3,0", "1,5"], {"decimal": "comma", "low": 1, "high": 5}),
        (["4/5", "3/5", "1/5"], {"pattern": r"^\s*([0-9]+(?:[.][0-9]+)?)", "low": 1, "high": 5}),
        (["80%", "20%", "55%"], {"pattern": r"^\s*([0-9]+(?:[.][0-9]+)?)"}),
        (["5", "N/A", "4", "1", "3", "2"], {"codes": {"N/A": None}, "low": 1, "high": 5}),
    ],
)
def test_scores_in_texts_are_read_as_numbers(values: list[str], settings: dict[str, Any]) -> None:
    rows = rival_answers(stars=values)
    found = propose(rows)
    assert found.format == "ratings"
    assert found.map["scores"]["stars"] == {"field": "stars", "better": "high", **settings}
    form = registry.make("format", found.format, found.map, "map")
    read = read_all(form, rows)
    scored = [item for item in read if getattr(item, "responses", None) and item.responses[0].scores]
    assert len(scored) == sum(value != "N/A" for value in [values[i % len(values)] for i in range(len(rows))])


ASKED = ["helpfulness", "score", "rating", "mean_score", "bias_score", "k3", "overall rating (1=best)", "reward"]


@pytest.mark.parametrize("name", ASKED)
def test_the_direction_of_a_score_is_asked_for_where_only_its_name_tells_it(name: str) -> None:
    found = propose(rival_answers(**{name: [1, 4, 5, 2]}))
    assert found.format == "ratings"
    (axis,) = found.map["scores"].values()
    assert axis["better"] == PLACEHOLDER


UNREAD = [
    ("grade", ["A", "B", "C", "D"]),
    ("bewertung", ["brauchbar", "unbrauchbar"]),
    ("outcome", ["win", "loss"]),
    ("feedback_text", ["nice", "bad", "so so"]),
    ("flag", ["spam", "fine"]),
]


@pytest.mark.parametrize(("name", "values"), UNREAD)
def test_a_judgement_in_unknown_words_is_a_doubt_and_no_demonstration_runs_over_it(
    name: str, values: list[str]
) -> None:
    found = propose(one_answer(**{name: values}))
    assert open_questions(found.map, "map")
    assert any(f"'{name}'" in doubt for doubt in found.doubts)
    assert found.confidence <= 0.5


METADATA: list[dict[str, Any]] = [
    {"created_at": ["2026-01-01 09:10", "2026-02-03 10:11"]},
    {"annotator": ["mk", "jr"], "model": ["gpt-4", "claude-3"]},
    {"start": [0, 5, 7], "end": [9, 12, 19], "n_tokens": [30, 40, 12]},
    {"url": ["https://example.org/a", "https://example.org/b"], "language": ["en", "de"]},
    {"id": [f"case-{i}" for i in range(12)], "difficulty": [1, 2, 3], "priority": ["high", "low"]},
    {"user_id": ["c0ffee12-aaaa-bbbb-cccc-0123456789ab", "deadbeef-aaaa-bbbb-cccc-0123456789ab"]},
]


@pytest.mark.parametrize("columns", METADATA)
def test_metadata_are_neither_an_answer_nor_a_score(columns: dict[str, list[Any]]) -> None:
    found = propose(make_rows({**columns, "question": QUESTIONS, "answer": ANSWERS}))
    assert (found.format, found.map) == ("demonstration", {"prompt": "question", "response": "answer"})
    found = propose(make_rows({**columns, "customer_message": QUESTIONS, "bot_reply": ANSWERS, "CSAT": [5, 1, 4]}))
    assert (found.format, found.map["response"], found.map["label"]) == ("thumbs", "bot_reply", "CSAT")


def test_without_names_the_prompt_and_the_answer_are_asked_for() -> None:
    found = propose(make_rows({"k1": QUESTIONS, "k2": ANSWERS, "k3": ANSWERS[::-1], "k4": ["👍", "👎"]}))
    assert PLACEHOLDER in (found.map["prompt"], *found.map["prompt"])
    assert found.map["response"] == PLACEHOLDER


def test_a_dialogue_before_the_answer_is_its_prompt() -> None:
    asked = [[{"role": "user", "content": question}] for question in QUESTIONS]
    found = propose(make_rows({"messages": asked, "completion": ANSWERS, "liked": [True, False]}))
    assert (found.format, found.map["prompt"], found.map["response"]) == ("thumbs", "messages", "completion")


def test_the_score_of_a_dialogue_is_a_rating() -> None:
    talk = [
        [{"role": "user", "content": QUESTIONS[i // 2]}, {"role": "assistant", "content": answer}]
        for i, answer in enumerate(ANSWERS)
    ]
    found = propose(make_rows({"messages": talk, "score": [1, 5, 3]}))
    assert (found.format, found.map["messages"]) == ("ratings", "messages")
    assert found.map["scores"] == {"score": {"field": "score", "better": PLACEHOLDER}}


def test_ratings_of_several_people_are_read_together() -> None:
    found = propose(one_answer(ratings=[[1, 2], [4, 5], [3]]))
    assert (found.format, found.map["scores"]["ratings"]["field"]) == ("ratings", "ratings")
    judged = [[{"user_id": "u1", "value": 4}, {"user_id": "u2", "value": 5}], [{"user_id": "u1", "value": 1}]]
    found = propose(one_answer(quality=judged))
    (axis,) = found.map["scores"].values()
    assert (found.format, axis["field"]) == ("ratings", "quality.*.value")


def test_questions_and_answers_in_other_languages_are_recognised() -> None:
    found = propose(
        make_rows({"pregunta": QUESTIONS, "respuesta": ANSWERS, "valoración": [1, 5, 3], "fecha": "1.2.25"})
    )
    assert (found.format, found.map["prompt"], found.map["response"]) == ("thumbs", "pregunta", "respuesta")
    assert found.map["label"] == "valoración"


OF_FIVE = {"up": {"at_least": 4, "at_most": 5}, "down": {"at_least": 1, "at_most": 2}}


@pytest.mark.parametrize(
    ("name", "values", "settings"),
    [
        ("stars", [5, 1, 4, 2], OF_FIVE),
        ("Sterne", [5, 1, 3, 4, "N/A", 5], {**OF_FIVE, "neutral": ["N/A"]}),
        ("stars", ["★★★★★", "★☆☆☆☆", "★★★☆☆"], {"up": ["★★★★★"], "down": ["★☆☆☆☆"], "neutral": ["★★★☆☆"]}),
        ("csat", ["4/5", "2/5", "5/5"], {"up": ["4/5", "5/5"], "down": ["2/5"]}),
        ("rating", ["5 - very good", "1 - very poor"], {"up": ["5 - very good"], "down": ["1 - very poor"]}),
        ("stars", [10, 3, 7], {"up": PLACEHOLDER, "down": PLACEHOLDER}),
        ("error_severity", [0, 3, 1], {"up": PLACEHOLDER, "down": PLACEHOLDER}),
        ("rating", [5, 1, 4, 2], {"up": PLACEHOLDER, "down": PLACEHOLDER}),
    ],
)
def test_a_score_of_answers_without_rivals_is_thumbs_with_bounds(
    name: str, values: list[Any], settings: dict[str, Any]
) -> None:
    found = propose(one_answer(**{name: values}))
    expected = {"prompt": "question", "response": "answer", "label": name, **settings}
    assert (found.format, found.map) == ("thumbs", expected)
    if not open_questions(found.map, "map"):
        registry.make("format", "thumbs", found.map, "map")


def test_two_counts_of_one_answer_are_asked_for() -> None:
    found = propose(one_answer(thumbs_up=[3, 0, 1], thumbs_down=[0, 2, 1]))
    assert (found.format, found.map["label"]) == ("thumbs", PLACEHOLDER)
    assert any("'thumbs_up', 'thumbs_down'" in doubt for doubt in found.doubts)


def test_comments_under_a_title_may_be_answers() -> None:
    found = propose(make_rows({"title": QUESTIONS, "comment": ANSWERS, "ups": [9, 1], "downs": [0, 5]}))
    assert (found.map["prompt"], found.map["response"]) == (PLACEHOLDER, PLACEHOLDER)
    assert any("'comment'" in doubt for doubt in found.doubts)


@pytest.mark.parametrize(
    ("values", "settings"),
    [
        (
            ["4,5/5", "3,0/5", "2/5"],
            {"pattern": r"^\s*([0-9]+(?:,[0-9]+)?)", "decimal": "comma", "low": 1, "high": 5},
        ),
        (["4/5", "7/10"], {"codes": {"4/5": 0.8, "7/10": 0.7}}),
        (["87,5 %", "20 %", "5 %"], {"pattern": r"^\s*([0-9]+(?:,[0-9]+)?)", "decimal": "comma"}),
        (["4,5/5", "4.5/5"], {"pattern": PLACEHOLDER}),
        (["80%", "4/5", 3], {"pattern": PLACEHOLDER}),
    ],
)
def test_scales_and_decimal_signs_of_numbers_in_texts(values: list[Any], settings: dict[str, Any]) -> None:
    found = propose(rival_answers(stars=values))
    assert found.map["scores"] == {"stars": {"field": "stars", "better": "high", **settings}}


@pytest.mark.parametrize("values", [["yes", "no"], [True, False], [0, 1]])
@pytest.mark.parametrize("name", ["toxic", "harmful", "unsafe", "is_offensive", "safe", "hate_speech"])
def test_what_can_be_true_of_the_prompt_is_asked_about(name: str, values: list[Any]) -> None:
    found = propose(one_answer(**{name: values}))
    assert (found.format, PLACEHOLDER in str(found.map)) == ("thumbs", True)
    assert {str(found.map[side]) for side in ("up", "down")} <= {str(PLACEHOLDER), PLACEHOLDER}


@pytest.mark.parametrize(
    ("name", "values", "up"),
    [
        ("has_mistakes", ["yes", "no"], ["no"]),
        ("hallucination", ["yes", "no"], ["no"]),
        ("toxic_answer", ["yes", "no"], ["no"]),
        ("response_safe", ["yes", "no"], ["yes"]),
        ("inaccurate", ["ja", "nein"], ["nein"]),
    ],
)
def test_a_fault_that_only_an_answer_has_tells_which_value_is_good(name: str, values: list[Any], up: list[Any]) -> None:
    found = propose(one_answer(**{name: values}))
    assert (found.format, found.map["label"], found.map["up"]) == ("thumbs", name, up)
