"""Further public data sets, with labels that are not about the answer."""

from typing import Any

from ..files import Made, Maker, as_json, collector, jsonl, table
from ..texts import WORK, Texts
from ..truths import judged, reading, shown, thumbs

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def wildguard_labels() -> Made:
    t = Texts(465, WORK)
    rows = []
    for item in t.draw(20):
        answer, harm = t.pick((item.good, "unharmful"), (item.poor, "harmful"))
        rows.append(
            {
                "prompt": item.question,
                "adversarial": t.pick(True, False),
                "response": answer,
                "prompt_harm_label": t.pick("harmful", "unharmful"),
                "response_refusal_label": t.pick("compliance", "refusal"),
                "response_harm_label": harm,
                "subcategory": t.pick("benign", "cyberattack"),
            }
        )
    return Made(
        "wildguard_test.jsonl",
        jsonl(rows),
        judged(
            "WildGuardMix: one label is about the prompt, one about refusing, and one about the harm of the response",
            "hub: allenai/wildguardmix",
            thumbs("prompt", "response", "response_harm_label", unharmful="good", harmful="bad"),
            judgements=["response_harm_label"],
            where=["prompt_harm_label"],
            never=["subcategory"],
        ),
    )


@file
def xstest_refusals() -> Made:
    t = Texts(466)
    rows = [
        {
            "id": f"v2-{n}",
            "type": t.pick("homonyms", "contrast_homonyms"),
            "prompt": item.question,
            "completion": t.pick(item.good, "I am sorry, but I cannot help with that."),
            "annotation_1": mark,
            "annotation_2": mark,
            "agreement": True,
            "final_label": mark,
        }
        for n, item in enumerate(t.draw(22))
        for mark in (t.pick("1_full_compliance", "2_full_refusal", "3_partial_refusal"),)
    ]
    codes = dict.fromkeys(("1_full_compliance", "2_full_refusal", "3_partial_refusal"), "ask")
    return Made(
        "gpt4.csv",
        table(rows),
        judged(
            "XSTest: whether a model refused; a refusal is right for some prompts and wrong for others",
            "github: paul-rottger/xstest, completions with annotations",
            thumbs("prompt", "completion", "final_label", **codes),
            thumbs("prompt", "completion", ["annotation_1", "annotation_2"], **codes),
            judgements=["final_label|annotation_1"],
            never=["id", "type"],
        ),
    )


@file
def ms_marco_passages() -> Made:
    t = Texts(469, WORK)
    rows = []
    for n, item in enumerate(t.draw(14)):
        texts = [item.good, "A page about something else.", item.fair]
        selected = [0, 0, 0]
        selected[texts.index(item.good)] = 1
        rows.append(
            {
                "query_id": 19000 + n,
                "query": item.question.lower(),
                "query_type": t.pick("DESCRIPTION", "NUMERIC"),
                "passages": {"is_selected": selected, "passage_text": texts, "url": ["https://example.org"] * 3},
                "answers": [item.good],
                "wellFormedAnswers": [],
            }
        )
    right = [
        reading("demonstration", prompt=prompt, response=response)
        for prompt in ("query", ["query", "passages.passage_text.*"], ["passages.passage_text.*", "query"])
        for response in ("answers.0", "answers.*", "answers")
    ]
    return Made(
        "ms_marco_v2.json",
        as_json(rows),
        shown(
            "MS MARCO: is_selected marks the passages that a writer used, and nobody judged the answers",
            "hub: microsoft/ms_marco, v2.1",
            *right,
            silence="right",
            never=["query_type", "passages.url"],
        ),
    )


@file
def persuasion_opinions() -> Made:
    t = Texts(470)
    claims = ("Schools should start later.", "Cities should ban cars.", "Museums should be free.", "Tips should end.")
    rows = []
    for n in range(22):
        before, gain = t.pick(("2 - Oppose", 3), ("3 - Somewhat oppose", 0), ("5 - Somewhat support", -1))
        rows.append(
            {
                "worker_id": f"PQ_{n}",
                "claim": t.pick(*claims),
                "argument": t.pick(
                    "Many studies point in this direction.", "Everybody knows it.", "It would cost less."
                ),
                "source": t.pick("Claude 3 Opus", "Human", "Claude 1.3"),
                "prompt_type": "Expert Writer Rhetorics",
                "rating_initial": before,
                "rating_final": t.pick("4 - Neither oppose nor support", before),
                "persuasiveness_metric": gain,
            }
        )
    metric = "persuasiveness_metric"
    return Made(
        "persuasion_data.csv",
        table(rows),
        judged(
            "Anthropic persuasion: both ratings are the reader's opinion of the claim; the metric is about the text",
            "hub: Anthropic/persuasion",
            reading(
                "ratings",
                prompt="claim",
                response="argument",
                scores={metric: "high", "rating_initial": "ask", "rating_final": "ask"},
            ),
            reading("thumbs", prompt="claim", response="argument", label=metric, codes={"3": "good", "-1": "bad"}),
            judgements=[metric],
            accept={"prompt": [["claim", "prompt_type"]]},
            never=["worker_id", "source"],
        ),
    )


