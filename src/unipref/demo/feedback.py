"""The feedback of the built-in world: five files in five shapes, judged by raters of whom some are careless.

A careful rater is right in all but a few cases and uses the whole scale. A careless one decides at random and stays in
the middle of the scale, so that the two answers are nearly tied. All in all about three labels in four are right.
"""

import csv
import itertools
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unipref.contracts import Settings
from unipref.demo.coreference import Case, Cases, named
from unipref.demo.instructions import Task, Tasks

CARELESS = 0.4
"""Share of the judgements made by careless raters."""
SLIP = 0.05
"""How often a careful rater is wrong where there is only a choice to make."""
FOLLOW_UP = 10
"""Every so manieth tree goes on below its best answer."""

QUALITY = (0.85, 0.4, 0.25)
"""True quality, between 0 and 1, of an answer that follows, of a near miss and of one that does not."""


class FeedbackSizes(Settings):
    """How many prompts each file of feedback holds."""

    pairs: int = 700
    multiple_choice: int = 400
    ratings: int = 600
    tree: int = 400
    thumbs: int = 400


@dataclass
class Rater:
    """Somebody who judges answers."""

    name: str
    careless: bool
    rng: random.Random

    def prefers_right(self) -> bool:
        """Whether the right one of two answers is chosen."""
        return self.rng.random() < (0.5 if self.careless else 1 - SLIP)

    def quality(self, true: float) -> float:
        """The quality seen in an answer, between 0 and 1."""
        seen = 0.5 + 0.04 * self.rng.gauss() if self.careless else true + 0.1 * self.rng.gauss()
        return min(1.0, max(0.0, seen))


class Raters:
    """Twenty raters, of whom a fixed share is careless."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(f"{seed}/raters")
        count = 20
        self._all = [Rater(f"r{i + 1:02}", i < CARELESS * count, self._rng) for i in range(count)]

    def any(self) -> Rater:
        """One of them."""
        return self._rng.choice(self._all)


def write(folder: Path, cases: Cases, tasks: Tasks, sizes: FeedbackSizes, seed: int) -> None:
    """Writes the five files. Prompts are different in each; all of them belong to the part 'feedback'."""
    folder.mkdir(parents=True, exist_ok=True)
    rng, raters = random.Random(f"{seed}/feedback"), Raters(seed)
    sentences = cases.sample("feedback", sizes.pairs + sizes.multiple_choice // 2, rng)
    counts = (sizes.ratings, sizes.tree, sizes.tree // FOLLOW_UP, sizes.thumbs)
    asked = iter(tasks.sample("feedback", sum(counts), rng))
    rated, roots, further, thumbed = (list(itertools.islice(asked, count)) for count in counts)
    json_lines(folder / "pairs.jsonl", (pair_row(case, raters.any(), rng) for case in sentences[: sizes.pairs]))
    twins = [row for i, case in enumerate(sentences[sizes.pairs :]) for row in twin_rows(i, case, raters.any())]
    json_lines(folder / "choices.jsonl", twins)
    _table(folder / "ratings.csv", [row for task in rated for row in rating_rows(task, raters.any(), rng)])
    below = {FOLLOW_UP * i: task for i, task in enumerate(further)}
    trees = (tree_row(i, task, below.get(i), raters.any(), rng) for i, task in enumerate(roots))
    json_lines(folder / "trees.jsonl", trees)
    judged = [thumb_row(task, raters.any(), rng) for task in thumbed]
    (folder / "thumbs.json").write_text(json.dumps(judged, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def json_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Writes one JSON object per line."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _table(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def turn(role: str, content: str) -> dict[str, str]:
    """One message."""
    return {"role": role, "content": content}


def pair_row(case: Case, rater: Rater, rng: random.Random) -> dict[str, Any]:
    """Two dialogues, one chosen: who is meant by the pronoun, which is drawn at random."""
    prompt = case.question(rng.choice(("he", "she")))
    answers = [case.referent, case.other] if rater.prefers_right() else [case.other, case.referent]
    chosen, rejected = ([turn("user", prompt), turn("assistant", named(answer))] for answer in answers)
    return {"chosen": chosen, "rejected": rejected, "rater": rater.name}


def twin_rows(number: int, case: Case, rater: Rater) -> list[dict[str, Any]]:
    """The same choice with either pronoun, as twins."""
    options = sorted((named(case.referent), named(case.other)))
    rows = []
    for suffix, pronoun in enumerate(("he", "she"), start=1):
        meant = case.referent if rater.prefers_right() else case.other
        rows.append(
            {
                "qID": f"W{number:04}-{suffix}",
                "sentence": f"{case.sentence(pronoun)} Who {case.frame.reason}? _",
                "option1": options[0],
                "option2": options[1],
                "answer": str(options.index(named(meant)) + 1),
            }
        )
    return rows


def _answers(task: Task, rng: random.Random) -> list[tuple[str, float]]:
    """The right answer and two wrong ones with their true quality, shuffled."""
    plain, near = task.wrong
    answers = list(zip((task.right, near, plain), QUALITY, strict=True))
    rng.shuffle(answers)
    return answers


def rating_rows(task: Task, rater: Rater, rng: random.Random) -> list[dict[str, Any]]:
    """One row per rated answer, on three scales; on the last one, low is better."""
    rows = []
    for answer, true in _answers(task, rng):
        seen = rater.quality(true)
        rows.append(
            {
                "question": task.prompt,
                "answer": answer,
                "rater": rater.name,
                "following": round(100 * seen),
                "clarity": 1 + round(4 * rater.quality(0.7)),
                "faults": round(10 * (1 - seen)),
            }
        )
    return rows


def tree_row(number: int, task: Task, further: Task | None, rater: Rater, rng: random.Random) -> dict[str, Any]:
    """A conversation tree as OASST exports it, with a further question below the best answer where there is one."""
    root = f"t{number:04}"
    replies = _replies(root, task, rater, rng)
    if further is not None:
        best = min(replies, key=lambda reply: int(reply["rank"]))
        asked = _node(f"{best['message_id']}-f", "prompter", further.prompt)
        best["replies"] = [asked | {"replies": _replies(asked["message_id"], further, rater, rng)}]
    prompt = _node(root, "prompter", task.prompt) | {"replies": replies}
    return {"message_tree_id": root, "tree_state": "ready_for_export", "prompt": prompt}


def _node(name: str, role: str, text: str) -> dict[str, Any]:
    return {"message_id": name, "text": text, "role": role, "lang": "en", "deleted": False, "synthetic": True}


def _replies(parent: str, task: Task, rater: Rater, rng: random.Random) -> list[dict[str, Any]]:
    """The answers below a question, with the quality the rater saw and the ranks that follow from it, 0 the best."""
    seen = [(answer, round(rater.quality(true), 3)) for answer, true in _answers(task, rng)]
    order = sorted(range(len(seen)), key=lambda i: -seen[i][1])
    return [
        _node(f"{parent}-{i}", "assistant", answer)
        | {"rank": order.index(i), "labels": {"quality": {"value": quality, "count": 1}}, "replies": []}
        for i, (answer, quality) in enumerate(seen)
    ]


def thumb_row(task: Task, rater: Rater, rng: random.Random) -> dict[str, Any]:
    """One answer, right or wrong at even odds, with a thumb up or down."""
    right = rng.random() < 0.5
    answer = task.right if right else rng.choice(task.wrong)
    label = right if rater.prefers_right() else not right
    return {"messages": [turn("user", task.prompt), turn("assistant", answer)], "label": label, "rater": rater.name}
