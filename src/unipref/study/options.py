"""What a study can name: formats, datasets, scorers, strategies, trainers and benchmarks, with their settings."""

import inspect
from typing import Any

from unipref.core import registry
from unipref.core.errors import UserError, near_name
from unipref.sources import catalog

KIND_OF = {
    "formats": "format",
    "scorers": "scorer",
    "strategies": "strategy",
    "trainers": "trainer",
    "benchmarks": "benchmark",
}


def entries(what: str) -> list[dict[str, Any]]:
    """Each choice with what it is and its settings, or each known dataset.

    Raises:
        UserError: `what` is none of formats, datasets, scorers, strategies, trainers, benchmarks.
    """
    if what == "datasets":
        return [entry.model_dump() for entry in catalog.DATASETS]
    if what not in KIND_OF:
        raise UserError(f"there is no list of '{what}'.", mend=near_name(what, [*KIND_OF, "datasets"]))
    return [_entry(choice) for choice in registry.every(KIND_OF[what])]


def _entry(choice: type[Any]) -> dict[str, Any]:
    settings = [
        {
            "name": field.alias or name,
            "default": None if field.is_required() else _shown(field.get_default(call_default_factory=True)),
            "required": field.is_required(),
            "about": field.description or "",
        }
        for name, field in choice.model_fields.items()
    ]
    return {"name": choice.name(), "about": inspect.cleandoc(choice.__doc__ or ""), "settings": settings}


def _shown(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump()
    if isinstance(value, dict):
        return {key: _shown(inner) for key, inner in value.items()}
    return [_shown(inner) for inner in value] if isinstance(value, list | tuple | set | frozenset) else value


def as_text(found: list[dict[str, Any]]) -> str:
    """The entries for a reader."""
    blocks = []
    for entry in found:
        lines = [entry["name"], *(f"  {line}" for line in entry["about"].splitlines())]
        for setting in entry.get("settings", []):
            default = "required" if setting["required"] else f"default {setting['default']!r}"
            about = " ".join(setting["about"].split())
            lines.append(f"    {setting['name']}: {about} ({default})")
        if "licence" in entry:
            lines.append(f"    {entry['format']}, {entry['objective']}, {entry['licence']}, from {entry['origin']}")
            lines += [f"    note: {fault}" for fault in entry["faults"]]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)
