"""Tests of split and clean: shares by group, no group in two parts, duplicates with their twin, tiny inputs."""

import filecmp
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from support.clean_rows import counts, grouped, part, preference, run
from unipref.clean import CleanSettings, SplitSettings
from unipref.core.errors import UserError
from unipref.core.records import preference_schema


def test_shares_are_of_groups_and_no_group_is_in_two_parts(tmp_path: Path) -> None:
    result = run(grouped(100), tmp_path / "a", SplitSettings(dev=0.1, test=0.25))
    assert counts(result) == {"train": 195, "dev": 30, "test": 75, "removed": {}}
    groups = {name: set(part(tmp_path / "a", name, "group")) for name in ("train", "dev", "test")}
    assert {name: len(found) for name, found in groups.items()} == {"train": 65, "dev": 10, "test": 25}
    assert not groups["train"] & groups["dev"]
    assert not groups["train"] & groups["test"]
    assert not groups["dev"] & groups["test"]


def test_parts_keep_the_order_and_the_schema(tmp_path: Path) -> None:
    rows = grouped(20)
    run(rows, tmp_path / "a")
    order = [row["id"] for row in rows]
    for name in ("train", "dev", "test"):
        assert part(tmp_path / "a", name) == [i for i in order if i in set(part(tmp_path / "a", name))]
        assert pq.read_schema(tmp_path / f"a/out/{name}.parquet").equals(preference_schema())


def test_same_input_gives_the_same_bytes_and_another_seed_another_split(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        run(grouped(30), tmp_path / name, SplitSettings(seed=seed))
    files = ["train.parquet", "dev.parquet", "test.parquet", "removed.parquet"]
    assert filecmp.cmpfiles(tmp_path / "a/out", tmp_path / "b/out", files, shallow=False) == (files, [], [])
    assert part(tmp_path / "a", "dev") != part(tmp_path / "c", "dev")


def test_the_split_does_not_depend_on_the_order_of_the_rows(tmp_path: Path) -> None:
    rows = grouped(30)
    run(rows, tmp_path / "a")
    run(rows[::-1], tmp_path / "b")
    assert set(part(tmp_path / "a", "test")) == set(part(tmp_path / "b", "test"))


DUPLICATES = [
    preference("a", "Q", "g1", "one"),
    preference("b", "Q", "g1", "two"),  # the same texts in another source
    preference("c", "Q", "g1", "two", rejected="worse"),  # another rejected answer
    preference("d", "Q", "g1", "two", rejected=None),  # a demonstration of it
    preference("e", "Q", "g2", "three"),  # the same texts under another group
    preference("f", "R", "g3", "one"),
    preference("g", "Q", "g1", "one", chosen="bad", rejected="good"),  # the other way round
    preference("h", "Q", "g1", "two", rejected=None),
]


def test_duplicates_are_removed_across_sources_and_name_the_kept_one(tmp_path: Path) -> None:
    result = run(DUPLICATES, tmp_path / "a", SplitSettings(dev=0, test=0))
    assert counts(result) == {"train": 4, "dev": 0, "test": 0, "removed": {"contradiction": 1, "duplicate": 3}}
    assert part(tmp_path / "a", "train") == ["a", "c", "d", "f"]
    assert pq.read_table(tmp_path / "a/out/removed.parquet").to_pylist() == [
        {"id": "b", "source": "two", "reason": "duplicate", "twin": "a"},
        {"id": "e", "source": "three", "reason": "duplicate", "twin": "a"},
        {"id": "g", "source": "one", "reason": "contradiction", "twin": "a"},  # three preferences against one
        {"id": "h", "source": "two", "reason": "duplicate", "twin": "d"},
    ]
    assert result["agreeing"] == {"three": 1, "two": 1}
    assert any(note.startswith("two: 1 preference agrees with another source") for note in result["notes"])


def opposite(first: float | None, second: float | None, **of_second: Any) -> list[dict[str, Any]]:
    """Two sources with opposite labels on one pair, and another preference, which stays."""
    rest = {"chosen": "worse", "rejected": "better"} | of_second
    return [
        {**preference("a", "Q", "g1", "one", chosen="better", rejected="worse"), "confidence": first},
        preference("x", "R", "g2", "one"),
        {**preference("b", "Q", "g1", "two", **rest), "confidence": second},
    ]


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        (0.8, 0.2, ["a", "x"]),
        (0.3, 0.7, ["x", "b"]),
        (0.5, 0.5, ["x"]),
        (None, None, ["x"]),
        (0.8, None, ["a", "x"]),
        (0.4, None, ["x", "b"]),
        (None, 0.6, ["x", "b"]),
        (None, 0.1, ["a", "x"]),
    ],
)
@pytest.mark.parametrize("duplicates", ["exact", "keep", "near"])
def test_of_opposite_labels_only_the_more_probable_stays(
    tmp_path: Path, first: float | None, second: float | None, kept: list[str], duplicates: Any
) -> None:
    settings = CleanSettings(duplicates=duplicates)
    result = run(opposite(first, second), tmp_path / "a", SplitSettings(dev=0, test=0), settings)
    assert part(tmp_path / "a", "train") == kept
    assert result["removed"] == {"contradiction": 3 - len(kept)}
    twins = {row["id"]: row["twin"] for row in pq.read_table(tmp_path / "a/out/removed.parquet").to_pylist()}
    assert twins == {one: other for one, other in (("a", "b"), ("b", "a")) if one not in kept}
    assert any("the opposite label of another one on the same answers" in note for note in result["notes"])


