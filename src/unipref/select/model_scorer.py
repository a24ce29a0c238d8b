"""Scorers that ask a model: the texts stream past, and each text's number is kept on disk."""

import abc
import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from unipref.core.candidates import Candidates, Dialogue
from unipref.core.contracts import Scorer
from unipref.core.errors import UserError
from unipref.core.text_keys import digest, flat
from unipref.select.text_cache import compute_cached, folder_name

if TYPE_CHECKING:
    import numpy.typing as npt

    from unipref.models.loading import Policy, RewardModel

DIALOGUES_AT_ONCE = 256
"""New dialogues that are scored and stored together; sequences of similar length share a forward pass."""


class AskingScorer(Scorer):
    """A scorer that asks a model about each dialogue.

    Numbers are kept by text, model and settings in the run's folder `cache/scores`: they are computed once, whatever
    strategies, variants and seeds use them, and a killed run goes on where it stopped.
    """

    reading: ClassVar[frozenset[str]] = frozenset()
    """Settings that only say how the numbers are read: with others of these, the model need not be asked again."""

    batch_size: int = Field(default=32, ge=1)
    """Most sequences in one forward pass; it does not change the numbers beyond rounding."""

    @abc.abstractmethod
    def asked(self, default: str | None) -> str:
        """The model's folder or hub name; arguments and errors as in `Scorer.models`."""

    @abc.abstractmethod
    def load(self, name: str) -> Any:
        """The model, loaded; called only when the cache lacks a dialogue."""

    @abc.abstractmethod
    def judge(self, model: Any, dialogues: Sequence[Dialogue]) -> "npt.NDArray[np.float64]":
        """(k,) numbers of k dialogues, NaN where one is longer than the model's context or lacks an answer."""

    def read(self, numbers: "npt.NDArray[np.float64]") -> "npt.NDArray[np.float64]":
        """The scores that the numbers stand for, the higher the better."""
        return numbers

    def models(self, default: str | None) -> list[str]:
        """The one it asks."""
        return [self.asked(default)]

    def score(self, candidates: Candidates) -> "npt.NDArray[np.float64]":
        """The numbers of all dialogues, computed or remembered."""
        name = self.asked(candidates.model)
        model = functools.cache(lambda: self.load(name))
        compute: Callable[[list[Dialogue]], Any] = lambda batch: self.judge(model(), batch)[:, None]  # noqa: E731
        if candidates.cache is None:
            parts = [compute(batch) for batch in candidates.texts()]
            return self.read(np.concatenate(parts)[:, 0]) if parts else np.zeros(0)
        from unipref.core import registry
        from unipref.core.hashing import code_key
        from unipref.models.loading import model_key

        code = [code_key(__name__, *registry.code_modules(self)), registry.cache_identity(self).get("code")]
        settings = self.model_dump(exclude={"weight", "model", "batch_size", *self.reading}, mode="json")
        folder = folder_name(self.name(), repr([self.name(), model_key(name), settings, code]))
        place = candidates.cache / "scores" / folder
        found = compute_cached(candidates.texts(), _key, compute, place, DIALOGUES_AT_ONCE)[:, 0]
        return self.read(found.astype(np.float64))


class PolicyScorer(AskingScorer):
    """A scorer that asks a language model how likely answers are."""

    model: str | None = None
    """Folder or hub name of the language model; null: the study's."""

    def asked(self, default: str | None) -> str:
        """The named model, or the study's."""
        return _checked(self.model or default, self.name(), reward=False)

    def load(self, name: str) -> "Policy":
        """The language model."""
        from unipref.models.loading import load_policy

        return load_policy(name)


class RewardScorer(AskingScorer):
    """A scorer that asks a reward model."""

    model: str
    """Folder or hub name of the reward model (a sequence classifier with one label)."""

    def asked(self, default: str | None) -> str:
        """The named model."""
        return _checked(self.model, self.name(), reward=True)

    def load(self, name: str) -> "RewardModel":
        """The reward model."""
        from unipref.models.loading import load_reward_model

        return load_reward_model(name)


def with_both(
    dialogues: Sequence[Dialogue], judge: "Callable[[list[Dialogue]], npt.NDArray[np.float64]]"
) -> "npt.NDArray[np.float64]":
    """Numbers of the dialogues that have both answers, NaN for the others."""
    found = np.full(len(dialogues), np.nan)
    whole = [i for i, dialogue in enumerate(dialogues) if dialogue.chosen and dialogue.rejected]
    if whole:
        found[whole] = judge([dialogues[i] for i in whole])
    return found


def _key(dialogue: Dialogue) -> str:
    return digest(*(flat(side) for side in dialogue))


def _checked(name: str | None, scorer: str, reward: bool) -> str:
    """The name of a model that is there and of the right kind."""
    from unipref.models.loading import check_name, is_folder, is_reward_model

    where = f"select.quality.{scorer}.model"
    if name is None:
        raise UserError("it asks a model, and there is none.", where=where, mend="Set the study's model, or its own.")
    check_name(name)
    if is_folder(name) and is_reward_model(name) != reward:
        kinds = ("a language model", "a reward model")
        raise UserError(f"it asks {kinds[reward]}, and {name} is {kinds[not reward]}.", where=where)
    return name
