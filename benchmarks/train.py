"""Training speed: unipref compared with a plain TRL script on the same model, batches and data.

    python benchmarks/train.py DATA_FOLDER --model MODEL_FOLDER [--rows 800] [--rounds 3] [--batch 8]
    python benchmarks/train.py DATA_FOLDER --model MODEL_FOLDER --random 10    # random weights of about 10M parameters
    python benchmarks/train.py DATA_FOLDER --model MODEL_FOLDER --random 1000 --gpu

DATA_FOLDER has hh_rlhf, alpaca and kto_thumbs; their texts have all lengths. Both sides train once on the same rows in
batches of the same size, on the CPU in float32 (with --gpu in bfloat16), without gradient checkpointing. Four ways run
in one process, in changing order and with another seed in each round:

- bare: `SFTTrainer` or `DPOTrainer` on conversational rows, with TRL's defaults except for what a CPU needs;
- bare-in-order: the same with the rows in file order, so that both sides have identical batches;
- equal: unipref with the rows in that order and, for DPO, the reference evaluated in each step, like bare;
- unipref: unipref with its own defaults.

Times are of the whole step: reading, tokenising, training, saving; `loop` is training only (for DPO including the
reference, if it is evaluated beforehand). `seconds` are CPU seconds of the process, which do not depend on other
work of the machine, and on a GPU wall seconds; `wall` are wall seconds. Tokens exclude padding. `dev` is the loss
on held-out rows, to show that speed does not cost quality.
"""

import argparse
import contextlib
import io
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import unipref
from unipref.core.contracts import TrainJob
from unipref.core.stats.sampling import sample_evenly
from unipref.models import inference, loading
from unipref.train import fit
from unipref.train.trainers.dpo import Dpo
from unipref.train.trainers.sft import Sft

PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12, "A10": 125e12}
"""Dense bfloat16 FLOP/s of a card, by a part of its name."""
RATES = {"sft": 5e-4, "dpo": 5e-5}
WAYS = ("bare", "bare-in-order", "equal", "unipref")


class Timed(NamedTuple):
    """One training step: total seconds (CPU and wall), seconds of the loop, tokens, dev loss."""

    seconds: float
    wall: float
    loop: float
    tokens: int
    dev: float


class Clock:
    """Measures CPU seconds of the process (on a GPU wall seconds), in total and of the training loop."""

    def __init__(self, gpu: bool) -> None:
        self.now = time.monotonic if gpu else time.process_time
        self.began, self.wall, self.loop = self.now(), time.monotonic(), 0.0

    @contextlib.contextmanager
    def looping(self) -> Iterator[None]:
        began = self.now()
        yield
        self.loop += self.now() - began


def unify(data: Path, folder: Path) -> Path:
    """Unifies and splits HH, Alpaca and KTO; returns the folder of the parts."""
    sources = [
        {"name": "hh", "dataset": "hh_rlhf", "path": "hh_rlhf"},
        {"name": "alpaca", "dataset": "alpaca", "path": "alpaca"},
        {"name": "kto", "dataset": "kto_thumbs", "path": "kto_thumbs"},
    ]
    unipref.select_preferences({"data_root": str(data), "sources": sources, "split": {"dev": 0.1, "test": 0.0}}, folder)
    return folder / "clean"


def rows_of(path: Path, trainer: str, tokenizer: Any, context: int, most: int) -> list[dict[str, Any]]:
    """Reads preferences that the trainer can use untruncated, evenly spaced over the file."""
    import pyarrow.parquet as pq

    usable = []
    for row in pq.read_table(path).to_pylist():
        sides = [row["chosen"]] if trainer == "sft" else [row["chosen"], row["rejected"]]
        if not all(sides) or (trainer == "dpo" and sides[0] == sides[1]):
            continue
        texts = [tokenizer.apply_chat_template(row["prompt"] + side, tokenize=False) for side in sides]
        if max(len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]) <= context:
            usable.append(row)
    return [usable[position] for position in sample_evenly(len(usable), most)]


def plain_settings(args: argparse.Namespace) -> dict[str, Any]:
    """Returns the settings of both sides."""
    return {
        "per_device_train_batch_size": args.batch,
        "num_train_epochs": 1,
        "logging_steps": 10,
        "gradient_checkpointing": False,
        "bf16": args.gpu,
    }


