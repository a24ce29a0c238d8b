"""Public data sets, after their published schemas."""

from ..files import Made, Maker, as_json, collector, jsonl, parquet, table
from ..texts import SUPPORT, WORK, Texts
from ..truths import judged, nothing, reading, thumbs
from ..turns import assistant, sides, user

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def openai_four_samples() -> Made:
    t = Texts(461, WORK)
    rows = []
    for item in t.draw(18):
        texts = [item.good, item.fair, item.poor, "I would rather not say anything about that."]
        t.random.shuffle(texts)
        samples = {f"sample{k}": text for k, text in enumerate(texts)}
        rows.append({"query": item.question} | samples | {"best": texts.index(item.good)})
    options = [f"sample{k}" for k in range(4)]
    return Made(
        "descriptiveness_offline.json",
        as_json(rows),
        judged(
            "OpenAI lm-human-preferences, decoded: four samples and the number of the best one, from 0",
            "github: openai/lm-human-preferences, labels: query, sample0 to sample3, best",
            reading("multiple_choice", prompt="query", options=options, answer="best", first=0),
            reading("multiple_choice", prompt="query", options=options, answer="best", labels=["0", "1", "2", "3"]),
            judgements=["best"],
        ),
    )


@file
def offsetbias() -> Made:
    t = Texts(462)
    rows = []
    for n, item in enumerate(t.draw(18)):
        first, second, best = sides(t, item)
        rows.append(
            {"id": f"ob-{n}", "instruction": item.question, "output_1": first, "output_2": second, "label": best + 1}
        )
    return Made(
        "offsetbias.jsonl",
        jsonl(rows),
        judged(
            "OffsetBias: label 1 or 2 beside output_1 and output_2",
            "hub: NCSOFT/offsetbias",
            reading(
                ["pairs", "votes", "multiple_choice"],
                prompt="instruction",
                first="output_1",
                second="output_2",
                label="label",
                codes={"1": "first", "2": "second"},
            ),
            judgements=["label"],
            never=["id"],
        ),
    )


@file
def sciq() -> Made:
    t = Texts(463, WORK)
    rows = [
        {
            "question": item.question,
            "distractor3": "None of these.",
            "distractor1": item.poor,
            "distractor2": "It depends on the weather.",
            "correct_answer": item.good,
            "support": "A textbook explains it in its third chapter.",
        }
        for item in t.draw(18)
    ]
    wrong = ["distractor1", "distractor2", "distractor3"]
    return Made(
        "train.json",
        as_json(rows),
        judged(
            "SciQ: the right answer and three wrong ones in columns of their own",
            "hub: allenai/sciq",
            *(
                reading("groups", prompt=prompt, good=["correct_answer"], bad=bad)
                for prompt in ("question", ["support", "question"], ["question", "support"])
                for bad in (wrong, [wrong[2], *wrong[:2]])
            ),
            *(
                reading("groups", prompt=prompt, good="correct_answer", bad=bad)
                for prompt in ("question", ["support", "question"], ["question", "support"])
                for bad in (wrong, [wrong[2], *wrong[:2]])
            ),
            *(
                reading("demonstration", prompt=prompt, response="correct_answer")
                for prompt in ("question", ["support", "question"], ["question", "support"])
            ),
            judgements=["distractor1"],
            silence="right",
        ),
    )


@file
def boolq() -> Made:
    t = Texts(464)
    rows = [
        {"question": item.question.lower().rstrip("?."), "answer": t.pick(True, False), "passage": item.good}
        for item in t.draw(24)
    ]
    return Made(
        "boolq.parquet",
        parquet(rows),
        nothing(
            "BoolQ: answer is the answer yes or no to a question about a passage, and judges nothing",
            "hub: google/boolq",
        ),
    )


@file
def summaries_on_axes() -> Made:
    t = Texts(467, SUPPORT)
    rows = []
    for n, item in enumerate(t.draw(14)):
        text, mark = t.pick((item.good, 7), (item.fair, 4), (item.poor, 1))
        axes = {"overall": mark, "accuracy": min(7, mark + 1), "coverage": mark, "coherence": 7}
        rows.append(
            {
                "info": {"id": f"t3_{n}", "post": item.question, "title": "Help", "subreddit": "tifu", "site": None},
                "split": "test",
                "summary": {"text": text, "policy": "sup2", "note": "", "axes": axes},
                "worker": t.uuid()[:20],
                "batch": "axis_1",
            }
        )
    ways = {f"summary.axes.{axis}": "high" for axis in ("overall", "accuracy", "coverage", "coherence")}
    return Made(
        "axis_evals.jsonl",
        jsonl(rows),
        judged(
            "OpenAI summaries, axis evaluations: four scores from 1 to 7 for one summary",
            "hub: openai/summarize_from_feedback, axis",
            *(
                reading("ratings", prompt=prompt, response="summary.text", scores=ways)
                for prompt in ("info.post", ["info.title", "info.post"])
            ),
            *(
                reading(
                    "thumbs", prompt="info.post", response="summary.text", label=path, codes={"1": "bad", "7": "good"}
                )
                for path in list(ways)[:3]
            ),
            judgements=["summary.axes"],
            accept={"prompt": [["info.title", "info.post"]]},
            never=["summary.policy", "worker", "batch", "info.subreddit"],
        ),
    )


