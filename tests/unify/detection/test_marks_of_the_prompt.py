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


@pytest.mark.parametrize("name", ["tool_errors", "api_failures", "request_retries"])
def test_faults_of_a_machine_do_not_rate_the_answer(name: str) -> None:
    found = propose(one_answer(**{name: [2, 0, 1], "human_grade": ["wrong call", "right call", "right call"]}))
    assert (found.format, found.map["label"], found.map["up"]) == ("thumbs", "human_grade", ["right call"])


@pytest.mark.parametrize("name", ["edit_distance", "levenshtein_distance", "char_distance"])
def test_the_distance_of_two_texts_does_not_rate_one(name: str) -> None:
    sent = [f"{answer} Thank you." for answer in ANSWERS]
    rows = make_rows({"mail_of_customer": QUESTIONS, "ai_draft": ANSWERS, "sent_mail": sent, name: [20, 90, 0, 7]})
    found = propose(rows)
    assert (found.format, found.map["before"], found.map["after"]) == ("edit", "ai_draft", "sent_mail")


@pytest.mark.parametrize(("name", "values"), [("agreement", [True]), ("rater_agreement", [True, False])])
def test_whether_people_agree_is_not_what_they_say(name: str, values: list[bool]) -> None:
    words = ["1_full_compliance", "2_full_refusal"]
    found = propose(one_answer(annotation_1=words, annotation_2=words, **{name: values}, final_label=words))
    assert found.map.get("label") != name
    assert found.map["where"]["final_label"] == PLACEHOLDER


@pytest.mark.parametrize(("name", "values"), [("fold", [0, 1, 2, 3]), ("sample_weight", [0.5, 1.0]), ("queue", [1, 4])])
def test_numbers_of_a_program_are_no_scores(name: str, values: list[float]) -> None:
    assert propose(one_answer(**{name: values})).format == "demonstration"


@pytest.mark.parametrize("name", ["agent_online", "is_delivered", "read_receipt"])
def test_states_of_a_chat_are_no_thumbs(name: str) -> None:
    assert propose(one_answer(**{name: [True, False]})).format == "demonstration"
