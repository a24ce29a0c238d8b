"""Edits, steps, tools and images."""

from ..files import Made, Maker, as_json, collector, jsonl, table, workbook
from ..texts import CODE, SUPPORT, WORK, Texts
from ..truths import HAND, inside, judged, nothing, rated, reading, thumbs
from ..turns import assistant, sides, user

FILES: dict[str, Maker] = {}
file = collector(FILES)


@file
def draft_and_sent_mail() -> Made:
    t = Texts(521, SUPPORT)
    rows = []
    for n, item in enumerate(t.draw(20)):
        draft, sent = t.pick((item.good, item.good), (item.poor, item.good), (item.fair, item.good))
        rows.append(
            {
                "mail_id": 300 + n,
                "customer_mail": item.question,
                "ai_draft": draft,
                "sent_mail": sent,
                "edit_distance": 0 if draft == sent else t.number(20, 90),
                "seconds_in_editor": t.number(3, 300),
            }
        )
    place = {"prompt": "customer_mail"}
    return Made(
        "mails.csv",
        table(rows),
        judged(
            "drafts of a model and the mails that an agent sent, often the same; edit_distance counts letters",
            HAND,
            reading("edit", **place, before="ai_draft", after="sent_mail"),
            reading("pairs", **place, chosen="sent_mail", rejected="ai_draft"),
            judgements=["sent_mail"],
            context=["customer_mail"],
            never=["mail_id"],
        ),
    )


@file
def suggestion_accepted_edited_dismissed() -> Made:
    t = Texts(522, WORK)
    rows = []
    for item in t.draw(24):
        text, action, final = t.pick(
            (item.good, "accepted", item.good), (item.fair, "edited", item.good), (item.poor, "dismissed", "")
        )
        rows.append(
            {
                "context": item.question,
                "suggestion": text,
                "agent_action": action,
                "final_text": final,
                "agent": t.pick("a1", "a2"),
            }
        )
    place = ("context", "suggestion")
    return Made(
        "agent_assist.jsonl",
        jsonl(rows),
        judged(
            "suggestions that agents accepted, edited or dismissed, and the final text",
            HAND,
            thumbs(*place, "agent_action", accepted="good", edited="neutral", dismissed="bad"),
            reading(
                "thumbs",
                prompt=place[0],
                response=place[1],
                label="agent_action",
                codes={"accepted": "good", "edited": "ask", "dismissed": "bad"},
            ),
            reading("edit", prompt="context", before="suggestion", after="final_text"),
            judgements=["agent_action", "final_text"],
            where=["agent_action"],
            never=["agent"],
        ),
    )


@file
def first_error_counted_from_one() -> Made:
    t = Texts(523)
    rows = []
    for n in range(18):
        a, b = t.number(3, 40), t.number(3, 40)
        wrong = t.pick(0, 2, 3)
        steps = [
            f"We have {a} and {b}.",
            f"Their sum is {a + b + 4 * (wrong == 2)}.",
            f"Doubled, that is {2 * (a + b + 4 * (wrong == 2)) + (wrong == 3)}.",
        ]
        rows.append(
            {
                "problem_id": f"m{n}",
                "problem": f"Add {a} and {b}, then double the result.",
                "solution_steps": steps,
                "first_error_step": wrong or None,
                "n_steps": 3,
            }
        )
    return Made(
        "error_positions.jsonl",
        jsonl(rows),
        judged(
            "the number of the first wrong step, from 1, or null where every step is right; 0 never occurs and 3 does",
            HAND,
            reading("steps", prompt="problem", steps="solution_steps", first_wrong="first_error_step", counted_from=1),
            judgements=["first_error_step"],
            never=["problem_id", "n_steps"],
        ),
    )


@file
def step_votes_of_two_teachers() -> Made:
    t = Texts(524)
    rows = []
    for _ in range(14):
        a, b = t.number(3, 40), t.number(3, 40)
        wrong = t.is_less(0.5)
        steps = [
            {"n": 1, "line": f"{a} and {b} are given.", "mark": "✓"},
            {"n": 2, "line": f"{a} - {b} = {a - b + 3 * wrong}", "mark": "✗" if wrong else "✓"},
        ]
        rows.append({"exercise": f"Subtract {b} from {a}.", "lines": steps, "teacher": t.pick("T1", "T2")})
    return Made(
        "marked_lines.json",
        as_json({"course": "5b", "items": rows}),
        judged(
            "lines of a solution, each with ✓ or ✗",
            HAND,
            inside(
                "items",
                reading(
                    "steps",
                    prompt="exercise",
                    steps="lines",
                    step="line",
                    rating="mark",
                    codes={"✓": "right", "✗": "wrong"},
                ),
            ),
            judgements=["lines.*.mark"],
            never=["teacher"],
        ),
    )


@file
def agent_steps_with_status() -> Made:
    t = Texts(525, SUPPORT)
    rows = [
        {
            "task_id": t.uuid(),
            "goal": item.question,
            "steps": [
                {"tool": "search", "args": "{}", "status": "ok", "ms": t.number(20, 900)},
                {"tool": "write_mail", "args": "{}", "status": t.pick("ok", "timeout"), "ms": t.number(20, 900)},
            ],
            "exit_code": t.pick(0, 0, 1),
        }
        for item in t.draw(20)
    ]
    return Made(
        "agent_runs.jsonl",
        jsonl(rows),
        nothing("runs of an agent: the status of a step says whether a call returned, and no answer is in the file"),
    )


