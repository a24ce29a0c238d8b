"""Preference accuracy: how often a model ranks the chosen answer above the rejected one, on held-out preferences."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from unipref.core.chat_models import Policy, RewardModel
from unipref.core.contracts import SplitBenchmark
from unipref.core.scores import Example
from unipref.core.stats.statistic import Statistic, mean
from unipref.evaluate.held_out_pairs import WHAT, HeldOutPairs, Unscored, describe_pair, make_example_row
from unipref.evaluate.ranked_answers import LIKELIHOOD, REWARD, SIDES
from unipref.models.inference import answer_log_likelihoods, rewards


class PreferenceAccuracy(SplitBenchmark):
    """Share of held-out preferences that a model ranks as the annotators did; a tie counts half, chance is 0.5.

    | model | metric | formula, averaged over pairs |
    |---|---|---|
    | policy | `accuracy` | log p(chosen given prompt) > log p(rejected given prompt), summed over tokens |
    | policy | `accuracy_per_token` | the same, each divided by its number of tokens |
    | policy | `shorter_preferred`, `shorter_preferred_per_token` | the answer with fewer tokens wins; best 0.5 |
    | policy | `shorter_is_chosen` | the chosen answer has fewer tokens: what annotators prefer |
    | reward model | `accuracy` | reward(prompt, chosen) > reward(prompt, rejected) |
    | both | `ties` | the two values are equal; best 0 |

    An accuracy of 0.5 is chance or, with many ties, a model that cannot tell the answers apart. A policy's sums favour
    short answers, its means favour long answers that are easy to continue. So `shorter_preferred` stands beside them,
    over the pairs whose answers differ in length: far from `shorter_is_chosen`, an accuracy measures length. Answers
    are scored through the chat template, eos included. Of an answer with later user turns, only the assistant's turns
    are scored; a reward model reads the whole dialogue. Slices: all, each source (`source:NAME`), each objective
    (`objective:NAME`). Four kinds of preferences are skipped and counted: those with one side only, those with a
    dialogue that exceeds the model's context, those that the model's chat template refuses, and those with an answer
    without any token of the assistant.

    Data: a Parquet file of preferences; without `data`, the run's own split.
    """

    measures: ClassVar[frozenset[str]] = frozenset({"policy", "reward"})
    example: ClassVar[Mapping[str, Any]] = {
        "settings": {"split": "test"},
        "files": {
            "test.parquet": [
                make_example_row(name, "Who was late?", chosen, rejected, objective=objective)
                for name, chosen, rejected, objective in (
                    ("a", "The nurse.", "Nurse late who?", "instruction"),
                    ("b", "That is not said.", "She was, of course.", "bias"),
                    ("c", "The guard was.", "What?", "instruction"),
                )
            ]
        },
    }
    dialogue: ClassVar[bool] = True
    fallback_metric: ClassVar[str | None] = "accuracy_per_token"

    split: Literal["test", "dev"] = "test"
    """Which of the run's splits; in a folder of `data`, `test.parquet` or `dev.parquet`."""
    limit: int | None = None
    """Number of rows to measure, evenly spread over the file; None: all."""
    batch_size: int = 32
    """Maximum number of sequences in one forward pass."""

    def examine(self, model: Policy | RewardModel, data: Path, split: str) -> tuple[list[Example], list[str]]:
        """Scores a policy or a reward model; one row is one preference."""
        read, unscored = HeldOutPairs(data, split, self.limit), Unscored(model)
        examples: list[Example] = []
        one_sided = later_turns = 0
        about = {"mode": REWARD if isinstance(model, RewardModel) else LIKELIHOOD, "split": split}
        for rows in read.read(("objective",), 16 * self.batch_size):
            pairs = [row for row in rows if row["chosen"] and row["rejected"]]
            one_sided += len(rows) - len(pairs)
            later_turns += sum(_has_later_user_turn(row) for row in pairs)
            for row, scored in zip(pairs, self._score(model, pairs), strict=True):
                if np.isnan([scored["chosen_value"], scored["rejected_value"]]).any():
                    unscored.add(row, [scored[key] for key in ("chosen_tokens", "rejected_tokens") if key in scored])
                else:
                    examples.append({**about, **scored})
        notes = list(read.notes)
        if one_sided:
            notes.append(f"{one_sided} of {read.total} {WHAT} skipped: they have only one side.")
        notes += unscored.notes(read.total)
        if later_turns and not isinstance(model, RewardModel):
            notes.append(
                f"{later_turns} of {read.total} {WHAT} have a later user turn in an answer: it is not scored, only "
                "what the assistant wrote."
            )
        return examples, notes

    @classmethod
    def statistics(cls, examples: Sequence[Example]) -> Iterator[Statistic]:
        """All metrics: over all pairs, per source and per objective; units are pairs, in clusters of one prompt."""
        slices = {"all": list(examples)} if examples else {}
        for key in ("source", "objective"):
            for value in sorted({example[key] for example in examples}):
                slices[f"{key}:{value}"] = [example for example in examples if example[key] == value]
        for name, rows in slices.items():
            yield from _statistics(name, rows)

    def _score(self, model: Policy | RewardModel, rows: Sequence[Mapping[str, Any]]) -> list[Example]:
        """Scores both sides: sums of log p and numbers of tokens, or rewards; NaN if too long."""
        about = [{**describe_pair(row), "objective": row["objective"]} for row in rows]
        if isinstance(model, RewardModel):
            dialogues = [[*row["prompt"], *row[side]] for row in rows for side in SIDES]
            values = rewards(model, dialogues, self.batch_size).reshape(-1, 2).tolist()
            return [a | {"chosen_value": c, "rejected_value": r} for a, (c, r) in zip(about, values, strict=True)]
        answers = [(row["prompt"], row[side]) for row in rows for side in SIDES]
        sums, tokens = answer_log_likelihoods(model, answers, self.batch_size)
        table = zip(about, sums.reshape(-1, 2).tolist(), tokens.reshape(-1, 2).tolist(), strict=True)
        return [
            a | {"chosen_value": c, "rejected_value": r, "chosen_tokens": n, "rejected_tokens": m}
            for a, (c, r), (n, m) in table
        ]


