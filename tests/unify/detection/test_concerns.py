"""A name that blames, judges the prompt, or compares by something else than quality leads to a question."""

from typing import Any

import pytest

from support.judged_rows import ANSWERS, OTHERS, QUESTIONS, make_rows, one_answer, rival_answers, two_answers
from unipref.unify.detection.concerns import find_concern, find_rank_concerns, judges_prompt
from unipref.unify.detection.guess import PLACEHOLDER, guess_direction
from unipref.unify.detection.name_words import split_words
from unipref.unify.detection.orders import read_order_name
from unipref.unify.proposal import Proposed, propose

SIDES = ("first", "second")
VOTES = [["A", "B", "A"], ["B", "A", "B"], ["A", "A", "B"]]


def is_asked(found: Proposed) -> bool:
    return PLACEHOLDER in str(found.map)


@pytest.mark.parametrize(
    ("name", "concern"),
    [
        ("worst_votes", "blame"),
        ("rejections.*.vote", "blame"),
        ("harm.ann", "blame"),
        ("toxicity_rank", "blame"),
        ("rank_of_badness", "blame"),
        ("unhelpful_votes", "blame"),
        ("dissatisfaction", "blame"),
        ("Which answer is more harmful?", "blame"),
        ("Choose the least helpful answer", "blame"),
        ("more_formal", "other"),
        ("wordier", "other"),
        ("search_rank", "other"),
        ("longer_answer", "other"),
        ("question_quality", "prompt"),
        ("prompt.rating", "prompt"),
        ("answer.question_rating", "prompt"),
        ("question.answer_rating", None),
        ("prompt_response_quality", None),
        ("question_2", None),
        ("more_helpful", None),
        ("most_preferred", None),
        ("winner", None),
        ("harmlessness", None),
        ("identifier", None),
    ],
)
def test_the_concern_of_a_name(name: str, concern: str | None) -> None:
    assert find_concern(name) == concern


@pytest.mark.parametrize("field", ["question", "criterion", "q", "aspect", "asked", "xyz"])
@pytest.mark.parametrize("values", [["which is more harmful"] * 3, ["helpful", "harmful", "toxic"]])
def test_a_listed_vote_on_a_fault_names_no_better_answer(field: str, values: list[str]) -> None:
    items = [
        [
            {"who": f"w{i}", field: kind, "choice": vote}
            for i, (kind, vote) in enumerate(zip(values, votes, strict=True))
        ]
        for votes in VOTES
    ]
    found = propose(two_answers(annotations=items))
    assert not {*SIDES} & {*found.map["codes"].values()}


def test_listed_votes_of_several_criteria_ask_which_to_read() -> None:
    items = [
        [{"who": "w", "question": kind, "choice": vote} for kind, vote in zip(["helpful", "clear"], "AB", strict=True)]
    ]
    found = propose(two_answers(annotations=items))
    assert found.map["where_items"] == {"annotations": {"question": PLACEHOLDER}}


@pytest.mark.parametrize("name", ["worst_votes", "rejections", "harm", "toxic_votes", "longer_votes"])
@pytest.mark.parametrize("inside", ["choice", "vote", "pick"])
def test_a_list_that_blames_is_asked_about(name: str, inside: str) -> None:
    items = [[{"who": f"w{i}", inside: vote} for i, vote in enumerate(votes)] for votes in VOTES]
    found = propose(two_answers(**{name: items}))
    assert not {*SIDES} & {*found.map.get("codes", {}).values()}


