"""Rows of the tables of a hand-made run, and the books that agree with them."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

UNKNOWN = {"verdict": "unknown", "why": "nothing to check by", "agree": 0, "against": 0, "by_axis": {}}


def preference(source: str, origin: str, prompt: str, chosen: str | None, rejected: str | None) -> dict[str, Any]:
    def side(content: str | None) -> list[dict[str, str]] | None:
        return None if content is None else [{"role": "assistant", "content": content}]

    return {
        "id": origin,
        "prompt": [{"role": "user", "content": prompt}],
        "chosen": side(chosen),
        "rejected": side(rejected),
        "source": source,
        "kind": "pairs",
        "objective": "instruction",
        "licence": "CC0-1.0",
        "axes": [],
        "n_judgements": 1,
        "n_responses": 2,
        "group": prompt,
        "origin": [origin],
        "extra": "{}",
    }


def reject(source: str, level: str, reason: str, origin: str, field: str | None = None) -> dict[str, Any]:
    return {"source": source, "level": level, "reason": reason, "field": field, "detail": "why", "origin": [origin]}


def books(preferences: list[dict[str, Any]], rejects: Sequence[dict[str, Any]], source: str) -> dict[str, Any]:
    """The page that agrees with the tables: each preference and group reject is one row and one group."""
    kept = [p for p in preferences if p["source"] == source]
    refused = {level: Counter() for level in ("row", "part", "group", "preference")}
    for row in rejects:
        if row["source"] == source:
            refused[row["level"]][row["reason"]] += 1
    used = len(kept) + refused["group"].total()
    pairs = sum(p["chosen"] is not None and p["rejected"] is not None for p in kept)
    return {
        "kind": "pairs",
        "objective": "instruction",
        "licence": "CC0-1.0",
        "axis": None,
        "rows": used + refused["row"].total(),
        "used": used,
        "rejected": dict(refused["row"]),
        "parts_rejected": dict(refused["part"]),
        "groups": used,
        "projected": len(kept),
        "groups_rejected": dict(refused["group"]),
        "preferences": len(kept),
        "preferences_rejected": dict(refused["preference"]),
        "ordered_pairs": pairs,
        "kept_pairs": pairs,
        "implied_pairs": 0,
        "polarity": UNKNOWN,
    }
