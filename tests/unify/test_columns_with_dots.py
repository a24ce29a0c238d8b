"""Names of columns with dots, and paths into what such a column holds."""

import json
from typing import Any

import pytest

from support.read_rows import read_row
from unipref.core.records import Reason, Reject
from unipref.sources.nested_rows import nested_rows
from unipref.unify.formats.demonstration import Demonstration
from unipref.unify.formats.thumbs import Thumbs
from unipref.unify.mapping.paths import collect_values, get_path

INPUT, OUTPUT = "attributes.input.value", "attributes.output.value"
SPAN = {
    INPUT: json.dumps({"messages": [{"role": "user", "content": "Hi?"}]}),
    OUTPUT: json.dumps({"choices": [{"message": {"role": "assistant", "content": "Hello."}}]}),
    "attributes.scores": [{"label": "up"}, {"label": "down"}, {"label": "up"}],
}
PATHS = {"prompt": f"{INPUT}.messages", "response": f"{OUTPUT}.choices.0.message"}


def test_a_path_leads_into_the_json_of_such_a_column() -> None:
    (feedback,), _ = read_row(Demonstration(**PATHS, literals=[INPUT, OUTPUT]), SPAN)
    assert [turn["content"] for turn in (*feedback.prompt, *feedback.responses[0].messages)] == ["Hi?", "Hello."]


def test_a_path_into_a_text_that_is_json_names_the_setting() -> None:
    _, (reject,) = read_row(Demonstration(**PATHS), SPAN)
    assert reject.detail.endswith(f"; for a path into a text that is JSON, set literals: [{INPUT}]")


def test_items_and_literals_inside_such_a_column() -> None:
    form = Thumbs(
        **PATHS,
        literals=[INPUT, OUTPUT],
        label="attributes.scores.*.label",
        up=["up"],
        down=["down"],
        where_items={"attributes.scores": {"label": {"not": ["up"]}}},
    )
    (feedback,), rejects = read_row(form, SPAN)
    assert [(answer.approved, answer.n_judgements) for answer in feedback.responses] == [(False, 1)]
    assert [reject.field for reject in rejects] == ["attributes.scores.0", "attributes.scores.2"]
    inner = {"a.b": {"c": "[1]"}}
    form = Demonstration(prompt="q", response="r", literals=["a.b.c"])
    assert form.prepare(inner) == {"a.b": {"c": [1]}}
    assert inner == {"a.b": {"c": "[1]"}}


@pytest.mark.parametrize(
    ("row", "path", "value"),
    [
        ({"a.b": {"c": 1}}, "a.b.c", 1),
        ({"a": {"b.c": {"d": 1}}}, "a.b.c.d", 1),
        ({"a": [{"b.c": 1}]}, "a.0.b.c", 1),
        ({"a": [{"b.c": 1}]}, "a.*.b.c", [1]),
        ({"a.b": 1, "a.b.c": 2}, "a.b.c", 2),
        ({"a": {"b": 1}, "a.b": 2}, "a.b", 2),
        ({"a": None, "a.b": {"c": 1}}, "a.b.c", 1),
        ({"a": {"x": 0}, "a.b": {"c": 1}}, "a.b.c", 1),
        ({"a": {"b": {"c": 1}}, "a.b": {"c": 2}}, "a.b.c", 1),
        ({"a": {"b": 0}, "a.b": [{"c": 1}]}, "a.b.*.c", [1]),
        ({"z": [{"a": None, "a.b": {"c": 1}}]}, "z.0.a.b.c", 1),
        ({"z": [{"a": None, "a.b": {"c": 1}}]}, "z.*.a.b.c", [1]),
        ({"a": None, "a.b": {"c": None}}, "a.b.c", None),
    ],
)
def test_paths_that_keys_with_dots_are_part_of(row: dict[str, Any], path: str, value: Any) -> None:
    assert get_path(row, path) == value


def test_what_is_not_there_is_missing() -> None:
    for path in ("a.b.x", "a.x", "x.b"):
        with pytest.raises(Reject) as caught:
            get_path({"a.b": {"c": 1}}, path)
        assert caught.value.reason is Reason.MISSING_FIELD
    assert collect_values({"a.b": [{"v": 1}, {}]}, "a.b.*.v") == [("a.b.0.v", 1), ("a.b.1.v", None)]


def test_rows_inside_such_a_column() -> None:
    rows = [{"x.y": {"data": [{"q": 1}]}, "": "unnamed"}, {"": "unnamed"}]
    read = [row for _, row in nested_rows(iter(enumerate(rows, 1)), "x.y.data")]
    assert read[0] == {"parent": {"x.y": {}, "": "unnamed"}, "q": 1}
    assert isinstance(read[1], Reject)
