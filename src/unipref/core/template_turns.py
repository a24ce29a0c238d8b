"""Messages in the form that a chat template takes: tool calls with their arguments as data, and reasoning or not.

A template may ignore tools, tool calls or their results without a word. `find_unrendered` renders a short dialogue once
per tokenizer to see what the template writes.

Templates of models that read images iterate over a list of parts: a plain text would be rendered as nothing. Such a
template gets every content as a list. Only
`to_turns_with_images` puts images into it: who renders without it passes no images to the model.

By default a model reads and writes answers without their reasoning. A model trained with it has `TRAINED` in its
tokenizer's configuration, under `SETTING`; all code that renders dialogues reads that setting.
"""

import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unipref.core.messages import REASONING_KEYS, drop_empty_parts, have_parts, parse_json, parts_of, replace_texts
from unipref.core.records import Message, Messages
from unipref.core.special_tokens import keeps_as_text, protect, protect_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SETTING, TRAINED = "reasoning_in_answers", "train"
"""The entry of a tokenizer's configuration, and its value if the model writes reasoning before its answers."""
TOOLS, CALLS, RESULTS, IMAGES = "tools", "tool_calls", "tool_results", "images"
"""Parts of a dialogue that a template may not render."""
RESULTS_APART = "tool_results_apart"
"""Results of tools inside an answer, at places that can be told from the answer's."""
WORDS = {
    TOOLS: "tools",
    CALLS: "tool calls",
    RESULTS: "the results of tools",
    RESULTS_APART: "the results of tools at places that can be told from the answer's",
    IMAGES: "images",
}
PROBE = "probe7391"
CALL_ID = "abcdefgh1"
"""An id of nine letters and digits, which is all that some templates accept."""


def keeps_reasoning(tokenizer: "PreTrainedTokenizerBase") -> bool:
    """Whether the tokenizer's model writes reasoning before its answers."""
    return bool(tokenizer.init_kwargs.get(SETTING) == TRAINED)


def keep_reasoning(tokenizer: "PreTrainedTokenizerBase", is_kept: bool) -> None:
    """Sets whether the model writes reasoning before its answers; it is saved with the tokenizer."""
    if is_kept:
        tokenizer.init_kwargs[SETTING] = TRAINED
    else:
        tokenizer.init_kwargs.pop(SETTING, None)


def to_turns(
    tokenizer: "PreTrainedTokenizerBase", messages: Messages, tools: Any = None
) -> tuple[list[dict[str, Any]], Any]:
    """Returns the turns and the tools as the chat template takes them; special tokens in texts are marked.

    Args:
        tokenizer: with a chat template.
        messages: the dialogue; its first turn may hold the tools.
        tools: definitions, if they are not in the first turn.
    """
    if not tools and not have_parts(messages):
        plain: Any = protect(tokenizer, [drop_empty_parts(message) for message in messages])
        return (list(map(_split_content, plain)) if _abilities_of(tokenizer).takes_list else plain), None
    last_user = max((at for at, message in enumerate(messages) if message["role"] == "user"), default=-1)
    is_kept = keeps_reasoning(tokenizer)
    turns = [_to_turn(tokenizer, message, is_kept, is_answer=at > last_user) for at, message in enumerate(messages)]
    own = messages[0].get("tools")
    tools = parse_json(own) if own else tools or None
    if keeps_as_text(tokenizer):
        turns, tools = ([_protect(tokenizer, turn) for turn in turns], replace_texts(tools, _protector(tokenizer)))
    return (list(map(_split_content, turns)) if _abilities_of(tokenizer).takes_list else turns), tools


def _split_content(turn: dict[str, Any], places: Iterable[int] = ()) -> dict[str, Any]:
    """Returns a turn with its text as a list of parts, and an image at each place, in characters of the text."""
    text, parts, begin = turn["content"], list[dict[str, Any]](), 0
    for at in places:
        if begin < at:
            parts.append({"type": "text", "text": text[begin:at]})
        parts.append({"type": "image"})
        begin = at
    if text[begin:] or not parts:
        parts.append({"type": "text", "text": text[begin:]})
    return {**turn, "content": parts}


