"""Every field is accounted for: what is not read and looks as if it mattered is a doubt."""

from typing import Any

import pytest

from support.judged_rows import ANSWERS, OTHERS, QUESTIONS, make_rows, one_answer
from unipref.unify.detection.columns import Columns
from unipref.unify.detection.unread import account_for_columns, used_paths
from unipref.unify.inspection import open_questions
from unipref.unify.proposal import propose

PAIR = {"prompt": QUESTIONS, "chosen": ANSWERS, "rejected": OTHERS}


def test_a_system_text_and_earlier_turns_are_proposed() -> None:
    found = propose(make_rows({"system": ["You are a poet.", "Answer in French."], **PAIR}))
    assert (found.format, found.map["system"]) == ("pairs", "system")
    earlier = [[["Hello there.", "Good day."]], []]
    found = propose(one_answer(system_prompt=["You are a poet.", "Be short."], history=earlier))
    assert (found.map["system"], found.map["history"]) == ("system_prompt", "history")


def test_a_system_text_is_not_proposed_beside_system_turns() -> None:
    talk = [
        [{"role": "system", "content": "Be kind."}, {"role": "user", "content": q}, {"role": "assistant", "content": a}]
        for q, a in zip(QUESTIONS, ANSWERS, strict=True)
    ]
    found = propose(make_rows({"system": ["You are a poet."], "messages": talk, "liked": [True, False]}))
    assert "system" not in found.map
    assert any("'system' looks like a system text" in doubt for doubt in found.doubts)


def test_an_answer_with_the_word_system_in_its_name_is_no_system_text() -> None:
    found = propose(make_rows({"source": QUESTIONS, "system_output": ANSWERS, "stars": [1, 5, 3]}))
    assert (found.map["response"], "system" in found.map) == ("system_output", False)


@pytest.mark.parametrize(
    "column",
    [
        {"thumbs": ["👍", "👎"]},
        {"quality": ["good", "bad", "fair"]},
        {"votes": [[{"by": "ann", "verdict": "good"}], [{"by": "bob", "verdict": "bad"}]]},
        {"review": [{"rating": 1}, {"rating": 5}]},
    ],
)
def test_a_judgement_besides_the_one_that_is_read_is_a_doubt_and_lowers_the_confidence(column: dict[str, Any]) -> None:
    found = propose(make_rows({**PAIR, **column}))
    (name,) = column
    assert found.format == "pairs"
    assert any(f"'{name}" in doubt and "is not read" in doubt for doubt in found.doubts)
    assert found.confidence == 0.5


def test_a_second_spelling_of_the_judgement_that_is_read_is_no_doubt() -> None:
    found = propose(one_answer(emoji=["👍", "👎"], alias=[":+1:", ":-1:"]))
    assert (found.format, found.doubts) == ("thumbs", [])


def test_no_demonstration_runs_over_a_judgement_inside_the_turns() -> None:
    talk = [
        [
            {"role": "user", "content": q},
            {"role": "assistant", "content": a, "annotation": ("good", "bad", "ok")[i % 3]},
        ]
        for i, (q, a) in enumerate(zip(QUESTIONS, ANSWERS, strict=True))
    ]
    found = propose(make_rows({"messages": talk}))
    assert found.format != "demonstration" or open_questions(found.map, "map")
    assert found.format is not None


def test_paths_inside_a_list_that_is_read_are_used_together_with_the_path_of_the_list() -> None:
    mapping = {"answers": "completions", "response": "text", "scores": {"help": {"field": "marks.help"}}}
    assert {"completions", "completions.*.text", "completions.*.marks.help"} <= {*used_paths(mapping)}
    rows = [
        {
            "prompt": q,
            "completions": [{"text": a, "marks": {"help": i % 5, "safety": i % 3}, "vote": ("👍", "👎")[i % 2]}],
        }
        for i, (q, a) in enumerate(zip(QUESTIONS, ANSWERS, strict=True))
    ]
    account = account_for_columns(Columns(rows), {"prompt": "prompt", **mapping}, is_judged=True)
    assert account.judgements == ["completions.*.marks.safety"]


def test_fields_beyond_the_limit_are_a_doubt() -> None:
    wide = {f"field_{i}": [f"Some text that fills the field number {i}."] for i in range(400)}
    found = propose(make_rows({**PAIR, **wide}))
    assert any("more fields of the rows were not looked at" in doubt for doubt in found.doubts)
    assert found.confidence <= 0.5


def listed(*values: Any) -> list[list[dict[str, Any]]]:
    """Makes the annotations of a labelling tool: one person's verdict for each row."""
    return [[{"result": [{"value": {"choices": [value]}}], "was_cancelled": False}] for value in values]


