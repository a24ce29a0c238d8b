"""The questions that `ask` answers with a policy, and the types of the answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class LogLikelihood:
    """How likely is this continuation? Answer: the sum of log p (nats) of its ids after the prompt's ids, a float."""

    prompt: Sequence[int]
    continuation: Sequence[int]


@dataclass(frozen=True)
class NextToken:
    """What comes next? Answer: (vocabulary,) float64 log probabilities (nats) of the token after the prompt."""

    prompt: Sequence[int]


@dataclass(frozen=True)
class Generation:
    """What does the model generate after the prompt? Answer: `GeneratedText`.

    Attributes:
        max_new_tokens: maximum number of generated tokens; fewer if the context ends first.
        temperature: 0 always takes the most likely token; above 0, tokens are sampled.
        seed: seed of the sampling. The text depends only on it and the prompt, never on other questions.
    """

    prompt: Sequence[int]
    max_new_tokens: int
    temperature: float = 0.0
    seed: int = 0


class GeneratedText(NamedTuple):
    """A text that a model generated.

    Attributes:
        text: the text without the prompt and without special tokens.
        n_tokens: number of generated tokens, without the one that ended the text.
        ended: whether the model ended it; False if it reached its maximum length or the end of the context.
    """

    text: str
    n_tokens: int
    ended: bool


Question = LogLikelihood | NextToken | Generation
