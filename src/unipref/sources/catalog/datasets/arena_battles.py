"""Dialogues with two models side by side, and the user's vote."""

from unipref.sources.catalog.entry import Dataset

ENTRY = Dataset(
    name="arena_battles",
    about="dialogues with two models side by side, and the user's vote",
    origin="lm-sys/FastChat, fastchat/serve/monitor/classify/refusal_test/labeled.jsonl",
    licence="unclear: the repository is Apache-2.0, arena dialogues elsewhere CC-BY or CC-BY-NC",
    format="votes",
    map={
        "first": "conversation_a",
        "second": "conversation_b",
        "votes": "winner",
        "codes": {"model_a": "first", "model_b": "second", "tie": "tie", "tie (bothbad)": "tie"},
        "keep": ["model_a", "model_b", "language"],
    },
    signature={
        path: []
        for path in (
            "question_id",
            "model_a",
            "model_b",
            "winner",
            "conversation_a",
            "conversation_b",
            "anony",
            "is_refusal",
            "output_log",
        )
    },
    objective="instruction",
    faults=(
        "the two dialogues differ after the first answers: the prompt is their common part, each side the rest",
        "40 % of the votes are ties",
        "these rows test a refusal classifier: some prompts are unsafe",
    ),
    verified="data",
    seen="100 rows",
)
