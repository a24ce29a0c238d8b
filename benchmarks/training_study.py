"""What DPO, RLOO and GRPO add to SFT on the demo world, and how good its reward models are: five seeds, paired.

    python benchmarks/training_study.py tune -o FOLDER                 # steps and rates, on the dev parts
    python benchmarks/training_study.py run -o FOLDER --processes 2    # every seed, evaluated on the test parts
    python benchmarks/training_study.py table -o FOLDER                # training.json and training.md

FOLDER may be that of `selection_runs.py`, which has the same world, base model and SFT settings. Each trainer starts
from the SFT model of its seed. The tables compare it with that model, example by example.
"""

import argparse
import concurrent.futures
import json
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np

import selection_runs
from selection_table import examples
from unipref.core.stats.bootstrap import paired_interval
from unipref.demo.tuning import Point, find_best, list_next

NOISE = "careless"
TRAINERS = ("dpo", "rloo", "grpo")
STARTS = {"dpo": Point(150, 2.5e-4), "rloo": Point(150, 2.5e-4), "grpo": Point(150, 2.5e-4)}
"""Where the search for steps and learning rate of each trainer begins (`unipref.demo.tuning`)."""
SEEDS = 5
BATCH = 16
TUNING = "training-tuning.json"
METRICS = {
    "instructions": "instructions followed ↑",
    "two_way": "two-way accuracy ↑",
    "pro": "pro ↑",
    "anti": "anti ↑",
    "two_way_bias": "two-way bias → 0",
    "bias": "bias (nats) ↓",
}


def study_of(out: Path, seed: int, points: dict[str, Point]) -> dict[str, Any]:
    """Returns a study with SFT, a reward model from it, and each trainer of `points` from the SFT model.

    Args:
        out: the output folder.
        seed: of selection and training.
        points: trainer -> its steps and learning rate.
    """
    world = selection_runs.world_of(NOISE, out)
    study = selection_runs.read_study(world, with_panel=False)
    sft = {"per_device_train_batch_size": BATCH, "logging_steps": 50, **selection_runs.chosen_settings(out)}
    steps: list[dict[str, Any]] = [{"sft": sft}, {"reward": reward_settings()}]
    if "dpo" in points:
        steps.append({"dpo": dpo_settings(points["dpo"])})
    steps += [{name: online_settings(name, points[name])} for name in ("rloo", "grpo") if name in points]
    return study | {
        "name": "What reinforcement and direct preference optimisation add",
        "data_root": str(world.resolve()),
        "model": str((world / "model").resolve()),
        "split": selection_runs.SPLIT,
        "select": "all",
        "train": steps,
        "seeds": [seed],
        "workers": 1,
    }


def reward_settings() -> dict[str, Any]:
    """Returns the settings of a reward model that starts from the SFT model."""
    return {
        "from": "sft",
        "learning_rate": 3e-4,
        "num_train_epochs": 2,
        "per_device_train_batch_size": BATCH,
        "logging_steps": 50,
    }


def dpo_settings(point: Point) -> dict[str, Any]:
    """Returns settings of DPO with a second loss that keeps the chosen answers likely."""
    return {
        "from": "sft",
        "learning_rate": point.rate,
        "max_steps": point.steps,
        "per_device_train_batch_size": BATCH,
        "logging_steps": 50,
        "loss_type": ["sigmoid", "sft"],
        "loss_weights": [1.0, 1.0],
    }


def online_settings(name: str, point: Point) -> dict[str, Any]:
    """Returns settings: eight answers to each of eight prompts per step, rewarded by likelihood under the DPO model."""
    own = {"normalize_advantages": True} if name == "rloo" else {}
    return {
        "from": "sft",
        "rewards": [{"likelihood": "dpo", "clip": [-12, 0]}],
        "learning_rate": point.rate,
        "max_steps": point.steps,
        "per_device_train_batch_size": 64,
        "num_generations": 8,
        "max_completion_length": 16,
        "temperature": 1.0,
        "beta": 0.05,
        "logging_steps": 10,
        "on_weak_reward": "warn",
        **own,
    }


def tune(out: Path) -> None:
    """Tunes steps and rates on dev, one trainer after the other, by the mean of instructions and two-way accuracy.

    Each search ends where all neighbours of the best point are tried.
    """
    from unipref.pipeline import execute

    seed, chosen = selection_runs.TUNING_SEED, dict[str, Point]()
    tried: list[dict[str, Any]] = []
    for trainer in TRAINERS:
        means: dict[Point, float] = {}
        while new := list_next(means, STARTS[trainer]):
            for point in new:
                folder = out / "training-tuning" / f"{trainer}-{point.label}"
                start = time.monotonic()
                execute.run(study_of(out, seed, {**chosen, trainer: point}), folder, until="train")
                scores = selection_runs.dev_scores(folder / "train" / "main" / str(seed) / trainer, out)
                means[point] = sum(scores.values()) / len(scores)
                seconds = round(time.monotonic() - start, 1)
                tried.append({"trainer": trainer, **point._asdict(), **scores, "seconds": seconds})
                print(json.dumps(tried[-1]), flush=True)
        chosen[trainer] = find_best(means)
    content = {"chosen": {name: list(point) for name, point in chosen.items()}, "tried": tried}
    (out / TUNING).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"chosen: {chosen}")


