"""Public sets, continued."""

from ..files import Made, Maker, collector, jsonl, parquet
from ..texts import Texts
from ..truths import judged, reading
from ..turns import assistant, sides, user

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def summarize_feedback() -> Made:
    t = Texts(124)
    rows = []
    for item in t.draw(18):
        first, second, best = sides(t, item)
        rows.append(
            {
                "info": {
                    "id": t.uuid()[:8],
                    "post": item.question + " I have wondered about it for weeks.",
                    "title": "A question",
                    "subreddit": "AskReddit",
                },
                "split": "train",
                "summaries": [
                    {"text": first, "policy": "sup4_6b", "note": "ok"},
                    {"text": second, "policy": "ref", "note": "long"},
                ],
                "choice": best,
                "worker": t.uuid()[:20],
                "batch": "batch3.json",
                "extra": {},
            }
        )
    return Made(
        "comparisons.jsonl",
        jsonl(rows),
        judged(
            "OpenAI summaries: choice is the place, from 0, of the better summary in the list",
            "hub: openai/summarize_from_feedback, comparisons",
            reading(
                "multiple_choice",
                prompt=["info.title", "info.post"],
                options="summaries.*.text",
                answer="choice",
                first=0,
            ),
            reading(
                ["pairs", "votes"],
                prompt=["info.title", "info.post"],
                first="summaries.0.text",
                second="summaries.1.text",
                label="choice",
                codes={"0": "first", "1": "second"},
            ),
            judgements=["choice"],
            accept={"prompt": ["info.post"], "options": [["summaries.0.text", "summaries.1.text"]]},
            never=["worker", "batch", "info.subreddit", "summaries.*.policy", "summaries.*.note"],
        ),
    )


@file
def nectar() -> Made:
    t = Texts(125)
    rows = []
    for item in t.draw(12):
        answers = [
            {"answer": text, "model": model, "rank": float(rank)}
            for rank, (text, model) in enumerate(
                ((item.good, "gpt-4"), (item.fair, "anthropic"), (item.poor, "llama-2-7b-chat")), 1
            )
        ]
        t.random.shuffle(answers)
        rows.append(
            {
                "prompt": f"\n\nHuman: {item.question}\n\nAssistant: ",
                "answers": answers,
                "turns": 1,
                "num_responses": 3,
                "source": ["sharegpt"],
                "good_natured": True,
            }
        )
    return Made(
        "nectar.jsonl",
        jsonl(rows),
        judged(
            "Nectar: answers with ranks, 1 is the best",
            "hub: berkeley-nest/Nectar",
            reading(
                ["ranking", "rated_list"],
                prompt="prompt",
                answers="answers",
                response="answer",
                ranks="rank",
                better="low",
            ),
            judgements=["answers.*.rank"],
            never=["answers.*.model", "source"],
        ),
    )


@file
def zephyr_binarized() -> Made:
    t = Texts(126)
    rows = []
    for item in t.draw(14):
        chosen = [user(item.question), assistant(item.good)]
        rows.append(
            {
                "prompt": item.question,
                "prompt_id": t.uuid().replace("-", ""),
                "chosen": chosen,
                "rejected": [user(item.question), assistant(item.poor)],
                "messages": chosen,
                "score_chosen": t.number(70, 95) / 10,
                "score_rejected": t.number(10, 60) / 10,
            }
        )
    return Made(
        "train_prefs.jsonl",
        jsonl(rows),
        judged(
            "UltraFeedback binarized: messages repeats the chosen dialogue",
            "hub: HuggingFaceH4/ultrafeedback_binarized",
            reading("pairs", chosen="chosen", rejected="rejected"),
            reading(
                "rated_list",
                prompt="prompt",
                answers=["chosen.-1.content", "rejected.-1.content"],
                scores={"score_chosen": "high", "score_rejected": "high"},
            ),
            judgements=["score_chosen", "score_rejected"],
            accept={"prompt": ["prompt"]},
            never=["prompt_id"],
        ),
    )


@file
def distilabel_dpo() -> Made:
    t = Texts(127)
    rows = []
    for item in t.draw(14):
        rows.append(
            {
                "system": t.pick("You are an AI assistant.", "You are an expert cook."),
                "input": item.question,
                "chosen": item.good,
                "rejected": item.poor,
                "generations": [item.poor, item.good],
                "order": ["rejected", "chosen"],
                "labelling_model": "gpt-4-1106-preview",
                "labelling_prompt": "[Instruction] Rate both answers.",
                "raw_labelling_response": "8 2\n\nThe second assistant is more precise.",
                "rating": [2.0, 8.0],
                "rationale": "The second assistant is more precise.",
                "status": "swapped",
                "original_chosen": item.good,
                "original_rejected": item.poor,
                "chosen_score": 8.0,
                "in_gsm8k_train": False,
            }
        )
    return Made(
        "distilabel.jsonl",
        jsonl(rows),
        judged(
            "distilabel Orca pairs: many helper columns beside chosen and rejected",
            "hub: argilla/distilabel-intel-orca-dpo-pairs",
            reading("pairs", prompt="input", chosen="chosen", rejected="rejected", system="system"),
            judgements=["rating"],
            context=["system"],
            never=["labelling_prompt", "raw_labelling_response", "rationale", "status"],
        ),
    )


