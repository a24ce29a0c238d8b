"""Answers that a pattern or `cut` extracts, in every format, and prompts that are joined from lists."""

from typing import Any

import pytest

from support.read_rows import read_row
from unipref.core import registry
from unipref.core.contracts import Format
from unipref.core.errors import UserError
from unipref.core.records import Reason


def make(name: str, **settings: Any) -> Format:
    form = registry.make("format", name, settings, "map")
    assert isinstance(form, Format)
    return form


def part(field: str) -> dict[str, str]:
    return {"field": field, "pattern": "(?s)<answer>(.*)</answer>"}


def wrapped(text: str) -> str:
    return f"Let me think. <answer>\n{text}\n</answer> Done."


def turns(*texts: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]


SIDES = {"prompt": "q", "first": part("a"), "second": part("b")}
ROW: dict[str, Any] = {"q": "Q", "a": wrapped("A"), "b": wrapped("B"), "list": [wrapped("A"), wrapped("B")]}
CHATS = {"c": turns("Q", wrapped("A")), "d": turns("Q", wrapped("B"))}
ITEMS = [{"text": wrapped("A"), "s": 2}, {"text": wrapped("B"), "s": 1}]
BY_SCORE = {"s": {"field": "s", "better": "high"}}

EXTRACTED = [
    ("pairs", {"prompt": "q", "chosen": part("a"), "rejected": part("b")}, {}),
    ("pairs", {**SIDES, "label": "l", "codes": {1: "first", 2: "second"}}, {"l": 1}),
    ("pairs", {"chosen": part("c"), "rejected": part("d")}, CHATS),
    ("votes", {**SIDES, "votes": "v", "codes": {1: "first"}}, {"v": [1]}),
    ("graded_pair", {**SIDES, "grade": "g", "scale": {"first": 3, "second": -3}}, {"g": 2}),
    ("edit", {"prompt": "q", "before": part("b"), "after": part("a")}, {}),
    ("rated_list", {"prompt": "q", "answers": "x", "response": part("text"), "scores": BY_SCORE}, {"x": ITEMS}),
    ("rated_list", {"prompt": "q", "answers": "list", "response": part("."), "scores": BY_SCORE}, {"s": [2, 1]}),
    ("rated_list", {"prompt": "q", "answers": [part("a"), part("b")], "scores": BY_SCORE}, {"s": [2, 1]}),
    ("ranking", {"prompt": "q", "answers": [part("a"), part("b")], "order": "best_first"}, {}),
    ("ranking", {"prompt": "q", "answers": "list", "response": part("."), "order": "best_first"}, {}),
    ("groups", {"prompt": "q", "good": part("a"), "bad": [part("b")]}, {}),
    ("groups", {"prompt": "q", "good": part("good"), "bad": part("b")}, {"good": [wrapped("A")]}),
    ("multiple_choice", {"prompt": "q", "options": part("list"), "answer": "n", "first": 0}, {"n": 0}),
    ("multiple_choice", {"prompt": "q", "options": [part("a"), part("b")], "answer": "n", "first": "text"}, {"n": "A"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "settings", "more"), EXTRACTED)
def test_a_pattern_extracts_both_answers(name: str, settings: dict[str, Any], more: dict[str, Any]) -> None:
    (feedback,), rejects = read_row(make(name, **settings), {**ROW, **more})
    assert [response.messages for response in feedback.responses] == [turns("", text)[1:] for text in ("A", "B")]
    assert feedback.prompt[-1]["content"] == "Q"
    assert rejects == []


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("demonstration", {}),
        ("thumbs", {"label": "ok"}),
        ("ratings", {"scores": BY_SCORE}),
        ("critique", {"critique": "note"}),
    ],
)
@pytest.mark.parametrize(
    "settings",
    [
        {"prompt": "q", "response": part("a")},
        {"messages": part("dialogue")},
        {"messages": "text", "cut": "(?s)^(.*)\nAnswer:(.*)$"},
    ],
)
def test_a_pattern_extracts_one_answer(name: str, more: dict[str, Any], settings: dict[str, Any]) -> None:
    row = {**ROW, "dialogue": turns("Q", wrapped("A")), "text": "Q\nAnswer: A", "ok": True, "s": 3, "note": "Good."}
    feedback, rejects = read_row(make(name, **settings, **more), row)
    if name == "critique":
        assert [reject.reason for reject in rejects] == [Reason.NO_ORDER]
        return
    assert feedback[0].prompt == turns("Q")
    assert feedback[0].responses[0].messages == turns("", "A")[1:]


