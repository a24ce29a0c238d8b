"""The base of benchmarks of right and wrong answers, which models and judges rank."""

import abc
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

from unipref.core.contracts import Benchmark
from unipref.core.scores import Example
from unipref.evaluate.ranked_answers import Question, Subject, rank_answers
from unipref.evaluate.subsample import apply_limit


class AnswerItem(NamedTuple):
    """An item of the benchmark.

    Attributes:
        question: the prompt with its answers.
        about: further columns of its row.
        group: items with the same name are sampled together.
    """

    question: Question
    about: Example
    group: str


class AnswerBenchmark(Benchmark):
    """A benchmark of right and wrong answers to prompts, for policies, reward models and judges."""

    measures: ClassVar[frozenset[str]] = frozenset({"policy", "reward", "judge"})
    dialogue: ClassVar[bool] = True
    items_name: ClassVar[str] = "prompts"
    """What its items are, in the plural."""

    limit: int | None = None
    """Number of items to measure, evenly spread over the data; None: all."""
    batch_size: int = 32
    """Maximum number of sequences in one forward pass."""

    @abc.abstractmethod
    def read_items(self, data: Path) -> list[AnswerItem]:
        """Reads the items.

        Raises:
            UserError: the data are not in this benchmark's format.
        """

    def examine(self, model: Subject, data: Path, split: str) -> tuple[list[Example], list[str]]:
        """Lets a policy, a reward model or a judge rank the answers; one row is one item."""
        items, notes = _drop_copies(self.read_items(data), self.items_name)
        groups: dict[str, list[AnswerItem]] = {}
        for item in items:
            groups.setdefault(item.group, []).append(item)
        sampled, sampling = apply_limit(list(groups.values()), self.limit, self.items_name)
        kept = [item for group in sampled for item in group]
        rows, skipped = rank_answers(model, [item.question for item in kept], self.batch_size, self.items_name)
        examples = [
            {"id": item.question.identity, "split": split, "prompt": item.question.cluster, **item.about, **row}
            for item, row in zip(kept, rows, strict=True)
            if row is not None
        ]
        return examples, [*notes, *sampling, *skipped]


def _drop_copies(items: Sequence[AnswerItem], what: str) -> tuple[list[AnswerItem], list[str]]:
    """Keeps one of equal items: repositories hold a file with all items beside one for each part."""
    distinct = {item.question.identity: item for item in reversed(items)}
    kept = list(reversed(distinct.values()))
    n = len(items) - len(kept)
    return kept, [f"{n} of {len(items)} {what} repeat another one and were left out."] if n else []