@file
def oasst_flat() -> Made:
    t = Texts(128)
    rows = []
    for item in t.draw(10):
        ask = t.uuid()
        common = {"user_id": t.uuid(), "lang": "en", "review_result": True, "deleted": False}
        rows.append(
            {
                "message_id": ask,
                "parent_id": None,
                "created_date": t.time(),
                "text": item.question,
                "role": "prompter",
                "rank": None,
            }
            | common
        )
        for rank, text in enumerate((item.good, item.fair)):
            rows.append(
                {
                    "message_id": t.uuid(),
                    "parent_id": ask,
                    "created_date": t.time(),
                    "text": text,
                    "role": "assistant",
                    "rank": rank,
                }
                | common
            )
    return Made(
        "oasst_messages.jsonl",
        jsonl(rows),
        judged(
            "OpenAssistant, one row per message: the question of an answer is in another row",
            "hub: OpenAssistant/oasst1",
            judgements=["rank"],
            silence="right",
        ),
    )


@file
def kto_mix() -> Made:
    t = Texts(129)
    rows = []
    for item in t.draw(24):
        answer, label = t.pick((item.good, True), (item.poor, False))
        rows.append({"prompt": [user(item.question)], "completion": [assistant(answer)], "label": label})
    return Made(
        "kto_mix.parquet",
        parquet(rows),
        judged(
            "TRL unpaired preferences",
            "hub: trl-lib/kto-mix-14k",
            reading(
                "thumbs", prompt="prompt", response="completion", label="label", codes={"true": "good", "false": "bad"}
            ),
            judgements=["label"],
            accept={"prompt": ["prompt.0.content"], "response": ["completion.0.content", "completion.*.content"]},
        ),
    )


@file
def arc_challenge() -> Made:
    t = Texts(130)
    rows = []
    for item in t.draw(20):
        texts = [item.good, item.fair, item.poor, "It cannot be known."]
        t.random.shuffle(texts)
        rows.append(
            {
                "id": "Mercury_" + str(t.number(10**5, 10**6)),
                "question": item.question,
                "choices": {"text": texts, "label": ["A", "B", "C", "D"]},
                "answerKey": "ABCD"[texts.index(item.good)],
            }
        )
    return Made(
        "arc.jsonl",
        jsonl(rows),
        judged(
            "ARC: options and their letters in two lists",
            "hub: allenai/ai2_arc",
            reading("multiple_choice", prompt="question", options="choices.text", answer="answerKey", first="A"),
            reading(
                "multiple_choice", prompt="question", options="choices.text", answer="answerKey", labels="choices.label"
            ),
            judgements=["answerKey"],
            never=["id"],
        ),
    )


@file
def math_shepherd() -> Made:
    t = Texts(131)
    rows = []
    for _ in range(14):
        a, b = t.number(2, 20), t.number(2, 20)
        wrong = t.is_less(0.5)
        last = a + b + wrong
        question = f"Tom has {a} pears and buys {b} more. How many has he?"
        steps = [f"Step 1: Tom starts with {a} pears.", f"Step 2: {a} + {b} = {last}. The answer is: {last}"]
        marks = ["+", "-" if wrong else "+"]
        rows.append(
            {
                "input": question + " " + "\n".join(f"{step} ки" for step in steps),
                "label": question + " " + "\n".join(f"{step} {mark}" for step, mark in zip(steps, marks, strict=True)),
                "task": "GSM8K",
            }
        )
    return Made(
        "math-shepherd.jsonl",
        jsonl(rows),
        judged(
            "Math-Shepherd: problem, steps and their marks in one text",
            "hub: peiyi9979/Math-Shepherd",
            reading("steps", prompt="label", steps="label", codes={"+": "right", "-": "wrong"}),
            judgements=["label"],
            silence="right",
            never=["task"],
        ),
    )


@file
def steps_with_ratings_list() -> Made:
    t = Texts(132)
    rows = []
    for _ in range(14):
        a, b = t.number(2, 20), t.number(2, 20)
        wrong = t.is_less(0.5)
        rows.append(
            {
                "problem": f"A rope of {a} m and one of {b} m are joined. How long is the result?",
                "completions": [f"The lengths are {a} and {b}.", f"Their sum is {a + b + wrong}."],
                "labels": [True, not wrong],
            }
        )
    return Made(
        "stepwise.jsonl",
        jsonl(rows),
        judged(
            "TRL stepwise supervision: a list of steps and a list of truth values",
            "huggingface.co/docs/trl/dataset_formats, stepwise supervision; names of the columns varied",
            reading(
                "steps",
                prompt="problem",
                steps="completions",
                rating="labels",
                codes={"true": "right", "false": "wrong"},
            ),
            judgements=["labels"],
        ),
    )
