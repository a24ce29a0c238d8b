"""Checks whether the study's model can be trained: it loads, returns numbers, and its chat template is sound."""

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unipref.core.chat_models import Policy, RefusedDialogue, RewardModel, render
from unipref.core.errors import UserError, first_line
from unipref.core.records import Messages, Row
from unipref.core.special_tokens import keeps_as_text
from unipref.core.stats.sampling import sample_evenly
from unipref.core.stats.wilson import wilson
from unipref.core.template_turns import takes_images
from unipref.models.inference import all_answer_tokens, answer_log_likelihoods, rewards
from unipref.models.loading import is_reward_model, load_policy, load_reward_model, set_threads

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from transformers import PreTrainedTokenizerBase

PAIRS = 100
"""Pairs for measuring the model's own preference accuracy; its interval is then at most 0.2 wide."""
TEMPLATE_ROWS = 50
"""Dialogues that are rendered to check the chat template."""


@dataclass(frozen=True)
class Accuracy:
    """How often a model ranks the chosen answer first: by summed log-likelihood, or by reward.

    Attributes:
        n: pairs that fit in its context; accuracy: ties count half, None without pairs; low, high: Wilson's 95 %.
        shortest: whether only the shortest pairs were asked about, to save time.
    """

    n: int
    accuracy: float | None
    low: float
    high: float
    shortest: bool = False

    def describe(self, data_name: str, has_pairs: bool) -> str:
        """Describes the accuracy on the named data, which has pairs or none, in words."""
        if not has_pairs:
            return f"unknown: no pair in {data_name}"
        if self.accuracy is None:
            return f"unknown: no pair of {data_name} fits in the model's context"
        return f"{self.accuracy:.3f} [{self.low:.3f}, {self.high:.3f}] on {self.name_pairs(data_name)}"

    def name_pairs(self, data_name: str) -> str:
        """Names the pairs: how many of which data."""
        return f"the {self.n} shortest pairs of {data_name}" if self.shortest else f"{self.n} pairs of {data_name}"


MOST_WORK = 1.6e11
"""Weights times tokens that a CPU is asked for: 8 seconds at 20e9 a second, as one core did on 134.5 M weights."""
LETTERS_PER_TOKEN, FEWEST = 3, 8


def measure_own_accuracy(
    name: str, pairs: Sequence[Row], demonstrations: Sequence[Row] = ()
) -> tuple[Accuracy, float | None]:
    """Loads the model and measures its preference accuracy before any training.

    Args:
        name: folder or hub name.
        pairs: preferences with both answers.
        demonstrations: preferences with a chosen answer; their answers are read if there are no pairs.

    Returns:
        The accuracy, and the tokens that the model reads in a second, on a CPU in float32; None if they are not known.

    Raises:
        UserError: the model cannot be loaded, or returns values that are not numbers.
    """
    import numpy as np
    import torch

    model = load_reward_model(name) if is_reward_model(name) else load_policy(name)
    pairs, shortest = sample_affordable(pairs, model.model.num_parameters(), model.model.device.type)
    set_threads()  # as a training step does
    speed = None
    if isinstance(model, RewardModel):
        dialogues = [row["prompt"] + row[side] for row in pairs for side in ("chosen", "rejected")]
        values = rewards(model, dialogues)
    else:
        answers = [(row["prompt"], row[side]) for row in pairs for side in ("chosen", "rejected")]
        answers = answers or [(row["prompt"], row["chosen"]) for row in _choose_shortest(demonstrations)]
        values = np.empty(0)
        if answers:
            values, speed = _time_reading(model, answers)
            if model.model.device.type == "cpu" and model.model.dtype != torch.float32:
                # A step on a CPU trains in float32, unless its settings say otherwise. A CPU can read bfloat16 three
                # times as fast, which would make the estimate of the step's time that much too low.
                model.model.float()
                few = [answers[at] for at in sample_evenly(len(answers), FEWEST)]
                _, speed = _time_reading(model, few)
        values = values if pairs else np.empty(0)
    gaps = np.diff(values.reshape(-1, 2), axis=1)[:, 0]
    gaps = gaps[~np.isnan(gaps)]
    if not len(gaps):
        return Accuracy(0, None, 0.0, 1.0), speed
    share = float(np.mean(np.sign(-gaps) / 2 + 0.5))
    low, high = (round(bound, 4) for bound in wilson(share * len(gaps), len(gaps)))
    return Accuracy(len(gaps), round(share, 4), low, high, shortest), speed