EXPORTS: dict[str, dict[str, Any]] = {
    "a ranking of field names": {
        "prompt": QUESTIONS, "response-1": ANSWERS, "response-2": OTHERS,
        "order": [[{"user_id": f"c0ffee12-{i}", "value": {"rank": [1, 2], "value": names}, "status": "submitted"}]
                  for i, names in enumerate((["response-1", "response-2"], ["response-2", "response-1"]))],
    },
    "the id of the accepted option": {
        "text": QUESTIONS, "accept": [["model-x"], ["model-y"]], "answer": "accept",
        "options": [[{"id": "model-x", "text": a}, {"id": "model-y", "text": b}]
                    for a, b in zip(ANSWERS, OTHERS, strict=True)],
    },
    "choices inside annotations": {
        "data": [{"question": q, "reply": a} for q, a in zip(QUESTIONS, ANSWERS, strict=True)],
        "annotations": listed("Good", "Bad"),
    },
    "verdicts in a list": {"question": QUESTIONS, "answer": ANSWERS, "verdicts": [["good", "bad"], ["good", "good"]]},
}  # fmt: skip


@pytest.mark.parametrize("shape", EXPORTS)
def test_the_judgements_of_unknown_exports_are_asked_about_and_never_denied(shape: str) -> None:
    found = propose(make_rows(EXPORTS[shape]))
    assert open_questions(found.map, "map")
    assert any("is not read" in doubt for doubt in found.doubts)
    assert found.confidence <= 0.5
    texts = [value for value in used_paths(found.map) if "user_id" in value or value.endswith(("accept", ".id"))]
    assert texts in ([], ["accept"])


def test_reactions_in_two_spellings_are_thumbs_and_no_edit() -> None:
    reactions = [{"alias": ":+1:", "emoji": "👍"}, {"alias": ":-1:", "emoji": "👎"}]
    calls = [{"inputs": {"question": q}, "output": a} for q, a in zip(QUESTIONS, ANSWERS, strict=True)]
    found = propose(make_rows({"payload": reactions, "call": calls, "created_at": "2024-07-01T10:00:00Z"}, count=5))
    assert (found.format, found.map["prompt"], found.map["response"]) == (
        "thumbs",
        "call.inputs.question",
        "call.output",
    )
    assert (found.map["up"], found.map["down"]) == ([":+1:"], [":-1:"])


def test_the_version_with_which_a_solution_continues_is_proposed() -> None:
    steps = [
        [
            {"completions": [{"text": a, "rating": 1}, {"text": b, "rating": -1}], "chosen": 0},
            {"completions": [{"text": b, "rating": -1}], "chosen": None},
        ]
        for a, b in zip(ANSWERS, OTHERS, strict=True)
    ]
    found = propose(make_rows({"problem": QUESTIONS, "steps": steps}))
    assert (found.format, found.map["versions"], found.map["taken"]) == ("steps", "completions", "chosen")


def test_the_answer_with_which_a_dialogue_ends_is_proposed() -> None:
    talk = [
        [{"id": f"{i}-{n}", "role": ("user", "assistant")[n % 2], "content": text}
         for n, text in enumerate((q, a, "And then?", b))]
        for i, (q, a, b) in enumerate(zip(QUESTIONS, ANSWERS, OTHERS, strict=True))
    ]  # fmt: skip
    rated = [f"{i}-1" for i in range(len(talk))]
    found = propose(make_rows({"messages": talk, "rated_message": rated, "feedback": ["👎", "👍"]}))
    assert found.map["until"] == {"message": "rated_message", "id": "id"}
    other = [[*one[:1], {**one[1], "content": "No."}, *one[2:]] for one in talk]
    columns = {"conversation_a": talk, "conversation_b": other, "winner": ["model_a", "model_b"], "turn": [1, 2]}
    assert propose(make_rows(columns)).map["until"] == {"turn": "turn"}


@pytest.mark.parametrize(
    ("first", "second", "is_doubt"),
    [
        ({"helpful": ["yes", "no"]}, {"safe": [True, False]}, True),
        ({"helpful": ["yes", "no"]}, {"safe": ["yes", "no"]}, True),
        ({"liked": [1, 0]}, {"k7_flag_liked": [True, False]}, False),
        ({"feedback": ["good", "bad"]}, {"vote": ["👎", "👍"]}, True),
        ({"feedback": ["good", "bad"]}, {"vote": ["👍", "👎"]}, False),
    ],
)
def test_fields_say_the_same_only_if_their_names_and_values_do(
    first: dict[str, Any], second: dict[str, Any], is_doubt: bool
) -> None:
    found = propose(one_answer(**first, **second))
    assert any(f"'{next(iter(second))}'" in doubt for doubt in found.doubts) is is_doubt


def test_labels_and_names_of_settings_are_no_paths_that_are_read() -> None:
    mapping = {
        "label": "vote", "up": ["correct"], "codes": {"A": "tie"}, "order": "best_first",
        "scores": {"up": {"field": "stars", "better": "high"}}, "prompt": [{"field": "q", "before": "high"}],
        "key": [{"text": "first"}], "before": "draft",
    }  # fmt: skip
    used = {*used_paths(mapping)}
    assert not used & {"correct", "tie", "best_first", "high", "first"}
    assert {"vote", "stars", "q", "draft"} <= used
