"""Solutions in steps, with the index of the first wrong step."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="bigbench_mistake",
    about="solutions in steps, with the index of the first wrong step",
    origin="WHGTyen/BIG-Bench-Mistake",
    licence="Apache-2.0",
    format="steps",
    map={
        "prompt": "input",
        "steps": "steps",
        "first_wrong": "mistake_index",
        "counted_from": 0,
        "answer": "answer",
        "target": "target",
    },
    objective="instruction",
    faults=(
        "each step has one version: a wrong step becomes a rejected side, a right solution a chosen one",
        "a few solutions miss the target without a wrong step: unipref rejects them as contradictions",
        "some reach the target despite a wrong step; the step still counts as wrong",
        "in the sorting and bracket tasks only the file name says what the task is",
    ),
    verified="data",
    seen="1,100 rows of five tasks",
)
