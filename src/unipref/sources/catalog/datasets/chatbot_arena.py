"""33k dialogues with two models side by side in Chatbot Arena, and the user's vote."""

from unipref.sources.catalog.entry import Dataset
from unipref.sources.hub import Hub

ENTRY = Dataset(
    name="chatbot_arena",
    about="33k dialogues with two models side by side in Chatbot Arena, and the user's vote",
    origin="lmsys/chatbot_arena_conversations",
    hub=Hub(name="lmsys/chatbot_arena_conversations", files=("data/train-*.parquet",)),
    licence="prompts CC-BY-4.0, answers CC-BY-NC-4.0",
    format="votes",
    map={
        "first": "conversation_a",
        "second": "conversation_b",
        "votes": "winner",
        "codes": {"model_a": "first", "model_b": "second", "tie": "tie", "tie (bothbad)": "tie"},
        "keep": ["model_a", "model_b", "language", "judge"],
    },
    signature={
        path: []
        for path in (
            *("question_id", "model_a", "model_b", "winner", "judge", "conversation_a", "conversation_b", "turn"),
            *("anony", "language", "tstamp", "openai_moderation"),
        )
    },
    objective="instruction",
    faults=(
        "'turn' is the number of turns of the dialogue; the vote is about the whole dialogue",
        "the dialogues differ after the first answers: the prompt is their common part, each side the rest",
        "some prompts are unsafe; 'openai_moderation' marks them",
        "the hub asks for consent before the download",
    ),
    verified="schema",
    seen="the features on the card of a copy (agie-ai/lmsys-chatbot_arena_conversations), and rows of another release",
)
