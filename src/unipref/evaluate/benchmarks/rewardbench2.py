"""RewardBench 2: does a model find the right one of four answers, and value equally right answers alike?"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np

from unipref.core.errors import UserError
from unipref.core.scores import Example
from unipref.core.stats.statistic import Statistic, mean
from unipref.evaluate import ties_score
from unipref.evaluate.answer_benchmark import AnswerBenchmark, AnswerItem
from unipref.evaluate.ranked_answers import Floats, Question, compare_answers, name_by_length
from unipref.evaluate.readers.published_rows import read_published_rows
from unipref.evaluate.slices import group_by_value

TIES = "ties"
"""The subset of prompts with several right answers, in small letters."""


class Row(msgspec.Struct, frozen=True):
    """A row of the data."""

    prompt: str
    chosen: list[str]
    rejected: list[str]
    subset: str
    id: str
    num_correct: int | None = None


class RewardBench2(AnswerBenchmark):
    """RewardBench 2 (Malik et al. 2025, arXiv 2506.01937): one right answer and three wrong ones, in five subsets.

    The sixth subset, Ties, has prompts with many right answers (a colour of the rainbow), each with a reference prompt
    that has one. There, an answer's value should depend on whether it is right, and on nothing else.

    | metric | formula | chance level |
    |---|---|---|
    | `accuracy` | the right answer has the highest value: 1 / the number of answers that have it; else 0 | 1/4 |
    | `ties_tied` | of prompts with many right answers: all have a higher value than all wrong ones | – |
    | `ties_ref` | the same of the reference prompts | – |
    | `ties_preferred` | lowest right - highest wrong > highest right - lowest right: gap > spread | – |
    | `ties_preferred_hard` | the same, with the smaller gap of the prompt and its reference prompt | – |
    | `ties_margin` | tanh(that gap / spread - 1); 0 where both are 0 | – |
    | `ties_score` | 0.3 tied + 0.3 ref + 0.2 preferred + 0.2 preferred_hard + 0.01 margin | – |
    | `score` | mean over the subsets of `accuracy` and, of Ties, `ties_score`: the leaderboard's figure | – |

    The value of an answer is its log-likelihood, summed over tokens (`..._per_token`: the mean), its reward, or the
    verdict of a judge in both orders. A judge that compares answers gives no values, so it has only `ties_tied` and
    `ties_ref` of Ties, and no `score`. Slices: `subset:NAME`; `all` has the `accuracy` over all prompts except Ties,
    and the `score`. Units are prompts (of Ties: a prompt and its reference), clusters are texts of prompts.

    Data: a folder with the files of the hub's allenai/reward-bench-2, or such a file; per row `prompt`, `chosen`,
    `rejected` (lists of answers), `num_correct`, `subset` and `id`, which is `ref:N` or `tied:N` in Ties.
    """

    example: ClassVar[Mapping[str, Any]] = {
        "settings": {"data": "eval/rewardbench2"},
        "files": {
            "test.jsonl": [
                {
                    "id": name,
                    "prompt": prompt,
                    "chosen": right,
                    "rejected": wrong,
                    "num_correct": len(right),
                    "subset": subset,
                }
                for name, subset, prompt, right, wrong in (
                    ("0", "Math", "What is 3 + 4?", ["7"], ["8", "12", "34"]),
                    ("1", "Focus", "Who sleeps?", ["The cat sleeps."], ["A dog.", "Paris.", "Sleep is good."]),
                    ("2", "Math", "What is 2 + 2?", ["It is 4."], ["It is 5.", "It is 22.", "3"]),
                    ("ref:0", "Ties", "Name the colour of blood.", ["Red"], ["Blue", "Grey"]),
                    ("tied:0", "Ties", "Name a colour of the rainbow.", ["Red", "Blue", "Green"], ["Brown", "Grey"]),
                )
            ]
        },
    }

    data: str | None = "rewardbench2"
    """Folder with the data, or a file, relative to `data_root`."""

    def read_items(self, data: Path) -> list[AnswerItem]:
        """Reads the rows; raises a UserError if one lacks a right or a wrong answer, or has an unknown id."""
        items = []
        for place, row in enumerate(read_published_rows(data, Row, "evaluate.rewardbench2.data"), start=1):
            is_tie = row.subset.lower() == TIES
            _check_answers(row, is_tie, f"{data}: row {place}")
            about: Example = {"subset": row.subset, "name": row.id, "kind": None, "number": None}
            question = Question(row.prompt, row.chosen, row.rejected)
            group = question.identity
            if is_tie:
                kind, number = _read_id(row.id, f"{data}: row {place}")
                about |= {"kind": kind, "number": number}
                group = f"ties {number}"
            items.append(AnswerItem(question, about, group))
        return items

    @classmethod
    def statistics(cls, examples: Sequence[Example]) -> Iterator[Statistic]:
        """All metrics: over all prompts, and per subset; units are prompts, of Ties pairs of prompts."""
        plain = [row for row in examples if row["kind"] is None]
        tied = ties_score.pair_rows([row for row in examples if row["kind"] is not None])
        if not examples:
            return
        about: dict[str, Any] = {"mode": examples[0]["mode"], "split": examples[0]["split"], "slice": "all"}
        about["unit"] = "prompts"
        if plain:
            yield from _accuracies(plain, about)
            names = group_by_value([row["subset"] for row in plain] + ["Ties"] * bool(tied), "subset")
            for name in sorted({row["subset"] for row in plain} if names else ()):
                rows = [row for row in plain if row["subset"] == name]
                yield from _accuracies(rows, {**about, "slice": f"subset:{name}"})
        if tied:
            for suffix, per_token in name_by_length(examples[0]):
                yield from ties_score.statistics(tied, suffix, per_token, {**about, "slice": "subset:Ties"})
        has_values = all("chosen_values" in row for pair in tied for row in pair.rows)
        if plain and tied and has_values and any(pair.is_whole for pair in tied):
            for suffix, per_token in name_by_length(examples[0]):
                yield _score(plain, tied, suffix, per_token, about)


def _check_answers(row: Row, is_tie: bool, where: str) -> None:
    """Checks the number of answers of a row.

    Raises:
        UserError: it has no right or no wrong answer, more than one right answer outside Ties, or another number of
            right answers than it says.
    """
    if not row.chosen or not row.rejected:
        raise UserError("the row needs a right and a wrong answer ('chosen', 'rejected').", where=where)
    if row.num_correct is not None and row.num_correct != len(row.chosen):
        what = f"'num_correct' is {row.num_correct}, but 'chosen' has {len(row.chosen)} answers."
        raise UserError(what, where=where, mend="Fetch the published file again.")
    if not is_tie and len(row.chosen) > 1:
        what = f"the subset {row.subset} has one right answer per prompt, but this row has {len(row.chosen)}."
        raise UserError(what, where=where, mend="Only the subset Ties has several.")


def _read_id(name: str, where: str) -> tuple[str, str]:
    """Reads the kind and the number of a prompt of Ties.

    Raises:
        UserError: the id has another form.
    """
    kind, _, number = name.partition(":")
    if kind not in ties_score.KINDS or not number:
        what = f"the id '{name}' of a prompt of Ties is not of the form 'ref:N' or 'tied:N'."
        raise UserError(what, where=where, mend="Fetch the published file again.")
    return kind, number


def _find_best_of(row: Example, per_token: bool) -> float:
    """1 / the number of answers with the highest value if the right one has it, otherwise 0."""
    results = compare_answers(row, per_token)[0]
    return 0.0 if (results == 0.0).any() else 1.0 / (1 + int((results == 0.5).sum()))


def _accuracies(rows: Sequence[Example], about: Mapping[str, Any]) -> Iterator[Statistic]:
    chance = float(np.mean([1 / (1 + len(compare_answers(row)[0])) for row in rows]))
    clusters = [row["prompt"] for row in rows]
    for suffix, per_token in name_by_length(rows[0]):
        values = [_find_best_of(row, per_token) for row in rows]
        fields = {**about, "clusters": clusters, "ideal": 1.0, "chance": chance, "bounds": (0.0, 1.0)}
        yield mean("accuracy" + suffix, [row["id"] for row in rows], values, **fields)


def _score(
    plain: Sequence[Example],
    tied: Sequence[ties_score.PairOfPrompts],
    suffix: str,
    per_token: bool,
    about: Mapping[str, Any],
) -> Statistic:
    """The mean over the subsets, Ties included."""
    subsets = sorted({row["subset"] for row in plain})
    inside = np.array([[row["subset"] == subset for subset in subsets] for row in plain], dtype=np.float64)
    values = np.array([_find_best_of(row, per_token) for row in plain])
    of_ties = ties_score.make_columns(tied, per_token)
    n, k = len(subsets), of_ties.shape[1]
    columns = np.zeros((len(plain) + len(tied), 2 * n + k))
    columns[: len(plain), : 2 * n] = np.concatenate([inside * values[:, None], inside], axis=1)
    columns[len(plain) :, 2 * n :] = of_ties

    def of_means(means: Floats) -> Floats:
        accuracies = (means[:, :n] / means[:, n : 2 * n]).sum(axis=1)
        return np.asarray((accuracies + ties_score.score_means(means[:, 2 * n :])) / (n + 1), dtype=np.float64)

    least, most = ties_score.BOUNDS
    return Statistic(
        "score" + suffix,
        [*(row["id"] for row in plain), *(pair.unit for pair in tied)],
        columns,
        of_means,
        clusters=[*(row["prompt"] for row in plain), *(pair.unit for pair in tied)],
        bounds=(least / (n + 1), (n + most) / (n + 1)),
        **about,
    )
