"""Why a preference needs a person: each reason ranks the preferences of a run, and all share the places of a list."""

import functools
import heapq
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unipref.collect.review.contradictions import Contradictions, Rank, find_contradictions, has_origin
from unipref.core import parquet, registry
from unipref.core.contracts import Scorer
from unipref.core.records import ROLE_COLUMNS
from unipref.core.run_folder import RunFolder, each_seed
from unipref.core.text_keys import digest

if TYPE_CHECKING:
    import pyarrow as pa

CONTRADICTION, LOW_CONFIDENCE, NEAR_TIE = "contradiction", "low confidence", "near tie"
INFLUENCE, SAMPLE = "high influence", "random sample"
REASONS: Mapping[str, str] = {
    CONTRADICTION: "comparisons or rankings call each of the two answers the better one; the most even first",
    LOW_CONFIDENCE: "the confidence is below 0.8; the lowest first",
    NEAR_TIE: "the gap of the scores is in the smaller half of its source; sources in turn, the smallest first",
    INFLUENCE: "a scorer says that a step on it changes the model much, either way; scorers in turn, the most first",
    SAMPLE: "drawn at random from all preferences with two answers, to measure how good the data is as a whole",
}
"""Name of a reason -> which preferences it ranks, and how. Ties are broken by the id."""
LOW, SMALL = 0.8, 0.5
SPARE = 3
"""So many times as many preferences are ranked as there are places: some turn out to be copies, or hold images."""


@dataclass
class _Best:
    """The preferences with the lowest ranks, as far as they were added."""

    most: int
    kept: list[tuple[Rank, str]] = field(default_factory=list)

    def add(self, ranked: Iterable[tuple[Rank, str]]) -> None:
        self.kept = heapq.nsmallest(self.most, (*self.kept, *ranked))

    def add_numbers(self, numbers: "np.ndarray[Any, Any]", ids: "np.ndarray[Any, Any]") -> None:
        """Adds ranks of one number; those that cannot be among the lowest are left out at once."""
        if len(self.kept) == self.most:
            is_low = numbers <= self.kept[-1][0][0]
            numbers, ids = numbers[is_low], ids[is_low]
        self.add(((number,), key) for number, key in zip(numbers.tolist(), ids.tolist(), strict=True))

    def ids(self) -> list[str]:
        return list(dict.fromkeys(key for _, key in self.kept))


@dataclass(frozen=True)
class Ranked:
    """The preferences of a run, ranked by each reason that applies to any.

    Attributes:
        ids: reason -> ids, those that most need a person first; of contradictions still none.
        contradictions: the pairs that were judged both ways.
        suspects: ids of preferences that may be contradictions: rows that they come from judged such a pair.
        total: number of preferences with two answers.
    """

    ids: Mapping[str, list[str]]
    contradictions: Contradictions
    suspects: frozenset[str]
    total: int


