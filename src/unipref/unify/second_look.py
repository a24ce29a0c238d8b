"""Looks again at groups all of whose pairs are overruled: another pair of the group may be sure."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from unipref.core import parquet
from unipref.core.records import preference_schema
from unipref.core.text_keys import prompt_key
from unipref.unify.bucket_groups import merge_parts, read_groups
from unipref.unify.judging.evidence import EvidenceFinder, PreferenceEvidence
from unipref.unify.judging.pair_keys import NUMBER, make_keys, with_keys
from unipref.unify.map_reduce import ReduceTask
from unipref.unify.projection.judges import drop_repeated_judgements
from unipref.unify.projection.project import list_alternatives

if TYPE_CHECKING:
    import pyarrow as pa

ONE_PAIR = ("best_worst", "best_random")
"""The methods that keep one pair of a group, so that the group is lost with it."""


class LookAgain(msgspec.Struct, frozen=True):
    """A bucket, and the numbers of its groups to look at again."""

    task: ReduceTask
    groups: list[int]


def find_lost_groups(part: Path, evidence: PreferenceEvidence, below: float) -> list[int]:
    """Returns the numbers of the groups of a part whose preferences all are pairs with a confidence below a bound."""
    import pyarrow.parquet as pq

    number = pq.read_table(part, columns=[NUMBER])[NUMBER].to_numpy()
    is_overruled = evidence.confidence < below
    return sorted(set(number[is_overruled].tolist()) - set(number[~is_overruled].tolist()))


def look_again(again: LookAgain) -> int:
    """Writes the other pairs of the groups to `alternatives-N.parquet`; returns their number."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    task, wanted, rows = again.task, set(again.groups), 0
    schema = with_keys(preference_schema(task.with_parts))
    with pq.ParquetWriter(task.out / alternatives_name(task.bucket), schema, compression="zstd") as writer:
        for number, (source, parts) in enumerate(read_groups(task)):
            if number not in wanted:
                continue
            group, _ = merge_parts(drop_repeated_judgements(parts)[0])
            prompt = prompt_key(parts[0].prompt)
            found = list_alternatives(group, task.sources[source].projection)
            rows += len(found)
            table = [msgspec.to_builtins(one) | make_keys(one, prompt, number) for one in found]
            writer.write_table(pa.Table.from_pylist(table, schema))
    return rows


def choose_alternatives(
    alternatives: Path, out: Path, finder: EvidenceFinder, below: float, schema: "pa.Schema"
) -> int:
    """Writes the first pair of each group that is not overruled to a file with the schema; returns their number."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    confidence = finder.find(alternatives).confidence
    chosen: dict[int, dict[str, Any]] = {}
    for place, row in enumerate(parquet.read_rows(alternatives)):
        if not confidence[place] < below and not np.isnan(confidence[place]):
            chosen.setdefault(row[NUMBER], row)
    if chosen:
        pq.write_table(pa.Table.from_pylist(list(chosen.values()), schema), out)
    return len(chosen)


def alternatives_name(bucket: int) -> str:
    """Returns the file name of the other pairs of a bucket's groups."""
    return f"alternatives-{bucket:05d}.parquet"


def again_name(bucket: int) -> str:
    """Returns the file name of those of them that replace an overruled pair."""
    return f"again-{bucket:05d}.parquet"
