"""Every reason and every part of a row is counted: nothing is dropped because another part cannot be used."""

import time
from pathlib import Path
from typing import Any

import pytest

from support.golden import Case, unify_case
from support.read_rows import read_row
from unipref.core.errors import UserError
from unipref.core.records import Feedback, Reason, Reject
from unipref.core.unusable_text import UnusableText
from unipref.sources.nested_rows import nested_rows
from unipref.unify import map_reduce, rejection_warnings
from unipref.unify.formats.demonstration import Demonstration
from unipref.unify.formats.rated_turns import RatedTurns
from unipref.unify.formats.steps import Steps

UNUSABLE = UnusableText("=A1", "the cell holds the formula =A1, not a text")
TREE = {"messages": "m", "label": "v", "parent": "p", "up": ["up"], "down": ["down"]}


def test_tools_that_cannot_be_read_are_a_reject_and_missing_ones_are_none() -> None:
    form = Demonstration(prompt="q", response="a", tools="t")
    _, (reject,) = read_row(form, {"q": "Q", "a": "A", "t": UNUSABLE})
    assert (reject.reason, reject.field) == (Reason.WRONG_TYPE, "t")
    (feedback,), _ = read_row(form, {"q": "Q", "a": "A"})
    assert "tools" not in feedback.prompt[0]


def test_a_verdict_that_cannot_be_read_is_no_missing_verdict() -> None:
    form = RatedTurns(messages="m", label="v", up=["up"], down=["down"])
    turns = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A", "v": UNUSABLE}]
    _, (reject,) = read_row(form, {"m": turns})
    assert (reject.reason, reject.field) == (Reason.WRONG_TYPE, "m.1.v")


def test_a_written_step_that_cannot_be_read_is_a_reject() -> None:
    form = Steps(
        prompt="q",
        steps="s",
        versions="v",
        step="t",
        rating="r",
        taken="k",
        written="w",
        codes={1: "right", -1: "wrong"},
    )
    step = {"v": [{"t": "One.", "r": 1}, {"t": "Two.", "r": -1}], "k": 0, "w": UNUSABLE}
    _, rejects = read_row(form, {"q": "Q", "s": [step]})
    assert [(reject.reason, reject.field) for reject in rejects] == [(Reason.WRONG_TYPE, "s.0.w")]


def test_all_reasons_of_a_rejected_row_are_counted(tmp_path: Path) -> None:
    def chat(*verdicts: str) -> dict[str, Any]:
        turns = [
            turn
            for n, verdict in enumerate(verdicts)
            for turn in ({"role": "user", "content": f"Q{n}"}, {"role": "assistant", "content": "A", "v": verdict})
        ]
        return {"m": turns}

    settings = {"messages": "m", "label": "v", "up": ["up"], "down": ["down"], "neutral": ["so-so"]}
    case = Case("", [chat("so-so", "oops", "so-so"), chat("up")], settings=settings)
    counts = unify_case(case, "rated_turns", tmp_path).counts
    assert counts["rejected"] == {"neutral": 1}
    assert counts["parts_rejected"] == {"bad_label": 1, "neutral": 1}


def test_a_row_with_too_much_feedback_keeps_what_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_reduce, "ROW_BYTES", 5000)
    turns = [
        turn
        for n in range(40)
        for turn in ({"role": "user", "content": f"Q{n}"}, {"role": "assistant", "content": "A" * 50, "v": "up"})
    ]
    settings = {"messages": "m", "label": "v", "up": ["up"], "down": ["down"]}
    unified = unify_case(Case("", [{"m": turns}], settings=settings), "rated_turns", tmp_path)
    kept = len(unified.preferences)
    assert 5 < kept < 20
    assert unified.counts["parts_rejected"] == {"over_limit": 40 - kept}


