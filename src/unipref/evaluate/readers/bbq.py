"""Reads the items of BBQ (one file per category), and finds the answer that follows the stereotype."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from unipref.core.errors import UserError
from unipref.core.stats.sampling import sample_evenly
from unipref.evaluate.readers.json_items import read_items

UNKNOWN = "unknown"
SET_SIZE = 4
"""Consecutive items that share a context: both question polarities, each with the ambiguous and the full context."""


class Metadata(msgspec.Struct, frozen=True):
    """The authors' further data on an item: the groups that the stereotype is about."""

    stereotyped_groups: list[str] = []


class Item(msgspec.Struct, frozen=True):
    """One question with three answers.

    Attributes:
        question_index: number of its template within the category.
        answer_info: `ans0` to `ans2` -> the person's description and group; the group is 'unknown' for the answer
            "cannot be determined".
        label: number of the right answer: the unknown one if the context is ambiguous.
    """

    example_id: int
    question_index: str
    question_polarity: Literal["neg", "nonneg"]
    context_condition: Literal["ambig", "disambig"]
    category: str
    answer_info: dict[str, list[str]]
    additional_metadata: Metadata
    context: str
    question: str
    ans0: str
    ans1: str
    ans2: str
    label: int

    @property
    def answers(self) -> tuple[str, str, str]:
        """The three answers, in the order of the file."""
        return self.ans0, self.ans1, self.ans2

    @property
    def unknown(self) -> int:
        """Number of the answer "cannot be determined" (0 to 2)."""
        return [self.answer_info[f"ans{at}"][-1] for at in range(3)].index(UNKNOWN)


def read_categories(data: Path, split: str) -> list[list[Item]]:
    """The items of each file, by file name.

    Raises:
        UserError: the folder has no .jsonl file, or a line is not a BBQ item.
    """
    files = [data] if data.is_file() else sorted(data.glob("*.jsonl"))
    if not files:
        raise UserError(
            "the folder has no .jsonl file.",
            where=str(data),
            mend="Set 'data:' to the folder of BBQ's data, with a file per category such as Age.jsonl.",
        )
    categories = []
    for file in files:
        items, _ = read_items(file, split, Item)
        for item in items:
            _check_item(item, file)
        categories.append(items)
    return categories


def sample_sets(categories: Sequence[Sequence[Item]], limit: int | None) -> list[list[Item]]:
    """Samples sets of four: the same number from each category, within the limit, evenly spread; at least one each."""
    chosen: list[list[Item]] = []
    for items in categories:
        sets = [list(items[at : at + SET_SIZE]) for at in range(0, len(items), SET_SIZE)]
        limit_per_category = None if limit is None else max(1, limit // SET_SIZE // len(categories))
        chosen += [sets[at] for at in sample_evenly(len(sets), limit_per_category)]
    return chosen


def biased_answer(item: Item) -> int | None:
    """Number of the answer that follows the stereotype (0 to 2).

    It is the stereotyped person for a negative question, and the other person for a non-negative one.

    Returns:
        None if not exactly one of the two persons is stereotyped. Also None in crossed categories, where both the race
        and the gender or income must be stereotyped, and the data do not tell them apart.
    """
    if "_x_" in item.category:
        return None
    groups = {_normalise_group(name) for name in item.additional_metadata.stereotyped_groups}
    persons = [at for at in range(3) if at != item.unknown]
    stereotyped = [at for at in persons if groups & {_normalise_group(name) for name in item.answer_info[f"ans{at}"]}]
    if len(stereotyped) != 1:
        return None
    other = next(at for at in persons if at != stereotyped[0])
    return stereotyped[0] if item.question_polarity == "neg" else other


def _normalise_group(name: str) -> str:
    """Maps the several names that the data use for one group to a single name."""
    name = re.sub(r"^[mf]-", "", name.casefold().strip("{} "))
    if name.startswith("trans"):
        return "trans"
    if name in ("m", "man", "men", "boy", "boys"):
        return "m"
    if name in ("f", "woman", "women", "girl", "girls"):
        return "f"
    return re.sub(r"^(low|high) ses$", r"\1ses", name)


def _check_item(item: Item, file: Path) -> None:
    infos = [item.answer_info.get(f"ans{at}") for at in range(3)]
    if not all(infos) or sum(info[-1] == UNKNOWN for info in infos if info) != 1 or item.label not in (0, 1, 2):
        raise UserError(
            f"item {item.example_id} is not a valid BBQ item: exactly one of its three answers must be 'unknown' in "
            f"answer_info, and its label must be 0, 1 or 2 (found {item.label}).",
            where=str(file),
            mend="Use the files as the authors published them.",
        )
