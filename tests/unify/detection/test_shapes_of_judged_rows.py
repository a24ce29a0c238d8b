"""Rows of known shapes whose names say little: logs of chat servers, steps in words, ranks by model, marks."""

from typing import Any

import pytest

from support.judged_rows import ANSWERS, OTHERS, QUESTIONS, make_rows, one_answer
from support.read_rows import read_row
from unipref.core import registry
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.proposal import Proposed, propose


def ask(question: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}]


DIALOGUES = [ask(question) for question in QUESTIONS]


def read(proposed: Proposed, **settings: Any) -> tuple[list[Any], list[Any]]:
    """Reads the first row as the proposal says, with further settings in place of the questions."""
    form = registry.make("format", proposed.format or "", {**proposed.map, **settings}, "map")
    return read_row(form, proposed.columns.raw_rows[0])


def test_messages_with_other_keys_hold_verdicts() -> None:
    def thread(i: int) -> list[dict[str, Any]]:
        first = {"id": f"{i}a", "author": "user_message", "output": QUESTIONS[i]}
        second = {"id": f"{i}b", "author": "assistant_message", "output": ANSWERS[i]}
        return [first, {**second, "feedback": {"value": i % 2}} if i % 3 else second]

    found = propose(make_rows({"name": QUESTIONS, "steps": [thread(i) for i in range(12)]}))
    assert (found.format, found.map["messages"], found.map["label"]) == ("rated_turns", "steps", "feedback.value")
    assert found.map["turns"] == {"role": "author", "content": "output"}
    assert found.map["roles"] == {"user_message": "user", "assistant_message": "assistant"}
    found.columns.raw_rows[0] = found.columns.raw_rows[1]
    feedback, _ = read(found, up=[1], down=[0])
    assert (feedback[0].prompt, feedback[0].responses[0].approved) == (ask(QUESTIONS[1]), True)


def test_the_speaker_of_some_messages_is_asked_for() -> None:
    thread = [
        {"kind": "user", "output": "Is it so?"},
        {"kind": "assistant", "output": "It is so.", "score": True},
        {"kind": "run", "output": "A step of a program."},
    ]
    found = propose([{"steps": [{**turn, "output": f"{turn['output']} {i}"} for turn in thread]} for i in range(12)])
    assert found.map["roles"] == {"run": PLACEHOLDER}


@pytest.mark.parametrize("words", [["valid", "invalid"], ["sound", "flawed", "unclear"], ["correct", "wrong"]])
@pytest.mark.parametrize("name", ["solution", "reasoning_steps"])
def test_a_verdict_in_words_on_each_step(name: str, words: list[str]) -> None:
    steps = [
        [{"text": f"{i} is a number.", "verdict": words[0]}, {"text": f"{i} is odd.", "verdict": words[i % len(words)]}]
        for i in range(12)
    ]
    found = propose(make_rows({"problem": QUESTIONS, name: steps, "checker": ["x", "y"]}))
    assert (found.format, found.map["steps"], found.map["rating"]) == ("steps", name, "verdict")
    assert found.map["codes"] == dict.fromkeys(sorted(words), PLACEHOLDER)


@pytest.mark.parametrize("name", ["label", "first_error"])
def test_minus_one_may_mean_that_no_step_is_wrong(name: str) -> None:
    steps = [[f"{i} is a number.", f"{i} is odd.", f"So {i} it is."] for i in range(12)]
    found = propose(make_rows({"problem": QUESTIONS, "steps": steps, name: [-1, 0, 2]}))
    assert (found.format, found.map["none_wrong"]) == ("steps", -1)
    assert found.map["first_wrong"] == (PLACEHOLDER if name == "label" else name)
    feedback, rejects = read(found, first_wrong=name)
    assert (len(feedback), rejects) == (1, [])
    assert feedback[0].responses[0].approved is True


