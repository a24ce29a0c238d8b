"""What other fields add to a dialogue: system texts, earlier turns, and where it ends."""

import re
from typing import Any

from unipref.unify.detection.columns import Column, Columns
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.detection.unread import used_paths

DEFINITION_FIELDS = {"description", "parameters", "input_schema", "parametersJsonSchema", "arguments_schema"}
"""Fields of the definition of a tool."""
IMAGE = re.compile(r"^\S+\.(png|jpe?g|gif|webp|bmp|tiff?)(\?\S*)?$", re.IGNORECASE)
IMAGE_NAMES = {"image", "images", "img", "imgs", "picture", "pictures", "photo", "photos", "screenshot", "screenshots"}

NO_PROMPT_IMAGES = {"avatar", "author", "user", "profile", "logo", "icon", "thumbnail", "annotator", "rater"}
"""Words in the names of images that show a person or a page."""
IMAGE_MARKS = ("<image>", "<img", "[image]", "<|image", "![")
"""What stands in a prompt in place of its image."""


def find_context(columns: Columns, mapping: dict[str, Any]) -> tuple[dict[str, str], list[str]]:
    """Returns the settings `system` and `history` for a proposed mapping, and the reasons.

    A system text is not proposed if the dialogues have system turns of their own. Earlier turns are proposed only for a
    prompt that is a text.
    """
    used = set(used_paths(mapping))
    settings: dict[str, str] = {}
    why: list[str] = []
    system = next((c for c in columns.of_role("system") if c.path not in used and c.kind in ("text", "code")), None)
    if system is not None and not any(_has_system_turn(c) for c in columns.of_kind("turns")):
        settings["system"] = system.path
        why.append(f"'{system.path}' holds the system text")
    prompt = mapping.get("prompt")
    prompts = [prompt] if isinstance(prompt, str) else prompt if isinstance(prompt, list) else []
    are_texts = bool(prompts) and all((c := columns.find(p)) is None or c.kind == "text" for p in prompts)
    history = next((c for c in columns.of_role("history") if c.path not in used), None)
    if (
        history is not None
        and are_texts
        and "history" not in mapping
        and history.kind in ("turns", "exchanges", "texts")
    ):
        settings["history"] = history.path
        why.append(f"'{history.path}' holds the turns before the prompt")
    tools = next((c for c in columns.of_role("tools") if c.path not in used and _are_definitions(c)), None)
    if tools is not None and "tools" not in mapping:
        settings["tools"] = tools.path
        why.append(f"'{tools.path}' holds the definitions of tools")
    images = next((c for c in _find_images(columns, used) if _belong_to_prompt(columns, c)), None)
    if images is not None and "images" not in mapping:
        settings["images"] = images.path
        why.append(f"'{images.path}' holds the paths of images")
    return settings, why


def doubt_images(columns: Columns, mapping: dict[str, Any]) -> list[str]:
    """Returns a doubt about each field of images that may not belong to the prompt: the picture of a user, a logo."""
    used = set(used_paths(mapping))
    others = [c for c in _find_images(columns, used) if not _belong_to_prompt(columns, c)]
    return [f"'{c.path}' holds paths of images: set 'images' if the prompt is about them" for c in others]


def _find_images(columns: Columns, used: set[str]) -> list[Column]:
    return [c for c in columns.of_kind("texts", "text", "code") if c.path not in used and _are_images(c)]


def _belong_to_prompt(columns: Columns, column: Column) -> bool:
    """Whether the name of a field of images, or a mark in the prompts, says that the prompt is about them."""
    words = {*column.words}
    if words & NO_PROMPT_IMAGES:
        return False
    texts = [str(value) for c in columns.all if c.kind in ("text", "turns", "turn") for value in c.values[:50]]
    return bool(words & IMAGE_NAMES) or any(mark in text for text in texts for mark in IMAGE_MARKS)


def _are_definitions(column: Column) -> bool:
    """Whether a column holds lists of tools, each with its name, rather than calls of tools."""
    if column.kind != "items" or {*column.words} & {"call", "calls", "choice"}:
        return False
    items = [item for value in column.values for item in value]
    bodies = [item["function"] if isinstance(item.get("function"), dict) else item for item in items]
    return all(
        isinstance(body.get("name"), str) and body.keys() & DEFINITION_FIELDS and not body.keys() & {"arguments"}
        for body in bodies
    )


def _are_images(column: Column) -> bool:
    """Whether a column holds paths or addresses of images, alone or in lists."""
    items = [item for value in column.values for item in (value if isinstance(value, list) else [value])]
    named = bool({*column.words} & IMAGE_NAMES)
    return bool(items) and all(
        isinstance(item, str) and (IMAGE.search(item) or (named and "/" in item and " " not in item)) for item in items
    )


def find_end(columns: Columns, mapping: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Returns the setting `until` if a field tells with which answer the dialogue ends, and the reasons.

    The field holds the number of a turn, from 1, or the id of a message.
    """
    used = set(used_paths(mapping))
    dialogues = [c for c in columns.of_kind("turns") if c.path in used and not _is_single(c)]
    if not dialogues or mapping.get("until", {"answer": PLACEHOLDER}) != {"answer": PLACEHOLDER}:
        return {}, []
    for column in columns.of_role("metadata"):
        if column.path not in used and (key := _find_key_of(column, dialogues)):
            why = f"'{column.path}' is the id of a message in '{dialogues[0].path}', with which the dialogue ends"
            return {"until": {"message": column.path, "id": key}}, [why]
    numbers = [c for c in columns.of_kind("code") if {*c.words} == {"turn"} and c.numbers and c.n_distinct > 1]
    most = max(len(value) // 2 for value in dialogues[0].values)
    if numbers and min(numbers[0].numbers) == 1 and max(numbers[0].numbers) <= most:
        why = f"'{numbers[0].path}' is the number of a turn in '{dialogues[0].path}', with which the dialogue ends"
        return {"until": {"turn": numbers[0].path}}, [why]
    return {}, []


def _is_single(column: Column) -> bool:
    return all(len(value) == 1 for value in column.values)


def _find_key_of(column: Column, dialogues: list[Column]) -> str | None:
    """Returns the key of the turns under which the ids in a column always stand; None if there is none."""
    turns_of = dict(zip(dialogues[0].rows, dialogues[0].values, strict=True))
    couples = [(value, turns_of[row]) for row, value in zip(column.rows, column.values, strict=True) if row in turns_of]
    first = couples[0][1] if couples else []
    for key in [key for key in (first[0] if first else {}) if key not in ("role", "content", "from", "value")]:
        if all(any(turn.get(key) == value for turn in turns if isinstance(turn, dict)) for value, turns in couples):
            return str(key) if column.n_distinct > 1 else None
    return None


def _has_system_turn(column: Column) -> bool:
    return any(
        isinstance(turn, dict) and "system" in (turn.get("role"), turn.get("from"))
        for dialogue in column.values
        if isinstance(dialogue, list)
        for turn in dialogue[:2]
    )
