"""Sentences of a dialogue system for a given meaning, rated by people."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="sfres_ratings",
    about="sentences of a dialogue system for a given meaning, rated by people",
    origin="maszhongming/UniEval, reproduce/data/data2text/sfres.json",
    licence="MIT; the ratings come from SFRES, which states none",
    format="ratings",
    map={
        "prompt": [{"text": "Say this as a sentence in a dialogue:"}, "source"],
        "response": "system_output",
        "scores": {
            axis: {"field": f"scores.{axis}", "low": 1, "high": 6, "better": "high"}
            for axis in ("overall", "informativeness", "naturalness")
        },
        "keep": ["reference"],
    },
    signature={
        path: []
        for path in (
            "doc_id",
            "source",
            "reference",
            "system_output",
            "scores.informativeness",
            "scores.naturalness",
            "scores.overall",
        )
    },
    axis="overall",
    objective="instruction",
    faults=(
        "'source' is a dialogue act such as confirm(food='thai'): the mapping puts an instruction before it",
        "scores are medians or means and may be halves; in many groups all answers tie",
    ),
    verified="data",
    seen="814 rows",
)
