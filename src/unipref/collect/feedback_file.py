"""Writes the results: the feedback, which is a source like any other, and every answer."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from unipref.collect.answers import AnsweredPrompt
from unipref.collect.judging import JudgeResult
from unipref.collect.load import ResolvedCollection
from unipref.collect.pairs import OwnPair
from unipref.collect.prompts import Prompt
from unipref.core import json_files
from unipref.core.contracts import Opinion

FEEDBACK, ANSWERS, RULES = "feedback.jsonl", "answers.jsonl", "rules.jsonl"


def write_feedback(
    path: Path,
    loaded: ResolvedCollection,
    prompts: Sequence[Prompt],
    pairs: Sequence[OwnPair],
    results: Sequence[JudgeResult],
) -> int:
    """Writes one row for each vote: a pair of answers, who voted and how; returns the number of rows.

    The rows are in the order of the prompts, pairs and judges, so the bytes depend on the votes alone. Pairs without a
    vote are in the files of the judges.
    """
    count = 0
    with json_files.replace_file(path) as file:
        for pair in pairs:
            for result in results:
                for opinion in result.opinions.get(pair.to_judge.key, []):
                    if opinion.vote is not None:
                        row = _make_row(loaded, prompts[pair.place], pair, result, opinion)
                        file.write(msgspec.json.encode(row) + b"\n")
                        count += 1
    return count


def _make_row(
    loaded: ResolvedCollection, prompt: Prompt, pair: OwnPair, result: JudgeResult, opinion: Opinion
) -> dict[str, Any]:
    judge, settings = result.judge, loaded.settings
    first_score, second_score = opinion.scores or (None, None)
    return {
        "pair": pair.to_judge.key,
        "prompt": prompt.messages,
        "first": pair.first.text,
        "second": pair.second.text,
        "vote": opinion.vote,
        # Two people without a name are not one person.
        "judge": opinion.annotator if judge.has_people else judge.annotator(),
        "kind": judge.name(),
        "objective": settings.objective,
        "shown_first": opinion.shown_first,
        "first_score": first_score,
        "second_score": second_score,
        "first_seed": pair.first.seed,
        "second_seed": pair.second.seed,
        "first_tokens": pair.first.n_tokens,
        "second_tokens": pair.second.n_tokens,
        "first_ended": pair.first.ended,
        "second_ended": pair.second.ended,
        "temperature": settings.answers.temperature,
        "policy": name_model(settings.model),
        "source": prompt.source,
        "constraints": [constraint.kind for constraint in prompt.constraints],
        "details": opinion.details,
    }


def write_answers(path: Path, prompts: Sequence[Prompt], answered: Sequence[AnsweredPrompt]) -> None:
    """Writes each prompt with all of its answers, also those that no judge compared."""
    with json_files.replace_file(path) as file:
        for row in _iterate_answers(prompts, answered):
            file.write(msgspec.json.encode(row) + b"\n")


def _iterate_answers(prompts: Sequence[Prompt], answered: Sequence[AnsweredPrompt]) -> Iterator[dict[str, Any]]:
    for prompt, one in zip(prompts, answered, strict=True):
        yield {
            "prompt": prompt.messages,
            "source": prompt.source,
            "constraints": [constraint.kind for constraint in prompt.constraints],
            "answers": one.answers,
            "why_not": one.why_not,
        }


def name_model(model: str) -> str:
    """Returns a model's hub name, or the last part of its path: the file holds no path of a machine."""
    return Path(model).name if Path(model).exists() else model
