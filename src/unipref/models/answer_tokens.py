"""Which tokens of a dialogue the assistant wrote: those that models are trained on and scored by.

They are the text of the assistant's turns after the prompt and the token that ends each turn. A dialogue may go on
after the first answer with further turns of the user: those are context, and are neither learned nor scored.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from unipref.core.chat_models import UnrenderedPart
from unipref.core.records import Messages
from unipref.core.special_tokens import encode_texts
from unipref.core.template_turns import RESULTS_APART
from unipref.models.rendered_dialogue import Span, TurnFinder, common_length, cut_after_first_answer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class AnswerTokens(NamedTuple):
    """The tokens of a dialogue.

    Attributes:
        ids: of the whole dialogue.
        start: the first token after the prompt.
        others: parts after `start` that other speakers wrote, in order.
        is_cut: whether the turns after the first answer were left out, because the chat template changes texts so
            that the turns cannot be told apart.
    """

    ids: list[int]
    start: int
    others: list[Span]
    is_cut: bool = False

    def find_answers(self) -> list[Span]:
        """The parts that the assistant wrote: for an answer of one turn, everything from `start`."""
        edges = [self.start, *(edge for part in self.others for edge in part), len(self.ids)]
        return [(begin, end) for begin, end in zip(edges[::2], edges[1::2], strict=True) if begin < end]


def split_answers(
    tokenizer: "PreTrainedTokenizerBase", pairs: Sequence[tuple[Messages, Messages]], finder: TurnFinder | None = None
) -> list[AnswerTokens]:
    """Tokenises dialogues as the chat template renders them, and finds the assistant's tokens.

    The first of an answer's tokens is the first at which the whole dialogue differs from the prompt alone. So a token
    that spans the border (a space at the end of the prompt that merges with the next word) belongs to the answer.

    Args:
        tokenizer: with a chat template.
        pairs: n pairs (prompt, answer); an answer has one or several turns.
        finder: of the same tokenizer; keeps what it learned about the template.

    Raises:
        RefusedDialogue: the template refuses a dialogue.
    """
    finder = finder or TurnFinder(tokenizer)
    rendered = [_render(finder, prompt, answer) for prompt, answer in pairs]
    texts = [one.text[:end] for one in rendered for end in one.ends]
    ids = encode_texts(tokenizer, texts)
    return [_to_tokens(one, [ids[one.text[:end]] for end in one.ends]) for one in rendered]


class _Rendered(NamedTuple):
    """A rendered dialogue.

    Attributes:
        ends: in characters, the ends of its beginnings to tokenise: the whole, the prompt, and for each part of
            another speaker its two borders.
    """

    text: str
    ends: list[int]
    is_cut: bool


def _render(finder: TurnFinder, prompt: Messages, answer: Messages, is_cut: bool = False) -> _Rendered:
    text = finder.render([*prompt, *answer])
    others = finder.find_other_speakers(prompt, answer, text)
    if others is None and any(message["role"] == "tool" for message in answer):
        raise UnrenderedPart(RESULTS_APART)
    if others is None and is_cut:
        others = [(0, len(text))]  # what the assistant wrote is unknown even in the first answer
    if others is None:
        return _render(finder, prompt, cut_after_first_answer(answer), is_cut=True)
    # Some templates start an answer differently in a generation prompt than in a full dialogue.
    shared = common_length(finder.render(prompt, is_prompt=True), text)
    return _Rendered(text, [len(text), shared, *(border for part in others for border in part)], is_cut)


def _to_tokens(rendered: _Rendered, beginnings: Sequence[list[int]]) -> AnswerTokens:
    whole, prompt, *borders = beginnings
    start = common_length(prompt, whole)
    edges = [max(start, common_length(border, whole)) for border in borders]
    return AnswerTokens(whole, start, list(zip(edges[::2], edges[1::2], strict=True)), rendered.is_cut)
