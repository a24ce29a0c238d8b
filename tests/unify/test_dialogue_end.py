"""The setting `until`: a dialogue that ends at a turn, a place or a message's id, in lists and in trees of messages."""

from typing import Any

import pytest

from unipref.core import registry
from unipref.core.contracts import Format, read_all
from unipref.core.errors import UserError
from unipref.core.records import Feedback, Reason, Reject

TEXTS = ["How do I boil an egg?", "Eight minutes.", "In one word?", "Boil."]
OTHERS = ["How do I boil an egg?", "Microwave it.", "In one word?", "Zap."]
SIDES = {"first": "a", "second": "b", "votes": "winner", "codes": {"a": "first", "b": "second"}}


def make(name: str, **settings: Any) -> Format:
    form = registry.make("format", name, settings, "map")
    assert isinstance(form, Format)
    return form


def turns(*texts: str) -> list[dict[str, Any]]:
    return [{"role": ("user", "assistant")[i % 2], "content": text, "id": f"m{i}"} for i, text in enumerate(texts)]


def one(form: Format, row: dict[str, Any]) -> Feedback | Reject:
    (item,) = read_all(form, [row])
    return item


def texts_of(form: Format, row: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    item = one(form, row)
    assert isinstance(item, Feedback), item
    return [m["content"] for m in item.prompt], [[m["content"] for m in r.messages] for r in item.responses]


def reject_of(form: Format, row: dict[str, Any]) -> Reject:
    item = one(form, row)
    assert isinstance(item, Reject)
    return item


def test_a_vote_on_the_first_turn_does_not_judge_the_second() -> None:
    row = {"a": turns(*TEXTS), "b": turns(*OTHERS), "winner": "a", "turn": 1}
    assert texts_of(make("votes", **SIDES, until={"turn": "turn"}), row) == (
        ["How do I boil an egg?"],
        [["Eight minutes."], ["Microwave it."]],
    )


def test_a_vote_on_the_last_turn_keeps_the_whole_dialogue() -> None:
    row = {"a": turns(*TEXTS), "b": turns(*OTHERS), "winner": "a", "turn": 2}
    whole = make("votes", **SIDES)
    assert texts_of(make("votes", **SIDES, until={"turn": "turn"}), row) == texts_of(whole, row)


SYSTEM = {"role": "system", "content": "Be short."}


@pytest.mark.parametrize(
    "messages",
    [
        [SYSTEM, *turns(*TEXTS)],
        [turn["content"] for turn in turns(*TEXTS)],
        [{"human": TEXTS[0], "assistant": TEXTS[1]}, {"human": TEXTS[2], "assistant": TEXTS[3]}],
        [
            {"speaker": "human", "text": TEXTS[i]} if i % 2 == 0 else {"speaker": "gpt", "text": TEXTS[i]}
            for i in range(4)
        ],
        "\n\nHuman: How do I boil an egg?\n\nAssistant: Eight minutes.\n\nHuman: In one word?\n\nAssistant: Boil.",
    ],
    ids=["system", "strings", "exchanges", "other keys", "transcript"],
)
def test_a_turn_is_counted_in_every_form_of_dialogue(messages: Any) -> None:
    form = make("demonstration", messages="chat", until={"turn": "n"})
    prompt, answers = texts_of(form, {"chat": messages, "n": 1})
    assert prompt[-1] == TEXTS[0]
    assert answers == [[TEXTS[1]]]
    assert texts_of(form, {"chat": messages, "n": "2"})[1] == [[TEXTS[3]]]
    assert reject_of(form, {"chat": messages, "n": 3}).reason == Reason.BAD_LABEL


def test_a_turn_of_several_messages_ends_with_its_last_answer() -> None:
    chat = [
        {"role": "user", "content": "One"},
        {"role": "user", "content": "more"},
        {"role": "assistant", "content": "A"},
        {"role": "assistant", "content": "B"},
        {"role": "user", "content": "Two"},
    ]
    form = make("demonstration", messages="chat", until={"turn": "n"})
    assert texts_of(form, {"chat": chat, "n": 1}) == (["One", "more"], [["A", "B"]])
    reject = reject_of(form, {"chat": chat, "n": 2})
    assert (reject.reason, reject.field) == (Reason.NO_ANSWER, "chat")


def test_messages_after_the_end_are_not_read_at_all() -> None:
    chat = [*turns(*TEXTS[:2]), {"role": "alien", "content": None}]
    by_index = make("demonstration", messages="chat", until={"index": "n"})
    assert texts_of(by_index, {"chat": chat, "n": 1}) == ([TEXTS[0]], [[TEXTS[1]]])
    by_turn = make("demonstration", messages="chat", until={"turn": "n", "counted_from": 0})
    assert texts_of(by_turn, {"chat": chat, "n": 0}) == ([TEXTS[0]], [[TEXTS[1]]])


def test_an_index_counts_from_0_unless_the_setting_says_1() -> None:
    row = {"chat": turns(*TEXTS), "n": 2}
    from_one = make("demonstration", messages="chat", until={"index": "n", "counted_from": 1})
    assert texts_of(from_one, row) == ([TEXTS[0]], [[TEXTS[1]]])
    reject = reject_of(make("demonstration", messages="chat", until={"index": "n"}), row)
    assert (reject.reason, str(reject)) == (
        Reason.NO_ANSWER,
        "chat: the dialogue ends with a turn of the user, not with an answer",
    )


@pytest.mark.parametrize("place", [None, "", 4, -1, 1.5, "first", True])
def test_a_place_that_does_not_exist_is_a_reject(place: Any) -> None:
    form = make("demonstration", messages="chat", until={"index": "n"})
    assert reject_of(form, {"chat": turns(*TEXTS), "n": place}).field == "n"


def test_the_judged_message_is_named_by_its_id() -> None:
    form = make("thumbs", messages="chat", label="good", until={"message": "rated"})
    row = {"chat": turns(*TEXTS), "good": False, "rated": "m1"}
    assert texts_of(form, row) == ([TEXTS[0]], [[TEXTS[1]]])
    assert reject_of(form, {**row, "rated": "m9"}).detail == "no message has the id 'm9' in 'id' of 'chat'"
    twice = [*row["chat"], *turns(*TEXTS)]
    assert reject_of(form, {**row, "chat": twice}).detail == "2 messages have the id 'm1' in 'id' of 'chat'"
    assert reject_of(form, {**row, "chat": "Hello"}).reason == Reason.WRONG_TYPE
    assert "set 'parent'" in reject_of(form, {**row, "chat": {"m1": {}}}).detail


TREE = {
    "root": {"id": "root", "parentId": None, "childrenIds": ["q"]},
    "q": {"id": "q", "parentId": "root", "role": "user", "content": "Hi"},
    "left": {"id": "left", "parentId": "q", "role": "assistant", "content": "Hello."},
    "right": {"id": "right", "parentId": "q", "role": "assistant", "content": "Go away."},
    "why": {"id": "why", "parentId": "right", "role": "user", "content": "Why?"},
    "end": {"id": "end", "parentId": "why", "role": "assistant", "content": "Sorry."},
}


@pytest.mark.parametrize("messages", [TREE, list(reversed(TREE.values()))], ids=["mapping", "list"])
def test_a_branch_of_a_tree_is_read_from_its_root(messages: Any) -> None:
    form = make("thumbs", messages="chat", label="good", until={"message": "rated", "parent": "parentId"})
    row = {"chat": messages, "good": False}
    assert texts_of(form, {**row, "rated": "right"}) == (["Hi"], [["Go away."]])
    assert texts_of(form, {**row, "rated": "end"}) == (["Hi", "Go away.", "Why?"], [["Sorry."]])
    assert reject_of(form, {**row, "rated": "why"}).reason == Reason.NO_ANSWER
    assert reject_of(form, {**row, "rated": "gone"}).field == "rated"
    assert reject_of(form, {**row, "rated": "root"}).reason == Reason.MISSING_FIELD


def test_a_parent_that_is_missing_or_a_circle_is_a_reject() -> None:
    form = make("thumbs", messages="chat", label="good", until={"message": "rated", "parent": "parentId"})
    lost = {**TREE, "q": {**TREE["q"], "parentId": "deleted"}}
    reject = reject_of(form, {"chat": lost, "good": True, "rated": "left"})
    assert (reject.reason, reject.field) == (Reason.MISSING_FIELD, "chat.q")
    circle = {**TREE, "q": {**TREE["q"], "parentId": "left"}}
    assert "circle" in reject_of(form, {"chat": circle, "good": True, "rated": "left"}).detail


def test_two_branches_of_a_tree_are_compared() -> None:
    until = {"message": "rated", "parent": "parentId"}
    sides = {"chosen": "a", "rejected": "b", "until": until}
    row = {"a": TREE, "b": {**TREE, "end": {**TREE["end"], "content": "Because."}}, "rated": "end"}
    assert texts_of(make("pairs", **sides), row)[1] == [["Sorry."], ["Because."]]


def test_speaker_and_text_can_lie_deep_inside_a_message() -> None:
    mapping = {
        "r": {"id": "r", "message": None, "parent": None},
        "q": {"message": {"author": {"role": "user"}, "content": {"parts": ["Hi", "there"]}}, "parent": "r"},
        "a": {"message": {"author": {"role": "assistant"}, "content": {"parts": ["Yes?"]}, "weight": 1}, "parent": "q"},
    }
    fields = {"role": "message.author.role", "content": "message.content.parts"}
    until = {"message": "last", "parent": "parent"}
    form = make("demonstration", messages="mapping", turns=fields, until=until)
    assert texts_of(form, {"mapping": mapping, "last": "a"}) == (["Hi\n\nthere"], [["Yes?"]])
    unlearnt = {**mapping, "a": {**mapping["a"], "message": {**mapping["a"]["message"], "weight": 0}}}  # type: ignore[dict-item]
    assert reject_of(form, {"mapping": unlearnt, "last": "a"}).reason == Reason.NOT_TO_LEARN
    wrong = make("demonstration", messages="mapping", turns={"role": "by", "content": "text"}, until=until)
    assert reject_of(wrong, {"mapping": mapping, "last": "a"}).field == "mapping.a.by"


def test_a_boolean_can_name_the_speaker() -> None:
    form = make(
        "demonstration",
        messages="chat",
        roles={True: "user", False: "assistant"},
        turns={"role": "isCreatedByUser", "content": "text"},
    )
    chat = [{"isCreatedByUser": True, "text": "Hi"}, {"isCreatedByUser": False, "text": "Hello."}]
    assert texts_of(form, {"chat": chat}) == (["Hi"], [["Hello."]])


GIVE_ONE = "give one of 'turn', 'index', 'message' and 'answer'"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"messages": "m", "until": {}}, GIVE_ONE),
        (
            {"messages": "m", "until": {"turn": "t", "index": "i"}},
            GIVE_ONE,
        ),
        ({"messages": "m", "until": {"turn": "t", "parent": "p"}}, "'id' and 'parent' go with 'message'"),
        ({"messages": "m", "until": {"message": "t", "counted_from": 1}}, "goes with 'turn' and 'index'"),
        ({"prompt": "p", "response": "r", "until": {"turn": "t"}}, "'until' needs 'messages'"),
        ({"messages": "m", "cut": "(a)(b)", "until": {"turn": "t"}}, "give either 'until' or 'cut'"),
    ],
)
def test_settings_that_contradict_each_other_are_errors(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make("demonstration", **settings)


LAST = {"until": {"answer": "last"}, "label": "up"}


def test_what_the_user_says_after_the_last_answer_is_not_read() -> None:
    form = make("thumbs", messages="thread", **LAST)
    for thanks in ([], ["Thanks!"]):
        row = {"thread": turns(*TEXTS, *thanks), "up": True}
        assert texts_of(form, row) == (TEXTS[:3], [[TEXTS[3]]])


def test_the_last_answer_ends_messages_with_other_keys_and_transcripts() -> None:
    said = [{"who": "Customer", "said": "Hi."}, {"who": "Agent", "said": "Hello."}, {"who": "Customer", "said": "Bye."}]
    roles = {"Customer": "user", "Agent": "assistant"}
    form = make("thumbs", messages="m", turns={"role": "who", "content": "said"}, roles=roles, **LAST)
    assert texts_of(form, {"m": said, "up": True}) == (["Hi."], [["Hello."]])
    transcript = make("thumbs", messages="m", marks={"user": "\nC:", "assistant": "\nA:"}, **LAST)
    assert texts_of(transcript, {"m": "C: Hi.\nA: Hello.\nC: Bye.", "up": True}) == (["Hi."], [["Hello."]])


def test_exchanges_end_with_an_answer() -> None:
    row = {"m": [{"human": "Hi.", "assistant": "Hello."}, {"human": "Bye?", "assistant": "Bye."}], "up": False}
    assert texts_of(make("thumbs", messages="m", **LAST), row) == (["Hi.", "Hello.", "Bye?"], [["Bye."]])


def test_a_dialogue_without_an_answer_or_with_an_unknown_speaker_at_its_end_is_rejected() -> None:
    form = make("thumbs", messages="m", **LAST)
    assert reject_of(form, {"m": turns("Hi."), "up": True}).reason is Reason.NO_ANSWER
    row = {"m": [*turns(*TEXTS), {"role": "boss", "content": "No."}], "up": True}
    assert reject_of(form, row).reason is Reason.BAD_ROLE
