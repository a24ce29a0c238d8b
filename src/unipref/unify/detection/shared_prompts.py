"""Hashes of prompts, by which files that judge the same prompts are told."""

from collections.abc import Mapping
from typing import Any

from unipref.core.text_keys import digest, normalise
from unipref.unify.detection.columns import Columns


def hash_prompts(columns: Columns, mapping: Mapping[str, Any]) -> frozenset[str]:
    """Returns the hashes of the prompts of a mapping with one field of texts for them, without case and white space."""
    column = columns.find(str(mapping.get("prompt", "")))
    if column is None or column.kind not in ("text", "code"):
        return frozenset()
    return frozenset(digest("prompt", normalise(str(value))) for value in column.values)
