"""Seven answers to each prompt, ranked by GPT-4."""

from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="nectar",
    about="seven answers to each prompt, ranked by GPT-4",
    origin="berkeley-nest/Nectar",
    hub=Hub(name="berkeley-nest/Nectar", files=("data/rlaif.parquet",)),
    licence="Apache-2.0, on condition that it is not used to compete with OpenAI",
    format="ranking",
    map={
        "prompt": "prompt",
        "answers": "answers",
        "response": "answer",
        "ranks": "rank",
        "better": "low",
        "keep": ["source", "good_natured"],
    },
    signature={
        path: []
        for path in (
            "prompt",
            "turns",
            "answers.*.answer",
            "answers.*.model",
            "answers.*.rank",
            "num_responses",
            "good_natured",
        )
    },
    objective="instruction",
    faults=(
        "the prompt is one text with 'Human:' and 'Assistant:' marks, which unipref splits into turns",
        "the judge is a model that also wrote some of the answers",
    ),
    verified="schema",
    seen="the dataset card",
)
