"""Two models' answers to 805 instructions, graded by a model."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="alpaca_eval",
    about="two models' answers to 805 instructions, graded by a model",
    origin="tatsu-lab/alpaca_eval, results/MODEL/ANNOTATOR/annotations.json",
    licence="CC-BY-NC-4.0",
    format="graded_pair",
    map={
        "prompt": "instruction",
        "first": "output_1",
        "second": "output_2",
        "grade": "preference",
        "scale": {"first": 1, "second": 2},
        "codes": {0: 0},
        "keep": ["generator_1", "generator_2", "annotator"],
    },
    signature={
        path: []
        for path in ("instruction", "output_1", "generator_1", "output_2", "generator_2", "annotator", "preference")
    },
    objective="instruction",
    faults=(
        "one judge grades 1 or 2, the other any number between them; 1.5 is a tie, and so is the older code 0",
        "in many files the first answers come from the same reference model",
        "AlpacaEval is a benchmark: do not evaluate on it after training on it",
    ),
    verified="data",
    seen="2,700 rows of two judges",
)