def to_turns_with_images(tokenizer: "PreTrainedTokenizerBase", messages: Messages) -> tuple[list[dict[str, Any]], Any]:
    """As `to_turns`, with a mark for each image of a message.

    Args:
        tokenizer: with a chat template that `takes_images`; it does not keep special tokens as text, because their
            marks would move the places of images.
        messages: the dialogue.
    """
    turns, tools = to_turns(tokenizer, messages)
    for at, message in enumerate(messages):
        if images := message.get("images"):
            content = turns[at]["content"]
            text = content if isinstance(content, str) else "".join(part["text"] for part in content)
            # Reasoning may stand before the text.
            before = len(text) - len(message["content"])
            turns[at] = _split_content({**turns[at], "content": text}, [before + image["at"] for image in images])
    return turns, tools


def takes_list(tokenizer: "PreTrainedTokenizerBase") -> bool:
    """Whether the chat template takes a text only as a list of parts."""
    return _abilities_of(tokenizer).takes_list


def takes_images(tokenizer: "PreTrainedTokenizerBase") -> bool:
    """Whether the chat template writes a mark for an image in a list of parts."""
    return _abilities_of(tokenizer).marks_images


def _to_turn(
    tokenizer: "PreTrainedTokenizerBase", message: Message, with_reasoning: bool, is_answer: bool
) -> dict[str, Any]:
    turn: dict[str, Any] = {"role": message["role"], "content": message["content"]}
    parts = parts_of(message)
    turn |= {key: parts[key] for key in ("tool_call_id", "name") if key in parts}
    if "tool_calls" in parts:
        as_text = _abilities_of(tokenizer).takes_text
        turn["tool_calls"] = [_to_call(call, as_text) for call in parts["tool_calls"]]
    if with_reasoning and "reasoning" in parts:
        key = _abilities_of(tokenizer).reasoning
        if key is not None:
            turn[key] = parts["reasoning"]
        elif is_answer:
            turn["content"] = f"<think>\n{parts['reasoning']}\n</think>\n\n{message['content']}"
    return turn


def _to_call(call: dict[str, Any], as_text: bool) -> dict[str, Any]:
    arguments = call["function"]["arguments"]
    function = {"name": call["function"]["name"], "arguments": arguments if as_text else parse_json(arguments)}
    return {**({"id": call["id"]} if call["id"] else {}), "type": "function", "function": function}


def _protector(tokenizer: "PreTrainedTokenizerBase") -> Any:
    return lambda text: protect_text(tokenizer, text)


def _protect(tokenizer: "PreTrainedTokenizerBase", turn: dict[str, Any]) -> dict[str, Any]:
    return {
        "role": turn["role"],
        **replace_texts({k: v for k, v in turn.items() if k != "role"}, _protector(tokenizer)),
    }


def find_unrendered(
    tokenizer: "PreTrainedTokenizerBase", messages: Messages, tools: Any = None, rendered: Iterable[str] = ()
) -> str | None:
    """Finds a part of the dialogue that the chat template does not render; None if it renders all.

    Args:
        tokenizer: with a chat template.
        messages: the dialogue; its first turn may hold the tools.
        tools: definitions, if they are not in the first turn.
        rendered: further parts that the caller renders.
    """
    if not tools and not have_parts(messages) and all(message["role"] != "tool" for message in messages):
        return None
    abilities = _abilities_of(tokenizer)
    for part in _list_parts(messages, tools):
        if part not in abilities.parts and part not in rendered:
            return part
    return None


def _list_parts(messages: Iterable[Message], tools: Any) -> Iterable[str]:
    if tools:
        yield TOOLS
    for message in messages:
        if message["role"] == "tool":
            yield RESULTS
        if message.get("tools"):
            yield TOOLS
        if message.get("tool_calls"):
            yield CALLS
        if message.get("images"):
            yield IMAGES


@dataclass(frozen=True)
class _Abilities:
    """What a chat template renders.

    Attributes:
        template: the template.
        parts: of dialogues.
        reasoning: the key of reasoning; None if it renders none.
        takes_text: whether it takes the arguments of calls as JSON text, not as data.
        takes_list: whether it renders a text only as a list of parts.
        marks_images: whether it writes something for an image in a list of parts.
    """

    template: str
    parts: frozenset[str]
    reasoning: str | None
    takes_text: bool
    takes_list: bool
    marks_images: bool