def bare(
    trainer: str, rows: list[dict[str, Any]], model: Path, out: Path, args: argparse.Namespace, in_order: bool
) -> Clock:
    """Trains as a script without unipref would."""
    import trl
    from datasets import Dataset

    clock = Clock(args.gpu)
    config, kind = (trl.SFTConfig, trl.SFTTrainer) if trainer == "sft" else (trl.DPOConfig, trl.DPOTrainer)
    tokenizer, _ = loading.load_tokenizer(str(model))
    if trainer == "sft":
        data = [{"prompt": row["prompt"], "completion": row["chosen"]} for row in rows]
    else:
        data = [{key: row[key] for key in ("prompt", "chosen", "rejected")} for row in rows]
    built = kind(
        model=str(model),
        args=config(
            **plain_settings(args),
            output_dir=str(out / "trl"),
            learning_rate=RATES[trainer],
            max_length=args.context,
            use_cpu=not args.gpu,
            report_to="none",
            seed=args.seed,
            train_sampling_strategy="sequential" if in_order else "random",
            save_strategy="no",
            disable_tqdm=True,
            dataloader_pin_memory=args.gpu,
        ),
        train_dataset=Dataset.from_list(data),
        processing_class=tokenizer,
    )
    with clock.looping():
        built.train()
    built.save_model(str(out))
    return clock


def by_unipref(trainer: str, rows: Path, model: Path, out: Path, args: argparse.Namespace, equal: bool) -> Clock:
    """Trains with unipref and times the loop."""
    settings: dict[str, Any] = {**plain_settings(args), "learning_rate": RATES[trainer]}
    if equal:
        settings["train_sampling_strategy"] = "sequential"
    if equal and trainer == "dpo":
        settings["precompute_ref_log_probs"] = False
    clock = Clock(args.gpu)
    train, build = fit._train, fit._build_trainer

    def timed_train(*given: Any) -> None:
        with clock.looping():
            train(*given)

    def timed_build(make: Any, arguments: Any) -> Any:
        if trainer == "sft" or equal:
            return build(make, arguments)
        # The reference is evaluated while the trainer is built.
        with clock.looping():
            return build(make, arguments)

    fit._train, fit._build_trainer = timed_train, timed_build
    try:
        step = (Sft if trainer == "sft" else Dpo)(**settings)
        step.fit(TrainJob(policy=model, preferences=rows, held_out=rows, out=out, seed=args.seed))
    finally:
        fit._train, fit._build_trainer = train, build
    return clock


