"""Hand-made tables of data teams."""

from ..files import Made, Maker, as_json, collector, jsonl, table
from ..texts import CODE, SUPPORT, Texts
from ..truths import HAND, judged, rated, reading, shown, thumbs
from ..turns import assistant, sides, user

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def order_of_display() -> Made:
    t = Texts(281)
    rows = []
    for n, item in enumerate(t.draw(20)):
        first, second, best = sides(t, item)
        order = t.pick("AB", "BA")
        place = order.index("AB"[best]) + 1
        rows.append(
            {
                "task": n,
                "question": item.question,
                "answer_a": first,
                "answer_b": second,
                "display_order": order,
                "clicked_position": t.pick(place, place, place, 0),
            }
        )
    return Made(
        "clicks.csv",
        table(rows),
        judged(
            "the click names a position, and another column says which answer was there",
            HAND,
            reading(
                ["pairs", "votes"],
                prompt="question",
                first="answer_a",
                second="answer_b",
                label="clicked_position",
                codes={"0": "tie", "1": "ask", "2": "ask"},
            ),
            judgements=["clicked_position"],
            context=["display_order"],
            silence="right",
            never=["task"],
        ),
    )


@file
def winner_among_systems() -> Made:
    t = Texts(282)
    rows = []
    for item in t.draw(22):
        first, second, best = sides(t, item)
        names = t.pick(["prod-v3", "candidate"], ["candidate", "prod-v3"])
        rows.append(
            {
                "prompt": item.question,
                "left_system": names[0],
                "left_output": first,
                "right_system": names[1],
                "right_output": second,
                "preferred_system": t.pick(names[best], names[best], "neither"),
            }
        )
    names_of = {"first": "left_system", "second": "right_system"}
    return Made(
        "sxs.jsonl",
        jsonl(rows),
        judged(
            "the better side is named by its system, or neither",
            HAND,
            reading(
                ["pairs", "votes"],
                prompt="prompt",
                first="left_output",
                second="right_output",
                label="preferred_system",
                names=names_of,
                codes={"neither": "tie"},
            ),
            judgements=["preferred_system"],
        ),
    )


@file
def best_answer_as_text() -> Made:
    t = Texts(283, CODE)
    rows = []
    for item in t.draw(18):
        first, second, best = sides(t, item)
        rows.append({"task": item.question, "draft_1": first, "draft_2": second, "best": (first, second)[best]})
    return Made(
        "best.jsonl",
        jsonl(rows),
        judged(
            "best repeats the text of the better draft",
            HAND,
            reading(
                ["pairs", "votes"],
                prompt="task",
                first="draft_1",
                second="draft_2",
                label="best",
                names={"first": "draft_1", "second": "draft_2"},
            ),
            reading(
                "multiple_choice",
                prompt="task",
                options=["draft_1", "draft_2"],
                answer="best",
                labels=["draft_1", "draft_2"],
            ),
            judgements=["best"],
            silence="right",
        ),
    )


@file
def best_and_worst_place() -> Made:
    t = Texts(284)
    rows = []
    for item in t.draw(16):
        texts = [item.good, item.fair, item.poor, "I would have to look that up."]
        t.random.shuffle(texts)
        rows.append(
            {
                "prompt": item.question,
                "samples": texts,
                "best_index": texts.index(item.good),
                "worst_index": texts.index(item.poor),
                "temperature": 1.0,
            }
        )
    return Made(
        "best_of_n.jsonl",
        jsonl(rows),
        judged(
            "best of n: the places, from 0, of the best and of the worst sample",
            HAND,
            reading("multiple_choice", prompt="prompt", options="samples", answer="best_index", first=0),
            judgements=["best_index", "worst_index"],
            never=["temperature"],
        ),
    )


@file
def negated_flags() -> Made:
    t = Texts(285)
    rows = []
    for item in t.draw(24):
        answer, bad = t.pick((item.good, False), (item.fair, False), (item.poor, True))
        rows.append({"q": item.question, "a": answer, "not_useful": bad, "checked_by": t.pick("kb", "lw")})
    return Made(
        "flags.jsonl",
        jsonl(rows),
        judged(
            "not_useful is true where the answer is bad",
            HAND,
            thumbs("q", "a", "not_useful", true="bad", false="good"),
            judgements=["not_useful"],
            never=["checked_by"],
        ),
    )


@file
def yes_and_no_counts() -> Made:
    t = Texts(286, SUPPORT)
    rows = []
    for n, item in enumerate(t.draw(12)):
        for text, yes, no in ((item.good, t.number(20, 90), 2), (item.poor, 1, t.number(10, 60))):
            rows.append(
                {
                    "article_id": n,
                    "question": item.question,
                    "answer": text,
                    "helpful_yes": yes,
                    "helpful_no": no,
                    "views": t.number(100, 9000),
                }
            )
    return Made(
        "help_center.csv",
        table(rows),
        judged(
            "a help centre: how many found the answer helpful and how many did not; views judge nothing",
            HAND,
            reading(
                "ratings",
                prompt="question",
                response="answer",
                scores={"helpful_yes": "high", "helpful_no": "low"},
            ),
            judgements=["helpful_yes", "helpful_no"],
            never=["article_id", "views"],
        ),
    )


