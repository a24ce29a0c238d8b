"""What all judgements together tell of each preference: how sure it is, by how much, and how many people judged it."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from unipref.core.aggregation import Aggregation
from unipref.core.judgements import NOBODY, RATING, THUMB, Floats, Ints, Judgements
from unipref.unify.judging.pair_keys import CHOSEN_KEY, KEY_COLUMNS, REJECTED_KEY
from unipref.unify.judging.records import name_axis
from unipref.unify.projection.project import WEIGHTED, Projection

if TYPE_CHECKING:
    import pyarrow as pa
    from scipy.sparse import csr_matrix

COLUMNS = ("source", "objective", "axis", *KEY_COLUMNS)
NO_ANSWER = -1


@dataclass(frozen=True, eq=False)
class PreferenceEvidence:
    """What is known of k preferences.

    Attributes:
        confidence: (k,) of those with two answers, the probability that the chosen one is better; NaN if it cannot be
            known.
        margin: (k,) utility of the chosen answer minus that of the rejected one; NaN if it cannot be known.
        n_annotators: (k,) number of named people who judged both answers; 0 if nobody is named.
        verdict: (k,) of those with one answer, the probability that its verdict is right: that the answer is on that
            side of where judges of its source say good and bad equally often. NaN if it cannot be known.
    """

    confidence: Floats
    margin: Floats
    n_annotators: Ints
    verdict: Floats

    @classmethod
    def unknown(cls, count: int) -> "PreferenceEvidence":
        """Makes the evidence of so many preferences of which nothing is known."""
        confidence, margin, verdict = (np.full(count, np.nan) for _ in range(3))
        return cls(confidence, margin, np.zeros(count, dtype=np.int64), verdict)

    def take(self, rows: "slice | npt.NDArray[np.bool_]") -> "PreferenceEvidence":
        """Returns the evidence on some of the preferences."""
        return PreferenceEvidence(self.confidence[rows], self.margin[rows], self.n_annotators[rows], self.verdict[rows])


class EvidenceFinder:
    """Finds what an aggregation tells of preferences.

    Args:
        judgements: the table.
        aggregation: what was estimated from it.
        projections: source -> how its groups were projected.
    """

    def __init__(self, judgements: Judgements, aggregation: Aggregation, projections: Mapping[str, Projection]) -> None:
        self._judgements, self._aggregation, self._projections = judgements, aggregation, projections
        self._groups, self._answers = judgements.groups, judgements.answers
        self._starts = judgements.block_starts.tolist()
        self._axis_code = {str(name): code for code, name in enumerate(judgements.axes.tolist())}
        self._blocks = (judgements.blocks[:, 0] * max(len(judgements.axes), 1) + judgements.blocks[:, 1]).tolist()
        self._judged_by = _tabulate_annotators(judgements)
        self._reliability = {one.name: one.reliability for one in aggregation.annotators}
        self._cuts = _find_cuts(aggregation)
        self._weights: dict[tuple[str, str], tuple[tuple[str, float], ...]] = {}

    def reliability_of(self, annotator: str) -> float | None:
        """Returns an annotator's reliability; None if it is not known."""
        return self._reliability.get(annotator)

    def find(self, part: Path) -> PreferenceEvidence:
        """Returns the evidence on the preferences of a reduce task's file, in order."""
        import pyarrow.parquet as pq

        table = pq.read_table(part, columns=list(COLUMNS))
        result = PreferenceEvidence.unknown(len(table))
        for axes, rows in self._group_by_axes(table).items():
            self._fill(result, table, dict(axes), np.asarray(rows, dtype=np.int64))
        for (source, objective), rows in self._find_verdicts(table).items():
            self._fill_verdicts(result.verdict, table, self._cuts[source, objective], objective, rows)
        if np.isfinite(self._aggregation.pair_probability).any():
            # An aggregate that knows probabilities tells nothing of a pair that has none.
            result.margin[np.isnan(result.confidence)] = np.nan
        return result

    def _group_by_axes(self, table: "pa.Table") -> dict[tuple[tuple[str, float], ...], list[int]]:
        """Returns which axes of judgements, with their weights, decide which preferences with two answers.

        Judgements on the deciding axis are filed under the objective. A weighted mean has no judgements of its own:
        its axes have the weights of the setting, times how far the answers to a prompt lie apart on the declared scale.
        So a difference in utility counts as much as the difference in score that it stands for.
        """
        rows_of: dict[tuple[tuple[str, float], ...], list[int]] = {}
        columns = (table[name].to_pylist() for name in ("source", "objective", "axis", CHOSEN_KEY, REJECTED_KEY))
        for row, (source, objective, axis, chosen, rejected) in enumerate(zip(*columns, strict=True)):
            if chosen is None or rejected is None:
                continue
            is_weighted = axis == WEIGHTED and self._projections[source].weights
            axes = self._weigh_axes(source, objective) if is_weighted else ((objective, 1.0),)
            rows_of.setdefault(axes, []).append(row)
        return rows_of

    def _weigh_axes(self, source: str, objective: str) -> tuple[tuple[str, float], ...]:
        """Returns the names of the axes of a source's weighted mean, with their weights of differences in utility."""
        if (source, objective) not in self._weights:
            projection = self._projections[source]
            weights = {}
            for axis, weight in sorted(projection.weights.items()):
                scale, name = projection.axes[axis], name_axis(axis, objective, projection.weights)
                if scale.low is None or scale.high is None:
                    raise AssertionError("the study check requires both ends of a weighted axis")
                spread = _measure_spread(self._judgements, source, name)
                weights[name] = weight * spread / (scale.high - scale.low)
            self._weights[source, objective] = tuple(weights.items())
        return self._weights[source, objective]

    def _fill(self, result: PreferenceEvidence, table: "pa.Table", weights: Mapping[str, float], rows: Ints) -> None:
        """Fills in the evidence on the preferences that these axes decide."""
        keys = [table[name].take(rows).to_pylist() for name in KEY_COLUMNS]
        parts = [(weight, *self._find_answers(axis, keys)) for axis, weight in weights.items()]
        usable = np.all([(chosen >= 0) & (rejected >= 0) for _, chosen, rejected in parts], axis=0)
        parts = [(weight, chosen[usable], rejected[usable]) for weight, chosen, rejected in parts]
        at = rows[usable]
        if len(parts) == 1:
            ((_, chosen, rejected),) = parts
            result.confidence[at], result.margin[at] = self._aggregation.compare(chosen, rejected)
        else:
            result.confidence[at], result.margin[at] = self._aggregation.compare_weighted(parts)
        for _, chosen, rejected in parts:
            both = self._judged_by[chosen].multiply(self._judged_by[rejected]).sum(axis=1)
            result.n_annotators[at] = np.maximum(result.n_annotators[at], np.asarray(both).reshape(-1))

    def _find_verdicts(self, table: "pa.Table") -> dict[tuple[str, str], list[int]]:
        """Returns which preferences with one answer are of which source and objective, if their cut is known."""
        rows_of: dict[tuple[str, str], list[int]] = {}
        columns = (table[name].to_pylist() for name in ("source", "objective", CHOSEN_KEY, REJECTED_KEY))
        for row, (source, objective, chosen, rejected) in enumerate(zip(*columns, strict=True)):
            if (chosen is None) != (rejected is None) and (source, objective) in self._cuts:
                rows_of.setdefault((source, objective), []).append(row)
        return rows_of

    def _fill_verdicts(self, verdict: Floats, table: "pa.Table", cut: float, axis: str, rows: list[int]) -> None:
        """Fills in the probabilities that the utilities of single answers are on the right side of the cut."""
        from scipy.special import ndtr

        groups, chosen, rejected = (table[name].take(rows).to_pylist() for name in KEY_COLUMNS)
        answers = [one if one is not None else other for one, other in zip(chosen, rejected, strict=True)]
        codes, _ = self._find_answers(axis, [groups, answers, answers])
        mean, variance = self._aggregation.mean, self._aggregation.variance
        assert variance is not None
        is_judged = codes >= 0
        z = (mean[codes] - cut) / np.sqrt(np.maximum(variance[codes], 1e-12))
        is_good = np.array([one is not None for one in chosen])
        verdict[np.asarray(rows)] = np.where(is_judged, ndtr(np.where(is_good, z, -z)), np.nan)

    def _find_answers(self, axis: str, keys: Sequence[Sequence[str]]) -> tuple[Ints, Ints]:
        """Returns the codes of chosen and rejected answers on an axis; NO_ANSWER where they were not judged on it."""
        axis_code, width = self._axis_code.get(axis), max(len(self._judgements.axes), 1)
        codes = np.full((2, len(keys[0])), NO_ANSWER, dtype=np.int64)
        if axis_code is None:
            return codes[0], codes[1]
        for row, (group, *answers) in enumerate(zip(*keys, strict=True)):
            place = bisect_left(self._groups, group)
            if place == len(self._groups) or self._groups[place] != group:
                continue
            key = place * width + axis_code
            block = bisect_left(self._blocks, key)
            if block == len(self._blocks) or self._blocks[block] != key:
                continue
            low, high = self._starts[block], self._starts[block + 1]
            for side, answer in enumerate(answers):
                code = bisect_left(self._answers, answer, low, high)
                if code < high and self._answers[code] == answer:
                    codes[side, row] = code
        return codes[0], codes[1]


