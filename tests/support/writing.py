"""A policy whose texts follow a rule, for benchmarks that generate them."""

from collections.abc import Callable, Sequence

import pytest

from support.fakes import text_of
from unipref.core.chat_models import Policy
from unipref.models.inference import GeneratedText


def write_by(monkeypatch: pytest.MonkeyPatch, rule: Callable[[str], str]) -> list[str]:
    """Lets `sentiment.write_texts` hear from a rule, prompt -> text; gives the list in which each prompt is noted."""
    asked: list[str] = []

    def generate(policy: Policy, prompts: Sequence[Sequence[int]], *_: object, **__: object) -> list[GeneratedText]:
        texts = [text_of(prompt) for prompt in prompts]
        asked.extend(texts)
        written = [rule(text) for text in texts]
        return [GeneratedText(text, len(text.split()), True) for text in written]

    monkeypatch.setattr("unipref.evaluate.sentiment.generate_detailed", generate)
    return asked
