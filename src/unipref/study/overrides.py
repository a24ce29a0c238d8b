"""Merges settings: a variant's into the study, and `--set key=value` into both."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unipref.core import yaml_files
from unipref.core.errors import UserError, near_name

TYPED_PATHS = ("data_root", "model")
"""Settings that, given on the command line, are relative to the working directory, not to the study file."""


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Returns settings with others merged into them: mappings key by key, all other values as a whole.

    A strategy of another name replaces the strategy and its settings: `{random: ...}` over `{cluster_quality: ...}`.
    """
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        if (
            isinstance(value, Mapping)
            and isinstance(below, Mapping)
            and not (key == "select" and below.keys() != value.keys())
        ):
            result[key] = merge(below, value)
        else:
            result[key] = merge({}, value) if isinstance(value, Mapping) else value
    return result


def expand_variables(value: str) -> str:
    """Fills in `~` and the environment variables of a path; unset variables stay as they are."""
    return os.path.expandvars(os.path.expanduser(value))


def expand_path(value: str, where: str) -> str:
    """Fills in the environment variables of a path.

    Raises:
        UserError: a variable is not set, or the path contains a NUL character.
    """
    path = expand_variables(value)
    if "\0" in path:
        raise UserError(f"the path {value!r} contains a NUL character.", where=where, mend="Remove it.")
    if unset := re.search(r"\$\{?(\w+)", path):
        raise UserError(
            f"'{value}' names the environment variable {unset[1]}, which is not set.",
            where=where,
            mend=f"Set {unset[1]}, or give the path with: --set {where}=FOLDER",
        )
    return path


def apply(raw: dict[str, Any], override: str) -> None:
    """Applies one `key=value` to the settings, in place.

    Dots join the parts of the key. An item of a list is named by its number, from 0, or by its name: that of a source,
    of a choice, or the one in the choice's setting `name` (`train.sft.max_steps=10`).

    Raises:
        UserError: the override is not `key=value`, the value is not YAML, or the key does not exist.
    """
    key, equals, text = override.partition("=")
    if not equals or not all(key.split(".")):
        raise UserError(
            f"invalid override '{override}': expected key=value.", where="--set", mend="For example: --set seeds=[0,1]"
        )
    value = yaml_files.parse(text, f"--set {key}")
    if key in TYPED_PATHS and isinstance(value, str) and Path(expand_variables(value)).exists():
        value = str(Path(expand_variables(value)).resolve())
    *path, last = key.split(".")
    current: dict[str, Any] | list[Any] = raw
    for depth, part in enumerate(path):
        where = f"--set {'.'.join(path[: depth + 1])}"
        if isinstance(current, list):
            current = _find_item(current, part, [*path, last][depth + 1], where)
        else:
            current = _find_settings(current, part, where)
        if depth == 0 and part == "select" and isinstance(current, dict):
            _keep_only(current, [*path, last][1])
    if isinstance(current, list):
        index = _find_index(current, last, f"--set {key}")
        current[index] = {last: value} if _find_choice_name(current[index]) == last else value
    else:
        current[last] = value


def _keep_only(choice: dict[str, Any], name: str) -> None:
    """Removes all choices but the one that is set."""
    for other in [k for k in choice if k != name]:
        del choice[other]


def _find_settings(current: dict[str, Any], key: str, where: str) -> dict[str, Any] | list[Any]:
    """The settings under a key; if the key is unset or the bare name of a strategy, makes it a mapping."""
    value = current.get(key)
    if value is None:
        value = current[key] = {}
    elif key == "select" and isinstance(value, str):
        value = current[key] = {value: {}}
    if not isinstance(value, dict | list):
        raise UserError(f"{value!r} has no settings inside.", where=where)
    return value


def _find_item(items: list[Any], part: str, following: str, where: str) -> dict[str, Any]:
    """An item of a list; for a choice, its settings, unless the choice's name is the next part of the key."""
    index = _find_index(items, part, where)
    if isinstance(items[index], str):
        items[index] = {items[index]: {}}
    item = items[index]
    if not isinstance(item, dict):
        raise UserError(f"{item!r} has no settings inside.", where=where)
    name = _find_choice_name(item)
    if name is None or name == following:
        return item
    item[name] = item[name] or {}
    settings: dict[str, Any] = item[name]
    return settings


def _find_index(items: list[Any], part: str, where: str) -> int:
    """The position of the item that a part of a key names."""
    names = [_list_names(item) for item in items]
    for i, item_names in enumerate(names):
        if part in item_names:
            return i
    if part.isdecimal() and int(part) < len(items):
        return int(part)
    mend = near_name(part, [name for item_names in names for name in item_names] or [str(i) for i in range(len(items))])
    raise UserError(f"the list of {len(items)} has no item '{part}'.", where=where, mend=mend)


def _find_choice_name(item: Any) -> str | None:
    """The name of a choice written as `name` or `{name: settings}`; None for other items."""
    if isinstance(item, dict) and len(item) == 1:
        ((name, settings),) = item.items()
        return str(name) if settings is None or isinstance(settings, dict) else None
    return item if isinstance(item, str) else None


def _list_names(item: Any) -> list[str]:
    """The names by which a key can refer to an item."""
    choice = _find_choice_name(item)
    own_name = item.get("name") if isinstance(item, dict) else None
    if choice is not None and isinstance(item, dict) and item[choice] is not None:
        own_name = item[choice].get("name")
    return [name for name in (own_name, choice) if isinstance(name, str)]
