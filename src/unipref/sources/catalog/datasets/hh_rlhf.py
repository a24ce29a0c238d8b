"""Dialogues with a helpful or harmless assistant, two endings each."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="hh_rlhf",
    about="dialogues with a helpful or harmless assistant, two endings each",
    origin="Anthropic/hh-rlhf",
    licence="MIT",
    format="pairs",
    map={"chosen": "chosen", "rejected": "rejected"},
    objective="instruction",
    faults=(
        "each side is one text with marks between the turns; the prompt is the common beginning of the two sides",
        "a few pairs have equal sides, an empty last reply, or sides that differ before the last turn",
    ),
    verified="data",
    seen="2,800 rows of four parts",
)
