"""Public sets."""

import json

from ..files import Made, Maker, as_json, collector, jsonl, table
from ..texts import Texts
from ..truths import judged, reading
from ..turns import assistant, sides, user

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def lmsys_kaggle() -> Made:
    t = Texts(117)
    rows = []
    for item in t.draw(22):
        first, second, best = sides(t, item)
        tie = t.is_less(0.2)
        rows.append(
            {
                "id": t.number(10**6, 10**9),
                "model_a": t.pick("gpt-4-1106-preview", "koala-13b"),
                "model_b": t.pick("gpt-4-0613", "gpt-3.5-turbo-0314"),
                "prompt": json.dumps([item.question]),
                "response_a": json.dumps([first]),
                "response_b": json.dumps([second]),
                "winner_model_a": int(best == 0 and not tie),
                "winner_model_b": int(best == 1 and not tie),
                "winner_tie": int(tie),
            }
        )
    counts = {"first": "winner_model_a", "second": "winner_model_b", "tie": "winner_tie"}
    cells = ["prompt", "response_a", "response_b"]
    return Made(
        "train.csv",
        table(rows),
        judged(
            "LMSYS Kaggle competition: three columns of 0 and 1 name the winner; texts are lists of turns in JSON",
            "kaggle.com/competitions/lmsys-chatbot-arena, train.csv",
            *(
                reading(
                    "votes", first="response_a", second="response_b", counts=counts, literals=cells, **{key: "prompt"}
                )
                for key in ("prompt", "questions")
            ),
            judgements=["winner_model_a", "winner_model_b"],
            accept={"prompt": ["prompt.0", "prompt.*"], "first": ["response_a.0"], "second": ["response_b.0"]},
            never=["model_a", "model_b"],
        ),
    )


@file
def mt_bench_human() -> Made:
    t = Texts(118)
    rows = []
    for item, more in zip(t.draw(12), t.draw(12), strict=True):
        first, second, best = sides(t, item)
        a = [user(item.question), assistant(first), user(more.question), assistant(more.good)]
        b = [user(item.question), assistant(second), user(more.question), assistant(more.fair)]
        for turn in (1, 2):
            rows.append(
                {
                    "question_id": t.number(81, 160),
                    "model_a": "gpt-4",
                    "model_b": "vicuna-13b-v1.2",
                    "winner": t.pick(["model_a", "model_b"][best], ["model_a", "model_b"][best], "tie"),
                    "judge": t.pick("expert_1", "author_2"),
                    "conversation_a": a,
                    "conversation_b": b,
                    "turn": turn,
                }
            )
    return Made(
        "human.jsonl",
        jsonl(rows),
        judged(
            "MT-bench human judgements: with turn 1, only the first answers were judged",
            "hub: lmsys/mt_bench_human_judgments",
            reading(
                ["votes", "pairs"],
                first="conversation_a",
                second="conversation_b",
                label="winner",
                codes={"model_a": "first", "model_b": "second", "tie": "tie"},
            ),
            judgements=["winner"],
            context=["turn"],
            never=["judge", "model_a", "model_b"],
        ),
    )


@file
def helpsteer3() -> Made:
    t = Texts(119)
    rows = []
    for item in t.draw(16):
        first, second, best = sides(t, item)
        grade = t.number(1, 3) * (-1 if best == 0 else 1)
        rows.append(
            {
                "domain": t.pick("general", "stem"),
                "language": "english",
                "context": [user(item.question)],
                "response1": first,
                "response2": second,
                "overall_preference": grade,
                "individual_preference": [
                    {
                        "score": grade,
                        "reasoning": "It is more correct.",
                        "feedback1": "Fine.",
                        "feedback2": "Too short.",
                    }
                ],
            }
        )
    return Made(
        "preference.jsonl",
        jsonl(rows),
        judged(
            "HelpSteer3: -3 means that response 1 is much better, 3 that response 2 is; the rows do not say so",
            "hub: nvidia/HelpSteer3",
            *(
                reading(
                    ["graded_pair", "votes", "pairs"],
                    prompt="context",
                    first="response1",
                    second="response2",
                    label=label,
                    scale={"first": -3, "second": 3},
                    codes={str(n): "first" if n < 0 else "second" for n in (-3, -2, -1, 1, 2, 3)},
                )
                for label in ("overall_preference", "individual_preference.*.score")
            ),
            judgements=["overall_preference|individual_preference"],
            never=["domain", "individual_preference.*.reasoning"],
        ),
    )


