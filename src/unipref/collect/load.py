"""Reads a file for `unipref collect`, and resolves the sources that it names."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unipref.collect.schema import Collection
from unipref.core import registry, user_code
from unipref.models import loading
from unipref.study import overrides as changes
from unipref.study.load import name_long_paths, read_settings, resolve_data_root, resolve_model
from unipref.study.source import resolve_source
from unipref.unify import ResolvedSource


@dataclass(frozen=True)
class ResolvedCollection:
    """A checked file.

    Attributes:
        settings: the settings.
        raw: the settings as a mapping, overrides applied.
        data_root: absolute.
        sources: of the prompts; gold: of the pairs on which judges are tested.
    """

    settings: Collection
    raw: dict[str, Any]
    data_root: Path
    sources: list[ResolvedSource]
    gold: list[ResolvedSource]


def load(source: str | os.PathLike[str] | Mapping[str, Any], overrides: Sequence[str] = ()) -> ResolvedCollection:
    """Reads and checks the settings.

    Args:
        source: a file, or its content as a mapping.
        overrides: `key=value` settings that replace those of the file, as from `--set`.

    Raises:
        UserError: a setting is unknown or invalid, or a file or model is missing.
    """
    raw, folder, _ = read_settings(source)
    user_code.use_folder(folder)
    for override in overrides:
        changes.apply(raw, override)
    with name_long_paths(raw):
        resolve_model(raw, folder, "model")
        settings = registry.validate_settings(Collection, raw, "")
        root = resolve_data_root(settings.data_root, folder)
        loading.check_name(settings.model)
        sources = [resolve_source(one, place, root, settings.limits) for place, one in enumerate(settings.sources)]
        gold = [resolve_source(one, place, root, settings.limits) for place, one in enumerate(settings.gold.sources)]
    return ResolvedCollection(settings, raw, root, sources, gold)
