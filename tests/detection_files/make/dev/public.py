"""Public sets."""

from ..files import Made, Maker, collector, jsonl
from ..texts import Texts
from ..truths import judged, reading
from ..turns import assistant, sides, user

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def arena_conversations() -> Made:
    t = Texts(13)
    rows = []
    for item in t.draw(14):
        first, second, best = sides(t, item)
        winner = t.pick(["model_a", "model_b"][best], ["model_a", "model_b"][best], "tie", "tie (bothbad)")
        rows.append(
            {
                "question_id": t.uuid().replace("-", ""),
                "model_a": t.pick("vicuna-13b", "koala-13b"),
                "model_b": t.pick("alpaca-13b", "oasst-pythia-12b"),
                "winner": winner,
                "judge": "arena_user_" + str(t.number(1, 5000)),
                "conversation_a": [user(item.question), assistant(first)],
                "conversation_b": [user(item.question), assistant(second)],
                "turn": 1,
                "anony": True,
                "language": "English",
                "tstamp": 1682351654.7,
                "openai_moderation": {"flagged": False, "categories": {"hate": False, "violence": False}},
                "toxic_chat_tag": {"roberta-large": {"flagged": False, "probability": 0.01}},
            }
        )
    return Made(
        "arena.jsonl",
        jsonl(rows),
        judged(
            "Chatbot Arena conversations",
            "hub: lmsys/chatbot_arena_conversations",
            reading(
                ["votes", "pairs"],
                first="conversation_a",
                second="conversation_b",
                label="winner",
                codes={"model_a": "first", "model_b": "second", "tie": "tie", "tie (bothbad)": "tie"},
            ),
            judgements=["winner"],
            accept={"until": [{"turn": "turn"}]},
            never=["judge", "language", "model_a", "model_b", "tstamp"],
        ),
    )


@file
def helpsteer() -> Made:
    t = Texts(14)
    rows = []
    for item in t.draw(14):
        for answer, mean in ((item.good, 4), (item.poor, 1)):
            score = lambda m=mean: min(4, max(0, m + t.number(-1, 1)))  # noqa: E731
            rows.append(
                {
                    "prompt": item.question,
                    "response": answer,
                    "helpfulness": score(),
                    "correctness": score(),
                    "coherence": t.number(3, 4),
                    "complexity": t.number(0, 3),
                    "verbosity": t.number(0, 3),
                }
            )
    directions = dict.fromkeys(("helpfulness", "correctness", "coherence"), "high")
    return Made(
        "train.jsonl",
        jsonl(rows),
        judged(
            "HelpSteer: five attributes from 0 to 4; complexity and verbosity have no better end",
            "hub: nvidia/HelpSteer",
            reading(
                "ratings",
                prompt="prompt",
                response="response",
                scores=directions | {"complexity": "ask", "verbosity": "ask"},
            ),
            judgements=["helpfulness", "correctness", "coherence"],
        ),
    )


@file
def ultrafeedback_raw() -> Made:
    t = Texts(15)
    rows = []
    for item in t.draw(8):
        completions = []
        for model, answer, mean in (("gpt-4", item.good, 5), ("alpaca-7b", item.fair, 3), ("mpt-30b", item.poor, 1)):
            completions.append(
                {
                    "model": model,
                    "principle": "helpfulness",
                    "custom_system_prompt": "As an AI assistant, be helpful.",
                    "response": answer,
                    "annotations": {
                        axis: {
                            "Rating": str(min(5, max(1, mean + t.number(-1, 1)))),
                            "Rationale": "It fits the request.",
                        }
                        for axis in ("instruction_following", "honesty", "truthfulness", "helpfulness")
                    },
                    "fine-grained_score": float(mean),
                    "overall_score": mean * 2.0,
                    "critique": "Your answer could say more about the reasons.",
                }
            )
        rows.append(
            {
                "source": t.pick("sharegpt", "evol_instruct"),
                "instruction": item.question,
                "models": [c["model"] for c in completions],
                "completions": completions,
                "correct_answers": ["None"],
                "incorrect_answers": ["None"],
            }
        )
    axes = ("instruction_following", "honesty", "truthfulness", "helpfulness")
    return Made(
        "ultrafeedback.jsonl",
        jsonl(rows),
        judged(
            "UltraFeedback as published: several completions with ratings on four axes, as text",
            "hub: openbmb/UltraFeedback",
            reading(
                "rated_list",
                prompt="instruction",
                answers="completions",
                response="response",
                scores={f"annotations.{axis}.Rating": "high" for axis in axes}
                | {"overall_score": "high", "fine-grained_score": "high"},
            ),
            judgements=["completions.*.annotations|completions.*.overall_score|completions.*.fine-grained_score"],
            never=["completions.*.critique", "completions.*.model", "source"],
            accept={"system": ["completions.*.custom_system_prompt"]},
        ),
    )
