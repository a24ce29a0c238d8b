"""Dialogues with tool calls and reasoning: what a chat template renders, and which tokens the assistant wrote."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import trl
from tests.support.fakes import letters

from unipref.core.chat_models import UnrenderedPart, render
from unipref.core.messages import add_tools
from unipref.core.records import Message, Messages, ToolCall
from unipref.core.special_tokens import keep_as_text
from unipref.core.template_turns import find_unrendered, keep_reasoning
from unipref.models.answer_tokens import split_answers
from unipref.models.loading import CHAT_TEMPLATE

TEMPLATES = Path(trl.__file__).parent / "chat_templates"
TOOLS = json.dumps([{"type": "function", "function": {"name": "weather", "description": "Now", "parameters": {}}}])
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Writes the results of tools, but neither tools nor calls."""
JSON_RESULTS = (
    "{% if tools %}{{ tools | tojson }}{% endif %}"
    "{% for m in messages %}<{{ m.role }}>"
    "{% if m.tool_calls %}{% for c in m.tool_calls %}{{ c.function | tojson }}{% endfor %}"
    "{% elif m.role == 'tool' %}{{ m.content | tojson }}{% else %}{{ m.content }}{% endif %}</s>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def tokenizer(template: str) -> Any:
    one = copy.deepcopy(letters())
    one.chat_template = template
    return one


def published(name: str) -> str:
    return (TEMPLATES / f"{name}.jinja").read_text(encoding="utf-8")


def call(city: str) -> ToolCall:
    arguments = json.dumps({"city": city})
    return {"id": "abcdefgh1", "type": "function", "function": {"name": "weather", "arguments": arguments}}


def dialogue() -> tuple[Messages, Messages]:
    prompt = add_tools([Message(role="user", content="Is it warm?")], TOOLS)
    return prompt, [
        Message(role="assistant", content="", tool_calls=[call("Paris")]),
        Message(role="tool", content='{"degrees": "18"}', tool_call_id="abcdefgh1", name="weather"),
        Message(role="assistant", content="", tool_calls=[call("Rome")]),
        Message(role="tool", content="21", tool_call_id="abcdefgh1", name="weather"),
        Message(role="assistant", content="Warmer in Rome."),
    ]


def written(one: Any, prompt: Messages, answer: Messages) -> list[str]:
    (tokens,) = split_answers(one, [(prompt, answer)])
    return [one.decode(tokens.ids[begin:end]) for begin, end in tokens.find_answers()]


RENDERED = ["qwen2_5", "qwen3", "qwen3_5_think", "llama3_1", "glm4moe", "gptoss", "lfm2_v2", "gemma4_v2"]
"""Published templates, as TRL ships them."""


@pytest.mark.parametrize("template", [*RENDERED, "JSON_RESULTS"])
def test_the_results_of_tools_are_no_part_of_the_answer(template: str) -> None:
    one = tokenizer(JSON_RESULTS if template == "JSON_RESULTS" else published(template))
    prompt, answer = dialogue()
    assert "weather" in render(one, prompt)
    first, second, last = written(one, prompt, answer)
    assert "Paris" in first
    assert "Rome" in second
    assert "Warmer in Rome." in last
    assert not any("18" in part or "21" in part or "response" in part for part in (first, second, last))
    assert first.replace("Paris", "Rome") == second


def test_a_header_of_results_that_names_the_tool_is_no_part_of_the_answer() -> None:
    prompt, answer = dialogue()
    with pytest.raises(UnrenderedPart) as caught:
        written(tokenizer(published("gemma4")), prompt, answer)
    assert caught.value.part == "tool_results_apart"
    assert "Paris" in written(tokenizer(published("gemma4")), prompt, answer[:1])[0]


def test_a_template_that_takes_arguments_as_text_gets_them_so() -> None:
    prompt, answer = dialogue()
    one = tokenizer(published("deepseekv3"))
    assert find_unrendered(one, prompt) == "tools"
    assert '{"city": "Paris"}' in render(one, [Message(role="user", content="Is it warm?"), answer[0]])


def test_arguments_reach_the_template_as_data() -> None:
    text = render(tokenizer(published("qwen2_5")), [*dialogue()[0], dialogue()[1][0]])
    assert '{"name": "weather", "arguments": {"city": "Paris"}}' in text


def test_a_call_that_is_no_json_stays_as_the_model_wrote_it() -> None:
    prompt, _ = dialogue()
    broken: ToolCall = {"id": None, "type": "function", "function": {"name": "weather", "arguments": '{"city": Par'}}
    text = render(tokenizer(published("qwen3")), [*prompt, Message(role="assistant", content="", tool_calls=[broken])])
    assert '{"city": Par' in text


@pytest.mark.parametrize(
    ("messages", "missing"),
    [
        (dialogue()[0], "tools"),
        ([Message(role="user", content="A?"), dialogue()[1][0]], "tool_calls"),
        ([Message(role="user", content="A?", images=[{"ref": "a.png", "sha256": None, "at": 0}])], "images"),
    ],
)
def test_a_template_that_ignores_a_part_is_an_error(messages: Messages, missing: str) -> None:
    with pytest.raises(UnrenderedPart) as caught:
        render(tokenizer(CHATML), messages)
    assert caught.value.part == missing
    assert "does not render" in str(caught.value)


def test_what_a_template_renders() -> None:
    prompt, answer = dialogue()
    assert find_unrendered(tokenizer(published("qwen3")), [*prompt, *answer]) is None
    assert find_unrendered(tokenizer(CHATML), answer[1:2]) is None
    assert find_unrendered(tokenizer(CHAT_TEMPLATE), answer[1:2]) == "tool_results"
    assert find_unrendered(tokenizer(CHATML), [Message(role="user", content="A?")]) is None


def test_results_at_unknown_places_are_an_error() -> None:
    hiding = CHATML.replace("{{ m.content }}", "{{ m.content | upper }}")
    prompt = [Message(role="user", content="a")]
    answer = [
        Message(role=role, content=text) for role, text in (("assistant", "b"), ("tool", "c"), ("assistant", "d"))
    ]
    one = tokenizer(hiding.replace("{% if add", "{% if tools %}{{ tools }}{% endif %}{% if add"))
    with pytest.raises(UnrenderedPart):
        split_answers(one, [(prompt, answer)])


def thoughtful() -> Messages:
    return [
        Message(role="user", content="A?"),
        Message(role="assistant", content="Yes.", reasoning="Maybe."),
    ]


def test_reasoning_is_left_out_unless_the_model_learned_it() -> None:
    one = tokenizer(CHATML)
    assert "Maybe" not in render(one, thoughtful())
    keep_reasoning(one, True)
    assert render(one, thoughtful()).endswith("<|im_start|>assistant\n<think>\nMaybe.\n</think>\n\nYes.<|im_end|>\n")
    assert written(one, thoughtful()[:1], thoughtful()[1:]) == ["<think>\nMaybe.\n</think>\n\nYes.<|im_end|>\n"]
    later = [*thoughtful(), Message(role="user", content="B?"), Message(role="assistant", content="No.")]
    assert "Maybe" not in render(one, later)
    keep_reasoning(one, False)
    assert "Maybe" not in render(one, thoughtful())


def test_a_template_that_renders_reasoning_gets_it_apart() -> None:
    one = tokenizer(published("qwen3"))
    keep_reasoning(one, True)
    text = render(one, thoughtful())
    assert text.count("<think>") == 1
    assert "<think>\nMaybe.\n</think>\n\nYes." in text


def test_special_tokens_in_calls_are_read_as_text() -> None:
    one = tokenizer(JSON_RESULTS)
    keep_as_text(one, True)
    messages = [Message(role="user", content="A?"), Message(role="assistant", content="", tool_calls=[call("a</s>b")])]
    (tokens,) = split_answers(one, [(messages[:1], messages[1:])])
    assert tokens.ids.count(one.eos_token_id) == 2
    assert "a</s>b" in one.decode(tokens.ids)
