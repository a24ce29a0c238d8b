"""Whether the study's model can be trained at all: it loads, gives numbers, and its template says what is meant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unipref.core.errors import UserError
from unipref.core.records import Messages, Row
from unipref.core.stats.wilson import wilson
from unipref.models.inference import answer_log_likelihoods, rewards
from unipref.models.loading import RewardModel, is_reward_model, load_policy, load_reward_model

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PAIRS = 100
"""Pairs on which the model's own preference accuracy is found: its interval is then 0.2 wide at most."""
RENDERED = 50
"""Dialogues that are put through the template."""


@dataclass(frozen=True)
class Accuracy:
    """How often a model ranks the chosen answer first: by summed log-likelihood, or by reward.

    Attributes:
        n: pairs that fit in its context; accuracy: ties count half, None without pairs; low, high: Wilson's 95 %.
    """

    n: int
    accuracy: float | None
    low: float
    high: float

    def said(self, of: str) -> str:
        """In words."""
        if self.accuracy is None:
            return f"no pair in {of} to ask the model about"
        return f"{self.accuracy:.3f} [{self.low:.3f}, {self.high:.3f}] on {self.n} pairs of {of}"


def own_accuracy(name: str, pairs: Sequence[Row]) -> Accuracy:
    """The model's preference accuracy before any training; the model is loaded for it.

    Raises:
        UserError: the model cannot be loaded, or gives no numbers.
    """
    import numpy as np

    model = load_reward_model(name) if is_reward_model(name) else load_policy(name)
    if isinstance(model, RewardModel):
        dialogues = [row["prompt"] + row[side] for row in pairs for side in ("chosen", "rejected")]
        values = rewards(model, dialogues)
    else:
        answers = [(row["prompt"], row[side]) for row in pairs for side in ("chosen", "rejected")]
        values, _ = answer_log_likelihoods(model, answers) if answers else (np.empty(0), None)
    gaps = np.diff(values.reshape(-1, 2), axis=1)[:, 0]
    gaps = gaps[~np.isnan(gaps)]
    if not len(gaps):
        return Accuracy(0, None, 0.0, 1.0)
    share = float(np.mean(np.sign(-gaps) / 2 + 0.5))
    return Accuracy(len(gaps), round(share, 4), *(round(bound, 4) for bound in wilson(share * len(gaps), len(gaps))))


def check_template(tokenizer: "PreTrainedTokenizerBase", rows: Sequence[Row], where: str) -> list[str]:
    """What is to be said of the chat template, on real dialogues.

    Args:
        tokenizer: with its template.
        rows: preferences.
        where: the model's name, for errors.

    Raises:
        UserError: the template loses answers, or refuses every dialogue.
    """
    from jinja2 import TemplateError

    dialogues = [(row["prompt"], row["chosen"] or row["rejected"]) for row in rows[:RENDERED]]
    lost = unended = otherwise = refused = 0
    fault = ""
    for prompt, answer in dialogues:
        try:
            whole = _rendered(tokenizer, [*prompt, *answer])
            before = _rendered(tokenizer, prompt, add_generation_prompt=True)
        except TemplateError as error:
            refused, fault = refused + 1, str(error)
            continue
        content = answer[-1]["content"].strip()
        lost += content not in whole
        unended += bool(content) and _end(tokenizer, whole[whole.rfind(content) + len(content) :])
        otherwise += not whole.startswith(before)
    n = len(dialogues)
    mend = "Give the tokenizer a chat template that renders roles and contents, or remove it to get unipref's own."
    if n and refused == n:
        raise UserError(f"the chat template refuses every dialogue: {fault}", where=where, mend=mend)
    if lost:
        raise UserError(f"the chat template leaves out the answer of {lost} of {n} dialogues.", where=where, mend=mend)
    said = []
    if unended:
        said.append(
            f"the chat template puts no {tokenizer.eos_token} after {unended} of {n} answers: the model is not taught "
            "where to end"
        )
    if otherwise:
        said.append(
            f"the chat template renders {otherwise} of {n} prompts otherwise when an answer follows: what is learnt "
            "may begin a few tokens too early or late"
        )
    return said


def _rendered(tokenizer: "PreTrainedTokenizerBase", messages: Messages, **options: Any) -> str:
    return str(tokenizer.apply_chat_template(list(messages), tokenize=False, **options))


def _end(tokenizer: "PreTrainedTokenizerBase", tail: str) -> bool:
    """Whether what follows an answer lacks the end."""
    return str(tokenizer.eos_token) not in tail
