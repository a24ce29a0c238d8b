"""Lists all choices: each kind of the registry, and the known datasets."""

import inspect
from typing import Any

from unipref.core import registry
from unipref.core.contracts import Export
from unipref.core.errors import UserError, near_name
from unipref.sources import catalog

KIND_OF = {group.removeprefix("unipref."): kind for kind, group in registry.GROUPS.items()}
"""What can be listed -> its kind; the word is that of the kind's entry points."""


def list_kinds() -> list[str]:
    """Lists the words that `list_entries` takes."""
    return sorted([*KIND_OF, "datasets"])


def list_entries(what: str, installed: bool = True) -> list[dict[str, Any]]:
    """Returns each choice with its description and settings, or each known dataset.

    Args:
        what: one of `list_kinds`.
        installed: also list the choices of installed packages, including broken ones.

    Raises:
        UserError: `what` is another word.
    """
    if what == "datasets":
        return [entry.model_dump() for entry in catalog.DATASETS]
    if what not in KIND_OF:
        raise UserError(f"unknown list '{what}'.", mend=near_name(what, list_kinds()))
    kind = KIND_OF[what]
    usable = [
        _describe_choice(choice)
        for choice in registry.find_all(kind)
        if installed or registry.find_package(choice) is None
    ]
    unusable = registry.find_broken(kind) if installed else {}
    return usable + [{"name": name, "about": f"cannot be used: {error}"} for name, error in unusable.items()]


def _describe_choice(choice: type[Any]) -> dict[str, Any]:
    """Name, description and settings of one choice; `package` for that of an installed package."""
    settings = [
        {
            "name": field.alias or name,
            "default": None if field.is_required() else _to_plain(field.get_default(call_default_factory=True)),
            "required": field.is_required(),
            "about": field.description or "",
        }
        for name, field in choice.model_fields.items()
    ]
    entry = {"name": choice.name(), "about": inspect.cleandoc(choice.__doc__ or ""), "settings": settings}
    if issubclass(choice, Export):
        entry |= {"origin": choice.origin, "seen": choice.seen, "verified": choice.verified}
    package = registry.find_package(choice)
    return entry if package is None else {**entry, "package": package}


def _to_plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump()
    if isinstance(value, dict):
        return {key: _to_plain(inner) for key, inner in value.items()}
    return [_to_plain(inner) for inner in value] if isinstance(value, list | tuple | set | frozenset) else value


def format_entries(choices: list[dict[str, Any]]) -> str:
    """Formats the entries as indented text."""
    blocks = []
    for entry in choices:
        lines = [entry["name"], *(f"  {line}" for line in entry["about"].splitlines())]
        for setting in entry.get("settings", []):
            default = "required" if setting["required"] else f"default {setting['default']!r}"
            about = " ".join(setting["about"].split())
            lines.append(f"    {setting['name']}: {about} ({default})")
        if "package" in entry:
            lines.append(f"    from the installed package {entry['package']}")
        if "seen" in entry and "licence" not in entry:
            lines += [f"    from {entry['origin']}", f"    {entry['verified']}: {entry['seen']}"]
        if "licence" in entry:
            lines.append(f"    {entry['format']}, {entry['objective']}, {entry['licence']}, from {entry['origin']}")
            lines += [f"    note: {fault}" for fault in entry["faults"]]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)
