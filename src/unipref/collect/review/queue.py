"""The list of preferences to review: which they are, in which order, and their texts. It is kept in the folder."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from unipref.collect.review.reasons import CONTRADICTION, Ranked, rank_preferences, share_places
from unipref.core import hashing, json_files, parquet
from unipref.core.errors import UserError
from unipref.core.messages import drop_empty_parts
from unipref.core.records import Message, Messages
from unipref.core.text_keys import answer_key, digest, prompt_key

QUEUE = "queue.json"
VERSION = 1
MOST = 100
"""Number of preferences in the first list, if the user says nothing."""
Side = Literal["first", "second"]


class Item(msgspec.Struct, frozen=True):
    """A preference to review. Which of its answers is called the first one is decided by a hash.

    Attributes:
        pair: key of the prompt and both answers in any order; prompt_key: of the prompt.
        preference, source, objective: its id, source and objective.
        reasons: why it is in the list.
        confidence: of the data in its label; None if it is not known.
        prompt: messages up to the user turn to answer.
        first, second: the turns of both answers.
        data: the answer that the data calls better.
    """

    pair: str
    prompt_key: str
    preference: str
    source: str
    objective: str
    reasons: list[str]
    confidence: float | None
    prompt: Messages
    first: Messages
    second: Messages
    data: Side


class Queue(msgspec.Struct):
    """The list.

    Attributes:
        version, key: what it was made from.
        most: number of places; total: number of preferences with two answers in the run.
        unfit: preferences that a page of texts cannot show: with images, or with tools declared.
        items: the list in order.
    """

    version: int
    key: str
    most: int
    total: int
    unfit: int
    items: list[Item]

    def count_reasons(self) -> Counter[str]:
        """Returns reason -> items; an item may have several."""
        return Counter(reason for item in self.items for reason in item.reasons)


def open_queue(run: Path, folder: Path, most: int | None, progress: Callable[[str, int, int], None]) -> Queue:
    """Reads the list of a run, or makes and keeps it if there is none of this run and size.

    Args:
        run: the run folder.
        folder: of the review.
        most: number of preferences; None: that of the kept list, or 100.
        progress: is told what is read, and how much of it.

    Raises:
        UserError: the run has no preferences that can be shown, or a file is damaged.
    """
    path = folder / QUEUE
    kept = _read_kept(path)
    number = most or (MOST if kept is None else kept.most)
    key = hashing.json_hash([VERSION, number, *_describe_files(run)])
    if kept is not None and kept.key == key:
        return kept
    queue = _make_queue(run, number, key, progress)
    folder.mkdir(parents=True, exist_ok=True)
    with json_files.replace_file(path) as file:
        file.write(msgspec.json.encode(queue))
    return queue


def _read_kept(path: Path) -> Queue | None:
    """Reads a list; None if there is none, or if it is damaged or of another version."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Queue)
    except (msgspec.MsgspecError, OSError):
        return None


def _describe_files(run: Path) -> Iterator[list[Any]]:
    """Yields what identifies the content of the files that the list is made from."""
    files = [run / "unified" / name for name in ("preferences.parquet", "judgements.parquet")]
    for path in (*files, *sorted(run.glob("selected*/*/*/decisions.parquet"))):
        if path.is_file():
            record = path.parent / hashing.RECORD
            written = record.read_bytes().hex() if record.is_file() else str(path.stat().st_mtime_ns)
            yield [path.relative_to(run).as_posix(), path.stat().st_size, written]


def _make_queue(run: Path, most: int, key: str, progress: Callable[[str, int, int], None]) -> Queue:
    preferences = run / "unified" / "preferences.parquet"
    if not preferences.is_file():
        mend = "Make them first: unipref unify STUDY -o RUN" if run.is_dir() else "Give the folder of a run."
        raise UserError("the run has no preferences.", where=str(run), mend=mend)
    ranked = rank_preferences(run, most, progress)
    items, contradictory, unfit = _read_items(preferences, ranked, progress)
    by_reason = {reason: _list_pairs(items, ids) for reason, ids in ranked.ids.items()}
    by_reason[CONTRADICTION] = _list_pairs(items, contradictory)
    shared = share_places(by_reason, most)
    if not shared:
        why = "no preference has two answers" if not ranked.total else "all preferences hold images or tools"
        raise UserError(f"there is nothing to review: {why}.", where=str(preferences), mend="Review another run.")
    of_pair = {item.pair: item for item in reversed(items.values())}
    chosen = [msgspec.structs.replace(of_pair[pair], reasons=reasons) for pair, reasons in shared.items()]
    return Queue(VERSION, key, most, ranked.total, unfit, chosen)


def _list_pairs(items: Mapping[str, Item], ids: list[str]) -> list[str]:
    """Returns the pairs of preferences; copies, also with the opposite label, are one pair."""
    return list(dict.fromkeys(items[one].pair for one in ids if one in items))


def _read_items(
    preferences: Path, ranked: Ranked, progress: Callable[[str, int, int], None]
) -> tuple[dict[str, Item], list[str], int]:
    """Reads the texts of the ranked preferences.

    Returns:
        id -> item, in the order of the ids; ids of the contradictions, ranked; number of preferences left out.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = {*ranked.suspects, *(one for ids in ranked.ids.values() for one in ids)}
    value_set = pa.array(sorted(wanted), pa.string())
    items: dict[str, Item] = {}
    opposed: list[tuple[Any, str]] = []
    rows, done, unfit = parquet.count_rows(preferences), 0, 0
    columns = ["id", "prompt", "chosen", "rejected", "source", "objective", "confidence"]
    for batch in parquet.read_batches(preferences, columns):
        done += len(batch)
        progress("reading the texts", done, rows)
        for row in batch.filter(pc.is_in(batch["id"], value_set=value_set)).to_pylist():
            if not _can_show(row):
                unfit += 1
                continue
            items[row["id"]] = _make_item(row)
            rank = ranked.contradictions.rank(row) if row["id"] in ranked.suspects else None
            if rank is not None:
                opposed.append((rank, row["id"]))
    return dict(sorted(items.items())), [one for _, one in sorted(opposed)], unfit


def _can_show(row: Mapping[str, Any]) -> bool:
    """Whether the page can show a preference, and a source can read it back: neither images nor declared tools."""
    turns = [message for side in ("prompt", "chosen", "rejected") for message in row[side]]
    return not any(message.get("images") or message.get("tools") for message in turns)


def _make_item(row: Mapping[str, Any]) -> Item:
    keys = [answer_key(row[side]) for side in ("chosen", "rejected")]
    of_prompt = prompt_key(row["prompt"])
    pair = digest("review", of_prompt, *sorted(keys))
    # A coin that no order of rows, nor the label, can turn.
    places = sorted((digest(pair, key), side) for key, side in zip(keys, ("chosen", "rejected"), strict=True))
    sides = [side for _, side in places]
    first, second = (_plain(row[side]) for side in sides)
    return Item(
        pair=pair,
        prompt_key=of_prompt,
        preference=row["id"],
        source=row["source"],
        objective=row["objective"],
        reasons=[],
        confidence=row["confidence"],
        prompt=_plain(row["prompt"]),
        first=first,
        second=second,
        data="first" if sides[0] == "chosen" else "second",
    )


def _plain(messages: list[Message]) -> Messages:
    return [drop_empty_parts(message) for message in messages]
