"""lm-eval's checkers of IFEval, loaded without the network and asked one instruction at a time, the same each time."""

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
    """Whether each instruction of a prompt was followed, in order: by the output as it is, and loosely."""

    strict: list[bool]
    loose: list[bool]


class Checks:
    """The checkers, ready to judge."""

    def __init__(self) -> None:
        self._utils = _load()

    def known(self) -> list[str]:
        """The types of instruction there are checkers for."""
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
        """What the checkers say to an output.

        Args:
            key: the prompt's number, which seeds what a checker draws: for a letter that is none ('#' and '!' in two
                prompts of the published data) lm-eval's checker counts a random one.
            prompt: the prompt.
            instructions: the types of its instructions.
            arguments: of each instruction.
            output: what was written.

        Raises:
            UserError: there is no such type, or its arguments are not what the checker takes.
        """
        checks = (self._utils.test_instruction_following_strict, self._utils.test_instruction_following_loose)
        sides: list[list[bool]] = [[], []]
        for kind, given in zip(instructions, arguments, strict=True):
            asked = self._utils.InputExample(key, [kind], prompt, [dict(given)])
            for side, check in zip(sides, checks, strict=True):
                with _seeded(key):
                    side.append(_followed(check, asked, output))
        return Verdict(*sides)

    def check_type(self, kind: str, where: str) -> None:
        """Refuses a type that there is no checker for."""
        if kind not in self.known():
            raise UserError(f"there is no instruction type '{kind}'.", where=where, mend=near_name(kind, self.known()))


def _load() -> Any:
    """The module of the checkers. Importing it would download `punkt_tab` and say so even where that fails."""
    try:
        import nltk

        download = nltk.download
        nltk.download = lambda *_, **__: False
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                found = importlib.import_module(CHECKERS)
        finally:
            nltk.download = download
    except ModuleNotFoundError as error:
        raise needs_extra(str(error.name), "eval", "The benchmark ifeval") from error
    # It logs every answer in which no language is found, whole.
    logging.getLogger("lm_eval.tasks.ifeval.instructions").setLevel(logging.CRITICAL)
    return found


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Everything the checkers draw depends on the seed alone; the program's own draws go on as if nothing had been."""
    import langdetect

    state, languages = random.getstate(), langdetect.DetectorFactory.seed
    random.seed(seed)
    langdetect.DetectorFactory.seed = 0
    try:
        yield
    finally:
        random.setstate(state)
        langdetect.DetectorFactory.seed = languages


def _followed(check: Any, asked: Any, output: str) -> bool:
    try:
        return bool(check(asked, output).follow_instruction_list[0])
    except RecursionError:
        # Brackets opened a thousand times over are nothing that the JSON checker can read.
        return False
    except (ValueError, TypeError, KeyError, re.error) as error:
        raise UserError(
            f"'{asked.instruction_id_list[0]}' cannot be checked with the arguments {asked.kwargs[0]}: {error}.",
            where=f"the prompt with key {asked.key}",
            mend="Give the arguments as in the published data.",
        ) from error
