"""Reads held-out preferences for benchmarks, some hundreds at a time, and counts those that a model cannot score."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unipref.core import hashing, parquet
from unipref.core.chat_models import Policy, RewardModel
from unipref.core.scores import Example
from unipref.core.stats.sampling import sample_evenly
from unipref.evaluate.ranked_answers import SIDES, is_accepted
from unipref.evaluate.refused import refused_notes, unscored_notes
from unipref.evaluate.subsample import sampling_notes

COLUMNS = ("id", "prompt", *SIDES, "source")
"""The columns that every benchmark on preferences reads."""
WHAT = "preferences"
MEND = "Give a Parquet file that unify wrote, or remove 'data' to use the run's own split."


def make_example_row(name: str, prompt: str, chosen: str, rejected: str, **columns: Any) -> dict[str, Any]:
    """Makes a row of a Parquet file of preferences, for the example of a benchmark.

    Args:
        name: its id.
        prompt: what the user asks.
        chosen: the better answer.
        rejected: the worse answer.
        columns: the further columns that the benchmark reads.
    """
    texts = {"prompt": ("user", prompt), "chosen": ("assistant", chosen), "rejected": ("assistant", rejected)}
    turns = {column: [{"role": role, "content": text}] for column, (role, text) in texts.items()}
    return {"id": name, **turns, "source": "handmade", **columns}


def describe_pair(row: Mapping[str, Any]) -> Example:
    """The first columns of an example: id, source, and a name of the prompt, which is the cluster."""
    return {"id": row["id"], "source": row["source"], "prompt": hashing.json_hash(row["prompt"])[:16]}


class HeldOutPairs:
    """The preferences of a split, evenly sampled if there is a limit.

    Args:
        data: a Parquet file, or a folder with `<split>.parquet`.
        split: 'test' or 'dev'.
        limit: number of rows to read; None: all.

    Attributes:
        total: number of rows that are read.
        notes: says how many rows the limit leaves out.

    Raises:
        UserError: the file is missing or is not a file of preferences.
    """

    def __init__(self, data: Path, split: str, limit: int | None) -> None:
        self.path = data / f"{split}.parquet" if data.is_dir() else data
        rows = parquet.count_rows(self.path, MEND)
        self._sampled = set(sample_evenly(rows, limit))
        self.total = len(self._sampled)
        self.notes = sampling_notes(self.total, rows, WHAT, limit)

    def read(self, columns: Sequence[str], at_once: int) -> Iterator[list[dict[str, Any]]]:
        """Yields the rows, `at_once` rows of the file at a time, so that batches hold sequences of similar length.

        Raises:
            UserError: a column is missing.
        """
        start = 0
        for batch in parquet.read_batches(self.path, (*COLUMNS, *columns), at_once, MEND):
            rows = parquet.list_rows(batch, self.path, MEND)
            yield [row for at, row in enumerate(rows, start) if at in self._sampled]
            start += len(rows)


@dataclass
class Unscored:
    """Counts the preferences that a model cannot score, by the reason.

    Attributes:
        counts: 'refused': the chat template refuses the dialogue; 'empty': an answer has no token of the assistant;
            'long': a dialogue exceeds the model's context.
    """

    model: Policy | RewardModel
    counts: dict[str, int] = field(default_factory=lambda: {"refused": 0, "empty": 0, "long": 0})

    def add(self, row: Mapping[str, Any], tokens: Sequence[float]) -> None:
        """Counts a preference.

        Args:
            row: the preference.
            tokens: number of tokens of each answer; empty for a reward model, which reads the whole dialogue.
        """
        is_refused = not all(is_accepted(self.model, row["prompt"], row[side]) for side in SIDES)
        self.counts["refused" if is_refused else "empty" if 0 in tokens else "long"] += 1

    def notes(self, total: int) -> list[str]:
        """A note per reason; `total` is the number of all preferences."""
        long = self.counts["long"]
        limit = f"longer than the model's context of {self.model.context} tokens"
        return [
            *refused_notes(self.counts["refused"], total, WHAT),
            *unscored_notes(self.counts["empty"], total, WHAT),
            *([f"{long} of {total} {WHAT} skipped: {limit}."] if long else []),
        ]
