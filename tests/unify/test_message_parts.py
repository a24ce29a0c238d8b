"""Reasoning, tool calls and images: read in every published form, kept apart from the text, never lost in silence."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.support.golden import check_counts, resolve_source, run_unify

from unipref.core.messages import message_text, parts_of, schema_has_parts, split_reasoning
from unipref.core.records import Message, Messages, Reason, Reject, preference_schema
from unipref.core.text_keys import join_turns, prompt_key, root_prompt_key
from unipref.unify import rejection_warnings
from unipref.unify.mapping.message_parts import read_tools
from unipref.unify.mapping.turns import parse_turns, read_answer_turns, split_dialogue
from unipref.unify.mapping.unread_fields import count_unread_fields

USER = {"role": "user", "content": "Is it warm in Paris?"}
ARGUMENTS = '{"city": "Paris"}'
FUNCTION = {"name": "weather", "arguments": ARGUMENTS}
WEATHER = {"name": "weather", "description": "The weather now", "parameters": {"type": "object", "properties": {}}}


def call(number: str | None = "c1") -> dict[str, Any]:
    return {"id": number, "type": "function", "function": FUNCTION}


def expected(number: str | None = "c1", **more: Any) -> Messages:
    """What all forms of the same dialogue are read as."""
    answer: Any = {"role": "assistant", "content": "", **more, "tool_calls": [call(number)]}
    result: Any = {"role": "tool", "content": "18"} | ({"tool_call_id": number} if number else {})
    return [
        Message(role="user", content=USER["content"]),
        answer,
        result,
        Message(role="assistant", content="Yes, 18."),
    ]


CALLS = {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Paris"}}
FORMS: dict[str, tuple[list[Any], Messages]] = {
    "openai": (
        [
            USER,
            {"role": "assistant", "content": None, "tool_calls": [call()]},
            {"role": "tool", "tool_call_id": "c1", "content": "18"},
            {"role": "assistant", "content": "Yes, 18."},
        ],
        expected(),
    ),
    "openai, arguments as data and no content": (
        [
            USER,
            {
                "role": "assistant",
                "tool_calls": [{**call(), "function": {"name": "weather", "arguments": {"city": "Paris"}}}],
            },
            {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "18"}]},
            {"role": "assistant", "content": "Yes, 18.", "tool_calls": None, "refusal": None},
        ],
        expected(),
    ),
    "openai, function_call": (
        [
            USER,
            {"role": "assistant", "content": None, "function_call": FUNCTION},
            {"role": "function", "name": "weather", "content": "18"},
            {"role": "assistant", "content": "Yes, 18."},
        ],
        [*expected(None)[:2], {"role": "tool", "content": "18", "name": "weather"}, expected()[3]],
    ),
    "openai, responses": (
        [
            USER,
            {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "I look."}]},
            {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": ARGUMENTS},
            {"type": "function_call_output", "call_id": "c1", "output": "18"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Yes, 18."}]},
        ],
        expected(reasoning="I look."),
    ),
    "anthropic": (
        [
            {"role": "user", "content": [{"type": "text", "text": USER["content"]}]},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "I look.", "signature": "x"}, CALLS]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "18"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "Yes, 18."}]},
        ],
        expected(reasoning="I look."),
    ),
    "sharegpt": (
        [
            {"from": "human", "value": USER["content"]},
            {"from": "function_call", "value": json.dumps(FUNCTION | {"arguments": {"city": "Paris"}})},
            {"from": "observation", "value": "18"},
            {"from": "gpt", "value": "Yes, 18."},
        ],
        expected(None),
    ),
    "langchain": (
        [
            {"type": "human", "content": USER["content"]},
            {"type": "ai", "content": "", "tool_calls": [{"name": "weather", "args": {"city": "Paris"}, "id": "c1"}]},
            {"type": "tool", "content": "18", "tool_call_id": "c1"},
            {"type": "ai", "content": "Yes, 18."},
        ],
        expected(),
    ),
    "vercel": (
        [
            USER,
            {
                "role": "assistant",
                "content": [
                    {"type": "tool-call", "toolCallId": "c1", "toolName": "weather", "args": {"city": "Paris"}}
                ],
            },
            {
                "role": "tool",
                "content": [{"type": "tool-result", "toolCallId": "c1", "toolName": "weather", "result": "18"}],
            },
            {"role": "assistant", "content": "Yes, 18."},
        ],
        [*expected()[:2], {"role": "tool", "content": "18", "tool_call_id": "c1", "name": "weather"}, expected()[3]],
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_dialogue_with_tools(form: str) -> None:
    turns, messages = FORMS[form]
    with count_unread_fields() as unread:
        read = parse_turns(turns, "messages", {}, ends_with_answer=True)
    assert read == messages
    assert not unread.keys() - {"id", "status"}
    prompt, answer = split_dialogue(read, "messages")
    assert (len(prompt), answer[-1]["content"]) == (1, "Yes, 18.")


@pytest.mark.parametrize(
    ("turn", "reason", "what"),
    [
        ({"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}, Reason.NOT_TEXT, "without the name"),
        ({"role": "assistant", "content": None, "tool_calls": ["weather"]}, Reason.NOT_TEXT, "expected a tool call"),
        ({"role": "assistant", "content": None}, Reason.WRONG_TYPE, "expected text"),
        ({"role": "user", "content": [CALLS]}, Reason.NOT_TEXT, "a turn of the user calls a tool"),
        ({"role": "assistant", "content": [CALLS, {"type": "text", "text": "So."}]}, Reason.NOT_TEXT, "follows a tool"),
        ({"role": "user", "content": [{"type": "input_audio"}]}, Reason.NOT_TEXT, "contains input_audio"),
        ({"role": "user", "content": [{"type": "image_url"}]}, Reason.NOT_TEXT, "only the path or URL"),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]},
            Reason.NOT_TEXT,
            "an image inside the row",
        ),
        (
            {"role": "user", "content": [{"type": "image", "source": {"type": "base64", "data": "AA"}}]},
            Reason.NOT_TEXT,
            "an image inside the row",
        ),
        ({"from": "function_call", "value": "weather!"}, Reason.NOT_TEXT, "expected a tool call"),
    ],
)
def test_what_no_message_can_hold_is_a_reject(turn: dict[str, Any], reason: Reason, what: str) -> None:
    with pytest.raises(Reject) as caught:
        parse_turns([USER, turn], "messages", {})
    assert caught.value.reason == reason
    assert what in caught.value.detail


@pytest.mark.parametrize(
    ("content", "reasoning", "answer"),
    [
        ("<think>\nHm.\n</think>\n\nYes.", "Hm.", "Yes."),
        ("<think></think>Yes.", "", "Yes."),
        ("Hm, let me see.\n</think>\n\nYes.", "Hm, let me see.", "Yes."),
        ("<think>A.</think><think>B.</think>Yes.", "A.\n\nB.", "Yes."),
        ('<details type="reasoning" done="true">\n<summary>Thought</summary>\n> Hm.\n</details>\nYes.', "Hm.", "Yes."),
        ("Write </think> to end it.", "", "Write </think> to end it."),
        ("Use <think>a</think> tags.", "", "Use <think>a</think> tags."),
        ("<think>It never ends", "It never ends", ""),
        ("a\n</think>\nb\n</think>\nc", "", "a\n</think>\nb\n</think>\nc"),
    ],
)
def test_reasoning_in_a_text(content: str, reasoning: str, answer: str) -> None:
    assert split_reasoning(content) == (reasoning, answer)


def test_what_a_block_hides_is_counted() -> None:
    hidden = [{"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": "Yes."}]
    failed = [{"type": "tool_result", "tool_use_id": "c1", "content": "no", "is_error": True}]
    with count_unread_fields() as unread:
        parse_turns([USER, {"role": "assistant", "content": hidden}, {"role": "user", "content": failed}], "m", {})
    assert unread == {"redacted_thinking": 1, "is_error": 1}


def test_a_users_text_is_never_split() -> None:
    (message,) = parse_turns([{"role": "user", "content": "<think>a</think>b"}], "m", {})
    assert message == {"role": "user", "content": "<think>a</think>b"}


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "thinking"])
def test_reasoning_in_a_field(key: str) -> None:
    turn = {"role": "assistant", "content": "Yes.", key: "Hm."}
    assert parse_turns([USER, turn], "m", {})[1] == {"role": "assistant", "content": "Yes.", "reasoning": "Hm."}
    assert read_answer_turns(turn, "m", {}) == [{"role": "assistant", "content": "Yes.", "reasoning": "Hm."}]


@pytest.mark.parametrize(
    "value",
    [
        "<think>Hm.</think>",
        "<think>Hm, it never",
        {"role": "assistant", "content": "", "reasoning_content": "Hm."},
        [{"type": "thinking", "thinking": "Hm."}],
    ],
)
def test_reasoning_alone_is_no_answer(value: Any) -> None:
    with pytest.raises(Reject, match="there is only reasoning") as caught:
        read_answer_turns(value, "answer", {})
    assert caught.value.reason == Reason.EMPTY_RESPONSE


@pytest.mark.parametrize(
    "value",
    [
        [CALLS],
        {"content": None, "tool_calls": [call()]},
        {"role": "assistant", "content": "", "tool_calls": json.dumps([call()])},
        [call()],
        [{"id": "c1", "name": "weather", "arguments": {"city": "Paris"}}],
    ],
)
def test_an_answer_that_only_calls_a_tool(value: Any) -> None:
    assert read_answer_turns(value, "answer", {}) == [{"role": "assistant", "content": "", "tool_calls": [call()]}]


@pytest.mark.parametrize(
    "tools",
    [
        [{"type": "function", "function": WEATHER}],
        json.dumps([{"type": "function", "function": WEATHER}]),
        [WEATHER],
        [{"type": "function", **WEATHER}],
        [{"name": "weather", "description": "The weather now", "input_schema": WEATHER["parameters"]}],
        [json.dumps(WEATHER)],
    ],
)
def test_tools_of_every_form(tools: Any) -> None:
    assert json.loads(read_tools(tools, "tools") or "") == [{"type": "function", "function": WEATHER}]


@pytest.mark.parametrize("tools", [None, [], "", "[]"])
def test_no_tools(tools: Any) -> None:
    assert read_tools(tools, "tools") is None


@pytest.mark.parametrize("tools", ["weather", [7], [{"type": "function"}]])
def test_other_tools_are_a_reject(tools: Any) -> None:
    with pytest.raises(Reject, match="with a name"):
        read_tools(tools, "tools")


def unified(folder: Path, rows: list[Any], name: str, settings: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    file = folder / "d.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    counts = run_unify([resolve_source(name, settings, file)], folder / "out")["d"]
    check_counts(counts)
    return pq.read_table(folder / "out/preferences.parquet").to_pylist(), counts


PAIR = {
    "input": {"messages": [USER], "tools": [{"type": "function", "function": WEATHER}]},
    "preferred": [{"role": "assistant", "content": None, "tool_calls": [call()]}],
    "other": [{"role": "assistant", "content": "I do not know."}],
}
PAIR_SETTINGS = {"prompt": "input.messages", "chosen": "preferred", "rejected": "other", "tools": "input.tools"}


def test_a_preference_for_a_tool_call(tmp_path: Path) -> None:
    rows = [PAIR, {**PAIR, "input": {"messages": [{"role": "user", "content": "Hm?"}]}}]
    preferences, counts = unified(tmp_path, rows, "pairs", PAIR_SETTINGS)
    made = next(row for row in preferences if row["origin"] == ["d.jsonl:1"])
    assert parts_of(made["chosen"][0]) == {"tool_calls": [call()]}
    assert json.loads(made["prompt"][0]["tools"]) == [{"type": "function", "function": WEATHER}]
    assert made["rejected"][0]["content"] == "I do not know."
    assert counts["message_parts"] == {"no_tools": 1, "tool_calls": 2, "tools": 1}
    assert "d: 1 of 2 rows have nothing at the path of 'tools'" in list(rejection_warnings({"d": counts}))


def test_the_prompt_ends_with_the_result_that_both_sides_share(tmp_path: Path) -> None:
    shared = FORMS["openai"][0][:3]
    rows = [
        {"good": [*shared, {"role": "assistant", "content": a}], "bad": [*shared, {"role": "assistant", "content": b}]}
        for a, b in (("Yes.", "No."),)
    ]
    (made,), _ = unified(tmp_path, rows, "pairs", {"chosen": "good", "rejected": "bad"})
    assert [turn["role"] for turn in made["prompt"]] == ["user", "assistant", "tool"]
    assert [turn["content"] for side in ("chosen", "rejected") for turn in made[side]] == ["Yes.", "No."]


def test_a_prompt_that_ends_with_the_result_of_a_tool(tmp_path: Path) -> None:
    rows = [{**PAIR, "input": {"messages": FORMS["openai"][0][:3]}}]
    (made,), _ = unified(tmp_path, rows, "pairs", {**PAIR_SETTINGS, "tools": None})
    assert made["prompt"][-1]["content"] == "18"


def test_reasoning_is_counted_and_named(tmp_path: Path) -> None:
    rows = [{"q": "A?", "a": f"<think>{i}</think>Yes.", "ok": True} for i in range(2)] + [
        {"q": "B?", "a": "No.", "ok": False}
    ]
    settings = {"prompt": "q", "response": "a", "label": "ok"}
    preferences, counts = unified(tmp_path, rows, "thumbs", settings)
    assert counts["message_parts"] == {"reasoning": 2}
    assert {turn["reasoning"] for row in preferences for turn in row["chosen"] or ()} == {"0", "1"}
    (line,) = [line for line in rejection_warnings({"d": counts}) if "reasoning" in line]
    assert "in 2 of 3 rows" in line
    assert "reasoning: train" in line


def test_files_of_plain_text_keep_their_schema(tmp_path: Path) -> None:
    _, counts = unified(
        tmp_path,
        [{"chosen": "\n\nHuman: A?\n\nAssistant: B", "rejected": "\n\nHuman: A?\n\nAssistant: C"}],
        "pairs",
        {},
    )
    schema = pq.read_schema(tmp_path / "out/preferences.parquet")
    assert schema.equals(preference_schema())
    assert not schema_has_parts(schema)
    assert "message_parts" not in counts
    assert schema_has_parts(preference_schema(True))


def message(**parts: Any) -> Message:
    return {"role": "assistant", "content": "Yes.", **parts}  # type: ignore[typeddict-item]


def test_keys_of_plain_messages_have_not_changed() -> None:
    assert join_turns([message()]) == "assistant\x1fYes."
    empty = dict.fromkeys(("reasoning", "tool_calls", "tool_call_id", "name", "images", "tools"))
    assert join_turns([message(**empty)]) == "assistant\x1fYes."
    assert prompt_key([message(**empty)]) == prompt_key([message()])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"tool_calls": [call("1")]}, {"tool_calls": [call("2")]}, True),
        (
            {"tool_calls": [call()]},
            {"tool_calls": [{**call(), "function": {**FUNCTION, "arguments": '{"city":"Paris"}'}}]},
            True,
        ),
        ({"tool_calls": [call()]}, {"tool_calls": [{**call(), "function": {**FUNCTION, "arguments": "{}"}}]}, False),
        ({"tool_calls": [call()]}, {}, False),
        ({"reasoning": "Hm."}, {}, False),
        ({"images": [{"ref": "a", "sha256": "1", "at": 0}]}, {"images": [{"ref": "b", "sha256": "1", "at": 0}]}, True),
        (
            {"images": [{"ref": "a", "sha256": None, "at": 0}]},
            {"images": [{"ref": "b", "sha256": None, "at": 0}]},
            False,
        ),
        ({"tools": "[1]"}, {"tools": "[2]"}, False),
    ],
)
def test_parts_count_in_keys(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    assert (join_turns([message(**one)]) == join_turns([message(**other)])) == same
    assert (prompt_key([message(**one)]) == prompt_key([message(**other)])) == same


def test_a_question_about_another_image_is_another_question() -> None:
    asked: Any = {"role": "user", "content": "What is it?"}
    images = [{"ref": ref, "sha256": None, "at": 0} for ref in "ab"]
    keys = {root_prompt_key([{**asked, "images": [image]}]) for image in images}
    assert len(keys | {root_prompt_key([asked])}) == 3


def test_the_text_of_a_message_has_its_calls() -> None:
    assert message_text(message(tool_calls=[call()])) == f"Yes.\nweather({ARGUMENTS})"


def image_rows(*contents: Any) -> list[dict[str, Any]]:
    return [
        {"messages": [{"role": "user", "content": content}, {"role": "assistant", "content": f"A cat {i}."}]}
        for i, content in enumerate(contents)
    ]


def test_images_are_kept_by_reference_with_the_hash_of_local_files(tmp_path: Path) -> None:
    (tmp_path / "img").mkdir()
    (tmp_path / "img/cat.png").write_bytes(b"cat")
    local = [{"type": "image", "path": "img/cat.png"}, {"type": "text", "text": "What is it?"}]
    remote = [{"type": "text", "text": "And"}, {"type": "image_url", "image_url": {"url": "https://x.org/cat.png"}}]
    missing = [{"type": "image", "path": "img/dog.png"}, {"type": "text", "text": "And it?"}]
    rows = image_rows(local, remote, missing, [{"type": "image"}, {"type": "text", "text": "Hm?"}])
    preferences, counts = unified(tmp_path, rows, "demonstration", {"messages": "messages"})
    assert counts["rejected"] == {"missing_file": 2}
    assert counts["message_parts"] == {"images": 2}
    images = {row["origin"][0]: row["prompt"][0]["images"] for row in preferences}
    digest = hashlib.sha256(b"cat").hexdigest()
    assert images == {
        "d.jsonl:1": [{"ref": "img/cat.png", "sha256": digest, "at": 0}],
        "d.jsonl:2": [{"ref": "https://x.org/cat.png", "sha256": None, "at": 3}],
    }
    rejects = pq.read_table(tmp_path / "out/rejects.parquet").to_pylist()
    assert "'img/dog.png' is no file" in rejects[0]["detail"]
    assert "set 'images:'" in rejects[1]["detail"]


def test_an_image_outside_data_root_is_not_read(tmp_path: Path) -> None:
    inside, outside = tmp_path / "root", tmp_path / "private.png"
    inside.mkdir()
    outside.write_bytes(b"secret")
    (inside / "own.png").write_bytes(b"own")
    (inside / "link.png").symlink_to(outside)
    names = ("own.png", "../private.png", str(outside), outside.as_uri(), "link.png", str(inside / "own.png"))
    rows = image_rows(*([{"type": "image", "path": name}, {"type": "text", "text": name}] for name in names))
    preferences, _ = unified(inside, rows, "demonstration", {"messages": "messages"})
    kept = sorted(message["content"] for row in preferences for message in row["prompt"])
    assert kept == sorted(["own.png", str(inside / "own.png")])
    rejects = pq.read_table(inside / "out" / "rejects.parquet").to_pylist()
    assert len(rejects) == 4
    assert all("lies outside data_root" in reject["detail"] for reject in rejects)


def test_images_in_a_field_go_to_their_marks(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(name.encode())
    rows = image_rows("<image>\nWhat is it?", "Is <image> like <image>?", "No mark", "<image> and <image>", "None")
    for row, images in zip(rows, (["a.png"], ["a.png", "b.png"], ["b.png"], ["a.png"], []), strict=True):
        row["images"] = images
    preferences, counts = unified(tmp_path, rows, "demonstration", {"messages": "messages", "images": "images"})
    found = {
        row["origin"][0][-1]: (
            row["prompt"][0]["content"],
            [(i["ref"], i["at"]) for i in row["prompt"][0]["images"] or ()],
        )
        for row in preferences
    }
    assert found == {
        "1": ("What is it?", [("a.png", 0)]),
        "2": ("Is like?", [("a.png", 2), ("b.png", 7)]),
        "3": ("No mark", [("b.png", 0)]),
        "5": ("None", []),
    }
    assert counts["rejected"] == {"wrong_type": 1}
