"""The base class of judges that score each answer by itself and compare the scores."""

import abc
import functools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import Field

from unipref.core.chat_models import Policy, RewardModel
from unipref.core.contracts import Judge, JudgeJob, Opinion, PairToJudge, Vote
from unipref.core.records import Messages
from unipref.models import loading

Scored = tuple[Messages, str, bool]
"""A prompt, an answer, and whether the policy ended it."""


class ScoringJudge(Judge):
    """A judge that gives each answer a score; the higher one is better."""

    tie_within: float = Field(default=0.0, ge=0.0)
    """Largest difference of two scores that is a tie."""

    @abc.abstractmethod
    def score(self, answers: Sequence[Scored], job: JudgeJob) -> list[float | None]:
        """Scores answers; None for those that it cannot score."""

    def judge(self, pairs: Sequence[PairToJudge], job: JudgeJob) -> Iterator[list[Opinion]]:
        """Scores each answer once, and compares the scores of each pair.

        The chunks begin at multiples of `chunk`, wherever an earlier run stopped, so that scores are rounded alike.
        """
        for start in range(0, len(pairs), self.chunk):
            yield from self._judge_chunk(pairs[start : start + self.chunk], job)

    def _judge_chunk(self, pairs: Sequence[PairToJudge], job: JudgeJob) -> Iterator[list[Opinion]]:
        sides = [
            side
            for pair in pairs
            for side in ((pair.prompt, pair.first, pair.first_ended), (pair.prompt, pair.second, pair.second_ended))
        ]
        distinct = {_identify(side): side for side in sides}
        scores = dict(zip(distinct, self.score(list(distinct.values()), job), strict=True))
        for number in range(len(pairs)):
            first, second = (scores[_identify(side)] for side in sides[2 * number : 2 * number + 2])
            yield [self._compare(first, second)]

    def _compare(self, first: float | None, second: float | None) -> Opinion:
        if first is None or second is None or math.isnan(first) or math.isnan(second):
            return Opinion(None, why_not="it has no score for one of the answers")
        # The difference of two equal infinite scores is not a number.
        is_tie = first == second or abs(first - second) <= self.tie_within
        vote: Vote = "first" if first > second else "second"
        return Opinion("tie" if is_tie else vote, scores=(first, second))


def _identify(side: Scored) -> tuple[str, str, bool]:
    prompt, text, ended = side
    return repr(prompt), text, ended


@functools.lru_cache(maxsize=2)
def load_policy(model: str) -> Policy:
    """Loads a language model in float32; the last two stay in memory, as a judge is called once per chunk."""
    return loading.load_policy(model, "float32")


@functools.lru_cache(maxsize=1)
def load_reward_model(model: str) -> RewardModel:
    """Loads a reward model in float32; the last one stays in memory."""
    return loading.load_reward_model(model, "float32")


def unload_models() -> None:
    """Frees the memory of judges' models."""
    load_policy.cache_clear()
    load_reward_model.cache_clear()


def resolve_model(model: str, data_root: Path) -> str:
    """Returns a model folder or file relative to the data as an absolute path; a hub name as it is."""
    path = data_root / Path(model).expanduser()
    return str(path) if path.exists() else model


def model_identity(model: str, data_root: Path) -> str:
    """Returns what identifies the content of a model."""
    return loading.model_key(resolve_model(model, data_root))
