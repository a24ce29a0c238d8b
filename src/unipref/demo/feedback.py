"""The feedback of the built-in world: five files in five shapes, and what is true of them in a file beside.

A tenth of the prompts comes again in other words, judged by somebody else. Under every model of noise about four labels
in five are right; `docs/world.md` has the models.
"""

import csv
import itertools
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unipref.core.contracts import Settings
from unipref.demo import truth
from unipref.demo.coreference import Case, Cases, named
from unipref.demo.instructions import Task, Tasks
from unipref.demo.raters import Rater, Raters, places

FOLLOW_UP = 10
"""Every so manieth tree goes on below its best answer."""

QUALITY = (0.85, 0.4, 0.25)
"""True quality, between 0 and 1, of an answer that follows, of a near miss and of one that does not."""

COPIES = 2
"""How often a prompt that comes again does so."""
WORDINGS = ("Please: {}", "{} Thanks.", "Hello. {}", "{} Thank you.", "Now, please: {}")
"""The other words in which it comes."""

Row = dict[str, Any]


class FeedbackSizes(Settings):
    """How many prompts each file of feedback holds, and how many of them come again."""

    pairs: int = 700
    multiple_choice: int = 400
    ratings: int = 600
    tree: int = 400
    thumbs: int = 400
    near_duplicates: float = 0.1
    """Share of each file's prompts that come twice more in other words, on top of the numbers above."""


@dataclass(frozen=True)
class Question:
    """A prompt and answers of known quality, the right one first.

    Attributes:
        copy_of: the prompt that it says in other words; None for a prompt of its own.
    """

    prompt: str
    answers: tuple[str, ...]
    qualities: tuple[float, ...]
    copy_of: str | None = None

    @property
    def lengths(self) -> list[float]:
        """Where each answer stands between the shortest and the longest."""
        return places(self.answers)

    def shuffled(self, rng: random.Random) -> list[tuple[str, float, float]]:
        """Answer, quality and length of each, in random order."""
        answers = list(zip(self.answers, self.qualities, self.lengths, strict=True))
        rng.shuffle(answers)
        return answers

    def right_chosen(self, rater: Rater) -> bool:
        """Whether a rater chooses the right one of two answers."""
        first, second = zip(self.qualities, self.lengths, strict=True)
        return rater.prefers(first, second)


@dataclass(frozen=True)
class Judged:
    """Rows of a file that hold one question's label, and whether the label puts the right answer first."""

    question: Question
    rater: Rater
    rows: list[Row]
    right: bool


def write(folder: Path, cases: Cases, tasks: Tasks, sizes: FeedbackSizes, raters: Raters, seed: int) -> None:
    """Writes the five files, and `truth.jsonl` beside the folder. Prompts all belong to the part 'feedback'."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(f"{seed}/feedback")
    sentences = iter(cases.sample("feedback", sizes.pairs + sizes.multiple_choice // 2, rng))
    counts = (sizes.ratings, sizes.tree, sizes.tree // FOLLOW_UP, sizes.thumbs)
    asked = map(task_question, tasks.sample("feedback", sum(counts), rng))

    def again(questions: list[list[Question]]) -> list[list[Question]]:
        return with_copies(questions, sizes.near_duplicates, rng)

    def alone(questions: Iterable[Question], n: int) -> list[Question]:
        return [question for (question,) in again([[question] for question in itertools.islice(questions, n)])]

    pronouns = (case_question(case, rng.choice(("he", "she"))) for case in sentences)
    judged = {"pairs.jsonl": [pair_row(q, raters.any()) for q in alone(pronouns, sizes.pairs)]}
    twins = again([[case_question(case, pronoun, " _") for pronoun in ("he", "she")] for case in sentences])
    judged["choices.jsonl"] = [row for i, pair in enumerate(twins) for row in twin_rows(i, pair, raters.any())]
    judged["ratings.csv"] = [rating_rows(q, raters.any(), rng) for q in alone(asked, sizes.ratings)]
    roots = alone(asked, sizes.tree)
    below = {FOLLOW_UP * i: next(asked) for i in range(sizes.tree // FOLLOW_UP)}
    trees = [tree_row(i, q, below.get(i), raters.any(), rng) for i, q in enumerate(roots)]
    judged["trees.jsonl"] = [part for tree in trees for part in tree]
    judged["thumbs.json"] = [thumb_row(q, raters.any(), rng) for q in alone(asked, sizes.thumbs)]
    for name, parts in judged.items():
        _write(folder / name, [row for part in parts for row in part.rows])
    json_lines(folder.with_name(truth.FILE), truth.lines(judged))


def _write(path: Path, rows: list[Row]) -> None:
    if path.suffix == ".csv":
        _table(path, rows)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    else:
        json_lines(path, rows)


def json_lines(path: Path, rows: Iterable[Row]) -> None:
    """Writes one JSON object per line."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _table(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def case_question(case: Case, pronoun: str, blank: str = "") -> Question:
    """Who is meant by the pronoun: one of two people."""
    answers = (named(case.referent), named(case.other))
    return Question(case.question(pronoun) + blank, answers, (QUALITY[0], QUALITY[2]))


