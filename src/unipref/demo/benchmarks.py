"""Writes the benchmark data of the built-in world: items whose prompts do not occur in the feedback."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unipref.core.contracts import Settings
from unipref.demo.coreference import Cases, format_answer
from unipref.demo.feedback import write_json_lines
from unipref.demo.instructions import Tasks, find_group
from unipref.demo.parts import Part


class BenchmarkSizes(Settings):
    """Number of items per part. A difference of less than .06 between two models on one part is not significant."""

    coreference: dict[Part, int] = {"dev": 200, "test": 500}
    instructions: dict[Part, int] = {"dev": 440, "test": 1026}
    """20 of each of the 22 kinds of dev, and 38 of each of the 27 kinds of test."""


def write(folder: Path, cases: Cases, tasks: Tasks, sizes: BenchmarkSizes, seed: int) -> None:
    """Writes `coreference/{dev,test}.jsonl` and `instructions/{dev,test}.jsonl`."""
    for name in ("coreference", "instructions"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for part, n in sizes.coreference.items():
        write_json_lines(folder / "coreference" / f"{part}.jsonl", coreference_items(cases, part, n, seed))
    for part, n in sizes.instructions.items():
        write_json_lines(folder / "instructions" / f"{part}.jsonl", instruction_items(tasks, part, n, seed))


def coreference_items(cases: Cases, part: Part, n: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yields rows of the benchmark `coreference`."""
    for i, case in enumerate(cases.sample(part, n, random.Random(f"{seed}/coreference/{part}"))):
        yield {
            "id": f"{part}-{i:04}",
            "pro": case.question(case.pro()),
            "anti": case.question(case.anti()),
            "answer": format_answer(case.referent),
            "distractor": format_answer(case.other),
            "referent": case.referent,
            "other": case.other,
            "reason": case.frame.reason,
        }


def instruction_items(tasks: Tasks, part: Part, n: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yields rows of the benchmark `instructions`."""
    for i, task in enumerate(tasks.sample(part, n, random.Random(f"{seed}/instructions/{part}"))):
        yield {
            "id": f"{part}-{i:04}",
            "prompt": task.prompt,
            "rule": task.rule,
            "arguments": task.arguments,
            "kind": task.kind,
            "group": find_group(task),
        }
