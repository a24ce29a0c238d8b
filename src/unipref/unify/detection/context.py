"""What stands before the dialogue: system texts and earlier turns in fields of their own."""

from typing import Any

from unipref.unify.detection.columns import Column, Columns
from unipref.unify.detection.unread import used_paths


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
    return settings, why


def _has_system_turn(column: Column) -> bool:
    return any(
        isinstance(turn, dict) and "system" in (turn.get("role"), turn.get("from"))
        for dialogue in column.values
        if isinstance(dialogue, list)
        for turn in dialogue[:2]
    )