@pytest.mark.parametrize("name", ["samples", "rollouts", "completions"])
def test_rewards_of_0_and_1_rate_answers_rather_than_steps(name: str) -> None:
    lists = [[{"content": ANSWERS[i], "reward": 0.0}, {"content": OTHERS[i], "reward": 1.0}] for i in range(12)]
    found = propose(make_rows({"messages": DIALOGUES, name: lists}))
    assert (found.format, found.map["prompt"], found.map["answers"]) == ("rated_list", "messages", name)
    assert found.map["scores"]["reward"]["field"] == "reward"


@pytest.mark.parametrize(
    ("name", "format_name"), [("rank", "ranking"), ("places", "ranking"), ("scores", "rated_list")]
)
def test_numbers_under_the_names_of_models_belong_to_their_answers(name: str, format_name: str) -> None:
    values = [[1, 2, 3], [3, 1, 2]] if format_name == "ranking" else [[1.5, 2, 8], [7, 2.5, 4]]
    numbers = [dict(zip(("owl", "fox", "cat"), value, strict=True)) for value in values]
    answers = [{"owl": ANSWERS[i], "fox": OTHERS[i], "cat": f"{ANSWERS[i]} {OTHERS[i]}"} for i in range(12)]
    found = propose(make_rows({"prompt": QUESTIONS, "replies": answers, name: numbers}))
    assert (found.format, found.map["answers"]) == (format_name, "replies")
    better = found.map["better"] if format_name == "ranking" else found.map["scores"]["score"]["better"]
    assert better == ("low" if name == "rank" else PLACEHOLDER)
    settings = {} if format_name == "ranking" else {"scores": {"score": {"field": name, "better": "high"}}}
    feedback, rejects = read(found, **({"better": "low"} if format_name == "ranking" else settings))
    assert (len(feedback[0].responses), rejects) == (3, [])


def test_the_body_of_an_api_holds_the_answer() -> None:
    def reply(text: str) -> dict[str, Any]:
        return {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}

    bodies = {"request": [{"model": "m", "messages": d} for d in DIALOGUES], "reply": [reply(a) for a in ANSWERS]}
    found = propose(make_rows({**bodies, "rating": [True, False, None]}))
    assert (found.format, found.map["prompt"], found.map["label"]) == ("thumbs", "request.messages", "rating")
    assert found.map["response"] == "reply.choices.0.message.content"
    feedback, _ = read(found, up=[True], down=[False])
    assert feedback[0].responses[0].messages == [{"role": "assistant", "content": ANSWERS[0]}]


@pytest.mark.parametrize(("before", "after"), [("draft", "final"), ("original_answer", "improved_answer")])
def test_an_edited_reply_belongs_to_the_dialogue_before_it(before: str, after: str) -> None:
    found = propose(make_rows({"chat": DIALOGUES, before: ANSWERS, after: OTHERS}))
    assert (found.format, found.map["prompt"]) == ("edit", "chat")
    assert (found.map["before"], found.map["after"]) == (before, after)


@pytest.mark.parametrize("name", ["rejected_response", "bad_answer", "worse"])
def test_a_worse_answer_beside_a_whole_dialogue_makes_a_pair(name: str) -> None:
    whole = [[*d, {"role": "assistant", "content": a}] for d, a in zip(DIALOGUES, ANSWERS, strict=True)]
    found = propose(make_rows({"messages": whole, name: OTHERS}))
    assert (found.format, found.map["chosen"], found.map["rejected"]) == ("pairs", "messages", name)
    feedback, rejects = read(found)
    assert rejects == []
    assert (feedback[0].prompt, feedback[0].comparisons[0].better) == (DIALOGUES[0], 0)
    texts = [response.messages[-1]["content"] for response in feedback[0].responses]
    assert texts == [ANSWERS[0], OTHERS[0]]


