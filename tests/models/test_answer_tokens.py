"""Only the assistant's tokens are trained on and scored, whatever the chat template."""

import copy
import itertools
from typing import Any

import numpy as np
import pytest
from tests.support.fakes import letters

from unipref.core.chat_models import Policy
from unipref.core.records import Message, Messages
from unipref.models.answer_tokens import split_answers
from unipref.models.inference import answer_log_likelihoods
from unipref.models.loading import CHAT_TEMPLATE

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA2 = (
    "{% for m in messages %}{% if m.role == 'user' %}{{ bos_token }}[INST] {{ m.content | trim }} [/INST]"
    "{% elif m.role == 'assistant' %} {{ m.content | trim }} {{ eos_token }}{% endif %}{% endfor %}"
)
NO_END = (
    "{% for m in messages %}{{ '[/u]' if m.role == 'assistant' else '[u]' }} {{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}[/u]{% endif %}"
)
THINKING = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}{{ m.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
)
"""Empty thoughts before the last answer only: the beginning of a dialogue changes when it goes on."""
UPPER = "{% for m in messages %}[{{ m.role }}]{{ m.content | upper }}</s>{% endfor %}"
"""Changes the contents."""


def turns(*contents: str) -> Messages:
    return [Message(role=role, content=text) for role, text in zip(itertools.cycle(["user", "assistant"]), contents)]


def tokenizer(template: str) -> Any:
    one = copy.deepcopy(letters())
    one.chat_template = template
    return one


def written(template: str, *contents: str) -> list[str]:
    """The texts of the assistant's tokens in a dialogue; its prompt is the first turn."""
    dialogue = turns(*contents)
    one = tokenizer(template)
    (tokens,) = split_answers(one, [(dialogue[:1], dialogue[1:])])
    return [one.decode(tokens.ids[begin:end]) for begin, end in tokens.find_answers()]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (CHAT_TEMPLATE, [" Yes.</s>", " Red.</s>"]),
        (CHATML, ["Yes.<|im_end|>\n", "Red.<|im_end|>\n"]),
        (LLAMA2, [" Yes. </s>", " Red. </s>"]),
        (NO_END, [" Yes.", " Red."]),
        (THINKING, ["Yes.<|im_end|>\n", "\n</think>\n\nRed.<|im_end|>\n"]),
    ],
)
def test_the_assistant_wrote_its_turns_and_their_ends(template: str, expected: list[str]) -> None:
    assert written(template, "Is it?", "Yes.", "Which colour?", "Red.") == expected


@pytest.mark.parametrize("template", [CHAT_TEMPLATE, CHATML, LLAMA2, NO_END, THINKING, UPPER])
def test_an_answer_of_one_turn_is_all_after_the_prompt(template: str) -> None:
    one, dialogue = tokenizer(template), turns("Is it?", "Yes.")
    (tokens,) = split_answers(one, [(dialogue[:1], dialogue[1:])])
    prompt = one.apply_chat_template(dialogue[:1], tokenize=False, add_generation_prompt=True)
    whole = one.apply_chat_template(dialogue, tokenize=False)
    after = next((at for at, (a, b) in enumerate(zip(prompt, whole, strict=False)) if a != b), len(prompt))
    assert tokens.find_answers() == [(tokens.start, len(tokens.ids))]
    assert one.decode(tokens.ids[tokens.start :]) == whole[after:]
    assert not tokens.is_cut


@pytest.mark.parametrize("template", [CHAT_TEMPLATE, CHATML, LLAMA2, NO_END, THINKING])
def test_the_users_later_turns_have_no_part_in_the_answer(template: str) -> None:
    """The same answers around another later turn of the user; empty, repeated and odd texts included."""
    short = written(template, "a", "Yes.", "b", "No.", "c", "Yes.")
    assert short == written(template, "a", "Yes.", "Yes. No. Yes. </s>Answer: Yes.", "No.", "", "Yes.")
    assert len(short) == 3


def test_turns_that_cannot_be_told_apart_are_left_out_after_the_first_answer() -> None:
    assert written(UPPER, "a", "Yes.", "b", "No.") == ["[assistant]YES.</s>"]
    dialogue = turns("a", "Yes.", "b", "No.")
    assert split_answers(tokenizer(UPPER), [(dialogue[:1], dialogue[1:])])[0].is_cut


def test_an_answer_that_begins_with_another_speaker() -> None:
    (tokens,) = split_answers(tokenizer(CHAT_TEMPLATE), [(turns("a"), [*turns("b", "Yes.")])])
    assert [letters().decode(tokens.ids[b:e]) for b, e in tokens.find_answers()] == [" Yes.</s>"]


def test_likelihoods_sum_the_assistants_tokens_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every token costs 1 nat: the sum is minus the number of the assistant's tokens, whatever the user says."""
    monkeypatch.setattr(
        "unipref.models.inference.ask_each", lambda policy, questions, size: [-len(q.continuation) for q in questions]
    )
    policy = Policy(None, letters(), "fake", own_template=False, context=1000)  # type: ignore[arg-type]
    pairs = [
        (dialogue[:1], dialogue[1:])
        for dialogue in (turns("a", "Yes."), turns("a", "Yes.", "b", "No."), turns("a", "Yes.", "b" * 50, "No."))
    ]
    sums, counts = answer_log_likelihoods(policy, pairs)
    assert counts.tolist() == [6, 11, 11]  # a space, the letters and eos of each turn
    np.testing.assert_array_equal(sums, -counts)
