"""Two answers to each instruction, scored by a model on a written criterion."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="preference_collection",
    about="two answers to each instruction, scored by a model on a written criterion",
    origin="prometheus-eval/Preference-Collection",
    licence="CC-BY-4.0",
    format="rated_list",
    map={
        "prompt": "orig_instruction",
        "answers": ["orig_response_A", "orig_response_B"],
        "scores": {"score": {"field": ["orig_score_A", "orig_score_B"], "better": "high", "low": 1, "high": 5}},
        "keep": ["orig_criteria"],
    },
    signature={
        path: []
        for path in (
            *("orig_instruction", "orig_response_A", "orig_response_B", "orig_reference_answer", "orig_criteria"),
            *("orig_score_A", "orig_score_B", "orig_preference"),
        )
    },
    objective="instruction",
    faults=("the criterion of each row is not part of its prompt: 'keep' keeps it",),
    verified="schema",
    seen="public code that lists the fields and compares the scores",
)