_ABILITIES: "weakref.WeakKeyDictionary[Any, _Abilities]" = weakref.WeakKeyDictionary()


def _abilities_of(tokenizer: "PreTrainedTokenizerBase") -> _Abilities:
    template = str(tokenizer.chat_template)
    abilities = _ABILITIES.get(tokenizer)
    if abilities is None or abilities.template != template:
        abilities = _ABILITIES[tokenizer] = _probe(tokenizer, template)
    return abilities


def _probe(tokenizer: "PreTrainedTokenizerBase", template: str) -> _Abilities:
    """Renders short dialogues to see which parts the template writes."""
    takes_list, marks_images = _probe_lists(tokenizer)
    user = _wrap({"role": "user", "content": "a"}, takes_list)
    parts = {TOOLS} if _renders(tokenizer, [user], [_make_tool(PROBE)]) else set()
    takes_text = False
    for arguments in ({"x": 1}, '{"x": 1}'):
        rendered = set(_probe_calls(tokenizer, user, arguments, takes_list))
        if CALLS in rendered or not takes_text:
            takes_text = isinstance(arguments, str) and CALLS in rendered
            parts |= rendered
        if CALLS in rendered:
            break
    answer = _wrap({"role": "assistant", "content": "b"}, takes_list)
    reasoning = (key for key in REASONING_KEYS if _renders(tokenizer, [user, {**answer, key: PROBE}], None))
    return _Abilities(template, frozenset(parts), next(reasoning, None), takes_text, takes_list, marks_images)


def _probe_lists(tokenizer: "PreTrainedTokenizerBase") -> tuple[bool, bool]:
    """Returns whether the template takes a text only as a list of parts, and whether it marks an image in such a list.

    A template for texts alone may write the list itself, with its keys.
    """
    text = {"type": "text", "text": PROBE}
    plain, alone, behind = (
        _render(tokenizer, [{"role": "user", "content": content}], None)
        for content in (PROBE, [text], [{"type": "image"}, text])
    )
    if PROBE not in alone or "'type'" in alone or '"type"' in alone:
        return False, False
    return PROBE not in plain, PROBE in behind and behind != alone


def _wrap(turn: dict[str, Any], takes_list: bool) -> dict[str, Any]:
    return _split_content(turn) if takes_list else turn


def _probe_calls(
    tokenizer: "PreTrainedTokenizerBase", user: dict[str, Any], arguments: Any, takes_list: bool
) -> Iterable[str]:
    """Yields which of calls and results the template renders."""
    result = _wrap({"role": "tool", "content": PROBE, "tool_call_id": CALL_ID, "name": "other"}, takes_list)
    for part, name, later in ((CALLS, PROBE, []), (RESULTS, "other", [result])):
        call = {"id": CALL_ID, "type": "function", "function": {"name": name, "arguments": arguments}}
        turns = [user, {**_wrap({"role": "assistant", "content": ""}, takes_list), "tool_calls": [call]}, *later]
        if any(_renders(tokenizer, turns, tools) for tools in ([_make_tool("other")], None)):
            yield part


def _make_tool(name: str) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {"x": {"type": "integer", "description": "b"}}, "required": ["x"]}
    return {"type": "function", "function": {"name": name, "description": "c", "parameters": parameters}}


def _renders(tokenizer: "PreTrainedTokenizerBase", turns: list[dict[str, Any]], tools: Any) -> bool:
    return PROBE in _render(tokenizer, turns, tools)


def _render(tokenizer: "PreTrainedTokenizerBase", turns: list[dict[str, Any]], tools: Any) -> str:
    """Renders turns; empty if the template refuses them."""
    try:
        # Of the class: an object's own method may be the one that calls this module.
        apply = type(tokenizer).apply_chat_template
        return str(apply(tokenizer, turns, tools=tools, tokenize=False))
    except MemoryError:
        raise
    except Exception:  # the template is code that came with the model: it may raise anything
        return ""
