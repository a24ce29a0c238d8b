"""What stands before a plain text: never a mark of the chat template, and nothing before a prompt if the tokenizer
adds nothing.
"""

from pathlib import Path
from typing import Any

import pytest

from unipref.core.chat_models import ChatModel, render
from unipref.core.errors import UserError
from unipref.evaluate.likelihood import continuation_requests, text_requests
from unipref.models.inference import encode, find_opening, opening_ids, opening_notes, start_ids
from unipref.models.loading import CHAT_TEMPLATE, CHAT_TEMPLATES

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
CLOSED = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + eos_token }}{% endfor %}"
REFUSES = "{{ raise_exception('no') }} <|im_start|> <|im_end|>"


def model(template: str | None = CHATML, extra: list[str] | None = None, adds: str = "", **named: str) -> ChatModel:
    """A tokenizer of single letters with special tokens; `adds`: what it puts before plain text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: at for at, letter in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named)
    made.add_special_tokens({"additional_special_tokens": extra or []}, replace_extra_special_tokens=False)
    if adds:
        number = made.convert_tokens_to_ids(adds)
        made.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{adds} $A", pair=f"{adds} $A $B", special_tokens=[(adds, number)]
        )
    made.chat_template = template
    return ChatModel(None, made, "fake", template is not None, 100)  # type: ignore[arg-type]


MARKS = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # The chat marks are BOS and eos; the document separator is the unknown, the padding or any other token.
        ({**MARKS, "unk_token": "<|endoftext|>"}, "<|endoftext|>"),
        ({**MARKS, "pad_token": "<|endoftext|>"}, "<|endoftext|>"),
        ({**MARKS, "extra": ["<|tool|>", "<|end_of_text|>"]}, "<|end_of_text|>"),
        ({**MARKS, "extra": ["<|im_sep|>", "<|endoftext|>"], "template": REFUSES}, "<|endoftext|>"),
        ({"eos_token": "<|im_end|>", "extra": ["<|im_start|>", "<|endoftext|>"]}, "<|endoftext|>"),
        # eos is no chat mark here: it stands before bos, which the tokenizer does not add.
        ({"bos_token": "<s>", "eos_token": "<|endoftext|>", "extra": ["<|im_start|>", "<|im_end|>"]}, "<|endoftext|>"),
        ({"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "template": None}, "<|endoftext|>"),
        ({"bos_token": "<s>", "eos_token": "</s>", "template": CHAT_TEMPLATE}, "</s>"),
        # eos ends each turn, and by its name each text too.
        ({"bos_token": "<b>", "eos_token": "</s>", "template": CLOSED}, "</s>"),
        # eos ends each turn, by its name not a text: BOS, which the template does not write.
        ({"bos_token": "<b>", "eos_token": "<|end|>", "template": CLOSED}, "<b>"),
        ({"bos_token": "<b>", "template": CHATML, "extra": ["<|im_start|>"]}, "<b>"),
    ],
)
def test_a_text_without_a_prompt_follows_the_token_that_separates_documents(
    settings: dict[str, Any], expected: str
) -> None:
    policy = model(**settings)
    assert start_ids(policy) == []
    opening = find_opening(policy)
    assert policy.tokenizer.convert_ids_to_tokens(opening.ids) == [expected]
    assert (opening.is_own, opening.is_chat_mark) == (False, False)
    (note,) = opening_notes(policy)
    assert f"after '{expected}'." in note


def test_what_the_tokenizer_adds_comes_first_even_if_it_is_a_chat_mark() -> None:
    policy = model(**MARKS, adds="<|im_start|>")
    assert policy.tokenizer.convert_ids_to_tokens(opening_ids(policy)) == ["<|im_start|>"]
    assert opening_notes(policy) == []


def test_a_chat_mark_is_used_only_without_any_other_and_with_a_note() -> None:
    policy = model(**MARKS)
    opening = find_opening(policy)
    assert policy.tokenizer.convert_ids_to_tokens(opening.ids) == ["<|im_end|>"]
    assert opening.is_chat_mark
    assert "a mark of its chat template" in opening_notes(policy)[0]


def test_a_tokenizer_without_any_is_an_error() -> None:
    with pytest.raises(UserError, match="neither a BOS nor an eos token"):
        opening_ids(model(extra=["<|im_start|>", "<|im_end|>"]))


def test_a_prompt_follows_nothing_and_a_whole_text_the_separator() -> None:
    policy = model(**MARKS, unk_token="<|endoftext|>")
    separator = policy.tokenizer.convert_tokens_to_ids("<|endoftext|>")
    requests = continuation_requests(policy, [("Ann", " came"), ("", "Bea")])  # type: ignore[arg-type]
    assert requests == [(encode(policy, "Ann"), encode(policy, " came")), ([separator], encode(policy, "Bea"))]
    assert text_requests(policy, ["Bea"]) == [([separator], encode(policy, "Bea"))]  # type: ignore[arg-type]


def test_the_real_chat_mark_is_not_used(shared: Path) -> None:
    from unipref.models.loading import load_tokenizer

    name = str(shared / "models" / "craftgpt-chat-5m")
    policy = ChatModel(None, load_tokenizer(name)[0], name, True, 100)  # type: ignore[arg-type]
    # Its only special tokens are marks of its template, and a note says so.
    assert find_opening(policy).is_chat_mark


TWO_TURNS = [
    {"role": "user", "content": "q"},
    {"role": "assistant", "content": "a"},
    {"role": "user", "content": "r"},
    {"role": "assistant", "content": "b"},
]


def test_an_answer_and_the_next_question_are_two_line_breaks_apart() -> None:
    named = {"bos_token": "<s>", "eos_token": "</s>"}
    text = render(model(CHAT_TEMPLATE, **named).tokenizer, TWO_TURNS)  # type: ignore[arg-type]
    assert text == "<s>Question: q\n\nAnswer: a</s>\n\nQuestion: r\n\nAnswer: b</s>"


def test_models_of_earlier_versions_keep_their_template_and_count_as_without_their_own(
    tiny_model: Path, tmp_path: Path
) -> None:
    from unipref.models.loading import load_tokenizer

    tokenizer, _ = load_tokenizer(str(tiny_model))
    tokenizer.chat_template = CHAT_TEMPLATES[1]
    tokenizer.save_pretrained(tmp_path)
    loaded, is_own = load_tokenizer(str(tmp_path))
    assert not is_own
    assert loaded.chat_template == CHAT_TEMPLATES[1] != CHAT_TEMPLATE
    assert "</s>\nQuestion: r" in render(loaded, TWO_TURNS)  # type: ignore[arg-type]
