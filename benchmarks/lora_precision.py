"""Compares LoRA training on a CPU in float32, with frozen layers in bfloat16, and with the whole model in bfloat16.

The same texts, seed and optimiser steps; prints tokens per CPU second and the loss of each step.

    python benchmarks/lora_precision.py MODEL TEXTS.jsonl     # lines {"conversations": [question, answer]}
"""

import argparse
import json
import time
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model

from unipref.models.loading import load_policy
from unipref.train.frozen_layers import lower_frozen_layers

ROWS, TOKENS, RATE = 4, 128, 2e-4
WAYS = {"float32": ("float32", False), "frozen layers in bfloat16": ("float32", True), "bfloat16": ("bfloat16", False)}


def main() -> None:
    """Trains once in each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("texts", type=Path)
    parser.add_argument("--steps", type=int, default=18)
    given = parser.parse_args()
    torch.set_num_threads(1)
    for way, (precision, lowers) in WAYS.items():
        speed, losses = train(given.model, given.texts, given.steps, precision, lowers)
        shown = " ".join(f"{loss:.3f}" for loss in losses)
        print(f"{way}: {speed:.0f} tokens/s, mean loss {sum(losses) / len(losses):.4f} ({shown})", flush=True)


def train(model: str, texts: Path, steps: int, precision: str, lowers: bool) -> tuple[float, list[float]]:
    """Trains an adapter of rank 16 on all linear layers; returns tokens per CPU second and the loss of each step."""
    policy = load_policy(model, precision)
    torch.manual_seed(0)
    adapted = get_peft_model(policy.model, LoraConfig(r=16, lora_alpha=32, target_modules="all-linear"))
    if lowers:
        lower_frozen_layers(adapted)
    adapted.train()
    optimiser = torch.optim.AdamW([one for one in adapted.parameters() if one.requires_grad], lr=RATE)
    rows = []
    with texts.open(encoding="utf-8") as file:
        for line in file:
            question, answer = json.loads(line)["conversations"][:2]
            turns = [{"role": "user", "content": question[:300]}, {"role": "assistant", "content": answer}]
            text = policy.tokenizer.apply_chat_template(turns, tokenize=False)
            ids = policy.tokenizer(text, add_special_tokens=False)["input_ids"][:TOKENS]
            if len(ids) == TOKENS:
                rows.append(ids)
            if len(rows) == ROWS * (steps + 1):
                break
    losses, seconds = [], 0.0
    for start in range(0, len(rows), ROWS):
        began = time.process_time()
        batch = torch.tensor(rows[start : start + ROWS])
        loss = adapted(input_ids=batch, labels=batch).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(float(loss))
        seconds += (time.process_time() - began) if start else 0.0  # the first step also sets up the kernels
    return (len(rows) - ROWS) * TOKENS / seconds, losses


if __name__ == "__main__":
    main()
