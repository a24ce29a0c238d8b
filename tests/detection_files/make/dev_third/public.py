"""Public sets."""

from ..files import Made, Maker, as_json, collector, jsonl, parquet, table
from ..texts import Texts
from ..truths import judged, rated, reading, shown, thumbs
from ..turns import assistant, sides, user

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def prism_utterances() -> Made:
    t = Texts(241)
    rows = []
    for n, item in enumerate(t.draw(10)):
        for place, (text, score, chosen) in enumerate(
            ((item.good, t.number(80, 100), True), (item.fair, t.number(30, 70), False), (item.poor, 5, False))
        ):
            rows.append(
                {
                    "utterance_id": f"ut{3 * n + place}",
                    "interaction_id": f"int{n}",
                    "conversation_id": f"c{n}",
                    "user_id": f"user{t.number(1, 5)}",
                    "turn": 0,
                    "within_turn_id": place,
                    "conversation_type": "unguided",
                    "user_prompt": item.question,
                    "model_response": text,
                    "model_name": t.pick("claude-2", "zephyr-7b-beta", "command"),
                    "model_provider": "x",
                    "score": score,
                    "if_chosen": chosen,
                    "included_in_balanced_subset": True,
                }
            )
    return Made(
        "utterances.jsonl",
        jsonl(rows),
        judged(
            "PRISM utterances: a score from 1 to 100 and whether the answer was chosen",
            "hub: HannahRoseKirk/prism-alignment, utterances; public code that reads it",
            *rated("user_prompt", "model_response", "score", "high", "5", "50", "100"),
            thumbs("user_prompt", "model_response", "if_chosen", true="good", false="bad"),
            judgements=["score", "if_chosen"],
            never=["model_name", "conversation_type", "user_id", "interaction_id"],
        ),
    )


@file
def truthfulqa() -> Made:
    t = Texts(242)
    rows = [
        {
            "type": "Adversarial",
            "category": t.pick("Misconceptions", "Health"),
            "question": item.question,
            "best_answer": item.good,
            "correct_answers": [item.good, item.fair],
            "incorrect_answers": [item.poor, "Nobody can say."],
            "source": "https://example.org/facts",
        }
        for item in t.draw(16)
    ]
    return Made(
        "truthfulqa.jsonl",
        jsonl(rows),
        judged(
            "TruthfulQA generation: lists of correct and incorrect answers",
            "hub: truthfulqa/truthful_qa, generation",
            reading("groups", prompt="question", good="correct_answers", bad="incorrect_answers"),
            judgements=[],
            never=["category", "source", "type"],
        ),
    )


@file
def piqa() -> Made:
    t = Texts(243)
    rows = []
    for item in t.draw(20):
        first, second, best = sides(t, item)
        rows.append({"goal": item.question, "sol1": first, "sol2": second, "label": best})
    codes = {"0": "first", "1": "second"}
    return Made(
        "piqa_train.jsonl",
        jsonl(rows),
        judged(
            "PIQA: label 0 is sol1; the rows alone do not say so",
            "hub: ybisk/piqa",
            reading("multiple_choice", prompt="goal", options=["sol1", "sol2"], answer="label", first=0),
            reading(["pairs", "votes"], prompt="goal", first="sol1", second="sol2", label="label", codes=codes),
            judgements=["label"],
        ),
    )


@file
def hellaswag() -> Made:
    t = Texts(244)
    rows = []
    for n, item in enumerate(t.draw(16)):
        texts = [item.good, item.fair, item.poor, "and then leaves the room."]
        t.random.shuffle(texts)
        rows.append(
            {
                "ind": n,
                "activity_label": t.pick("Cooking", "Repairs"),
                "ctx_a": f"Someone asks: {item.question}",
                "ctx_b": "the other",
                "ctx": f"Someone asks: {item.question} the other",
                "endings": texts,
                "source_id": "activitynet~v_1",
                "split": "train",
                "split_type": "indomain",
                "label": str(texts.index(item.good)),
            }
        )
    return Made(
        "hellaswag.jsonl",
        jsonl(rows),
        judged(
            "HellaSwag: the label is a text with the place of the right ending, from 0",
            "hub: Rowan/hellaswag",
            reading("multiple_choice", prompt="ctx", options="endings", answer="label", first=0),
            judgements=["label"],
            accept={"prompt": [["ctx_a", "ctx_b"]]},
            where=["split"],
            never=["activity_label", "source_id", "ind"],
        ),
    )