@pytest.mark.parametrize("mark", [["x", None], [None, "+", "-"], ["o", "x", None], ["!", None, None]])
@pytest.mark.parametrize("name", ["Check", "MK", "Unnamed: 3"])
def test_marks_in_a_sheet_are_asked_about(name: str, mark: list[Any]) -> None:
    found = propose(one_answer(**{name: mark}))
    assert (found.format, found.map["where"]) == ("demonstration", {name: PLACEHOLDER})
    assert found.confidence <= 0.5


@pytest.mark.parametrize("colours", [["green", "red", "amber"], ["rot", "grün"], ["vert", "rouge", "orange"]])
def test_the_colours_of_a_traffic_light_are_asked_about(colours: list[str]) -> None:
    found = propose(one_answer(light=colours))
    assert (found.format, found.map["label"], found.map["up"]) == ("thumbs", "light", PLACEHOLDER)


@pytest.mark.parametrize(("name", "colours"), [("colour", ["green", "red"]), ("paint_color", ["green", "blue", "red"])])
def test_other_colours_judge_nothing(name: str, colours: list[str]) -> None:
    found = propose(one_answer(**{name: colours}))
    assert (found.format, "where" in found.map) == ("demonstration", False)


@pytest.mark.parametrize(
    ("good", "bad"), [("dobra", "zła"), ("hyvä", "huono"), ("iyi", "kötü"), ("хорошо", "плохо"), ("好", "差")]
)
def test_verdicts_in_other_languages(good: str, bad: str) -> None:
    found = propose(one_answer(x1=[good, bad, good]))
    assert (found.format, found.map["up"], found.map["down"]) == ("thumbs", [good], [bad])


def test_the_code_of_a_named_score_is_a_judgement() -> None:
    scores = [{"fact_check": {"value": value, "answer": "short"}} for value in ("C", "I", "C")]
    found = propose(one_answer(scores=scores))
    assert found.map["where"] == {"scores.fact_check.value": PLACEHOLDER}


def test_the_name_of_an_assessment_is_no_verdict() -> None:
    items = [[{"assessment_name": "is_helpful", "feedback": {"value": bool(i % 2)}}] for i in range(12)]
    found = propose(one_answer(assessments=items))
    assert (found.format, found.map["label"]) == ("thumbs", "assessments.*.feedback.value")


def test_pieces_of_a_prompt_are_no_options() -> None:
    endings = [[f"{ANSWERS[(i + n) % 12]} {n}" for n in range(4)] for i in range(12)]
    columns = {"first_half": [q[:14] for q in QUESTIONS], "second_half": [q[14:] for q in QUESTIONS]}
    rows = make_rows({"topic_label": ["cooking", "repairs"], **columns, "ctx": QUESTIONS, "endings": endings})
    found = propose([{**row, "label": str(i % 4)} for i, row in enumerate(rows)])
    assert (found.format, found.map["options"], found.map["answer"]) == ("multiple_choice", "endings", "label")


def test_two_prompts_of_one_name_are_asked_about() -> None:
    rows = one_answer(orig_question=OTHERS, score=[1, 5, 3])
    assert propose(rows).map["prompt"] == PLACEHOLDER


def test_the_text_of_the_better_answer_names_it() -> None:
    best = [(ANSWERS, OTHERS)[i % 2][i] for i in range(12)]
    found = propose(make_rows({"task": QUESTIONS, "draft_1": ANSWERS, "draft_2": OTHERS, "best": best}))
    assert (found.format, found.map["label"]) == ("pairs", "best")
    assert found.map["names"] == {"first": "draft_1", "second": "draft_2"}
    feedback, _ = read(found)
    assert feedback[0].comparisons[0].better == 0


@pytest.mark.parametrize("name", ["worst", "final"])
def test_a_copy_of_an_answer_is_not_always_the_better_one(name: str) -> None:
    copies = [(ANSWERS, OTHERS)[i % 2][i] for i in range(12)]
    found = propose(make_rows({"task": QUESTIONS, "draft_1": ANSWERS, "draft_2": OTHERS, name: copies}))
    assert (found.format, found.map["label"]) == ("pairs", PLACEHOLDER)


