"""The reward that reinforcement learning is given, and how far it can be trusted.

A reward model is trained on whole dialogues that end in eos, so it has to be asked for those. TRL's own scoring of a
reward model leaves eos out where prompts are plain text: the same model fell from 0.78 to 0.60 accuracy. Here the
reward of an answer is `inference.rewards` of the dialogue, the very number that the evaluation sees.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unipref.inference import rewards
from unipref.intervals import wilson
from unipref.models import RewardModel
from unipref.records import Messages

PAIRS_AT_MOST = 1000
"""More pairs than this tell little more: the interval is then 0.06 wide at most."""
PAIRS_AT_LEAST = 30
"""Below this the interval is so wide that it says nothing about the reward model."""
LOWEST = -10.0
"""The reward of an unfinished answer where no held-out pair shows the reward model's range."""


class DialogueReward:
    """A TRL reward function: the reward model's score of prompt and answer, ended with eos as in its training.

    Args:
        model: the reward model.
        unterminated: the reward of an answer that never ends, is empty or does not fit in the model's context: the
            reward model has never seen such a dialogue, so its score of one means nothing.
    """

    __name__ = "reward_model"

    def __init__(self, model: RewardModel, unterminated: float) -> None:
        self.model, self.unterminated = model, unterminated
        self.end_ids: Collection[int] = (model.tokenizer.eos_token_id,)
        """Token ids that end an answer; the policy may have more than one."""
        self.asked = self.unjudged = 0
        """Answers so far, and those of them that got the fixed reward."""

    def __call__(
        self, prompts: list[Messages], completions: list[Messages], completion_ids: list[list[int]], **_: Any
    ) -> list[float]:
        """The rewards of n answers; `completion_ids` end with the token that ended the answer, if any did."""
        answers = [completion[-1]["content"].strip() for completion in completions]
        ended = [
            bool(ids) and ids[-1] in self.end_ids and bool(a) for ids, a in zip(completion_ids, answers, strict=True)
        ]
        whole = [
            [*prompt, {"role": "assistant", "content": answer}]
            for prompt, answer, end in zip(prompts, answers, ended, strict=True)
            if end
        ]
        scores = iter(rewards(self.model, whole))  # type: ignore[arg-type]
        found = [float(next(scores)) if end else math.nan for end in ended]
        self.asked += len(found)
        self.unjudged += sum(map(math.isnan, found))
        return [self.unterminated if math.isnan(reward) else reward for reward in found]

    @property
    def unjudged_share(self) -> float:
        """Share of the answers that the reward model was not asked about."""
        return self.unjudged / max(1, self.asked)


@dataclass(frozen=True)
class HeldOut:
    """A reward model on held-out pairs.

    Attributes:
        n: pairs judged; accuracy: share with the higher reward on the chosen answer, ties count half.
        low, high: Wilson's 95 % interval of the accuracy.
        lowest: lowest reward given to any of the answers; spread: their standard deviation.
    """

    n: int
    accuracy: float | None
    low: float
    high: float
    lowest: float | None
    spread: float | None

    @property
    def weak(self) -> bool:
        """Whether it cannot be told from guessing though there are pairs enough to tell."""
        return self.n >= PAIRS_AT_LEAST and self.low <= 0.5

    def unterminated(self) -> float:
        """A reward below all that were seen, by one standard deviation."""
        return LOWEST if self.lowest is None or self.spread is None else self.lowest - self.spread

    def rows(self) -> dict[str, Any]:
        """The figures as they are recorded."""
        return asdict(self)


def held_out_accuracy(model: RewardModel, preferences: Path) -> HeldOut:
    """The reward model's accuracy on pairs it was not trained on, at most PAIRS_AT_MOST spread evenly over the file."""
    dialogues = _pairs(preferences)
    scores = rewards(model, dialogues).reshape(-1, 2)
    scores = scores[~np.isnan(scores).any(axis=1)]
    n = len(scores)
    if n == 0:
        return HeldOut(0, None, 0.0, 1.0, None, None)
    accuracy = float(np.mean(np.sign(scores[:, 0] - scores[:, 1]) / 2 + 0.5))
    low, high = wilson(accuracy * n, n)
    return HeldOut(n, accuracy, low, high, float(scores.min()), float(scores.std()))


def _pairs(preferences: Path) -> Sequence[Messages]:
    """Dialogues of the held-out pairs: chosen, rejected, chosen, rejected, ..."""
    import pyarrow.parquet as pq

    dialogues: list[Messages] = []
    if not preferences.is_file():
        return dialogues
    with pq.ParquetFile(preferences) as file:
        every = max(1, math.ceil(file.metadata.num_rows / PAIRS_AT_MOST))
        batches = file.iter_batches(512, columns=["prompt", "chosen", "rejected"])
        for i, row in enumerate(row for batch in batches for row in batch.to_pylist()):
            if i % every == 0 and row["chosen"] and row["rejected"]:
                dialogues += [row["prompt"] + row["chosen"], row["prompt"] + row["rejected"]]
    return dialogues
