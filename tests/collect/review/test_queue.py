"""Which preferences are to be reviewed: reasons, their order, their shares, and what is left out."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.exported_run import RICH, preference
from support.review_run import judge, make_rows, write_influence, write_run
from unipref.collect.review.queue import Queue, open_queue
from unipref.collect.review.reasons import (
    CONTRADICTION,
    INFLUENCE,
    LOW_CONFIDENCE,
    NEAR_TIE,
    REASONS,
    SAMPLE,
    share_places,
)
from unipref.core.errors import UserError


def make(run: Path, most: int = 100) -> Queue:
    return open_queue(run, run / "review", most, lambda label, done, total: None)


def with_reason(queue: Queue, reason: str) -> list[int]:
    """The numbers of the preferences that a reason named, in the order of the list."""
    return [int(item.preference, 16) for item in queue.items if reason in item.reasons]


def test_each_reason_ranks_the_preferences_that_need_a_person(tmp_path: Path) -> None:
    rows = make_rows()
    rows[3]["confidence"], rows[5]["confidence"], rows[6]["confidence"] = 0.79, 0.4, None
    rows[1]["margin_percentile"], rows[2]["margin_percentile"], rows[7]["margin_percentile"] = 0.1, 0.2, 0.05
    judgements = [judge(rows[8], "chosen", "ann"), judge(rows[8], "rejected", "bob")]
    judgements += [judge(rows[9], "chosen", count=3), judge(rows[9], "rejected", "eve")]
    judgements += [judge(rows[10], "chosen", "ann"), judge(rows[10], "chosen", "bob")]
    run = write_run(tmp_path, rows, judgements)
    write_influence(run, {rows[0]["id"]: 0.1, rows[4]["id"]: -0.7, rows[11]["id"]: float("nan")})
    queue = make(run)
    assert with_reason(queue, LOW_CONFIDENCE) == [5, 3]
    # The two sources in turn: their percentiles say nothing of each other.
    assert with_reason(queue, NEAR_TIE) == [2, 7, 1]
    assert with_reason(queue, CONTRADICTION) == [8, 9]
    assert with_reason(queue, INFLUENCE) == [4, 0]
    assert sorted(with_reason(queue, SAMPLE)) == list(range(12))
    assert queue.total == len(queue.items) == 12


def test_scorers_of_influence_have_turns_because_their_numbers_have_other_scales(tmp_path: Path) -> None:
    rows = make_rows()
    small, large = [0.001, 0.002, 0.003, 0.0], [100.0, 300.0, 0.0, -200.0]
    ids = [row["id"] for row in rows[:4]]
    run = write_run(tmp_path, rows, [])
    write_influence(run, *(dict(zip(ids, numbers, strict=True)) for numbers in (small, large)))
    # 2 and 1 by the first scorer, 1 and 3 by the second one: large numbers alone do not decide.
    assert with_reason(make(run), INFLUENCE)[:3] == [2, 1, 3]


def test_the_page_of_the_documents_has_all_reasons() -> None:
    page = (Path(__file__).parents[3] / "docs" / "review.md").read_text(encoding="utf-8")
    assert [name for name, about in REASONS.items() if f"| {name} | {about} |" not in page] == []


def test_a_ranking_contradicts_a_comparison_of_the_same_answers(tmp_path: Path) -> None:
    rows = make_rows(3)
    ranking = {"kind": "ranking", "value": None, "places": [2, 1]}
    other_axis = [judge(rows[1], "chosen"), judge(rows[1], "rejected", axis="tone")]
    judgements = [judge(rows[0], "chosen"), judge(rows[0], "rejected", **ranking), *other_axis]
    assert with_reason(make(write_run(tmp_path, rows, judgements)), CONTRADICTION) == [0]


def test_reasons_share_the_places_in_turn_and_a_longer_list_begins_with_the_shorter() -> None:
    ranked = {"a": ["1", "2", "3", "4"], "b": ["2", "9"], "c": []}
    assert share_places(ranked, 3) == {"1": ["a"], "2": ["b", "a"], "9": ["b"]}
    assert share_places(ranked, 5) == {"1": ["a"], "2": ["b", "a"], "9": ["b"], "3": ["a"], "4": ["a"]}
    assert share_places({}, 5) == {}
    longer = list(share_places(ranked, 5))
    assert [list(share_places(ranked, most)) == longer[:most] for most in range(1, 6)] == [True] * 5


def test_the_list_does_not_depend_on_the_order_of_the_rows(tmp_path: Path) -> None:
    rows = make_rows(40)
    for number, row in enumerate(rows):
        row["confidence"], row["margin_percentile"] = 0.5 + number % 3 / 10, number % 2 / 4
    lists = [make(write_run(tmp_path / name, part), 15) for name, part in (("a", rows), ("b", rows[::-1]))]
    assert lists[0].items == lists[1].items
    assert len(lists[0].items) == 15
    assert {item.data for item in lists[0].items} == {"first", "second"}


def test_copies_and_opposite_labels_are_one_pair_and_images_are_left_out(tmp_path: Path) -> None:
    rows = make_rows(2)
    opposite = rows[0] | {"id": "f" * 32, "chosen": rows[0]["rejected"], "rejected": rows[0]["chosen"]}
    one_sided = preference("up", "Say hello.", "Hello there.", None)
    queue = make(write_run(tmp_path, [*rows, opposite, one_sided, *RICH]))
    shown = {item.preference for item in queue.items}
    assert shown == {rows[0]["id"], rows[1]["id"], "long", "thought", "same"}
    assert (queue.total, queue.unfit) == (8, 2)


def test_the_list_is_kept_until_the_run_changes(tmp_path: Path) -> None:
    run = write_run(tmp_path, make_rows())
    kept = make(run, 5)
    path = run / "review" / "queue.json"
    changed = json.loads(path.read_text()) | {"total": 99}
    path.write_text(json.dumps(changed))
    assert make(run, 5).total == 99
    assert make(run, 6).total == kept.total
    path.write_text("{half")
    assert make(run, 5).items == kept.items
    write_run(tmp_path, make_rows(3))
    assert len(make(run, 5).items) == 3


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([preference("up", "Say hello.", "Hello there.", None)], "no preference has two answers"),
        (RICH[:2], "all preferences hold images or tools"),
    ],
)
def test_a_run_with_nothing_to_review_says_why(tmp_path: Path, rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make(write_run(tmp_path, rows))


def test_a_folder_without_preferences_says_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unipref unify STUDY"):
        make(tmp_path)


def test_a_list_keeps_its_size_until_another_one_is_asked_for(tmp_path: Path) -> None:
    run = write_run(tmp_path, make_rows(), [])
    assert len(make(run, 3).items) == 3

    def reopen() -> Queue:
        return open_queue(run, run / "review", None, lambda label, done, total: None)

    assert reopen() == make(run, 3)
    (run / "review" / "queue.json").unlink()
    assert reopen().most == 100
