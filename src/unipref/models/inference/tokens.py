"""Texts to token ids: what the model sees, split where an answer begins."""

from collections.abc import Iterable, Sequence

from unipref.core.errors import UserError
from unipref.core.records import Messages
from unipref.models.loading import Policy, RewardModel

Request = tuple[Sequence[int], Sequence[int]]
"""Ids of a prompt, and ids of what may follow it."""


def encode(model: Policy | RewardModel, text: str, add_special_tokens: bool = False) -> list[int]:
    """The token ids of a text.

    Args:
        model: whose tokenizer is used.
        text: with BOS written out where it is wanted, as a chat template does.
        add_special_tokens: let the tokenizer add what it adds to plain text, usually BOS.
    """
    return list(model.tokenizer.encode(text, add_special_tokens=add_special_tokens, verbose=False))


def encode_all(
    model: Policy | RewardModel, texts: Iterable[str], add_special_tokens: bool = False
) -> dict[str, list[int]]:
    """Text -> its token ids, as `encode` gives them; equal texts are encoded once, and all in one call."""
    distinct = list(dict.fromkeys(texts))
    if not distinct:
        return {}
    options = {"return_attention_mask": False, "return_token_type_ids": False, "verbose": False}
    found = model.tokenizer(distinct, add_special_tokens=add_special_tokens, **options)["input_ids"]
    return dict(zip(distinct, found, strict=True))


def start_ids(model: Policy | RewardModel) -> list[int]:
    """What the tokenizer puts in front of plain text: usually BOS, for some models nothing."""
    plain, whole = encode(model, "a"), encode(model, "a", add_special_tokens=True)
    return next((whole[:at] for at in range(len(whole)) if whole[at : at + len(plain)] == plain), [])


def opening_ids(model: Policy | RewardModel) -> list[int]:
    """What a text is scored after when nothing else comes before it, so that its first token is predicted too.

    What the tokenizer puts in front of plain text; where that is nothing, its BOS or else its eos token, as lm-eval
    does.

    Raises:
        UserError: there is neither.
    """
    for single in (model.tokenizer.bos_token_id, model.tokenizer.eos_token_id):
        if found := start_ids(model) or ([int(single)] if single is not None else []):
            return found
    raise UserError(
        "the tokenizer has no token that may begin a text, so nothing predicts a text's first token.",
        where=model.name,
        mend="Add 'bos_token' to its tokenizer_config.json.",
    )


def continuation_ids(policy: Policy, prompt_text: str, continuation: str) -> tuple[list[int], list[int]]:
    """Tokenises prompt and continuation together, without special tokens, and splits them.

    The split is where the ids of the whole leave those of the prompt alone. Where a token spans the border (a blank
    that ends the prompt and merges with the next word), it belongs to the continuation.

    Returns:
        Ids of the prompt and of the continuation; together, the ids of the whole text.
    """
    return all_continuation_ids(policy, [(prompt_text, continuation)])[0]


def all_continuation_ids(policy: Policy, pairs: Sequence[tuple[str, str]]) -> list[tuple[list[int], list[int]]]:
    """As `continuation_ids`, of many pairs (prompt, continuation) in one call: several times faster."""
    texts = [text for prompt, continuation in pairs for text in (prompt, prompt + continuation)]
    ids = encode_all(policy, texts)
    split = []
    for prompt, continuation in pairs:
        whole = ids[prompt + continuation]
        shared = common_length(ids[prompt], whole)
        split.append((whole[:shared], whole[shared:]))
    return split


def answer_ids(policy: Policy, prompt: Messages, answer: Messages) -> tuple[list[int], list[int]]:
    """Ids of a chat prompt, up to where the answer starts, and of its answer as the chat template ends it (eos)."""
    return all_answer_ids(policy, [(prompt, answer)])[0]


def all_answer_ids(policy: Policy, pairs: Sequence[tuple[Messages, Messages]]) -> list[tuple[list[int], list[int]]]:
    """As `answer_ids`, of many pairs (prompt, answer) in one call."""
    texts = []
    for prompt, answer in pairs:
        before = policy.prompt_text(prompt)
        whole = policy.dialogue_text([*prompt, *answer])
        # Some templates open the answer differently when they ask for it than when they show it.
        shared = common_length(before, whole)
        texts.append((whole[:shared], whole[shared:]))
    return all_continuation_ids(policy, texts)


def common_length(a: Sequence[object], b: Sequence[object]) -> int:
    """How many items two sequences of one type share at their start."""
    low, high = 0, min(len(a), len(b))
    if a[:high] == b[:high]:
        return high
    # Slices are compared in C: for long sequences this is many times faster than a loop over items.
    while high - low > 1:
        middle = (low + high) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle
    return low