def _has_later_user_turn(row: Mapping[str, Any]) -> bool:
    return any(message["role"] != "assistant" for side in SIDES for message in row[side])


def _statistics(name: str, rows: Sequence[Example]) -> Iterator[Statistic]:
    about: dict[str, Any] = {"mode": rows[0]["mode"], "split": rows[0]["split"], "slice": name}
    about |= {"ideal": 1.0, "chance": 0.5, "unit": "pairs"}
    ids = [row["id"] for row in rows]
    # Tables of earlier versions name no prompts.
    prompts = [str(row.get("prompt", row["id"])) for row in rows]
    about["clusters"] = prompts
    yield mean("accuracy", ids, [_rank(r["chosen_value"], r["rejected_value"]) for r in rows], **about)
    means: list[list[float]] = []
    if "chosen_tokens" in rows[0]:
        # Tables of earlier versions hold answers without a token: avoid a division by 0.
        means = [[row[f"{side}_value"] / max(row[f"{side}_tokens"], 1) for side in SIDES] for row in rows]
        yield mean("accuracy_per_token", ids, [_rank(*pair) for pair in means], **about)
    tied = [row["chosen_value"] == row["rejected_value"] for row in rows]
    yield mean("ties", ids, tied, **about | {"direction": "lower", "ideal": 0.0, "chance": None})
    if means:
        yield from _length_bias(rows, means, about)


def _length_bias(
    rows: Sequence[Example], means: Sequence[Sequence[float]], about: Mapping[str, Any]
) -> Iterator[Statistic]:
    """How often the shorter answer wins by sums and by means, and how often it is the chosen one."""
    places = [at for at, row in enumerate(rows) if row["chosen_tokens"] != row["rejected_tokens"]]
    if not places:
        return
    own = [rows[at] for at in places]
    chosen_is_shorter = [float(row["chosen_tokens"] < row["rejected_tokens"]) for row in own]
    ids, prompts = [row["id"] for row in own], [about["clusters"][at] for at in places]
    half: dict[str, Any] = {**about, "clusters": prompts, "direction": "ideal", "ideal": 0.5, "chance": None}
    for metric, ranks in (
        ("shorter_preferred", [_rank(row["chosen_value"], row["rejected_value"]) for row in own]),
        ("shorter_preferred_per_token", [_rank(*means[at]) for at in places]),
        ("shorter_is_chosen", [1.0] * len(own)),
    ):
        wins = [rank if shorter else 1 - rank for rank, shorter in zip(ranks, chosen_is_shorter, strict=True)]
        yield mean(metric, ids, wins, **half)


def _rank(chosen: float, rejected: float) -> float:
    """1 if the chosen answer has the higher value, 0 if the lower, 0.5 for a tie."""
    return 0.5 if chosen == rejected else float(chosen > rejected)