def test_long_dialogues_and_chains_take_linear_time() -> None:
    count = 4_000
    turns = [
        {"role": ("user", "assistant")[i % 2], "content": "x", **({"v": "up"} if i % 2 else {})} for i in range(count)
    ]
    started = time.perf_counter()
    items = list(RatedTurns(messages="m", label="v", up=["up"], down=["down"]).read({"m": turns}))
    assert sum(isinstance(item, Feedback) for item in items) == 500
    assert {item.reason for item in items if isinstance(item, Reject)} == {Reason.OVER_LIMIT}
    chain = [{"id": i, "p": i - 1 if i else "gone", **turn} for i, turn in enumerate(turns)]
    rejects = read_row(RatedTurns(**TREE), {"m": chain})[1]
    assert {(reject.reason, reject.field) for reject in rejects} == {(Reason.MISSING_FIELD, "m.0")}
    chain[0]["p"] = count - 1
    rejects = read_row(RatedTurns(**TREE), {"m": chain})[1]
    assert len({reject.field for reject in rejects if "circle" in reject.detail}) == count // 2
    assert time.perf_counter() - started < 10  # it was quadratic


def test_an_image_of_a_shared_message_is_looked_up_once(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "cat.png").write_bytes(b"PNG")
    image = {"type": "image_url", "image_url": {"url": "sub/cat.png"}}
    turns = [
        {"role": "user", "content": [image, {"type": "text", "text": "What is it?"}]},
        {"role": "assistant", "content": "A cat.", "v": "up"},
        {"role": "user", "content": "Sure?"},
        {"role": "assistant", "content": "Yes.", "v": "down"},
    ]
    settings = {"messages": "m", "label": "v", "up": ["up"], "down": ["down"]}
    unified = unify_case(Case("", [{"m": turns}], settings=settings), "rated_turns", tmp_path)
    assert unified.rejects == []
    assert [row["prompt"][0]["images"][0]["ref"] for row in unified.preferences] == ["sub/cat.png"] * 2


def test_the_error_lists_every_reason_and_the_format_that_reads_answers_scored_alone(tmp_path: Path) -> None:
    settings = {"prompt": "q", "response": "a", "scores": {"stars": {"field": "s", "better": "high"}}}
    rows = [{"q": f"Q{n}", "a": "A", "s": stars} for n, stars in enumerate([5, 1, "N/A", "", 4])]
    with pytest.raises(UserError) as caught:
        unify_case(Case("", rows, settings=settings), "ratings", tmp_path)
    first, *lines = caught.value.lines()[0].split("\n")
    assert first == "no preference could be made from 5 rows."
    assert [line.partition(",")[0] for line in lines] == [
        "  d: 3 x one_response",
        "  To use answers that are scored alone",
        "  1 x unscored",
        "  1 x wrong_type",
    ]
    assert "format: thumbs, with the field of 'stars' as label" in lines[1]


def test_a_warning_names_the_row_that_was_left_out_not_a_row_with_a_part_left_out(tmp_path: Path) -> None:
    settings = {
        **{"prompt": "q", "response": "a", "label": "r.0.v", "up": ["up"], "down": ["down"]},
        **{"where": {"ok": [True]}, "where_items": {"r": {"name": ["verdict"]}}},
    }
    result = [{"name": "comment", "v": "long"}, {"name": "verdict", "v": "up"}]
    case = Case("", [{"q": "Q", "a": "A", "ok": ok, "r": result} for ok in (True, False)], settings=settings)
    lines = list(rejection_warnings({"d": unify_case(case, "thumbs", tmp_path).counts}))
    assert lines[0].startswith("d: 1 of 2 rows left out, left_out; the first: d.jsonl:2: field 'ok'")
    assert lines[1].startswith("d: 1 item or answer left out, left_out; the first: d.jsonl:1: field 'r.0'")


def test_a_row_with_an_empty_list_of_labels_has_no_judgement() -> None:
    rows = list(nested_rows(iter([(1, {"text": "T", "label": []}), (2, {"text": "T", "label": ["good"]})]), "label"))
    assert [row.reason if isinstance(row, Reject) else row["value"] for _, row in rows] == [Reason.UNSCORED, "good"]
