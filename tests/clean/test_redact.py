"""Personal data in preferences are replaced before duplicates are searched, in all sides alike."""

import filecmp
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from support.clean_rows import part, preference, run
from unipref.clean import CleanSettings, SplitSettings
from unipref.core.errors import UserError
from unipref.core.records import preference_schema
from unipref.core.registry import validate_settings

NO_SPLIT = SplitSettings(dev=0, test=0)
CARD = "4111 1111 1111 1111"


def rows() -> list[dict]:
    return [
        preference("a", "Mail a@b.org?", "g1", chosen=f"Yes, c@d.org and {CARD}.", rejected="No."),
        preference("b", "Mail x@y.org?", "g2", chosen="Yes, e@f.org and 4242 4242 4242 4242.", rejected="No."),
        preference("c", "Which mail?", "g3", chosen="a@b.org", rejected="c@d.org"),
        preference("d", "Without?", "g4", chosen="Good.", rejected=None),
        preference("e", "More?", "g5", chosen="Good.", rejected="Bad.")
        | {"extra": json.dumps({"note": "a@b.org", "n": 4111111111111111, "é": "\n4111111111111111"})},
    ]


def test_all_sides_are_redacted_and_what_becomes_equal_is_removed(tmp_path: Path) -> None:
    result = run(rows(), tmp_path / "a", NO_SPLIT, CleanSettings(redact="all"))
    train = {row["id"]: row for row in pq.read_table(tmp_path / "a/out/train.parquet").to_pylist()}
    assert list(train) == ["a", "d", "e"]
    assert train["a"]["prompt"][0]["content"] == "Mail [EMAIL]?"
    assert train["a"]["chosen"][0]["content"] == "Yes, [EMAIL] and [CARD]."
    assert json.loads(train["e"]["extra"]) == {"note": "[EMAIL]", "n": "[CARD]", "é": "\n[CARD]"}
    removed = {row["id"]: row for row in pq.read_table(tmp_path / "a/out/removed.parquet").to_pylist()}
    assert {key: (row["reason"], row["twin"]) for key, row in removed.items()} == {
        "b": ("duplicate", "a"),
        "c": ("same_response", ""),
    }
    assert result["redacted"] == {"s": {"card": 2, "email": 6}}
    assert "personal data replaced by placeholders: card 2, email 6" in result["notes"]
    assert pq.read_schema(tmp_path / "a/out/train.parquet").equals(preference_schema())
    assert sorted(path.name for path in (tmp_path / "a/out").iterdir()) == [
        "dev.parquet",
        "removed.parquet",
        "test.parquet",
        "train.parquet",
    ]


def test_only_the_kinds_that_are_set(tmp_path: Path) -> None:
    run(rows(), tmp_path / "a", NO_SPLIT, CleanSettings(redact=["card"]))
    assert part(tmp_path / "a", "train") == ["a", "b", "c", "d", "e"]
    first = pq.read_table(tmp_path / "a/out/train.parquet").to_pylist()[0]
    assert first["chosen"][0]["content"] == "Yes, c@d.org and [CARD]."


def test_data_without_personal_data_and_without_the_setting_keep_their_bytes(tmp_path: Path) -> None:
    plain = [preference(str(i), f"Why {i}?", f"g{i}", chosen=f"Because {i}.") for i in range(20)]
    results = [
        run(plain, tmp_path / name, None, settings)
        for name, settings in (("a", CleanSettings()), ("b", CleanSettings(redact=["email"])))
    ]
    files = ["train.parquet", "dev.parquet", "test.parquet", "removed.parquet"]
    assert filecmp.cmpfiles(tmp_path / "a/out", tmp_path / "b/out", files, shallow=False) == (files, [], [])
    assert "redacted" not in results[0]
    assert results[1]["redacted"] == {}


def test_prompts_that_become_equal_stay_on_one_side(tmp_path: Path) -> None:
    people = [preference(str(i), f"Mail p{i}@b.org?", f"g{i}", chosen=f"Yes {i}.") for i in range(40)]
    others = [preference(f"o{i}", f"Why {i}?", f"h{i}", chosen=f"Yes {i}.") for i in range(40)]
    run(people + others, tmp_path / "a", SplitSettings(dev=0.2, test=0.2), CleanSettings(redact=["email"]))
    sides = [name for name in ("train", "dev", "test") if any(i.isdigit() for i in part(tmp_path / "a", name))]
    assert len(sides) == 1


def test_a_benchmark_is_compared_with_the_prompt_as_it_was(tmp_path: Path) -> None:
    text = "Please write a mail to a@b.org about the meeting"
    benchmark = tmp_path / "bench.jsonl"
    benchmark.write_text(json.dumps({"text": text}) + "\n")
    data = [preference("a", text, "g1"), preference("b", "Another question of five words?", "g2")]
    run(data, tmp_path / "a", NO_SPLIT, CleanSettings(redact="all"), {"bench": benchmark})
    assert part(tmp_path / "a", "train") == ["b"]


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(UserError, match="redact"):
        validate_settings(CleanSettings, {"redact": ["name"]}, "clean")
