"""Scorers that use a model: texts are read as a stream, and each text's number is cached on disk."""

import abc
import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from unipref.core.candidates import Candidates, Dialogue
from unipref.core.contracts import Scorer
from unipref.core.errors import UserError
from unipref.core.text_keys import digest, join_turns
from unipref.models.text_cache import Shown, compute_cached, make_folder_name

if TYPE_CHECKING:
    import numpy.typing as npt

    from unipref.core.chat_models import Policy, RewardModel

DIALOGUES_AT_ONCE = 256
"""New dialogues that are scored and cached together; sequences of similar length share a forward pass."""


class ModelScorer(Scorer):
    """A scorer that scores each dialogue with a model.

    Numbers are cached by text, model and settings in the run's folder `cache/scores`: they are computed once for all
    strategies, variants and seeds, and a killed run resumes where it stopped.
    """

    reading: ClassVar[frozenset[str]] = frozenset()
    """Settings that only change how the numbers are read: changing them does not need the model again."""

    batch_size: int = Field(default=32, ge=1)
    """Most sequences in one forward pass; it does not change the numbers beyond rounding."""

    @abc.abstractmethod
    def find_model(self, default: str | None) -> str:
        """Finds the model's folder or hub name; arguments and errors as in `Scorer.models`."""

    @abc.abstractmethod
    def load(self, name: str) -> Any:
        """Loads the model; called only if the cache lacks a dialogue."""

    @abc.abstractmethod
    def judge(self, model: Any, dialogues: Sequence[Dialogue]) -> "npt.NDArray[Any]":
        """Computes (k,) numbers of k dialogues, NaN if one is longer than the model's context or lacks an answer.

        A scorer with its own `score` may compute several numbers of each dialogue: (k, d).
        """

    def read(self, numbers: "npt.NDArray[np.float64]") -> "npt.NDArray[np.float64]":
        """Converts the numbers to scores, the higher the better."""
        return numbers

    def models(self, default: str | None) -> list[str]:
        """The model it uses."""
        return [self.find_model(default)]

    def score(self, candidates: Candidates) -> "npt.NDArray[np.float64]":
        """Scores all dialogues, with numbers from the model or the cache."""
        numbers = self.compute_numbers(candidates)
        return self.read(numbers[:, 0].astype(np.float64))

    def compute_numbers(self, candidates: Candidates) -> "npt.NDArray[Any]":
        """Computes (n, d) numbers of n dialogues: what `judge` computes, d being 1 if that is one number each."""
        name = self.find_model(candidates.model)
        model = functools.cache(lambda: self.load(name))

        def compute(batch: list[Dialogue]) -> "npt.NDArray[Any]":
            return self.judge(model(), batch).reshape(len(batch), -1)

        if candidates.cache is None:
            parts = [compute(batch) for batch in candidates.texts() if batch]
            return np.concatenate(parts) if parts else np.zeros((0, 1))
        from unipref.core import registry
        from unipref.core.hashing import code_key
        from unipref.models.loading import model_key

        code = [code_key(__name__, *registry.code_modules(self)), registry.cache_identity(self).get("code")]
        settings = self.model_dump(exclude={"weight", "model", "batch_size", *self.reading}, mode="json")
        folder = make_folder_name(self.name(), repr([self.name(), model_key(name), settings, code]))
        place = candidates.cache / "scores" / folder
        shown = Shown(f"scoring with {self.name()}", len(candidates.ids), "rows")
        elsewhere = functools.partial(_judge_elsewhere, self, name)
        return compute_cached(candidates.texts(), dialogue_key, compute, place, DIALOGUES_AT_ONCE, shown, elsewhere)


_loaded: tuple[tuple[str, str, str], Any] | None = None
"""What the last task of an engine in this process loaded: scorer, model and settings, and the model."""


def _judge_elsewhere(scorer: ModelScorer, name: str, batch: list[Dialogue]) -> "npt.NDArray[Any]":
    """Computes numbers in a process of an engine, which keeps the model for its next task."""
    global _loaded
    key = (scorer.name(), name, scorer.model_dump_json())
    if _loaded is None or _loaded[0] != key:
        _loaded = None  # frees the model before the next one is loaded
        _loaded = key, scorer.load(name)
    return scorer.judge(_loaded[1], batch).reshape(len(batch), -1)


class PolicyScorer(ModelScorer):
    """A scorer that uses a language model's likelihood of answers."""

    model: str | None = None
    """Folder or hub name of the language model; null: the study's."""

    def find_model(self, default: str | None) -> str:
        """The named model, or the study's."""
        return check_model(self.model or default, self.name(), is_reward=False)

    def load(self, name: str) -> "Policy":
        """Loads the language model."""
        from unipref.models.loading import load_policy

        return load_policy(name)


class RewardScorer(ModelScorer):
    """A scorer that uses a reward model."""

    model: str
    """Folder or hub name of the reward model (a sequence classifier with one label)."""

    def find_model(self, default: str | None) -> str:
        """The named model."""
        return check_model(self.model, self.name(), is_reward=True)

    def load(self, name: str) -> "RewardModel":
        """Loads the reward model."""
        from unipref.models.loading import load_reward_model

        return load_reward_model(name)


def score_pairs(
    dialogues: Sequence[Dialogue], judge: "Callable[[list[Dialogue]], npt.NDArray[np.float64]]"
) -> "npt.NDArray[np.float64]":
    """Scores the dialogues that have both answers; NaN for the others."""
    numbers = np.full(len(dialogues), np.nan)
    pairs = [i for i, dialogue in enumerate(dialogues) if dialogue.chosen and dialogue.rejected]
    if pairs:
        numbers[pairs] = judge([dialogues[i] for i in pairs])
    return numbers


def dialogue_key(dialogue: Dialogue) -> str:
    """The key of a dialogue's texts in the cache."""
    return digest(*(join_turns(side) for side in dialogue))


def check_model(name: str | None, scorer: str, is_reward: bool) -> str:
    """Checks that a scorer's model exists and is of the right kind, and returns its name."""
    from unipref.models.loading import check_name, is_folder, is_reward_model

    where = f"select.quality.{scorer}.model"
    if name is None:
        raise UserError(
            "this scorer needs a model, but the study has none.",
            where=where,
            mend="Set the study's 'model', or the scorer's own.",
        )
    check_name(name)
    if is_folder(name) and is_reward_model(name) != is_reward:
        kinds = ("a language model", "a reward model")
        raise UserError(f"this scorer needs {kinds[is_reward]}, but {name} is {kinds[not is_reward]}.", where=where)
    return name
