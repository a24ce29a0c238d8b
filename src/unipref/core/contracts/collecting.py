"""The base class of judges, which compare the answers that a policy gave to a prompt."""

import abc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from unipref.core.contracts.base import Choice
from unipref.core.contracts.training import ModelDependency
from unipref.core.records import Messages

Vote = Literal["first", "second", "tie"]
"""Which of two answers is better."""


class PairToJudge(NamedTuple):
    """Two different answers to one prompt.

    Attributes:
        key: identifies the prompt and both answers, in this order.
        prompt: messages up to the user turn to answer.
        first, second: the texts of the answers.
        first_ended, second_ended: whether the policy ended the answer itself; False if it was cut off.
    """

    key: str
    prompt: Messages
    first: str
    second: str
    first_ended: bool = True
    second_ended: bool = True


class Opinion(NamedTuple):
    """What a judge thinks of a pair.

    Attributes:
        vote: the better answer, or a tie; None if the judge has none.
        annotator: who judged, if the judge stands for several people; None: the judge itself.
        scores: of both answers, if the judge scores answers.
        shown_first: the answer that was shown first; None if both orders, or no order, were shown.
        details: JSON values to keep with the judgement: replies, tokens, costs.
        why_not: why there is no vote.
        in_orders: of a judge that is asked in both orders: its votes when the first answer is shown first, and when it
            is shown last; None: it is asked in one order, or in none.
    """

    vote: Vote | None
    annotator: str | None = None
    scores: tuple[float, float] | None = None
    shown_first: Literal["first", "second"] | None = None
    details: dict[str, Any] = {}
    why_not: str | None = None
    in_orders: tuple[Vote | None, Vote | None] | None = None


@dataclass(frozen=True)
class AnswerJudge:
    """A judge as benchmarks see it.

    Attributes:
        name: its name as an annotator.
        judge_pairs: n pairs -> the opinions about each of them, usually one.
    """

    name: str
    judge_pairs: Callable[[Sequence[PairToJudge]], list[list[Opinion]]]


class JudgeStopped(Exception):
    """A judge cannot go on now; what it has judged is kept, and the next run continues there.

    Args:
        why: what happened, without a full stop.
        mend: what the user can do.
        is_planned: whether the settings asked for it, as a budget does.
    """

    def __init__(self, why: str, mend: str, is_planned: bool = False) -> None:
        self.why, self.mend, self.is_planned = why, mend, is_planned
        super().__init__(why)


@dataclass(frozen=True)
class JudgeJob:
    """What a judge gets besides the pairs.

    Attributes:
        data_root: relative paths of its settings start here.
        out: the folder of the collection.
        rules: the file of the rules that were added to the prompts; None without any.
        past: the details of all judgements that this judge gave before with these settings.
        note: shows a line to the user.
    """

    data_root: Path
    out: Path
    rules: Path | None = None
    past: list[dict[str, Any]] = field(default_factory=list)
    note: Callable[[str], None] = lambda text: None


class Judge(Choice):
    """One who compares the policy's own answers. `example` holds `settings`."""

    label: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")
    """Its name as an annotator, in the file and in the report; default: the name of the choice."""

    is_fallible: ClassVar[bool] = True
    """Whether it may be wrong, so that it is tested on gold pairs; a rule that decides by itself may not."""
    can_judge_others: ClassVar[bool] = True
    """Whether it can judge answers that the policy did not write, such as those of gold pairs."""
    has_people: ClassVar[bool] = False
    """Whether its opinions are those of people, who are annotators themselves; one without a name is unknown."""
    judges_unended: ClassVar[bool] = False
    """Whether it judges answers that were cut off. Others would judge a text that the policy never meant to end."""
    chunk: ClassVar[int] = 256
    """Number of pairs that are judged and kept together; after a stop, an unfinished chunk is judged again."""

    def annotator(self) -> str:
        """Returns its name as an annotator."""
        return self.label or self.name()

    def identity(self, job: JudgeJob) -> dict[str, Any]:
        """Returns what its judgements depend on besides the pairs: JSON values, for the name of their file."""
        return {"judge": self.name(), "settings": self.model_dump(mode="json")}

    def model_dependencies(self) -> list[ModelDependency]:
        """Returns the models that the settings name. In the rounds of a study, the name may be that of a step."""
        return []

    def files(self) -> dict[str, str]:
        """Returns the files that the settings name: setting -> path, relative to `data_root`."""
        return {}

    def check(self, job: JudgeJob) -> None:
        """Checks what it needs, before the policy answers, which may take hours.

        Raises:
            UserError: a file, a model or a package is missing.
            JudgeStopped: it could judge nothing now.
        """

    @abc.abstractmethod
    def judge(self, pairs: Sequence[PairToJudge], job: JudgeJob) -> Iterator[list[Opinion]]:
        """Judges pairs.

        Yields:
            The opinions about each pair, in the order of the pairs; usually one. An empty list, only from a
            judge with `chunk` 1: it cannot judge this pair now. The next run asks again.

        Raises:
            JudgeStopped: it cannot go on now.
        """
