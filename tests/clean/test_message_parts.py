"""Tool calls, reasoning and images count in duplicates, are redacted, and stay in the parts of the split."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from support.clean_rows import part, preference, removed, run
from unipref.clean import CleanSettings, SplitSettings
from unipref.core.messages import schema_has_parts
from unipref.core.text_keys import root_prompt_key

NO_SPLIT = SplitSettings(dev=0, test=0)
LONG = "Please tell me in a few words what you can see in the middle of this picture, and which colour it has today."


def calling(identity: str, arguments: dict[str, str], number: str = "c1", **parts: Any) -> dict[str, Any]:
    made = preference(identity, LONG, "g1", rejected="I do not know that, and I would not like to guess it at all.")
    function = {"name": "look", "arguments": json.dumps(arguments)}
    call = {"id": number, "type": "function", "function": function}
    made["chosen"] = [{"role": "assistant", "content": "", "tool_calls": [call], **parts}]
    return made


def asking(identity: str, image: str, sha256: str | None = None) -> dict[str, Any]:
    made = preference(identity, LONG, "")
    made["prompt"][0]["images"] = [{"ref": image, "sha256": sha256, "at": 0}]
    return made | {"group": root_prompt_key(made["prompt"])}


def test_calls_are_duplicates_if_name_and_arguments_are_equal(tmp_path: Path) -> None:
    rows = [calling("a", {"x": "1"}), calling("b", {"x": "1"}, number="c2"), calling("c", {"x": "2"})]
    run(rows, tmp_path / "a", NO_SPLIT, CleanSettings())
    assert {row["id"]: row["twin"] for row in removed(tmp_path / "a")} == {"b": "a"}
    assert part(tmp_path / "a", "train") == ["a", "c"]
    table = pq.read_table(tmp_path / "a/out/train.parquet")
    assert schema_has_parts(table.schema)
    assert table.to_pylist()[1]["chosen"][0]["tool_calls"][0]["function"]["arguments"] == '{"x": "2"}'


def test_the_same_question_about_another_image_is_no_duplicate(tmp_path: Path) -> None:
    rows = [asking("a", "a.png"), asking("b", "b.png"), asking("c", "c.png", "1"), asking("d", "d.png", "1")]
    run(rows, tmp_path / "a", NO_SPLIT, CleanSettings(duplicates="near"))
    assert {row["id"]: row["twin"] for row in removed(tmp_path / "a")} == {"d": "c"}
    assert part(tmp_path / "a", "train") == ["a", "b", "c"]


def test_calls_with_other_arguments_are_no_near_duplicates(tmp_path: Path) -> None:
    rows = [calling("a", {"x": "1"}), calling("b", {"x": "2"}), calling("c", {"x": "1"}, number="c2")]
    run(rows, tmp_path / "a", NO_SPLIT, CleanSettings(duplicates="near"))
    assert part(tmp_path / "a", "train") == ["a", "b"]


def test_personal_data_in_calls_and_reasoning_are_replaced(tmp_path: Path) -> None:
    rows = [calling("a", {"to": "a@b.org", "note": "Hi"}, reasoning="I mail a@b.org.")]
    run(rows, tmp_path / "a", NO_SPLIT, CleanSettings(redact="all"))
    (message,) = pq.read_table(tmp_path / "a/out/train.parquet").to_pylist()[0]["chosen"]
    assert message["reasoning"] == "I mail [EMAIL]."
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"to": "[EMAIL]", "note": "Hi"}