def test_a_pattern_extracts_the_text_of_steps() -> None:
    step = {"field": ".", "pattern": r"^Step \d+: (.*)$"}
    form = make("steps", prompt="q", steps="steps", step=step, rating="ratings", codes={1: "right", -1: "wrong"})
    row = {"q": "2 + 3 * 4?", "steps": ["Step 1: 3 * 4 = 12.", "Step 2: 2 + 12 = 15."], "ratings": [1, -1]}
    (feedback,), _ = read_row(form, row)
    assert feedback.prompt == turns("2 + 3 * 4?\n\n3 * 4 = 12.")
    assert feedback.responses[0].messages == turns("", "2 + 12 = 15.")[1:]


def test_a_list_of_grades_is_that_of_several_people() -> None:
    scale = {"first": 3, "second": -3, "decimal": "comma"}
    form = make("graded_pair", prompt="q", first="a", second="b", grade="g.*.grade", scale=scale)
    (feedback,), _ = read_row(form, {"q": "Q", "a": "A", "b": "B", "g": [{"grade": "1,5"}, {"grade": -2}]})
    assert [(c.better, c.strength, c.annotator) for c in feedback.comparisons] == [(0, 1.5, None), (1, 2.0, None)]


def test_a_pattern_applies_to_the_answers_of_a_tree_and_not_to_its_prompts() -> None:
    reply = {"text": wrapped("A"), "role": "assistant", "rank": 0, "replies": []}
    tree = {"prompt": {"text": "Q", "role": "prompter", "replies": [reply, {**reply, "text": wrapped("B"), "rank": 1}]}}
    (feedback,), _ = read_row(make("tree", text=part("text")), tree)
    assert [response.messages[0]["content"] for response in feedback.responses] == ["A", "B"]
    assert feedback.prompt == turns("Q")


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("rated_list", {"answers": "x", "scores": {"s": {"field": "s", "better": "high"}}}),
        ("rated_list", {"answers": "items", "response": "text", "scores": {"s": {"field": "s", "better": "high"}}}),
        ("ranking", {"answers": "x", "order": "best_first"}),
        ("groups", {"good": "x.0", "bad": "x.1"}),
    ],
)
def test_cut_takes_the_prompt_from_the_answers(name: str, settings: dict[str, Any]) -> None:
    texts = ["Q: Why?\nA: Because.", "Q: Why?\nA: No."]
    row = {"x": texts, "s": [2, 1], "items": [{"text": text, "s": i} for i, text in enumerate(texts)]}
    form = make(name, cut="(?s)^Q:(.*)\nA:(.*)$", **settings)
    (feedback,), _ = read_row(form, row)
    assert feedback.prompt == turns("Why?")
    assert [response.messages[0]["content"] for response in feedback.responses] == ["Because.", "No."]
    row = {"x": ["Q: Why?\nA: Because.", "Q: How?\nA: No."], "s": [2, 1]}
    if "items" not in settings.values():
        assert [reject.reason for reject in read_row(form, row)[1]] == [Reason.PROMPTS_DIFFER]


def test_an_answer_that_does_not_match_is_a_reject_that_names_its_place() -> None:
    form = make("pairs", prompt="q", chosen=part("a"), rejected=part("b"))
    _, (reject,) = read_row(form, {**ROW, "b": "No tags."})
    assert (reject.reason, reject.field) == (Reason.BAD_LABEL, "b")
    form = make("rated_list", prompt="q", answers="x", response=part("text"), scores=BY_SCORE)
    _, (reject,) = read_row(form, {"q": "Q", "x": [*ITEMS, {"text": "No tags.", "s": 1}]})
    assert (reject.reason, reject.field) == (Reason.BAD_LABEL, "x.2.text")


