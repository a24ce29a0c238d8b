"""Votes of people on the preferences of a run, as `unipref review` writes them."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="unipref_review",
    about="verdicts of people on the two answers of preferences of a run, written by `unipref review`",
    origin="votes.jsonl of a folder of `unipref review`",
    licence="that of the preferences, and the terms of their sources",
    format="votes",
    map={
        "prompt": "prompt",
        "first": "first",
        "second": "second",
        "votes": "vote",
        "codes": {"first": "first", "second": "second", "tie": "tie", "both_bad": "tie"},
        "annotator": "reviewer",
        "shown_first": "shown_first",
        "objective": "objective",
        "keep": ["pair", "vote", "data", "confidence", "reasons", "source", "preference", "prompt_key", "at"],
    },
    signature={
        "pair": [],
        "preference": [],
        "reasons": [],
        "reviewer": [],
        "shown_first": ["first", "second"],
        "data": ["first", "second"],
        "vote": ["first", "second", "tie", "both_bad", None],
    },
    objective="instruction",
    faults=(
        "a tie is kept as a vote, and gives no preference by itself; so is 'both bad'",
        "a skipped pair is a row without a vote",
    ),
    verified="schema",
    seen="files that `unipref review` wrote",
)
