"""Tests of format detection: shapes of public data in rows of our own, with their real and with neutral keys."""

import itertools
from typing import Any

import pytest

from unipref.core import registry
from unipref.unify.detection.columns import Columns, find_replies_key, split_words
from unipref.unify.detection.guess import PLACEHOLDER, Guess, guess_direction, suggest_direction
from unipref.unify.detection.two_answers import find_two_answers
from unipref.unify.format_bases.mapped import Mapped

ANIMALS = ["cat", "dog", "owl", "fox", "hen", "cow", "pig", "bee", "ant", "elk", "yak", "emu"]
LONG = "that sleeps by day, wakes when the moon is up, and then looks for food near the wood"
WAYS = [
    "Of the {a} people have known for long.",
    "A beast, they say; no house should be without its {a}!",
    "I would not know, having never met one. Ask {a} keepers instead.",
    "Wild ones live by rivers, where every {a} finds water.",
    "In short: legs, a tail, and the {a}'s own odd voice.",
    "Nobody wrote a better book on it than my aunt, {a} in hand.",
]


def said(animal: str, n: int) -> str:
    """Makes an answer that differs for each n."""
    return f"{WAYS[n % 6].format(a=animal)} That was number {n}."


def recognised(rows: list[dict[str, Any]]) -> tuple[str, Guess]:
    columns = Columns(rows)
    guesses = [
        (choice.name(), guess)
        for choice in registry.find_all("format")
        if issubclass(choice, Mapped) and (guess := choice.recognise(columns)) is not None
    ]
    return max(guesses, key=lambda found: found[1].confidence)


def neutral(value: Any, names: dict[str, str]) -> Any:
    """Returns the value with every key renamed consistently."""
    if isinstance(value, dict):
        return {names.setdefault(key, f"k{len(names) + 1}"): neutral(inner, names) for key, inner in value.items()}
    return [neutral(inner, names) for inner in value] if isinstance(value, list) else value


def turns(*texts: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]


