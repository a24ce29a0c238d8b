"""Groups whose order is open until all judgements are known: those that contradict themselves or are overruled.

The aggregate needs the judgements of all groups, so these groups are looked at again after it: a tie is ordered by the
judgements of all sources, and a pair that they overrule gives way to another pair of its group.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from unipref.core import parquet
from unipref.core.display import shorten_name
from unipref.core.judgements import PAIR
from unipref.core.records import Preference, Reject
from unipref.core.text_keys import answer_key
from unipref.unify.judging.evidence import EvidenceFinder, PreferenceEvidence
from unipref.unify.judging.pair_keys import CHOSEN_KEY, NUMBER, REJECTED_KEY, make_keys
from unipref.unify.judging.records import Judgement
from unipref.unify.turning import turn_preference

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH = parquet.GROUP_ROWS
"""Candidates per row group of a Parquet file."""
CLEARLY_BETTER = 0.51
"""The least probability that orders a tie, whatever the setting is. Equal evidence for both answers gives one half, to
within the tolerance at which the estimate stops: what is nearer to it depends on rounding."""
MOST_NAMED = 3
"""Most people that a reject names for each answer."""
VOTES, REASON, DETAIL, ORIGIN = "votes", "open_reason", "open_detail", "open_origin"
"""Columns of candidates: the votes as JSON, and reason, detail and rows of the reject if nothing orders the group. The
reason is null if the group has other preferences."""


def candidates_name(bucket: int) -> str:
    """Returns the file name of the pairs of one bucket that are not ordered."""
    return f"candidates-{bucket:05d}.parquet"


def ordered_name(bucket: int) -> str:
    """Returns the file name of those of them that the aggregate orders."""
    return f"ordered-{bucket:05d}.parquet"


def candidate_schema(schema: "pa.Schema") -> "pa.Schema":
    """Returns the schema of candidates: that of preferences with keys, and how to reject their groups."""
    import pyarrow as pa

    fields = [pa.field(name, pa.string()) for name in (VOTES, REASON, DETAIL)]
    return pa.schema([*schema, *fields, pa.field(ORIGIN, pa.list_(pa.string()))])


def _describe_candidate(
    preference: Preference, judgements: Sequence[Judgement], reject: Reject | None, origin: list[str]
) -> dict[str, Any]:
    """Returns the columns of a candidate besides those of a preference.

    Args:
        preference: of a pair whose judgements contradict each other.
        judgements: of its group.
        reject: how the group is rejected if nothing orders it; None if it has other preferences.
        origin: the rows of the group.
    """
    keys = [answer_key(side) for side in (preference.chosen, preference.rejected) if side is not None]
    votes = []
    for one in judgements:
        if one.kind == PAIR and one.value and set(one.answers) == set(keys):
            side = one.answers.index(keys[0])
            votes.append((int((one.value > 0) == (side == 1)), one.annotator, one.n))
    return {
        VOTES: json.dumps(votes, ensure_ascii=False),
        REASON: None if reject is None else reject.reason.value,
        DETAIL: None if reject is None else reject.detail,
        ORIGIN: origin,
    }


class CandidateWriter:
    """Writes the pairs whose own judgements contradict each other; without any, there is no file."""

    def __init__(self, path: Path, schema: "pa.Schema") -> None:
        self._path, self._schema = path, schema
        self._writer: pq.ParquetWriter | None = None
        self._rows: list[dict[str, Any]] = []

    def __enter__(self) -> "CandidateWriter":
        return self

    def __exit__(self, *error: object) -> None:
        self._flush()
        if self._writer is not None:
            self._writer.close()

    def add(
        self,
        preferences: Sequence[Preference],
        prompt: str,
        number: int,
        judgements: Sequence[Judgement],
        reject: Reject | None,
        origin: list[str],
    ) -> None:
        """Adds the pairs of a group, of which `prompt` and `number` are the keys."""
        self._rows += [
            msgspec.to_builtins(one)
            | make_keys(one, prompt, number)
            | _describe_candidate(one, judgements, reject, origin)
            for one in preferences
        ]
        if len(self._rows) >= BATCH:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._rows:
            self._writer = self._writer or pq.ParquetWriter(self._path, self._schema, compression="zstd")
            self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema))
            self._rows = []


@dataclass
class OpenCounts:
    """What became of groups that contradict themselves.

    Attributes:
        ordered: source -> groups that the aggregate orders.
        pairs: source -> preferences of pairs that it orders.
        rejected: source -> reason -> groups that it does not order.
    """

    ordered: Counter[str] = field(default_factory=Counter)
    pairs: Counter[str] = field(default_factory=Counter)
    rejected: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))


@dataclass(frozen=True)
class OpenGroups:
    """Orders the pairs whose own judgements contradict each other, by what all judgements together tell.

    Attributes:
        finder: what all judgements tell; None if they tell nothing.
        overruled_below: a pair is ordered if one answer is better with a probability of at least 1 minus this, and of
            at least `CLEARLY_BETTER`.
        method, cap: how pairs are chosen, and how many of a group.
        schema: of preferences with keys.
    """

    finder: EvidenceFinder | None
    overruled_below: float
    method: str
    cap: int
    schema: "pa.Schema"

    @property
    def least(self) -> float:
        """The probability from which on a pair is ordered."""
        return max(1 - self.overruled_below, CLEARLY_BETTER)

    def find_evidence(self, path: Path) -> PreferenceEvidence:
        """Returns what all judgements tell of the preferences of a file with keys."""
        count = parquet.count_rows(path)
        return PreferenceEvidence.unknown(count) if self.finder is None else self.finder.find(path)

    def order(self, candidates: Path, out: Path, counts: OpenCounts) -> Iterator[dict[str, Any]]:
        """Writes the ordered pairs of a bucket to a file; yields the rejects of the groups that stay open.

        Args:
            candidates: the file of the reduce task; there may be none.
            out: the file to write, if a pair is ordered.
            counts: to add to.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not candidates.is_file():
            return
        found = self.find_evidence(candidates)
        rows_with_numbers = zip(
            parquet.read_rows(candidates), found.confidence.tolist(), found.margin.tolist(), strict=True
        )
        kept: list[dict[str, Any]] = []
        for _, group in groupby(rows_with_numbers, key=lambda one: one[0][NUMBER]):
            pairs = list(group)
            first = pairs[0][0]
            ordered = self._choose(pairs)
            kept += ordered
            counts.pairs[first["source"]] += len(ordered)
            if first[REASON] is None:
                continue
            if ordered:
                counts.ordered[first["source"]] += 1
            else:
                counts.rejected[first["source"]][first[REASON]] += 1
                yield self._make_reject(pairs)
        if kept:
            rows = [{name: row[name] for name in self.schema.names} for row in kept]
            pq.write_table(pa.Table.from_pylist(rows, self.schema), out)

    def _choose(self, pairs: list[tuple[dict[str, Any], float, float]]) -> list[dict[str, Any]]:
        """Returns the preferences of the clearly ordered pairs of a group that the method keeps, the surest first."""
        clear = []
        for row, p, margin in pairs:
            if max(p, 1 - p) >= self.least and not _is_contradicted(p, margin):
                ordered = row if p > 0.5 else turn_keys(turn_preference(row))
                clear.append((ordered, max(p, 1 - p), float(np.nan_to_num(abs(margin)))))
        clear.sort(key=lambda one: (-one[2], -one[1]))
        if self.method not in ("all", "adjacent"):
            return [row for row, _, _ in clear[:1]]
        worse: dict[str, set[str]] = defaultdict(set)
        for row, _, _ in clear if self.method == "adjacent" else ():
            worse[row[CHOSEN_KEY]].add(row[REJECTED_KEY])
        kept = [
            row
            for row, _, _ in clear
            if not any(row[REJECTED_KEY] in worse[middle] for middle in list(worse[row[CHOSEN_KEY]]))
        ]
        return kept[: self.cap]

    def _make_reject(self, pairs: list[tuple[dict[str, Any], float, float]]) -> dict[str, Any]:
        row, p, margin = max(pairs, key=lambda one: abs(np.nan_to_num(one[1], nan=0.5) - 0.5))
        votes = json.loads(row[VOTES])
        return {
            "source": row["source"],
            "level": "group",
            "reason": row[REASON],
            "field": None,
            "detail": f"{row[DETAIL]}{self._describe_votes(votes)}; {self._describe_verdict(p, margin, votes)}",
            "origin": row[ORIGIN],
        }

    def _describe_verdict(self, p: float, margin: float, votes: Sequence[tuple[int, str | None, int]]) -> str:
        if self.finder is None:
            return "no aggregate weighs them"
        if np.isnan(p):
            return self._describe_unknown(self.finder, votes)
        if _is_contradicted(p, margin):
            return "the judgements of the two are for one answer, and all judgements of their group for the other"
        return (
            f"by all judgements together, one answer is better with a probability of {max(p, 1 - p):.3f}, "
            f"below the {self.least:g} that would decide"
        )

    def _describe_unknown(self, finder: EvidenceFinder, votes: Sequence[tuple[int, str | None, int]]) -> str:
        """Describes why the aggregate has no probability for a pair."""
        sides = [{name for side, name, _ in votes if side == which} for which in (0, 1)]
        names = {name for _, name, _ in votes if name is not None}
        both = sorted(name for name in names if name in sides[0] and name in sides[1])
        reasons = []
        if both:
            more = [f"{len(both) - MOST_NAMED} more"] if len(both) > MOST_NAMED else []
            who = " and ".join([*map(shorten_name, both[:MOST_NAMED]), *more])
            reasons.append(f"{who} judged both ways, which does not count")
        if not votes or len(both) < len({name for _, name, _ in votes}):
            is_known = any(finder.reliability_of(name) is not None for name in names.difference(both))
            reasons.append(
                "the aggregate gives no probability" if is_known else "how reliable its judges are is not known"
            )
        return ", and ".join(reasons)

    def _describe_votes(self, votes: Iterable[tuple[int, str | None, int]]) -> str:
        """Describes who voted for which answer, with their reliabilities."""
        sides: tuple[list[str], list[str]] = ([], [])
        unnamed = [0, 0]
        for side, name, count in votes:
            if name is None:
                unnamed[side] += count
                continue
            weight = None if self.finder is None else self.finder.reliability_of(name)
            sides[side].append(f"{shorten_name(name)}{'' if weight is None else f' (reliability {weight:.2f})'}")
        texts = []
        for names, count in zip(sides, unnamed, strict=True):
            more = [f"{len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else []
            texts.append(" and ".join([*names[:MOST_NAMED], *more, *([f"{count} unnamed"] if count else [])]))
        return f": {texts[0]} for one, {texts[1]} for the other" if all(texts) else ""


def turn_keys(row: dict[str, Any]) -> dict[str, Any]:
    """Returns a row with the keys of its two answers exchanged."""
    return {**row, CHOSEN_KEY: row[REJECTED_KEY], REJECTED_KEY: row[CHOSEN_KEY]}


def _is_contradicted(p: float, margin: float) -> bool:
    """Whether a pair's own judgements are against the utilities of its answers. To order by them could close a circle.

    Args:
        p: the probability, by the pair's own judgements, that its first answer is better; NaN: not known.
        margin: the difference of the two utilities; NaN: not known.
    """
    return bool(margin * (p - 0.5) < 0)
