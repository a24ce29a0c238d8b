"""Runs lm-eval's checkers of IFEval: without network access, one instruction at a time, with a fixed seed."""

import contextlib
import importlib
import io
import logging
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from unipref.core.errors import UserError, near_name, needs_extra

CHECKERS = "lm_eval.tasks.ifeval.utils"
SENTENCES = frozenset({"length_constraints:number_sentences", "change_case:capital_word_frequency"})
"""The types whose checkers split text with NLTK's table `punkt_tab`."""
GET_TABLE = "python -m nltk.downloader punkt_tab"


class Verdict(NamedTuple):
    """Whether the output follows each instruction of a prompt, in order: strictly, and loosely."""

    strict: list[bool]
    loose: list[bool]


class Checks:
    """The loaded checkers."""

    def __init__(self) -> None:
        self._utils = _load()

    def types(self) -> list[str]:
        """Returns the instruction types that have a checker."""
        return list(self._utils.instructions_registry.INSTRUCTION_DICT)

    def has_table(self) -> bool:
        """Whether NLTK's table `punkt_tab` is on this machine."""
        import nltk

        try:
            nltk.data.find("tokenizers/punkt_tab")
        except LookupError:
            return False
        return True

    def verdict(
        self, key: int, prompt: str, instructions: Sequence[str], arguments: Sequence[Mapping[str, Any]], output: str
    ) -> Verdict:
        """Checks an output against each instruction.

        Args:
            key: the prompt's number, which seeds what a checker draws: for a letter that is not one ('#' and '!' in two
                prompts of the published data) lm-eval's checker counts a random one.
            prompt: the prompt.
            instructions: the types of its instructions.
            arguments: of each instruction.
            output: the model's answer.

        Raises:
            UserError: the type is unknown, or the checker does not accept the arguments.
        """
        checks = (self._utils.test_instruction_following_strict, self._utils.test_instruction_following_loose)
        sides: list[list[bool]] = [[], []]
        for kind, kwargs in zip(instructions, arguments, strict=True):
            for side, check in zip(sides, checks, strict=True):
                side.append(self._check(check, key, prompt, kind, kwargs, output))
        return Verdict(*sides)

    def is_followed(self, key: int, prompt: str, kind: str, arguments: Mapping[str, Any], output: str) -> bool:
        """Whether an output strictly follows one instruction; arguments and errors as of `verdict`."""
        strict = self._utils.test_instruction_following_strict
        return self._check(strict, key, prompt, kind, arguments, output)

    def _check(self, check: Any, key: int, prompt: str, kind: str, arguments: Mapping[str, Any], output: str) -> bool:
        example = self._utils.InputExample(key, [kind], prompt, [dict(arguments)])
        with _fixed_seed(key):
            return _is_followed(check, example, output)

    def check_type(self, kind: str, where: str) -> None:
        """Raises UserError if an instruction type has no checker."""
        if kind not in self.types():
            raise UserError(f"unknown instruction type '{kind}'.", where=where, mend=near_name(kind, self.types()))


def _load() -> Any:
    """Imports the module of the checkers, without the download of `punkt_tab` that an import starts."""
    try:
        import nltk

        download = nltk.download
        nltk.download = lambda *_, **__: False
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                module = importlib.import_module(CHECKERS)
        finally:
            nltk.download = download
    except ModuleNotFoundError as error:
        raise needs_extra(str(error.name), "eval", "The benchmark ifeval") from error
    # It logs the whole text of every answer whose language it cannot detect.
    logging.getLogger("lm_eval.tasks.ifeval.instructions").setLevel(logging.CRITICAL)
    return module


@contextlib.contextmanager
def _fixed_seed(seed: int) -> Iterator[None]:
    """Seeds the checkers' random draws, and restores the program's own random state afterwards."""
    import langdetect

    state, languages = random.getstate(), langdetect.DetectorFactory.seed
    random.seed(seed)
    langdetect.DetectorFactory.seed = 0
    try:
        yield
    finally:
        random.setstate(state)
        langdetect.DetectorFactory.seed = languages


def _is_followed(check: Any, example: Any, output: str) -> bool:
    try:
        return bool(check(example, output).follow_instruction_list[0])
    except RecursionError:
        # The JSON checker cannot read a thousand nested brackets.
        return False
    except (ValueError, TypeError, KeyError, re.error) as error:
        raise UserError(
            f"'{example.instruction_id_list[0]}' cannot be checked with the arguments {example.kwargs[0]}: {error}.",
            where=f"the prompt with key {example.key}",
            mend="Give the arguments as in the published data.",
        ) from error
