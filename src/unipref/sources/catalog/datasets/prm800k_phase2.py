"""Solutions of mathematical problems in steps, rated by people, second phase."""

from unipref.sources.catalog.datasets.prm800k_phase1 import ENTRY as PHASE_1
from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="prm800k_phase2",
    about="solutions of mathematical problems in steps, rated by people, second phase",
    origin="openai/prm800k, prm800k/data/phase2_train.jsonl",
    licence="MIT",
    format="steps",
    map=PHASE_1.map,
    signature={**PHASE_1.signature, "generation": [*range(10)]},
    objective="instruction",
    faults=(
        "some rows are questions for quality control or for the screening of labelers: 'keep' keeps both marks",
        "rows whose problem was malformed ('label.finish_reason' is bad_problem) are left out and counted",
        "a version without a rating is left out and counted, and the solution goes on",
        "a null 'chosen_completion' means that a person wrote the step ('human_completion') or that the solution ends",
        "in this phase most steps have one version, and a solution ends at its first wrong step",
    ),
    verified="schema",
    seen=PHASE_1.seen,
)
