"""Two answers with sources to each question, compared by people."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="webgpt_comparisons",
    about="two answers with sources to each question, compared by people",
    origin="openaipublic.blob.core.windows.net/webgpt-answer-viewer/comparisons.jsonl",
    licence="none stated",
    format="graded_pair",
    map={
        "prompt": "question.full_text",
        "first": "answer_0",
        "second": "answer_1",
        "grade": "score_0",
        "scale": {"first": 1, "second": -1},
    },
    signature={
        path: []
        for path in ("question.full_text", "answer_0", "answer_1", "score_0", "score_1", "quotes_0", "quotes_1")
    },
    objective="instruction",
    faults=(
        "score_0 is positive if the first answer is better and 0 for a tie; score_1 is its negative",
        "answers cite quotes, which are in other fields",
        "the hub repository contains a script, not the data: save rows with the datasets library and set 'path'",
        "the mapping follows the fields on the dataset card; the raw file was not accessible",
    ),
    verified="schema",
    seen="the dataset card",
)