# shape: rows, format, map
SHAPES: dict[str, tuple[list[dict[str, Any]], str, dict[str, Any]]] = {
    "helpsteer": (
        [
            {"prompt": f"Tell me about the {a}, please.", "response": said(a, n), "helpfulness": h, "verbosity": v}
            for a in ANIMALS
            for n, (h, v) in enumerate(((4, 2), (1, 3)))
        ],
        "ratings",
        {
            "prompt": "prompt",
            "response": "response",
            "scores": {"helpfulness": {"field": "helpfulness", "better": PLACEHOLDER}},
        },
    ),
    "ultrafeedback": (
        [
            {
                "instruction": f"Tell me about the {a}, please.",
                "completions": [
                    {"model": f"m-{n}", "response": said(a, n), "annotations": {"honesty": {"Rating": str(5 - n)}}}
                    for n in (i, i + 1, i + 3)
                ],
            }
            for i, a in enumerate(ANIMALS[:2] * 3)
        ],
        "rated_list",
        {
            "prompt": "instruction",
            "answers": "completions",
            "response": "response",
            "scores": {"rating": {"field": "annotations.honesty.Rating", "better": PLACEHOLDER}},
        },
    ),
    "nectar": (
        [
            {
                "prompt": f"Tell me about the {a}, please.",
                "answers": [{"answer": said(a, n), "model": f"m-{n}", "rank": (n + i) % 4 + 1} for n in range(4)],
            }
            for i, a in enumerate(ANIMALS)
        ],
        "ranking",
        {"prompt": "prompt", "answers": "answers", "response": "answer", "ranks": "rank", "better": "low"},
    ),
    "shp": (
        [
            {
                "history": f"Tell me about the {a}, please.",
                "human_ref_A": said(a, i),
                "human_ref_B": said(a, i + 1),
                "labels": i % 2,
                "score_A": 7 + 5 * (i % 2) + 3 * i,
                "score_B": 9 + 2 * i,
            }
            for i, a in enumerate(ANIMALS)
        ],
        "rated_list",
        {
            "prompt": "history",
            "answers": ["human_ref_A", "human_ref_B"],
            "scores": {"score": {"field": ["score_A", "score_B"], "better": PLACEHOLDER}},
        },
    ),
    "stack_exchange": (
        [
            {
                "qid": 4000 + 7 * i,
                "question": f"Tell me about the {a}, please.",
                "answers": [
                    {"answer_id": 91 * i + n, "text": said(a, n), "pm_score": (n * 5 + i) % 7, "selected": n == 1}
                    for n in range(3)
                ],
            }
            for i, a in enumerate(ANIMALS)
        ],
        "rated_list",
        {
            "prompt": "question",
            "answers": "answers",
            "response": "text",
            "scores": {"pm_score": {"field": "pm_score", "better": PLACEHOLDER}},
        },
    ),
    "truthfulqa": (
        [
            {
                "Question": f"Is the {a} older than the hills?",
                "Correct Answers": [said(a, n) for n in range(1 + i % 3)],
                "Incorrect Answers": [f"Yes, said the {a}, number {n}." for n in range(2)],
            }
            for i, a in enumerate(ANIMALS)
        ],
        "groups",
        {"prompt": "Question", "good": "Correct Answers", "bad": "Incorrect Answers"},
    ),
    "process_rewards": (
        [
            {
                "problem": f"How many legs have {i + 2} of the {a}?",
                "steps": [{"text": f"One {a} has {n} legs.", "rating": (1, 0, -1)[n % 3]} for n in range(2 + i % 3)],
            }
            for i, a in enumerate(ANIMALS)
        ],
        "steps",
        {
            "prompt": "problem",
            "steps": "steps",
            "step": "text",
            "rating": "rating",
            "codes": {-1: PLACEHOLDER, 0: PLACEHOLDER, 1: PLACEHOLDER},
        },
    ),
    "ratings_beside_the_steps": (
        [
            {
                "prompt": f"How many legs have {i + 2} of the {a}?",
                "completions": [f"One {a} has {n} legs." for n in range(2 + i % 3)],
                "labels": [n < 2 for n in range(2 + i % 3)],
            }
            for i, a in enumerate(ANIMALS)
        ],
        "steps",
        {
            "prompt": "prompt",
            "steps": "completions",
            "rating": "labels",
            "codes": {False: PLACEHOLDER, True: PLACEHOLDER},
        },
    ),
    "first_wrong_step": (
        [
            {
                "question": f"How many legs have {i + 2} of the {a}?",
                "steps": [f"One {a} has {n} legs." for n in range(3 + i % 4)],
                "mistake": None if i % 5 == 0 else i % 3,
            }
            for i, a in enumerate(ANIMALS)
        ],
        "steps",
        {"prompt": "question", "steps": "steps", "first_wrong": "mistake"},
    ),
    "scores_beside_the_answers": (
        [
            {
                "title": f"Tell me about the {a}, please.",
                "answers": {"text": [said(a, n) for n in range(3)], "score": [8 - n * i for n in range(3)]},
            }
            for i, a in enumerate(ANIMALS, 1)
        ],
        "rated_list",
        {
            "prompt": "title",
            "answers": "answers.text",
            "scores": {"score": {"field": "answers.score", "better": PLACEHOLDER}},
        },
    ),
    "better_of_two_by_number": (
        [
            {
                "prompt": f"Tell me about the {a}, please.",
                "response_0": said(a, i),
                "response_1": said(a, i + 1),
                "is_response_0_safe": i % 3 == 0,
                "better_response_id": i % 2,
            }
            for i, a in enumerate(ANIMALS)
        ],
        "pairs",
        {
            "prompt": "prompt",
            "first": "response_0",
            "second": "response_1",
            "label": "better_response_id",
            "codes": {0: "first", 1: "second"},
        },
    ),
    "two_in_a_list": (
        [
            {
                "post": f"I had a {a} once, and that is the whole of my story.",
                "summaries": [{"text": said(a, i), "policy": "p1"}, {"text": said(a, i + 1), "policy": "p2"}],
                "choice": i % 2,
            }
            for i, a in enumerate(ANIMALS)
        ],
        "pairs",
        {
            "prompt": "post",
            "first": "summaries.0.text",
            "second": "summaries.1.text",
            "label": "choice",
            "codes": {0: "first", 1: "second"},
        },
    ),
    "strength_from_minus_three_to_three": (
        [
            {
                "prompt": f"Tell me about the {a}, please.",
                "response_1": said(a, i),
                "response_2": said(a, i + 1),
                "preference_strength": i % 7 - 3,
            }
            for i, a in enumerate(ANIMALS)
        ],
        "graded_pair",
        {
            "prompt": "prompt",
            "first": "response_1",
            "second": "response_2",
            "grade": "preference_strength",
            "scale": {"first": PLACEHOLDER, "second": PLACEHOLDER},
        },
    ),
    "grades_in_words": (
        [
            {
                "prompt": f"Tell me about the {a}, please.",
                "answer_a": said(a, i),
                "answer_b": said(a, i + 1),
                "overall": ("a-is-slightly-better", "b-is-better", "a-is-much-better", "tie")[i % 4],
            }
            for i, a in enumerate(ANIMALS)
        ],
        "graded_pair",
        {
            "prompt": "prompt",
            "first": "answer_a",
            "second": "answer_b",
            "grade": "overall",
            "codes": {"a-is-much-better": 3, "a-is-slightly-better": 1, "b-is-better": -2, "tie": 0},
        },
    ),
    "votes_counted": (
        [
            {
                "prompt": f"Tell me about the {a}, please.",
                "response_a": said(a, i),
                "response_b": said(a, i + 1),
                "winner_model_a": int(i % 3 == 0),
                "winner_model_b": int(i % 3 == 1),
                "winner_tie": int(i % 3 == 2),
            }
            for i, a in enumerate(ANIMALS)
        ],
        "votes",
        {
            "prompt": "prompt",
            "first": "response_a",
            "second": "response_b",
            "counts": {"first": "winner_model_a", "second": "winner_model_b", "tie": "winner_tie"},
        },
    ),
    "fault_instead_of_praise": (
        [{"prompt": f"Of the {a}?", "response": said(a, i), "toxic": i % 2 == 0} for i, a in enumerate(ANIMALS)],
        "thumbs",
        {"prompt": "prompt", "response": "response", "label": "toxic", "up": "?", "down": "?"},
    ),
    "thumbs_in_words": (
        [
            {"prompt": f"Of the {a}?", "response": said(a, i), "thumbs": ("up", "down")[i % 2]}
            for i, a in enumerate(ANIMALS)
        ],
        "thumbs",
        {"prompt": "prompt", "response": "response", "label": "thumbs", "up": ["up"], "down": ["down"]},
    ),
    "lists_in_csv_cells": (
        [
            {
                "question": f"Which of these is most like the {a}?",
                "options": str([f"a {b} in a wood" for b in ANIMALS[i % 3 : i % 3 + 4]]),
                "answer": "ABCD"[i % 4],
            }
            for i, a in enumerate(ANIMALS * 2)
        ],
        "multiple_choice",
        {"prompt": "question", "options": "options", "answer": "answer", "first": "A"},
    ),
}

