"""Rules that decide by themselves whether an answer follows the instructions of its prompt."""

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field

from unipref.collect.scoring import Scored, ScoringJudge
from unipref.core import hashing
from unipref.core.answer_checks.prompt_file import Checker as RuleFile
from unipref.core.contracts import JudgeJob
from unipref.core.errors import UserError


class Checker(ScoringJudge):
    """Scores an answer by the share of its prompt's instructions that it follows. The rules are those of the
    constraints that `collect` added, or of a file. An answer that was cut off follows none. The rule is right by
    definition about what it checks; it says nothing of anything else in the answer.
    """

    path: str | None = Field(default=None, min_length=1)
    """A file of prompts with rules, as for the benchmark `instructions` or IFEval, relative to `data_root`; default:
    the constraints that were added."""

    is_fallible: ClassVar[bool] = False
    judges_unended: ClassVar[bool] = True
    example: ClassVar[dict[str, Any]] = {"settings": {}}

    def identity(self, job: JudgeJob) -> dict[str, Any]:
        """Adds the content of the rules, and the version of the package that has IFEval's."""
        path = job.rules if self.path is None else job.data_root / self.path
        rules = hashing.file_hash(path) if path is not None and path.is_file() else None
        return {**super().identity(job), "rules": rules, "versions": hashing.find_versions("lm_eval")}

    def files(self) -> dict[str, str]:
        """Returns the file of rules, if the settings name one."""
        return {} if self.path is None else {"path": self.path}

    def check(self, job: JudgeJob) -> None:
        """Reads the rules."""
        self._read_rules(job)

    def score(self, answers: Sequence[Scored], job: JudgeJob) -> list[float | None]:
        """Scores answers; None for prompts without a rule."""
        check = self._read_rules(job)
        return [
            (check(prompt, text) if ended else 0.0) if check.can_check(prompt) else None
            for prompt, text, ended in answers
        ]

    def _read_rules(self, job: JudgeJob) -> RuleFile:
        path = job.rules if self.path is None else job.data_root / self.path
        if path is None:
            mend = "Set 'constraints', or give the checker a 'path'."
            raise UserError("no prompt has a rule.", where=f"judges.{self.annotator()}", mend=mend)
        return RuleFile(path)