def read_chosen(out: Path) -> dict[str, Point]:
    """Reads the steps and learning rates that tuning chose.

    Raises:
        SystemExit: the file of `tune` is missing.
    """
    path = out / TUNING
    if not path.is_file():
        raise SystemExit(f"{path} is missing. Run the command tune first.")
    return {name: Point(*point) for name, point in json.loads(path.read_text(encoding="utf-8"))["chosen"].items()}


def run(out: Path, seeds: int, processes: int) -> None:
    """Runs every seed in its own folder."""
    points = read_chosen(out)
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(processes, mp_context=context) as pool:
        waiting = [
            pool.submit(selection_runs.work, study_of(out, seed, points), folder_of(seed, out)) for seed in range(seeds)
        ]
        for future in concurrent.futures.as_completed(waiting):
            print(future.result(), flush=True)


def folder_of(seed: int, out: Path) -> Path:
    """Returns the run folder of a seed."""
    return out / "training" / str(seed)


def units_of(run: Path, seed: int, step: str) -> dict[str, Any]:
    """Returns metric -> (n,) one value per example of a model, in the same order for all models."""
    place = run / "evaluated" / (f"main/{seed}/{step}" if step != "base" else "base")
    cases = examples(place / "coreference")
    answer, distractor = (
        np.array([[case[f"{which}_log_p_{side}"] for side in ("pro", "anti")] for case in cases])
        for which in ("answer", "distractor")
    )
    right = 0.5 * (1 + np.sign(answer - distractor))
    share = 0.5 * (1 + np.tanh((answer - distractor) / 2))
    return {
        "instructions": np.array([row["followed"] for row in examples(place / "instructions")], dtype=np.float64),
        "two_way": right.mean(axis=1),
        "pro": right[:, 0],
        "anti": right[:, 1],
        "two_way_bias": share[:, 0] - share[:, 1],
        "bias": np.abs(answer[:, 0] - answer[:, 1]),
    }


def write(out: Path, seeds: int) -> None:
    """Writes `training.json` and `training.md`: means, and differences to SFT with paired intervals."""
    steps = ["base", "sft", *TRAINERS]
    units = {step: [units_of(folder_of(seed, out), seed, step) for seed in range(seeds)] for step in steps}
    results: dict[str, Any] = {
        "points": {name: list(point) for name, point in read_chosen(out).items()},
        "reward": [_measure_reward_accuracy(folder_of(s, out), s) for s in range(seeds)],
    }
    lines = ["| model | " + " | ".join(METRICS.values()) + " |", "|---" * (len(METRICS) + 1) + "|"]
    for step in steps:
        means = {name: float(np.mean([one[name].mean() for one in units[step]])) for name in METRICS}
        results[step] = {"mean": means}
        lines.append(f"| {step} | " + " | ".join(f"{means[name]:.3f}" for name in METRICS) + " |")
    lines += ["", "Difference to SFT [95 % interval over examples and seeds]; * if it excludes 0.", ""]
    lines += ["| model | " + " | ".join(METRICS.values()) + " |", "|---" * (len(METRICS) + 1) + "|"]
    for step in TRAINERS:
        cells = []
        for name in METRICS:
            table = np.stack([a[name] - b[name] for a, b in zip(units[step], units["sft"], strict=True)])
            low, high = paired_interval(table)
            results[step].setdefault("minus_sft", {})[name] = [float(table.mean()), low, high]
            cells.append(f"{table.mean():+.3f} [{low:+.3f}, {high:+.3f}]{' *' if low > 0 or high < 0 else ''}")
        lines.append(f"| {step} | " + " | ".join(cells) + " |")
    lines += [
        "",
        f"Reward model, accuracy on dev pairs by seed: {', '.join(f'{a:.3f}' for a in results['reward'])}.",
        "",
    ]
    (out / "training.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (out / "training.md").write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


def _measure_reward_accuracy(run: Path, seed: int) -> float:
    """Measures the reward model's accuracy on the dev pairs."""
    from unipref.evaluate.benchmarks.preference_accuracy import PreferenceAccuracy
    from unipref.models.loading import load_reward_model

    model = load_reward_model(str(run / "train" / "main" / str(seed) / "reward"))
    scores = PreferenceAccuracy(split="dev").measure(model, run / "clean" / "dev.parquet", "dev").scores
    return next(score.value for score in scores if score.slice == "all" and score.metric == "accuracy")


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("tune", "run", "table"))
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    args = parser.parse_args()
    if args.what == "tune":
        tune(args.out)
    elif args.what == "run":
        run(args.out, args.seeds, args.processes)
    else:
        write(args.out, args.seeds)


if __name__ == "__main__":
    main()
