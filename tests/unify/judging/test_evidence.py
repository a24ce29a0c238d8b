"""Judgements -> confidence and margin of preferences, over the whole stage: several sources, annotators, axes."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

import unipref.unify as stage
from support.golden import resolve_source, run_unify
from support.voters import PEOPLE, STARS, VOTE, is_right, read, votes, write
from unipref.core.errors import UserError
from unipref.unify import ResolvedSource, refuse_contradictions
from unipref.unify.projection.project import WEIGHTED
from unipref.unify.turning import turn_preference


def voters(folder: Path, rows: list[dict[str, Any]], name: str = "votes") -> ResolvedSource:
    return resolve_source("votes", VOTE, write(folder / f"{name}.jsonl", rows), name)


def test_an_annotator_who_chooses_the_worse_answer_counts_the_other_way(tmp_path: Path) -> None:
    """Eve judges half of the prompts alone. Her votes there are left out, turned or kept, as the settings say."""
    rows = [
        row
        for row in votes(PEOPLE, 120)
        if row["who"] == "eve" or int(row["q"][1:-1]) % 2 == 0  # the others judge every second prompt
    ]
    source = voters(tmp_path, rows)
    records = run_unify([source], tmp_path / "out", aggregate="latent")["votes"]
    kept, left = read(tmp_path / "out"), read(tmp_path / "out", "rejects")
    judging = json.loads((tmp_path / "out/judging.json").read_text())
    by_name = {one["name"]: one for one in judging["annotators"]}
    assert {name: one["is_inverted"] for name, one in by_name.items()} == {name: name == "eve" for name in PEOPLE}
    assert {one["n_judgements"] for one in judging["annotators"]} == {60, 120}
    alone = {f"Q{n}?" for n in range(1, 120, 2)}
    assert not [p for p in kept if p["prompt"][0]["content"] in alone and not is_right(p)]
    assert {row["reason"] for row in left if row["level"] == "preference"} == {"overruled"}
    assert records["overruled"] == records["preferences_rejected"]["overruled"] == len(left) > 50
    assert all("the probability that the chosen answer is better is 0." in row["detail"] for row in left)
    by_all = [p for p in kept if p["n_annotators"] == 5]
    assert sum(map(is_right, by_all)) / len(by_all) > 0.94
    assert all(p["margin"] > 0 for p in by_all if p["confidence"] > 0.6)

    turned = run_unify([source], tmp_path / "turned", aggregate="latent", overruled="turn")["votes"]
    both = read(tmp_path / "turned")
    assert turned["turned"] == records["overruled"]
    assert len(both) == len(kept) + turned["turned"]
    assert sum(is_right(p) for p in both) / len(both) > 0.94
    assert len({p["id"] for p in both}) == len(both)
    assert min(p["confidence"] for p in both) >= 0.4

    plain = run_unify([source], tmp_path / "kept", aggregate="latent", overruled="keep")["votes"]
    assert (plain["overruled"], plain["turned"], plain["preferences_rejected"]) == (records["overruled"], 0, {})
    assert len(read(tmp_path / "kept")) == len(both)


def test_a_majority_of_two_liars_is_overruled(tmp_path: Path) -> None:
    """Two inverted annotators of five outvote the one sound voter of a pair; what is known of them tells otherwise."""
    people = {"ann": 0.95, "bob": 0.95, "cyd": 0.95, "dan": 0.05, "eve": 0.05}
    rows = votes(people, 100)
    decisive = {"q": "Last?", "a": "good last", "b": "bad last"}
    rows += [{**decisive, "vote": vote, "who": who} for who, vote in (("ann", "A"), ("dan", "B"), ("eve", "B"))]
    run_unify([voters(tmp_path, rows)], tmp_path / "out", aggregate="latent", overruled="turn")
    (last,) = (p for p in read(tmp_path / "out") if p["prompt"][0]["content"] == "Last?")
    assert is_right(last)
    assert last["confidence"] > 0.9
    run_unify([voters(tmp_path, rows)], tmp_path / "majority", aggregate="majority", overruled="turn")
    (last,) = (p for p in read(tmp_path / "majority") if p["prompt"][0]["content"] == "Last?")
    assert not is_right(last)
    assert last["confidence"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("method", ["leave_out", "keep"])
def test_an_overruled_preference_below_min_margin_is_counted_once(tmp_path: Path, method: Any) -> None:
    """Of 42 rated pairs, the three people contradict one of the two with the smallest gaps."""
    gaps = {40: 0.5, 41: -0.5}
    ratings = [
        {"q": f"Q{n}?", "a": f"{side} {n}", "stars": 5 + (gaps.get(n, 3 + n / 100) if side == "good" else 0)}
        for n in range(42)
        for side in ("good", "bad")
    ]
    scores = {"prompt": "q", "response": "a", "scores": {"s": {"field": "stars", **STARS}}}
    sources = [
        resolve_source("ratings", scores, write(tmp_path / "r.jsonl", ratings), "ratings"),
        voters(tmp_path, votes(dict.fromkeys(("ann", "bob", "cyd"), 0.99), 42)),
    ]
    out = tmp_path / "out"
    records = run_unify(sources, out, aggregate="latent", overruled=method, min_margin=0.04)["ratings"]
    if method == "leave_out":
        assert records["preferences_rejected"] == {"overruled": 1, "below_min_margin": 1}
        assert records["overruled"] == 1
    else:
        # min_margin leaves out both, so none of the overruled is left to be kept.
        assert records["preferences_rejected"] == {"below_min_margin": 2}
        assert records["overruled"] == 0


def test_rows_of_several_sources_and_shapes_judge_the_same_pair(tmp_path: Path) -> None:
    """Pairs without names get their confidence from the ratings of the same answers in another source."""
    pairs = [{"q": f"Q{n}?", "chosen": f"good {n}", "rejected": f"bad {n}"} for n in range(40)]
    wrong = {"q": "Q40?", "chosen": "bad 40", "rejected": "good 40"}
    ratings = [
        {"q": f"Q{n}?", "a": f"{side} {n}", "stars": stars, "who": who}
        for n in range(41)
        for who in ("ann", "bob", "cyd")
        for side, stars in (("good", 8 - n % 2), ("bad", 2 + n % 3))
    ]
    scores = {"prompt": "q", "response": "a", "annotator": "who", "scores": {"s": {"field": "stars", **STARS}}}
    sources = [
        resolve_source("pairs", {"prompt": "q"}, write(tmp_path / "p.jsonl", [*pairs, wrong]), "pairs"),
        resolve_source("ratings", scores, write(tmp_path / "r.jsonl", ratings), "ratings"),
    ]
    records = run_unify(sources, tmp_path / "out", aggregate="latent")
    kept = read(tmp_path / "out")
    assert all(is_right(p) for p in kept)
    assert {p["source"]: p["n_annotators"] for p in kept} == {"pairs": 3, "ratings": 3}
    assert records["pairs"]["preferences_rejected"] == {"overruled": 1}
    assert records["ratings"]["preferences_rejected"] == {}
    # The same two answers have one confidence, whichever source holds them.
    of_pair = {(p["source"], p["prompt"][0]["content"]): (p["confidence"], p["margin"]) for p in kept}
    assert all(of_pair["pairs", f"Q{n}?"] == of_pair["ratings", f"Q{n}?"] for n in range(40))
    (scale,) = (s for s in records["pairs"]["scales"] if s["kind"] == "pair")
    assert scale["is_inverted"] is False
    assert scale["n_judgements"] == 41


def test_a_scale_that_the_others_contradict_stops_the_run(tmp_path: Path) -> None:
    """The direction of a source's rating is the wrong way round; two sources with names tell."""
    rows = votes({"ann": 0.97, "bob": 0.97, "cyd": 0.97}, 80)
    ratings = [
        {"q": f"Q{n}?", "a": f"{side} {n}", "stars": stars}
        for n in range(80)
        for side, stars in (("good", 8), ("bad", 2))
    ]
    turned = {
        "prompt": "q",
        "response": "a",
        "scores": {"s": {"field": "stars", "low": 1, "high": 9, "better": "low"}},
    }
    sources = [
        voters(tmp_path, rows),
        resolve_source("ratings", turned, write(tmp_path / "r.jsonl", ratings), "stars"),
    ]
    records = run_unify(sources, tmp_path / "out", aggregate="latent")
    assert [s["is_inverted"] for s in records["votes"]["scales"]] == [False]
    (scale,) = records["stars"]["scales"]
    assert scale["is_inverted"] is True
    assert scale["high"] < 0
    with pytest.raises(UserError, match="source stars: the rating judgements on 'instruction' run against all other"):
        refuse_contradictions(records, set())
    refuse_contradictions(records, {"stars"})
    right = {**turned, "scores": {"s": {"field": "stars", **STARS}}}
    sources[1] = resolve_source("ratings", right, write(tmp_path / "r.jsonl", ratings), "stars")
    refuse_contradictions(run_unify(sources, tmp_path / "right", aggregate="latent"), set())


