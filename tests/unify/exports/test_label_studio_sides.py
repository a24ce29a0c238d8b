"""Left and right of Label Studio's control Pairwise: the first tag of `to_name` is on the left."""

from typing import Any

import pytest

from unipref.core.records import Row
from unipref.unify.exports.label_studio import LabelStudio

FIELDS = {"prompt": "Is ice cold?", "answer1": "Yes.", "answer2": "No."}


def tasks(*to_names: str | None, data: dict[str, str] = FIELDS) -> list[Row]:
    results: list[dict[str, Any]] = [
        {"from_name": "comparison", "type": "pairwise", "value": {"selected": "left"}}
        | ({} if name is None else {"to_name": name})
        for name in to_names
    ]
    return [{"data": data, "annotations": [{"completed_by": 1, "result": [result]}]} for result in results]


@pytest.mark.parametrize(
    ("to_names", "codes"),
    [
        (["answer1,answer2"], {"left": "first", "right": "second"}),
        (["answer2,answer1"], {"left": "second", "right": "first"}),
        (["txt-1,txt-2"], {"left": "first", "right": "second"}),
        (["txt-2,txt-1"], {"left": "second", "right": "first"}),
        (["top,bottom"], {"left": "?", "right": "?"}),
        (["answer1"], {"left": "?", "right": "?"}),
        ([None], {"left": "?", "right": "?"}),
        (["answer1,answer2", "answer2,answer1"], {"left": "?", "right": "?"}),
    ],
)
def test_to_name_says_which_answer_is_on_the_left(to_names: list[str | None], codes: dict[str, str]) -> None:
    proposal = LabelStudio.recognise(tasks(*to_names))
    assert proposal is not None
    assert (proposal.map["first"], proposal.map["second"]) == ("data.answer1", "data.answer2")
    assert proposal.map["codes"] == codes
    is_plain = to_names in (["answer1,answer2"], ["answer2,answer1"])
    assert is_plain is not any("to_name" in doubt for doubt in proposal.doubts)


def test_annotations_that_do_not_say_whether_they_were_cancelled_count() -> None:
    proposal = LabelStudio.recognise(tasks("answer1,answer2"))
    assert proposal is not None
    assert proposal.map["where_items"]["annotations"] == {"was_cancelled": [False, None]}


@pytest.mark.parametrize(
    "result",
    [
        {"type": "ranker", "value": None},
        {"type": "choices", "value": None},
        {"type": "choices", "value": {"choices": None}},
        {"type": "choices", "value": {"choices": 3}},
        {"type": "pairwise", "value": {}},
    ],
)
@pytest.mark.parametrize("results", [7, None, "x", [None]])
def test_odd_results_end_no_inspection(result: dict[str, Any], results: Any) -> None:
    LabelStudio.recognise([{"data": FIELDS, "annotations": [{"result": results}, {"result": [result]}]}])
