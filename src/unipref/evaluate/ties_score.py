"""The score of RewardBench 2's subset Ties, by the formula of its authors' code (`process_single_model`)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unipref.core.scores import Example
from unipref.core.stats.statistic import Statistic
from unipref.evaluate.ranked_answers import Floats, compare_answers, get_values

KINDS = ("ref", "tied")
"""A prompt with one right answer, and one with several."""
PARTS = {"tied": 0.3, "ref": 0.3, "preferred": 0.2, "preferred_hard": 0.2, "margin": 0.01}
"""The parts of the score and their weights."""
BOUNDS = (-0.01, 1.01)
"""The least and the greatest possible score: the margin lies between -1 and 1."""


@dataclass(frozen=True)
class PairOfPrompts:
    """A prompt with several right answers and its reference prompt; one of them may be missing.

    Attributes:
        number: of both.
        of_kind: kind -> the row.
    """

    number: str
    of_kind: Mapping[str, Example]

    @property
    def unit(self) -> str:
        """Its name among the units."""
        return f"ties {self.number}"

    @property
    def rows(self) -> list[Example]:
        """The rows of both."""
        return list(self.of_kind.values())

    @property
    def is_whole(self) -> bool:
        """Whether both are there."""
        return len(self.of_kind) == len(KINDS)


def pair_rows(rows: Sequence[Example]) -> list[PairOfPrompts]:
    """Joins the rows of one number."""
    pairs: dict[str, dict[str, Example]] = {}
    for row in rows:
        pairs.setdefault(row["number"], {})[row["kind"]] = row
    return [PairOfPrompts(number, of_kind) for number, of_kind in pairs.items()]


def statistics(
    pairs: Sequence[PairOfPrompts], suffix: str, per_token: bool, about: Mapping[str, Any]
) -> Iterator[Statistic]:
    """The score and its parts; of a judge that gives no values, the accuracies alone."""
    units = [pair.unit for pair in pairs]
    has_values = all("chosen_values" in row for pair in pairs for row in pair.rows)
    columns = make_columns(pairs, per_token, has_values)
    for place, part in enumerate(PARTS):
        numerators, counts = columns[:, 2 * place], columns[:, 2 * place + 1]
        own = [at for at in range(len(pairs)) if counts[at]]
        if own and (has_values or part in KINDS):
            bounds = (-1.0, 1.0) if part == "margin" else (0.0, 1.0)
            names = [units[at] for at in own]
            yield Statistic(f"ties_{part}{suffix}", names, numerators[own], bounds=bounds, **about)
    if has_values and any(pair.is_whole for pair in pairs):
        yield Statistic(f"ties_score{suffix}", units, columns, score_means, bounds=BOUNDS, **about)


def make_columns(pairs: Sequence[PairOfPrompts], per_token: bool, has_values: bool = True) -> Floats:
    """Makes (n, 10) numbers: of each part, its value and 1, or 0 and 0 where it is not defined."""
    rows = []
    for pair in pairs:
        parts: dict[str, float] = {}
        for kind, row in pair.of_kind.items():
            parts[kind] = float((compare_answers(row, per_token) == 1.0).all())
        if has_values and pair.is_whole:
            parts |= _compare_gaps(pair, per_token)
        rows.append([number for name in PARTS for number in (parts.get(name, 0.0), float(name in parts))])
    return np.array(rows, dtype=np.float64).reshape(len(pairs), 2 * len(PARTS))


def _compare_gaps(pair: PairOfPrompts, per_token: bool) -> dict[str, float]:
    """Compares the gap between right and wrong answers with the spread of the right ones."""
    gaps = {}
    for kind, row in pair.of_kind.items():
        right, wrong = get_values(row, per_token)
        gaps[kind] = right.min() - wrong.max()
    right, _ = get_values(pair.of_kind["tied"], per_token)
    spread, least = right.max() - right.min(), min(gaps.values())
    with np.errstate(divide="ignore", invalid="ignore"):
        margin = float(np.tanh(np.float64(least) / spread - 1))
    return {
        "preferred": float(gaps["tied"] > spread),
        "preferred_hard": float(least > spread),
        "margin": 0.0 if np.isnan(margin) else margin,
    }


def score_means(means: Floats) -> Floats:
    """Computes (r,) scores from (r, 10) means of the columns."""
    weights = np.array(list(PARTS.values()))
    return np.asarray((means[:, 0::2] / means[:, 1::2]) @ weights, dtype=np.float64)