def task_question(task: Task) -> Question:
    """An instruction with a right answer and two wrong ones."""
    plain, near = task.wrong
    return Question(task.prompt, (task.right, near, plain), QUALITY)


def with_copies(units: list[list[Question]], share: float, rng: random.Random) -> list[list[Question]]:
    """The questions, in units that stay together, and COPIES more of a share of the units in other words; shuffled."""
    copied = rng.sample(units, round(share * len(units)))
    more = [
        [replace(question, prompt=wording.format(question.prompt), copy_of=question.prompt) for question in unit]
        for unit in copied
        for wording in rng.sample(WORDINGS, COPIES)
    ]
    every = units + more
    rng.shuffle(every)
    return every


def turn(role: str, content: str) -> dict[str, str]:
    """One message."""
    return {"role": role, "content": content}


def pair_row(question: Question, rater: Rater) -> Judged:
    """Two dialogues, one chosen."""
    right = question.right_chosen(rater)
    answers = question.answers if right else question.answers[::-1]
    chosen, rejected = ([turn("user", question.prompt), turn("assistant", answer)] for answer in answers)
    return Judged(question, rater, [{"chosen": chosen, "rejected": rejected, "rater": rater.name}], right)


def twin_rows(number: int, twins: Sequence[Question], rater: Rater) -> Iterator[Judged]:
    """The same choice with either pronoun, as twins."""
    for suffix, question in enumerate(twins, start=1):
        options = sorted(question.answers)
        right = question.right_chosen(rater)
        row = {
            "qID": f"W{number:04}-{suffix}",
            "sentence": question.prompt,
            "option1": options[0],
            "option2": options[1],
            "answer": str(options.index(question.answers[0 if right else 1]) + 1),
        }
        yield Judged(question, rater, [row], right)


def rating_rows(question: Question, rater: Rater, rng: random.Random) -> Judged:
    """One row per rated answer, on three scales; on the last one, low is better."""
    rows: list[Row] = []
    for answer, quality, length in question.shuffled(rng):
        seen = rater.rating(quality, length)
        rows.append(
            {
                "question": question.prompt,
                "answer": answer,
                "rater": rater.name,
                "following": round(100 * seen),
                "clarity": 1 + round(4 * rater.rating(0.7)),
                "faults": round(10 * (1 - seen)),
            }
        )
    return Judged(question, rater, rows, _alone_at_the_top(question, [(r["answer"], r["following"]) for r in rows]))


def tree_row(
    number: int, question: Question, further: Question | None, rater: Rater, rng: random.Random
) -> Iterator[Judged]:
    """A conversation tree as OASST exports it, with a further question below the best answer where there is one.

    The tree is the row of its first question; the further one is judged in the same row.
    """
    root = f"t{number:04}"
    replies = _replies(root, question, rater, rng)
    judged = [(question, replies)]
    if further is not None:
        best = min(replies, key=lambda reply: int(reply["rank"]))
        asked = _node(f"{best['message_id']}-f", "prompter", further.prompt)
        judged.append((further, _replies(asked["message_id"], further, rater, rng)))
        best["replies"] = [asked | {"replies": judged[1][1]}]
    prompt = _node(root, "prompter", question.prompt) | {"replies": replies}
    tree = {"message_tree_id": root, "tree_state": "ready_for_export", "prompt": prompt}
    for i, (one, below) in enumerate(judged):
        right = _alone_at_the_top(one, [(reply["text"], reply["labels"]["quality"]["value"]) for reply in below])
        yield Judged(one, rater, [] if i else [tree], right)


def _node(name: str, role: str, text: str) -> Row:
    return {"message_id": name, "text": text, "role": role, "lang": "en", "deleted": False, "synthetic": True}


def _replies(parent: str, question: Question, rater: Rater, rng: random.Random) -> list[Row]:
    """The answers below a question, with the quality the rater saw and the ranks that follow from it, 0 the best."""
    answers = question.shuffled(rng)
    seen = [(answer, round(rater.rating(quality, length), 3)) for answer, quality, length in answers]
    order = sorted(range(len(seen)), key=lambda i: -seen[i][1])
    return [
        _node(f"{parent}-{i}", "assistant", answer)
        | {"rank": order.index(i), "labels": {"quality": {"value": quality, "count": 1}}, "replies": []}
        for i, (answer, quality) in enumerate(seen)
    ]


def _alone_at_the_top(question: Question, rated: Sequence[tuple[str, float]]) -> bool:
    top = max(value for _, value in rated)
    return [answer for answer, value in rated if value == top] == [question.answers[0]]


def thumb_row(question: Question, rater: Rater, rng: random.Random) -> Judged:
    """One answer, right or wrong at even odds, with a thumb up or down."""
    right = rng.random() < 0.5
    place = 0 if right else rng.choice((1, 2))
    label = rater.likes(question.qualities[place], question.lengths[place])
    messages = [turn("user", question.prompt), turn("assistant", question.answers[place])]
    return Judged(question, rater, [{"messages": messages, "label": label, "rater": rater.name}], label == right)
