"""JudgeBench: does a model or a judge prefer the right one of two answers to a hard question?"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import msgspec
import numpy as np

from unipref.core.scores import Example
from unipref.core.stats.statistic import Statistic, mean
from unipref.evaluate.answer_benchmark import AnswerBenchmark, AnswerItem
from unipref.evaluate.ranked_answers import JUDGE, Question, compare_answers, name_by_length
from unipref.evaluate.readers.published_rows import read_published_rows
from unipref.evaluate.slices import slice_examples

CATEGORIES = {
    "mmlu-pro": "knowledge",
    "livebench-reasoning": "reasoning",
    "livebench-math": "math",
    "livecodebench": "coding",
}
"""The beginning of a source's name -> the category of the authors' table."""
OTHER = "other"


class Row(msgspec.Struct, frozen=True):
    """A row of the data."""

    question: str
    response_A: str
    response_B: str
    label: Literal["A>B", "B>A"]
    source: str = OTHER
    response_model: str = ""
    pair_id: str = ""


class JudgeBench(AnswerBenchmark):
    """JudgeBench (Tan et al. 2024, arXiv 2410.12784): pairs of a right and a wrong answer to hard questions.

    | what is measured | metric | formula, averaged over pairs | chance level |
    |---|---|---|---|
    | policy | `accuracy`, `accuracy_per_token` | the right answer has the higher log p; a tie counts half | 0.5 |
    | reward model | `accuracy` | the right answer has the higher reward; a tie counts half | 0.5 |
    | judge | `accuracy` | more votes of the two orders are for the right answer; as many count half | 0.5 |
    | judge | `accuracy_strict` | the same, but as many count 0: the authors' figure | – |
    | judge | `both_right` | both orders name the right answer | – |
    | judge | `consistency` | both orders name the same answer or a tie | – |
    | judge | `first_preferred` | share of the votes, ties left out, for the answer that is shown first; best 0.5 | – |
    | judge | `no_verdict` | share of the orders without a verdict; best 0 | – |
    | all | `ties` | the two values are equal; of a judge: as many votes for each | – |

    A judge is asked twice, with each answer first; a judge that scores each answer by itself is asked once, and has no
    `consistency`, `first_preferred` or `no_verdict`. Slices: `category:NAME` (knowledge, reasoning, math, coding),
    `source:NAME`, `response_model:NAME`. Units are pairs, clusters are questions.

    Data: a folder with the files of the hub's ScalerLab/JudgeBench (`gpt` and `claude`) or of its repository, or such a
    file; per row `question`, `response_A`, `response_B`, `label` (`A>B` or `B>A`), `source` and `response_model`.
    """

    example: ClassVar[Mapping[str, Any]] = {
        "settings": {"data": "eval/judgebench"},
        "files": {
            "pairs.jsonl": [
                {
                    "pair_id": f"p{place}",
                    "original_id": place,
                    "source": source,
                    "question": question,
                    "response_model": "gpt-4o",
                    "response_A": first,
                    "response_B": second,
                    "label": label,
                }
                for place, (source, question, first, second, label) in enumerate(
                    (
                        ("mmlu-pro-health", "Which vitamin is in a lemon?", "Vitamin C: CCCCC", "D: DDDDD", "A>B"),
                        ("livebench-math", "What is 7 times 8?", "It is 54.", "It is 56.", "B>A"),
                        ("livecodebench", "Print a word.", "print('a')", "print(a)", "A>B"),
                    )
                )
            ]
        },
    }
    items_name: ClassVar[str] = "pairs"

    data: str | None = "judgebench"
    """Folder with the data, or a file, relative to `data_root`."""

    def read_items(self, data: Path) -> list[AnswerItem]:
        """Reads the rows."""
        items = []
        for row in read_published_rows(data, Row, "evaluate.judgebench.data"):
            is_first = row.label == "A>B"
            right, wrong = (row.response_A, row.response_B) if is_first else (row.response_B, row.response_A)
            category = next((name for start, name in CATEGORIES.items() if row.source.startswith(start)), OTHER)
            about = {"pair_id": row.pair_id, "category": category, "source": row.source}
            about |= {"response_model": row.response_model}
            question = Question(row.question, [right], [wrong])
            items.append(AnswerItem(question, about, question.identity))
        return items

    @classmethod
    def statistics(cls, examples: Sequence[Example]) -> Iterator[Statistic]:
        """All metrics: over all pairs, per category, source and model of the answers; units are pairs."""
        for name, rows in slice_examples(examples, "category", "source", "response_model").items():
            yield from _statistics(name, rows)


def _statistics(name: str, rows: Sequence[Example]) -> Iterator[Statistic]:
    about: dict[str, Any] = {"mode": rows[0]["mode"], "split": rows[0]["split"], "slice": name, "unit": "pairs"}
    about["clusters"] = [row["prompt"] for row in rows]
    ids = [row["id"] for row in rows]
    for suffix, per_token in name_by_length(rows[0]):
        values = [float(compare_answers(row, per_token)[0, 0]) for row in rows]
        yield mean("accuracy" + suffix, ids, values, **about, ideal=1.0, chance=0.5)
    results = np.array([compare_answers(row)[0, 0] for row in rows])
    yield mean("ties", ids, results == 0.5, **about, direction="lower", ideal=0.0)
    if rows[0]["mode"] == JUDGE:
        yield mean("accuracy_strict", ids, results == 1.0, **about, ideal=1.0)
        if not any("chosen_values" in row for row in rows):
            yield from _orders(rows, ids, about)


def _orders(rows: Sequence[Example], ids: Sequence[str], about: Mapping[str, Any]) -> Iterator[Statistic]:
    """How a judge's votes depend on the order: (n, 2) votes for the right answer, shown first and last."""
    votes = [row["verdicts"][0][0] for row in rows]
    yield mean("both_right", ids, [first == last == 1.0 for first, last in votes], **about, ideal=1.0)
    yield mean("consistency", ids, [first is not None and first == last for first, last in votes], **about, ideal=1.0)
    missing = [sum(vote is None for vote in pair) / 2 for pair in votes]
    yield mean("no_verdict", ids, missing, **about, direction="lower", ideal=0.0)
    # A vote for the right answer is one for the answer shown first in the first order, and against it in the last.
    decided = np.array([[vote in (0.0, 1.0) for vote in pair] for pair in votes], dtype=np.float64)
    of_first = np.array([[first == 1.0, last == 0.0] for first, last in votes], dtype=np.float64)
    if decided.any():
        yield Statistic(
            "first_preferred",
            ids,
            np.stack([of_first.sum(axis=1), decided.sum(axis=1)], axis=1),
            lambda means: means[:, 0] / means[:, 1],
            **{**about, "direction": "ideal", "ideal": 0.5, "bounds": (0.0, 1.0)},
        )