@file
def graded_choice_of_tool() -> Made:
    t = Texts(526, WORK)
    tool = {
        "type": "function",
        "function": {
            "name": "lookup",
            "description": "Looks something up.",
            "parameters": {"type": "object", "properties": {"query": {"type": "string"}}},
        },
    }
    rows = []
    for n, item in enumerate(t.draw(14)):
        answer, mark = t.pick((item.good, "right call"), (item.poor, "wrong call"))
        call = {"id": f"c{n}", "type": "function", "function": {"name": "lookup", "arguments": '{"query": "x"}'}}
        rows.append(
            {
                "available_tools": [tool],
                "trace": [
                    user(item.question),
                    {"role": "assistant", "content": None, "tool_calls": [call]},
                    {"role": "tool", "tool_call_id": f"c{n}", "content": "One result."},
                    assistant(answer),
                ],
                "human_grade": mark,
                "tool_errors": t.number(0, 2),
            }
        )
    return Made(
        "tool_traces.jsonl",
        jsonl(rows),
        judged(
            "traces with tools; a person graded the call, and tool_errors counts failures of the tool",
            HAND,
            reading(
                ["thumbs", "ratings"],
                messages="trace",
                label="human_grade",
                codes={"right call": "good", "wrong call": "bad"},
                tools="available_tools",
            ),
            judgements=["human_grade"],
            context=["available_tools"],
        ),
    )


@file
def tool_success_and_few_stars() -> Made:
    t = Texts(527)
    rows = []
    for item in t.draw(26):
        answer, stars = t.pick((item.good, 5), (item.fair, 3), (item.poor, 1))
        rows.append(
            {
                "user_turn": item.question,
                "assistant_turn": answer,
                "tool_name": t.pick("web_search", "calculator", ""),
                "tool_success": t.pick(True, True, False),
                "user_stars": stars if t.is_less(0.7) else None,
            }
        )
    return Made(
        "turns.json",
        as_json(rows),
        judged(
            "whether the tool worked in every row, and stars of users in most of them",
            HAND,
            *rated("user_turn", "assistant_turn", "user_stars", "high", "1", "3", "5"),
            judgements=["user_stars"],
            where=["tool_success"],
            never=["tool_name"],
        ),
    )


@file
def two_pictures_for_a_prompt() -> Made:
    t = Texts(528)
    rows = []
    for n in range(20):
        best = t.pick(0.0, 1.0, 0.5)
        rows.append(
            {
                "caption": t.pick("a red fox in the snow", "a harbour at dawn", "an old clock, oil on canvas"),
                "image_0_url": f"https://example.org/i/{n}_0.png",
                "image_1_url": f"https://example.org/i/{n}_1.png",
                "label_0": 1 - best,
                "label_1": best,
                "best_image_uid": t.uuid(),
                "model_0": "sdxl",
                "model_1": "dreamlike",
                "has_label": True,
            }
        )
    return Made(
        "pick_a_pic.jsonl",
        jsonl(rows),
        judged(
            "preferences between two generated images: there is no answer in words",
            "hub: yuvalkirstain/pickapic_v2, without the bytes",
            judgements=["label_0", "label_1"],
            silence="right",
            never=["image_0_url", "image_1_url", "best_image_uid", "model_0"],
        ),
    )


@file
def captions_of_a_picture() -> Made:
    t = Texts(529, WORK)
    rows = []
    for n, item in enumerate(t.draw(16)):
        first, second, best = sides(t, item)
        rows.append(
            {
                "photo": f"photos/{n:04}.png",
                "question": f"<image>\n{item.question}",
                "description_a": first,
                "description_b": second,
                "winner": t.pick("ab"[best], "ab"[best], "tie"),
                "alt_text_length": t.number(10, 90),
            }
        )
    return Made(
        "captions.jsonl",
        jsonl(rows),
        judged(
            "two descriptions of a photo that the prompt marks with <image>",
            HAND,
            reading(
                ["pairs", "votes"],
                prompt="question",
                first="description_a",
                second="description_b",
                label="winner",
                codes={"a": "first", "b": "second", "tie": "tie"},
            ),
            judgements=["winner"],
            context=["photo"],
            accept={"images": ["photo"]},
        ),
    )


@file
def reviewer_comment_and_fix() -> Made:
    t = Texts(530, CODE)
    rows = []
    for item in t.draw(18):
        rows.append(
            {
                "Task": item.question,
                "Model code": item.poor,
                "Review comment": "It does not do what the task asks; see the fix.",
                "Fixed code": item.good,
                "Reviewer": t.pick("Vik", "Zoe"),
            }
        )
    return Made(
        "code_review.xlsx",
        workbook(rows, "Review"),
        judged(
            "code of a model, a reviewer's comment and the reviewer's fix",
            HAND,
            reading("edit", prompt="Task", before="Model code", after="Fixed code"),
            reading("pairs", prompt="Task", chosen="Fixed code", rejected="Model code"),
            reading("critique", prompt="Task", response="Model code", critique="Review comment"),
            judgements=["Fixed code"],
            context=["Task"],
            never=["Reviewer"],
        ),
    )


@file
def edits_in_both_directions() -> Made:
    t = Texts(531, WORK)
    rows = []
    for item in t.draw(16):
        one, two, best = sides(t, item)
        rows.append(
            {
                "prompt": item.question,
                "version_1": one,
                "version_2": two,
                "kept_version": best + 1,
                "version_2_is_edit_of_1": True,
            }
        )
    return Made(
        "wiki_versions.csv",
        table(rows),
        judged(
            "an edit that was kept or reverted: the later version is not always the better one",
            HAND,
            reading(
                ["pairs", "votes", "multiple_choice"],
                prompt="prompt",
                first="version_1",
                second="version_2",
                label="kept_version",
                codes={"1": "first", "2": "second"},
            ),
            judgements=["kept_version"],
        ),
    )
