"""Votes on a policy's own answers, as `unipref collect` writes them."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="unipref_collect",
    about="votes of judges on two answers that a policy gave to a prompt, written by `unipref collect`",
    origin="feedback.jsonl of a folder of `unipref collect`",
    licence="that of the prompts, and the terms of the policy and the judges",
    format="votes",
    map={
        "prompt": "prompt",
        "first": "first",
        "second": "second",
        "votes": "vote",
        "codes": {"first": "first", "second": "second", "tie": "tie"},
        "annotator": "judge",
        "shown_first": "shown_first",
        "objective": "objective",
        "keep": [
            *("pair", "kind", "first_score", "second_score", "first_ended", "second_ended", "policy", "source"),
            "constraints",
        ],
    },
    signature={
        "pair": [],
        "first_seed": [],
        "second_seed": [],
        "judge": [],
        "policy": [],
        "vote": ["first", "second", "tie"],
    },
    objective="instruction",
    faults=("a tie is kept as a vote, and gives no preference by itself",),
    verified="schema",
    seen="files that `unipref collect` wrote",
)