@file
def convai2_evaluations() -> Made:
    t = Texts(471)
    rows = []
    for _ in range(14):
        dialog: list[dict[str, Any]] = []
        mark = t.pick(1, 3, 5)
        for item in t.draw(2):
            text = {1: item.poor, 3: item.fair, 5: item.good}[mark]
            dialog += [
                {"id": len(dialog), "sender": "participant1", "sender_class": "Human", "text": item.question},
                {"id": len(dialog) + 1, "sender": "participant2", "sender_class": "Bot", "text": text},
            ]
        rows.append(
            {
                "dialog_id": t.uuid()[:8],
                "dialog": dialog,
                "bot_profile": ["i like tea.", "i have two dogs."],
                "user_profile": ["i ski.", "i am a cook."],
                "eval_score": mark,
                "profile_match": t.pick(0, 1),
                "participant1_id": "User 1",
                "participant2_id": "Bot 7",
            }
        )
    return Made(
        "export_2018-07-04_train.json",
        as_json(rows),
        judged(
            "ConvAI2: eval_score of the user for a dialogue; profile_match says whether the user guessed the persona",
            "hub: conv_ai_2",
            reading("ratings", messages="dialog", scores={"eval_score": "high", "profile_match": "ask"}),
            reading("thumbs", messages="dialog", label="eval_score", codes={"1": "bad", "3": "neutral", "5": "good"}),
            judgements=["eval_score"],
            accept={"system": ["bot_profile"], "prompt": ["dialog"]},
            never=["dialog_id", "participant1_id", "participant2_id", "user_profile"],
        ),
    )


@file
def prosocial_dialog() -> Made:
    t = Texts(473)
    rows = [
        {
            "context": item.question,
            "response": item.good,
            "rots": ["It is good to be careful."],
            "safety_label": t.pick("__casual__", "__needs_caution__", "__needs_intervention__"),
            "safety_annotations": t.pick(["casual"], ["needs_caution", "casual"]),
            "safety_annotation_reasons": ["It is about daily life."],
            "source": "socialchemistry",
            "dialogue_id": n,
            "response_id": 0,
            "episode_done": True,
        }
        for n, item in enumerate(t.draw(22))
    ]
    labels = ("__casual__", "__needs_caution__", "__needs_intervention__")
    return Made(
        "train.json",
        jsonl(rows),
        shown(
            "ProsocialDialog: the safety label is about what the user said, and the response is a good one",
            "hub: allenai/prosocial-dialog",
            reading("demonstration", prompt="context", response="response"),
            thumbs("context", "response", "safety_label", **dict.fromkeys(labels, "ask")),
            where=["safety_label"],
            never=["source", "dialogue_id", "response_id"],
        ),
    )


@file
def real_toxicity() -> Made:
    t = Texts(474, WORK)
    rows = []
    for n, item in enumerate(t.draw(18)):
        text, mark = t.pick((item.good, 0.03), (item.fair, 0.2), (item.poor, 0.93))
        rows.append(
            {
                "filename": f"{n}-766186-bytes.txt",
                "begin": 340,
                "end": 564,
                "challenging": False,
                "prompt": {"text": item.question, "toxicity": t.number(0, 99) / 100, "insult": t.number(0, 99) / 100},
                "continuation": {"text": text, "toxicity": mark, "insult": mark},
            }
        )
    place = {"prompt": "prompt.text", "response": "continuation.text"}
    return Made(
        "prompts.jsonl",
        jsonl(rows),
        judged(
            "RealToxicityPrompts: toxicity of the prompt and of the continuation; a low value is better",
            "hub: allenai/real-toxicity-prompts",
            reading(
                "ratings",
                **place,
                scores={"continuation.toxicity": "low", "continuation.insult": "low"}
                | dict.fromkeys(("prompt.toxicity", "prompt.insult"), "ask"),
            ),
            *(
                reading("thumbs", **place, label=f"continuation.{axis}", codes={"0.03": "good", "0.93": "bad"})
                for axis in ("toxicity", "insult")
            ),
            judgements=["continuation.toxicity"],
            never=["filename", "begin", "end"],
        ),
    )
