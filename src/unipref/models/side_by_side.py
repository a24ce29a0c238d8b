"""Answers of one or several models to the same prompts, side by side."""

from collections.abc import Sequence
from typing import Any

from unipref.core.records import Message
from unipref.models import inference, loading


def answers(
    names: Sequence[str], prompts: Sequence[str], max_new_tokens: int, temperature: float, seed: int
) -> list[dict[str, Any]]:
    """Each prompt with each model's answer, through the model's chat template or ours.

    Args:
        names: folders or hub names of language models; loaded one after the other.
        prompts: user turns.
        max_new_tokens: longest answer, in tokens.
        temperature: 0 takes the likeliest token each time.
        seed: of the draw, where temperature is above 0.
    """
    rows: list[dict[str, Any]] = [{"prompt": prompt, "answers": {}} for prompt in prompts]
    for name in names:
        policy = loading.load_policy(name)
        texts = [policy.prompt_text([Message(role="user", content=prompt)]) for prompt in prompts]
        written = inference.generate(policy, texts, max_new_tokens, temperature=temperature, seed=seed)
        for row, answer in zip(rows, written, strict=True):
            row["answers"][name] = answer.strip()
    return rows


def side_by_side(rows: list[dict[str, Any]]) -> str:
    """The answers for a reader: the prompt, then one line per model."""
    blocks = []
    for row in rows:
        width = max(len(name) for name in row["answers"])
        lines = [f"{name:{width}}  {answer}" for name, answer in row["answers"].items()]
        blocks.append("\n".join([f"> {row['prompt']}", *lines]))
    return "\n\n".join(blocks)