@file
def mqm_severities() -> Made:
    t = Texts(468)
    rows = []
    for n, item in enumerate(t.draw(22)):
        text, severity = t.pick((item.good, "No-error"), (item.fair, "Minor"), (item.poor, "Major"))
        rows.append(
            {
                "system": t.pick("Online-A.1574", "Human-B.0"),
                "doc": "news.1",
                "doc_id": 1,
                "seg_id": n + 1,
                "rater": t.pick("rater1", "rater2"),
                "source": item.question,
                "target": text,
                "category": "No-error" if severity == "No-error" else t.pick("Fluency/Grammar", "Accuracy/Omission"),
                "severity": severity,
            }
        )
    return Made(
        "mqm_newstest2021_ende.tsv",
        table(rows, "\t"),
        judged(
            "MQM: one row for each error of a translation, with its severity; No-error where there is none",
            "github: google/wmt-mqm-human-evaluation",
            thumbs("source", "target", "severity", **{"No-error": "good", "Minor": "bad", "Major": "bad"}),
            reading(
                ["thumbs", "ratings"],
                prompt="source",
                response="target",
                label="severity",
                codes={"No-error": "good", "Minor": "neutral", "Major": "bad"},
            ),
            judgements=["severity"],
            never=["system", "doc", "rater"],
        ),
    )


@file
def slf5k_language_feedback() -> Made:
    t = Texts(472, WORK)
    rows = []
    for n, item in enumerate(t.draw(16)):
        first, second, best = sides(t, item)
        rows.append(
            {
                "id": f"p{n}",
                "subreddit": "AskReddit",
                "title": "Question",
                "post": item.question,
                "tldr_human_reference_summary": "A short text.",
                "generated_summary_for_comparison_A": first,
                "generated_summary_for_comparison_B": second,
                "generated_summary_for_feedback": item.fair,
                "comparison_preference": ["Summary A", "Summary B"][best],
                "feedback": "It should mention the main point and be more exact.",
                "feedback_class": t.pick("Coverage", "Accuracy", "Coherence"),
                "has_additional_feedback": "No",
                "ideal_human_summary": item.good,
            }
        )
    comparison = {
        "first": "generated_summary_for_comparison_A",
        "second": "generated_summary_for_comparison_B",
        "label": "comparison_preference",
        "codes": {"Summary A": "first", "Summary B": "second"},
    }
    edit = {"before": "generated_summary_for_feedback", "after": "ideal_human_summary"}
    prompts = ("post", ["title", "post"])
    return Made(
        "train.jsonl",
        jsonl(rows),
        judged(
            "SLF5K: a comparison of two summaries, and of a third one a critique and a better version",
            "hub: JeremyAlain/SLF5K",
            *(reading(["pairs", "votes"], prompt=prompt, **comparison) for prompt in prompts),
            *(reading("edit", prompt=prompt, **edit) for prompt in prompts),
            *(
                reading("critique", prompt=prompt, response="generated_summary_for_feedback", critique="feedback")
                for prompt in prompts
            ),
            judgements=["comparison_preference"],
            never=["id", "subreddit", "feedback_class", "has_additional_feedback"],
        ),
    )


@file
def capybara_preferences() -> Made:
    t = Texts(475)
    rows = []
    for one, two in zip(t.draw(12), t.draw(12), strict=True):
        talk = [user(one.question), assistant(one.good), user(two.question)]
        rows.append(
            {
                "source": "Dove",
                "conversation": [{"input": one.question, "output": one.good}],
                "original_response": two.fair,
                "chosen": [*talk, assistant(two.good)],
                "rejected": [*talk, assistant(two.poor)],
                "chosen_rating": 5.0,
                "rejected_rating": t.pick(1.0, 2.0),
                "chosen_model": "mistral-medium",
                "rejected_model": "OpenHermes-2.5",
            }
        )
    return Made(
        "capybara.parquet",
        parquet(rows),
        judged(
            "Capybara preferences: whole dialogues with several turns, and a rating for each",
            "hub: argilla/Capybara-Preferences",
            reading("pairs", chosen="chosen", rejected="rejected"),
            judgements=["chosen_rating", "rejected_rating"],
            never=["source", "chosen_model", "rejected_model"],
        ),
    )
