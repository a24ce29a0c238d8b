"""Known utilities -> every shape of feedback -> the whole stage: the order that the shape expresses comes back exactly.

A world is a number of prompts with answers whose utilities, 1 to 9, are known. Each shape is written from it as a
data set would be, with answers in random order, and read back. What a shape expresses is spelled out beside it: all
ordered pairs for ratings, the best against each other for multiple choice, nothing but good answers for demonstrations.
"""

import itertools
import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import unipref
from support import trials

Told = set[tuple[str, str | None, str | None]]
"""Prompt, chosen, rejected: the texts of the last turns."""
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Question:
    """A prompt and the utilities of its answers, in the order in which the data hold them."""

    prompt: str
    answers: dict[str, int]


def world(seed: int, n_answers: int, n_prompts: int = 30) -> list[Question]:
    draw = random.Random(seed)
    return [
        Question(
            f"Question {i}?",
            {f"answer {i}.{j} of {n_answers}": draw.randint(1, 9) for j in draw.sample(range(n_answers), n_answers)},
        )
        for i in range(n_prompts)
    ]


def every_pair(questions: Iterable[Question]) -> Told:
    """All ordered pairs; answers of equal utility are none."""
    return {
        (q.prompt, a, b)
        for q in questions
        for a, b in itertools.permutations(q.answers, 2)
        if q.answers[a] > q.answers[b]
    }


TWO, FIVE = world(1, 2), world(2, 5)
GOOD = 6
"""Utility from which an answer is good where it is judged alone."""


def two(row: Callable[[Question, str, str, int], dict[str, Any]]) -> Rows:
    """A row for each prompt with two answers; the last argument is the first one's lead."""
    rows = []
    for q in TWO:
        (a, first), (b, second) = q.answers.items()
        rows.append({"q": q.prompt, "a": a, "b": b, **row(q, a, b, first - second)})
    return rows


def five(row: Callable[[Question], dict[str, Any]]) -> Rows:
    """A row for each prompt with five answers."""
    return [{"q": q.prompt, **row(q)} for q in FIVE]


def spread(row: Callable[[Question, str, int], dict[str, Any]], seed: int = 5) -> Rows:
    """A row for each answer, in random order."""
    rows = [{"q": q.prompt, "a": text, **row(q, text, utility)} for q in FIVE for text, utility in q.answers.items()]
    return random.Random(seed).sample(rows, len(rows))


def transcript(q: Question, answer: str) -> str:
    return f"\n\nHuman: {q.prompt}\n\nAssistant: {answer}"


def side(lead: int) -> str:
    return "left" if lead > 0 else "right" if lead < 0 else "same"


WORDS = {-2: "b much", -1: "b a bit", 0: "same", 1: "a a bit", 2: "a much"}
SIDES = {"prompt": "q", "first": "a", "second": "b"}
BETTER = {"left": "first", "right": "second", "same": "tie"}
AGREE = random.Random(9)


def voters(lead: int) -> list[str]:
    """Three votes whose majority is right."""
    return AGREE.sample([side(lead), side(lead), "same"], 3)


def axes(q: Question, text: str, utility: int) -> dict[str, Any]:
    """Utility on one axis, its opposite on another, and one that is unlike both."""
    return {"s": {"help": utility, "harm": 1 - utility / 10, "length": len(text) + utility % 3}}


HELP = {"field": "s.help", "better": "high", "low": 1, "high": 9}
HARM = {"field": "s.harm", "better": "low", "low": 0, "high": 1}
LENGTH = {"field": "s.length", "better": "high"}
RATED = {"prompt": "q", "response": "a"}
LISTED = {"prompt": "q", "answers": "as"}
U = {"better": "high", "low": 1, "high": 9}


def place(q: Question, text: str) -> int:
    """How many utilities are higher: equal ones share a place."""
    return len({u for u in q.answers.values() if u > q.answers[text]})


def strict(q: Question) -> list[str]:
    """The answers from the best down; of equal ones the first in the data comes first."""
    return sorted(q.answers, key=lambda text: -q.answers[text])


