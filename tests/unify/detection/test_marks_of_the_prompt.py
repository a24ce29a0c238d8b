"""Flags and choices that are about the prompt, the user or the machine, and not about the answer."""

import pytest

from support.judged_rows import ANSWERS, QUESTIONS, make_rows, one_answer
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.proposal import propose

ASKED = (PLACEHOLDER, PLACEHOLDER)


@pytest.mark.parametrize(
    ("mark", "name", "reason"),
    [
        ("flagged", "flag_reason", "personal data in question"),
        ("reported", "report_category", "abusive customer"),
        ("escalated", "escalation_cause", "prompt injection"),
    ],
)
def test_a_mark_whose_reason_speaks_of_the_prompt_is_asked_about(mark: str, name: str, reason: str) -> None:
    found = propose(one_answer(**{mark: [True, False, False], name: [reason, "", ""]}))
    assert (found.map["up"], found.map["down"]) == ASKED
    assert any(name in doubt for doubt in found.doubts)


def test_a_mark_whose_reason_speaks_of_the_answer_blames() -> None:
    found = propose(one_answer(flagged=[True, False, False], flag_reason=["wrong number", "", ""]))
    assert (found.map["label"], found.map["down"]) == ("flagged", [True])


@pytest.mark.parametrize("folder", ["input_moderation", "prompt_check", "user_query_filter"])
def test_a_mark_of_the_input_is_asked_about(folder: str) -> None:
    texts = zip(QUESTIONS, ANSWERS, strict=True)
    turns = [[{"role": "user", "content": q}, {"role": "assistant", "content": a}] for q, a in texts]
    found = propose(make_rows({"messages": turns, folder: [{"flagged": True}, {"flagged": False}]}))
    assert found.format == "demonstration" or (found.map["up"], found.map["down"]) == ASKED
