"""A loaded policy or reward model with its tokenizer: what benchmarks and scorers receive."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from unipref.core.errors import UserError, first_line, legible
from unipref.core.records import Messages
from unipref.core.template_turns import IMAGES, WORDS, find_unrendered, to_turns, to_turns_with_images

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class RefusedDialogue(UserError):
    """The model's chat template cannot render a dialogue, mostly because of its roles or their order."""


class UnrenderedPart(RefusedDialogue):
    """The chat template would leave out a part of the dialogue without a word, such as a tool call.

    Args:
        part: which, as in `template_turns.WORDS`.
        where: the model's name, for the error.
    """

    def __init__(self, part: str, where: str | None = None) -> None:
        self.part = part
        mend = f"Leave out such dialogues, or give the tokenizer a chat template that renders {WORDS[part]}."
        super().__init__(f"the chat template does not render {WORDS[part]}.", where=where, mend=mend)


def render(
    tokenizer: "PreTrainedTokenizerBase",
    messages: Messages,
    *,
    to_answer: bool = False,
    where: str | None = None,
    with_images: bool = False,
) -> str:
    """Renders a dialogue with the tokenizer's chat template; `special_tokens.encode_texts` takes the text.

    Args:
        tokenizer: with a chat template.
        messages: the dialogue.
        to_answer: whether the assistant's turn begins at the end.
        where: the model's name, for the error.
        with_images: whether the caller passes the images to the model; the template marks their places then.

    Raises:
        RefusedDialogue: the template refuses it.
    """
    mend = "Leave out such dialogues, or give the tokenizer a chat template that renders them."
    if (part := find_unrendered(tokenizer, messages, rendered=(IMAGES,) if with_images else ())) is not None:
        raise UnrenderedPart(part, where)
    try:
        turns, tools = (to_turns_with_images if with_images else to_turns)(tokenizer, messages)
        given = {"tools": tools} if tools else {}
        apply = tokenizer.apply_chat_template
        if isinstance(apply, functools.partial):  # made for TRL: it expects messages, not turns
            apply = functools.partial(type(tokenizer).apply_chat_template, tokenizer)
        text = str(apply(turns, tokenize=False, add_generation_prompt=to_answer, **given))
    except MemoryError:
        raise
    except Exception as error:  # the template is code that came with the model: it may raise anything
        what = f"the chat template refuses a dialogue: {legible(first_line(error))}."
        raise RefusedDialogue(what, where=where, mend=mend) from error
    if not text:
        raise RefusedDialogue("the chat template renders a dialogue as an empty text.", where=where, mend=mend)
    return text


@dataclass
class ChatModel:
    """A model that takes dialogues, with its tokenizer.

    Attributes:
        model: in eval mode, on `model.device`.
        tokenizer: with a chat template.
        name: the folder or hub name it was loaded from.
        own_template: True if the chat template came with the model, False if it is `CHAT_TEMPLATE`.
        context: maximum sequence length, in tokens.
    """

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"
    name: str
    own_template: bool
    context: int

    @property
    def remarks(self) -> list[str]:
        """Notes on its tokenizer that a reader of the model's scores needs."""
        return []

    def dialogue_text(self, messages: Messages) -> str:
        """A whole dialogue, ending with the assistant's turn and its eos; `inference.encode` takes it."""
        return render(self.tokenizer, messages, where=self.name)

    def can_render(self, messages: Messages) -> bool:
        """Whether the chat template renders a whole dialogue."""
        try:
            self.dialogue_text(messages)
        except RefusedDialogue:
            return False
        return True


class Policy(ChatModel):
    """A causal language model. Its tokenizer pads on the left; eos and pad token may be missing."""

    @property
    def remarks(self) -> list[str]:
        """A note if the tokenizer has no end-of-sequence token."""
        if self.tokenizer.eos_token is not None:
            return []
        return [
            "the tokenizer has no end-of-sequence token: answers are scored without one, and a text ends only if "
            "the model's generation settings define a stop token."
        ]

    def prompt_text(self, prompt: Messages) -> str:
        """The prompt as the model sees it before it answers, BOS included."""
        return render(self.tokenizer, prompt, to_answer=True, where=self.name)

    def can_answer(self, prompt: Messages, answer: Messages) -> bool:
        """Whether the chat template renders a prompt and, unless it is empty, the dialogue with an answer to it."""
        try:
            self.prompt_text(prompt)
        except RefusedDialogue:
            return False
        return self.can_render([*prompt, *answer]) if answer else True


@dataclass
class RewardModel(ChatModel):
    """A sequence classifier that scores `dialogue_text`, by one output per axis. Its tokenizer has eos and pads right.

    Attributes:
        axes: the name of each output; empty for a model with one output, the reward itself.
        weights: axis -> its weight in the reward, which is the weighted sum of the outputs.
    """

    axes: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ValueError if a weight is of no axis, or there are axes without a weight."""
        if unknown := set(self.weights) - set(self.axes):
            raise ValueError(f"weights of {', '.join(sorted(unknown))}, which are no axes of the model")
        if self.axes and not self.weights:
            raise ValueError("the axes of the model have no weights")

    @property
    def output_weights(self) -> list[float]:
        """The weight of each output in the reward."""
        return [float(self.weights.get(axis, 0.0)) for axis in self.axes] or [1.0]

    def find_output(self, axis: str) -> int | None:
        """Returns the place of an axis among the outputs; None if the model does not score it."""
        return self.axes.index(axis) if axis in self.axes else None