LINE = {(q.prompt, a, b) for q in FIVE for a, b in itertools.combinations(strict(q), 2)}
"""What a list in order says: it knows no ties."""


def by_verdict(good: Callable[[int], bool]) -> Told:
    """Each good answer over each bad one; where all are alike, one-sided."""
    told: Told = set()
    for q in FIVE:
        up, down = ([text for text, u in q.answers.items() if good(u) is verdict] for verdict in (True, False))
        told |= {(q.prompt, a, b) for a in up for b in down}
        told |= set() if down else {(q.prompt, a, None) for a in up}
        told |= set() if up else {(q.prompt, None, b) for b in down}
    return told


def best_over_others() -> Told:
    return {(q.prompt, strict(q)[0], other) for q in FIVE for other in strict(q)[1:]}


def tree(q: Question) -> dict[str, Any]:
    """Ranked answers, and below the first of them a question with two more."""
    replies = [{"text": text, "role": "assistant", "rank": place(q, text), "replies": []} for text in q.answers]
    more = [{"text": f"{q.prompt} {n}", "role": "assistant", "rank": n, "replies": []} for n in (1, 0)]
    replies[0]["replies"] = [{"text": f"Why, {q.prompt}", "role": "prompter", "rank": None, "replies": more}]
    return {"prompt": {"text": q.prompt, "role": "prompter", "replies": replies}}


def steps(q: Question) -> dict[str, Any]:
    """A step of two versions, both right, then all answers as versions of the next one."""
    first = [{"text": f"way {n} to {q.prompt}", "verdict": "ok"} for n in (0, 1)]
    last = [{"text": text, "verdict": "ok" if u >= GOOD else "no"} for text, u in q.answers.items()]
    return {"steps": [{"versions": first, "next": 1}, {"versions": last, "next": None}]}


def after_steps() -> Told:
    told: Told = set()
    for prompt, a, b in by_verdict(lambda u: u >= GOOD):
        if b is not None:  # nothing is wrong in a step whose versions are all right
            told.add((f"{prompt}\n\nway 1 to {prompt}", a, b))
    return told


