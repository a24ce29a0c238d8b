"""Names of annotators that may be two spellings of one person's: `JR` and `jr`."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from unipref.core.display import quote_yaml, shorten_name

MOST_GROUPS = 5
"""Most groups of near names that are described."""


def find_near_names(names: Iterable[str]) -> list[list[str]]:
    """Returns the groups of names that differ only in case, accents' form, spaces and marks, sorted."""
    groups: dict[str, set[str]] = {}
    for name in names:
        plain = unicodedata.normalize("NFKC", name).casefold()
        letters = "".join(filter(str.isalnum, plain))
        groups.setdefault(letters or plain, set()).add(name)
    return sorted(sorted(group) for group in groups.values() if len(group) > 1)


def describe_near_names(names: Iterable[str]) -> Iterator[str]:
    """Yields a sentence for each group of near names: they count as different people."""
    groups = find_near_names(names)
    for group in groups[:MOST_GROUPS]:
        setting = f"{_show_setting(group)} in every source that names {_list_names(group[1:], 'or')}"
        yield f"{_list_names(group)} count as {len(group)} annotators; if they are one, set {setting}"
    if len(groups) > MOST_GROUPS:
        yield f"{len(groups) - MOST_GROUPS} more groups of annotators have nearly the same name"


def _list_names(group: Sequence[str], word: str = "and") -> str:
    *first, last = (f"'{shorten_name(name)}'" for name in group)
    return f"{', '.join(first)} {word} {last}" if first else last


def _show_setting(group: Sequence[str]) -> str:
    first, *others = (quote_yaml(shorten_name(name)) for name in group)
    codes = ", ".join(f"{name}: {first}" for name in others)
    return f"annotator_codes: {{{codes}}}"
