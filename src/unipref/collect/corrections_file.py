"""Writes the policy's answers with their corrections by rule: edits, which are a source like any other."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from unipref.collect.answers import Answer, AnsweredPrompt
from unipref.collect.feedback_file import name_model
from unipref.collect.load import ResolvedCollection
from unipref.collect.pairs import list_distinct, repeats_itself
from unipref.collect.prompts import Prompt
from unipref.core import json_files
from unipref.core.answer_checks.corrections import correct_answer, follows_all
from unipref.core.answer_checks.ifeval import Checks

CORRECTIONS = "corrections.jsonl"


class CorrectionCounts(msgspec.Struct):
    """What became of the answers to prompts with constraints, each text of a prompt once.

    Attributes:
        prompts: prompts with constraints and an answer; corrected_prompts: those with a corrected answer.
        corrected: answers with a correction; repetitive: answers that repeat themselves, which are not corrected;
        followed: answers that follow all constraints already; unchanged: other answers that no rule can correct.
    """

    prompts: int = 0
    corrected_prompts: int = 0
    corrected: int = 0
    repetitive: int = 0
    followed: int = 0
    unchanged: int = 0


def write_corrections(
    path: Path,
    loaded: ResolvedCollection,
    prompts: Sequence[Prompt],
    answered: Sequence[AnsweredPrompt],
    on_progress: Callable[[str, int, int], None],
) -> CorrectionCounts | None:
    """Writes one row for each answer that a rule corrects, at most `corrections` to a prompt.

    Args:
        path: the file.
        loaded: the settings.
        prompts: with their constraints.
        answered: their answers, in the same order.
        on_progress: called with what runs, and the numbers of prompts done and of all.

    Returns:
        The counts; None, and no file, if the settings ask for no corrections.
    """
    counts = CorrectionCounts()
    most = loaded.settings.corrections
    if not most:
        path.unlink(missing_ok=True)  # of earlier settings
        return None
    checks = Checks()
    with json_files.replace_file(path) as file:
        for number, (prompt, one) in enumerate(zip(prompts, answered, strict=True)):
            on_progress("correcting answers", number, len(prompts))
            if not prompt.constraints or one.why_not is not None:
                continue
            counts.prompts += 1
            written = 0
            for answer, corrected in _iterate_corrected(prompt, list_distinct(one.answers), checks, counts):
                file.write(msgspec.json.encode(_make_row(loaded, prompt, answer, corrected)) + b"\n")
                written += 1
                if written == most:
                    break
            counts.corrected += written
            counts.corrected_prompts += written > 0
    return counts


def _iterate_corrected(
    prompt: Prompt, answers: Sequence[Answer], checks: Checks, counts: CorrectionCounts
) -> Iterator[tuple[Answer, str]]:
    """Yields answers and their corrections; those that the policy ended come first."""
    for answer in sorted(answers, key=lambda one: not one.ended):
        if repeats_itself(answer.text):
            counts.repetitive += 1
            continue
        others = [one.text for one in answers if one is not answer and one.ended and not repeats_itself(one.text)]
        asked = prompt.messages[-1]["content"]
        corrected = correct_answer(answer.text, answer.ended, asked, prompt.constraints, others, checks)
        if corrected is not None:
            yield answer, corrected
        elif follows_all(answer.text, asked, prompt.constraints, checks):
            counts.followed += 1
        else:
            counts.unchanged += 1


def _make_row(loaded: ResolvedCollection, prompt: Prompt, answer: Answer, corrected: str) -> dict[str, Any]:
    return {
        "prompt": prompt.messages,
        "original": answer.text,
        "corrected": corrected,
        "constraints": [constraint.kind for constraint in prompt.constraints],
        "objective": loaded.settings.objective,
        "seed": answer.seed,
        "ended": answer.ended,
        "temperature": loaded.settings.answers.temperature,
        "policy": name_model(loaded.settings.model),
        "source": prompt.source,
    }