@file
def processbench() -> Made:
    t = Texts(245)
    rows = []
    for n in range(14):
        a, b = t.number(2, 20), t.number(2, 20)
        wrong = t.pick(-1, 0, 1)
        start = a + (1 if wrong == 0 else 0)
        total = start + b + (1 if wrong == 1 else 0)
        rows.append(
            {
                "id": f"gsm8k-{n}",
                "generator": "Qwen2-7B-Instruct",
                "problem": f"Ada has {a} shells and finds {b} more. How many has she?",
                "steps": [f"Ada starts with {start} shells.", f"{start} + {b} = {total}, so she has {total}."],
                "final_answer_correct": total == a + b,
                "label": wrong,
            }
        )
    return Made(
        "gsm8k.json",
        as_json(rows),
        judged(
            "ProcessBench: label is the first wrong step from 0, and -1 where no step is wrong",
            "hub: Qwen/ProcessBench",
            reading("steps", prompt="problem", steps="steps", first_wrong="label"),
            judgements=["label"],
            accept={"none_wrong": [-1]},
            silence="right",
            never=["generator", "id"],
        ),
    )


@file
def summeval_lists() -> Made:
    t = Texts(246)
    axes = ("relevance", "coherence", "fluency", "consistency")
    rows = []
    for n, item in enumerate(t.draw(12)):
        answers = [(item.good, 4.7), (item.fair, 3.3), (item.poor, 1.3)]
        t.random.shuffle(answers)
        scores = {axis: [round(mean + t.number(-3, 3) / 10, 2) for _, mean in answers] for axis in axes}
        rows.append(
            {
                "id": f"dm-test-{n}",
                "text": f"A reader asked: {item.question} The paper answered at length. {item.good} More is inside.",
                "machine_summaries": [text for text, _ in answers],
                "human_summaries": [item.good],
            }
            | scores
        )
    return Made(
        "summeval.parquet",
        parquet(rows),
        judged(
            "SummEval: a list of summaries, and one list of scores for each of four axes",
            "hub: mteb/summeval",
            reading("rated_list", prompt="text", answers="machine_summaries", scores=dict.fromkeys(axes, "high")),
            judgements=list(axes),
            silence="right",
            never=["id", "human_summaries"],
        ),
    )


@file
def wmt_direct_assessment() -> Made:
    t = Texts(247)
    rows = []
    for item in t.draw(20):
        text, raw = t.pick((item.good, 92.0), (item.fair, 61.0), (item.poor, 12.0))
        rows.append(
            {
                "lp": "de-en",
                "src": f"(de) {item.good}",
                "mt": text,
                "ref": item.good,
                "score": round((raw - 60) / 30, 4),
                "raw": raw,
                "annotators": t.number(1, 3),
                "domain": "news",
                "year": 2020,
            }
        )
    return Made(
        "2020-da.csv",
        table(rows),
        judged(
            "WMT direct assessment: score is raw, standardised by annotator; annotators is a count",
            "hub: RicardoRei/wmt-da-human-evaluation",
            *rated("src", "mt", "score", "high", "-1.6", "0.0333", "1.0667"),
            *rated("src", "mt", "raw", "high", "12", "61", "92"),
            reading("ratings", prompt="src", response="mt", scores={"raw": "high", "score": "high"}),
            judgements=["score|raw"],
            never=["ref", "lp", "domain"],
        ),
    )


@file
def helpsteer2_preference() -> Made:
    t = Texts(248)
    rows = []
    for item in t.draw(16):
        first, second, best = sides(t, item)
        grade = t.number(1, 3) * (1 if best == 1 else -1)
        how = ["slightly ", "", "much "][abs(grade) - 1]
        better = f"Response {best + 1} is {how}better than Response {2 - best}."
        rows.append(
            {
                "split": "train",
                "prompt": item.question,
                "response_1": first,
                "response_2": second,
                "preference_strength": grade,
                "preference_statement": better,
                "preference_elaboration": "It is more precise and answers what was asked.",
            }
        )
    places = {"prompt": "prompt", "first": "response_1", "second": "response_2"}
    graded = sorted((row["preference_strength"], row["preference_statement"]) for row in rows)
    codes = {str(grade): "second" if grade > 0 else "first" for grade, _ in graded}
    words = {statement: "second" if grade > 0 else "first" for grade, statement in graded}
    kinds = ["graded_pair", "votes", "pairs"]
    scale = {"first": -3, "second": 3}
    return Made(
        "preference.jsonl",
        jsonl(rows),
        judged(
            "HelpSteer2 preference: -3 is much better response 1, and a sentence says the same",
            "hub: nvidia/HelpSteer2, preference",
            reading(kinds, **places, label="preference_strength", codes=codes, scale=scale),
            reading(kinds, **places, label="preference_statement", codes=words),
            judgements=["preference_strength|preference_statement"],
            where=["split"],
            never=["preference_elaboration", "split"],
        ),
    )


