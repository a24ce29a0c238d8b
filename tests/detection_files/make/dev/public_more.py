"""Public sets, continued."""

from ..files import Made, Maker, as_json, collector, jsonl, parquet
from ..texts import CODE, Texts
from ..truths import judged, reading, shown
from ..turns import sides

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def rewardbench() -> Made:
    t = Texts(16)
    rows = [
        {
            "prompt": item.question,
            "chosen": item.good,
            "chosen_model": t.pick("GPT4-Turbo", "human"),
            "rejected": item.poor,
            "rejected_model": t.pick("alpaca-7b", "unknown"),
            "subset": t.pick("alpacaeval-easy", "mt-bench-med", "refusals-dangerous"),
            "id": n,
        }
        for n, item in enumerate(t.draw(25))
    ]
    return Made(
        "filtered.parquet",
        parquet(rows),
        judged(
            "RewardBench",
            "hub: allenai/reward-bench",
            reading("pairs", prompt="prompt", chosen="chosen", rejected="rejected"),
            judgements=[],
            never=["chosen_model", "rejected_model", "subset", "id"],
        ),
    )


@file
def prm800k_phase2() -> Made:
    t = Texts(17)
    rows = []
    for _ in range(9):
        a, b, c = (t.number(2, 9) for _ in range(3))
        steps = [
            {
                "completions": [{"text": f"First multiply {b} and {c}.", "rating": 1, "flagged": False}],
                "human_completion": None,
                "chosen_completion": 0,
            },
            {
                "completions": [
                    {"text": f"{b} * {c} = {b * c}.", "rating": 1, "flagged": False},
                    {"text": f"{b} * {c} = {b * c + 1}.", "rating": -1, "flagged": False},
                    {"text": "Multiplication is fun.", "rating": 0, "flagged": None},
                ],
                "human_completion": None,
                "chosen_completion": 0,
            },
            {
                "completions": [
                    {"text": f"So the answer is {a + b * c}.\n\n# Answer\n\n{a + b * c}", "rating": 1, "flagged": False}
                ],
                "human_completion": None,
                "chosen_completion": 0,
            },
        ]
        rows.append(
            {
                "labeler": t.uuid(),
                "timestamp": t.time(),
                "generation": t.number(1, 9),
                "is_quality_control_question": False,
                "is_initial_screening_question": False,
                "question": {"problem": f"What is {a} + {b} * {c}?", "ground_truth_answer": str(a + b * c)},
                "label": {"steps": steps, "total_time": t.number(9000, 99000), "finish_reason": "solution"},
            }
        )
    return Made(
        "phase2_train.jsonl",
        jsonl(rows),
        judged(
            "PRM800K phase 2: several versions of a step, the solution goes on with chosen_completion",
            "github: openai/prm800k",
            reading(
                "steps",
                prompt="question.problem",
                steps="label.steps",
                versions="completions",
                step="text",
                rating="rating",
                taken="chosen_completion",
                codes={"1": "right", "0": "neutral", "-1": "wrong"},
            ),
            judgements=["label.steps"],
            where=["is_quality_control_question", "is_initial_screening_question", "label.finish_reason"],
            accept={"target": ["question.ground_truth_answer"], "written": ["human_completion"]},
            never=["labeler", "timestamp", "label.finish_reason"],
        ),
    )


@file
def beavertails() -> Made:
    t = Texts(18)
    rows = []
    for item in t.draw(26):
        answer, safe = t.pick((item.good, True), (item.poor, False))
        rows.append(
            {
                "prompt": item.question,
                "response": answer,
                "category": {
                    "animal_abuse": False,
                    "financial_crime,property_crime,theft": not safe and t.is_less(0.5),
                    "violence,aiding_and_abetting,incitement": not safe,
                },
                "is_safe": safe,
            }
        )
    return Made(
        "beavertails.jsonl",
        jsonl(rows),
        judged(
            "BeaverTails: harm categories and is_safe",
            "hub: PKU-Alignment/BeaverTails",
            reading(
                "thumbs", prompt="prompt", response="response", label="is_safe", codes={"true": "good", "false": "bad"}
            ),
            judgements=["is_safe"],
        ),
    )


