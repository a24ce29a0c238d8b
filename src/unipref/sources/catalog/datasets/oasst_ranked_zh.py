"""Chinese OpenAssistant answers as lists, best first."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="oasst_ranked_zh",
    about="Chinese OpenAssistant answers as lists, best first",
    origin="hiyouga/LLaMA-Factory, data/oaast_rm_zh.json",
    licence="Apache-2.0",
    format="ranking",
    map={"prompt": ["instruction", "input"], "answers": "output", "order": "best_first", "history": "history"},
    objective="instruction",
    faults=("rows have no score; the order of the list is the ranking", "a few lists repeat an answer"),
    verified="data",
    seen="775 rows",
)
