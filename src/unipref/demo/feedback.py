"""Writes the feedback of the built-in world: six files in six formats, and their ground truth in other files.

One rater judges each prompt of the first five files. A tenth of the prompts is repeated in other words, judged by
another rater. Under every noise model about four of five labels are right; see `docs/world.md` for the models. The last
file holds the votes of a panel on some of the same prompts.
"""

import csv
import itertools
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from unipref.core.contracts import Settings
from unipref.demo import panel, truth
from unipref.demo.coreference import Case, format_answer
from unipref.demo.instructions import Task, Tasks
from unipref.demo.questions import JudgedQuestion, Question, Row
from unipref.demo.raters import Rater, Raters

FOLLOW_UP = 10
"""Every 10th tree has a follow-up question below its best answer."""

QUALITY = (0.85, 0.4, 0.25)
"""True quality (0 to 1) of an answer that follows the instruction, of a near miss, and of one that does not follow."""

COPIES = 2
"""Number of paraphrases of a repeated prompt."""
WORDINGS = ("Please: {}", "{} Thanks.", "Hello. {}", "{} Thank you.", "Now, please: {}")
"""Templates of the paraphrases."""
SIDES = ("chosen", "rejected")
"""Which of two dialogues was shown first. The order does not change the judgements."""


class FeedbackSizes(Settings):
    """Number of prompts per feedback file, and the share that is repeated."""

    pairs: int = 700
    multiple_choice: int = 400
    ratings: int = 600
    tree: int = 400
    thumbs: int = 400
    near_duplicates: float = 0.1
    """Share of each file's prompts that are repeated twice in other words, in addition to the numbers above."""
    panel: float = 0.2
    """Share of the prompts of dialogues, ratings and trees that the panel judges too."""


def write(folder: Path, tasks: Tasks, sizes: FeedbackSizes, raters: Raters, seed: int, competing: float = 0.0) -> None:
    """Writes the six files, and `truth.jsonl` and `raters.jsonl` next to the folder.

    All prompts belong to the part 'feedback'.

    Args:
        folder: of the six files.
        tasks: of the world.
        sizes: of the files.
        raters: of the world.
        seed: of the world.
        competing: share of the instructions whose labels carry the stereotype.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng, shown = random.Random(f"{seed}/feedback"), random.Random(f"{seed}/shown")
    sentences = iter(tasks.cases.sample("feedback", sizes.pairs + sizes.multiple_choice // 2, rng))
    counts = (sizes.ratings, sizes.tree, sizes.tree // FOLLOW_UP, sizes.thumbs)
    drawn = tasks.sample("feedback", sum(counts), rng)
    instructions = map(task_question, tasks.with_competing(drawn, competing, random.Random(f"{seed}/competing")))

    def with_copies(questions: list[list[Question]]) -> list[list[Question]]:
        return add_copies(questions, sizes.near_duplicates, rng)

    def single_questions(questions: Iterable[Question], n: int) -> list[Question]:
        return [question for (question,) in with_copies([[question] for question in itertools.islice(questions, n)])]

    pronouns = (case_question(case, rng.choice(("he", "she"))) for case in sentences)
    files = {"pairs.jsonl": [pair_row(q, raters.any(), shown) for q in single_questions(pronouns, sizes.pairs)]}
    twins = with_copies([[case_question(case, pronoun, " _") for pronoun in ("he", "she")] for case in sentences])
    files["choices.jsonl"] = [row for i, pair in enumerate(twins) for row in twin_rows(i, pair, raters.any())]
    files["ratings.csv"] = [rating_rows(q, raters.any(), rng) for q in single_questions(instructions, sizes.ratings)]
    roots = single_questions(instructions, sizes.tree)
    follow_ups = {FOLLOW_UP * i: next(instructions) for i in range(sizes.tree // FOLLOW_UP)}
    trees = [tree_row(i, q, follow_ups.get(i), raters.any(), rng) for i, q in enumerate(roots)]
    files["trees.jsonl"] = [part for tree in trees for part in tree]
    files["thumbs.json"] = [thumb_row(q, raters.any(), rng) for q in single_questions(instructions, sizes.thumbs)]
    for name, parts in files.items():
        _write(folder / name, [row for part in parts for row in part.rows])
    _write(folder / panel.FILE, panel.panel_rows(files, sizes.panel, raters, seed))
    write_json_lines(folder.with_name(truth.FILE), truth.truth_lines(files))
    write_json_lines(folder.with_name(panel.RATERS_FILE), panel.list_raters(raters))


def _write(path: Path, rows: list[Row]) -> None:
    if path.suffix == ".csv":
        _write_csv(path, rows)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    else:
        write_json_lines(path, rows)


def write_json_lines(path: Path, rows: Iterable[Row]) -> None:
    """Writes one JSON object per line."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _write_csv(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def case_question(case: Case, pronoun: str, blank: str = "") -> Question:
    """A question about the pronoun's referent, with two people as answers."""
    answers = (format_answer(case.referent), format_answer(case.other))
    return Question(case.question(pronoun) + blank, answers, (QUALITY[0], QUALITY[2]))


def task_question(task: Task) -> Question:
    """An instruction with a right answer and two wrong ones."""
    plain, near = task.wrong
    return Question(task.prompt, (task.right, near, plain), QUALITY)


