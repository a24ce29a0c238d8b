"""Right and wrong answers to prompts, as a model or a judge ranks them: by likelihood, by reward or by comparisons.

The columns of a row, which `compare_answers` reads again from the table:

- mode `likelihood`: `chosen_values` and `rejected_values`, log p of each answer in nats; `chosen_tokens` and
  `rejected_tokens`, its number of tokens.
- mode `reward`: `chosen_values` and `rejected_values`, the reward of each answer.
- mode `judge`: `verdicts`, for each right and each wrong answer the votes of both orders: 1 for the right answer, 0.5
  for a tie, 0 for the wrong one, null without a verdict. A judge that scores answers has the values too.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from unipref.core.chat_models import Policy, RewardModel
from unipref.core.contracts import AnswerJudge, Opinion, PairToJudge, Vote
from unipref.core.hashing import json_hash
from unipref.core.records import Message, Messages
from unipref.core.scores import Example
from unipref.core.votes import decide_vote
from unipref.evaluate.refused import refused_notes, unscored_notes
from unipref.models.inference import answer_log_likelihoods, rewards

Floats = npt.NDArray[np.float64]
Subject = Policy | RewardModel | AnswerJudge
"""What is measured."""
LIKELIHOOD, REWARD, JUDGE = "likelihood", "reward", "judge"
SIDES = ("chosen", "rejected")
VALUE_OF_VOTE: dict[Vote | None, float | None] = {"first": 1.0, "tie": 0.5, "second": 0.0, None: None}


class Question(NamedTuple):
    """A prompt with its right and its wrong answers."""

    prompt: str
    chosen: Sequence[str]
    rejected: Sequence[str]

    @property
    def answers(self) -> list[str]:
        """All answers, the right ones first."""
        return [*self.chosen, *self.rejected]

    @property
    def identity(self) -> str:
        """Names the prompt with its answers."""
        return json_hash([self.prompt, self.chosen, self.rejected])[:16]

    @property
    def cluster(self) -> str:
        """Names the prompt."""
        return json_hash(self.prompt)[:16]


def rank_answers(
    subject: Subject, questions: Sequence[Question], batch_size: int, what: str
) -> tuple[list[Example | None], list[str]]:
    """Lets a model or a judge rank the answers to each question.

    Args:
        subject: what is measured.
        questions: with at least one answer on each side.
        batch_size: maximum number of sequences in one forward pass.
        what: name of the questions in the notes, in the plural.

    Returns:
        The columns of each question (see above), or None for a question that is skipped, and notes on those.
    """
    if isinstance(subject, AnswerJudge):
        return list(_judge(subject, questions)), []
    dialogues = [(as_prompt(q.prompt), as_answer(text)) for q in questions for text in q.answers]
    tokens: Floats | None = None
    if isinstance(subject, RewardModel):
        values = rewards(subject, [[*prompt, *answer] for prompt, answer in dialogues], batch_size)
    else:
        values, counts = answer_log_likelihoods(subject, dialogues, batch_size)
        tokens = counts.astype(np.float64)
    rows: list[Example | None] = []
    refused = unscored = too_long = start = 0
    for question in questions:
        place = slice(start, start + len(question.answers))
        start = place.stop
        if np.isnan(values[place]).any():
            is_refused = not all(is_accepted(subject, *dialogue) for dialogue in dialogues[place])
            is_empty = not is_refused and tokens is not None and bool((tokens[place] == 0).any())
            refused, unscored = refused + is_refused, unscored + is_empty
            too_long += not is_refused and not is_empty
            rows.append(None)
            continue
        rows.append(_make_columns(subject, question, values[place], None if tokens is None else tokens[place]))
    n = len(questions)
    notes = [*refused_notes(refused, n, what), *unscored_notes(unscored, n, what)]
    if too_long:
        notes.append(f"{too_long} of {n} {what} skipped: longer than the model's context of {subject.context} tokens.")
    return rows, notes


def as_prompt(text: str) -> Messages:
    """Wraps a prompt in a user's message."""
    return [Message(role="user", content=text)]


def as_answer(text: str) -> Messages:
    """Wraps an answer in an assistant's message."""
    return [Message(role="assistant", content=text)]


def is_accepted(model: Policy | RewardModel, prompt: Messages, answer: Messages) -> bool:
    """Whether the chat template renders a dialogue."""
    if isinstance(model, Policy):
        return model.can_answer(prompt, answer)
    return model.can_render([*prompt, *answer])


def _make_columns(subject: Policy | RewardModel, question: Question, values: Floats, tokens: Floats | None) -> Example:
    """The columns of a question that a model scored."""
    n = len(question.chosen)
    row: Example = {"mode": REWARD if tokens is None else LIKELIHOOD}
    row |= {"chosen_values": values[:n].tolist(), "rejected_values": values[n:].tolist()}
    if tokens is not None:
        row |= {
            f"{side}_tokens": [int(k) for k in part] for side, part in zip(SIDES, (tokens[:n], tokens[n:]), strict=True)
        }
    return row