# name -> format, mapping, further settings of the source, rows, and what they express
SHAPES: dict[str, tuple[str, dict[str, Any], dict[str, Any], Rows, Told]] = {
    "pairs": (
        "pairs",
        {"prompt": "q", "where": {"equal": [False]}},
        {},
        two(
            lambda q, a, b, lead: {"chosen": a if lead > 0 else b, "rejected": b if lead > 0 else a, "equal": not lead}
        ),
        every_pair(TWO),
    ),
    "pairs as transcripts": (
        "pairs",
        {"where": {"equal": [False]}},
        {},
        two(
            lambda q, a, b, lead: {
                "chosen": transcript(q, a if lead > 0 else b),
                "rejected": transcript(q, b if lead > 0 else a),
                "equal": not lead,
            }
        ),
        every_pair(TWO),
    ),
    "pairs with a label": (
        "pairs",
        {**SIDES, "label": "l", "codes": BETTER},
        {},
        two(lambda q, a, b, lead: {"l": side(lead)}),
        every_pair(TWO),
    ),
    "grades -8 to 8": (
        "graded_pair",
        {**SIDES, "grade": "g", "scale": {"first": -8, "second": 8}},
        {},
        two(lambda q, a, b, lead: {"g": -lead}),
        every_pair(TWO),
    ),
    "grades 1 to 2": (
        "graded_pair",
        {**SIDES, "grade": "g", "scale": {"first": 1, "second": 2}},
        {},
        two(lambda q, a, b, lead: {"g": 1.5 - lead / 16}),
        every_pair(TWO),
    ),
    "grades in words": (
        "graded_pair",
        {**SIDES, "grade": "g", "codes": {word: grade for grade, word in WORDS.items()}},
        {},
        two(lambda q, a, b, lead: {"g": WORDS[max(-2, min(2, lead))]}),
        every_pair(TWO),
    ),
    "votes in fields": (
        "votes",
        {**SIDES, "votes": ["v0", "v1", "v2"], "codes": BETTER},
        {},
        two(lambda q, a, b, lead: {f"v{n}": vote for n, vote in enumerate(voters(lead))}),
        every_pair(TWO),
    ),
    "votes in a list": (
        "votes",
        {**SIDES, "votes": "vs", "codes": BETTER},
        {},
        two(lambda q, a, b, lead: {"vs": voters(lead)}),
        every_pair(TWO),
    ),
    "votes counted": (
        "votes",
        {**SIDES, "counts": {"first": "na", "second": "nb"}},
        {},
        two(lambda q, a, b, lead: {"na": q.answers[a], "nb": q.answers[b]}),
        every_pair(TWO),
    ),
    "ratings": (
        "ratings",
        {**RATED, "scores": {"help": HELP}},
        {},
        spread(axes),
        every_pair(FIVE),
    ),
    "ratings, low is better": (
        "ratings",
        {**RATED, "scores": {"harm": HARM}},
        {},
        spread(axes),
        every_pair(FIVE),
    ),
    "ratings on several axes": (
        "ratings",
        {**RATED, "scores": {"length": LENGTH, "harm": HARM, "help": HELP}},
        {"axis": "help"},
        spread(axes),
        every_pair(FIVE),
    ),
    "ratings on weighted axes": (
        "ratings",
        {**RATED, "scores": {"harm": HARM, "help": HELP}},
        {"axis": {"help": 2, "harm": 1}},
        spread(axes),
        every_pair(FIVE),
    ),
    "ratings by two people": (
        "ratings",
        {**RATED, "scores": {"help": HELP}},
        {},
        spread(axes) + spread(axes, seed=6),
        every_pair(FIVE),
    ),
    "answers as mappings": (
        "rated_list",
        {**LISTED, "response": "t", "scores": {"u": {"field": "r.u", **U}}},
        {},
        five(lambda q: {"as": [{"t": text, "r": {"u": u}} for text, u in q.answers.items()]}),
        every_pair(FIVE),
    ),
    "answers and scores side by side": (
        "rated_list",
        {**LISTED, "scores": {"u": {"field": "us", **U}}},
        {},
        five(lambda q: {"as": list(q.answers), "us": list(q.answers.values())}),
        every_pair(FIVE),
    ),
    "two answers with two scores": (
        "rated_list",
        {"prompt": "q", "answers": ["a", "b"], "scores": {"u": {"field": ["ua", "ub"], **U}}},
        {},
        two(lambda q, a, b, lead: {"ua": q.answers[a], "ub": q.answers[b]}),
        every_pair(TWO),
    ),
    "best first": (
        "ranking",
        {**LISTED, "order": "best_first"},
        {},
        five(lambda q: {"as": strict(q)}),
        LINE,
    ),
    "worst first": (
        "ranking",
        {**LISTED, "order": "worst_first"},
        {},
        five(lambda q: {"as": strict(q)[::-1]}),
        LINE,
    ),
    "ranks, 0 is the best": (
        "ranking",
        {**LISTED, "ranks": "rs", "better": "low"},
        {},
        five(lambda q: {"as": list(q.answers), "rs": [place(q, text) for text in q.answers]}),
        every_pair(FIVE),
    ),
    "ranks, high is better": (
        "ranking",
        {**LISTED, "response": "t", "ranks": "r", "better": "high"},
        {},
        five(lambda q: {"as": [{"t": text, "r": 9 - place(q, text)} for text in q.answers]}),
        every_pair(FIVE),
    ),
    "numbers of the answers in order": (
        "ranking",
        {**LISTED, "sequence": "order", "counted_from": 1, "order": "worst_first"},
        {},
        five(lambda q: {"as": list(q.answers), "order": [list(q.answers).index(t) + 1 for t in strict(q)[::-1]]}),
        LINE,
    ),
    "good and bad": (
        "groups",
        {"prompt": "q", "good": "good", "bad": "bad"},
        {},
        five(
            lambda q: {
                "good": [t for t, u in q.answers.items() if u >= GOOD],
                "bad": [t for t, u in q.answers.items() if u < GOOD],
            }
        ),
        by_verdict(lambda u: u >= GOOD),
    ),
    "tree": (
        "tree",
        {},
        {},
        [tree(q) for q in FIVE],
        every_pair(FIVE) | {(f"Why, {q.prompt}", f"{q.prompt} 0", f"{q.prompt} 1") for q in FIVE},
    ),
    "thumbs": (
        "thumbs",
        {**RATED, "label": "up"},
        {},
        spread(lambda q, text, u: {"up": u >= GOOD}),
        by_verdict(lambda u: u >= GOOD),
    ),
    "multiple choice by number": (
        "multiple_choice",
        {"prompt": "q", "options": "as", "answer": "key", "first": 1},
        {},
        five(lambda q: {"as": list(q.answers), "key": str(list(q.answers).index(strict(q)[0]) + 1)}),
        best_over_others(),
    ),
    "multiple choice by letter": (
        "multiple_choice",
        {"prompt": "q", "options": "as", "answer": "key", "first": "A"},
        {},
        five(lambda q: {"as": list(q.answers), "key": "ABCDE"[list(q.answers).index(strict(q)[0])]}),
        best_over_others(),
    ),
    "multiple choice by label": (
        "multiple_choice",
        {"prompt": "q", "options": "as", "answer": "key", "labels": list("vwxyz")},
        {},
        five(lambda q: {"as": list(q.answers), "key": "vwxyz"[list(q.answers).index(strict(q)[0])]}),
        best_over_others(),
    ),
    "edit": (
        "edit",
        {"prompt": "q", "before": "old", "after": "new", "where": {"equal": [False]}},
        {},
        two(lambda q, a, b, lead: {"old": b if lead > 0 else a, "new": a if lead > 0 else b, "equal": not lead}),
        every_pair(TWO),
    ),
    "steps with versions": (
        "steps",
        {
            "prompt": "q",
            "steps": "steps",
            "versions": "versions",
            "step": "text",
            "rating": "verdict",
            "codes": {"ok": "right", "no": "wrong"},
            "taken": "next",
        },
        {},
        five(steps),
        after_steps(),
    ),
    "first wrong step": (
        "steps",
        {"prompt": "q", "steps": "as", "first_wrong": "mistake", "counted_from": 1},
        {},
        five(lambda q: {"as": list(q.answers), "mistake": 3}),
        {("\n".join([f"{q.prompt}\n", *list(q.answers)[:2]]), None, list(q.answers)[2]) for q in FIVE},
    ),
    "critiques with a scorer": (
        "critique",
        {**RATED, "critique": "note", "scorer": "support.critique_scorer.utility_of"},
        {},
        spread(lambda q, text, u: {"note": f"I give it {u}"}),
        every_pair(FIVE),
    ),
    "demonstrations": (
        "demonstration",
        {"prompt": "q", "response": "best"},
        {},
        five(lambda q: {"best": strict(q)[0]}),
        {(q.prompt, strict(q)[0], None) for q in FIVE},
    ),
}