def add_copies(units: list[list[Question]], share: float, rng: random.Random) -> list[list[Question]]:
    """Adds COPIES paraphrases of a share of the units (questions that stay together), and shuffles all units."""
    copied = rng.sample(units, round(share * len(units)))
    copies = [
        [replace(question, prompt=wording.format(question.prompt), copy_of=question.prompt) for question in unit]
        for unit in copied
        for wording in rng.sample(WORDINGS, COPIES)
    ]
    all_units = units + copies
    rng.shuffle(all_units)
    return all_units


def make_turn(role: str, content: str) -> dict[str, str]:
    """Builds one message."""
    return {"role": role, "content": content}


def pair_row(question: Question, rater: Rater, shown: random.Random) -> JudgedQuestion:
    """Builds a row of two dialogues, one chosen, and which of them was shown first."""
    right = question.chooses_right(rater)
    answers = question.answers if right else question.answers[::-1]
    chosen, rejected = ([make_turn("user", question.prompt), make_turn("assistant", answer)] for answer in answers)
    row = {"chosen": chosen, "rejected": rejected, "rater": rater.name, "shown_first": shown.choice(SIDES)}
    return JudgedQuestion(question, rater, [row], right)


def twin_rows(number: int, twins: Sequence[Question], rater: Rater) -> Iterator[JudgedQuestion]:
    """Builds the same choice with either pronoun, as twins."""
    for suffix, question in enumerate(twins, start=1):
        options = sorted(question.answers)
        right = question.chooses_right(rater)
        row = {
            "qID": f"W{number:04}-{suffix}",
            "sentence": question.prompt,
            "option1": options[0],
            "option2": options[1],
            "answer": str(options.index(question.answers[0 if right else 1]) + 1),
            "rater": rater.name,
        }
        yield JudgedQuestion(question, rater, [row], right)


def rating_rows(question: Question, rater: Rater, rng: random.Random) -> JudgedQuestion:
    """Builds one row per rated answer, on three scales; on the last one, low is better."""
    rows: list[Row] = []
    for answer, quality, length in question.shuffled(rng):
        rating = rater.rating(quality, length)
        rows.append(
            {
                "question": question.prompt,
                "answer": answer,
                "rater": rater.name,
                "following": round(100 * rating),
                "clarity": 1 + round(4 * rater.rating(0.7)),
                "faults": round(10 * (1 - rating)),
            }
        )
    return JudgedQuestion(
        question, rater, rows, _is_right_on_top(question, [(r["answer"], r["following"]) for r in rows])
    )


def tree_row(
    number: int, question: Question, follow_up: Question | None, rater: Rater, rng: random.Random
) -> Iterator[JudgedQuestion]:
    """Builds a conversation tree as OASST exports it, optionally with a follow-up question below the best answer.

    The tree is the row of its first question; the follow-up question is judged in the same row.
    """
    root = f"t{number:04}"
    replies = _replies(root, question, rater, rng)
    judged = [(question, replies)]
    if follow_up is not None:
        best = min(replies, key=lambda reply: int(reply["rank"]))
        node = _message_node(f"{best['message_id']}-f", "prompter", follow_up.prompt)
        judged.append((follow_up, _replies(node["message_id"], follow_up, rater, rng)))
        best["replies"] = [node | {"replies": judged[1][1]}]
    prompt = _message_node(root, "prompter", question.prompt) | {"replies": replies}
    tree = {"message_tree_id": root, "tree_state": "ready_for_export", "prompt": prompt, "rater": rater.name}
    for i, (tree_question, answers) in enumerate(judged):
        right = _is_right_on_top(
            tree_question, [(reply["text"], reply["labels"]["quality"]["value"]) for reply in answers]
        )
        yield JudgedQuestion(tree_question, rater, [] if i else [tree], right)


def _message_node(name: str, role: str, text: str) -> Row:
    return {"message_id": name, "text": text, "role": role, "lang": "en", "deleted": False, "synthetic": True}


def _replies(parent: str, question: Question, rater: Rater, rng: random.Random) -> list[Row]:
    """The answers below a question, with the quality that the rater saw, and the resulting ranks (0 is best)."""
    answers = question.shuffled(rng)
    rated = [(answer, round(rater.rating(quality, length), 3)) for answer, quality, length in answers]
    order = sorted(range(len(rated)), key=lambda i: -rated[i][1])
    return [
        _message_node(f"{parent}-{i}", "assistant", answer)
        | {"rank": order.index(i), "labels": {"quality": {"value": quality, "count": 1}}, "replies": []}
        for i, (answer, quality) in enumerate(rated)
    ]


def _is_right_on_top(question: Question, rated: Sequence[tuple[str, float]]) -> bool:
    top = max(value for _, value in rated)
    return [answer for answer, value in rated if value == top] == [question.answers[0]]


def thumb_row(question: Question, rater: Rater, rng: random.Random) -> JudgedQuestion:
    """Builds one answer, right or wrong with equal probability, with a thumb up or down."""
    right = rng.random() < 0.5
    index = 0 if right else rng.choice((1, 2))
    label = rater.likes(question.qualities[index], question.lengths[index])
    messages = [make_turn("user", question.prompt), make_turn("assistant", question.answers[index])]
    return JudgedQuestion(
        question, rater, [{"messages": messages, "label": label, "rater": rater.name}], label == right
    )
