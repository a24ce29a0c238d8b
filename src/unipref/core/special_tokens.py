"""Special tokens that occur in texts, such as `</s>` in an answer: counting them, and keeping them as text.

A tokenizer reads `</s>` in a text as the token that ends a sequence, as if the chat template had written it. A model
trained on it learns to stop there. A model can be trained to read such texts as they are written instead. Its tokenizer
has `as_text` in its configuration then, under `SETTING`. All code that renders or encodes texts reads that setting.

`protect` distinguishes a token in a text from the template's own: it puts a private character into the former. The
template is applied next, and `encode_texts` removes the character.
"""

import re
import weakref
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unipref.core.records import Messages

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SETTING, AS_TEXT = "special_tokens_in_texts", "as_text"
"""The entry of a tokenizer's configuration, and its value if special tokens in texts are kept as text."""
MARK = "\ue002"
"""A private character after the first character of a special token in a text: the tokenizer does not see a token."""
ANCHORS = ("\ue000", "\n", ".", "x")
"""Texts before a part of a text, so that the tokenizer does not treat it as the beginning."""


def keeps_as_text(tokenizer: "PreTrainedTokenizerBase") -> bool:
    """Whether the tokenizer's model reads special tokens in texts as text."""
    return bool(tokenizer.init_kwargs.get(SETTING) == AS_TEXT)


def keep_as_text(tokenizer: "PreTrainedTokenizerBase", is_text: bool) -> None:
    """Sets whether special tokens in texts are kept as text; it is saved with the tokenizer."""
    if is_text:
        tokenizer.init_kwargs[SETTING] = AS_TEXT
    else:
        tokenizer.init_kwargs.pop(SETTING, None)


def find_special_tokens(tokenizer: "PreTrainedTokenizerBase", texts: Iterable[str]) -> Counter[str]:
    """Counts the tokenizer's special tokens in texts."""
    pattern = _splitter_of(tokenizer).token
    return Counter(token for text in texts for token in pattern.findall(text)) if pattern else Counter()


def protect(tokenizer: "PreTrainedTokenizerBase", messages: Messages) -> Messages:
    """The messages as they go into the chat template: special tokens in them are marked, if they are kept as text."""
    if not keeps_as_text(tokenizer):
        return messages
    return [{**turn, "content": protect_text(tokenizer, turn["content"])} for turn in messages]


def protect_text(tokenizer: "PreTrainedTokenizerBase", text: str) -> str:
    """A text in which special tokens are marked, so that `encode_texts` reads them as text."""
    pattern = _splitter_of(tokenizer).token
    return pattern.sub(lambda match: _mark(match[0]), text) if pattern else text


def remove_marks(tokenizer: "PreTrainedTokenizerBase", text: str) -> str:
    """A text without the marks of `protect_text`."""
    pattern = _splitter_of(tokenizer).marked if MARK in text else None
    return pattern.sub(lambda match: match[0].replace(MARK, ""), text) if pattern else text


def encode_texts(
    tokenizer: "PreTrainedTokenizerBase", texts: Iterable[str], add_special_tokens: bool = False
) -> dict[str, list[int]]:
    """Text -> its token ids; equal texts are encoded once, and all without marked tokens in one call.

    Args:
        tokenizer: the model's.
        texts: as the model gets them; marked special tokens (`protect`) are read as text.
        add_special_tokens: whether the tokenizer adds its own, usually BOS; never to texts with marks.
    """
    distinct = list(dict.fromkeys(texts))
    splitter = _splitter_of(tokenizer) if any(MARK in text for text in distinct) else None
    plain = [text for text in distinct if splitter is None or not splitter.has_marks(text)]
    options = {"return_attention_mask": False, "return_token_type_ids": False, "verbose": False}
    encoded = tokenizer(plain, add_special_tokens=add_special_tokens, **options)["input_ids"] if plain else []
    ids = dict(zip(plain, encoded, strict=True))
    if splitter is not None:
        ids |= {text: splitter.encode(text) for text in distinct if text not in ids}
    return ids


def _mark(token: str) -> str:
    return token[0] + MARK + token[1:]


_SPLITTERS: "weakref.WeakKeyDictionary[Any, _Splitter]" = weakref.WeakKeyDictionary()