def tokens_of(rows: Sequence[dict[str, Any]], trainer: str, tokenizer: Any) -> int:
    """Counts the tokens of the training dialogues."""
    sides = ("chosen",) if trainer == "sft" else ("chosen", "rejected")
    texts = [tokenizer.apply_chat_template(row["prompt"] + row[side], tokenize=False) for row in rows for side in sides]
    return sum(len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"])


def dev_loss(trainer: str, folder: Path, start: Path, rows: Sequence[dict[str, Any]]) -> float:
    """Computes the loss on dev rows. SFT: nats per token of the chosen answers; DPO: its loss at beta 0.1."""
    policy = loading.load_policy(str(folder))
    chosen = [(row["prompt"], row["chosen"]) for row in rows]
    if trainer == "sft":
        sums, tokens = inference.answer_log_likelihoods(policy, chosen)
        return float(-sums.sum() / tokens.sum())
    rejected = [(row["prompt"], row["rejected"]) for row in rows]
    reference = loading.load_policy(str(start))
    gaps = [
        inference.answer_log_likelihoods(one, chosen)[0] - inference.answer_log_likelihoods(one, rejected)[0]
        for one in (policy, reference)
    ]
    return float(np.mean(np.log1p(np.exp(-0.1 * (gaps[0] - gaps[1])))))


def random_model(folder: Path, like: Path, millions: float, seed: int = 0) -> Path:
    """Makes a Llama of about `millions` million random parameters, with another model's tokenizer."""
    import torch
    from transformers import AutoConfig, LlamaConfig, LlamaForCausalLM

    tokenizer, _ = loading.load_tokenizer(str(like))
    context = loading.context_length(loading.load_model(str(like), "causal"), tokenizer)
    layers = max(4, round(8 * (millions / 10) ** 0.3))
    # 4 h^2 of attention and 3 h x 2.7 h of the feed-forward part in each layer.
    hidden = max(64, int((millions * 1e6 / layers / 12.1) ** 0.5) // 64 * 64)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=AutoConfig.from_pretrained(like).vocab_size,
        hidden_size=hidden,
        intermediate_size=int(2.7 * hidden),
        num_hidden_layers=layers,
        num_attention_heads=max(1, hidden // 64),
        num_key_value_heads=max(1, hidden // 64),
        max_position_embeddings=context,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def measure(trainer: str, clean: Path, model: Path, work: Path, args: argparse.Namespace) -> dict[str, list[Timed]]:
    """Runs all ways in turn for `args.rounds` rounds, after one round of warm-up."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from unipref.core.records import preference_schema

    tokenizer, _ = loading.load_tokenizer(str(model))
    args.context = loading.context_length(loading.load_model(str(model), "causal"), tokenizer)
    rows = rows_of(clean / "train.parquet", trainer, tokenizer, args.context, args.rows)
    dev = rows_of(clean / "dev.parquet", trainer, tokenizer, args.context, 200)
    path = work / f"{trainer}.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=preference_schema()), path)
    tokens = tokens_of(rows, trainer, tokenizer)
    runs: dict[str, list[Timed]] = {way: [] for way in WAYS}
    for turn in range(args.rounds + 1):
        for way in (WAYS[turn % 4 :] + WAYS[: turn % 4])[:: 1 if turn % 2 else -1]:
            out, args.seed = work / "out", turn
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
            # The output of TRL is not part of the result.
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                if way.startswith("bare"):
                    clock = bare(trainer, rows, model, out, args, way != "bare")
                else:
                    clock = by_unipref(trainer, path, model, out, args, way == "equal")
                seconds, wall = clock.now() - clock.began, time.monotonic() - clock.wall
                # The first round warms up: imports, caches, allocators.
                if turn:
                    loss = dev_loss(trainer, out, model, dev)
                    runs[way].append(Timed(seconds, wall, clock.loop, tokens, loss))
    return runs


def flops_share(trainer: str, timed: Timed, parameters: int) -> float | None:
    """Returns the share of the card's peak: 6 FLOP per parameter and token, plus 2 for DPO's reference."""
    import torch

    if not torch.cuda.is_available():
        return None
    name = torch.cuda.get_device_name()
    peak = next((flops for part, flops in PEAKS.items() if part in name), None)
    return None if peak is None else (6 if trainer == "sft" else 8) * parameters * timed.tokens / timed.loop / peak


def summarise(trainer: str, by_way: dict[str, list[Timed]], parameters: int) -> dict[str, Any]:
    """Summarises one trainer: medians of each way, and of the ratios within a round."""
    result: dict[str, Any] = {"trainer": trainer, "parameters": parameters, "tokens": by_way["bare"][0].tokens}
    for way, runs in by_way.items():
        result[way] = {
            "seconds": round(statistics.median(run.seconds for run in runs), 2),
            "wall": round(statistics.median(run.wall for run in runs), 2),
            "loop": round(statistics.median(run.loop for run in runs), 2),
            "tokens_per_second": round(statistics.median(run.tokens / run.seconds for run in runs)),
            "dev": round(statistics.median(run.dev for run in runs), 4),
            "flops_share": flops_share(trainer, runs[-1], parameters),
        }
    turns = list(zip(*(by_way[way] for way in WAYS), strict=True))
    result["overhead"] = round(statistics.median(equal.seconds / same.seconds for _, same, equal, _ in turns) - 1, 4)
    result["overhead_loop"] = round(statistics.median(equal.loop / same.loop for _, same, equal, _ in turns) - 1, 4)
    result["speedup"] = round(statistics.median(bare.seconds / ours.seconds for bare, _, _, ours in turns), 3)
    result["speedup_loop"] = round(statistics.median(bare.loop / ours.loop for bare, _, _, ours in turns), 3)
    gaps = [ours.dev - bare.dev for bare, _, _, ours in turns]
    result["dev_gap"] = [round(gap, 4) for gap in gaps]
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--random", type=float, help="millions of parameters of a model with random weights")
    parser.add_argument("--rows", type=int, default=800)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--trainers", nargs="+", default=["sft", "dpo"], choices=["sft", "dpo"])
    parser.add_argument("--gpu", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        model = random_model(work / "model", args.model, args.random) if args.random else args.model
        clean = unify(args.data, work / "run")
        parameters = sum(p.numel() for p in loading.load_model(str(model), "causal").parameters())
        for trainer in args.trainers:
            print(json.dumps(summarise(trainer, measure(trainer, clean, model, work, args), parameters)), flush=True)


if __name__ == "__main__":
    main()
