"""Four models' answers to each of 10k coding instructions, rated by a model on one coding preference."""

from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="code_ultrafeedback",
    about="four models' answers to each of 10k coding instructions, rated by a model on one coding preference",
    origin="coseal/CodeUltraFeedback",
    hub=Hub(name="coseal/CodeUltraFeedback", files=("data/train-*.parquet",)),
    licence="MIT",
    format="rated_list",
    map={
        "prompt": "instruction",
        "answers": "responses",
        "response": "response",
        "key": "model",
        "scores": {
            "rating": {
                "field": "annotations.*.rating",
                "key": "annotations.*.model",
                "better": "high",
                "low": 1,
                "high": 5,
            }
        },
        "keep": ["preference"],
    },
    signature={
        path: []
        for path in (
            *("instruction", "preference", "models", "responses.*.model", "responses.*.response"),
            *("annotations.*.model", "annotations.*.rating", "annotations.*.rationale"),
        )
    },
    objective="instruction",
    faults=(
        "answers and ratings are in two lists in different orders: the model's name connects them",
        "'preference' names what was rated: readability, complexity, style, explanation or instruction following",
    ),
    verified="schema",
    seen="the dataset card: features",
)
