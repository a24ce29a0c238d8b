"""The baseline without a model: the nearest prompt of the feedback, with its words exchanged for those of the new one.

Its answer is the true best answer to that prompt, so it is not misled by raters. A benchmark that it solves measures
the filling of templates.
"""

import difflib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from unipref.core.answer_checks.rules import follows
from unipref.core.json_files import write_text
from unipref.demo.truth import FILE as TRUTH_FILE

FILE = "nearest.json"
"""The baseline's results, beside `truth.jsonl`."""
TOKENS = re.compile(r"\w+|[^\w\s]")
CANDIDATES = 25
"""Prompts with the most words in common, of which the nearest is chosen by the order of the words."""


class NearestPrompt:
    """Answers by the nearest prompt of a world's feedback."""

    def __init__(self, world: Path) -> None:
        """Reads `truth.jsonl`, which lies beside the feedback."""
        self._known: list[tuple[list[str], str]] = []
        self._with: dict[str, list[int]] = {}
        for line in (world / TRUTH_FILE).read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["copy_of"] is None:
                tokens = _split(row["prompt"])
                for token in set(tokens):
                    self._with.setdefault(token, []).append(len(self._known))
                self._known.append((tokens, max(row["answers"], key=row["answers"].__getitem__)))

    def answer(self, prompt: str) -> str:
        """Returns the answer to the nearest prompt, its words exchanged."""
        tokens = _split(prompt)
        common: Counter[int] = Counter()
        for token in set(tokens):
            for place in self._with.get(token, ()):
                common[place] += 1
        nearest = max(
            (place for place, _ in common.most_common(CANDIDATES)),
            key=lambda place: difflib.SequenceMatcher(None, self._known[place][0], tokens, autojunk=False).ratio(),
            default=0,
        )
        known, answer = self._known[nearest]
        return exchange_words(answer, known, tokens)


def _split(text: str) -> list[str]:
    return TOKENS.findall(text.lower())


def exchange_words(answer: str, known: Sequence[str], asked: Sequence[str]) -> str:
    """Exchanges the words in which two prompts differ, place by place, in the answer to the first one."""
    exchanged: dict[str, str] = {}
    matcher = difflib.SequenceMatcher(None, known, asked, autojunk=False)
    for what, start, end, other_start, other_end in matcher.get_opcodes():
        if what == "replace":
            exchanged |= dict(zip(known[start:end], asked[other_start:other_end], strict=False))

    def replace(match: re.Match[str]) -> str:
        word = match.group()
        new = exchanged.get(word.lower(), word.lower())
        return new.upper() if word.isupper() and len(word) > 1 else new.capitalize() if word[0].isupper() else new

    return re.sub(r"\w+", replace, answer)


class Baseline(NamedTuple):
    """What the baseline scores on one split.

    Attributes:
        followed: share of instructions followed; by_group: by what is new in them.
        two_way_accuracy, two_way_bias: of the coreference questions, as the benchmark defines them. An answer that
            names neither person counts half.
    """

    followed: float
    by_group: dict[str, float]
    two_way_accuracy: float
    two_way_bias: float

    def __str__(self) -> str:
        groups = ", ".join(f"{group} {share:.3f}" for group, share in self.by_group.items())
        return (
            f"nearest prompt of the feedback, no model: instructions followed {self.followed:.3f} ({groups}), "
            f"two-way accuracy {self.two_way_accuracy:.3f}, two-way bias {self.two_way_bias:+.3f}"
        )


def measure_baseline(world: Path, split: str = "test") -> Baseline:
    """Measures the baseline on a world's benchmarks."""
    nearest = NearestPrompt(world)
    followed: dict[str, list[bool]] = {}
    for item in _read(world / "eval" / "instructions" / f"{split}.jsonl"):
        hit = follows(nearest.answer(item["prompt"]), item["rule"], item["arguments"])
        followed.setdefault(item["group"], []).append(hit)
    sides = [
        tuple(_share_of_referent(nearest.answer(item[side]), item) for side in ("pro", "anti"))
        for item in _read(world / "eval" / "coreference" / f"{split}.jsonl")
    ]
    every = [hit for hits in followed.values() for hit in hits]
    return Baseline(
        followed=fmean(every) if every else 0.0,
        by_group={group: fmean(hits) for group, hits in sorted(followed.items())},
        two_way_accuracy=fmean((pro + anti) / 2 for pro, anti in sides) if sides else 0.0,
        two_way_bias=fmean(pro - anti for pro, anti in sides) if sides else 0.0,
    )


def _share_of_referent(answer: str, item: Mapping[str, Any]) -> float:
    words = _split(answer)
    is_referent, is_other = item["referent"] in words, item["other"] in words
    return 0.5 if is_referent == is_other else float(is_referent)


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_baseline(world: Path) -> Baseline:
    """Measures the baseline on the test split, writes `nearest.json` and returns the result."""
    baseline = measure_baseline(world)
    write_text(world / FILE, json.dumps(baseline._asdict(), indent=1) + "\n")
    return baseline


def read_baseline(world: Path) -> Baseline | None:
    """Reads `nearest.json`; None if the baseline was not measured."""
    path = world / FILE
    return Baseline(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None
