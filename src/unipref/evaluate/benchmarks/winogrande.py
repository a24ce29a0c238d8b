"""WinoGrande: can a model fill the blank of a sentence by common sense?"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import msgspec
import numpy as np

from unipref.core.chat_models import Policy, RewardModel
from unipref.core.contracts import SplitBenchmark
from unipref.core.errors import UserError
from unipref.core.scores import Example
from unipref.core.stats.statistic import Statistic, mean, pool_clusters
from unipref.evaluate.likelihood import continuation_requests, score_items, too_long_notes, wins
from unipref.evaluate.readers.csv_tables import find_data_file, row_location
from unipref.evaluate.readers.json_items import read_items
from unipref.evaluate.subsample import apply_limit
from unipref.models.inference import Request

ANSWERS = ("1", "2")


class WinoGrande(SplitBenchmark):
    """WinoGrande (Sakaguchi et al. 2021), by partial evaluation (Trinh and Le 2018), as in lm-eval.

    L(i) = sum of log p (nats) of the text after the blank, given the text before it and option i.

    | metric | formula | ideal | chance level |
    |---|---|---|---|
    | `accuracy` | L(answer) > L(other option), a tie counts half; averaged over sentences | 1 | 0.5 |
    | `twin_accuracy` | both sentences of a pair of twins are right; averaged over pairs | 1 | 0.25 |

    Answers are the strings "1" and "2", the numbers of the options. Twins are sentences that differ in a few words and
    have opposite answers; the last part of `qID` distinguishes them. A model that ignores the text after the blank is
    right on one of each pair. Units are twins: a pair, or a sentence whose twin the authors filtered out.

    Data: a folder with `dev.jsonl` (and optionally `dev-labels.lst` with the same answers), or such a file; per line
    `qID`, `sentence` with one `_`, `option1`, `option2` and `answer`. The published test part has no answers.
    """

    example: ClassVar[Mapping[str, Any]] = {
        "settings": {"data": "eval/winogrande"},
        "files": {
            "dev.jsonl": [
                {
                    "qID": f"A-{answer}",
                    "sentence": f"Ann hired Bea since _ needed {what}.",
                    "option1": "Ann",
                    "option2": "Bea",
                    "answer": answer,
                }
                for answer, what in (("1", "help"), ("2", "work"))
            ]
            + [
                {
                    "qID": "B-1",
                    "sentence": "The cup broke the plate, for the _ was hard.",
                    "option1": "cup",
                    "option2": "plate",
                    "answer": "1",
                }
            ]
        },
    }

    data: str | None = "winogrande"
    """Folder with the JSON lines, or one file of them, relative to `data_root`."""
    split: Literal["dev", "test"] = "dev"
    """`dev.jsonl` or `test.jsonl`."""
    limit: int | None = None
    """Number of units (twins together) to measure, evenly spread; None: all."""
    batch_size: int | None = None
    """Most sentences in one forward pass; None: as many as memory allows. Halved when memory runs out."""

    def examine(self, model: Policy | RewardModel, data: Path, split: str) -> tuple[list[Example], list[str]]:
        """Scores a policy; one row is one sentence."""
        assert isinstance(model, Policy)
        items = read_sentences(find_data_file(data, f"{split}.jsonl"))
        units = list(dict.fromkeys(item["twins"] for item in items))
        kept, notes = apply_limit(units, self.limit, "twins")
        chosen_units = set(kept)
        chosen = [item for item in items if item["twins"] in chosen_units]
        examples = [
            {"split": split, **item, "log_p_1": first, "log_p_2": second}
            for item, (first, second) in score_items(model, chosen, _requests(model, chosen), self.batch_size)
        ]
        return examples, notes + too_long_notes(model, len(examples), len(chosen), "sentences")

    @classmethod
    def statistics(cls, examples: Sequence[Example]) -> Iterator[Statistic]:
        """All metrics; units are twins."""
        if not examples:
            return
        about: dict[str, Any] = {"split": examples[0]["split"], "unit": "twins", "ideal": 1.0}
        first = wins([row["log_p_1"] - row["log_p_2"] for row in examples])
        right = np.where([row["answer"] == "1" for row in examples], first, 1 - first)
        twins = [row["twins"] for row in examples]
        yield pool_clusters("accuracy", twins, right, chance=0.5, **about)
        by_unit: dict[str, list[float]] = {}
        for unit, value in zip(twins, right.tolist(), strict=True):
            by_unit.setdefault(unit, []).append(value)
        pairs = {unit: values for unit, values in by_unit.items() if len(values) == 2}
        if pairs:
            yield mean(
                "twin_accuracy", list(pairs), [np.prod(values) for values in pairs.values()], chance=0.25, **about
            )


class Item(msgspec.Struct, frozen=True):
    """One line of the data; `answer` is missing in the published test part."""

    qID: str
    sentence: str
    option1: str
    option2: str
    answer: str | None = None


def read_sentences(path: Path) -> list[Example]:
    """Reads the sentences of a file: the text before and after the blank, and the answer.

    Raises:
        UserError: a line is not a valid WinoGrande sentence, has no answer, or its answer differs from the label file.
    """
    items, _ = read_items(path, "", Item)
    labels = _read_labels(path, len(items))
    sentences = []
    for line, (item, label) in enumerate(zip(items, labels, strict=True), 1):
        answer = item.answer or label
        if answer is None:
            raise UserError(
                "the sentence has no answer; the published test part has no answers at all.",
                where=row_location(path, line),
                mend="Use the dev part: split: dev.",
            )
        if answer not in ANSWERS or label not in (None, answer):
            other = "" if label in (None, answer) else f", and '{label}' in {_labels_file(path).name}"
            raise UserError(f"the answer is '{answer}'{other}; expected '1' or '2'.", where=row_location(path, line))
        before, *after = item.sentence.split("_")
        if len(after) != 1 or not after[0].strip():
            raise UserError(
                "the sentence needs exactly one blank, written '_', and text after it.", where=row_location(path, line)
            )
        sentences.append(
            {
                "qID": item.qID,
                "twins": item.qID.rpartition("-")[0] or item.qID,
                "before": before,
                # One space, as in lm-eval: some sentences have two.
                "after": f" {after[0].strip()}" if after[0][0].isspace() else after[0].rstrip(),
                "option_1": item.option1,
                "option_2": item.option2,
                "answer": answer,
            }
        )
    return sentences


def _labels_file(path: Path) -> Path:
    return path.with_name(f"{path.stem}-labels.lst")


def _read_labels(path: Path, n: int) -> list[str | None]:
    """Reads the label file next to the sentences; n times None if it does not exist."""
    file = _labels_file(path)
    if not file.is_file():
        return [None] * n
    labels = file.read_text(encoding="utf-8").split()
    if len(labels) != n:
        raise UserError(f"the file has {len(labels)} labels, but {path.name} has {n} sentences.", where=str(file))
    return list(labels)


def _requests(policy: Policy, items: Sequence[Example]) -> list[Request]:
    """Requests for the text after the blank, given each option in the blank."""
    pairs = [(f"{item['before']}{item[f'option_{number}']}", item["after"]) for item in items for number in ANSWERS]
    return continuation_requests(policy, pairs)
