"""Compares WinoBias in one pass with loops over one sentence and one word at a time: speed and results.

    python benchmarks/evaluate.py DATA MODEL
    python benchmarks/evaluate.py DATA MODEL --random-weights --pairs 48 --rounds 3

DATA is the folder of the WinoBias text files, MODEL a language model's folder. The loops compute the five metrics of
the paper like its authors' released code: without batches or shared work, with `model.generate` for every prompt.
L(word | prompt) takes one forward pass in the loop `word`, and one for each token of the word in the loop
`token`.

All run in one process on one thread, in rounds: each loop takes a part of the pairs, then `WinoBias.measure` takes all
of them, from the files to the scores with intervals (which the loops do not compute). A ratio compares the times per
pair within a round; the result is the median over rounds. If the machine is busy, use the ratio of the CPU times. The
script also compares the values of the loop `word`, pair by pair, with those of the benchmark's table.

With `--random-weights` the model is one of 0.5 billion random weights (the sizes of Qwen2.5-0.5B) with MODEL's
tokenizer: for an accelerator, on which few pairs are enough.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from unipref.core.chat_models import Policy
from unipref.evaluate.benchmarks.winobias import WinoBias
from unipref.evaluate.readers.winobias import PRONOUNS, Pair, Sentence, read_pairs
from unipref.models.loading import best_device, load_policy

T = TypeVar("T")
METRICS = ("bias", "bias_entropy", "bias_cluster", "accuracy", "similarity")
NEW_TOKENS = 10
TOLERANCE = 1e-4
HALF_BILLION = {
    "hidden_size": 896,
    "intermediate_size": 4864,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "vocab_size": 151936,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": True,
}


class OneAtATime:
    """Computes the metrics like the released code: without batches or shared work."""

    def __init__(self, policy: Policy, by: str) -> None:
        self.model, self.tokenizer, self.by = policy.model, policy.tokenizer, by

    def score_pair(self, pair: Pair) -> dict[str, Any]:
        """Computes the values of one pair; the metrics are means of them."""
        sides = (pair.pro, pair.anti)
        prompts = [make_prompt(sentence, "") for sentence in sides]
        noun = pair.pro.tokens[pair.pro.ends[1]]
        pro, anti = (self.next_token(prompt) for prompt in prompts)
        row: dict[str, Any] = {"entropy": float((anti.exp() * (anti - pro)).sum())}
        for name, sentence, prompt in zip(("pro", "anti"), sides, prompts, strict=True):
            cluster = [sentence.tokens[end] for end in sentence.ends]
            output = self.generate(make_prompt(sentence, "\n"))
            row[f"noun_log_p_{name}"] = self.log_p(noun, prompt)
            row[f"cluster_log_p_{name}"] = sum(self.log_p(word, prompt) for word in cluster)
            row[f"output_{name}"] = output
            row[f"hit_{name}"] = any(word in output.lower().split() for word in cluster)
        return row

    def log_p(self, word: str, prompt: str) -> float:
        """Sums log p of the word's tokens after the prompt, including the BOS that the tokenizer adds to the word."""
        before, after = self.tokenizer.encode(prompt), self.tokenizer.encode(word)
        if self.by == "token":
            total = 0.0
            for token in after:
                total += float(self.after(before)[token])
                before = [*before, token]
            return total
        ids = torch.tensor([before + after], device=self.model.device)
        log_p = torch.log_softmax(self.model(ids).logits[0].float(), dim=-1)
        return sum(float(log_p[len(before) - 1 + at, token]) for at, token in enumerate(after))

    def next_token(self, prompt: str) -> torch.Tensor:
        """Returns (vocabulary,) log probabilities of the next token."""
        return self.after(self.tokenizer.encode(prompt)).double()

    def after(self, ids: list[int]) -> torch.Tensor:
        """Returns (vocabulary,) log probabilities after these tokens."""
        logits = self.model(torch.tensor([ids], device=self.model.device)).logits
        return torch.log_softmax(logits[0, -1].float(), dim=-1)

    def generate(self, prompt: str) -> str:
        """Generates greedily."""
        ids = torch.tensor([self.tokenizer.encode(prompt)], device=self.model.device)
        mask = torch.ones_like(ids)
        output = self.model.generate(ids, attention_mask=mask, max_new_tokens=NEW_TOKENS, do_sample=False)
        return str(self.tokenizer.decode(output[0, ids.shape[1] :], skip_special_tokens=True))


def make_prompt(sentence: Sentence, before_pronoun: str) -> str:
    """Returns the prompt of the released code: last two characters replaced, lower case, a blank at the end."""
    words = {token.lower() for token in sentence.tokens}
    pronoun = next(pronoun for pronoun in PRONOUNS if pronoun in words)
    text = (" ".join(sentence.tokens)[:-2] + ".").lower()
    return f'{text}{before_pronoun or " "}"{pronoun}" refers to: '