@file
def forum_answers_accepted() -> Made:
    t = Texts(287, CODE)
    rows = []
    for n, item in enumerate(t.draw(9)):
        for text, votes, accepted in ((item.good, t.number(9, 60), True), (item.fair, t.number(0, 8), False)):
            rows.append(
                {
                    "thread": n,
                    "title": item.question,
                    "body": f"{item.question} I have tried some things already.",
                    "reply": text,
                    "net_votes": votes,
                    "is_accepted": accepted,
                    "author_karma": t.number(1, 9000),
                }
            )
    prompts = (["title", "body"], "body")
    return Made(
        "forum.json",
        as_json(rows),
        judged(
            "a forum: votes of a reply and whether it was accepted; karma belongs to its author",
            HAND,
            *(reading("ratings", prompt=prompt, response="reply", scores={"net_votes": "high"}) for prompt in prompts),
            *(
                reading(
                    ["thumbs", "ratings"],
                    prompt=prompt,
                    response="reply",
                    label="is_accepted",
                    codes={"true": "good", "false": "bad"},
                )
                for prompt in prompts
            ),
            judgements=["net_votes", "is_accepted"],
            accept={"prompt": ["title"]},
            never=["thread", "author_karma"],
        ),
    )


@file
def judge_and_human() -> Made:
    t = Texts(288)
    rows = []
    for item in t.draw(20):
        answer, score, mark = t.pick((item.good, 9, "agree"), (item.fair, 7, "disagree"), (item.poor, 2, "agree"))
        rows.append(
            {
                "prompt": item.question,
                "completion": answer,
                "judge": {"model": "gpt-4o", "score": score, "rationale": "It was compared with a rubric."},
                "human_agrees_with_judge": mark,
            }
        )
    return Made(
        "meta_eval.jsonl",
        jsonl(rows),
        judged(
            "a model's score, and whether a person agrees with that score: agreement is not praise of the answer",
            HAND,
            *rated("prompt", "completion", "judge.score", "high", "2", "7", "9"),
            judgements=["judge.score", "human_agrees_with_judge"],
            where=["human_agrees_with_judge"],
            never=["judge.model", "judge.rationale"],
        ),
    )


@file
def picture_questions() -> Made:
    t = Texts(289)
    rows = []
    for n, item in enumerate(t.draw(16)):
        first, second, best = sides(t, item)
        rows.append(
            {
                "image": f"images/{n:03}.jpg",
                "question": item.question,
                "answer_1": first,
                "answer_2": second,
                "better": f"answer_{best + 1}",
            }
        )
    return Made(
        "vqa_prefs.jsonl",
        jsonl(rows),
        judged(
            "questions about a picture, two answers and the better one",
            HAND,
            reading(
                ["pairs", "votes"],
                prompt="question",
                first="answer_1",
                second="answer_2",
                label="better",
                codes={"answer_1": "first", "answer_2": "second"},
            ),
            judgements=["better"],
            context=["image"],
            accept={"images": ["image"]},
        ),
    )


@file
def reasoning_rewards() -> Made:
    t = Texts(290)
    rows = []
    for n in range(12):
        a, b = t.number(11, 60), t.number(11, 60)
        samples = [
            {
                "reasoning_content": f"I have to add {a} and {b}.",
                "content": f"The sum is {total}.",
                "reward": reward,
                "finish_reason": "stop",
            }
            for total, reward in ((a + b, 1.0), (a + b + 3, 0.0), (a - b, 0.0))
        ]
        t.random.shuffle(samples)
        messages = [{"role": "system", "content": "Think before you answer."}, user(f"What is {a} + {b}?")]
        rows.append({"uid": f"sum-{n}", "messages": messages, "samples": samples, "ground_truth": str(a + b)})
    return Made(
        "rollouts.jsonl",
        jsonl(rows),
        judged(
            "several sampled answers with their reasoning and a reward each",
            HAND,
            reading("rated_list", prompt="messages", answers="samples", response="content", scores={"reward": "high"}),
            judgements=["samples.*.reward"],
            accept={"response": [".", "samples.*.content"], "answers": ["samples"]},
            never=["uid", "ground_truth", "samples.*.finish_reason"],
        ),
    )


@file
def mood_of_the_user() -> Made:
    t = Texts(291, SUPPORT)
    rows = [
        {
            "user_message": item.question,
            "bot_reply": item.good,
            "user_sentiment": t.pick("positive", "negative", "neutral"),
            "intent": t.pick("refund", "password", "delivery"),
            "intent_confidence": t.number(50, 99) / 100,
        }
        for item in t.draw(24)
    ]
    return Made(
        "nlu_log.csv",
        table(rows),
        shown(
            "log of a bot with the user's mood before the reply, the intent and its confidence",
            HAND,
            reading("demonstration", prompt="user_message", response="bot_reply"),
            thumbs("user_message", "bot_reply", "user_sentiment", positive="ask", negative="ask", neutral="neutral"),
            never=["intent", "intent_confidence"],
        ),
    )


@file
def improved_dialogues() -> Made:
    t = Texts(292)
    rows = []
    for item in t.draw(14):
        rows.append(
            {
                "conversation": [user(item.question), assistant(item.fair), user("Can you be more exact?")],
                "original_reply": item.poor,
                "rewritten_reply": item.good,
                "rewriter": t.pick("r1", "r2"),
            }
        )
    return Made(
        "rewrites.jsonl",
        jsonl(rows),
        judged(
            "the last reply of a dialogue, and what a person wrote instead",
            HAND,
            reading("edit", prompt="conversation", before="original_reply", after="rewritten_reply"),
            reading("pairs", prompt="conversation", chosen="rewritten_reply", rejected="original_reply"),
            judgements=["rewritten_reply"],
            context=["conversation"],
            never=["rewriter"],
        ),
    )