def _judge(judge: AnswerJudge, questions: Sequence[Question]) -> list[Example]:
    """The columns of questions that a judge compares answer by answer."""
    pairs = [
        _make_pair(question.prompt, right, wrong)
        for question in questions
        for right in question.chosen
        for wrong in question.rejected
    ]
    asked = {pair.key: pair for pair in pairs if pair.first != pair.second}
    given = dict(zip(asked, map(_conclude, judge.judge_pairs(list(asked.values()))), strict=True))
    turned = {key: _turn(asked[key]) for key, opinion in given.items() if not _is_order_known(opinion)}
    answers = judge.judge_pairs(list(turned.values())) if turned else []
    of_turned = dict(zip(turned, map(_conclude, answers), strict=True))
    rows, start = [], 0
    for question in questions:
        n_chosen, n_rejected = len(question.chosen), len(question.rejected)
        keys = [pair.key for pair in pairs[start : start + n_chosen * n_rejected]]
        start += len(keys)
        votes = [_read_votes(given.get(key), of_turned.get(key)) for key in keys]
        row: Example = {
            "mode": JUDGE,
            "verdicts": [votes[i * n_rejected : (i + 1) * n_rejected] for i in range(n_chosen)],
        }
        if all(key in given and given[key].scores is not None for key in keys):
            scores = [given[key].scores or (0.0, 0.0) for key in keys]
            row["chosen_values"] = [float(scores[i * n_rejected][0]) for i in range(n_chosen)]
            row["rejected_values"] = [float(one[1]) for one in scores[:n_rejected]]
        rows.append(row)
    return rows


def _make_pair(prompt: str, first: str, second: str) -> PairToJudge:
    return PairToJudge(json_hash([prompt, first, second])[:32], as_prompt(prompt), first, second)


def _turn(pair: PairToJudge) -> PairToJudge:
    """The pair with the other answer first."""
    return _make_pair(pair.prompt[0]["content"], pair.second, pair.first)


def _conclude(opinions: Sequence[Opinion]) -> Opinion:
    """One opinion about a pair: the only one, or that of most of several people."""
    return opinions[0] if len(opinions) == 1 else Opinion(decide_vote(opinions))


def _is_order_known(opinion: Opinion) -> bool:
    """Whether a judge looked at the answers in both orders, or scored each by itself."""
    return opinion.scores is not None or opinion.in_orders is not None


def _read_votes(opinion: Opinion | None, turned: Opinion | None) -> list[float | None]:
    """The votes for the first answer when it is shown first and last; equal texts are a tie."""
    if opinion is None:
        return [0.5, 0.5]
    if opinion.in_orders is not None:
        return [VALUE_OF_VOTE[vote] for vote in opinion.in_orders]
    first = VALUE_OF_VOTE[opinion.vote]
    if turned is None:
        return [first, first]
    last = VALUE_OF_VOTE[turned.vote]
    return [first, None if last is None else 1.0 - last]


def compare_answers(row: Example, per_token: bool = False) -> Floats:
    """Compares each right answer with each wrong one.

    Args:
        row: of the table.
        per_token: whether log-likelihoods are divided by the number of tokens.

    Returns:
        (right answers, wrong answers): 1 if the right one wins, 0.5 for a tie, 0 if the wrong one wins. A judge's votes
        of both orders add up: one vote and a tie win, two opposite votes are a tie, and a missing vote counts as none.
    """
    if "chosen_values" in row:
        chosen, rejected = get_values(row, per_token)
        return (np.sign(chosen[:, None] - rejected[None, :]) + 1) / 2
    votes = np.array([[[0.5 if v is None else v for v in pair] for pair in pairs] for pairs in row["verdicts"]])
    return np.asarray((np.sign((votes - 0.5).sum(axis=2)) + 1) / 2, dtype=np.float64)


def get_values(row: Example, per_token: bool = False) -> tuple[Floats, Floats]:
    """Returns the values of the right answers and of the wrong ones; see `compare_answers`."""
    sides: list[Any] = [np.array(row[f"{side}_values"], dtype=np.float64) for side in SIDES]
    if per_token:
        sides = [values / np.maximum(row[f"{side}_tokens"], 1) for side, values in zip(SIDES, sides, strict=True)]
    return sides[0], sides[1]


def name_by_length(row: Example) -> list[tuple[str, bool]]:
    """Lists the suffixes of metrics, with whether values are taken per token: both ways for likelihoods."""
    return [("", False), ("_per_token", True)] if row["mode"] == LIKELIHOOD else [("", False)]
