"""All WinoBias metrics in one pass, against loops that take one sentence and one word at a time.

    python benchmarks/evaluate.py DATA MODEL
    python benchmarks/evaluate.py DATA MODEL --random-weights --pairs 48 --rounds 3

DATA is the folder of the WinoBias text files, MODEL a language model's folder. The loops compute the five metrics of
the paper in the manner of its authors' released code: nothing batched, nothing shared, `model.generate` for every
prompt. L(word | prompt) takes one forward pass in the loop `word`, and one for each token of the word in the loop
`token`.

All run in one process on one thread and take turns: a part of the pairs by each loop, then all of them by
`WinoBias.measure`, from the files to the scores with their intervals, which the loops do not have. A ratio is that of
the times per pair within a round; the median over rounds is what counts. Where the machine does other things as well,
the ratio of the processor times is the one to look at. The values of the loop `word` are compared, pair by pair, with
those of the benchmark's table.

With `--random-weights` the model is one of 0.5 billion random weights (the sizes of Qwen2.5-0.5B) with MODEL's
tokenizer: for an accelerator, where the pairs of a short run suffice.
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
    """The metrics in the manner of the released code: nothing batched, nothing shared."""

    def __init__(self, policy: Policy, by: str) -> None:
        self.model, self.tokenizer, self.by = policy.model, policy.tokenizer, by

    def pair(self, pair: Pair) -> dict[str, Any]:
        """What the metrics are means of, for one pair."""
        sides = (pair.pro, pair.anti)
        prompts = [wording(sentence, "") for sentence in sides]
        noun = pair.pro.tokens[pair.pro.ends[1]]
        pro, anti = (self.next_token(prompt) for prompt in prompts)
        row: dict[str, Any] = {"entropy": float((anti.exp() * (anti - pro)).sum())}
        for name, sentence, prompt in zip(("pro", "anti"), sides, prompts, strict=True):
            cluster = [sentence.tokens[end] for end in sentence.ends]
            output = self.written(wording(sentence, "\n"))
            row[f"noun_log_p_{name}"] = self.log_p(noun, prompt)
            row[f"cluster_log_p_{name}"] = sum(self.log_p(word, prompt) for word in cluster)
            row[f"output_{name}"] = output
            row[f"hit_{name}"] = any(word in output.lower().split() for word in cluster)
        return row

    def log_p(self, word: str, prompt: str) -> float:
        """Sum of log p of the word's tokens after the prompt, its own BOS among them."""
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
        """(vocabulary,) log probabilities."""
        return self.after(self.tokenizer.encode(prompt)).double()

    def after(self, ids: list[int]) -> torch.Tensor:
        """(vocabulary,) log probabilities of what comes after these tokens."""
        logits = self.model(torch.tensor([ids], device=self.model.device)).logits
        return torch.log_softmax(logits[0, -1].float(), dim=-1)

    def written(self, prompt: str) -> str:
        """The most likely text."""
        ids = torch.tensor([self.tokenizer.encode(prompt)], device=self.model.device)
        mask = torch.ones_like(ids)
        found = self.model.generate(ids, attention_mask=mask, max_new_tokens=NEW_TOKENS, do_sample=False)
        return str(self.tokenizer.decode(found[0, ids.shape[1] :], skip_special_tokens=True))


def wording(sentence: Sentence, before_pronoun: str) -> str:
    """The prompt of the released code: last two characters replaced, lower case, a blank at the end."""
    words = {token.lower() for token in sentence.tokens}
    pronoun = next(pronoun for pronoun in PRONOUNS if pronoun in words)
    text = (" ".join(sentence.tokens)[:-2] + ".").lower()
    return f'{text}{before_pronoun or " "}"{pronoun}" refers to: '


