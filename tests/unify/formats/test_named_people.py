"""Who gave each of several judgements in one row: names beside the judgements, or names of the fields."""

from typing import Any

import pytest

from unipref.core import registry
from unipref.core.contracts import read_all
from unipref.core.errors import UserError
from unipref.core.records import Feedback, Reason, Reject

SIDES = {"prompt": "q", "first": "a", "second": "b", "codes": {"A": "first", "B": "second"}}
ANSWER = {"prompt": "q", "response": "a"}
TEXTS = {"q": "Name a moon.", "a": "Io.", "b": "The Sun."}


def read(name: str, settings: dict[str, Any], **fields: Any) -> list[Any]:
    return read_all(registry.make("format", name, settings, "map"), [{**TEXTS, **fields}])  # type: ignore[arg-type]


def judges_of(records: list[Any]) -> list[tuple[str | None, int]]:
    """Annotator and better answer of each comparison."""
    return [(c.annotator, c.better) for one in records if isinstance(one, Feedback) for c in one.comparisons]


def test_a_name_belongs_to_the_judgements_inside_its_item() -> None:
    settings = {**SIDES, "votes": "given.*.result.*.side", "annotator": "given.*.by.email"}
    given = [
        {"by": {"email": "ann@x.org"}, "result": []},
        {"by": {"email": "bob@x.org"}, "result": [{"side": "B"}, {"side": "A"}]},
        {"by": {"email": "eve@x.org"}, "result": [{"side": "A"}]},
    ]
    assert judges_of(read("votes", settings, given=given)) == [("bob@x.org", 1), ("bob@x.org", 0), ("eve@x.org", 0)]


def test_names_in_a_list_of_their_own_lose_the_items_that_a_condition_leaves_out() -> None:
    settings = {**SIDES, "votes": "x.responses", "annotator": "x.responses.users.*"}
    settings["where_items"] = {"x.responses": {"^x.responses.status": ["submitted"]}}
    fields = {"x.responses": ["A", "B", "B"], "x.responses.users": ["ann", "bob", "eve"]}
    records = read("votes", settings, **fields, **{"x.responses.status": ["submitted", "draft", "submitted"]})
    assert judges_of(records) == [("ann", 0), ("eve", 1)]
    (wrong,) = read("votes", {**SIDES, "votes": "v", "annotator": "w.*"}, v=["A", "B"], w=["ann"])
    assert isinstance(wrong, Reject)
    assert "expected one name per vote, found 1 names and 2 votes" in wrong.detail


def test_the_fields_of_a_list_have_the_names_of_people() -> None:
    settings = {**SIDES, "votes": ["v1", "v2"], "annotators": ["ann", 7], "annotator_codes": {7: "bob"}}
    assert judges_of(read("votes", settings, v1="A", v2="B")) == [("ann", 0), ("bob", 1)]
    grades = {**SIDES, "grade": ["g1", "g2"], "scale": {"first": -1, "second": 1}, "annotators": ["ann", "bob"]}
    del grades["codes"]
    assert judges_of(read("graded_pair", grades, g1=-1, g2=1)) == [("ann", 0), ("bob", 1)]


def test_verdicts_of_named_people_are_feedback_of_each() -> None:
    settings = {**ANSWER, "label": "v.*.say", "up": ["up"], "down": ["down"], "annotator": "v.*.who"}
    votes = [{"say": "up", "who": "ann"}, {"say": "down", "who": "bob"}, {"say": None, "who": "eve"}, {"say": "up"}]
    given = [(one.annotator, one.responses[0].approved) for one in read("thumbs", settings, v=votes)]
    assert given == [("ann", True), ("bob", False), (None, True)]
    fields = {**ANSWER, "label": ["x", "y"], "up": [1], "down": [0], "annotators": ["ann", "bob"]}
    assert [one.annotator for one in read("thumbs", fields, x=1, y=0)] == ["ann", "bob"]


def test_scores_of_named_people_are_feedback_of_each_on_all_axes() -> None:
    scores = {axis: {"field": f"r.*.{axis}", "better": "high"} for axis in ("help", "tone")}
    settings = {**ANSWER, "scores": scores, "annotator": "r.*.by"}
    rows = [{"by": "ann", "help": 5, "tone": 1}, {"by": "bob", "help": 2, "tone": None}]
    given = {one.annotator: one.responses[0].scores for one in read("ratings", settings, r=rows)}
    assert given == {"ann": {"help": 5.0, "tone": 1.0}, "bob": {"help": 2.0}}
    (nobody,) = read("ratings", settings, r=[])
    assert isinstance(nobody, Reject)
    assert nobody.reason == Reason.UNSCORED


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("votes", {**SIDES, "votes": ["v", "w"], "annotators": ["ann"]}, "needs a list of as many fields"),
        ("votes", {**SIDES, "votes": "v", "annotators": ["ann"]}, "needs a list of as many fields"),
        ("votes", {**SIDES, "votes": ["v", "w"], "annotators": ["ann", "ann"]}, "names a person twice"),
        ("votes", {**SIDES, "votes": ["v", "w"], "annotators": ["ann", "b"], "annotator": "x"}, "give either"),
        ("edit", {"prompt": "q", "before": "a", "after": "b", "annotators": ["ann"]}, "which edit does not read"),
        (
            "ratings",
            {
                **ANSWER,
                "scores": {"s": {"field": ["x", "y"], "better": "high", "raters": "median"}},
                "annotators": ["ann", "bob"],
            },
            "named people count one by one",
        ),
    ],
)
def test_names_that_do_not_fit_are_an_error(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        registry.make("format", name, settings, "map")