def unified(out: Path, sources: Iterable[str], pairs: str) -> list[dict[str, Any]]:
    entries = [{"name": name.replace(" ", "_").replace(",", ""), **entry(name)} for name in sources]
    study = {"sources": entries, "unify": {"pairs": pairs, "cap": 100}, "workers": 1}
    rows = {entry["name"]: SHAPES[name][3] for entry, name in zip(entries, sources, strict=True)}
    return pq.read_table(unipref.unify_feedback(study, out, rows=rows)).to_pylist()


def entry(name: str) -> dict[str, Any]:
    form, mapping, more, _, _ = SHAPES[name]
    return {"format": form, "map": mapping, **more}


def told(preferences: Iterable[dict[str, Any]]) -> list[tuple[str, str | None, str | None]]:
    return [
        (p["prompt"][-1]["content"], *(side[-1]["content"] if side else None for side in (p["chosen"], p["rejected"])))
        for p in preferences
    ]


@pytest.mark.parametrize("name", SHAPES)
def test_every_order_that_a_format_can_express_is_recovered(name: str, tmp_path: Path) -> None:
    found = told(unified(tmp_path, [name], "all"))
    assert len(found) == len(set(found))
    assert set(found) == SHAPES[name][4]


def test_the_default_pairs_are_correct(tmp_path: Path) -> None:
    preferences = unified(tmp_path, SHAPES, "best_worst")
    for name, (_, _, _, _, expressed) in SHAPES.items():
        source = name.replace(" ", "_").replace(",", "")
        found = told(p for p in preferences if p["source"] == source)
        assert {prompt for prompt, _, _ in found} == {prompt for prompt, _, _ in expressed}
        pairs = {(q, a, b) for q, a, b in found if a is not None and b is not None}
        assert pairs <= expressed
        assert len(pairs) == len({prompt for prompt, _, _ in pairs})
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    for page in manifest["sources"].values():
        assert page["polarity"]["verdict"] != "contradicts"
        assert page["rows"] == page["used"] + sum(page["rejected"].values())


