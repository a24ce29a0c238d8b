"""Hand-made tables of several people, checks and votes."""

from ..files import Made, Maker, as_json, collector, jsonl, table
from ..texts import CODE, ENGLISH, SUPPORT, WORK, Texts
from ..truths import HAND, judged, reading, thumbs
from ..turns import sides

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def checker_against_person() -> Made:
    t = Texts(504, CODE)
    rows = []
    for item in t.draw(24):
        answer, person = t.pick((item.good, "pass"), (item.fair, "pass"), (item.poor, "fail"))
        rows.append(
            {
                "exercise": item.question,
                "submission": answer,
                "auto_check": t.pick("pass", "fail"),
                "person_check": person,
                "checked_on": t.time(" "),
            }
        )
    codes = {"pass": "good", "fail": "bad"}
    return Made(
        "checks.csv",
        table(rows),
        judged(
            "an automatic check and a person's check contradict each other in half of the rows",
            HAND,
            reading(["thumbs", "ratings"], prompt="exercise", response="submission", label="person_check", codes=codes),
            reading(
                ["thumbs", "ratings"],
                prompt="exercise",
                response="submission",
                label="auto_check",
                codes={"pass": "ask", "fail": "ask"},
            ),
            judgements=["auto_check", "person_check"],
            never=["checked_on"],
        ),
    )


@file
def three_raters_and_majority() -> Made:
    t = Texts(511, SUPPORT)
    rows = []
    for n, item in enumerate(t.draw(20)):
        first, second, best = sides(t, item)
        right, wrong = "AB"[best], "BA"[best]
        votes = [right, right, t.pick(right, wrong)]
        t.random.shuffle(votes)
        rows.append(
            {
                "item": n,
                "query": item.question,
                "A": first,
                "B": second,
                "coder_1": votes[0],
                "coder_2": votes[1],
                "coder_3": votes[2],
                "majority": right,
                "agreement": round(votes.count(right) / 3, 2),
            }
        )
    coders = ["coder_1", "coder_2", "coder_3"]
    place = {"prompt": "query", "first": "A", "second": "B"}
    codes = {"A": "first", "B": "second"}
    return Made(
        "coded_pairs.csv",
        table(rows),
        judged(
            "three coders, their majority, and the share that agrees: the share is no score of an answer",
            HAND,
            reading("votes", **place, label=coders, codes=codes),
            reading(["pairs", "votes"], **place, label="majority", codes=codes),
            judgements=["majority|coder_1"],
            never=["item", "agreement"],
        ),
    )


@file
def scores_by_named_people() -> Made:
    t = Texts(512, WORK)
    rows = []
    for item in t.draw(16):
        answer, mark = t.pick((item.good, 5), (item.fair, 3), (item.poor, 1))
        people = {
            name: {"helpfulness": max(1, mark - t.number(0, 1)), "seconds": t.number(5, 90)}
            for name in ("lena", "omar")
        }
        rows.append({"prompt": item.question, "output": answer, "judged_by": people})
    paths = ["judged_by.lena.helpfulness", "judged_by.omar.helpfulness"]
    place = {"prompt": "prompt", "response": "output"}
    return Made(
        "named_scores.json",
        as_json(rows),
        judged(
            "a mapping person -> scores, beside the seconds that the person needed",
            HAND,
            reading("ratings", **place, scores={"judged_by.*.helpfulness": "high"} | dict.fromkeys(paths, "high")),
            *(
                reading("thumbs", **place, label=label, codes={"5": "good", "3": "neutral", "1": "bad"})
                for label in ("judged_by.*.helpfulness", paths)
            ),
            judgements=["judged_by"],
            never=["judged_by.lena.seconds", "judged_by.omar.seconds"],
        ),
    )


@file
def grade_words_of_an_exam() -> Made:
    t = Texts(513, ENGLISH)
    rows = []
    for item in t.draw(24):
        answer, mark = t.pick(
            (item.good, "Distinction"), (item.good, "Merit"), (item.fair, "Pass"), (item.poor, "Fail")
        )
        rows.append(
            {
                "question": item.question,
                "model_answer": item.good,
                "candidate_answer": answer,
                "grade": mark,
                "examiner": t.pick("E1", "E2"),
            }
        )
    return Made(
        "exam.csv",
        table(rows),
        judged(
            "grades in words for the candidate's answer; model_answer is the reference of the examiners",
            HAND,
            thumbs(
                "question",
                "candidate_answer",
                "grade",
                Distinction="good",
                Merit="good",
                Pass="neutral",
                Fail="bad",
            ),
            thumbs("question", "candidate_answer", "grade", Distinction="good", Merit="good", Pass="good", Fail="bad"),
            judgements=["grade"],
            never=["examiner", "model_answer"],
        ),
    )


@file
def two_people_disagree_on_pairs() -> Made:
    t = Texts(514)
    rows = []
    for item in t.draw(20):
        first, second, best = sides(t, item)
        right, wrong = ["one", "two"][best], ["two", "one"][best]
        rows.append(
            {
                "q": item.question,
                "one": first,
                "two": second,
                "first_vote": t.pick(right, wrong, right),
                "appeal": t.pick("", "", "upheld", "overturned"),
                "final": right,
            }
        )
    place = {"prompt": "q", "first": "one", "second": "two"}
    codes = {"one": "first", "two": "second"}
    return Made(
        "appeals.csv",
        table(rows),
        judged(
            "a first vote, an appeal, and the final vote, which contradicts the first one in some rows",
            HAND,
            reading(["pairs", "votes"], **place, label="final", codes=codes),
            reading(["pairs", "votes"], **place, label="first_vote", codes={"one": "ask", "two": "ask"}),
            judgements=["final", "first_vote"],
            where=["appeal"],
        ),
    )


@file
def worse_answer_named() -> Made:
    t = Texts(515, WORK)
    rows = []
    for item in t.draw(20):
        first, second, best = sides(t, item)
        rows.append(
            {
                "request": item.question,
                "draft_x": first,
                "draft_y": second,
                "worse_draft": ["draft_y", "draft_x"][best],
                "editor": t.pick("fa", "gi"),
            }
        )
    return Made(
        "worse.jsonl",
        jsonl(rows),
        judged(
            "the column names the worse of two drafts",
            HAND,
            reading(
                ["pairs", "votes"],
                prompt="request",
                first="draft_x",
                second="draft_y",
                label="worse_draft",
                codes={"draft_x": "second", "draft_y": "first"},
            ),
            judgements=["worse_draft"],
            never=["editor"],
        ),
    )
