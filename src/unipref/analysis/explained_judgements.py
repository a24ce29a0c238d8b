"""Who judged the answers of a preference or the row of an explanation, and how reliable these people are."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from unipref.core import parquet
from unipref.core.display import shorten_name
from unipref.core.judgements import PAIR, RATING, SPLIT, THUMB
from unipref.core.text_keys import answer_key, prompt_key

JUDGEMENTS, JUDGING = "judgements.parquet", "judging.json"
MOST_VOTERS = 12
"""Most judgements that the text lists."""
EVIDENCE = ("kind", "answers", "value", "places", "annotator", "source", "axis", "count", "origin")


def find_voters(unified: Sequence[Path], preference: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Finds the judgements of the two answers of a preference, in all sources.

    Returns:
        One dict per judgement: its columns; `judges`, which of the two it calls better (chosen, rejected, tie) or about
        which single answer it is (the sides' names); `standing` of that answer among others, None if both answers are
        in the judgement or it has no others; and `reliability` of its annotator, None if it is not known.
    """
    group = prompt_key(preference["prompt"])
    keys = {answer_key(preference[side]): side for side in ("chosen", "rejected") if preference[side] is not None}
    voters = []
    for folder in unified:
        known = _read_reliabilities(folder)
        for row in _read_judgements(folder, "group", group):
            sides = [keys[answer] for answer in row["answers"] if answer in keys]
            if len(sides) == len(keys) or (len(row["answers"]) == 1 and sides):
                voters.append(_make_voter(row, known) | _find_verdict(row, keys))
    return voters


def find_row_judgements(unified: Sequence[Path], origins: Sequence[str]) -> list[dict[str, Any]]:
    """Finds the judgements of raw rows, with the reliability of their annotators."""
    return [
        _make_voter(row, known)
        for folder in unified
        for known in [_read_reliabilities(folder)]
        for row in _read_judgements(folder, "origin", *origins)
    ]


def _read_judgements(folder: Path, column: str, *values: str) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not (folder / JUDGEMENTS).is_file():
        return
    for batch in parquet.read_batches(folder / JUDGEMENTS):
        yield from batch.filter(pc.is_in(batch[column], value_set=pa.array(values))).to_pylist()


def _read_reliabilities(folder: Path) -> dict[str, float | None]:
    """Returns annotator -> reliability, by the names of `judging.json`; empty if it is missing or damaged."""
    try:
        content = json.loads((folder / JUDGING).read_text(encoding="utf-8"))
        return {one["name"]: one["reliability"] for one in content["annotators"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _make_voter(row: Mapping[str, Any], known: Mapping[str, float | None]) -> dict[str, Any]:
    name = row["annotator"]
    reliability = None if name is None else known.get(shorten_name(name))
    return {**{key: row[key] for key in EVIDENCE}, "reliability": reliability}


def _find_verdict(row: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, str | None]:
    """Returns which of two answers a judgement calls better, or the answer that it is about and its standing."""
    sides = [keys.get(answer) for answer in row["answers"]]
    if len(sides) == 1:
        return {"judges": str(sides[0]), "standing": None}
    if len(keys) == 1:
        place = next(index for index, side in enumerate(sides) if side is not None)
        return {"judges": str(sides[place]), "standing": _describe_standing(row, place)}
    if row["kind"] == PAIR:
        ahead = None if not row["value"] else sides[0] if row["value"] > 0 else sides[1]
    else:
        places = {side: place for side, place in zip(sides, row["places"], strict=True) if side is not None}
        first, last = places["chosen"], places["rejected"]
        ahead = None if first == last else "chosen" if first < last else "rejected"
    return {"judges": ahead or "tie", "standing": None}


def _describe_standing(row: Mapping[str, Any], place: int) -> str:
    """Describes how the answer at a place of a judgement stands among its other answers."""
    if row["kind"] == PAIR:
        lead = row["value"] if place == 0 else -row["value"]
        return f"{'as good as' if not lead else 'better than' if lead > 0 else 'worse than'} another answer"
    if row["kind"] == SPLIT:
        return "one of the better answers" if row["places"][place] == 1 else "one of the worse answers"
    return f"place {row['places'][place]} of {max(row['places'])}"


def describe_voter(voter: Mapping[str, Any]) -> str:
    """Describes one judgement of a preference's answers."""
    side = voter["judges"]
    if voter["standing"] is not None:
        verdict = f"{side}: {voter['standing']} ({voter['kind']})"
    elif voter["kind"] in (RATING, THUMB):
        verdict = f"{side}: {_describe_value(voter)}"
    else:
        verdict = "as good as each other" if side == "tie" else f"{side} is better ({voter['kind']})"
    return f"{verdict}, {_describe_person(voter)}"


def describe_split_votes(voters: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yields that the judgements of the pair alone do not favour the chosen answer, if that is so."""
    votes = Counter[str]()
    for one in voters:
        if one["kind"] not in (RATING, THUMB) and one["standing"] is None:
            votes[one["judges"]] += one["count"]
    if not votes or votes["chosen"] > votes["rejected"]:
        return
    ties = f", {votes['tie']} for neither" if votes["tie"] else ""
    relation = "tie" if votes["chosen"] == votes["rejected"] else "are against it in number"
    yield (
        f"the judgements of the pair {relation}: {votes['chosen']} for chosen, {votes['rejected']} for rejected{ties}; "
        "their strength or the reliability of their judges decided"
    )


def describe_row_judgement(voter: Mapping[str, Any]) -> str:
    """Describes one judgement of a raw row."""
    if voter["kind"] == PAIR:
        first, second = (f"answer {answer[:8]}" for answer in voter["answers"])
        first, second = (first, second) if voter["value"] >= 0 else (second, first)
        strength = f" by {abs(voter['value']):g}" if abs(voter["value"]) not in (0, 1) else ""
        verdict = "is better than" if voter["value"] else "is as good as"
        return f"{voter['kind']}: {first} {verdict} {second}{strength}, {_describe_person(voter)}"
    return f"{voter['kind']}: {_describe_value(voter)}, {_describe_person(voter)}"


def _describe_value(voter: Mapping[str, Any]) -> str:
    if voter["value"] is None:
        return f"places {', '.join(map(str, voter['places'] or ()))}"
    if voter["kind"] == THUMB:
        return "up" if voter["value"] else "down"
    return f"{voter['value']:g} on {voter['axis']}"


def _describe_person(voter: Mapping[str, Any]) -> str:
    who = "nobody named" if voter["annotator"] is None else shorten_name(voter["annotator"])
    if voter["reliability"] is not None:
        who += f" (reliability {voter['reliability']:.2f})"
    times = f", {voter['count']} times" if voter["count"] > 1 else ""
    return f"by {who}{times}, {voter['source']}, {voter['origin']}"
