"""`latent` on judgements without names: rows that stand for several people, and slopes with their intervals."""

import json
from typing import Any

import numpy as np
import pytest

from unipref.core.aggregation import Aggregation
from unipref.core.judgements import Judgements
from unipref.unify.aggregates.latent import Latent


def aggregate(rows: list[dict[str, Any]]) -> tuple[Judgements, Aggregation]:
    judgements = Judgements.from_rows(rows)
    return judgements, Latent().aggregate(judgements)


def rated_by_unnamed(seed: int, prompts: int, top: float) -> list[dict[str, Any]]:
    """Returns three ratings each of a good answer a and a bad one b, of which some are 9 whatever the answer."""
    rng = np.random.default_rng(seed)
    rows = []
    for prompt in range(prompts):
        for answer, quality in (("a", 7.0), ("b", 3.0)):
            values = np.clip(np.rint(rng.normal(quality, 1.0, 3)), 1, 9)
            values[rng.random(3) < top] = 9.0
            base = {"group": f"p{prompt:04}", "answers": [answer], "kind": "rating", "source": "s"}
            rows += [{**base, "value": float(value)} for value in values]
    return rows


def merge_equal(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns one row with a count for all equal rows."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[json.dumps(row)] = counts.get(json.dumps(row), 0) + 1
    return [{**json.loads(text), "count": count} for text, count in counts.items()]


@pytest.mark.parametrize("is_named", [True, False])
def test_the_interval_of_a_slope_holds_the_slope_where_many_do_not_look(is_named: bool) -> None:
    rows = rated_by_unnamed(3, 100, 0.3)
    if is_named:
        rows = [{**row, "annotator": f"w{number % 3}"} for number, row in enumerate(rows)]
    source = aggregate(rows)[1].sources[0]
    assert 0 < source.low < source.slope - 0.05
    assert source.high > source.slope + 0.05


@pytest.mark.parametrize("kind", ["rating", "pair", "graded pair", "thumb", "ranking"])
def test_a_row_of_several_unknown_people_is_as_many_rows(kind: str) -> None:
    if kind == "rating":
        rows = rated_by_unnamed(0, 60, 0.2)
    else:
        rng = np.random.default_rng(0)
        rows = []
        for prompt in range(40):
            base = {"group": f"p{prompt:04}", "kind": kind.split()[-1], "source": "s"}
            for _ in range(4):
                better = 1.0 if rng.random() < 0.8 else -1.0
                if kind == "thumb":
                    rows.append({**base, "answers": ["a"], "value": max(better, 0.0)})
                    rows.append({**base, "answers": ["b"], "value": max(-better, 0.0)})
                elif kind == "ranking":
                    rows.append({**base, "answers": ["a", "b", "c"], "places": [1, 2, 3] if better > 0 else [3, 2, 1]})
                else:
                    size = float(rng.integers(1, 4)) if kind == "graded pair" else 1.0
                    rows.append({**base, "answers": ["a", "b"], "value": size * better})
    merged = merge_equal(rows)
    assert len(merged) < len(rows)
    one, two = aggregate(rows)[1], aggregate(merged)[1]
    assert two.mean == pytest.approx(one.mean, abs=1e-3)
    assert two.sources[0].slope == pytest.approx(one.sources[0].slope, rel=0.01)


@pytest.mark.parametrize(("top", "least"), [(0.0, 0.95), (0.2, 0.8)])
def test_unknown_people_who_agree_confirm_each_other(top: float, least: float) -> None:
    judgements, result = aggregate(merge_equal(rated_by_unnamed(1, 100, top)))
    first = judgements.block_starts[:-1]
    chance, _ = result.compare(first, first + 1)
    right = float((chance > 0.5).mean())
    sure = float(np.maximum(chance, 1 - chance).mean())
    assert sure > least
    assert sure == pytest.approx(right, abs=0.05)
    source = result.sources[0]
    assert source.is_inverted is False
    assert 1.5 < source.slope < 6.0
    assert source.low < source.slope < source.high
