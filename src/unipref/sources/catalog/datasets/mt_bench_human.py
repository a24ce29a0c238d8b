"""3.3k expert votes on pairs of answers to the 80 questions of MT-bench."""

from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="mt_bench_human",
    about="3.3k expert votes on pairs of answers to the 80 questions of MT-bench",
    origin="lmsys/mt_bench_human_judgments",
    hub=Hub(name="lmsys/mt_bench_human_judgments", files=("data/human-*.parquet",)),
    licence="CC-BY-4.0",
    format="votes",
    map={
        "first": "conversation_a",
        "second": "conversation_b",
        "votes": "winner",
        "codes": {"model_a": "first", "model_b": "second", "tie": "tie", "tie (inconsistent)": "tie"},
        "until": {"turn": "turn"},
        "keep": ["model_a", "model_b", "judge", "turn", "question_id"],
    },
    signature={
        "question_id": [],
        "model_a": [],
        "model_b": [],
        "winner": ["model_a", "model_b", "tie", "tie (inconsistent)"],
        "judge": [],
        "conversation_a": [],
        "conversation_b": [],
        "turn": [1, 2],
    },
    objective="instruction",
    faults=(
        "both dialogues always hold two turns: a row with turn 1 judges the first answers alone",
        "several experts judge one pair: unipref counts their votes together",
        "with turn 2 the first answers differ too: the prompt is the first question, each side the rest",
        "MT-bench is a benchmark: do not evaluate on it after training on it",
    ),
    verified="schema",
    seen="the dataset card: features, splits and licence",
)