def _splitter_of(tokenizer: "PreTrainedTokenizerBase") -> "_Splitter":
    key = (len(tokenizer), *tokenizer.all_special_tokens)
    splitter = _SPLITTERS.get(tokenizer)
    if splitter is None or splitter.key != key:
        splitter = _SPLITTERS[tokenizer] = _Splitter.make(tokenizer, key)
    return splitter


def list_special_tokens(tokenizer: "PreTrainedTokenizerBase") -> dict[str, int]:
    """Special token -> its id."""
    added = {token.content: number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    named = zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=True)
    return {token: number for token, number in {**added, **dict(named)}.items() if token}


@dataclass
class _Splitter:
    """Splits texts at the special tokens that are not marked.

    Attributes:
        tokenizer: a weak reference to it; key: the state of it that the rest depends on.
        ids: special token -> its id.
        token: a special token; None if there are none. marked: a marked one.
        anchor: text before a part that does not begin a text; empty if the tokenizer treats all parts alike.
    """

    tokenizer: Any
    key: tuple[Any, ...]
    ids: dict[str, int]
    token: re.Pattern[str] | None
    marked: re.Pattern[str] | None
    anchor: str

    @classmethod
    def make(cls, tokenizer: "PreTrainedTokenizerBase", key: tuple[Any, ...]) -> "_Splitter":
        """Makes the patterns, and finds out how the tokenizer treats the text after a special token."""
        tokens = list_special_tokens(tokenizer)
        longest_first = sorted(tokens, key=len, reverse=True)
        token = "|".join(f"{re.escape(one)}(?!{MARK})" for one in longest_first)
        marked = "|".join(re.escape(_mark(one)) for one in longest_first)
        made = cls(
            weakref.ref(tokenizer),
            key,
            tokens,
            token=re.compile(token) if tokens else None,
            marked=re.compile(marked) if tokens else None,
            anchor="",
        )
        if tokens:
            made.anchor = made._find_anchor(longest_first[0])
        return made

    def has_marks(self, text: str) -> bool:
        """Whether a special token in the text is marked."""
        return self.marked is not None and MARK in text and self.marked.search(text) is not None

    def encode(self, text: str) -> list[int]:
        """The ids of a text with marks."""
        assert self.token is not None
        assert self.marked is not None
        ids: list[int] = []
        end = 0
        decoder = self.tokenizer().added_tokens_decoder
        for match in [*self.token.finditer(text), None]:
            part = text[end : match.start()] if match else text[end:]
            if match and (token := decoder.get(self.ids[match[0]])) is not None and token.lstrip:
                part = part.rstrip()
            if ids and (token := decoder.get(ids[-1])) is not None and token.rstrip:
                part = part.lstrip()
            part = self.marked.sub(lambda one: one[0].replace(MARK, ""), part)
            ids += self._encode_part(part, is_first=end == 0)
            if match:
                ids.append(self.ids[match[0]])
                end = match.end()
        return ids

    def _encode_part(self, part: str, is_first: bool) -> list[int]:
        """The ids of a text without special tokens of its own, in which all that look so are text."""
        if not part:
            return []
        anchor = "" if is_first else self.anchor
        ids = self._encode_as_text(anchor + part)[len(self._encode_as_text(anchor)) :]
        unknown = self.tokenizer().unk_token_id
        names = {number: token for token, number in self.ids.items() if number != unknown}
        if not any(number in names for number in ids):
            return ids
        # Some vocabularies hold a special token as a piece of text too: its characters, one by one, do not make it.
        split = [[number] if number not in names else self._encode_characters(names[number]) for number in ids]
        return [number for numbers in split for number in numbers]

    def _encode_characters(self, text: str) -> list[int]:
        before = len(self._encode_as_text(self.anchor))
        return [number for one in text for number in self._encode_as_text(self.anchor + one)[before:]]

    def _encode_as_text(self, text: str) -> list[int]:
        if not text:
            return []
        tokenizer = self.tokenizer()
        return list(tokenizer(text, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"])

    def _find_anchor(self, token: str) -> str:
        """The text after which a part has the same ids as after a special token; empty if none is needed, or works."""
        probe, tokenizer = "ab cd", self.tokenizer()
        expected = tokenizer(token + probe, add_special_tokens=False, verbose=False)["input_ids"][1:]
        for anchor in ("", *ANCHORS):
            if self._encode_as_text(anchor + probe)[len(self._encode_as_text(anchor)) :] == expected:
                return anchor
        return ""
