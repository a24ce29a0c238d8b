"""Two answers to each prompt, rated by people on five attributes."""

from unipref.sources.catalog.datasets.helpsteer import ENTRY as HELPSTEER
from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="helpsteer2",
    about="two answers to each prompt, rated by people on five attributes",
    origin="nvidia/HelpSteer2",
    hub=Hub(name="nvidia/HelpSteer2", files=("train.jsonl.gz",)),
    licence="CC-BY-4.0",
    format="ratings",
    map=HELPSTEER.map,
    signature=HELPSTEER.signature,
    axis="helpfulness",
    objective="instruction",
    faults=(
        "neither end of complexity and verbosity is better: unipref keeps but does not compare them",
        "prompts of several turns are one text with <extra_id_1> between the turns; the mark stays in the prompt",
    ),
    verified="schema",
    seen="the dataset card and its file list",
)
