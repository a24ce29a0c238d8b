"""Generates answers of one or more models to the same prompts, and formats them side by side."""

from collections.abc import Sequence
from typing import Any

from unipref.core.chat_models import Policy, RefusedDialogue
from unipref.core.records import Message
from unipref.models import inference, loading


def generate_answers(
    names: Sequence[str], prompts: Sequence[str], max_new_tokens: int, temperature: float, seed: int
) -> list[dict[str, Any]]:
    """Generates each model's answer to each prompt, with the model's chat template or, if it has none, ours.

    Args:
        names: folders or hub names of language models; loaded one after the other.
        prompts: user turns.
        max_new_tokens: maximum length of an answer, in tokens.
        temperature: 0 always takes the most likely token.
        seed: seed of the sampling, if temperature is above 0.
    """
    rows: list[dict[str, Any]] = [{"prompt": prompt, "answers": {}} for prompt in prompts]
    for name in names:
        policy = loading.load_policy(name)
        if refusal := _find_refusal(policy):
            for row in rows:
                row["answers"][name] = f"(no answer: {refusal})"
            continue
        texts = [policy.prompt_text([Message(role="user", content=prompt)]) for prompt in prompts]
        generated = inference.generate(policy, texts, max_new_tokens, temperature=temperature, seed=seed)
        for row, answer in zip(rows, generated, strict=True):
            row["answers"][name] = answer.strip()
    return rows


def _find_refusal(policy: Policy) -> str | None:
    """Why the model's chat template refuses a prompt of one user turn; None if it does not."""
    try:
        policy.prompt_text([Message(role="user", content="a")])
    except RefusedDialogue as error:
        return error.what
    return None


def format_side_by_side(rows: list[dict[str, Any]]) -> str:
    """Formats the answers: the prompt, then one line per model."""
    blocks = []
    for row in rows:
        width = max(len(name) for name in row["answers"])
        lines = [f"{name:{width}}  {answer}" for name, answer in row["answers"].items()]
        blocks.append("\n".join([f"> {row['prompt']}", *lines]))
    return "\n\n".join(blocks)
