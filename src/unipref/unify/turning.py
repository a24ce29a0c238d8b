"""Exchanges the two answers of a preference."""

import json
from typing import Any

from unipref.core.text_keys import digest, join_turns

SIDES = (("chosen", "rejected"), ("chosen_score", "rejected_score"))
"""The columns that a turned preference exchanges; the scores of `axes` and the parts of `extra` too."""


def turn_preference(row: dict[str, Any]) -> dict[str, Any]:
    """Returns a preference with its two answers exchanged, a row of `preferences.parquet`.

    Its scores and axes stay those of the answers, so they contradict it. It has no margin percentile.
    """
    turned = dict(row)
    for one, other in SIDES:
        turned[one], turned[other] = row[other], row[one]
    turned["axes"] = [{"axis": a["axis"], "chosen": a["rejected"], "rejected": a["chosen"]} for a in row["axes"]]
    extra = json.loads(row["extra"])
    exchanged = {"chosen": extra.pop("rejected", None), "rejected": extra.pop("chosen", None)}
    extra |= {side: value for side, value in exchanged.items() if value is not None}
    turned["extra"] = json.dumps(extra, ensure_ascii=False, sort_keys=True) if extra else "{}"
    for name, value in (("confidence", 1.0), ("margin", 0.0)):
        turned[name] = None if row[name] is None else value - row[name]
    turned["margin_percentile"] = None
    texts = (join_turns(turned[side]) for side in ("prompt", "chosen", "rejected"))
    turned["id"] = digest(row["source"], *texts)
    return turned
