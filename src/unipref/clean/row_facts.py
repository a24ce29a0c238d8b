"""What clean needs to know of each preference by itself, as tasks of an engine: hashes, and matches in benchmarks."""

from pathlib import Path
from typing import NamedTuple

from unipref.clean.benchmark_leaks import PromptMatcher, PromptMatches
from unipref.clean.exact_duplicates import SIDES, hash_sides
from unipref.clean.write_parts import BATCH
from unipref.core import parquet
from unipref.core.text_keys import root_prompt_key
from unipref.core.workers.shared_values import SharedValue, get_value

ROOT_BYTES = 16
"""Bytes of the hash of a first user turn."""


class FactsTask(NamedTuple):
    """Some rows of a file.

    Attributes:
        preferences: the Parquet file.
        original: the same before personal data were replaced, whose prompts are compared with benchmarks.
        rows: the row numbers.
        benchmarks: the texts of benchmarks (`Benchmarks`); None: there are none.
    """

    preferences: str
    original: str
    rows: range
    benchmarks: SharedValue | None


class RowFacts(NamedTuple):
    """Facts of some rows, in their order.

    Attributes:
        texts: what `hash_sides` returns for each row.
        roots: the hash of each row's first user turn, `ROOT_BYTES` each.
        leaks: row number -> what its prompt repeats, for those that repeat a benchmark.
        same_answers: the row numbers of those whose chosen and rejected answers are equal.
    """

    texts: list[tuple[bytes, bytes | None]]
    roots: bytes
    leaks: dict[int, PromptMatches]
    same_answers: list[int]


def find_facts(task: FactsTask) -> RowFacts:
    """Finds the facts of the rows of a task."""
    matcher = None if task.benchmarks is None else PromptMatcher(get_value(task.benchmarks))
    rows = parquet.read_range(Path(task.preferences), task.rows, SIDES, BATCH)
    is_redacted = task.original != task.preferences and matcher is not None
    originals = parquet.read_range(Path(task.original), task.rows, ["prompt"], BATCH) if is_redacted else None
    facts = RowFacts([], b"", {}, [])
    roots = list[str]()
    for place, row in zip(task.rows, rows, strict=True):
        facts.texts.append(hash_sides(row))
        roots.append(root_prompt_key(row["prompt"]))
        prompt = row["prompt"] if originals is None else next(originals)["prompt"]
        if matcher and (found := matcher.find(prompt)):
            facts.leaks[place] = found
        if row["chosen"] == row["rejected"]:
            facts.same_answers.append(place)
    return facts._replace(roots=bytes.fromhex("".join(roots)))
