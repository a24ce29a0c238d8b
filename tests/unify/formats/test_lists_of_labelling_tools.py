"""Lists as labelling tools write them: the chosen options of a task, and the orders of several people."""

from typing import Any

import pytest

from unipref.core.records import Feedback, Reason, Reject, Row
from unipref.unify.formats.multiple_choice import MultipleChoice
from unipref.unify.formats.ranking import Ranking

CHOICE = {"prompt": "text", "options": "options.*.text", "labels": "options.*.id", "answer": "accept.*"}
ANSWERS = {"prompt": "ask", "answers": ["a", "b"], "key": [{"text": "a"}, {"text": "b"}], "better": "low"}


def task(*accept: str) -> Row:
    options = [{"id": "A", "text": "Yes."}, {"id": "B", "text": "No."}]
    return {"text": "Is ice cold?", "options": options, "accept": list(accept)}


def test_a_list_of_one_option_is_that_option() -> None:
    (feedback,) = MultipleChoice(**CHOICE).read(task("B"))
    assert isinstance(feedback, Feedback)
    assert [(one.better, one.worse) for one in feedback.comparisons] == [(1, 0)]


def test_people_who_choose_the_same_option_agree() -> None:
    row: Row = {**task(), "people": [{"chosen": ["B"]}, {"chosen": None}, {}, {"chosen": ["B"]}]}
    (feedback,) = MultipleChoice(**{**CHOICE, "answer": "people.*.chosen.*"}).read(row)
    assert isinstance(feedback, Feedback)
    assert [one.better for one in feedback.comparisons] == [1]


@pytest.mark.parametrize(("accept", "reason"), [(["A", "B"], Reason.BAD_LABEL), ([], Reason.UNSCORED)])
def test_several_options_or_none_are_no_answer(accept: list[str], reason: Reason) -> None:
    with pytest.raises(Reject) as error:
        list(MultipleChoice(**CHOICE).read(task(*accept)))
    assert error.value.reason is reason


@pytest.mark.parametrize(
    ("order", "orders"),
    [
        ("people.*.order.*", [[{"rank": 1, "name": "b"}, {"rank": 2, "name": "a"}], [{"rank": 1, "name": "b"}]]),
        ("people.*.order", [{"rank": [2, 1], "name": ["a", "b"]}, {"rank": [1], "name": ["b"]}]),
    ],
)
def test_the_ranks_of_several_people_are_averaged(order: str, orders: list[Any]) -> None:
    row: Row = {"ask": "Is ice cold?", "a": "No.", "b": "Yes.", "people": [{"order": one} for one in orders]}
    (feedback,) = Ranking(**ANSWERS, ranks=f"{order}.rank", ranks_key=f"{order}.name").read(row)
    assert isinstance(feedback, Feedback)
    assert [one.scores for one in feedback.responses] == [{"rank": 2.0}, {"rank": 1.0}]
    assert feedback.responses[1].raters == {"rank": 2}


def test_as_many_names_as_ranks_are_needed() -> None:
    row: Row = {"ask": "?", "a": "No.", "b": "Yes.", "people": [{"order": {"rank": [2, 1], "name": ["a"]}}]}
    with pytest.raises(Reject) as error:
        list(Ranking(**ANSWERS, ranks="people.*.order.rank", ranks_key="people.*.order.name").read(row))
    assert error.value.reason is Reason.WRONG_TYPE
