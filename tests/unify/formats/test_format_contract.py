"""Contract test of all formats: documented, with a working example, pure, and safe for any row."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import trials
from support.read_rows import read_row
from unipref.core import registry
from unipref.core.contracts import Format, read_all
from unipref.core.errors import UserError
from unipref.core.records import Feedback, Preference, Reject
from unipref.core.text_keys import prompt_key
from unipref.unify.detection.guess import Columns, Guess
from unipref.unify.format_bases.mapped import Mapped
from unipref.unify.inspection import CONTENTS
from unipref.unify.map_reduce import GroupEntry
from unipref.unify.projection.groups import group_key, merge_feedback
from unipref.unify.projection.project import Projected, Projection, project

FORMATS = [choice for choice in registry.find_all("format") if issubclass(choice, Format)]
every_format = pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name())


def made(form: type[Format], **more: Any) -> Format:
    return registry.validate_settings(form, {**form.example["settings"], **more}, form.name())


def how(form: Format) -> Projection:
    axes = form.axes()
    return Projection("s", form.name(), "instruction", "CC0", next(iter(axes), None), axes)


def groups(form: Format, found: list[Feedback]) -> Iterator[Feedback]:
    """Groups feedback as the stage does."""
    by_key: dict[str, list[Feedback]] = {}
    for number, feedback in enumerate(found):
        key = group_key(feedback, form.grouping, prompt_key(feedback.prompt), str(number))
        by_key.setdefault(key, []).append(feedback)
    return (merge_feedback(group) for group in by_key.values())


def projected(form: Format, group: Feedback) -> Projected | Reject:
    try:
        return project(group, how(form))
    except Reject as reject:
        return reject


@every_format
def test_is_documented_field_by_field(form: type[Format]) -> None:
    assert len((form.__doc__ or "").split()) >= 8
    assert form.__doc__ != Format.__doc__
    for name, field in form.model_fields.items():
        assert field.description, f"{form.name()}.{name} has no documentation"


@every_format
def test_example_becomes_preferences(form: type[Format]) -> None:
    one = made(form)
    found = read_all(one, form.example["rows"])
    assert found
    assert all(isinstance(item, Feedback) for item in found)
    preferences: list[Preference] = []
    for group in groups(one, found):  # type: ignore[arg-type]
        preferences += project(group, how(one)).preferences
    assert preferences
    pairs = [preference for preference in preferences if preference.chosen and preference.rejected]
    if form.has_pairs(form.example["settings"]):
        assert pairs
    elif form.feedback_kind == "demonstrations":
        assert all(preference.chosen and not preference.rejected for preference in preferences)
    assert preferences[0].prompt[-1]["role"] == "user"
    for side in (preferences[0].chosen, preferences[0].rejected):
        assert side is None or side[-1]["role"] == "assistant"


@every_format
def test_what_it_needs_is_said_in_the_words_of_inspect(form: type[Format]) -> None:
    assert set(form.needs) <= set(CONTENTS)


@every_format
def test_an_unknown_setting_is_an_error_that_suggests_the_near_name(form: type[Format]) -> None:
    with pytest.raises(UserError, match=r"unknown key\. Did you mean 'twins'"):
        made(form, twinz={"field": "a"})


@every_format
def test_reading_is_pure(form: type[Format]) -> None:
    one = made(form)
    for row in form.example["rows"]:
        before = copy.deepcopy(row)
        assert list(one.read(row)) == list(one.read(row))
        assert row == before


# Values that JSON, CSV, Parquet or Python can hand over, hostile ones among them.
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 12),
    st.sampled_from([10**30, -(10**400), float("nan"), float("inf"), -0.0, 1e308, -1e308, 0.5]),
    st.sampled_from(
        ["", " ", "user", "assistant", "1", "2", "²", "--1", "A", "ß", "text", "True", "nan", "\ud800", "\x00"]
    ),
    st.sampled_from(["\n\nHuman: a\n\nAssistant: b", "\n\nAssistant:", "Human: x", "\x1e\x1f"]),
    st.text(max_size=8),
)
COMMON_KEYS = ["role", "content", "from", "value", "text", "type", "replies", "rank", "deleted", "prompt", "0", ""]
PART_KEYS = ["tool_calls", "function", "name", "arguments", "input", "image_url", "source", "thinking", "output"]
KEYS = st.sampled_from([*COMMON_KEYS, *PART_KEYS])
TYPES = st.sampled_from(
    ["text", "tool_use", "tool_result", "thinking", "image", "image_url", "function_call", "reasoning", "human", "ai"]
)
INNER = st.dictionaries(KEYS, LEAVES, max_size=3) | st.lists(LEAVES, max_size=2) | LEAVES
PARTS = st.lists(
    st.fixed_dictionaries(
        {"type": TYPES | LEAVES | st.just([])},
        optional=dict.fromkeys(["text", "name", "input", "content", "thinking", "image_url", "source"], INNER),
    ),
    min_size=1,
    max_size=2,
)
TURNS = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "system", "tool", "function_call"]), "content": LEAVES | PARTS},
        optional={"tool_calls": st.lists(INNER, max_size=2) | INNER, "function_call": INNER, "reasoning": LEAVES},
    ),
    max_size=4,
)
VALUES = (
    PARTS
    | TURNS
    | st.recursive(
        LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
    )
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Yields the places in a row whose value can be replaced."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, below in inner for place in places(below, (*path, key)))]


@st.composite
def damaged_rows(draw: Any, form: type[Format]) -> list[dict[str, Any]]:
    """Generates the example's rows with some parts replaced by random values."""
    rows = copy.deepcopy([draw(st.sampled_from(form.example["rows"])) for _ in range(draw(st.integers(1, 3)))])
    for row in rows:
        for _ in range(draw(st.integers(0, 3))):
            *path, last = draw(st.sampled_from(places(row)[1:]))
            parent = row
            for key in path:
                parent = parent[key]
            parent[last] = draw(VALUES)
            if not isinstance(row, dict) or len(places(row)) < 2:
                break
    return rows


