"""A thousand carefully chosen questions with long answers, some in several turns."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="lima",
    about="a thousand carefully chosen questions with long answers, some in several turns",
    origin="GAIR/lima",
    licence="CC-BY-NC-SA-4.0, or stricter if the source of a row is stricter",
    format="demonstration",
    map={"messages": "conversations", "keep": ["source"]},
    objective="instruction",
    faults=(
        "turns are texts without roles; the speakers alternate, and the user is first",
        "a conversation with an odd number of turns has no final answer: unipref rejects it",
    ),
    verified="data",
    seen="600 rows of train.jsonl",
)
