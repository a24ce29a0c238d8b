"""`latent`: exact on small inputs, no worse than oracles, invariant, and null where nothing is known."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
from crowdkit.aggregation import NoisyBradleyTerry
from scipy.stats import spearmanr

from support.judges import judged_pairs, judged_shapes
from unipref.core.aggregation import Aggregation
from unipref.core.judgements import Judgements
from unipref.unify.aggregates.latent import Latent
from unipref.unify.judging import fit
from unipref.unify.judging.overlaps import find_overlaps


def aggregate(rows: list[dict[str, Any]], **settings: Any) -> tuple[Judgements, Aggregation]:
    judgements = Judgements.from_rows(rows)
    return judgements, Latent(**settings).aggregate(judgements)


def by_name(judgements: Judgements, result: Aggregation) -> dict[tuple[str, str | None, str], float]:
    """(group, axis, answer) -> mean."""
    block = np.repeat(np.arange(len(judgements.blocks)), np.diff(judgements.block_starts))
    keys = [(*judgements.block_name(b), str(a)) for b, a in zip(block, judgements.answers, strict=True)]
    return dict(zip(keys, result.mean.tolist(), strict=True))


def order_is_right(judgements: Judgements, result: Aggregation, utility: np.ndarray) -> np.ndarray:
    first = judgements.block_starts[:-1]
    chance, _ = result.compare(first, first + 1)
    prompt = np.array([int(judgements.groups[group][1:]) for group in judgements.blocks[:, 0]])
    return (chance > 0.5) == (utility[prompt, 0] > utility[prompt, 1])


def test_inverted_annotators_are_found_and_no_others() -> None:
    rows, utility = judged_pairs(0, prompts=300, people=10, inverted=2)
    judgements, result = aggregate(rows)
    assert [report.name for report in result.annotators if report.is_inverted] == ["w00", "w01"]
    assert all(report.is_inverted is False for report in result.annotators[2:])
    assert order_is_right(judgements, result, utility).mean() > 0.85
    assert result.sources[0].is_inverted is False
    assert result.convergence is not None
    assert result.convergence.has_converged


def test_no_inverted_annotator_is_invented() -> None:
    rows, _ = judged_pairs(1, prompts=300, people=30)
    _, result = aggregate(rows)
    assert not any(report.is_inverted for report in result.annotators)


def test_an_annotator_with_three_judgements_is_not_believed_to_be_perfect() -> None:
    rows, _ = judged_pairs(2, prompts=200, people=5)
    for prompt in range(3):  # agrees with the majority each time
        value = np.sign(sum(row["value"] for row in rows if row["group"] == f"p{prompt:04}"))
        rows.append({**rows[0], "group": f"p{prompt:04}", "value": float(value or 1.0), "annotator": "new"})
    _, result = aggregate(rows)
    new, old = (next(r for r in result.annotators if r.name == name) for name in ("new", "w04"))
    assert new.n_judgements == 3
    assert new.reliability is not None
    assert old.reliability is not None
    assert abs(new.reliability - old.reliability) < 0.2
    assert new.high - new.low > old.high - old.low


def test_an_inverted_source_is_found() -> None:
    rows, utility = judged_pairs(3, prompts=150, people=10)
    rng = np.random.default_rng(0)
    for prompt in range(150):
        for answer in (0, 1):
            stars = float(np.clip(np.rint(3 - utility[prompt, answer] + 0.5 * rng.normal()), 1, 5))
            row = {"group": f"p{prompt:04}", "answers": ["ab"[answer]], "kind": "rating", "value": stars}
            rows.append({**row, "source": "stars", "annotator": None})
    _, result = aggregate(rows)
    verdicts = {report.source: report.is_inverted for report in result.sources}
    assert verdicts == {"s": False, "stars": True}


def test_what_is_judged_once_by_nobody_known_has_no_confidence() -> None:
    rows, _ = judged_pairs(4, prompts=50, votes=1, named=False)
    judgements, result = aggregate(rows)
    assert np.isnan(result.mean).all()
    assert np.isnan(result.compare(judgements.block_starts[:-1], judgements.block_starts[:-1] + 1)[0]).all()
    assert result.sources[0].slope is None
    assert result.counts["of unknown reliability"] == 50
    assert "at least 10 are needed" in result.notes[0]


def test_other_prompts_of_the_source_or_the_annotator_tell_the_reliability() -> None:
    once, _ = judged_pairs(5, prompts=20, votes=1, people=5)
    known, _ = judged_pairs(6, prompts=100, votes=3, people=5, source="t")
    for row in known:
        row["group"] += "t"
    judgements, result = aggregate(once + known)
    first = judgements.block_starts[:-1]
    chance, _ = result.compare(first, first + 1)
    assert np.isfinite(chance).all()
    for row in once:  # now by others, of whom nothing is known
        row["annotator"] += "x"
    judgements, result = aggregate(once + known)
    chance, _ = result.compare(judgements.block_starts[:-1], judgements.block_starts[:-1] + 1)
    is_once = np.array([len(judgements.groups[group]) == 5 for group in judgements.blocks[:, 0]])
    assert np.isnan(chance[is_once]).all()
    assert np.isfinite(chance[~is_once]).all()


def test_ratings_by_one_person_tell_nothing_of_their_reliability() -> None:
    rows = [
        {"group": f"p{p}", "answers": [a], "kind": "rating", "value": float(v), "source": "s", "annotator": "x"}
        for p in range(30)
        for a, v in (("a", 1 + p % 5), ("b", 5 - p % 3))
    ]
    _, result = aggregate(rows)
    assert np.isnan(result.mean).all()
    assert result.annotators[0].reliability is None


@pytest.mark.parametrize("kind", ["rating", "ranking"])
def test_what_one_person_alone_judged_changes_no_reliability(kind: str) -> None:
    rows, _ = judged_pairs(5, prompts=150, people=10)
    rng = np.random.default_rng(0)
    alone: list[dict[str, Any]] = []
    for prompt in range(150):
        base = {"group": f"p{prompt:04}", "axis": "tone", "source": "tone", "annotator": f"w{prompt % 10:02}"}
        values = rng.permutation([1, 3, 5]).tolist()
        alone += [
            {**base, "answers": [a], "kind": "rating", "value": float(v)} for a, v in zip("abc", values, strict=True)
        ]
        if kind == "ranking":  # the same person's ranking agrees with the ratings, and so confirms nothing
            places = [3 - value // 2 for value in values]
            alone.append({**base, "answers": ["a", "b", "c"], "kind": "ranking", "places": places})
    before, after = (
        [report.reliability for report in aggregate(each)[1].annotators] for each in (rows, [*rows, *alone])
    )
    assert after == pytest.approx(before, abs=0.03)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_source_without_overlaps_is_taken_to_be_as_steep_as_others(sign: int) -> None:
    rows, _ = judged_pairs(6, prompts=150, people=10, source="shared")
    rows = [{**row, "value": sign * row["value"]} for row in rows]
    if sign < 0:  # the same people's votes in another source show that the first source is inverted
        rows += judged_pairs(6, prompts=150, people=10, source="usual")[0]
    alone = [{**row, "group": f"q{n:04}", "source": "alone"} for n, row in enumerate(rows[:100])]
    judgements = Judgements.from_rows([*rows, *alone])
    found = fit.Fitter(judgements, find_overlaps(judgements, 10)).run(30, 0.002)
    slope = {str(judgements.sources[scale.source]): scale.slope for scale in found.scales}
    others = [abs(slope[name]) for name in slope if name != "alone"]
    assert slope["alone"] == pytest.approx((2.0 + sum(others)) / (1 + len(others)))
    assert slope["alone"] > 0


def test_two_answers_that_nothing_links_cannot_be_compared() -> None:
    rows, _ = judged_pairs(7, prompts=60)
    rows += [{**row, "answers": ["c", "d"]} for row in rows]
    judgements, result = aggregate(rows)
    assert judgements.answers[:4].tolist() == ["a", "b", "c", "d"]
    chance, difference = result.compare([0, 0, 2], [1, 2, 3])
    assert np.isfinite(chance).tolist() == [True, False, True]
    assert np.isfinite(difference).tolist() == [True, False, True]


def test_the_order_of_the_rows_changes_no_byte() -> None:
    rows, _ = judged_shapes(0, prompts=25)
    _, first = aggregate(rows, steps=4)
    _, other = aggregate([rows[at] for at in np.random.default_rng(1).permutation(len(rows))], steps=4)
    for field in dataclasses.fields(Aggregation):
        one, two = getattr(first, field.name), getattr(other, field.name)
        if isinstance(one, np.ndarray):
            assert one.tobytes() == two.tobytes(), field.name
        else:
            assert one == two, field.name


def test_neither_threads_nor_chunks_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, _ = judged_shapes(1, prompts=25)
    monkeypatch.setattr(fit, "CHUNK", 128)
    _, first = aggregate(rows, steps=4)
    monkeypatch.setattr(fit, "THREADS", 1)
    _, second = aggregate(rows, steps=4)
    assert first.mean.tobytes() == second.mean.tobytes()
    monkeypatch.setattr(fit, "CHUNK", 16384)
    _, third = aggregate(rows, steps=4)
    assert first.mean == pytest.approx(third.mean, abs=1e-3)


def test_new_names_change_no_result() -> None:
    rows, _ = judged_shapes(2, prompts=25)
    judgements, first = aggregate(rows, steps=4)
    people = {f"w{n}": f"z{7 - n}" for n in range(8)}
    answers = {"a": "z", "b": "y", "c": "x"}
    renamed = [
        {
            **row,
            "group": f"q{9999 - int(row['group'][1:]):04}",
            "answers": [answers[one] for one in row["answers"]],
            "annotator": people[row["annotator"]],
            "source": "z" + row["source"][::-1],
        }
        for row in rows
    ]
    others, second = aggregate(renamed, steps=4)
    means = by_name(others, second)
    for (group, axis, answer), mean in by_name(judgements, first).items():
        assert means[f"q{9999 - int(group[1:]):04}", axis, answers[answer]] == pytest.approx(mean, abs=2e-3)
    reliability = {report.name: report.reliability for report in second.annotators}
    for report in first.annotators:
        assert reliability[people[report.name]] == pytest.approx(report.reliability, abs=2e-3)


def test_several_shapes_are_better_than_each_alone() -> None:
    rows, utility = judged_shapes(3, prompts=80)

    def right(kinds: set[str]) -> float:
        judgements, result = aggregate([row for row in rows if row["kind"] in kinds])
        first = judgements.block_starts[:-1]
        hits = []
        for one, two in ((0, 1), (0, 2), (1, 2)):
            chance, _ = result.compare(first + one, first + two)
            hits.append((np.nan_to_num(chance, nan=0.5) > 0.5) == (utility[:, one] > utility[:, two]))
        return float(np.mean(hits))

    everything = right({"pair", "rating", "thumb", "ranking", "split"})
    assert everything > max(right({"rating"}), right({"ranking"}))


def test_a_lazy_annotator_who_always_chooses_the_first_is_not_believed() -> None:
    rows, utility = judged_pairs(8, prompts=300, votes=3, people=6)
    rng = np.random.default_rng(0)
    for row in rows:
        turned = rng.random() < 0.5
        row["shown"] = [1, 0] if turned else [0, 1]
        if row["annotator"] == "w00":
            row["value"] = -1.0 if turned else 1.0
    judgements, result = aggregate(rows)
    lazy = result.annotators[0]
    assert lazy.is_inverted is None
    assert lazy.reliability == pytest.approx(0.0, abs=0.25)
    assert all(report.reliability > 0.4 for report in result.annotators[1:])
    assert order_is_right(judgements, result, utility).mean() > 0.8


def test_two_votes_to_one_are_not_certain_even_among_very_good_annotators() -> None:
    """With three people who agree on 93 % of the pairs, none may be taken to be infallible."""
    rng = np.random.default_rng(0)
    rows = []
    for prompt in range(600):
        values = np.where(rng.random(3) < 0.035, -1.0, 1.0) * (1.0 if rng.random() < 0.5 else -1.0)
        for person, value in enumerate(values):
            row = {"group": f"p{prompt:04}", "answers": ["a", "b"], "kind": "pair", "value": float(value)}
            rows.append({**row, "source": "s", "annotator": f"w{person}"})
    judgements, result = aggregate(rows)
    votes = np.bincount(judgements.block, judgements.value)
    chance, _ = result.compare(judgements.block_starts[:-1], judgements.block_starts[:-1] + 1)
    split = np.abs(votes) == 1
    sure = np.maximum(chance, 1 - chance)
    assert split.sum() > 30
    assert 0.6 < sure[split].mean() < 0.99
    assert sure[~split].min() > 0.95


@pytest.mark.parametrize("seed", range(4))
def test_any_judgements_give_finite_numbers_or_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(40):
        kind = str(rng.choice(["pair", "rating", "thumb", "ranking", "split"]))
        size = {"pair": 2, "rating": 1, "thumb": 1}.get(kind, int(rng.integers(2, 5)))
        row = {
            "group": f"g{rng.integers(4)}",
            "answers": [str(one) for one in rng.permutation(5)[:size]],
            "kind": kind,
            "source": f"s{rng.integers(2)}",
            "annotator": None if rng.random() < 0.3 else f"w{rng.integers(4)}",
            "count": int(rng.choice([1, 1, 50])),
        }
        if kind in {"ranking", "split"}:
            row["places"] = [int(one) for one in rng.integers(1, 3, size)]
        else:
            row["value"] = float(rng.integers(2) if kind == "thumb" else rng.choice([-1, 0, 1, 1e6, -1e9]))
        rows.append(row)
    judgements, result = aggregate(rows, least_overlap=2, steps=4)
    last = judgements.block_starts[1:] - 1
    chance, _ = result.compare(judgements.block_starts[:-1], last)
    turned, _ = result.compare(last, judgements.block_starts[:-1])
    seen = np.isfinite(chance)
    assert chance[seen] + turned[seen] == pytest.approx(1.0)
    assert ((chance[seen] >= 0) & (chance[seen] <= 1)).all()
    assert np.isfinite(result.mean[result.part >= 0]).all()


def test_the_order_is_that_of_noisy_bradley_terry() -> None:
    rows, _ = judged_pairs(9, prompts=100, votes=6, people=6, inverted=1)
    judgements, result = aggregate(rows)
    frame = pd.DataFrame(
        [
            (row["group"], row["annotator"], *row["answers"], row["answers"][0 if row["value"] > 0 else 1])
            for row in rows
        ],
        columns=["question", "worker", "left", "right", "label"],
    )
    for column in ("left", "right", "label"):
        frame[column] = list(zip(frame["question"], frame[column], strict=True))
    oracle = NoisyBradleyTerry(n_iter=50).fit_predict(frame)
    means = by_name(judgements, result)
    lead = np.array([float(oracle[g, "a"] - oracle[g, "b"]) for g, _, a in means if a == "a"])
    own = np.array([means[g, None, "a"] - means[g, None, "b"] for g, _, a in means if a == "a"])
    assert spearmanr(lead, own).statistic > 0.85
    # Every order is the same, except where the votes of the five who do not invert are nearly tied.
    decided = np.abs(own) > 0.4
    assert decided.mean() > 0.7
    assert (np.sign(lead) == np.sign(own))[decided].all()


def test_a_large_group_is_fitted() -> None:
    rng = np.random.default_rng(0)
    utility = rng.normal(size=200)
    rows = []
    for _ in range(1500):
        one, two = (int(x) for x in rng.permutation(200)[:2])
        wins = rng.random() < 1 / (1 + np.exp(-3 * (utility[one] - utility[two])))
        row = {"group": "g", "answers": [f"{one:03}", f"{two:03}"], "kind": "pair", "value": 1.0 if wins else -1.0}
        rows.append({**row, "source": "s", "annotator": f"w{rng.integers(10)}"})
    judgements, result = aggregate(rows)
    truth = utility[[int(name) for name in judgements.answers]]
    assert np.corrcoef(result.mean, truth)[0, 1] > 0.8
    chance, _ = result.compare([0, 1], [1, 0])
    assert chance.sum() == pytest.approx(1.0)


def test_no_judgements_give_no_utilities() -> None:
    _, result = aggregate([])
    assert len(result.mean) == 0
    assert result.annotators == ()


@pytest.mark.parametrize("kind", ["pair", "rating", "thumb", "ranking"])
def test_one_judgement_of_each_kind_gives_nothing_and_no_error(kind: str) -> None:
    answers = ["a"] if kind in {"rating", "thumb"} else ["a", "b"]
    values = {"places": [1, 2]} if kind == "ranking" else {"value": 1.0}
    _, result = aggregate([{"group": "g", "answers": answers, "kind": kind, "source": "s", **values}])
    assert np.isnan(result.mean).all()
