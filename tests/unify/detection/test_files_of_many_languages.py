"""Kinds of files that a reader of the fourth set found: other languages, signs before numbers, columns of letters."""

from typing import Any

import pytest

from unipref.core.records import Feedback
from unipref.unify.formats.thumbs import Thumbs
from unipref.unify.proposal import propose


def mark(
    values: list[Any], name: str = "vote", prompt: str = "question", answer: str = "reply"
) -> list[dict[str, Any]]:
    return [
        {
            prompt: f"What is question number {n} about?",
            answer: f"It is about the thing of day {n}, I think.",
            name: values[n % len(values)],
        }
        for n in range(12)
    ]


def test_a_sign_before_a_number_is_written_as_the_rows_write_it() -> None:
    proposed = propose(mark(["+1", "-1"]))
    assert (proposed.map["up"], proposed.map["down"]) == (["+1"], [-1])
    settings = {key: value for key, value in proposed.map.items() if key != "annotator"}
    read = [item for row in mark(["+1", "-1"]) for item in Thumbs(**settings).feedback(row)]
    assert len(read) == 12
    assert all(isinstance(item, Feedback) for item in read)


@pytest.mark.parametrize(
    ("up", "down"),
    [("Daumen hoch", "Daumen runter"), ("pouce levé", "pouce baissé"), ("duim omhoog", "duim omlaag"), ("赞", "踩")],
)
def test_thumbs_in_words_of_other_languages(up: str, down: str) -> None:
    proposed = propose(mark([up, down], name="Rückmeldung"))
    assert (proposed.format, proposed.map["up"], proposed.map["down"]) == ("thumbs", [up], [down])


@pytest.mark.parametrize(
    ("prompt", "answer"), [("Soru", "Yanıt"), ("Otázka", "Odpověď"), ("Kérdés", "Válasz"), ("Питання", "Відповідь")]
)
def test_prompts_and_answers_in_other_languages(prompt: str, answer: str) -> None:
    proposed = propose(mark(["👍", "👎"], prompt=prompt, answer=answer))
    assert (proposed.map["prompt"], proposed.map["response"]) == (prompt, answer)


def test_options_in_columns_of_letters() -> None:
    rows = [
        {
            "question": f"Which is right in case {n}?",
            "A": f"The sun {n}",
            "B": f"The moon {n}",
            "C": f"A star {n}",
            "correct": "ABC"[n % 3],
        }
        for n in range(12)
    ]
    proposed = propose(rows)
    assert proposed.format == "multiple_choice"
    assert proposed.map == {"prompt": "question", "options": ["A", "B", "C"], "answer": "correct", "first": "A"}


def test_the_better_and_the_worse_answer_in_german() -> None:
    rows = [
        {
            "Aufgabe": f"Was ist mit Fall {n}?",
            "bessere Antwort": f"Fall {n} ist gelöst, weil alles stimmt.",
            "schlechtere Antwort": f"Zu {n} weiß ich leider gar nichts.",
        }
        for n in range(12)
    ]
    proposed = propose(rows)
    assert (proposed.map["chosen"], proposed.map["rejected"]) == ("bessere Antwort", "schlechtere Antwort")


def test_a_draft_of_a_model_and_the_final_version() -> None:
    rows = [
        {
            "inquiry": f"When does order {n} arrive?",
            "ai_draft": f"Soon, I suppose, but who knows about {n}.",
            "final_version": f"Order {n} arrives on Tuesday; you will get a message.",
        }
        for n in range(12)
    ]
    proposed = propose(rows)
    assert (proposed.format, proposed.map["before"], proposed.map["after"]) == ("edit", "ai_draft", "final_version")