def _find_cuts(aggregation: Aggregation) -> dict[tuple[str, str], float]:
    """Returns (source, axis) -> the utility at which its thumbs are up and down equally often, where that is known: the
    slope of the thumbs is clearly above 0.
    """
    if aggregation.variance is None:
        return {}
    return {
        (one.source, one.axis or ""): one.thresholds[0] / one.slope
        for one in aggregation.sources
        if one.kind == THUMB and len(one.thresholds) == 1 and one.slope and one.low is not None and one.low > 0
    }


def _measure_spread(judgements: Judgements, source: str, axis: str) -> float:
    """Returns the standard deviation of the mean ratings of answers to one prompt, in units of the score; 0 if no
    prompt has two rated answers.
    """
    axis_code = judgements.blocks[judgements.block, 1]
    mine = judgements.is_kind(RATING) & (judgements.sources[judgements.source] == source)
    rows = np.flatnonzero(mine & (judgements.axes[axis_code] == axis))
    answers, answer = np.unique(judgements.judged[judgements.starts[:-1][rows]], return_inverse=True)
    count = judgements.count[rows].astype(np.float64)
    mean = np.bincount(answer, judgements.value[rows] * count) / np.bincount(answer, count)
    _, block = np.unique(np.searchsorted(judgements.block_starts, answers, side="right"), return_inverse=True)
    size = np.bincount(block)
    squares = np.bincount(block, mean**2) - np.bincount(block, mean) ** 2 / np.maximum(size, 1)
    free = float((size - 1).sum())
    return float(np.sqrt(np.maximum(squares, 0.0).sum() / free)) if free else 0.0


def _tabulate_annotators(judgements: Judgements) -> "csr_matrix":
    """Returns (answers, annotators) 1 where an annotator judged an answer."""
    from scipy.sparse import csr_matrix

    rows = np.repeat(np.arange(len(judgements)), np.diff(judgements.starts))
    annotator = judgements.annotator[rows]
    named = annotator != NOBODY
    shape = (len(judgements.answers), max(len(judgements.annotators), 1))
    table = csr_matrix((np.ones(int(named.sum()), dtype=np.int32), (judgements.judged[named], annotator[named])), shape)
    table.sum_duplicates()
    table.data[:] = 1
    return table