@file
def feedback_collection() -> Made:
    t = Texts(249)
    rows = []
    for item in t.draw(12):
        answer, mark = t.pick((item.good, "5"), (item.fair, "3"), (item.poor, "1"))
        asked = f"###Task Description: rate the response.\n###Instruction: {item.question}\n###Response: {answer}"
        words = "The response is measured by its precision."
        rows.append(
            {
                "orig_criteria": "Is the answer precise?",
                "orig_score1_description": "It is wrong.",
                "orig_score5_description": "It is precise.",
                "orig_reference_answer": item.good,
                "orig_instruction": item.question,
                "orig_response": answer,
                "orig_score": mark,
                "orig_feedback": words,
                "instruction": asked,
                "input": "",
                "output": f"{words} [RESULT] {mark}",
            }
        )
    return Made(
        "new_feedback_collection.json",
        as_json(rows),
        judged(
            "Feedback Collection: instruction and output train a judge; the rated answer is in orig_response",
            "hub: prometheus-eval/Feedback-Collection",
            *rated("orig_instruction", "orig_response", "orig_score", "high", "1", "3", "5"),
            *(
                reading("demonstration", prompt=prompt, response="output")
                for prompt in ("instruction", ["instruction", "input"])
            ),
            judgements=["orig_score"],
            never=["orig_reference_answer", "orig_score1_description", "orig_score5_description", "orig_criteria"],
        ),
    )


@file
def human_or_chatgpt() -> Made:
    t = Texts(250)
    rows = [
        {
            "question": item.question,
            "human_answers": [item.fair, item.good],
            "chatgpt_answers": [item.good],
            "index": str(n),
            "source": t.pick("reddit_eli5", "medicine"),
        }
        for n, item in enumerate(t.draw(16))
    ]
    return Made(
        "hc3_all.jsonl",
        jsonl(rows),
        shown(
            "HC3: answers of people and of a model; nobody said which are better",
            "hub: Hello-SimpleAI/HC3",
            *(
                reading("demonstration", prompt="question", response=path)
                for path in ("human_answers.0", "chatgpt_answers.0")
            ),
            accept={"response": ["human_answers", "human_answers.*", "chatgpt_answers", "chatgpt_answers.*"]},
            silence="right",
            never=["source", "index"],
        ),
    )


@file
def red_team_attempts() -> Made:
    t = Texts(251)
    rows = []
    for item in t.draw(12):
        answer, mark, harmless = t.pick((item.good, 0, 2.1), (item.fair, 2, 0.3), (item.poor, 4, -2.7))
        rows.append(
            {
                "min_harmlessness_score_transcript": harmless,
                "num_params": "52B",
                "model_type": "rlhf",
                "transcript": f"\n\nHuman: {item.question}\n\nAssistant: {answer}",
                "rating": mark,
                "task_description": "Ask for something that one should not do.",
                "task_description_harmlessness_score": 0.5,
                "red_team_member_id": t.number(1, 300),
                "is_upworker": False,
                "tags": None,
            }
        )
    return Made(
        "red_team_attempts.jsonl",
        jsonl(rows),
        judged(
            "Anthropic red team: a rating of 4 means that the attack succeeded",
            "hub: Anthropic/hh-rlhf, red-team-attempts",
            reading(
                "ratings",
                messages="transcript",
                scores={"rating": "low", "min_harmlessness_score_transcript": "high"},
            ),
            reading(
                "ratings",
                response="transcript",
                scores={"rating": "low", "min_harmlessness_score_transcript": "high"},
            ),
            reading("thumbs", messages="transcript", label="rating", codes={"0": "good", "2": "neutral", "4": "bad"}),
            accept={"prompt": ["transcript"]},
            judgements=["rating", "min_harmlessness_score_transcript"],
            never=["task_description", "model_type", "red_team_member_id"],
        ),
    )