def _time_reading(
    policy: Policy, answers: Sequence[tuple[Messages, Messages]]
) -> "tuple[npt.NDArray[np.float64], float]":
    """Returns the log-likelihoods of answers, and the tokens that the policy read in a second."""
    began = time.perf_counter()
    values, _ = answer_log_likelihoods(policy, answers)
    return values, _count_tokens(policy, answers) / (time.perf_counter() - began)


def _count_tokens(policy: Policy, answers: Sequence[tuple[Messages, Messages]]) -> int:
    """Counts the tokens that a policy reads to score answers; a prompt that neighbours share is read once."""
    try:
        ids = [dialogue.ids for dialogue in all_answer_tokens(policy, answers)]
    except RefusedDialogue:
        return 0
    shared = (_count_shared(one, other) for one, other in itertools.pairwise(ids))
    return sum(map(len, ids)) - sum(shared)


def _count_shared(one: Sequence[int], other: Sequence[int]) -> int:
    """Counts the tokens at the start that two texts share."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def sample_affordable(pairs: Sequence[Row], parameters: int, device: str) -> tuple[Sequence[Row], bool]:
    """Chooses as many of the pairs, evenly spread, as a CPU can ask a model about in some 8 seconds.

    If these are fewer than FEWEST, it chooses the FEWEST shortest ones.

    Args:
        pairs: preferences with both answers.
        parameters: number of the model's weights.
        device: type of the model's device; an accelerator is asked about all pairs.

    Returns:
        The chosen pairs, and whether they are the shortest ones.
    """
    if device != "cpu" or not pairs:
        return pairs, False
    sizes = list(map(_count_letters, pairs))
    work = parameters * sum(sizes) / LETTERS_PER_TOKEN
    n = min(len(pairs), int(len(pairs) * MOST_WORK / max(work, 1.0)))
    if n < min(FEWEST, len(pairs)):
        return _choose_shortest(pairs), True
    return [pairs[at * len(pairs) // n] for at in range(n)], False


def _choose_shortest(rows: Sequence[Row]) -> list[Row]:
    """The FEWEST shortest rows, in order."""
    sizes = list(map(_count_letters, rows))
    return [rows[at] for at in sorted(sorted(range(len(rows)), key=lambda at: (sizes[at], at))[:FEWEST])]


def _count_letters(row: Row) -> int:
    sides = (row[side] or () for side in ("prompt", "chosen", "rejected"))
    return sum(len(str(message["content"])) for turns in sides for message in turns)


def check_template(tokenizer: "PreTrainedTokenizerBase", rows: Sequence[Row], where: str) -> list[str]:
    """Checks the chat template on real dialogues, and returns warnings.

    Args:
        tokenizer: with its chat template.
        rows: preferences.
        where: the model's name, for errors.

    Raises:
        UserError: the template loses answers, or refuses every dialogue.
    """
    dialogues = [(row["prompt"], row["chosen"] or row["rejected"]) for row in rows[:TEMPLATE_ROWS]]
    with_images = takes_images(tokenizer) and not keeps_as_text(tokenizer)
    lost = without_eos = changed_prompts = refused = 0
    message = ""
    for prompt, answer in dialogues:
        try:
            whole = render(tokenizer, [*prompt, *answer], with_images=with_images)
            before = render(tokenizer, prompt, to_answer=True, with_images=with_images)
        except RefusedDialogue as error:
            refused, message = refused + 1, first_line(error.__cause__ or error)
            continue
        content = answer[-1]["content"].strip()
        lost += content not in whole
        without_eos += bool(content) and _lacks_eos(tokenizer, whole[whole.rfind(content) + len(content) :])
        changed_prompts += not whole.startswith(before)
    n = len(dialogues)
    mend = "Give the tokenizer a chat template that renders roles and contents, or remove it to use unipref's own."
    if n and refused == n:
        raise UserError(f"the chat template refuses every dialogue: {message}.", where=where, mend=mend)
    if lost:
        raise UserError(f"the chat template leaves out the answer of {lost} of {n} dialogues.", where=where, mend=mend)
    warnings = []
    if refused:
        warnings.append(f"the chat template refuses {refused} of {n} dialogues, which are left out: {message}")
    if without_eos:
        warnings.append(
            f"the chat template puts no {tokenizer.eos_token} after {without_eos} of {n} answers: the model does not "
            "learn where to end"
        )
    if changed_prompts:
        warnings.append(
            f"the chat template renders {changed_prompts} of {n} prompts differently when an answer follows: the loss "
            "may begin a few tokens too early or too late"
        )
    return warnings


def _lacks_eos(tokenizer: "PreTrainedTokenizerBase", tail: str) -> bool:
    """Whether the end token is missing after an answer."""
    return str(tokenizer.eos_token) not in tail