@file
def multipref() -> Made:
    t = Texts(19)
    rows = []
    grades = ["A-is-clearly-better", "A-is-slightly-better", "Tie", "B-is-slightly-better", "B-is-clearly-better"]
    for item in t.draw(20):
        first, second, best = sides(t, item)
        grade = lambda b=best: t.pick(*(grades[:2] if b == 0 else grades[3:]), "Tie")  # noqa: E731
        rows.append(
            {
                "comparison_id": t.uuid()[:18],
                "prompt_id": t.uuid()[:12],
                "text": item.question,
                "model_a": "tulu-2-7b",
                "model_b": "llama-2-70b-chat",
                "completion_a": first,
                "completion_b": second,
                "timestamp": t.time(" "),
                "evaluator": t.uuid()[:10],
                "helpful_pref": grade(),
                "helpful_rationale": t.pick(
                    "Response A/B is more accurate", "More detailed", "Fits the request better"
                ),
                "truthful_pref": grade(),
                "harmless_pref": "Tie",
                "overall_pref": grade(),
                "overall_confidence": t.pick("Fairly confident", "Absolutely confident"),
            }
        )
    codes = dict(zip(grades, ("first", "first", "tie", "second", "second"), strict=True))
    return Made(
        "multipref.jsonl",
        jsonl(rows),
        judged(
            "MultiPref, one row per annotator: four questions about the same two answers",
            "hub: allenai/multipref",
            *(
                reading(
                    ["graded_pair", "votes", "pairs"],
                    prompt="text",
                    first="completion_a",
                    second="completion_b",
                    label=label,
                    codes=codes,
                )
                for label in ("overall_pref", "helpful_pref", "truthful_pref", "harmless_pref")
            ),
            judgements=["helpful_pref", "truthful_pref", "harmless_pref", "overall_pref"],
            never=["timestamp", "evaluator", "helpful_rationale", "model_a"],
        ),
    )


@file
def orca_dpo() -> Made:
    t = Texts(20)
    systems = (
        "You are an AI assistant. You will be given a task. Think step by step.",
        "You are a helpful assistant, who always gives a short reason.",
        "",
    )
    rows = [
        {"system": t.pick(*systems), "question": item.question, "chosen": item.good, "rejected": item.poor}
        for item in t.draw(24)
    ]
    return Made(
        "orca_rlhf.jsonl",
        jsonl(rows),
        judged(
            "Orca DPO pairs, with a system text in each row",
            "hub: Intel/orca_dpo_pairs",
            reading("pairs", prompt="question", chosen="chosen", rejected="rejected", system="system"),
            judgements=[],
            context=["system"],
        ),
    )


@file
def shp() -> Made:
    t = Texts(21)
    rows = []
    for item in t.draw(20):
        first, second, best = sides(t, item)
        high, low = t.number(20, 300), t.number(2, 15)
        rows.append(
            {
                "post_id": t.uuid()[:6],
                "domain": "askculinary_train",
                "upvote_ratio": t.number(80, 99) / 100,
                "history": item.question,
                "c_root_id_A": t.uuid()[:7],
                "c_root_id_B": t.uuid()[:7],
                "created_at_utc_A": t.number(1600000000, 1640000000),
                "created_at_utc_B": t.number(1600000000, 1640000000),
                "score_A": high if best == 0 else low,
                "score_B": high if best == 1 else low,
                "human_ref_A": first,
                "human_ref_B": second,
                "labels": 1 - best,
                "seconds_difference": float(t.number(100, 90000)),
                "score_ratio": round(high / low, 3),
            }
        )
    return Made(
        "train.json",
        jsonl(rows),
        judged(
            "Stanford Human Preferences: labels is 1 if A is preferred, 0 if B is; the scores of both answers agree",
            "hub: stanfordnlp/SHP",
            reading(
                ["pairs", "votes"],
                prompt="history",
                first="human_ref_A",
                second="human_ref_B",
                label="labels",
                codes={"1": "first", "0": "second"},
            ),
            reading(
                "rated_list",
                prompt="history",
                answers=["human_ref_A", "human_ref_B"],
                scores={"score_A": "high", "score_B": "high"},
            ),
            judgements=["labels"],
            never=["domain", "c_root_id_A", "created_at_utc_A", "seconds_difference", "score_ratio"],
        ),
    )


