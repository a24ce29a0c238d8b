"""What a turn holds besides role and content is counted or rejected, never dropped without a word."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from unipref.core import registry
from unipref.core.contracts import Format
from unipref.core.records import Reason, Reject
from unipref.core.workers import make_engine
from unipref.sources import parts, read
from unipref.unify import Projection, ResolvedSource, UnifySettings, rejection_warnings, unify
from unipref.unify.formats.rated_turns import RatedTurns
from unipref.unify.inspection import inspect
from unipref.unify.map_reduce import SourceCounts
from unipref.unify.mapping.turns import parse_turns
from unipref.unify.mapping.unread_fields import (
    MAX_NAMES,
    add_unread_fields,
    count_unread_fields,
    describe_unread_fields,
)

USER = {"role": "user", "content": "Who sang?"}


def answer(**fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": "The frog.", **fields}


def counted(turns: list[Any], **options: Any) -> dict[str, int]:
    with count_unread_fields() as counts:
        parse_turns(turns, "messages", {}, **options)
    return dict(counts)


def test_each_field_that_is_not_read_is_counted() -> None:
    turns = [{**USER, "name": "Ann"}, answer(name="Bot", mood="Hm.", weight=1)]
    assert counted(turns) == {"name": 2, "mood": 1, "weight": 1}


def test_empty_fields_say_nothing() -> None:
    assert counted([USER, answer(tool_calls=[], function_call=None, name="", audio={})]) == {}


def test_zero_and_false_are_not_empty() -> None:
    assert counted([USER, answer(rank=0, flagged=False)]) == {"rank": 1, "flagged": 1}


@pytest.mark.parametrize(
    "turns",
    [
        [{"from": "human", "value": "Hm?", "name": "Ann"}, {"from": "gpt", "value": "Yes."}],
        [{"human": "Hm?", "assistant": "Yes.", "name": "Ann"}],
        [{"speaker": "user", "text": "Hm?", "name": 7}, {"speaker": "bot", "text": "Yes."}],
    ],
)
def test_turns_of_every_shape(turns: list[Any]) -> None:
    assert counted(turns) == {"name": 1}


@pytest.mark.parametrize("weight", [0, 0.0, "0", False])
def test_an_answer_of_weight_zero_is_not_to_be_learned(weight: Any) -> None:
    with pytest.raises(Reject) as caught:
        parse_turns([USER, answer(weight=weight)], "messages", {}, ends_with_answer=True)
    assert (caught.value.reason, caught.value.field) == (Reason.NOT_TO_LEARN, "messages.1.weight")


def test_weight_zero_in_the_context_is_counted_apart() -> None:
    turns = [USER, answer(weight=0), USER, answer(weight=1)]
    assert counted(turns, ends_with_answer=True) == {"weight 0": 1, "weight": 1}
    assert counted(turns[:2]) == {"weight 0": 1}


def test_the_list_of_fields_is_short_and_begins_with_the_most_frequent() -> None:
    assert describe_unread_fields({"name": 1, "weight": 3}) == "weight (3 turns), name (1 turn)"
    assert describe_unread_fields({f"f{i:02}": 1 for i in range(15)}).endswith("f11 (1 turn), 3 more fields")


def test_names_are_bounded_and_legible() -> None:
    total: Counter[str] = Counter()
    for number in range(1000):
        add_unread_fields(total, counted([{**USER, f"field {number}": 1}]))
    assert total["(other fields)"] == 800
    assert sum(total.values()) == 1000
    (name,) = counted([{**USER, "a\x1b[31m" + "b" * 1000: 1}])
    assert "\x1b" not in name
    assert len(name) < 100


def unified(tmp_path: Path, rows: list[Any], name: str, settings: dict[str, Any]) -> dict[str, Any]:
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    form = registry.make("format", name, settings, "map")
    assert isinstance(form, Format)
    axes = form.axes()
    projection = Projection("s", name, "instruction", "unknown", next(iter(axes), None), axes)
    out = tmp_path / "out"
    out.mkdir()
    source = ResolvedSource(form, projection, parts(["d.jsonl"], tmp_path, "s", cut_bytes=60))
    return unify([source], UnifySettings(), out, engine=make_engine("local", 1), read=read)


def test_a_source_has_the_counts_and_a_warning(tmp_path: Path) -> None:
    rows = [{"messages": [USER, answer(weight=1, name="Bot")]}, {"messages": [USER, answer(weight=0)]}]
    records = unified(tmp_path, rows, "demonstration", {"messages": "messages"})
    # The answer of weight 0 is read before its row is rejected.
    assert records["s"]["unread_turn_fields"] == {"name": 1, "weight": 1, "weight 0": 1}
    assert records["s"]["rejected"] == {"not_to_learn": 1}
    warnings = list(rejection_warnings(records))
    assert any("not_to_learn" in line and "messages.1.weight" in line for line in warnings)
    assert "s: these fields of turns are not read: name (1 turn), weight (1 turn), weight 0 (1 turn)" in warnings


def test_pairs_of_dialogues_are_counted_on_both_sides(tmp_path: Path) -> None:
    other = {"role": "assistant", "content": "The cat.", "mood": "Hm."}
    rows = [{"chosen": [USER, answer(mood="Oh.")], "rejected": [USER, other]}]
    records = unified(tmp_path, rows, "pairs", {"chosen": "chosen", "rejected": "rejected"})
    assert records["s"]["unread_turn_fields"] == {"mood": 2}


def test_messages_of_a_tree_are_counted_once(tmp_path: Path) -> None:
    replies = [{"text": f"Answer {i}.", "role": "assistant", "rank": i, "lang": "en", "replies": []} for i in (0, 1)]
    rows = [{"prompt": {"text": "Hm?", "role": "prompter", "lang": "en", "replies": replies}}]
    assert unified(tmp_path, rows, "tree", {})["s"]["unread_turn_fields"] == {"lang": 3}


def test_inspect_names_the_fields(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    rows = [{"messages": [{**USER, "content": f"Who sang {i}?"}, answer(weight=1)]} for i in range(4)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (inspection,) = inspect([path])
    assert inspection.notes == ["these fields of turns are not read: weight (4 turns)"]
    assert "note: these fields of turns" in inspection.as_text()


def test_the_names_of_all_tasks_together_are_bounded() -> None:
    total = SourceCounts()
    for task in range(3):
        total += SourceCounts(unread_turn_fields=Counter({f"key{task}-{i}": 1 for i in range(MAX_NAMES)}))
    assert len(total.unread_turn_fields) == MAX_NAMES + 1
    assert total.unread_turn_fields.total() == 3 * MAX_NAMES


def test_a_field_whose_inside_is_read_is_not_unread() -> None:
    form = RatedTurns(messages="m", label="feedback.rating", up=["up"], down=["down"])
    turns = [
        {"role": "user", "content": "Q", "mood": "sad"},
        {"role": "assistant", "content": "A", "feedback": {"rating": "up"}},
    ]
    with count_unread_fields() as counts:
        assert len(list(form.read({"m": turns}))) == 1
    assert counts == {"mood": 1}
