"""Solutions of mathematical problems in steps, rated by people, second phase."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="prm800k_phase2",
    about="solutions of mathematical problems in steps, rated by people, second phase",
    origin="openai/prm800k, prm800k/data/phase2_train.jsonl",
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
        "keep": ["labeler", "is_quality_control_question", "is_initial_screening_question", "label.finish_reason"],
    },
    signature={
        "generation": [*range(10)],
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
        "a version without a rating is left out and counted, and the solution goes on",
        "a null 'chosen_completion' means that a person wrote the step ('human_completion') or that the solution ends",
        "in this phase most steps have one version, and a solution ends at its first wrong step",
    ),
    verified="schema",
    seen="the features on the cards of two copies (plaguss/prm800k, sarahpann/PRM800K), and the repository's README",
)
