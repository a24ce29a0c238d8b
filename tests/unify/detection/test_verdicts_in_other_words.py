"""Verdicts in words that are seldom used, and texts whose names say that they are the prompt, or a better answer."""

import pytest

from support.judged_rows import ANSWERS, OTHERS, QUESTIONS, make_rows, one_answer
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.proposal import propose

FIXED = [f"{text} Nobody knows more about it." for text in reversed(OTHERS)]


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("button.data", "fb:useful", "fb:useless"),
        ("callback", "vote=up", "vote=down"),
        ("payload", "rate/good", "rate/bad"),
    ],
)
def test_the_data_of_a_button_hold_a_verdict(name: str, good: str, bad: str) -> None:
    folder, _, key = name.partition(".")
    values = [good, bad, bad]
    found = propose(one_answer(**{folder: [{key: v} for v in values] if key else values}))
    assert (found.format, found.map["up"], found.map["down"]) == ("thumbs", [good], [bad])


@pytest.mark.parametrize("name", ["OUTPUT:fit", "match"])
def test_what_does_not_fit_is_worse_than_what_fits(name: str) -> None:
    found = propose(one_answer(**{name: ["fits", "fits_partly", "does_not_fit"]}))
    assert next(iter(found.map["scores"].values()))["codes"] == {"does_not_fit": 0, "fits_partly": 1, "fits": 2}


@pytest.mark.parametrize("places", [["1st", "2nd", "3rd"], ["1st place", "2nd place"], ["1位", "2位"]])
def test_places_in_words_are_a_judgement(places: list[str]) -> None:
    found = propose(make_rows({"brief": QUESTIONS, "entry": ANSWERS, "standing": places}))
    assert found.map["where"] == {"standing": PLACEHOLDER}
    assert found.confidence <= 0.5


def test_what_people_did_with_a_suggestion_is_a_judgement() -> None:
    final = [answer if i % 3 else "" for i, answer in enumerate(ANSWERS)]
    rows = {
        "context": QUESTIONS,
        "suggestion": ANSWERS,
        "action": ["dismissed", "accepted", "edited"],
        "final_text": final,
    }
    found = propose(make_rows(rows))
    assert (found.map["label"], found.map["up"], found.map["down"]) == ("action", ["accepted"], ["dismissed"])
    assert any("'edited'" in doubt for doubt in found.doubts)
    assert any("'final_text'" in doubt for doubt in found.doubts)


@pytest.mark.parametrize("signs", [["✓", "✓✓"], ["+", "++"], ["👍", "👍👍"]])
def test_one_sign_in_two_numbers_does_not_praise_twice(signs: list[str]) -> None:
    found = propose(make_rows({"inbound_text": QUESTIONS, "outbound_text": ANSWERS, "ticks": signs}))
    assert found.map.get("up", PLACEHOLDER) == PLACEHOLDER


@pytest.mark.parametrize(
    ("prompt", "answer"), [("in", "out"), ("inbound_text", "outbound_text"), ("incoming", "outgoing")]
)
def test_what_came_in_is_the_prompt_of_what_went_out(prompt: str, answer: str) -> None:
    found = propose(make_rows({prompt: QUESTIONS, answer: ANSWERS, "vote": ["up", "down"]}))
    assert (found.map["prompt"], found.map["response"]) == (prompt, answer)


@pytest.mark.parametrize("names", [("Model code", "Fixed code"), ("ai_text", "final_text"), ("bot_mail", "sent_mail")])
def test_a_text_of_a_model_and_its_fixed_version_are_an_edit(names: tuple[str, str]) -> None:
    rows = make_rows({"Task": QUESTIONS, names[0]: ANSWERS, "Review comment": "Too long for me.", names[1]: FIXED})
    found = propose(rows)
    assert (found.format, found.map["after"]) == ("edit", names[1])
    assert found.map["before"] in (names[0], PLACEHOLDER)


@pytest.mark.parametrize("name", ["distractor{}", "decoy_{}", "wrong_answer_{}"])
def test_several_wrong_answers_in_fields_of_their_own(name: str) -> None:
    wrong = {name.format(i): texts for i, texts in ((1, OTHERS), (2, FIXED))}
    found = propose(make_rows({"question": QUESTIONS, **wrong, "correct_answer": ANSWERS}))
    assert (found.format, found.map["good"], found.map["bad"]) == ("groups", "correct_answer", [*wrong])


@pytest.mark.parametrize(("source", "target"), [("source", "target"), ("src", "tgt")])
def test_the_severity_of_faults_of_a_translation_is_asked_about(source: str, target: str) -> None:
    words = {"system": ["Online-A", "Human-B"], "severity": ["Major", "Minor", "No-error"]}
    found = propose(make_rows({**words, source: QUESTIONS, target: ANSWERS}))
    assert (found.map["response"], found.map["where"]) == (target, {"severity": PLACEHOLDER})
    assert "system" not in found.map


@pytest.mark.parametrize("name", ["rots", "guidelines_shown"])
def test_a_list_that_is_the_same_in_all_rows_holds_no_answers(name: str) -> None:
    found = propose(one_answer(**{name: [["It is good to be careful."]], "vote": ["up", "down"]}))
    assert (found.format, found.map["response"]) == ("thumbs", "answer")