PAIRS, ANNOTATORS, ACCURACY = trials.count(1500, 4000), 5, 0.7
EXPECTED = 0.83692
"""Five of accuracy 0.7 by majority: sum over k = 3..5 of C(5, k) 0.7^k 0.3^(5 - k)."""


def noisy(seed: int) -> tuple[Rows, Told]:
    draw = random.Random(seed)
    rows, truth = [], set()
    for i in range(PAIRS):
        q, a, b = f"Question {i}?", f"answer {i}.0", f"answer {i}.1"
        right, wrong = draw.sample(["left", "right"], 2)
        truth.add((q, a, b) if right == "left" else (q, b, a))
        votes = [right if draw.random() < ACCURACY else wrong for _ in range(ANNOTATORS)]
        rows.append({"q": q, "a": a, "b": b, **{f"v{n}": vote for n, vote in enumerate(votes)}})
    return rows, truth


@pytest.mark.slow
@pytest.mark.parametrize(("aggregate", "seed"), [("majority", 0), ("latent", 0)])
def test_five_annotators_who_err_in_three_of_ten_cases(aggregate: str, seed: int, tmp_path: Path) -> None:
    rows, truth = noisy(seed)
    mapping = {**SIDES, "votes": [f"v{n}" for n in range(ANNOTATORS)], "codes": BETTER}
    study = {
        "sources": [{"name": "votes", "format": "votes", "map": mapping}],
        "unify": {"aggregate": aggregate},
        "workers": 1,
    }
    preferences = pq.read_table(unipref.unify_feedback(study, tmp_path, rows={"votes": rows})).to_pylist()
    assert len(preferences) == PAIRS  # five votes cannot be equal
    agreement = sum(pair in truth for pair in told(preferences)) / PAIRS
    assert agreement >= 0.82
    assert agreement == pytest.approx(EXPECTED, abs=3 * (EXPECTED * (1 - EXPECTED) / PAIRS) ** 0.5)
    # Three, four or five of five agree; those of whom all agree are right far more often (theory 0.986).
    confidences = sorted({round(p["confidence"], 3) for p in preferences})
    sure = [p for p in preferences if p["confidence"] > 0.95]
    assert sum(pair in truth for pair in told(sure)) / len(sure) > 0.97
    # A field is a place in its row, not a person: who voted there is not known.
    assert {p["n_annotators"] for p in preferences} == {None}
    if aggregate == "majority":
        assert confidences == [0.6, 0.8, 1.0]
    else:
        # Errors at a constant rate are the case in which the model's confidence is too low, by less than 0.05.
        assert 0 <= agreement - sum(p["confidence"] for p in preferences) / PAIRS < 0.05
