"""Finds the pairs of answers that were judged both ways, in the table of judgements, and the raw rows that did so."""

from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from unipref.core import parquet
from unipref.core.judgements import ORDERED, PAIR
from unipref.core.text_keys import answer_key, prompt_key

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("group", "answers", "axis", "kind", "value", "places", "count", "origin")
Rank = tuple[float, ...]


@dataclass(frozen=True)
class Contradictions:
    """The most even ones of the contradictions.

    Attributes:
        ranks: key of a pair on an axis -> its rank, the lowest for the most even and then the most frequent ones.
        origins: the raw rows that judged one of these pairs.
    """

    ranks: Mapping[int, Rank]
    origins: frozenset[str]

    def rank(self, preference: Mapping[str, Any]) -> Rank | None:
        """Returns the rank of a preference's two answers; None if nobody contradicted anybody."""
        group = prompt_key(preference["prompt"])
        answers = [answer_key(preference[side]) for side in ("chosen", "rejected")]
        keys = (_pair_key(group, axis, *answers) for axis in (preference["objective"], None))
        return min((self.ranks[key] for key in keys if key in self.ranks), default=None)


def find_contradictions(judgements: Path, most: int, progress: Callable[[int, int], None]) -> Contradictions:
    """Finds the pairs of answers of which some comparisons or rankings call the one better and some the other.

    Holds some 20 bytes in memory for each comparison, and the names of the rows of the pairs that are returned.

    Args:
        judgements: the table; a missing one has no contradictions.
        most: most pairs.
        progress: is told how many rows are read, and of how many; they are read twice.
    """
    if not judgements.is_file():
        return Contradictions({}, frozenset())
    keys, signs, counts = array("Q"), array("b"), array("q")
    for row in _read_rows(judgements, progress):
        for key, sign in _compare(row):
            keys.append(key)
            signs.append(sign)
            counts.append(row["count"])
    ranks = _rank(np.array(keys), np.array(signs), np.array(counts), most)
    origins: set[str] = set()
    if ranks:
        rows = _read_rows(judgements, progress)
        origins = {row["origin"] for row in rows if any(key in ranks for key, _ in _compare(row))}
    return Contradictions(ranks, frozenset(origins))


def _rank(keys: "np.ndarray[Any, Any]", signs: Any, counts: Any, most: int) -> dict[int, Rank]:
    distinct, place = np.unique(keys, return_inverse=True)
    votes = [np.bincount(place, counts * (signs == side), len(distinct)) for side in (1, -1)]
    both = np.flatnonzero((votes[0] > 0) & (votes[1] > 0))
    total, least = votes[0] + votes[1], np.minimum(*votes)
    ranked = sorted((-float(least[one] / total[one]), -float(total[one]), int(distinct[one])) for one in both.tolist())
    return {key: (share, number) for share, number, key in ranked[:most]}


def _read_rows(judgements: Path, progress: Callable[[int, int], None]) -> Iterator[dict[str, Any]]:
    """Yields the judgements that compare answers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kinds, total, done = pa.array([PAIR, *ORDERED]), parquet.count_rows(judgements), 0
    for batch in parquet.read_batches(judgements, COLUMNS):
        done += len(batch)
        progress(done, total)
        yield from batch.filter(pc.is_in(batch["kind"], value_set=kinds)).to_pylist()


def _compare(row: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    """Yields the key of each two answers that a judgement orders; 1 if the one with the lower name is better, or -1."""
    answers, places = row["answers"], row["places"]
    for first, second in combinations(range(len(answers)), 2):
        lead = row["value"] if row["kind"] == PAIR else places[second] - places[first]
        if lead:
            is_turned = answers[first] > answers[second]
            key = _pair_key(row["group"], row["axis"], answers[first], answers[second])
            yield key, 1 if (lead > 0) is not is_turned else -1


def _pair_key(group: str, axis: str | None, first: str, second: str) -> int:
    names = "\x1f".join((group, axis or "", *sorted((first, second))))
    return int(xxhash.xxh3_64_intdigest(names.encode()))


def has_origin(batch: "pa.RecordBatch", origins: frozenset[str]) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Returns (n,) whether a preference of a batch comes from one of these raw rows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = np.zeros(len(batch), dtype=bool)
    if origins:
        lists = batch["origin"]
        is_in = pc.is_in(pc.list_flatten(lists), value_set=pa.array(sorted(origins)))
        found[pc.list_parent_indices(lists).filter(is_in).to_numpy()] = True
    return found
