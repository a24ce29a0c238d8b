"""Compares two models on IFEval apart for the types of instructions that rules can correct, and for the others.

    python benchmarks/real_model_types.py BEFORE.jsonl AFTER.jsonl     # RUN/evaluated/.../ifeval/ifeval.jsonl

If a model that learned from corrected answers (`corrections` of `unipref collect`) gains in the corrected types alone,
it has learned these forms. Gains are at the instruction level, strict, paired by prompt, with the intervals of unipref.
"""

import argparse
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from real_model_answers import read
from unipref.core.answer_checks.corrections import CORRECTIONS
from unipref.core.stats.differences import Difference, difference
from unipref.core.stats.statistic import Statistic
from unipref.evaluate.benchmarks.ifeval import IFEval

METRIC = "inst_level_strict_acc"


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    given = parser.parse_args()
    before, after = list(read(given.before)), list(read(given.after))
    kinds = {kind for row in before for kind in row["instructions"]}
    print("| types | instructions | before | after | gain [95 %] |\n|---|---|---|---|---|")
    for name, group in (("corrected", kinds & CORRECTIONS.keys()), ("others", kinds - CORRECTIONS.keys())):
        first, second = (measure(rows, group) for rows in (before, after))
        found = difference(first, second)
        count = sum(len(row["strict"]) for row in keep(before, group))
        print(f"| {name} ({len(group)}) | {count} | {found.first:.3f} | {found.second:.3f} | {describe(found)} |")


def describe(found: Difference) -> str:
    """Describes a gain with its interval and verdict."""
    ends = "" if found.gain_low is None else f" [{found.gain_low:+.3f}, {found.gain_high:+.3f}]"
    return f"{found.gain:+.3f}{ends}, {found.verdict}"


def measure(rows: Sequence[dict[str, Any]], kinds: Collection[str]) -> Statistic:
    """Returns the share of instructions of these types that are followed."""
    return next(one for one in IFEval.statistics(keep(rows, kinds)) if (one.metric, one.slice) == (METRIC, "all"))


def keep(rows: Sequence[dict[str, Any]], kinds: Collection[str]) -> list[dict[str, Any]]:
    """Returns the prompts with instructions of these types, each without its other instructions."""
    kept = []
    for row in rows:
        places = [at for at, kind in enumerate(row["instructions"]) if kind in kinds]
        if places:
            own = {name: [row[name][at] for at in places] for name in ("instructions", "strict", "loose")}
            kept.append(row | own)
    return kept


if __name__ == "__main__":
    main()