@file
def webgpt() -> Made:
    t = Texts(22)
    rows = []
    for item in t.draw(15):
        first, second, best = sides(t, item)
        score = t.pick(0.0, 0.33, 0.67, 1.0) * (1 if best == 0 else -1)
        rows.append(
            {
                "question": {"dataset": "eli5", "id": t.uuid()[:6], "full_text": item.question},
                "quotes_0": {"title": ["A page (en.wikipedia.org)"], "extract": ["A quoted passage of that page."]},
                "answer_0": first,
                "tokens_0": {"prefix": [1, 2, 3], "completion": [4, 5]},
                "score_0": score,
                "quotes_1": {"title": ["A page (www.britannica.com)"], "extract": ["Another quoted passage."]},
                "answer_1": second,
                "tokens_1": {"prefix": [1, 2], "completion": [7, 8]},
                "score_1": -score,
            }
        )
    return Made(
        "comparisons.jsonl",
        jsonl(rows),
        judged(
            "WebGPT comparisons: a score for each of two answers; one is the negative of the other",
            "hub: openai/webgpt_comparisons",
            reading(
                "rated_list",
                prompt="question.full_text",
                answers=["answer_0", "answer_1"],
                scores={"score_0": "high", "score_1": "high"},
            ),
            reading(
                "graded_pair",
                prompt="question.full_text",
                first="answer_0",
                second="answer_1",
                label="score_0",
                scale={"first": 1, "second": -1},
            ),
            judgements=["score_0|score_1"],
            never=["quotes_0.extract", "quotes_0.title", "question.dataset"],
        ),
    )


@file
def stack_exchange_pm() -> Made:
    t = Texts(23, CODE)
    rows = []
    for item in t.draw(10):
        answers = [
            {
                "answer_id": t.number(1000, 99999),
                "author": "user" + str(t.number(1, 999)),
                "author_id": t.number(1, 9999),
                "author_profile": "https://stackoverflow.com/users/" + str(t.number(1, 9999)),
                "pm_score": score,
                "selected": score == 6,
                "text": text,
            }
            for text, score in ((item.good, 6), (item.fair, 2), (item.poor, 0))
        ]
        t.random.shuffle(answers)
        rows.append(
            {
                "answers": answers,
                "date": "2019/03/11",
                "metadata": ["https://stackoverflow.com/questions/1", "https://stackoverflow.com"],
                "qid": t.number(1, 99999),
                "question": item.question,
            }
        )
    return Made(
        "stack.jsonl",
        jsonl(rows),
        judged(
            "Stack Exchange preferences: answers with pm_score and selected",
            "hub: HuggingFaceH4/stack-exchange-preferences",
            reading("rated_list", prompt="question", answers="answers", response="text", scores={"pm_score": "high"}),
            judgements=["answers.*.pm_score", "answers.*.selected"],
            never=["answers.*.author", "answers.*.author_profile", "date", "metadata"],
        ),
    )


@file
def mmlu() -> Made:
    t = Texts(24)
    rows = []
    for item in t.draw(25):
        choices = [item.good, item.fair, item.poor, "None of these."]
        t.random.shuffle(choices)
        rows.append(
            {
                "question": item.question,
                "subject": t.pick("astronomy", "nutrition", "world_religions"),
                "choices": choices,
                "answer": choices.index(item.good),
            }
        )
    return Made(
        "test.jsonl",
        jsonl(rows),
        judged(
            "MMLU: the answer is the place of the right choice, counted from 0",
            "hub: cais/mmlu",
            reading("multiple_choice", prompt="question", options="choices", answer="answer", first=0),
            judgements=["answer"],
            never=["subject"],
        ),
    )


@file
def sharegpt_with_system() -> Made:
    t = Texts(25)
    rows = []
    for item in t.draw(16):
        turns = [{"from": "human", "value": item.question}, {"from": "gpt", "value": item.good}]
        rows.append(
            {"id": t.uuid()[:7] + "_0", "system": t.pick("Be brief.", "You are a pirate."), "conversations": turns}
        )
    return Made(
        "sharegpt.json",
        as_json(rows),
        shown(
            "ShareGPT dialogues with a system text beside them",
            "LLaMA-Factory data/README.md, sharegpt format",
            reading("demonstration", messages="conversations", system="system"),
            context=["system"],
            never=["id"],
        ),
    )


@file
def alpaca_with_history() -> Made:
    t = Texts(26)
    rows = []
    for item, before in zip(t.draw(18), t.draw(18), strict=True):
        history = [[before.question, before.good]] if t.is_less(0.5) else []
        rows.append({"instruction": item.question, "input": "", "output": item.good, "history": history})
    return Made(
        "train.json",
        as_json(rows),
        shown(
            "Alpaca rows with earlier turns in history",
            "LLaMA-Factory data/README.md, alpaca format",
            reading("demonstration", prompt=["instruction", "input"], response="output", history="history"),
            context=["history"],
        ),
    )
