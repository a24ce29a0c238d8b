"""The tokens before a plain text: one rule for all benchmarks.

- Before a prompt: what the tokenizer itself puts before plain text (usually BOS), and nothing if it puts nothing there.
- Before a text without a prompt, whose first token must be predicted from something: the same, and if that is nothing,
  the token that separates documents. It is never a mark of the chat template such as `<|im_start|>`, although some
  tokenizers name one as their BOS: before plain text it costs several nats in the first tokens.
"""

import re
from typing import TYPE_CHECKING, NamedTuple

from unipref.core.chat_models import ChatModel, RefusedDialogue, render
from unipref.core.errors import UserError
from unipref.core.records import Messages
from unipref.core.special_tokens import encode_texts, list_special_tokens
from unipref.models.loading import CHAT_TEMPLATES

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

END_OF_TEXT = re.compile(r"</s>|\W*(end.?of.?(text|document|sentence|sequence)|eos|eod)\W*", re.IGNORECASE)
"""A token whose name says that a text ends there. `<|im_end|>` and `<|eot_id|>` end a turn."""
TURNS = ("user", "assistant")


class Opening(NamedTuple):
    """The tokens before a text without a prompt.

    Attributes:
        is_own: whether the tokenizer itself puts them before plain text.
        is_chat_mark: whether the chat template writes them around turns, because there is no other token to use.
    """

    ids: list[int]
    is_own: bool = True
    is_chat_mark: bool = False


def start_ids(model: ChatModel) -> list[int]:
    """The ids that the tokenizer puts before plain text: usually BOS, for some models none."""
    ids = [encode_texts(model.tokenizer, ["a"], is_whole)["a"] for is_whole in (False, True)]
    plain, whole = ids
    return next((whole[:at] for at in range(len(whole)) if whole[at : at + len(plain)] == plain), [])


def opening_ids(model: ChatModel) -> list[int]:
    """The ids before a text without a prompt; errors as for `find_opening`."""
    return find_opening(model).ids


def find_opening(model: ChatModel) -> Opening:
    """Finds the tokens before a text without a prompt.

    They are the first of these: what the tokenizer puts before plain text; eos, unless the chat template writes it at
    each turn; a special token whose name says that a text ends; BOS, unless the template writes it at each turn; eos;
    BOS.

    Raises:
        UserError: the tokenizer has neither.
    """
    if own := start_ids(model):
        return Opening(own)
    tokenizer = model.tokenizer
    special_tokens = list_special_tokens(tokenizer)
    marks = _find_chat_marks(tokenizer, special_tokens)
    eos, bos = ([one] if one in special_tokens else [] for one in (tokenizer.eos_token, tokenizer.bos_token))
    named = [*eos, *sorted(special_tokens, key=special_tokens.__getitem__)]
    candidates = [one for one in eos if one not in marks]
    candidates += [one for one in named if END_OF_TEXT.fullmatch(one)]
    candidates += [one for one in bos if one not in marks]
    if candidates:
        return Opening([special_tokens[candidates[0]]], is_own=False)
    if not (last := [*eos, *bos]):
        raise UserError(
            "the tokenizer has neither a BOS nor an eos token, so a text's first token cannot be predicted.",
            where=model.name,
            mend="Add 'bos_token' to its tokenizer_config.json.",
        )
    return Opening([special_tokens[last[0]]], is_own=False, is_chat_mark=True)


def opening_notes(model: ChatModel) -> list[str]:
    """The note on what a text without a prompt follows, if the tokenizer puts nothing before plain text."""
    opening = find_opening(model)
    if opening.is_own:
        return []
    token = model.tokenizer.convert_ids_to_tokens(opening.ids)[0]
    mark = ", a mark of its chat template: it has no token that separates documents" if opening.is_chat_mark else ""
    return [f"the tokenizer puts nothing before plain text: a text without a prompt is scored after '{token}'{mark}."]


def _find_chat_marks(tokenizer: "PreTrainedTokenizerBase", special_tokens: dict[str, int]) -> set[str]:
    """The special tokens that the model's own chat template writes at each turn, not once per dialogue."""
    if tokenizer.chat_template is None or tokenizer.chat_template in CHAT_TEMPLATES:
        return set()
    short: Messages = [{"role": role, "content": "a"} for role in TURNS]
    try:
        texts = [render(tokenizer, dialogue) for dialogue in (short, [*short, *short])]
    except RefusedDialogue:
        template = str(tokenizer.chat_template)
        return {token for token in special_tokens if token in template}
    ids = encode_texts(tokenizer, texts)
    counts = [{token: ids[text].count(number) for token, number in special_tokens.items()} for text in texts]
    return {token for token in special_tokens if counts[1][token] > counts[0][token]}
