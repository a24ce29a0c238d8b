"""Special tokens of a tokenizer that occur in texts: counted, and read as text if its model does."""

import copy
from pathlib import Path
from typing import Any

import pytest
from tests.support.fakes import letters
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from unipref.core.special_tokens import (
    encode_texts,
    find_special_tokens,
    keep_as_text,
    keeps_as_text,
    protect_text,
)
from unipref.models.answer_tokens import split_answers
from unipref.models.loading import CHAT_TEMPLATE

TEXTS = [
    "She sang.</s> He left.",
    "</s>",
    "<s><s></s></s>",
    "a</s>b",
    "The end </s>",
    "<s> Hello </s>\nworld<s>",
]
LETTERS = "abcdefghijklmnopqrtuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.:?\n"
PIECES = ["<unk>", "<s>", "</s>", "\u2581", "\u2581The", "<", "/", "s", ">", *LETTERS]


def metaspace(scheme: str, *, unigram: bool = False, prepend: bool = False) -> PreTrainedTokenizerFast:
    """A tokenizer in the manner of SentencePiece: blanks are part of the next word.

    Args:
        scheme: which parts of a text get a blank in front.
        unigram: whether `</s>` is also a piece that a text can be cut into.
        prepend: whether the blank comes from a normaliser, as in older Llamas.
    """
    scores = [(piece, 0.0 if piece == "</s>" else -2.0) for piece in PIECES]
    vocabulary = {piece: at for at, piece in enumerate(PIECES)}
    made = Tokenizer(models.Unigram(scores, 0) if unigram else models.BPE(vocabulary, [], unk_token="<unk>"))
    if prepend:
        made.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    else:
        made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)  # type: ignore[assignment]
    made.decoder = decoders.Metaspace(prepend_scheme=scheme)  # type: ignore[assignment]
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=made, chat_template=CHAT_TEMPLATE, **special)


def stripping() -> PreTrainedTokenizerFast:
    """Special tokens that take the white space around them."""
    made = copy.deepcopy(letters())
    made.add_special_tokens({"additional_special_tokens": [AddedToken("<end>", lstrip=True, rstrip=True)]})
    return made


TOKENIZERS = {
    "bytes": letters,
    "blank before every part": lambda: metaspace("always"),
    "blank before the text": lambda: metaspace("first"),
    "blank by a normaliser": lambda: metaspace("never", prepend=True),
    "special token among the pieces": lambda: metaspace("always", unigram=True),
    "special tokens take blanks": stripping,
}


@pytest.fixture(params=TOKENIZERS)
def tokenizer(request: Any) -> PreTrainedTokenizerFast:
    made = copy.deepcopy(TOKENIZERS[request.param]())
    keep_as_text(made, True)
    return made


def dialogue(answer: str, question: str = "Who sang?") -> tuple[list[Any], list[Any]]:
    return [{"role": "user", "content": question}], [{"role": "assistant", "content": answer}]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_has_no_special_token_and_the_template_keeps_its_own(tokenizer: Any, text: str) -> None:
    (tokens,) = split_answers(tokenizer, [dialogue(text, question=text)])
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    assert (tokens.ids.count(bos), tokens.ids.count(eos)) == (1, 1)
    assert (tokens.ids[0], tokens.ids[-1]) == (bos, eos)
    read = tokenizer.decode(tokens.ids[tokens.start : -1])
    assert read.replace(" ", "") == text.replace(" ", "")
    assert "\ue002" not in tokenizer.decode(tokens.ids)


@pytest.mark.parametrize("text", ["She sang.", "The end", "a b\nc", ""])
def test_ordinary_texts_have_the_same_tokens(tokenizer: Any, text: str) -> None:
    plain = copy.deepcopy(tokenizer)
    keep_as_text(plain, False)
    assert split_answers(tokenizer, [dialogue(text)]) == split_answers(plain, [dialogue(text)])


def test_the_text_around_has_the_tokens_that_it_has_alone(tokenizer: Any) -> None:
    """A special token in the answer changes nothing in the question."""
    (marked,) = split_answers(tokenizer, [dialogue("a</s>b", question="The end of the day?")])
    (plain,) = split_answers(tokenizer, [dialogue("ab", question="The end of the day?")])
    assert marked.ids[: marked.start] == plain.ids[: plain.start]


def test_without_the_setting_texts_are_read_as_ever() -> None:
    (tokens,) = split_answers(letters(), [dialogue("a</s>b")])
    assert tokens.ids.count(letters().eos_token_id) == 2


def test_counts_are_of_special_tokens_only() -> None:
    assert find_special_tokens(letters(), ["<s>a</s></s>", "</ s> <S>", ""]) == {"</s>": 2, "<s>": 1}
    made = copy.deepcopy(letters())
    made.add_special_tokens({"additional_special_tokens": ["<|im_end|>"]})
    made.add_tokens(["<think>"])
    assert find_special_tokens(made, ["<|im_end|><think>"]) == {"<|im_end|>": 1}


def test_a_marked_token_is_not_a_token() -> None:
    for text in TEXTS:
        assert "</s>" not in protect_text(letters(), text)


def test_the_setting_is_saved_with_the_tokenizer(tmp_path: Path) -> None:
    made = copy.deepcopy(letters())
    keep_as_text(made, True)
    made.save_pretrained(tmp_path / "a")
    loaded = AutoTokenizer.from_pretrained(tmp_path / "a")
    assert keeps_as_text(loaded)
    keep_as_text(loaded, False)
    loaded.save_pretrained(tmp_path / "b")
    assert not keeps_as_text(AutoTokenizer.from_pretrained(tmp_path / "b"))


def test_equal_texts_are_encoded_once_and_in_order() -> None:
    marked = protect_text(letters(), "a</s>")
    ids = encode_texts(letters(), ["b", marked, "b"])
    assert list(ids) == ["b", marked]
    assert letters().decode(ids[marked]) == "a</s>"
    assert letters().eos_token_id not in ids[marked]
    assert encode_texts(letters(), []) == {}
