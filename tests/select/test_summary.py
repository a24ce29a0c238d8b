"""What a selection did: figures against hand-worked and brute-force ones, and the thresholds of its warnings."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unipref import select
from unipref.core.candidates import Candidates
from unipref.core.contracts import Selection, Strategy
from unipref.select import diversity, summary, wording
from unipref.select.candidates import read
from unipref.select.strategies.random import Random
from unipref.select.summary import account, warnings


@pytest.fixture
def candidates(tmp_path: Path) -> Callable[[Path], Candidates]:
    return lambda path: read(path, tmp_path / "cache", 4096)


def parts(found: dict[str, Any]) -> dict[str, Any]:
    return {f"{part['of']} {part['name']}": part for part in found["parts"]}


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def test_before_and_after_by_objective_and_source(
    write: Callable[..., Path], make: Callable[..., Any], candidates: Callable[[Path], Candidates]
) -> None:
    rows = [
        make("what is red", 0.1, chosen=said("a b c d"), rejected=said("a b")),
        make("what is blue", 0.9, chosen=said("a"), rejected=said("a b c")),
        make("who is she", None, "b", objective="bias", chosen=said("the nurse"), rejected=None),
        make("who is he", None, "b", objective="bias", chosen=None, rejected=said("one two three")),
    ]
    path = write(rows)
    found = account(path, candidates(path), np.array([1, 2]), 4096)
    by_name = parts(found)
    assert list(by_name) == ["all all", "objective bias", "objective instruction", "source a", "source b"]
    whole = by_name["all all"]
    assert whole["count"] == [4, 2]
    # Words of prompt and answers: 3+4+2, 3+1+3, 3+2+0, 3+0+3.
    assert whole["tokens"] == [9 + 7 + 5 + 6, 7 + 5]
    assert whole["margin"] == [pytest.approx([0.18, 0.3, 0.5, 0.7, 0.82]), pytest.approx([0.9] * 5)]
    assert whole["chosen_words"] == [2.33, 1.5]  # (4 + 1 + 2) / 3, (1 + 2) / 2
    assert whole["rejected_words"] == [2.67, 3.0]  # (2 + 3 + 3) / 3, 3 / 1
    assert whole["length_ratio"] == [1.0, 0.3333]  # (4 + 1) / (2 + 3), 1 / 3: two-sided ones only
    assert by_name["objective bias"] | {"of": "", "name": ""} == by_name["source b"] | {"of": "", "name": ""}
    assert by_name["source b"]["margin"] == [None, None]
    assert by_name["source b"]["length_ratio"] == [None, None]
    assert by_name["source a"]["count"] == [2, 1]
    assert found["clusters"] == 1  # of four prompts no clusters are made


def test_distinct_2_is_the_share_of_different_word_pairs(write: Callable[..., Path], make: Callable[..., Any]) -> None:
    rows = [
        make("a b a b", chosen=said("C d"), rejected=said("never read")),
        make("a b", chosen=None, rejected=said("c D")),
        make("one", chosen=said("word"), rejected=said("x")),
    ]
    path = write(rows)
    samples = [np.array([0]), np.array([0, 1]), np.array([2]), np.array([], dtype=np.int64)]
    for rows_at_once in (1, 4096):
        lengths, distinct = wording.read(path, samples, rows_at_once)
        # Row 0: ab, ba, ab, cd: 3 of 4. Row 1: ab, cd: no new one of 6. Row 2 has no pair.
        assert distinct == [3 / 4, 3 / 6, None, None]
        assert lengths.chosen.tolist() == [2, -1, 1]
        assert lengths.rejected.tolist() == [2, 2, 1]


def test_entropy_is_in_nats() -> None:
    assert diversity.entropy(np.array([0, 0, 3, 3])) == pytest.approx(math.log(2))
    assert diversity.entropy(np.array([5, 5])) == 0.0
    assert diversity.entropy(np.array([], dtype=np.int64)) is None


def test_nearest_neighbours_agree_with_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(60, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[7] = 0  # the embedder saw nothing: neither asked nor found
    order = rng.permutation(60)
    kept = np.zeros(60, dtype=bool)
    kept[order[::2]] = True
    monkeypatch.setattr(diversity, "AT_ONCE", 13)
    monkeypatch.setattr(diversity, "QUERIES", 20)

    def slow(rows: list[int]) -> float:
        seen = [row for row in rows if row != 7]
        nearest = [min(1 - float(vectors[a] @ vectors[b]) for b in seen if b != a) for a in seen[:20]]
        return sum(nearest) / len(nearest)

    found = diversity.neighbours(vectors, order, kept)
    mine = [int(row) for row in order if kept[row]]
    assert found == pytest.approx((slow(order.tolist()), slow(mine), slow(order.tolist()[:30])), abs=1e-6)


def test_one_prompt_has_no_neighbour() -> None:
    vectors = np.eye(3, dtype=np.float32)
    assert diversity.neighbours(vectors, np.arange(3), np.array([True, False, False])) == (1.0, None, None)


def test_the_map_shows_the_two_directions_of_greatest_variance() -> None:
    # Spread 3 along the first axis, 1 along the second, 0.1 along the third.
    corners = np.array([[3, 1, 0.1], [3, -1, -0.1], [-3, 1, -0.1], [-3, -1, 0.1]], dtype=np.float32)
    kept = np.array([True, False, False, True])
    found = diversity.two_dimensions(corners, np.arange(4), kept)
    assert (found["x"], found["y"]) == ([1000, 1000, 0, 0], [1000, 0, 1000, 0])
    assert (found["kept"], found["of"]) == ("1001", 4)
    assert found["variance"] == [round(9 / 10.01, 4), round(1 / 10.01, 4)]
    assert diversity.two_dimensions(corners[:2], np.arange(2), kept[:2]) == {}


def test_a_map_of_one_dimension_is_a_line() -> None:
    found = diversity.two_dimensions(np.array([[1.0], [2.0], [3.0]], np.float32), np.arange(3), np.ones(3, dtype=bool))
    assert (found["x"], found["y"]) == ([0, 500, 1000], [0, 0, 0])


def test_clusters_are_those_of_the_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diversity, "AT_ONCE", 7)
    places = np.repeat(np.eye(4, dtype=np.float32), 25, axis=0)
    ids = np.array([f"{i:03}" for i in np.random.default_rng(0).permutation(100)])
    monkeypatch.setattr(diversity, "CLUSTERS", 4)
    labels = diversity.clusters_of(places, ids)
    assert [len(set(labels[start : start + 25])) for start in range(0, 100, 25)] == [1, 1, 1, 1]
    assert len(set(labels)) == 4


def topics(make: Callable[..., Any], n: int) -> list[dict[str, Any]]:
    nouns = ["dog", "boat", "apple", "nurse", "train", "violin"]
    return [
        make(f"what is {nouns[i % 6]} number{i}", (i % 10) / 10, "ab"[i % 2], chosen=said(f"it is {i} indeed"))
        for i in range(n)
    ]


def test_the_order_of_rows_changes_nothing(
    write: Callable[..., Path], make: Callable[..., Any], candidates: Callable[[Path], Candidates]
) -> None:
    rows = topics(make, 200)
    kept_ids = {row["id"] for row in rows[::3]}
    accounts = []
    for order in (rows, rows[::-1]):
        path = write(order)
        kept = np.array([at for at, row in enumerate(order) if row["id"] in kept_ids])
        accounts.append(account(path, candidates(path), kept, 64) | {"seconds": 0})
    assert accounts[0] == accounts[1]
    assert accounts[0]["clusters"] == 10  # of at least twenty rows each
    assert len(accounts[0]["map"]["x"]) == 200


def part(of: str, name: str, count: list[int], clusters: list[int] | None = None) -> dict[str, Any]:
    return {"of": of, "name": name, "count": count, "clusters": clusters or [10, 10]}


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        # A tenth of 1,000 is kept; source b had a tenth: its share of the 100 kept is 10, and a fifth of that is 2.
        (2, None),
        (1, "source 'b' is 10 % of the candidates and 1 % of what is kept (1 of 100): below 20 % of its share."),
        (0, "source 'b' is 10 % of the candidates and 0 % of what is kept (0 of 100): below 20 % of its share."),
    ],
)
def test_a_source_below_a_fifth_of_its_share_is_named(kept: int, said: str | None) -> None:
    found = list(warnings([part("all", "all", [1000, 100]), part("source", "b", [100, kept])]))
    assert found == ([said] if said else [])


def test_a_source_that_is_owed_less_than_one_is_not_named() -> None:
    assert list(warnings([part("all", "all", [1000, 100]), part("source", "b", [9, 0])])) == []
    assert len(list(warnings([part("all", "all", [1000, 100]), part("source", "b", [10, 0])]))) == 1


@pytest.mark.parametrize(("left", "named"), [(19, False), (18, True), (5, True)])
def test_a_tenth_of_the_clusters_emptied_is_named(left: int, named: bool) -> None:
    found = list(warnings([part("all", "all", [1000, 100], [20, left])]))
    assert found == (
        [f"{20 - left} of 20 clusters of prompts have nothing kept in them: 10 % or more."] if named else []
    )


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_few_or_no_preferences(
    n: int, write: Callable[..., Path], make: Callable[..., Any], candidates: Callable[[Path], Candidates]
) -> None:
    path = write(topics(make, n))
    for kept in (np.arange(n), np.array([], dtype=np.int64)):
        found = account(path, candidates(path), kept, 64)
        assert found["parts"][0]["count"] == [n, len(kept)]
        assert found["warnings"] == []


def test_the_map_says_how_prompts_begin_whence_they_are_and_why_they_were_kept(
    write: Callable[..., Path], make: Callable[..., Any], candidates: Callable[[Path], Candidates]
) -> None:
    rows = [*topics(make, 40), make("long " * 30, 0.5, "c"), make("two\n  lines", 0.5, "c")]
    path = write(rows)
    reasons = np.where(np.arange(len(rows)) % 2 == 0, "even", "odd")
    for rows_at_once in (1, 7, 4096):
        drawn = account(path, candidates(path), np.array([0]), rows_at_once, reasons)["map"]
        by_id = sorted(range(len(rows)), key=lambda at: rows[at]["id"])
        names, places = drawn["sources"]
        assert [names[place] for place in places] == [rows[at]["source"] for at in by_id]
        names, places = drawn["reasons"]
        assert [names[place] for place in places] == [str(reasons[at]) for at in by_id]
        begins = dict(zip(by_id, drawn["prompts"], strict=True))
        assert begins[0] == "what is dog number0"
        assert begins[40] == ("long " * 16)[:79] + "…"
        assert begins[41] == "two lines"
    assert "reasons" not in account(path, candidates(path), np.array([0]), 64)["map"]


def test_no_more_prompts_are_quoted_than_the_map_has_points(
    write: Callable[..., Path],
    make: Callable[..., Any],
    candidates: Callable[[Path], Candidates],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(diversity, "MAP_POINTS", 5)
    path = write(topics(make, 30))
    drawn = account(path, candidates(path), np.array([0]), 64, np.array(["why"] * 30))["map"]
    assert [len(part) for part in (drawn["x"], drawn["prompts"], drawn["sources"][1], drawn["reasons"][1])] == [5] * 4


class OnlyOne(Strategy):
    """Keeps what is of source a and speaks of dogs."""

    def select(self, candidates: Candidates, seed: int) -> Selection:
        return Selection(np.arange(0, len(candidates), 6))


def test_the_stage_returns_the_account_and_names_what_is_over_aggressive(
    write: Callable[..., Path], make: Callable[..., Any], tmp_path: Path
) -> None:
    path = write(topics(make, 240))
    out = tmp_path / "out"
    out.mkdir()
    found = select.choose(OnlyOne(), path, out, 0, tmp_path / "cache")["account"]
    assert found["warnings"][0] == (
        "source 'b' is 50 % of the candidates and 0 % of what is kept (0 of 120): below 20 % of its share."
    )
    assert found["warnings"][1].endswith(" clusters of prompts have nothing kept in them: 10 % or more.")
    fair = select.choose(Random(fraction=0.5), path, out, 0, tmp_path / "cache")["account"]
    assert fair["warnings"] == []
    assert fair["embedder"] == summary.EMBEDDER