def test_opposite_labels_of_two_objectives_both_stay(tmp_path: Path) -> None:
    rows = opposite(0.9, 0.9)
    rows[2]["objective"] = "brevity"
    assert counts(run(rows, tmp_path / "a", SplitSettings(dev=0, test=0)))["removed"] == {}


def test_the_judgements_of_a_copy_count_against_an_opposite_label_of_its_objective(tmp_path: Path) -> None:
    rows = opposite(None, None)
    one, other = rows[0], rows[2]
    copy = {**one, "id": "copy", "objective": "brevity", "n_judgements": 3}
    other["objective"] = "brevity"
    run([*rows[:2], copy, other], tmp_path / "a", SplitSettings(dev=0, test=0))
    assert part(tmp_path / "a", "train") == ["a", "x"]


def test_without_a_confidence_more_judgements_decide(tmp_path: Path) -> None:
    rows = opposite(None, None)
    rows[2]["n_judgements"] = 3
    run(rows, tmp_path / "a", SplitSettings(dev=0, test=0))
    assert part(tmp_path / "a", "train") == ["x", "b"]


@pytest.mark.parametrize("seed", range(6))
def test_the_kept_twin_is_in_one_of_the_parts(tmp_path: Path, seed: int) -> None:
    more = [preference(name, f"R{name}", name) for name in "xy"]  # with these, four groups have something left
    run([*DUPLICATES, *more], tmp_path / "a", SplitSettings(dev=0.25, test=0.25, seed=seed))
    kept = [identity for name in ("train", "dev", "test") for identity in part(tmp_path / "a", name)]
    assert sorted(kept) == ["a", "c", "d", "f", "x", "y"]
    assert set(pq.read_table(tmp_path / "a/out/removed.parquet")["twin"].to_pylist()) <= set(kept)


def test_shares_are_of_what_is_left_when_a_source_is_given_twice(tmp_path: Path) -> None:
    twice = [preference(f"{source}{i}", f"Q{i}", f"{source}{i}", source) for source in "ab" for i in range(20)]
    result = run(twice, tmp_path / "a", SplitSettings(dev=0.1, test=0.2))
    assert counts(result) == {"train": 14, "dev": 2, "test": 4, "removed": {"duplicate": 20}}


def test_duplicates_can_be_kept(tmp_path: Path) -> None:
    result = run(DUPLICATES, tmp_path / "a", SplitSettings(dev=0, test=0), CleanSettings(duplicates="keep"))
    # Only the preference with the opposite label goes.
    assert counts(result) == {"train": 7, "dev": 0, "test": 0, "removed": {"contradiction": 1}}


TINY = [
    # groups, dev and test shares, groups in train, dev and test
    (1, 0.1, 0.1, (1, 0, 0)),
    (2, 0.1, 0.1, (2, 0, 0)),
    (3, 0.33, 0.33, (1, 1, 1)),
    (5, 0.1, 0.2, (4, 0, 1)),
    (10, 0.1, 0.1, (8, 1, 1)),
]


@pytest.mark.parametrize(("groups", "dev", "test", "expected"), TINY)
def test_tiny_inputs(tmp_path: Path, groups: int, dev: float, test: float, expected: tuple[int, ...]) -> None:
    result = run(grouped(groups, per_group=1), tmp_path / "a", SplitSettings(dev=dev, test=test))
    assert (result["train"], result["dev"], result["test"]) == expected


def test_nothing_left_to_train_on_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no preference is left to train on") as caught:
        run(grouped(1), tmp_path / "a", SplitSettings(dev=0.6, test=0))
    assert caught.value.where == "split"
    assert "Lower split.dev and split.test" in str(caught.value)


@pytest.mark.parametrize("shares", [{"dev": 0.5, "test": 0.5}, {"dev": 1.0}, {"test": -0.1}, {"dev": float("nan")}])
def test_shares_that_leave_nothing_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(
        ValueError, match=r"together must be below 1|less than 1|greater than or equal to 0|finite number"
    ):
        SplitSettings(**shares)


def test_a_prompt_of_twins_in_another_source_stays_with_them(tmp_path: Path) -> None:
    # Twins t: questions A and B. Question B stands in a second source, by itself: all three are one family.
    import unipref

    twins = [{"q": f"{side} {n}?", "good": "yes", "bad": "no", "t": n} for n in range(40) for side in ("A", "B")]
    alone = [{"q": f"b  {n}?", "good": "yes, surely", "bad": "never"} for n in range(40)]
    mapping = {"prompt": "q", "chosen": "good", "rejected": "bad"}
    study = {
        "sources": [
            {"name": "twins", "format": "pairs", "map": {**mapping, "twins": {"field": "t"}}},
            {"name": "alone", "format": "pairs", "map": mapping},
        ],
        "split": {"dev": 0.3, "test": 0.3},
    }
    unipref.unify_feedback(study, tmp_path, rows={"twins": twins, "alone": alone})
    part_of: dict[str, set[str]] = {}
    for name in ("train", "dev", "test"):
        for row in pq.read_table(tmp_path / "clean" / f"{name}.parquet").to_pylist():
            part_of.setdefault(row["prompt"][0]["content"].split()[1], set()).add(name)
    assert len(part_of) == 40
    assert all(len(parts) == 1 for parts in part_of.values())
    assert set().union(*part_of.values()) == {"train", "dev", "test"}
