"""Sentences before and after an edit, with the editor's intent."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="iterater",
    about="sentences before and after an edit, with the editor's intent",
    origin="vipulraheja/IteraTeR, dataset/human_sent_level.zip",
    licence="Apache-2.0",
    format="edit",
    map={
        "before": "before_sent",
        "after": "after_sent",
        "where": {"labels": ["clarity", "fluency", "coherence", "style"]},
        "keep": ["labels", "doc_id", "revision_depth"],
    },
    signature={
        path: []
        for path in ("before_sent", "before_sent_with_intent", "after_sent", "labels", "doc_id", "revision_depth")
    },
    objective="instruction",
    faults=(
        "edits that change the meaning or have another intent may not be improvements: the mapping leaves them out",
        "a few edits delete the sentence: unipref rejects them as empty answers",
        "seven edits occur in both directions, because another row undoes them",
        "the file in the archive is named .json but contains JSON Lines",
    ),
    verified="data",
    seen="1,005 rows",
)
