"""Two answers to each prompt, and how much better one is, by people."""

from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="helpsteer2_preference",
    about="two answers to each prompt, and how much better one is, by people",
    origin="nvidia/HelpSteer2, preference/preference.jsonl.gz",
    hub=Hub(name="nvidia/HelpSteer2", files=("preference/preference.jsonl.gz",)),
    licence="CC-BY-4.0",
    format="graded_pair",
    map={
        "prompt": "prompt",
        "first": "response_1",
        "second": "response_2",
        "grade": "preference_strength",
        "scale": {"first": -3, "second": 3},
        "where": {"split": ["train"]},
    },
    signature={
        path: []
        for path in (
            "split",
            "prompt",
            "response_1",
            "response_2",
            "preference_strength",
            "preference_statement",
            "preference_elaboration",
        )
    },
    objective="instruction",
    faults=(
        "negative means that the first answer is better",
        "the file also contains the validation rows: unipref leaves them out",
        "prompts of several turns are one text with <extra_id_1> between the turns; the mark stays in the prompt",
    ),
    verified="schema",
    seen="the dataset card, its file list, and public code that reads it",
)
