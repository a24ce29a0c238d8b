"""Preferences made by a model from what users of WildChat were (dis)satisfied with."""

from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="wildfeedback",
    about="preferences made by a model from what users of WildChat were (dis)satisfied with",
    origin="microsoft/WildFeedback, wildfeedback.json",
    hub=Hub(name="microsoft/WildFeedback", files=("wildfeedback.json",)),
    licence="ODC-BY",
    format="pairs",
    map={"prompt": "conversations", "chosen": "chosen", "rejected": "rejected"},
    objective="instruction",
    faults=(
        "the fields are those of every ShareGPT preference file: inspect cannot tell them apart",
        "preferred answers are written by a model after the user's complaint; no user compared the two answers",
        "the other files of the repository hold labels of satisfaction without answers",
    ),
    verified="schema",
    seen="public code that reads conversations, chosen and rejected, each with from and value",
)