def test_what_cannot_be_known_is_null(tmp_path: Path) -> None:
    """One judgement per pair, by nobody that is known: no confidence, no margin, and nothing is fitted."""
    rows = votes({"ann": 1.0}, 30)
    nameless = {key: value for key, value in VOTE.items() if key != "annotator"}
    source = resolve_source("votes", nameless, write(tmp_path / "v.jsonl", rows), "votes")
    record = run_unify([source], tmp_path / "out", aggregate="latent")["votes"]
    assert {(p["confidence"], p["margin"], p["n_annotators"]) for p in read(tmp_path / "out")} == {(None, None, None)}
    assert (record["judgements"], record["informative_judgements"], record["confident"]) == (30, 0, 0)
    assert json.loads((tmp_path / "out/judging.json").read_text())["notes"] == [
        "no two judges judged the same answers, so nothing tells how reliable the judgements are"
    ]
    # The same person alone is named, but nobody else judged what ann judged.
    run_unify([voters(tmp_path, rows, "named")], tmp_path / "named", aggregate="latent")
    assert {(p["confidence"], p["n_annotators"]) for p in read(tmp_path / "named")} == {(None, 1)}


def test_a_weighted_axis_has_the_mean_of_the_utilities_of_its_axes(tmp_path: Path) -> None:
    rows = [
        {"q": f"Q{n}?", "a": f"{side} {n}", "s": {"help": help_, "tone": tone}, "who": who}
        for n in range(30)
        for who in ("ann", "bob", "cyd")
        for side, help_, tone in (("good", 8 - n % 2, 5 + n % 2), ("bad", 2 + n % 2, 5 - n % 2))
    ]
    scores = {name: {"field": f"s.{name}", **STARS} for name in ("help", "tone")}
    mapping = {"prompt": "q", "response": "a", "annotator": "who", "scores": scores}
    source = resolve_source("ratings", mapping, write(tmp_path / "r.jsonl", rows), "rated")
    weighted = replace(source, projection=replace(source.projection, axis=WEIGHTED, weights={"help": 3.0, "tone": 1.0}))
    run_unify([weighted], tmp_path / "both", aggregate="latent")
    margins = {}
    for axis in ("help", "tone"):
        alone = replace(source, projection=replace(source.projection, axis=axis))
        run_unify([alone], tmp_path / axis, aggregate="latent")
        margins[axis] = {p["prompt"][0]["content"]: p for p in read(tmp_path / axis)}
    # The standard deviations within a prompt are the roots of 13 and 1; the weights are 3 and 1.
    share = 3 * 13**0.5 / (3 * 13**0.5 + 1)
    kept = read(tmp_path / "both")
    assert len(kept) == 30
    assert len(margins["tone"]) == 15  # in the other prompts both answers have the same tone
    for one in kept:
        prompt = one["prompt"][0]["content"]
        assert one["axis"] == WEIGHTED
        assert one["confidence"] > 0.9
        assert one["n_annotators"] == 3
        if prompt in margins["tone"]:
            parts = [margins[axis][prompt]["margin"] for axis in ("help", "tone")]
            assert one["margin"] == pytest.approx(share * parts[0] + (1 - share) * parts[1], abs=0.02)


