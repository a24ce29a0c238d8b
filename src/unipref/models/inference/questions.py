"""What a policy can be asked: questions that end with a position in a text, and the answers to them."""

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
class Writing:
    """What does the model write after the prompt? Answer: `Written`.

    Attributes:
        max_new_tokens: most tokens written; fewer where the context ends before.
        temperature: 0 takes the most likely token each time, otherwise tokens are drawn.
        seed: of the draw. The text depends on it and the prompt alone, never on what else is asked.
    """

    prompt: Sequence[int]
    max_new_tokens: int
    temperature: float = 0.0
    seed: int = 0


class Written(NamedTuple):
    """What a model wrote.

    Attributes:
        text: without the prompt, and without special tokens.
        n_tokens: tokens written, the one that ended the text not counted.
        ended: whether the model ended it; False where it was cut at its longest length or at the end of the context.
    """

    text: str
    n_tokens: int
    ended: bool


Question = LogLikelihood | NextToken | Writing
