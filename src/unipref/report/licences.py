"""Says in words which licences of a mix restrict its use, or are unknown: as the sources state them, and no advice."""

import re
from collections.abc import Collection, Mapping

from unipref.core.records import UNKNOWN
from unipref.core.run_folder import Manifest, Selected, SourceCounts
from unipref.report.content import format_share

RESTRICTIONS = {
    "non-commercial": (
        r"\bnc\b|non[- ]?commercial|research[- ]only|(for|only) (non-profit |academic )?research|academic use",
        "their use for commercial purposes is not allowed",
    ),
    "no derivatives": (r"\bnd\b|no[- ]?deriv", "changed versions may not be shared"),
    "share-alike": (
        r"\bsa\b|share[- ]?alike|\b[al]?gpl|\bodbl|copyleft",
        "what is made from them and shared must have the same licence",
    ),
    "with conditions": (
        r"condition|\bterms\b|compete|stricter|restrict|openrail|llama|gemma",
        "they name conditions of their own",
    ),
}
"""What a licence restricts -> the pattern of its text, and what that means."""
_UNKNOWN = re.compile(
    r"^\W*(unknown|none|unclear|unspecified|not stated|other|n/?a|null)\b|which states none|^\W*$", re.IGNORECASE
)
_KNOWN = re.compile(
    r"apache|\bmit\b|\bbsd\b|cc-?0|\bcc[- ]by\b|odc-by|pddl|public domain|\bisc\b|unlicense|cdla|mpl|wtfpl|zlib|"
    r"creative commons attribution|attribution 4",
    re.I,
)
MEANING = (
    "These are the licences as the sources state them. Whether they bind a model that is trained on the data is a "
    "legal question, which unipref does not answer."
)


def find_restrictions(licence: str | None) -> list[str]:
    """Returns what a licence says: keys of RESTRICTIONS, 'unknown', or 'not recognised'; empty if it restricts nothing.

    Args:
        licence: its name or a sentence, as a source states it; None or empty: none is stated.
    """
    text = (licence or UNKNOWN).replace("_", "-")
    if _UNKNOWN.search(text):
        return [UNKNOWN]
    names = [name for name, (pattern, _) in RESTRICTIONS.items() if re.search(pattern, text, re.I)]
    return names or ([] if _KNOWN.search(text) else ["not recognised"])


_HUB_IDS = re.compile(
    r"apache-2\.0|mit|cc-by(?:-nc)?(?:-sa|-nd)?-[234]\.[05]|cc0-1\.0|odc-by|odbl|pddl|bsd-[23]-clause|isc|unlicense|wtfpl|zlib|"
    r"mpl-2\.0|[al]?gpl-[23]\.0|cdla-(?:permissive-[12]\.0|sharing-1\.0)|openrail|llama[23](?:\.[1-4])?|gemma"
)
"""The names of licences in the metadata of a repository on the hub."""


def combine_licences(licences: Collection[str | None]) -> dict[str, str]:
    """Returns the metadata that state the licence of a mix: that of all its sources, or that they differ.

    Args:
        licences: of each source, as it states it.
    """
    names = {re.sub(r"[\s_]+", "-", (licence or UNKNOWN).strip().lower()) for licence in licences}
    if len(names) == 1 and _HUB_IDS.fullmatch(name := min(names)):
        return {"license": name}
    return {"license": "other", "license_name": "of-its-sources", "license_link": "#licences"}


def list_hub_datasets(sources: Mapping[str, SourceCounts]) -> list[str]:
    """Returns the datasets on the hub that sources come from, as OWNER/NAME."""
    files = (file for source in sources.values() for file in source.files)
    return sorted({match[1] for file in files if (match := _HUB_FILE.match(file))})


_HUB_FILE = re.compile(r"hf://datasets/([^/@]+/[^/@]+)")


def describe_licences(sources: Mapping[str, SourceCounts], counts: Mapping[str, int], of_what: str) -> list[str]:
    """Writes a sentence per restriction: the sources with their licences, their share, and what it means.

    Args:
        sources: name -> source, with its licence.
        counts: source -> number of its preferences in the mix.
        of_what: what the share is a share of.
    """
    by_restriction: dict[str, list[str]] = {}
    for name, source in sources.items():
        for restriction in find_restrictions(source.licence):
            by_restriction.setdefault(restriction, []).append(name)
    total, sentences = sum(counts.values()), []
    for restriction in (*RESTRICTIONS, "not recognised", UNKNOWN):
        if names := by_restriction.get(restriction):
            part = sum(counts.get(name, 0) for name in names)
            share = f"{part:,} of {total:,} {of_what} ({format_share(part, total)})"
            listed = ", ".join(f"{name} ({sources[name].licence or UNKNOWN})" for name in names)
            sentences.append(f"{_HEADS[restriction]}: {listed}; {share}. {_meaning(restriction)}")
    return sentences


_HEADS = {name: f"{name[0].upper()}{name[1:]}" for name in RESTRICTIONS} | {
    "not recognised": "A licence that unipref does not know",
    UNKNOWN: "No licence stated, or an unclear one",
}


def _meaning(restriction: str) -> str:
    if restriction == UNKNOWN:
        return "Without a licence, nothing says that the data may be used or shared: ask their publishers."
    if restriction == "not recognised":
        return "Read it before you use or share the model."
    return f"By such licences, {RESTRICTIONS[restriction][1]}."


def count_training(manifest: Manifest, variant: str, seed: str | None) -> tuple[dict[str, int], str]:
    """Returns source -> preferences in the training part, and what they are: selected, or before selection.

    Args:
        manifest: of the run.
        variant: its name.
        seed: None: the first.
    """
    by_seed = manifest.selected.get(variant, {})
    selected: Selected | None = by_seed.get(seed) if seed is not None else next(iter(by_seed.values()), None)
    if selected is not None and selected.by_source:
        return {name: kept for name, (_, kept) in selected.by_source.items()}, "preferences selected for training"
    sources = manifest.sources_of(variant)
    return {name: source.preferences or 0 for name, source in sources.items()}, "preferences of all sources"
