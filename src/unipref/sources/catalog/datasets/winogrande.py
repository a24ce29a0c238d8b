"""Sentences with a blank and two candidates for it."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="winogrande",
    about="sentences with a blank and two candidates for it",
    origin="allenai/winogrande",
    licence="CC-BY",
    format="multiple_choice",
    map={
        "prompt": "sentence",
        "options": ["option1", "option2"],
        "answer": "answer",
        "first": 1,
        "twins": {"field": "qID", "pattern": "^(.+)-[12]$"},
    },
    signature={
        path: [] if path != "answer" else ["1", "2", ""] for path in ("qID", "sentence", "option1", "option2", "answer")
    },
    objective="bias",
    faults=(
        "answers are the strings '1' and '2'",
        "twin sentences share the stem of qID and have opposite answers; the split keeps them together",
        "train_xs is contained in train_s, that in train_m, and so on",
        "the test file has no answers",
        "the labels are also in a separate file, one per line; to compare them with the answers, set "
        "join: [{path: train_m-labels.lst, on: row}] and map: {check: train_m-labels.line}",
    ),
    verified="data",
    seen="2,558 rows of train_m",
)
