"""Reads a file of prompts, each with a rule that its answers must follow, and checks answers."""

from pathlib import Path
from typing import Any

import msgspec

from unipref.core.answer_checks.ifeval import SENTENCES, Checks
from unipref.core.answer_checks.rules import RULES, follows
from unipref.core.errors import UserError, near_name
from unipref.core.records import Message, Messages
from unipref.core.text_keys import prompt_key


class _Line(msgspec.Struct, frozen=True):
    """A prompt with one of unipref's rules, or with IFEval's instructions."""

    prompt: str | list[dict[str, str]]
    rule: str | None = None
    arguments: dict[str, Any] = {}
    key: int = 0
    instruction_id_list: list[str] = []
    kwargs: list[dict[str, Any]] = []


class Checker:
    """Checks answers by the rules of a file.

    Args:
        path: JSON lines with `prompt` (a text, or messages) and either `rule` and `arguments`, as in the benchmark
            `instructions`, or `instruction_id_list` and `kwargs`, as in IFEval.

    Attributes:
        prompts: the file's prompts whose answers can be checked, in its order.
        unchecked: number of other prompts: IFEval's on sentences, if NLTK's table is missing.

    Raises:
        UserError: the file is missing, or a line is invalid.
    """

    def __init__(self, path: Path) -> None:
        self.prompts: list[Messages] = []
        self.unchecked = 0
        self._lines: dict[str, _Line] = {}
        self._ifeval: Checks | None = None
        try:
            lines = path.read_bytes().splitlines()
        except OSError as error:
            raise UserError(f"the prompts cannot be read: {error.strerror}.", where=str(path)) from error
        for number, line in enumerate(lines, start=1):
            if line.strip():
                self._add(line, f"{path}:{number}")
        if not self.prompts:
            raise UserError("the file has no prompt whose answers can be checked.", where=str(path))

    def _add(self, line: bytes, where: str) -> None:
        try:
            entry = msgspec.json.decode(line, type=_Line)
        except msgspec.DecodeError as error:
            mend = "Each line needs 'prompt', and 'rule' with 'arguments' or 'instruction_id_list' with 'kwargs'."
            raise UserError(f"not a prompt with a rule: {error}.", where=where, mend=mend) from error
        if entry.rule is not None and entry.rule not in RULES:
            raise UserError(f"unknown rule '{entry.rule}'.", where=where, mend=near_name(entry.rule, RULES))
        if entry.rule is None and not self._is_checkable(entry, where):
            self.unchecked += 1
            return
        prompt = to_messages(entry.prompt, where)
        self.prompts.append(prompt)
        self._lines[prompt_key(prompt)] = entry

    def _is_checkable(self, line: _Line, where: str) -> bool:
        """Whether IFEval's checkers can judge the answers to a prompt on this machine.

        Raises:
            UserError: the line has no instructions, another number of arguments, or an instruction without a checker.
        """
        if not line.instruction_id_list or len(line.instruction_id_list) != len(line.kwargs):
            mend = "Give 'rule' with 'arguments', or 'instruction_id_list' with one item of 'kwargs' for each."
            raise UserError("the line has no rule for its answer.", where=where, mend=mend)
        self._ifeval = self._ifeval or Checks()
        for kind in line.instruction_id_list:
            self._ifeval.check_type(kind, where)
        return self._ifeval.has_table() or SENTENCES.isdisjoint(line.instruction_id_list)

    def can_check(self, prompt: Messages) -> bool:
        """Returns whether answers to this prompt can be checked."""
        return prompt_key(prompt) in self._lines

    def __call__(self, prompt: Messages, answer: str) -> float | None:
        """Returns 1 if the answer follows the prompt's rule, else 0; with IFEval's instructions, the share it follows.

        Returns None if the prompt is not in the file.
        """
        entry = self._lines.get(prompt_key(prompt))
        if entry is None:
            return None
        if entry.rule is not None:
            return float(follows(answer, entry.rule, entry.arguments))
        assert self._ifeval is not None
        kwargs = [{name: value for name, value in one.items() if value is not None} for one in entry.kwargs]
        strict = self._ifeval.verdict(
            entry.key, prompt[-1]["content"], entry.instruction_id_list, kwargs, answer
        ).strict
        return sum(strict) / len(strict)


def to_messages(prompt: str | list[dict[str, str]], where: str) -> Messages:
    """Turns a prompt into messages: a text becomes one user turn.

    Raises:
        UserError: a turn has no role or no content.
    """
    if isinstance(prompt, str):
        return [Message(role="user", content=prompt)]
    try:
        return [Message(role=turn["role"], content=turn["content"]) for turn in prompt]
    except KeyError as error:
        raise UserError(f"a turn of the prompt has no {error}.", where=where) from error
