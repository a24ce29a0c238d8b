"""A loaded policy or reward model with its tokenizer: what benchmarks and scorers receive."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from unipref.core.records import Messages
from unipref.core.special_tokens import protect

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


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
        return str(self.tokenizer.apply_chat_template(protect(self.tokenizer, list(messages)), tokenize=False))


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
        messages = protect(self.tokenizer, list(prompt))
        return str(self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))


class RewardModel(ChatModel):
    """A sequence classifier with one output: the reward of `dialogue_text`. Its tokenizer has eos and pads right."""
