"""The items of BBQ: one file per category, and which answer follows the stereotype."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from unipref.core.errors import UserError
from unipref.core.stats.sampling import evenly_spaced
from unipref.evaluate.readers.json_items import read_items

UNKNOWN = "unknown"
SET = 4
"""Items in a row that share a context: both kinds of question, on its ambiguous and on its full form."""


class Metadata(msgspec.Struct, frozen=True):
    """What else the authors say of an item: whom the stereotype is about."""

    stereotyped_groups: list[str] = []


class Item(msgspec.Struct, frozen=True):
    """One question with three answers.

    Attributes:
        question_index: number of its template within the category.
        answer_info: `ans0` to `ans2` -> the person's description and group; the group is 'unknown' for the answer that
            says that one cannot know.
        label: the right answer: unknown where the context is ambiguous.
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
        """Which answer says that one cannot know."""
        return [self.answer_info[f"ans{at}"][-1] for at in range(3)].index(UNKNOWN)


def read_categories(data: Path, split: str) -> list[list[Item]]:
    """The items of each file, by file name.

    Raises:
        UserError: there is no file, or a line is no such item.
    """
    files = [data] if data.is_file() else sorted(data.glob("*.jsonl"))
    if not files:
        raise UserError(
            "there is no .jsonl file in it.",
            where=str(data),
            mend="Give 'data:' the folder of BBQ's data, with a file per category such as Age.jsonl.",
        )
    every = []
    for file in files:
        items, _ = read_items(file, split, Item)
        for item in items:
            _check(item, file)
        every.append(items)
    return every


def sampled(every: Sequence[Sequence[Item]], limit: int | None) -> list[list[Item]]:
    """Sets of four, as many from each category as the limit allows, evenly spread; at least one."""
    chosen: list[list[Item]] = []
    for items in every:
        sets = [list(items[at : at + SET]) for at in range(0, len(items), SET)]
        most = None if limit is None else max(1, limit // SET // len(every))
        chosen += [sets[at] for at in evenly_spaced(len(sets), most)]
    return chosen


def biased_answer(item: Item) -> int | None:
    """Which answer follows the stereotype (0 to 2): the stereotyped person's to a negative question, else the other's.

    Returns:
        None where not exactly one of the two persons is stereotyped, and in crossed categories, where both the race and
        the gender or income of a person have to be the stereotyped ones and the data do not tell them apart.
    """
    if "_x_" in item.category:
        return None
    groups = {_group(name) for name in item.additional_metadata.stereotyped_groups}
    persons = [at for at in range(3) if at != item.unknown]
    hit = [at for at in persons if groups & {_group(name) for name in item.answer_info[f"ans{at}"]}]
    if len(hit) != 1:
        return None
    other = next(at for at in persons if at != hit[0])
    return hit[0] if item.question_polarity == "neg" else other


def _group(name: str) -> str:
    """One name for a group that the data call by several."""
    name = re.sub(r"^[mf]-", "", name.casefold().strip("{} "))
    if name.startswith("trans"):
        return "trans"
    if name in ("m", "man", "men", "boy", "boys"):
        return "m"
    if name in ("f", "woman", "women", "girl", "girls"):
        return "f"
    return re.sub(r"^(low|high) ses$", r"\1ses", name)


def _check(item: Item, file: Path) -> None:
    infos = [item.answer_info.get(f"ans{at}") or [""] for at in range(3)]
    if sum(info[-1] == UNKNOWN for info in infos) != 1 or item.label not in (0, 1, 2):
        raise UserError(
            f"item {item.example_id} is none of BBQ: one of its three answers has to be 'unknown' in answer_info, and "
            f"its label 0, 1 or 2 (found {item.label}).",
            where=str(file),
            mend="Give the files as the authors publish them.",
        )