@file
def ultrainteract_pairs() -> Made:
    t = Texts(252)
    rows = []
    for n, item in enumerate(t.draw(14)):
        before = [{"from": "user", "value": item.question}]
        if t.is_less(0.4):
            before += [{"from": "assistant", "value": item.poor}, {"from": "user", "value": "Are you sure?"}]
        rows.append(
            {
                "task": "Math_CoT",
                "dataset": "gsm8k",
                "trajectory": before,
                "chosen": item.good,
                "rejected": item.fair,
                "id": f"{n}_0",
                "parent_id": f"{n}",
            }
        )
    return Made(
        "ultrainteract.parquet",
        parquet(rows),
        judged(
            "UltraInteract pairs: the prompt is a list of turns called trajectory",
            "hub: openbmb/UltraInteract_pair",
            reading("pairs", prompt="trajectory", chosen="chosen", rejected="rejected"),
            judgements=[],
            context=["trajectory"],
            never=["task", "dataset", "parent_id"],
        ),
    )


@file
def swift_rejected_response() -> Made:
    t = Texts(253)
    rows = [
        {
            "messages": [
                {"role": "system", "content": "You are a careful assistant."},
                user(item.question),
                assistant(item.good),
            ],
            "rejected_response": item.poor,
        }
        for item in t.draw(14)
    ]
    return Made(
        "rlhf_swift.jsonl",
        jsonl(rows),
        judged(
            "ms-swift RLHF: a dialogue with the better answer, and the worse answer as a text",
            "github: modelscope/ms-swift, docs: custom dataset, rejected_response",
            reading("pairs", chosen="messages", rejected="rejected_response"),
            judgements=["rejected_response"],
            accept={
                "prompt": ["messages", "messages.1.content"],
                "chosen": ["messages.2.content", "messages.-1.content", "messages.2", "messages.-1"],
                "system": ["messages.0.content"],
            },
            silence="right",
        ),
    )


@file
def dices_safety() -> Made:
    t = Texts(254)
    rows = []
    for n, item in enumerate(t.draw(6)):
        answer, unsafe = t.pick((item.good, "No"), (item.poor, "Yes"))
        for rater in range(3):
            mark = t.pick(unsafe, unsafe, "Unsure")
            rows.append(
                {
                    "rater_id": 100 + rater,
                    "rater_gender": t.pick("Man", "Woman"),
                    "rater_age": t.pick("gen z", "millenial"),
                    "rater_education": t.pick("College degree or higher", "High school or below"),
                    "item_id": n,
                    "answer_time_ms": t.number(9000, 90000),
                    "context": f"USER: {item.question}",
                    "response": answer,
                    "safety_gold": unsafe,
                    "Q2_harmful_content_overall": mark,
                    "Q_overall": mark,
                }
            )
    codes = {"No": "good", "Yes": "bad", "Unsure": "neutral"}
    labels = ("Q_overall", "Q2_harmful_content_overall", "safety_gold")
    return Made(
        "diverse_safety_adversarial_dialog_350.csv",
        table(rows),
        judged(
            "DICES: Yes means unsafe, and the rows do not say so; many columns about the raters",
            "github: google-research-datasets/dices-dataset",
            *(
                reading(["thumbs", "ratings"], prompt="context", response="response", label=label, codes=codes)
                for label in labels
            ),
            judgements=["Q_overall", "Q2_harmful_content_overall"],
            never=["rater_gender", "rater_age", "rater_education", "answer_time_ms"],
        ),
    )


@file
def wsdm_arena() -> Made:
    t = Texts(255)
    rows = []
    for item in t.draw(20):
        first, second, best = sides(t, item)
        rows.append(
            {
                "id": t.uuid().replace("-", ""),
                "prompt": item.question,
                "response_a": first,
                "response_b": second,
                "winner": ["model_a", "model_b"][best],
                "model_a": t.pick("gemma-2-9b-it", "o1-mini"),
                "model_b": t.pick("gpt-4o-2024-08-06", "claude-3-opus"),
                "language": t.pick("English", "Polish"),
            }
        )
    return Made(
        "train.parquet",
        parquet(rows),
        judged(
            "WSDM Cup, multilingual arena: winner is model_a or model_b, which are columns with names of models",
            "kaggle.com/competitions/wsdm-cup-multilingual-chatbot-arena, train.parquet",
            reading(
                ["pairs", "votes"],
                prompt="prompt",
                first="response_a",
                second="response_b",
                label="winner",
                codes={"model_a": "first", "model_b": "second"},
            ),
            judgements=["winner"],
            never=["model_a", "model_b", "language"],
        ),
    )