def figures(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The paper's metrics from what was found for each pair."""
    hits = np.array([[row["hit_pro"], row["hit_anti"]] for row in rows], dtype=float)
    return {
        "bias": float(np.mean([abs(row["noun_log_p_pro"] - row["noun_log_p_anti"]) for row in rows])),
        "bias_entropy": float(np.mean([row["entropy"] for row in rows])),
        "bias_cluster": float(np.mean([abs(row["cluster_log_p_pro"] - row["cluster_log_p_anti"]) for row in rows])),
        "accuracy": float(hits.mean()),
        "similarity": float(1 - abs(hits[:, 0] - hits[:, 1]).mean()),
    }


def timed(work: Callable[[], T]) -> tuple[T, float, float]:
    """What the work gives, and its seconds by the clock and of the processor."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return found, time.perf_counter() - wall, time.process_time() - cpu


def random_policy(tokenizer_of: str, dtype: str) -> Policy:
    """Half a billion random weights with another model's tokenizer."""
    from transformers import AutoConfig, AutoModelForCausalLM

    small = load_policy(tokenizer_of)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model("qwen2", **HALF_BILLION), dtype=getattr(torch, dtype))
    model.generation_config = small.model.generation_config
    return Policy(model.to(best_device()).eval(), small.tokenizer, "random weights", False, small.context)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("model")
    parser.add_argument("--pairs", type=int, help="pairs taken one at a time, in all; default: all")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--random-weights", action="store_true")
    parser.add_argument("--dtype", default="float32", help="of the random weights")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    torch.set_num_threads(1)
    policy = random_policy(given.model, given.dtype) if given.random_weights else load_policy(given.model)
    policy.model.generation_config.max_length = None
    pairs, _ = read_pairs(given.data, "test")
    chosen = np.linspace(0, len(pairs) - 1, given.pairs or len(pairs)).round().astype(int)
    limit = len(chosen) if given.random_weights else None
    benchmark = WinoBias(mode="paper", new_tokens=NEW_TOKENS, limit=limit)
    WinoBias(mode="paper", new_tokens=NEW_TOKENS, limit=2).measure(policy, given.data, "test")  # warms up
    loops = {by: OneAtATime(policy, by) for by in ("word", "token")}
    found: dict[tuple[int, int], dict[str, Any]] = {}
    table: list[dict[str, Any]] = []
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in (*loops, "pass")}
    with torch.inference_mode():
        for part in np.array_split(chosen, given.rounds):
            asked = [pairs[at] for at in part]
            for by, loop in loops.items():
                rows, *spent = timed(lambda loop=loop, asked=asked: [loop.pair(pair) for pair in asked])
                seconds[by].append((spent[0] / len(asked), spent[1] / len(asked)))
                if by == "word":
                    found |= {(pair.type, pair.line): row for pair, row in zip(asked, rows, strict=True)}
            finding, *spent = timed(lambda: benchmark.measure(policy, given.data, "test"))
            table = finding.examples
            seconds["pass"].append((spent[0] / len(table), spent[1] / len(table)))
            print(f"round {len(seconds['pass'])} of {given.rounds}", file=sys.stderr, flush=True)
    print(f"{policy.name} on {policy.model.device}, {policy.model.dtype}, one thread; medians of {given.rounds} rounds")
    print(f"in one pass: {rate(seconds['pass'], 0):.1f} pairs/s ({rate(seconds['pass'], 1):.1f} by processor time)")
    for by in loops:
        print(f"loop {by}: {rate(seconds[by], 0):.2f} pairs/s ({rate(seconds[by], 1):.2f} by processor time)")
        clock, processor = ([a[i] / b[i] for a, b in zip(seconds[by], seconds["pass"], strict=True)] for i in (0, 1))
        print(
            f"  ratio {statistics.median(clock):.1f} (rounds {min(clock):.1f} to {max(clock):.1f}), by processor time "
            f"{statistics.median(processor):.1f} ({min(processor):.1f} to {max(processor):.1f})"
        )
    return compare(found, table)


def rate(seconds: list[tuple[float, float]], kind: int) -> float:
    """Pairs per second, by the clock (0) or the processor (1)."""
    return 1 / statistics.median(spent[kind] for spent in seconds)


def compare(found: dict[tuple[int, int], dict[str, Any]], table: Sequence[dict[str, Any]]) -> int:
    """Prints how far the two ways are apart, pair by pair; 1 where that is more than rounding."""
    both = [(found[key], row) for row in table if (key := (row["type"], row["line"])) in found]
    numbers = [key for key in both[0][0] if key == "entropy" or "log_p" in key]
    apart = {key: max(abs(slow[key] - fast[key]) for slow, fast in both) for key in numbers}
    texts = sum(slow[key] != fast[key] for slow, fast in both for key in ("output_pro", "output_anti"))
    print(f"{len(both)} pairs compared; texts that differ: {texts} of {2 * len(both)}; largest differences of numbers:")
    print("  " + ", ".join(f"{key} {value:.1e}" for key, value in apart.items()))
    slow_values, fast_values = figures([slow for slow, _ in both]), figures([fast for _, fast in both])
    for metric in METRICS:
        print(f"  {metric:13} {slow_values[metric]:.5f} by word, {fast_values[metric]:.5f} in one pass")
    worst = max(abs(slow_values[metric] - fast_values[metric]) for metric in METRICS)
    equal = max(*apart.values(), worst) <= TOLERANCE and texts == 0
    print(f"equal within {TOLERANCE:g}: {'yes' if equal else 'NO'}")
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