def test_a_turned_preference_is_whole() -> None:
    row: dict[str, Any] = {
        "id": "x",
        "prompt": [{"role": "user", "content": "Q"}],
        "chosen": [{"role": "assistant", "content": "worse"}],
        "rejected": [{"role": "assistant", "content": "better"}],
        "source": "s",
        "chosen_score": 3.0,
        "rejected_score": 2.0,
        "axes": [{"axis": "tone", "chosen": 1.0, "rejected": None}],
        "margin": -0.5,
        "margin_percentile": 0.7,
        "confidence": 0.25,
        "extra": '{"chosen": {"model": "m1"}, "topic": "t"}',
    }
    turned = turn_preference(row)
    assert (turned["chosen"], turned["rejected"]) == (row["rejected"], row["chosen"])
    assert (turned["chosen_score"], turned["rejected_score"]) == (2.0, 3.0)
    assert turned["axes"] == [{"axis": "tone", "chosen": None, "rejected": 1.0}]
    assert json.loads(turned["extra"]) == {"rejected": {"model": "m1"}, "topic": "t"}
    assert (turned["confidence"], turned["margin"], turned["margin_percentile"]) == (0.75, 0.5, None)
    again = turn_preference(turned)
    assert {**again, "margin_percentile": 0.7, "id": "x"} == row


