"""Groups that contradict themselves are ordered by all judgements, and overruled pairs give way to others."""

from pathlib import Path
from typing import Any

import pytest

from support.golden import resolve_source, run_unify
from support.voters import PEOPLE, STARS, VOTE, is_right, read, votes, write
from unipref.core.records import preference_schema
from unipref.unify.judging.pair_keys import CHOSEN_KEY, REJECTED_KEY
from unipref.unify.open_groups import OpenGroups

PER_ROW = {"prompt": "q", "first": "a", "second": "b", "votes": "people.*.vote", "annotator": "people.*.who"}
PER_ROW |= {"codes": VOTE["codes"]}
GRADED = {
    **{"prompt": "q", "first": "a", "second": "b", "grade": "grade", "annotator": "who"},
    "scale": {"first": 3, "second": -3},
}
KNOWN = votes(PEOPLE, 60)
"""Votes that show that eve chooses the worse answer."""


def tied(numbers: range, people: dict[str, str]) -> list[dict[str, Any]]:
    """Rows, one per vote, on pairs of which each person chooses the `good` or the `bad` answer."""
    return [
        {"q": f"T{n}?", "a": f"good {n}", "b": f"bad {n}", "vote": "A" if side == "good" else "B", "who": who}
        for n in numbers
        for who, side in people.items()
    ]