@pytest.mark.parametrize("name", ["success", "is_successful", "request_succeeded"])
def test_the_success_of_a_call_does_not_judge_the_answer(name: str) -> None:
    call = {"latency_ms": [120.5, 340.1, 99.9], "http_status": [200, 200, 500], "cached": [True, False]}
    found = propose(one_answer(**{name: [True, True, False], **call}))
    assert (found.format, found.map["where"][name]) == ("demonstration", PLACEHOLDER)
    assert propose(one_answer(**{name: [True, True, False]})).map["up"] == PLACEHOLDER


def test_lists_of_prompts_and_of_answers_are_no_dialogues() -> None:
    prompts = [[question, "Now say it in five words."] for question in QUESTIONS]
    rows = make_rows({"turns": prompts, "replies": [[a, "It is a thing."] for a in ANSWERS]})
    assert propose(rows).map.get("messages") is None


def test_a_list_of_texts_may_be_a_dialogue() -> None:
    found = propose(make_rows({"turns": [[q, a] for q, a in zip(QUESTIONS, ANSWERS, strict=True)]}))
    assert (found.format, found.map) == ("demonstration", {"messages": "turns"})
    assert found.confidence <= 0.5
    assert any("alternate" in doubt for doubt in found.doubts)


@pytest.mark.parametrize(("user", "bot"), [("Customer", "Bot"), ("Kunde", "Assistent"), ("USER", "AI Agent")])
def test_a_transcript_shows_its_marks(user: str, bot: str) -> None:
    chats = [f"{user}: {q}\n{bot}: {a}\nNote: it rained." for q, a in zip(QUESTIONS, ANSWERS, strict=True)]
    found = propose(make_rows({"chat": chats, "csat": ["satisfied", "dissatisfied"]}))
    assert (found.format, found.map["messages"]) == ("thumbs", "chat")
    feedback, _ = read(found)
    assert feedback[0].prompt == ask(QUESTIONS[0])
    assert feedback[0].responses[0].messages[0]["content"] == f"{ANSWERS[0]}\nNote: it rained."


def test_a_transcript_without_an_answer_at_the_end_stays_a_prompt() -> None:
    chats = [f"User: {question}\nAssistant:" for question in QUESTIONS]
    found = propose(make_rows({"prompt": chats, "answer": ANSWERS, "liked": [True, False]}))
    assert (found.map["prompt"], found.map["response"]) == ("prompt", "answer")


@pytest.mark.parametrize("names", ["{}_r{}", "rater{1}_{0}", "{}_annotator_{}"])
def test_several_people_score_several_criteria(names: str) -> None:
    scores = {"accuracy": [[1, 5, 3], [2, 5, 3]], "tone": [[1, 5, 3], [2, 5, 3]]}
    fields = {names.format(name, i + 1): v for name, several in scores.items() for i, v in enumerate(several)}
    found = propose(one_answer(**fields))
    assert found.format == "ratings"
    read_fields = [axis["field"] for axis in found.map["scores"].values()]
    assert read_fields == [[names.format(name, i) for i in (1, 2)] for name in scores]
    assert {axis["better"] for axis in found.map["scores"].values()} == {PLACEHOLDER}


@pytest.mark.parametrize(("name", "words"), [("Barn", ["da", "drwg"]), ("MK", ["labas", "blogas", "vidutinis"])])
def test_words_that_nobody_knows_are_asked_about(name: str, words: list[str]) -> None:
    found = propose(one_answer(**{name: words}))
    assert (found.format, found.map["where"], found.confidence) == ("demonstration", {name: PLACEHOLDER}, 0.5)


@pytest.mark.parametrize("name", ["department", "Produkt_category", "finish_reason", "language", "split"])
def test_sorts_of_rows_are_not_asked_about(name: str) -> None:
    found = propose(one_answer(**{name: ["alpha", "beta", "gamma"]}))
    assert (found.format, "where" in found.map) == ("demonstration", False)