def test_the_bytes_do_not_depend_on_workers_or_row_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "BUCKET_BYTES", 4000)
    rows = votes(PEOPLE, 25)
    contents = []
    for number, (workers, seed) in enumerate(((1, None), (2, None), (1, 5))):
        folder = tmp_path / str(number)
        folder.mkdir()
        ordered = rows if seed is None else random.Random(seed).sample(rows, len(rows))
        run_unify([voters(folder, ordered)], folder / "out", workers, aggregate="latent")
        names = ("preferences.parquet", "judgements.parquet", "judging.json")
        contents.append([(folder / "out" / name).read_bytes() for name in names])
    assert contents[0] == contents[1]
    assert contents[0][2] == contents[2][2]
    key = [sorted((p["id"], p["confidence"], p["margin"]) for p in read(tmp_path / str(n) / "out")) for n in (0, 2)]
    assert key[0] == key[1]


@pytest.mark.parametrize(("judgements", "outcome"), [("AAB", (2 / 3, 3)), ("AB", "contradiction"), ("A==", "tie")])
def test_one_row_per_vote(judgements: str, outcome: Any, tmp_path: Path) -> None:
    rows = [
        {"q": "Q?", "a": "good", "b": "bad", "vote": vote, "who": f"p{number}"}
        for number, vote in enumerate(judgements)
    ]
    other = {"q": "R?", "a": "good", "b": "bad", "vote": "A", "who": "p0"}
    run_unify([voters(tmp_path, [*rows, other])], tmp_path / "out")
    kept = [p for p in read(tmp_path / "out") if p["prompt"][0]["content"] == "Q?"]
    if isinstance(outcome, str):
        assert not kept
        assert [row["reason"] for row in read(tmp_path / "out", "rejects")] == [outcome]
    else:
        assert [(p["confidence"], p["n_annotators"]) for p in kept] == [(pytest.approx(outcome[0]), outcome[1])]
        assert is_right(kept[0])


def test_confidence_is_calibrated_over_the_whole_stage(tmp_path: Path) -> None:
    """Twenty annotators with constant rates of error: the mean confidence is near the share of right labels."""
    draw = random.Random(8)
    people = {f"p{n}": draw.uniform(0.65, 0.95) for n in range(20)}
    rows = []
    for number in range(500):
        three = dict(draw.sample(sorted(people.items()), 3))
        rows += [{**row, "q": f"Q{number}?"} for row in votes(three, 1, seed=number)]
    run_unify([voters(tmp_path, rows)], tmp_path / "out", aggregate="latent", overruled="turn")
    kept = read(tmp_path / "out")
    confidence, right = np.array([p["confidence"] for p in kept]), np.array([is_right(p) for p in kept])
    assert abs(confidence.mean() - right.mean()) < 0.04
    high = confidence > 0.9
    assert high.sum() > 50
    assert right[high].mean() > 0.9


def test_without_an_aggregate_nothing_is_estimated(tmp_path: Path) -> None:
    source = voters(tmp_path, votes(PEOPLE, 20))
    record = run_unify([source], tmp_path / "out", aggregate=None)["votes"]
    assert {(p["confidence"], p["margin"]) for p in read(tmp_path / "out")} == {(None, None)}
    assert record["confident"] == 0
    judging = json.loads((tmp_path / "out/judging.json").read_text())
    assert judging["notes"] == ["the study sets aggregate: null, so nothing is estimated"]


def test_too_little_memory_is_an_error_that_names_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unipref.core.free_memory.measure", lambda: 1000)
    with pytest.raises(UserError, match=r"the aggregate needs about 0\.0 GiB for 100 judgements; 0\.0 GiB are free"):
        run_unify([voters(tmp_path, votes(PEOPLE, 20))], tmp_path / "out", aggregate="latent")


def rated(folder: Path, rows: list[dict[str, Any]], scores: dict[str, Any], name: str = "rated") -> ResolvedSource:
    mapping = {"prompt": "q", "response": "a", "annotator": "who", "scores": scores}
    return resolve_source("ratings", mapping, write(folder / f"{name}.jsonl", rows), name)