def as_lists(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns one row per pair, with a list of votes."""
    pairs: dict[str, dict[str, Any]] = {}
    for row in rows:
        is_same = row["a"].startswith("good")
        n = row["a"].split()[1]
        pair = pairs.setdefault(row["q"], {"q": row["q"], "a": f"good {n}", "b": f"bad {n}", "people": []})
        pair["people"].append({"vote": row["vote"] if is_same else "BA"[row["vote"] == "B"], "who": row["who"]})
    return list(pairs.values())


def as_grades(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns one grade per row."""
    return [{**row, "grade": 2 if row["vote"] == "A" else -2} for row in rows]


SHAPES: dict[str, tuple[str, dict[str, Any], Any]] = {
    "one row per vote": ("votes", VOTE, list),
    "a list of votes": ("votes", PER_ROW, as_lists),
    "graded pairs": ("graded_pair", GRADED, as_grades),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_tie_is_ordered_by_what_is_known_of_the_voters(tmp_path: Path, shape: str) -> None:
    """Ann is right and eve chooses the worse answer: their votes on a pair are two votes for the same answer."""
    form, settings, convert = SHAPES[shape]
    rows = convert([*KNOWN, *tied(range(5), {"ann": "good", "eve": "bad"})])
    source = resolve_source(form, settings, write(tmp_path / "d.jsonl", rows))
    for workers in (1, 2):
        counts = run_unify([source], tmp_path / f"out{workers}", workers, "latent")["d"]
    kept = [p for p in read(tmp_path / "out1") if p["prompt"][0]["content"].startswith("T")]
    assert len(kept) == 5
    assert all(map(is_right, kept))
    assert all(p["confidence"] > 0.9 and p["margin"] > 0 and p["n_judgements"] == 2 for p in kept)
    assert {(p["axis"], p["chosen_score"], p["margin_percentile"]) for p in kept} == {(None, None, None)}
    assert counts["ordered_by_aggregate"] == 5 + sum(
        p["n_judgements"] == 4 for p in read(tmp_path / "out1") if p not in kept
    )
    assert counts["groups"] == counts["projected"] + sum(counts["groups_rejected"].values()) == 65
    for name in ("preferences.parquet", "rejects.parquet", "judgements.parquet", "judging.json"):
        assert (tmp_path / "out1" / name).read_bytes() == (tmp_path / "out2" / name).read_bytes()


def test_a_tied_pair_shown_the_other_way_round_has_the_same_order(tmp_path: Path) -> None:
    rows = tied(range(1), {"ann": "good", "eve": "bad"})
    mirrored = [{**row, "a": row["b"], "b": row["a"], "vote": "BA"[row["vote"] == "B"]} for row in rows]
    found = []
    for name, last in (("one", rows), ("other", mirrored)):
        source = resolve_source("votes", VOTE, write(tmp_path / f"{name}.jsonl", [*KNOWN, *last]))
        run_unify([source], tmp_path / name, aggregate="latent")
        found += [p for p in read(tmp_path / name) if p["prompt"][0]["content"] == "T0?"]
    assert len(found) == 2
    assert found[0]["id"] == found[1]["id"]
    assert is_right(found[0])


def test_a_tie_that_nobody_can_order_stays_a_contradiction(tmp_path: Path) -> None:
    """Ann and bob are equally reliable. The reject names both with their reliabilities."""
    rows = [*KNOWN, *tied(range(3), {"ann": "good", "bob": "bad"})]
    source = resolve_source("votes", VOTE, write(tmp_path / "d.jsonl", rows))
    counts = run_unify([source], tmp_path / "out", aggregate="latent")["d"]
    rejects = [row for row in read(tmp_path / "out", "rejects") if row["level"] == "group"]
    assert [row["reason"] for row in rejects] == ["contradiction"] * 3
    assert counts["groups_rejected"] == {"contradiction": 3}
    assert "2 judgements, and neither answer is ahead: ann (reliability 0." in rejects[0]["detail"]
    assert "for one, bob (reliability 0." in rejects[0]["detail"]
    assert "below the 0.6 that would decide" in rejects[0]["detail"]
    assert len(rejects[0]["origin"]) == 2


@pytest.mark.parametrize(("first", "second"), [(5, 3), (3, 5), (9, 1)])
def test_equal_evidence_orders_no_tie_whatever_the_setting(tmp_path: Path, first: int, second: int) -> None:
    """Two raters who are not named gave the two answers the same two ratings, the other way round."""
    rows = [{"q": f"Q{n}?", "a": f"{side} {n}", "s": s} for n in range(20) for side, s in (("good", 8), ("bad", 2))] * 2
    rows += [{"q": "T?", "a": a, "s": s} for a, s in zip("AABB", (first, second, second, first), strict=True)]
    rows = [{**row, "id": n} for n, row in enumerate(rows)]
    settings = {"prompt": "q", "response": "a", "scores": {"s": {"field": "s", **STARS}}}
    source = resolve_source("ratings", settings, write(tmp_path / "d.jsonl", rows))
    counts = run_unify([source], tmp_path / "out", aggregate="latent", overruled_below=0.5)["d"]
    assert (counts["ordered_by_aggregate"], counts["groups_rejected"]) == (0, {"tie": 1})
    (reject,) = read(tmp_path / "out", "rejects")
    assert "probability of 0.500, below the 0.51 that would decide" in reject["detail"]


@pytest.mark.parametrize(
    ("aggregate", "why"),
    [
        (None, "no aggregate weighs them"),
        ("mean", "how reliable its judges are is not known"),
        ("majority", "one answer is better with a probability of 0.500, below the 0.6"),
    ],
)
def test_without_reliabilities_a_tie_stays_a_contradiction(tmp_path: Path, aggregate: Any, why: str) -> None:
    rows = [*KNOWN[:5], *tied(range(1), {"ann": "good", "eve": "bad"})]
    source = resolve_source("votes", VOTE, write(tmp_path / "d.jsonl", rows))
    counts = run_unify([source], tmp_path / "out", aggregate=aggregate)["d"]
    assert counts["ordered_by_aggregate"] == 0
    (reject,) = (row for row in read(tmp_path / "out", "rejects") if row["level"] == "group")
    assert (reject["reason"], reject["detail"].endswith(why) or why in reject["detail"]) == ("contradiction", True)


def test_dawid_and_skene_order_a_tie_too(tmp_path: Path) -> None:
    rows = [*KNOWN, *tied(range(2), {"ann": "good", "eve": "bad"})]
    source = resolve_source("votes", VOTE, write(tmp_path / "d.jsonl", rows))
    run_unify([source], tmp_path / "out", aggregate="dawid_skene")
    kept = [p for p in read(tmp_path / "out") if p["prompt"][0]["content"].startswith("T")]
    assert [is_right(p) for p in kept] == [True, True]


def test_a_tie_that_all_state_is_no_contradiction(tmp_path: Path) -> None:
    """Nobody prefers an answer, so there is nothing to weigh."""
    rows = [*KNOWN, *({**row, "vote": "="} for row in tied(range(2), {"ann": "good", "eve": "bad"}))]
    source = resolve_source("votes", VOTE, write(tmp_path / "d.jsonl", rows))
    counts = run_unify([source], tmp_path / "out", aggregate="latent")["d"]
    assert counts["groups_rejected"]["tie"] == 2


def test_equal_means_of_several_ratings_are_ordered_too(tmp_path: Path) -> None:
    """Ann rates the good answer 8 and the bad one 2, eve the other way round: both have the mean 5."""
    rows = [
        {"q": f"Q{n}?", "a": f"{side} {n}", "s": (8 - n % 2 if is_high else 2 + n % 3), "who": who}
        for n in range(40)
        for who in ("ann", "bob", "cyd", "eve")
        for side in ("good", "bad")
        for is_high in [(side == "good") != (who == "eve")]
        if n < 35 or who in ("ann", "eve")
    ]
    for row in rows:
        if int(row["q"][1:-1]) >= 35:
            row["s"] = 8 if row["s"] > 5 else 2
    settings = {"prompt": "q", "response": "a", "annotator": "who", "scores": {"s": {"field": "s", **STARS}}}
    source = resolve_source("ratings", settings, write(tmp_path / "d.jsonl", rows))
    counts = run_unify([source], tmp_path / "out", aggregate="latent")["d"]
    assert counts["ordered_by_aggregate"] == 5
    last = [p for p in read(tmp_path / "out") if int(p["prompt"][0]["content"][1:-1]) >= 35]
    assert [is_right(p) for p in last] == [True] * 5
    assert {(p["chosen_score"], p["rejected_score"], p["margin_percentile"]) for p in last} == {(5.0, 5.0, None)}


def rated(better: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """One source's ratings of three answers; in the last prompts, its best answer is the one that others find worst."""
    heights = {"good": 8, "fair": 5, "bad": 2}
    rows = [
        {"q": f"Q{n}?", "a": f"{name} {n}", "s": 9 if n >= 30 and name == better else score}
        for n in range(34)
        for name, score in heights.items()
    ]
    return {"prompt": "q", "response": "a", "scores": {"s": {"field": "s", **STARS}}}, rows


def voted() -> list[dict[str, Any]]:
    pairs = (("good", "fair"), ("fair", "bad"), ("good", "bad"))
    return [
        {"q": f"Q{n}?", "a": f"{one} {n}", "b": f"{two} {n}", "vote": "A", "who": who}
        for n in range(34)
        for who in ("ann", "bob", "cyd")
        for one, two in pairs
    ]


def test_an_overruled_pair_gives_way_to_another_of_its_group(tmp_path: Path) -> None:
    """The source rates bad 9, good 8 and fair 5: bad against fair is overruled, good against fair is sure."""
    settings, rows = rated("bad")
    sources = [
        resolve_source("ratings", settings, write(tmp_path / "r.jsonl", rows), "ratings"),
        resolve_source("votes", VOTE, write(tmp_path / "v.jsonl", voted()), "votes"),
    ]
    for workers in (1, 2):
        counts = run_unify(sources, tmp_path / f"out{workers}", workers, "latent")["ratings"]
    one, two = ((tmp_path / f"out{n}/preferences.parquet").read_bytes() for n in (1, 2))
    assert one == two
    last = [
        (p["chosen"][0]["content"].split()[0], p["rejected"][0]["content"].split()[0])
        for p in read(tmp_path / "out1")
        if p["source"] == "ratings" and int(p["prompt"][0]["content"][1:-1]) >= 30
    ]
    assert last == [("good", "fair")] * 4
    assert (counts["overruled"], counts["replacing"], counts["preferences"]) == (4, 4, 34)
    assert counts["preferences_rejected"] == {"overruled": 4}
    assert counts["kept_pairs"] == 34


@pytest.mark.parametrize("min_margin", [0.1, 0.5, 0.95])
def test_kept_pairs_count_no_replacement_that_is_left_out(tmp_path: Path, min_margin: float) -> None:
    settings, rows = rated("bad")
    sources = [
        resolve_source("ratings", settings, write(tmp_path / "r.jsonl", rows), "ratings"),
        resolve_source("votes", VOTE, write(tmp_path / "v.jsonl", voted()), "votes"),
    ]
    counts = run_unify(sources, tmp_path / "out", aggregate="latent", min_margin=min_margin)["ratings"]
    assert counts["preferences_rejected"]["below_min_margin"] >= 4
    assert (counts["replacing"], counts["preferences_rejected"]["overruled"]) == (0, 4)
    in_file = sum(p["source"] == "ratings" for p in read(tmp_path / "out"))
    assert counts["kept_pairs"] == counts["preferences"] == in_file


@pytest.mark.parametrize("method", ["turn", "keep"])
def test_a_turned_or_kept_pair_is_not_replaced(tmp_path: Path, method: Any) -> None:
    settings, rows = rated("bad")
    sources = [
        resolve_source("ratings", settings, write(tmp_path / "r.jsonl", rows), "ratings"),
        resolve_source("votes", VOTE, write(tmp_path / "v.jsonl", voted()), "votes"),
    ]
    counts = run_unify(sources, tmp_path / "out", aggregate="latent", overruled=method)["ratings"]
    assert (counts["overruled"] + counts["turned"] > 0, counts["replacing"], counts["preferences"]) == (True, 0, 34)


def test_one_person_who_judges_a_pair_both_ways_says_nothing_of_it(tmp_path: Path) -> None:
    """Dan chooses each answer once. His two votes cancel; bob's single vote decides, and dan is not called careless."""
    both = [
        row
        for n in range(30)
        for who, side in (("dan", "good"), ("dan", "bad"), ("bob", "good"))
        for row in tied(range(n, n + 1), {who: side})
    ]
    source = resolve_source("votes", VOTE, write(tmp_path / "d.jsonl", both))
    counts = run_unify([source], tmp_path / "out", aggregate="majority")["d"]
    kept = read(tmp_path / "out")
    assert (counts["opposite_judgements"], len(kept), all(map(is_right, kept))) == (60, 30, True)
    assert {p["n_judgements"] for p in kept} == {1}
    assert counts["judgements"] == 90  # the table keeps them


def test_a_person_who_contradicts_only_himself_is_named(tmp_path: Path) -> None:
    both = [row for side in ("good", "bad") for row in tied(range(1), {"dan": side})]
    rows = [*tied(range(1, 3), {"ann": "good"}), *both]
    source = resolve_source("votes", VOTE, write(tmp_path / "d.jsonl", rows))
    counts = run_unify([source], tmp_path / "out", aggregate="latent")["d"]
    assert (counts["groups_rejected"], counts["opposite_judgements"]) == ({"contradiction": 1}, 2)
    (reject,) = read(tmp_path / "out", "rejects")
    assert "dan for one, dan for the other" in reject["detail"]
    assert reject["detail"].endswith("; dan judged both ways, which does not count")


@pytest.mark.parametrize("aggregate", ["latent", "majority"])
def test_a_reject_does_not_call_a_reliability_unknown_that_it_names(tmp_path: Path, aggregate: str) -> None:
    """Dan is reliable elsewhere. His two votes on one pair cancel."""
    both = [row for side in ("good", "bad") for row in tied(range(1), {"dan": side})]
    source = resolve_source("votes", VOTE, write(tmp_path / "d.jsonl", [*KNOWN, *both]))
    run_unify([source], tmp_path / "out", aggregate=aggregate)
    (detail,) = (
        r["detail"] for r in read(tmp_path / "out", "rejects") if r["level"] == "group" and len(r["origin"]) == 2
    )
    assert ("dan (reliability 0." in detail) == (aggregate == "latent")
    assert detail.endswith("; dan judged both ways, which does not count")


def test_a_pair_whose_own_judgements_are_against_its_utilities_is_not_ordered():
    """A over B and B over C by utility; the judgements of A and C alone are for C, which would close a circle."""
    groups = OpenGroups(None, 0.3, "all", 10, preference_schema())
    pairs = [
        ({CHOSEN_KEY: chosen, REJECTED_KEY: rejected}, p, margin)
        for chosen, rejected, p, margin in (("A", "B", 0.8, 1.0), ("B", "C", 0.8, 1.0), ("C", "A", 0.8, -2.0))
    ]
    assert [(row[CHOSEN_KEY], row[REJECTED_KEY]) for row in groups._choose(pairs)] == [("A", "B"), ("B", "C")]
