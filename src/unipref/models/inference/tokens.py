"""Encodes texts as token ids, split where an answer begins."""

from collections.abc import Iterable, Sequence

from unipref.core.chat_models import Policy, RewardModel
from unipref.core.records import Messages
from unipref.core.special_tokens import encode_texts
from unipref.models.answer_tokens import AnswerTokens, split_answers
from unipref.models.rendered_dialogue import common_length

Request = tuple[Sequence[int], Sequence[int]]
"""Ids of a prompt, and ids of a possible continuation."""


def encode(model: Policy | RewardModel, text: str, add_special_tokens: bool = False) -> list[int]:
    """The token ids of a text.

    Args:
        model: the model whose tokenizer is used.
        text: the text, including BOS if it is wanted, as from a chat template.
        add_special_tokens: whether the tokenizer adds its special tokens, usually BOS.
    """
    return encode_all(model, [text], add_special_tokens)[text]


def encode_all(
    model: Policy | RewardModel, texts: Iterable[str], add_special_tokens: bool = False
) -> dict[str, list[int]]:
    """Text -> its token ids, as from `encode`; equal texts are encoded once, and all in one call."""
    return encode_texts(model.tokenizer, texts, add_special_tokens)


def continuation_ids(policy: Policy, prompt_text: str, continuation: str) -> tuple[list[int], list[int]]:
    """Tokenises prompt and continuation together, without special tokens, and splits them.

    The split is the first position at which the ids of the whole text differ from those of the prompt alone. A token
    that spans the border (a space at the end of the prompt that merges with the next word) belongs to the continuation.

    Returns:
        Ids of the prompt and of the continuation; together, the ids of the whole text.
    """
    return all_continuation_ids(policy, [(prompt_text, continuation)])[0]


def all_continuation_ids(policy: Policy, pairs: Sequence[tuple[str, str]]) -> list[tuple[list[int], list[int]]]:
    """Like `continuation_ids`, for many (prompt, continuation) pairs in one call, which is several times faster."""
    texts = [text for prompt, continuation in pairs for text in (prompt, prompt + continuation)]
    ids = encode_all(policy, texts)
    split = []
    for prompt, continuation in pairs:
        whole = ids[prompt + continuation]
        shared = common_length(ids[prompt], whole)
        split.append((whole[:shared], whole[shared:]))
    return split


def all_answer_tokens(policy: Policy, pairs: Sequence[tuple[Messages, Messages]]) -> list[AnswerTokens]:
    """The tokens of each (prompt, answer) dialogue as the chat template renders it, and which the assistant wrote."""
    return split_answers(policy.tokenizer, pairs)