@file
def rewardbench2() -> Made:
    t = Texts(120)
    rows = []
    for n, item in enumerate(t.draw(18)):
        rows.append(
            {
                "id": str(n),
                "prompt": item.question,
                "chosen": [item.good],
                "rejected": [item.fair, item.poor, "I would rather not say."],
                "num_correct": 1,
                "num_rejected": 3,
                "total_completions": 4,
                "models": ["gpt-4o", "claude-3-5-sonnet", "llama-3-8b", "olmo-2-7b"],
                "subset": t.pick("Factuality", "Math"),
                "additional_metadata": None,
            }
        )
    return Made(
        "rb2.jsonl",
        jsonl(rows),
        judged(
            "RewardBench 2: one chosen and three rejected answers in lists",
            "hub: allenai/reward-bench-2",
            reading("groups", prompt="prompt", good="chosen", bad="rejected"),
            judgements=[],
            never=["models", "subset"],
        ),
    )


@file
def judgebench() -> Made:
    t = Texts(121)
    rows = []
    for item in t.draw(20):
        first, second, best = sides(t, item)
        rows.append(
            {
                "pair_id": t.uuid(),
                "original_id": t.uuid()[:8],
                "source": t.pick("mmlu-pro-math", "livebench-reasoning"),
                "question": item.question,
                "response_model": "gpt-4o-2024-05-13",
                "response_A": first,
                "response_B": second,
                "label": ["A>B", "B>A"][best],
            }
        )
    return Made(
        "gpt.jsonl",
        jsonl(rows),
        judged(
            "JudgeBench: the label is A>B or B>A",
            "hub: ScalerLab/JudgeBench",
            reading(
                ["pairs", "votes", "graded_pair"],
                prompt="question",
                first="response_A",
                second="response_B",
                label="label",
                codes={"A>B": "first", "B>A": "second"},
            ),
            judgements=["label"],
            never=["source", "response_model", "original_id"],
        ),
    )


@file
def feedbackqa() -> Made:
    t = Texts(122)
    rows = []
    for item in t.draw(16):
        answer, ratings = t.pick(
            (item.good, ["Excellent", "Acceptable"]),
            (item.fair, ["Could be Improved", "Acceptable"]),
            (item.poor, ["Bad", "Bad"]),
        )
        rows.append(
            {
                "question": item.question,
                "passage": answer,
                "rating": ratings,
                "feedback": ["It says what was asked for.", "The passage could be shorter."],
                "domain": "Australia",
            }
        )
    return Made(
        "feedback_train.json",
        as_json(rows),
        judged(
            "FeedbackQA, flattened: two ratings in words for each passage, and explanations",
            "github: McGill-NLP/feedbackqa",
            reading("ratings", prompt="question", response="passage", scores={"rating": "high"}),
            reading(
                "thumbs",
                prompt="question",
                response="passage",
                label="rating",
                codes={"Excellent": "good", "Acceptable": "good", "Could be Improved": "neutral", "Bad": "bad"},
            ),
            judgements=["rating"],
            needs={"rating": ["codes"]},
            accept={"critique": ["feedback"]},
            never=["domain"],
        ),
    )


@file
def pku_saferlhf() -> Made:
    t = Texts(123)
    rows = []
    for item in t.draw(20):
        first, second, best = sides(t, item)
        rows.append(
            {
                "prompt": item.question,
                "prompt_source": "Alpaca3-70B",
                "response_0": first,
                "response_1": second,
                "is_response_0_safe": best == 0 or t.is_less(0.3),
                "is_response_1_safe": best == 1 or t.is_less(0.3),
                "better_response_id": best if t.is_less(0.8) else 1 - best,
                "safer_response_id": best,
            }
        )
    labels = ("better_response_id", "safer_response_id")
    return Made(
        "train.jsonl",
        jsonl(rows),
        judged(
            "PKU-SafeRLHF: which answer is better and which is safer are two questions",
            "hub: PKU-Alignment/PKU-SafeRLHF",
            *(
                reading(
                    ["pairs", "votes", "multiple_choice"],
                    prompt="prompt",
                    first="response_0",
                    second="response_1",
                    label=label,
                    codes={"0": "first", "1": "second"},
                )
                for label in labels
            ),
            reading(
                "rated_list",
                prompt="prompt",
                answers=["response_0", "response_1"],
                scores={"is_response_0_safe": "high", "is_response_1_safe": "high"},
            ),
            judgements=["better_response_id", "safer_response_id"],
            never=["prompt_source"],
        ),
    )
