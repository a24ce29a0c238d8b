"""Records of a run folder from plain values, as a test spells them out."""

from typing import Any

import msgspec

from unipref.core.run_folder import Manifest, SourceCounts, Verdicts


def manifest_from(values: dict[str, Any]) -> Manifest:
    return msgspec.convert(values, Manifest)


def sources_from(values: dict[str, Any]) -> dict[str, SourceCounts]:
    return msgspec.convert(values, dict[str, SourceCounts])


def verdicts_from(values: dict[str, Any]) -> Verdicts:
    return msgspec.convert({"claims": [], **values}, Verdicts)
