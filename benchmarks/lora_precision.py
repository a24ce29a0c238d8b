"""Compares LoRA training on a CPU in float32, with frozen layers in bfloat16, and with the whole model in bfloat16.

The same texts, seed and optimiser steps; prints tokens per CPU second and the loss of each step.

    python benchmarks/lora_precision.py MODEL TEXTS.jsonl     # lines {"conversations": [question, answer]}

Rows per pass, tokens per row and the adapter's dropout can be given, to compare their speed:

    python benchmarks/lora_precision.py MODEL TEXTS.jsonl --way float32 --rows 1 --tokens 54 --dropout 0.05
"""

import argparse
import json
import time
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model

from unipref.core.chat_models import Policy
from unipref.models.loading import load_policy
from unipref.train.frozen_layers import lower_frozen_layers

RATE = 2e-4
WAYS = {"float32": ("float32", False), "frozen layers in bfloat16": ("float32", True), "bfloat16": ("bfloat16", False)}


def main() -> None:
    """Trains once in each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("texts", type=Path)
    parser.add_argument("--steps", type=int, default=18)
    parser.add_argument("--way", choices=WAYS, action="append", help="only this one; repeatable")
    parser.add_argument("--rows", type=int, default=4, help="rows per pass")
    parser.add_argument("--tokens", type=int, default=128, help="tokens per row; shorter rows are left out")
    parser.add_argument("--dropout", type=float, default=0.0, help="of the adapter")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for way in given.way or WAYS:
        precision, lowers = WAYS[way]
        policy = load_policy(given.model, precision)
        batches = read_batches(policy, given.texts, given.steps + 1, given.rows, given.tokens)
        speed, losses = train(policy, batches, lowers, given.dropout)
        shown = " ".join(f"{loss:.3f}" for loss in losses)
        print(f"{way}: {speed:.0f} tokens/s, mean loss {sum(losses) / len(losses):.4f} ({shown})", flush=True)


def read_batches(policy: Policy, texts: Path, n: int, rows: int, tokens: int) -> list[torch.Tensor]:
    """Reads `n` batches of `rows` rows, each cut to `tokens` tokens."""
    found: list[list[int]] = []
    with texts.open(encoding="utf-8") as file:
        for line in file:
            question, answer = json.loads(line)["conversations"][:2]
            turns = [{"role": "user", "content": question[:300]}, {"role": "assistant", "content": answer}]
            text = policy.tokenizer.apply_chat_template(turns, tokenize=False)
            ids = policy.tokenizer(text, add_special_tokens=False)["input_ids"][:tokens]
            if len(ids) == tokens:
                found.append(ids)
            if len(found) == n * rows:
                break
    if len(found) < n * rows:
        raise SystemExit(f"{texts} has {len(found)} rows of {tokens} tokens, and {n * rows} are needed")
    return [torch.tensor(found[start : start + rows]) for start in range(0, len(found), rows)]


def train(policy: Policy, batches: list[torch.Tensor], lowers: bool, dropout: float) -> tuple[float, list[float]]:
    """Trains an adapter of rank 16 on all linear layers; returns tokens per CPU second and the loss of each step."""
    torch.manual_seed(0)
    config = LoraConfig(r=16, lora_alpha=32, lora_dropout=dropout, target_modules="all-linear")
    adapted = get_peft_model(policy.model, config)
    if lowers:
        lower_frozen_layers(adapted)
    adapted.train()
    optimiser = torch.optim.AdamW([one for one in adapted.parameters() if one.requires_grad], lr=RATE)
    losses, seconds = [], 0.0
    for number, batch in enumerate(batches):
        began = time.process_time()
        loss = adapted(input_ids=batch, labels=batch).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(float(loss))
        seconds += (time.process_time() - began) if number else 0.0  # the first step also sets up the kernels
    return sum(batch.numel() for batch in batches[1:]) / seconds, losses


if __name__ == "__main__":
    main()