NEUTRAL = {
    "helpsteer": "ratings",
    "ultrafeedback": "rated_list",
    "nectar": "ranking",
    "shp": "pairs",  # the scores cannot be told to belong to the answers
    "stack_exchange": "rated_list",
    "truthfulqa": "groups",
    "process_rewards": "steps",
    "ratings_beside_the_steps": "steps",
    "first_wrong_step": "steps",
    "scores_beside_the_answers": "rated_list",
    "better_of_two_by_number": "pairs",
    "two_in_a_list": "pairs",
    "strength_from_minus_three_to_three": "graded_pair",
    "fault_instead_of_praise": "thumbs",
    "thumbs_in_words": "thumbs",
    "lists_in_csv_cells": "multiple_choice",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_well_known_shapes_are_recognised(shape: str) -> None:
    rows, name, mapping = SHAPES[shape]
    found, guess = recognised(rows)
    assert (found, guess.map) == (name, mapping)
    assert guess.why
    if PLACEHOLDER in str(mapping):
        assert guess.doubts


@pytest.mark.parametrize("shape", NEUTRAL)
def test_well_known_shapes_are_recognised_without_their_names(shape: str) -> None:
    names: dict[str, str] = {}
    found, guess = recognised([neutral(row, names) for row in SHAPES[shape][0]])
    assert found == NEUTRAL[shape]
    if shape != "thumbs_in_words":  # up and down say it themselves
        assert PLACEHOLDER in str(guess.map), "no name says which end or side is better: it has to be asked"


def test_the_codes_of_a_label_are_questions_unless_its_name_says_that_it_names_the_better_one() -> None:
    def rows(label: str) -> list[dict[str, Any]]:
        return [
            {"question": f"What of the {a}?", "output_1": said(a, i), "output_2": said(a, i + 1), label: 1 + i % 2}
            for i, a in enumerate(ANIMALS)
        ]

    expected = {
        "label": {1: PLACEHOLDER, 2: PLACEHOLDER},
        "worse": {1: PLACEHOLDER, 2: PLACEHOLDER},
        "winner": {1: "first", 2: "second"},
    }
    for label, codes in expected.items():
        name, guess = recognised(rows(label))
        assert (name, guess.map["label"], guess.map["codes"]) == ("pairs", label, codes)


def test_a_value_that_says_which_is_better_needs_no_name() -> None:
    values = ["A is better", "B is better", "Tie"]
    rows = [
        {"question": f"What of the {a}?", "answer_a": said(a, i), "answer_b": said(a, i + 1), "k": values[i % 3]}
        for i, a in enumerate(ANIMALS)
    ]
    name, guess = recognised(rows)
    assert (name, guess.map["codes"]) == ("votes", {"A is better": "first", "B is better": "second", "Tie": "tie"})
    names = {"answer_a": "left text", "answer_b": "text on the right"}
    name, guess = recognised([{names.get(key, key): value for key, value in row.items()} for row in rows])
    assert (name, guess.map["codes"]) == (
        "votes",
        {"A is better": PLACEHOLDER, "B is better": PLACEHOLDER, "Tie": "tie"},
    )


def test_the_meaning_of_zero_besides_one_and_two_is_a_question() -> None:
    rows = [
        {"question": f"What of the {a}?", "output_1": said(a, i), "output_2": said(a, i + 1), "preference": i % 3}
        for i, a in enumerate(ANIMALS)
    ]
    name, guess = recognised(rows)
    assert name == "graded_pair"
    scale = {"first": PLACEHOLDER, "second": PLACEHOLDER}
    assert (guess.map["scale"], guess.map["codes"]) == (scale, {0: PLACEHOLDER})
    assert guess.doubts == [
        "what 0 in 'preference' means: 0 for a tie, above 0 for the first, below for the second",
        "which end of 'preference' (1 to 2 here) means that the first is better",
    ]


def test_the_codes_of_several_votes_are_a_question() -> None:
    people = [{f"judge{n}": (i + n) % 3 for n in (1, 2, 3)} for i in range(len(ANIMALS))]
    rows = [
        {"question": f"What of the {a}?", "response1": said(a, i), "response2": said(a, i + 1), **people[i]}
        for i, a in enumerate(ANIMALS)
    ]
    name, guess = recognised(rows)
    assert (name, guess.map["votes"]) == ("votes", ["judge1", "judge2", "judge3"])
    assert guess.map["codes"] == {0: PLACEHOLDER, 1: PLACEHOLDER, 2: PLACEHOLDER}


def test_a_winner_named_by_its_side_and_ties_in_words_leave_no_question() -> None:
    values = ["model_a", "model_b", "tie", "tie (bothbad)"]
    rows = [
        {
            "conversation_a": turns(f"What of the {a}?", said(a, i)),
            "conversation_b": turns(f"What of the {a}?", said(a, i + 1)),
            "winner": values[i % 4],
        }
        for i, a in enumerate(ANIMALS)
    ]
    name, guess = recognised(rows)
    assert (name, guess.doubts) == ("votes", [])
    codes = {"model_a": "first", "model_b": "second", "tie": "tie", "tie (bothbad)": "tie"}
    assert guess.map == {"first": "conversation_a", "second": "conversation_b", "votes": "winner", "codes": codes}


def test_turns_are_recognised_by_their_roles_under_any_keys() -> None:
    rows = [
        {
            "x": [{"who": "human", "what": f"Of the {a}?"}],
            "y": {"who": "gpt", "what": said(a, 1)},
            "z": {"who": "gpt", "what": "User" if a == "owl" else said(a, 2)},
        }
        for a in ANIMALS
    ]
    columns = Columns(rows)
    assert [(c.path, c.kind) for c in columns.all] == [("x", "turns"), ("y", "turn"), ("z", "turn")]
    name, guess = recognised(rows)
    assert (name, guess.map) == ("pairs", {"chosen": PLACEHOLDER, "rejected": PLACEHOLDER, "prompt": "x"})
    assert guess.doubts == ["which of 'y' and 'z' was preferred"]


def test_ranks_are_found_in_a_tree_and_their_direction_is_a_question() -> None:
    rows = [
        {
            "a": {
                "b": f"What of the {a}?",
                "c": "prompter",
                "d": [{"b": said(a, n), "c": "assistant", "e": (n + i) % 3, "f": 3, "d": []} for n in range(3)],
            }
        }
        for i, a in enumerate(ANIMALS)
    ]
    name, guess = recognised(rows)
    assert name == "tree"
    assert guess.map == {
        "root": "a",
        "replies": "d",
        "text": "b",
        "role": "c",
        "scores": {"rank": {"field": "e", "better": PLACEHOLDER}},
    }
    assert guess.doubts == ["whether a high or a low 'e' is better"]


def test_texts_that_share_most_of_their_words_are_an_edit() -> None:
    rows = [{"p": f"He {LONG} {a} go home, it do.", "q": f"He {LONG} {a} goes home, it does."} for a in ANIMALS]
    name, guess = recognised(rows)
    assert (name, guess.map) == ("edit", {"before": PLACEHOLDER, "after": PLACEHOLDER})


@pytest.mark.parametrize(
    ("path", "suggested", "told"),
    [
        ("overall", "high", PLACEHOLDER),
        ("helpfulness", "high", PLACEHOLDER),
        ("toxicity", "low", PLACEHOLDER),
        ("toxicity_score", "low", PLACEHOLDER),
        ("score", "high", PLACEHOLDER),
        ("mean_score", "high", PLACEHOLDER),
        ("stars", "high", "high"),
        ("downvotes", "low", "low"),
        ("rank", "low", "low"),
        ("rank_score", PLACEHOLDER, PLACEHOLDER),
        ("verbosity", PLACEHOLDER, PLACEHOLDER),
        ("pm_score", PLACEHOLDER, PLACEHOLDER),
        ("unhelpful_stars_not", PLACEHOLDER, PLACEHOLDER),
        ("k7", PLACEHOLDER, PLACEHOLDER),
        ("quality_error", PLACEHOLDER, PLACEHOLDER),
        ("annotations.honesty.Rating", "high", PLACEHOLDER),
    ],
)
def test_only_units_and_places_tell_the_direction_and_other_names_suggest_it(
    path: str, suggested: str, told: str
) -> None:
    words = [word for part in path.split(".") for word in split_words(part)]
    assert (suggest_direction(path, words), guess_direction(path, words)) == (suggested, told)


def test_the_kind_of_a_column() -> None:
    rows: list[dict[str, Any]] = [
        {
            "id": f"task_{i}",
            "number": 100 + i * 3,
            "when": 1.7e9 + i,
            "grade": i % 3,
            "real": i / 7,
            "yes": i % 2 == 0,
            "sort": ("a", "b")[i % 2],
            "list": ["x y", "z"],
            "told": [["q", "a"]],
            "scores": [1, 2.5],
            "empty": None,
            "cell": "[1, 2]",
        }
        for i in range(40)
    ]
    columns = Columns(rows)
    assert {c.path: c.kind for c in columns.all} == {
        "id": "text",
        "number": "number",
        "when": "number",
        "grade": "code",
        "real": "number",
        "yes": "flag",
        "sort": "code",
        "list": "texts",
        "told": "exchanges",
        "scores": "numbers",
        "empty": "empty",
        "cell": "numbers",
    }
    assert [c.path for c in columns.all if c.is_identifier] == ["id", "number", "when"]
    assert columns.literals == ["cell"]
    assert split_words("pickResponse_A2") == ["pick", "response", "a", "2"]


def test_a_message_without_replies_is_not_a_tree() -> None:
    assert find_replies_key({"text": "a", "role": "user", "replies": []}) is None
    assert find_replies_key({"text": "a", "role": "user", "replies": [{"text": "b", "role": "user"}]}) == "replies"


def test_nothing_is_recognised_in_rows_without_texts() -> None:
    columns = Columns([{"a": i, "b": i / 3, "c": i % 2 == 0} for i in range(30)])
    mapped = [choice for choice in registry.find_all("format") if issubclass(choice, Mapped)]
    assert list(itertools.filterfalse(lambda guess: guess is None, (c.recognise(columns) for c in mapped))) == []


def test_a_series_of_three_numbered_names_is_not_two_answers() -> None:
    rows = [{"k1": f"Tell me about the {a}, please.", "k2": said(a, i), "k3": i % 2} for i, a in enumerate(ANIMALS)]
    columns = Columns(rows)
    assert find_two_answers(columns) is None
    rows = [{"text_1": f"Tell of the {a}.", "text_2": said(a, i), "ask": f"On {a}?"} for i, a in enumerate(ANIMALS)]
    sides = find_two_answers(Columns(rows))
    assert sides is not None
    assert (sides.first, sides.second, sides.prompt, sides.marks) == ("text_1", "text_2", ["ask"], ("1", "2"))