DOCUMENTS: dict[str, Any] = {
    "q": "Where is it?",
    "passages": ["It is in B.", " ", None, "B is far."],
    "docs": [{"text": "One.", "parts": ["a", "b"]}, {"text": "Two.", "parts": ["c"]}],
    "named": {"wiki": "W.", "news": "N."},
    "good": "In B.",
    "bad": "In C.",
}


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        (["q", "passages.*"], "Where is it?\n\nIt is in B.\n\nB is far."),
        (["docs.*.text", "q"], "One.\n\nTwo.\n\nWhere is it?"),
        (["docs.*.parts.*", "q"], "a\n\nb\n\nc\n\nWhere is it?"),
        ([{"field": "passages.*", "before": "Context:\n"}, "q"], "Context:\nIt is in B.\n\nB is far.\n\nWhere is it?"),
        ([{"field": "docs.*.text", "pattern": r"^(\w)"}, "q"], "O\n\nT\n\nWhere is it?"),
        ("passages.*", "It is in B.\n\nB is far."),
        (["passages.*"], "It is in B.\n\nB is far."),
        (["named.*", "q"], "W.\n\nN.\n\nWhere is it?"),
        (["none.*", "q"], "Where is it?"),
    ],
)
def test_lists_in_a_prompt_are_joined_with_blank_lines(prompt: Any, text: str) -> None:
    form = make("pairs", prompt=prompt, chosen="good", rejected="bad")
    (feedback,), rejects = read_row(form, {**DOCUMENTS, "none": []})
    assert feedback.prompt == turns(text)
    assert rejects == []


def test_lists_in_a_system_text_are_joined_too() -> None:
    form = make("pairs", prompt="q", system=["passages.*"], chosen="good", rejected="bad")
    (feedback,), _ = read_row(form, DOCUMENTS)
    assert feedback.prompt[0] == {"role": "system", "content": "It is in B.\n\nB is far."}


def test_a_list_without_a_star_is_a_reject_that_says_how_to_join_it() -> None:
    form = make("pairs", prompt=["q", "passages"], chosen="good", rejected="bad")
    _, (reject,) = read_row(form, {**DOCUMENTS, "passages": ["It is in B.", "B is far."]})
    assert (reject.reason, reject.field) == (Reason.WRONG_TYPE, "passages")
    assert "to join them, write 'passages.*'" in reject.detail


@pytest.mark.parametrize("item", [{"text": "x"}, 3, True])
def test_an_item_that_is_no_text_is_a_reject(item: Any) -> None:
    form = make("pairs", prompt=["q", "passages.*"], chosen="good", rejected="bad")
    _, (reject,) = read_row(form, {**DOCUMENTS, "passages": ["It is in B.", item]})
    assert reject.reason == Reason.WRONG_TYPE


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"chosen": {"feild": "a"}, "rejected": "b"}, r"map\.pairs\.chosen\.feild: unknown key\. Did you mean 'field'"),
        ({"chosen": 5, "rejected": "b"}, r"map\.pairs\.chosen: Input should be a valid string \(found '5'\)"),
        ({"chosen": "", "rejected": "b"}, r"map\.pairs\.chosen: String should have at least 1 character"),
        (
            {"chosen": {"field": "a", "pattern": "x"}, "rejected": "b"},
            r"map\.pairs\.chosen\.pattern: the pattern needs",
        ),
        ({"prompt": ["q", {"feild": "a"}]}, r"map\.pairs\.prompt\.1\.feild: unknown key\. Did you mean 'field'"),
        ({"prompt": []}, r"map\.pairs\.prompt: List should have at least 1 item"),
    ],
)
def test_an_error_in_a_part_names_its_place_alone(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=f"^{message}[^\n]*$"):
        make("pairs", **settings)