@pytest.mark.parametrize("form", ["ratings", "rated_list", "ranking"])
def test_a_copied_row_is_no_second_judge(form: str, tmp_path: Path) -> None:
    draw = random.Random(4)
    answers = {n: [f"good {n}", f"bad {n}", f"odd {n}"] for n in range(20)}
    if form == "ratings":
        rows = [{"q": f"Q{n}?", "a": a, "s": draw.randint(1, 9)} for n, each in answers.items() for a in each]
        mapping: dict[str, Any] = {"prompt": "q", "response": "a", "scores": {"s": {"field": "s", **STARS}}}
    else:
        rows = [{"q": f"Q{n}?", "as": each, "s": draw.sample(range(1, 9), 3)} for n, each in answers.items()]
        order = {"order": "best_first"} if form == "ranking" else {"scores": {"s": {"field": "s", **STARS}}}
        mapping = {"prompt": "q", "answers": "as", **order}
    source = resolve_source(form, mapping, write(tmp_path / "d.jsonl", [*rows, *rows]), "d")
    record = run_unify([source], tmp_path / "out", aggregate="latent")["d"]
    assert record["copied_judgements"] == record["judgements"] > 0
    assert {p["confidence"] for p in read(tmp_path / "out")} == {None}


def test_several_people_in_a_row_are_not_its_annotator(tmp_path: Path) -> None:
    rows = [
        {"q": f"Q{n}?", "a": f"{side} {n}", "s": scores, "who": "ann"}
        for n in range(10)
        for side, scores in (("good", [6, 6]), ("bad", [4, 4]))
    ]
    run_unify([rated(tmp_path, rows, {"s": {"field": "s", **STARS}})], tmp_path / "out", aggregate="latent")
    assert json.loads((tmp_path / "out/judging.json").read_text())["annotators"] == []
    assert {row["annotator"] for row in read(tmp_path / "out", "judgements")} == {None}


def test_a_weighted_axis_counts_differences_in_score(tmp_path: Path) -> None:
    """The second axis always differs by a tenth of a point, so it must not decide against the first one."""
    draw = random.Random(6)
    rows = [
        {
            "q": f"Q{n}?",
            "a": f"{side} {n}",
            "s": {"help": min(10, max(0, draw.gauss(mean, 1))), "harm": harm},
            "who": who,
        }
        for n in range(60)
        for who in ("ann", "bob", "cyd")
        for side, mean, harm in (("good", 7, 5.0), ("bad", 4, 5.1))
    ]
    scores = {name: {"field": f"s.{name}", "low": 0, "high": 10, "better": "high"} for name in ("help", "harm")}
    source = rated(tmp_path, rows, scores)
    weighted = replace(source, projection=replace(source.projection, axis=WEIGHTED, weights={"help": 1.0, "harm": 1.0}))
    record = run_unify([weighted], tmp_path / "out", aggregate="latent")["rated"]
    assert record["overruled"] == 0
    assert min(p["confidence"] for p in read(tmp_path / "out")) > 0.5


@pytest.mark.parametrize("first", ["instruction", "help"])
def test_a_weighted_axis_named_like_the_objective_meets_other_sources(tmp_path: Path, first: str) -> None:
    """One unnamed rating per answer, and named votes on the same pairs. Without the name, a note says what to do."""
    rows = [
        {"q": f"Q{n}?", "a": f"{side} {n}", "s": {first: height, "harm": 5}}
        for n in range(40)
        for side, height in (("good", 8), ("bad", 3))
    ]
    scores = {name: {"field": f"s.{name}", "low": 0, "high": 10, "better": "high"} for name in (first, "harm")}
    settings = {"prompt": "q", "response": "a", "scores": scores}
    source = resolve_source("ratings", settings, write(tmp_path / "r.jsonl", rows), "rated")
    weighted = replace(source, projection=replace(source.projection, axis=WEIGHTED, weights={first: 2.0, "harm": 0.0}))
    run_unify([voters(tmp_path, votes(PEOPLE, 40)), weighted], tmp_path / "out", aggregate="latent")
    judging = json.loads((tmp_path / "out/judging.json").read_text())
    axes = {one["axis"] for one in judging["scales"] if one["source"] == "rated"}
    notes = [note for note in judging["notes"] if note.startswith("source rated: ")]
    if first == "instruction":
        (scale,) = (s for s in judging["scales"] if (s["source"], s["axis"]) == ("rated", "instruction"))
        assert scale["n_overlapping"] == 80
        assert scale["slope"] > 0
    else:
        assert "instruction" not in axes
        assert notes
        assert all("to compare one with other sources, name it 'instruction'" in note for note in notes)


