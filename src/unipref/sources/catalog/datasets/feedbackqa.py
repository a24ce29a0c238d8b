"""Passages that answer questions, rated by two people in words."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="feedbackqa",
    about="passages that answer questions, rated by two people in words",
    origin="McGill-NLP/feedbackQA, data/feedback_train.json",
    licence="Apache-2.0",
    format="ratings",
    map={
        "prompt": "question",
        "response": "passage.reference.section_content",
        "scores": {
            "quality": {
                "field": "rating",
                "better": "high",
                "low": 1,
                "high": 4,
                "codes": {"Excellent": 4, "Good": 3, "Acceptable": 3, "Could be Improved": 2, "Bad": 1},
            }
        },
        "keep": ["domain"],
    },
    signature={
        path: []
        for path in (
            *("question", "passage.passage_id", "passage.reference.section_content", "feedback", "rating", "domain"),
        )
    },
    objective="instruction",
    faults=(
        "the four words are numbered 4 to 1, as public code does; the score is the mean of the ratings",
        "an answer is a section of a web page, found by a retriever",
        "the repository on the hub contains a script: download the files yourself and set 'path'",
    ),
    verified="schema",
    seen="the dataset card, and public code that documents the fields of the files",
)