@pytest.mark.parametrize(
    "columns",
    [
        {"worse_vote_1": ["A", "B"], "worse_vote_2": ["B", "A", "A"]},
        {"worst_votes": [{"ann": "A", "bob": "B"}, {"ann": "B", "bob": "B"}]},
        {"reject_votes": [{"ann": "A", "bob": "B"}, {"ann": "B", "bob": "B"}]},
        {"harm_votes": [{"ann": "A", "bob": "B"}, {"ann": "B", "bob": "B"}]},
        {"toxicity_winner": ["A", "B"]},
        {"length_preference": ["A", "B"]},
        {"funnier_choice": ["A", "B"]},
        {"worst_votes_a": [3, 0, 1], "worst_votes_b": [0, 2, 1]},
        {"instruction": ["Pick the more toxic answer"], "choice": ["A", "B"]},
        {"criterion": ["helpful", "harmful", "helpful"], "winner": ["A", "B"]},
    ],
)
def test_votes_that_may_blame_are_asked_about(columns: dict[str, Any]) -> None:
    found = propose(two_answers(**columns))
    assert not {*SIDES} & {str(v) for v in found.map.get("codes", {}).values()}
    assert is_asked(found)


@pytest.mark.parametrize("values", [["good", "bad"], [True, False], [1, 0], [5, 1, 3]])
@pytest.mark.parametrize("suffix", ["label", "quality", "vote", "helpful", "stars", "toxic", "safe"])
@pytest.mark.parametrize("before", ["prompt", "question", "query"])
def test_a_verdict_on_the_prompt_is_asked_about(before: str, suffix: str, values: list[Any]) -> None:
    found = propose(one_answer(**{f"{before}_{suffix}": values}))
    assert found.format is None or is_asked(found) or found.format == "demonstration"


def test_a_verdict_on_the_answer_goes_before_one_on_the_prompt() -> None:
    found = propose(one_answer(prompt_label=["good", "bad", "good"], response_label=["bad", "good"]))
    assert (found.map["label"], found.map["up"], found.map["down"]) == ("response_label", ["good"], ["bad"])
    found = propose(one_answer(question_stars=[1, 5], answer_stars=[5, 1, 3]))
    assert found.map["label"] == "answer_stars"
    assert judges_prompt("question_stars")


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("worst_to_best", "worst_first"),
        ("best_to_worst", "best_first"),
        ("best_first", "best_first"),
        ("most_helpful_first", "best_first"),
        ("least_preferred_first", "worst_first"),
        ("least_to_most_preferred", "worst_first"),
        ("data.ranked_best_first", "best_first"),
        ("most_toxic_first", None),
        ("least_to_most_toxic", None),
        ("most_harmful_to_least", None),
        ("top_errors_first", None),
        ("most_disliked_first", None),
        ("last_is_best_first_is_worst", None),
        ("most_verbose_first", None),
        ("most_first", None),
        ("top_to_bottom", None),
        ("toxicity.best_first", None),
        ("ranking", None),
    ],
)
def test_the_order_that_a_name_says(name: str, order: str | None) -> None:
    assert read_order_name(name) == order


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("stars", "high"),
        ("answer_stars", "high"),
        ("stars_a", "high"),
        ("user_csat", "high"),
        ("rank", "low"),
        ("human_rank", "low"),
        *((name, PLACEHOLDER) for name in ("toxic_stars", "harmful_stars", "bad_stars", "dissatisfaction_csat")),
        *((name, PLACEHOLDER) for name in ("difficulty_stars", "toxicity_rank", "search_rank", "length_rank")),
        *((name, PLACEHOLDER) for name in ("question_stars", "toxicity.stars", "rank_of_badness", "hotel_stars")),
    ],
)
def test_a_unit_beside_another_word_tells_no_direction(name: str, direction: str) -> None:
    assert guess_direction(name, split_words(name.rpartition(".")[2])) == direction


@pytest.mark.parametrize("name", ["toxicity_rank", "worst_rank", "harm_ranks", "rank_of_badness", "search_rank"])
def test_a_rank_of_something_else_is_asked_about(name: str) -> None:
    answers = [[{"text": one, name: 1 + i % 2}, {"text": other, name: 2 - i % 2}] for i, (one, other) in PAIRED]
    found = propose(make_rows({"prompt": QUESTIONS, "answers": answers}))
    assert found.map["better"] == PLACEHOLDER
    lists = [[one, other] for _, (one, other) in PAIRED]
    found = propose(make_rows({"prompt": QUESTIONS, "answers": lists, name: [[1, 2], [2, 1]]}))
    assert PLACEHOLDER in (found.map.get("better"), found.map.get("order"))
    assert find_rank_concerns([name, "rank"]).keys() == {name}


