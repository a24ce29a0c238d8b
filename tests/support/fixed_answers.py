"""A policy whose answers a test writes."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from unipref.collect import run
from unipref.collect.answers import Answer, AnsweredPrompt, make_seeds
from unipref.collect.prompts import Prompt

WriteAnswers = Callable[[Prompt], Sequence[str]]


def use_answers(
    patch: pytest.MonkeyPatch, write: WriteAnswers, ended: Callable[[str], bool] = lambda text: True
) -> None:
    """Makes collections take these answers in place of a model's."""

    def generate(model: str, prompts: Sequence[Prompt], settings: Any, *rest: Any) -> list[AnsweredPrompt]:
        return [
            AnsweredPrompt(
                place,
                [
                    Answer(text, seed, len(text.split()), ended(text))
                    for text, seed in zip(write(prompt), make_seeds(prompt.key, settings), strict=True)
                ],
            )
            for place, prompt in enumerate(prompts)
        ]

    patch.setattr(run, "generate_answers", generate)