@pytest.mark.slow
@every_format
@settings(max_examples=trials.count(20, 100), derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_row_gives_feedback_or_a_reject(form: type[Format], data: st.DataObject) -> None:
    one = made(form, keep=["extra", *list(form.example["rows"][0])])
    rows = data.draw(
        damaged_rows(form)
        | st.lists(st.dictionaries(KEYS | st.sampled_from(list(form.example["rows"][0])), VALUES), max_size=3)
    )
    feedback: list[Feedback] = []
    for row in rows:
        found, rejects = read_row(one, row)
        assert all(isinstance(reject, Reject) and reject.detail for reject in rejects)
        feedback += found
    for group in groups(one, feedback):
        result = projected(one, group)
        if isinstance(result, Reject):
            continue
        for preference in result.preferences:
            json.loads(preference.extra, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
            assert preference.prompt[-1]["role"] in ("user", "tool")
            assert any(message["role"] == "user" for message in preference.prompt)
            assert preference.chosen or preference.rejected
            assert preference.chosen != preference.rejected


@every_format
@settings(max_examples=trials.count(10, 100), derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_feedback_can_be_sent_between_processes(form: type[Format], data: st.DataObject) -> None:
    one = made(form, keep=list(form.example["rows"][0]))
    for row in data.draw(damaged_rows(form)):
        if "\\ud" in json.dumps(row):
            continue  # the sources refuse half characters before a format sees them
        found, _ = read_row(one, row)
        for feedback in found:
            entry = GroupEntry(0, "k", 7, feedback)
            assert msgspec.msgpack.decode(msgspec.msgpack.encode(entry), type=GroupEntry) == entry


@every_format
@settings(max_examples=trials.count(10, 100), derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_recognising_never_fails(form: type[Format], data: st.DataObject) -> None:
    assert issubclass(form, Mapped)
    guess = form.recognise(Columns(data.draw(damaged_rows(form))))
    assert guess is None or (isinstance(guess, Guess) and 0 < guess.confidence <= 1)


def test_a_kept_value_that_is_nested_too_deeply_is_a_reject() -> None:
    deep: Any = "bottom"
    for _ in range(900):
        deep = [deep]
    one = made(next(form for form in FORMATS if form.name() == "demonstration"), keep=["deep"])
    row = {"instruction": "Q", "input": "", "output": "A", "deep": deep}
    assert [reject.field for reject in read_row(one, row)[1]] == ["deep"]