def test_a_further_axis_named_like_the_objective_stays_apart(tmp_path: Path) -> None:
    rows = [
        {"q": f"Q{n}?", "a": f"{side} {n}", "s": {"quality": quality, "tone": 10 - quality}, "who": who}
        for n in range(30)
        for who in ("ann", "bob", "cyd")
        for side, quality in (("good", 8 - n % 2), ("bad", 2 + n % 2))
    ]
    source = rated(tmp_path, rows, {name: {"field": f"s.{name}", **STARS} for name in ("quality", "tone")})
    named = replace(source, projection=replace(source.projection, axis="quality", objective="tone"))
    record = run_unify([named], tmp_path / "out", aggregate="latent")["rated"]
    assert sorted(scale["axis"] for scale in record["scales"]) == ["tone", "tone (axis)"]
    assert min(p["confidence"] for p in read(tmp_path / "out")) > 0.9


@pytest.mark.parametrize("aggregate", ["latent", "majority", "dawid_skene"])
def test_a_pair_that_was_judged_once_stays_unknown_beside_one_that_was_judged_twice(
    aggregate: str, tmp_path: Path
) -> None:
    rows = [{"q": f"Q{n}?", "a": f"good {n}", "b": f"bad {n}", "vote": "A", "id": n} for n in range(20)]
    nameless = {key: value for key, value in VOTE.items() if key != "annotator"}
    file = write(tmp_path / "v.jsonl", [*rows, {**rows[0], "id": 99}])
    run_unify([resolve_source("votes", nameless, file, "votes")], tmp_path / "out", aggregate=aggregate)
    known = {p["prompt"][0]["content"] for p in read(tmp_path / "out") if p["confidence"] is not None}
    assert known == (set() if aggregate == "latent" else {"Q0?"})
    assert {p["prompt"][0]["content"] for p in read(tmp_path / "out") if p["margin"] is not None} == known


def test_a_source_that_the_aggregate_was_not_given_has_a_note(tmp_path: Path) -> None:
    alone = [{"q": f"X{n}?", "chosen": f"good {n}", "rejected": f"bad {n}"} for n in range(5)]
    single = resolve_source("pairs", {"prompt": "q"}, write(tmp_path / "p.jsonl", alone), "single")
    run_unify([voters(tmp_path, votes(PEOPLE, 30)), single], tmp_path / "out", aggregate="latent")
    notes = json.loads((tmp_path / "out/judging.json").read_text())["notes"]
    assert "source single: no two judges judged the same answers. Its preferences have no confidence from it." in notes


def test_the_polarity_check_looks_at_overruled_labels_too(tmp_path: Path) -> None:
    """The direction of a rating is wrong; its other axis tells, although the voters overrule all its preferences."""
    people = {"ann": 0.97, "bob": 0.97, "cyd": 0.97}
    ratings = [
        {"q": f"Q{n}?", "a": f"{side} {n}", "s": {"main": score, "other": score}, "who": None}
        for n in range(30)
        for side, score in (("good", 8), ("bad", 2))
    ]
    turned = {"field": "s.main", "low": 1, "high": 9, "better": "low"}
    source = rated(tmp_path, ratings, {"main": turned, "other": {"field": "s.other", **STARS}})
    records = run_unify([voters(tmp_path, votes(people, 30)), source], tmp_path / "out", aggregate="latent")
    assert records["rated"]["preferences"] < 5
    assert records["rated"]["polarity"]["verdict"] == "contradicts"
    assert records["rated"]["polarity"]["against"] == 30


@pytest.mark.parametrize("has_names", [True, False])
def test_a_file_read_the_wrong_way_round_beside_itself_stops_the_run(has_names: bool, tmp_path: Path) -> None:
    rows = votes({"ann": 0.9, "bob": 0.9, "cyd": 0.9}, 40)
    mirrored = [{**row, "a": row["b"], "b": row["a"], "id": "again"} for row in rows]
    mapping = VOTE if has_names else {key: value for key, value in VOTE.items() if key != "annotator"}
    sources = [
        resolve_source("votes", mapping, write(tmp_path / f"{name}.jsonl", each), name)
        for name, each in (("first", rows), ("again", mirrored))
    ]
    records = run_unify(sources, tmp_path / "out", aggregate="latent")
    (opposed,) = records["first"]["opposed"]
    assert opposed == {"first": "again", "second": "first", "pairs": 40, "opposite": 40}
    with pytest.raises(UserError, match=r"source first: it and source again both judge 40 pairs .*, and in 40 of"):
        refuse_contradictions(records, set())
    refuse_contradictions({name: {**record, "scales": []} for name, record in records.items()}, {"again"})