def rank_preferences(run: Path, most: int, progress: Callable[[str, int, int], None]) -> Ranked:
    """Ranks the preferences of a run without their texts: in memory are a few times `most` ids.

    Args:
        run: the run folder.
        most: number of places in the list.
        progress: is told what is read, and how much of it.

    Raises:
        UserError: a file is missing or damaged.
    """
    unified = run / "unified"
    best = {reason: _Best(SPARE * most) for reason in (LOW_CONFIDENCE, SAMPLE)}
    contradictions = find_contradictions(
        unified / "judgements.parquet", SPARE * most, functools.partial(progress, "reading the judgements")
    )
    smallest: dict[str, _Best] = {}  # by source: their percentiles say nothing of each other
    suspects, total, done = set[str](), 0, 0
    rows = parquet.count_rows(unified / "preferences.parquet")
    columns = ["id", "source", "confidence", "margin_percentile", "origin", *ROLE_COLUMNS]
    for batch in parquet.read_batches(unified / "preferences.parquet", columns):
        progress("reading the preferences", done, rows)
        done += len(batch)
        batch = _keep_pairs(batch)
        total += len(batch)
        ids = batch["id"].to_numpy(zero_copy_only=False)
        confidence, gap = (_numbers(batch, name) for name in ("confidence", "margin_percentile"))
        best[LOW_CONFIDENCE].add_numbers(confidence[confidence < LOW], ids[confidence < LOW])
        sources = batch["source"].to_numpy(zero_copy_only=False)
        for source in np.unique(sources).tolist():
            is_small = (sources == source) & (gap < SMALL)
            smallest.setdefault(source, _Best(SPARE * most)).add_numbers(gap[is_small], ids[is_small])
        drawn = np.array([int(digest("review", key)[:12], 16) for key in ids.tolist()], dtype=np.float64)
        best[SAMPLE].add_numbers(drawn, ids)
        suspects.update(ids[has_origin(batch, contradictions.origins)].tolist())
    progress("reading the preferences", rows, rows)
    strongest: dict[str, _Best] = {}  # by scorer and selection: each has a scale of its own
    for scorer, numbers, ids in _read_influence(run):
        strongest.setdefault(scorer, _Best(SPARE * most)).add_numbers(-np.abs(numbers), ids)
    ranked = {reason: one.ids() for reason, one in best.items()}
    for reason, parts in ((NEAR_TIE, smallest), (INFLUENCE, strongest)):
        ranked[reason] = list(share_places({name: parts[name].ids() for name in sorted(parts)}, SPARE * most))
    return Ranked({reason: ranked.get(reason, []) for reason in REASONS}, contradictions, frozenset(suspects), total)


def _keep_pairs(batch: "pa.RecordBatch") -> "pa.RecordBatch":
    import pyarrow.compute as pc

    return batch.filter(pc.and_(pc.is_valid(batch["chosen"]), pc.is_valid(batch["rejected"])))


def _numbers(batch: "pa.RecordBatch", column: str) -> "np.ndarray[Any, Any]":
    """Returns (n,) numbers, NaN for null, with the digits of a single float: .35 is .35."""
    values = np.asarray(batch[column].to_numpy(zero_copy_only=False), dtype=np.float64)
    return np.round(values, 6)


def _read_influence(run: Path) -> Iterator[tuple[str, Any, Any]]:
    """Yields a name, numbers and ids of the candidates that it judged, of each scorer of influence in each selection.

    Selections that share a folder are one: it is read once.
    """
    import pyarrow.compute as pc

    selections = each_seed(RunFolder(run).manifest_if_any.selected)
    for folder in dict.fromkeys(one.folder or f"selected/{variant}/{seed}" for variant, seed, one in selections):
        path = run / folder / "decisions.parquet"
        if not path.is_file():
            continue
        for column in filter(_is_influence, parquet.read_schema(path).names):
            for batch in parquet.read_batches(path, ["id", column]):
                known = batch.filter(pc.is_finite(batch[column]))
                numbers, ids = (known[name].to_numpy(zero_copy_only=False) for name in (column, "id"))
                yield f"{folder} {column}", numbers, ids


def _is_influence(column: str) -> bool:
    """Whether a column has the numbers of a scorer of influence: its name, perhaps with a number."""
    name = re.sub(r"-\d+$", "", column)
    if name not in registry.list_names("scorer"):
        return False
    scorer = registry.find("scorer", name)
    return issubclass(scorer, Scorer) and scorer.is_influence


def share_places(ranked: Mapping[str, Sequence[str]], most: int) -> dict[str, list[str]]:
    """Shares the places of a list among reasons: in turn, each gives the next one of its ranking.

    So each reason has the same number of turns, a reason that has no more leaves its turns to the others, and what a
    reason has in the list is the beginning of its ranking. A list with more places begins with the list with fewer.

    Args:
        ranked: reason -> names, the most important first, without repeats.
        most: number of places.

    Returns:
        name -> the reasons that named it in one of their turns, in the order of the list.
    """
    shared: dict[str, list[str]] = {}
    for turn in range(max(map(len, ranked.values()), default=0)):
        for reason, names in ranked.items():
            if len(shared) == most:
                return shared
            if turn < len(names):
                shared.setdefault(names[turn], []).append(reason)
    return shared
