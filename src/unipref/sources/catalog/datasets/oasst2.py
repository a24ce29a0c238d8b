"""OpenAssistant conversation trees, second release, with ranks and labels by people."""

from unipref.sources.catalog.datasets.oasst1 import ENTRY as OASST1
from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="oasst2",
    about="OpenAssistant conversation trees, second release, with ranks and labels by people",
    origin="OpenAssistant/oasst2",
    hub=Hub(
        name="OpenAssistant/oasst2",
        files=("2023-11-05_oasst2_ready.trees.jsonl.gz",),
        revision="179dd21fc55192153d94adb0e0ce8f69e222bf75",
    ),
    licence="Apache-2.0",
    format="tree",
    map=OASST1.map,
    signature=OASST1.signature,
    axis="rank",
    objective="instruction",
    faults=(
        "rank 0 is the best; many sibling groups have no ranks: "
        "try 'axis: toxicity' (as in the paper) or 'axis: quality'",
        "messages are in 35 languages; 'keep' keeps the language",
    ),
    verified="schema",
    seen="the card of the first release, whose files have the same shape; the file's name in public code",
)
