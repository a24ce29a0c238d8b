"""Two models' answers, judged by three people."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="pandalm",
    about="two models' answers, judged by three people",
    origin="WeOpenML/PandaLM, data/testset-v1.json",
    licence="Apache-2.0",
    format="votes",
    map={
        "prompt": ["instruction", "input"],
        "first": "response1",
        "second": "response2",
        "votes": ["annotator1", "annotator2", "annotator3"],
        "codes": {0: "tie", 1: "first", 2: "second"},
        "keep": ["cmp_key"],
    },
    signature={
        path: []
        for path in (
            "idx",
            "motivation_app",
            "cmp_key",
            "instruction",
            "input",
            "response1",
            "response2",
            "annotator1",
            "annotator2",
            "annotator3",
        )
    },
    objective="instruction",
    faults=(
        "0 is a tie, not the first answer",
        "six answers are the boolean true, and 38 rows have an empty answer: unipref rejects them",
    ),
    verified="data",
    seen="704 rows",
)
