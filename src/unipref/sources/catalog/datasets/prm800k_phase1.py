"""Solutions of mathematical problems in steps, rated by people, first phase."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="prm800k_phase1",
    about="solutions of mathematical problems in steps, rated by people, first phase",
    origin="openai/prm800k, prm800k/data/phase1_train.jsonl",
    licence="MIT",
    format="steps",
    map={
        "prompt": "question.problem",
        "steps": "label.steps",
        "versions": "completions",
        "step": "text",
        "rating": "rating",
        "taken": "chosen_completion",
        "written": "human_completion",
        "codes": {-1: "wrong", 0: "neutral", 1: "right"},
        "where": {"label.finish_reason": {"not": ["bad_problem"]}},
        "keep": ["labeler", "is_quality_control_question", "is_initial_screening_question", "label.finish_reason"],
    },
    signature={
        "generation": [None],
        **{
            path: []
            for path in (
                "labeler",
                "timestamp",
                "is_quality_control_question",
                "question.problem",
                "question.ground_truth_answer",
                "label.steps",
                "label.total_time",
                "label.finish_reason",
            )
        },
    },
    objective="instruction",
    faults=(
        "some rows are questions for quality control or for the screening of labelers: 'keep' keeps both marks",
        "rows whose problem was malformed ('label.finish_reason' is bad_problem) are left out and counted",
        "a version without a rating is left out and counted, and the solution goes on",
        "a null 'chosen_completion' means that a person wrote the step ('human_completion') or that the solution ends",
        "in this phase people chose among several versions of each step, and wrote their own if none was right: it is "
        "then better than the wrong versions",
    ),
    verified="schema",
    seen="the features on the cards of two copies (plaguss/prm800k, sarahpann/PRM800K), and the repository's README",
)