PAIRED = list(enumerate(zip(ANSWERS, OTHERS, strict=True)))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("likes", [5, 0, 1, 3]),
        ("upvotes", [1, 2, 5]),
        ("ups", [1, 2, 5]),
        ("nps", [1, 5, 3]),
        ("toxic_stars", [1, 5, 3]),
        ("stars", [0, 5, 4]),
        ("stars", ["4/10", "5/10", "1/10"]),
    ],
)
def test_only_stars_from_1_to_5_have_bounds(name: str, values: list[Any]) -> None:
    found = propose(one_answer(**{name: values}))
    assert found.map.get("up") in (PLACEHOLDER, PLACEHOLDER, None)
    assert is_asked(found)


@pytest.mark.parametrize("name", ["toxic_stars", "bad_stars", "difficulty_stars"])
def test_stars_of_a_fault_have_no_direction_in_ratings(name: str) -> None:
    found = propose(rival_answers(**{name: [1, 5, 3]}))
    assert found.map["scores"][name]["better"] == PLACEHOLDER
    found = propose(two_answers(**{f"{name}_a": [1, 5, 3], f"{name}_b": [2, 4, 4, 1]}))
    assert all(axis["better"] == PLACEHOLDER for axis in found.map["scores"].values())


@pytest.mark.parametrize("name", ["thumbs_up", "thumbs_down", "liked", "up", "down", "disliked"])
@pytest.mark.parametrize("values", [[True, False], [1, 0], ["yes", "no"]])
def test_a_mark_that_is_not_set_may_be_no_verdict(name: str, values: list[Any]) -> None:
    found = propose(one_answer(**{name: values}))
    assert PLACEHOLDER in (found.map.get("up"), found.map.get("down"))


def test_two_marks_that_are_not_set_are_no_verdict() -> None:
    found = propose(one_answer(thumbs_up=[1, 0, 0], thumbs_down=[0, 1, 0]))
    assert is_asked(found)


@pytest.mark.parametrize(
    ("name", "items"),
    [
        ("checks", [{"aspect": "polite", "verdict": "good"}, {"aspect": "true", "verdict": "bad"}]),
        ("notes", [{"dimension": "polite", "verdict": "good"}, {"dimension": "true", "verdict": "bad"}]),
        ("history_votes", [{"answer": "old", "vote": "up"}, {"answer": "new", "vote": "down"}]),
        ("votes", [{"turn": 1, "vote": "up"}, {"turn": 2, "vote": "down"}]),
        ("steps", [{"text": "One.", "correct": True}, {"text": "Two.", "correct": False}]),
        ("sources", [{"title": "x", "relevant": True}, {"title": "y", "relevant": False}]),
        ("chunks", [{"id": 4, "relevant": True}, {"id": 5, "relevant": False}]),
        ("checks", [{"verdict": "good"}, {"verdict": "bad"}]),
    ],
)
def test_verdicts_of_a_list_are_several_peoples_only_if_it_says_so(name: str, items: list[dict[str, Any]]) -> None:
    found = propose(one_answer(**{name: [items, items[:1]]}))
    assert found.format in (None, "demonstration") or PLACEHOLDER in (found.map["label"], *found.map.get("up", []))


def test_verdicts_of_several_people_count_together() -> None:
    items = [[{"rater": "ann", "verdict": "good"}, {"rater": "bob", "verdict": verdict}] for verdict in ("good", "bad")]
    assert propose(one_answer(checks=items)).map["label"] == "checks.*.verdict"
    items = [[{"verdict": "good"}, {"verdict": verdict}] for verdict in ("good", "bad")]
    assert propose(one_answer(votes=items)).map["label"] == "votes.*.verdict"