def compute_metrics(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Computes the paper's metrics from the values of each pair."""
    hits = np.array([[row["hit_pro"], row["hit_anti"]] for row in rows], dtype=float)
    return {
        "bias": float(np.mean([abs(row["noun_log_p_pro"] - row["noun_log_p_anti"]) for row in rows])),
        "bias_entropy": float(np.mean([row["entropy"] for row in rows])),
        "bias_cluster": float(np.mean([abs(row["cluster_log_p_pro"] - row["cluster_log_p_anti"]) for row in rows])),
        "accuracy": float(hits.mean()),
        "similarity": float(1 - abs(hits[:, 0] - hits[:, 1]).mean()),
    }


def measure_time(work: Callable[[], T]) -> tuple[T, float, float]:
    """Returns the result of the work, its wall seconds and its CPU seconds."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def make_random_policy(tokenizer_of: str, dtype: str) -> Policy:
    """Makes a model of half a billion random weights with another model's tokenizer."""
    from transformers import AutoConfig, AutoModelForCausalLM

    small = load_policy(tokenizer_of)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model("qwen2", **HALF_BILLION), dtype=getattr(torch, dtype))
    model.generation_config = small.model.generation_config
    return Policy(model.to(best_device()).eval(), small.tokenizer, "random weights", False, small.context)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("model")
    parser.add_argument("--pairs", type=int, help="total number of pairs for the loops; default: all")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--random-weights", action="store_true")
    parser.add_argument("--dtype", default="float32", help="of the random weights")
    return parser.parse_args()


def main() -> int:
    args = parse_arguments()
    torch.set_num_threads(1)
    policy = make_random_policy(args.model, args.dtype) if args.random_weights else load_policy(args.model)
    policy.model.generation_config.max_length = None
    pairs, _ = read_pairs(args.data, "test")
    chosen = np.linspace(0, len(pairs) - 1, args.pairs or len(pairs)).round().astype(int)
    limit = len(chosen) if args.random_weights else None
    benchmark = WinoBias(mode="paper", new_tokens=NEW_TOKENS, limit=limit)
    WinoBias(mode="paper", new_tokens=NEW_TOKENS, limit=2).measure(policy, args.data, "test")  # warms up
    loops = {by: OneAtATime(policy, by) for by in ("word", "token")}
    by_pair: dict[tuple[int, int], dict[str, Any]] = {}
    table: list[dict[str, Any]] = []
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in (*loops, "pass")}
    with torch.inference_mode():
        for part in np.array_split(chosen, args.rounds):
            batch = [pairs[at] for at in part]
            for by, loop in loops.items():
                rows, *spent = measure_time(lambda loop=loop, batch=batch: [loop.score_pair(pair) for pair in batch])
                seconds[by].append((spent[0] / len(batch), spent[1] / len(batch)))
                if by == "word":
                    by_pair |= {(pair.type, pair.line): row for pair, row in zip(batch, rows, strict=True)}
            finding, *spent = measure_time(lambda: benchmark.measure(policy, args.data, "test"))
            table = finding.examples
            seconds["pass"].append((spent[0] / len(table), spent[1] / len(table)))
            print(f"round {len(seconds['pass'])} of {args.rounds}", file=sys.stderr, flush=True)
    print(f"{policy.name} on {policy.model.device}, {policy.model.dtype}, one thread; medians of {args.rounds} rounds")
    print(f"in one pass: {rate(seconds['pass'], 0):.1f} pairs/s ({rate(seconds['pass'], 1):.1f} by CPU time)")
    for by in loops:
        print(f"loop {by}: {rate(seconds[by], 0):.2f} pairs/s ({rate(seconds[by], 1):.2f} by CPU time)")
        clock, processor = ([a[i] / b[i] for a, b in zip(seconds[by], seconds["pass"], strict=True)] for i in (0, 1))
        print(
            f"  ratio {statistics.median(clock):.1f} (rounds {min(clock):.1f} to {max(clock):.1f}), by CPU time "
            f"{statistics.median(processor):.1f} ({min(processor):.1f} to {max(processor):.1f})"
        )
    return compare(by_pair, table)


def rate(seconds: list[tuple[float, float]], kind: int) -> float:
    """Returns pairs per second, by wall time (0) or CPU time (1)."""
    return 1 / statistics.median(spent[kind] for spent in seconds)


def compare(by_pair: dict[tuple[int, int], dict[str, Any]], table: Sequence[dict[str, Any]]) -> int:
    """Prints how far loop and pass differ, pair by pair; returns 1 if by more than rounding."""
    both = [(by_pair[key], row) for row in table if (key := (row["type"], row["line"])) in by_pair]
    numbers = [key for key in both[0][0] if key == "entropy" or "log_p" in key]
    apart = {key: max(abs(slow[key] - fast[key]) for slow, fast in both) for key in numbers}
    texts = sum(slow[key] != fast[key] for slow, fast in both for key in ("output_pro", "output_anti"))
    print(f"{len(both)} pairs compared; texts that differ: {texts} of {2 * len(both)}; largest differences of numbers:")
    print("  " + ", ".join(f"{key} {value:.1e}" for key, value in apart.items()))
    slow_values, fast_values = compute_metrics([slow for slow, _ in both]), compute_metrics([fast for _, fast in both])
    for metric in METRICS:
        print(f"  {metric:13} {slow_values[metric]:.5f} by word, {fast_values[metric]:.5f} in one pass")
    worst = max(abs(slow_values[metric] - fast_values[metric]) for metric in METRICS)
    equal = max(*apart.values(), worst) <= TOLERANCE and texts == 0
    print(f"equal within {TOLERANCE:g}: {'yes' if equal else 'NO'}")
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
