"""Does selection help? Compares strategies with a random subset of equal size and with all data, on the demo world.

    python benchmarks/selection_study.py tune -o FOLDER                  # learning rate and steps, on the dev parts
    python benchmarks/selection_study.py run -o FOLDER --processes 2     # every variant, evaluated on the test parts
    python benchmarks/selection_study.py table -o FOLDER                 # results.json and table.md

For each noise model (`docs/world.md`), SFT trains one base model on what each strategy keeps: at several fractions for
as many optimiser steps as on all data, and at one fraction also for as many epochs. Fractions are of all preferences:
those without a margin are sampled. With `unscored: keep`, the default, two thirds of this world's preferences are kept
at a fraction of 0.2, so that strategies hardly differ; `--kept` tries it at one fraction. A stopped run can be started
again: finished stages are skipped. Each process works on one noise and seed at a time with one torch thread.
"""

import argparse
import concurrent.futures
import itertools
import json
import multiprocessing
import os
import shutil
import time
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from unipref import demo
from unipref.core import yaml_files
from unipref.core.progress import ProgressListener
from unipref.evaluate.benchmarks.coreference import Coreference
from unipref.evaluate.benchmarks.instructions import Instructions
from unipref.models.loading import load_policy
from unipref.pipeline import execute

NOISES: tuple[demo.Noise, ...] = ("careless", "gaussian", "adversarial")
WORLD_SEED = 7
"""A world on which nothing was tuned before."""
STRATEGIES = ("random", "quality", "quality_gate", "cluster_quality")
FRACTIONS = (0.2, 0.4, 0.6)
ALSO = 0.4
"""The fraction that is also tried with equal epochs and with `--kept`."""
SEEDS = {"careless": 5, "gaussian": 2, "adversarial": 2}
TUNING_SEED = 100
BATCH = 16
RATES = (3e-4, 1e-3, 2e-3)
STEPS = (150, 300)
SPLIT = {"dev": 0.1, "test": 0.15}
FULL = "main"
"""The variant that trains on all data: the study as written."""


class Variant(NamedTuple):
    """What a variant trains on, and for how long.

    Attributes:
        strategy: None for all data.
        matched: 'steps' or 'epochs': which of the two equals that on all data.
        unscored: how preferences without a margin are treated.
    """

    strategy: str | None
    fraction: float = 1.0
    matched: str = "steps"
    unscored: str = "sample"

    @property
    def name(self) -> str:
        """Its name in the study."""
        if self.strategy is None:
            return FULL
        notes = [note for note, usual in ((self.matched, "steps"), (self.unscored, "sample")) if note != usual]
        return "-".join([self.strategy, f"{self.fraction:g}".replace(".", ""), *notes])

    @property
    def selects_as(self) -> "Variant":
        """The variant with the same selection."""
        return self._replace(matched="steps")

    @property
    def rival(self) -> "Variant | None":
        """The random subset of equal size; None for all data and for random subsets."""
        return None if self.strategy in (None, "random") else self._replace(strategy="random")


def make_variants(kept: bool) -> list[Variant]:
    """Returns all variants, all data first.

    Args:
        kept: include the variants that keep unscored preferences.
    """
    plain = [Variant(strategy, fraction) for fraction in FRACTIONS for strategy in STRATEGIES]
    epochs = [Variant(strategy, ALSO, matched="epochs") for strategy in STRATEGIES]
    passing = [Variant(strategy, ALSO, unscored="keep") for strategy in STRATEGIES if kept]
    return [Variant(None), *plain, *epochs, *passing]


def world_of(noise: demo.Noise, out: Path) -> Path:
    """Returns the folder of a world, and creates it if missing. All worlds share one base model."""
    first = out / "worlds" / NOISES[0]
    folder = out / "worlds" / noise
    if not (first / "study.yaml").is_file():
        print("building the world and its model", flush=True)
        demo.build(first, world=demo.World(seed=WORLD_SEED, noise=NOISES[0]))
    if not (folder / "study.yaml").is_file():
        demo.write_data(folder, demo.World(seed=WORLD_SEED, noise=noise))
        shutil.copy(first / "study.yaml", folder / "study.yaml")
    return folder


def study_of(noise: demo.Noise, out: Path, seed: int, sft: dict[str, Any], tried: list[Variant]) -> dict[str, Any]:
    """Returns the study of one noise and seed: all data as its main part, and the other variants.

    Args:
        noise: the noise model.
        out: the output folder.
        seed: of selection and training.
        sft: `learning_rate` and `max_steps`.
        tried: the variants.
    """
    world = world_of(noise, out)
    study: dict[str, Any] = yaml_files.read(world / "study.yaml")
    sft_settings = {"per_device_train_batch_size": BATCH, "logging_steps": 50, **sft}
    study |= {
        "name": f"Selection under {noise} noise",
        "data_root": str(world.resolve()),
        "model": str((out / "worlds" / NOISES[0] / "model").resolve()),
        "split": SPLIT,
        "clean": {"duplicates": "exact"},
        "select": "all",
        "train": [{"sft": sft_settings}],
        "seeds": [seed],
        "workers": 1,
    }
    for variant in tried:
        if variant.strategy is None:
            continue
        settings = {"fraction": variant.fraction, "unscored": variant.unscored}
        changes: dict[str, Any] = {"select": {variant.strategy: settings}}
        if variant.matched == "epochs":
            epochs = sft["max_steps"] * BATCH / rows_to_learn(study, out / "counts" / noise)
            changes["train"] = [{"sft": {**sft_settings, "max_steps": -1, "num_train_epochs": round(epochs, 3)}}]
        study.setdefault("variants", {})[variant.name] = changes
    return study


def rows_to_learn(study: dict[str, Any], folder: Path) -> int:
    """Counts the training preferences that have a chosen answer."""
    import pyarrow.parquet as pq

    plain = {key: value for key, value in study.items() if key != "variants"}
    execute.run(plain, folder, until="unify")
    column = pq.read_table(folder / "clean" / "train.parquet", columns=["chosen"])["chosen"]
    return int(len(column) - column.null_count)


class StagePrinter(ProgressListener):
    """Prints which stage of which run begins, and how many there were."""

    def __init__(self, prefix: str) -> None:
        self._prefix, self._start, self._begun = prefix, time.monotonic(), 0

    def stage(self, name: str, cached: bool) -> None:
        """Prints one line per stage that is not cached."""
        self._begun += 1
        if not cached:
            print(f"{self._prefix} {time.monotonic() - self._start:6.0f} s  {self._begun:3}  {name}", flush=True)


def work(study: dict[str, Any], folder: Path) -> str:
    """Runs all variants of one noise and seed; finished stages are skipped."""
    execute.run(study, folder, listener=StagePrinter(f"{folder.name}:"))
    return f"{folder.name}: done"


def folder_of(noise: str, seed: int, out: Path) -> Path:
    """Returns the run folder of one noise and seed."""
    return out / "runs" / f"{noise}-{seed}"


def tune(out: Path) -> None:
    """Tries learning rates and steps on the first noise, and writes those with the best mean on dev to `tuning.json`.

    The mean is over instructions followed and two-way accuracy, and over all data and a random subset. So no strategy
    under comparison affects it.
    """
    tried = [Variant(None), Variant("random", ALSO, unscored="keep")]
    trials: list[dict[str, Any]] = []
    for rate, steps in itertools.product(RATES, STEPS):
        sft = {"learning_rate": rate, "max_steps": steps}
        folder = out / "tuning" / f"{rate:g}-{steps}"
        start = time.monotonic()
        execute.run(study_of(NOISES[0], out, TUNING_SEED, sft, tried), folder, until="train")
        trained = time.monotonic() - start
        scores = {
            variant.name: dev_scores(folder / "train" / variant.name / str(TUNING_SEED) / "sft", out)
            for variant in tried
        }
        mean = sum(sum(each.values()) / len(each) for each in scores.values()) / len(scores)
        seconds = [round(trained, 1), round(time.monotonic() - start - trained, 1)]
        trials.append({**sft, "mean": round(mean, 4), "scores": scores, "seconds_training_and_measuring": seconds})
        print(json.dumps(trials[-1]), flush=True)
    best = max(trials, key=lambda trial: trial["mean"])
    chosen = {key: best[key] for key in ("learning_rate", "max_steps")}
    (out / "tuning.json").write_text(json.dumps({"chosen": chosen, "tried": trials}, indent=1) + "\n", encoding="utf-8")
    print(f"chosen: {chosen}")


def dev_scores(model: Path, out: Path) -> dict[str, float]:
    """Measures instructions followed and two-way accuracy on the dev parts."""
    policy, data = load_policy(str(model)), out / "worlds" / NOISES[0] / "eval"
    scores = [
        *Instructions().measure(policy, data / "instructions", "dev").scores,
        *Coreference().measure(policy, data / "coreference", "dev").scores,
    ]
    whole = {score.metric: round(score.value, 4) for score in scores if score.slice == "all"}
    return {name: whole[name] for name in ("followed", "two_way_accuracy")}


def chosen_settings(out: Path) -> dict[str, Any]:
    """Reads the settings that tuning chose.

    Raises:
        SystemExit: `tuning.json` is missing.
    """
    path = out / "tuning.json"
    if not path.is_file():
        raise SystemExit(f"{path} is missing. Run the command tune first.")
    settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["chosen"]
    return settings


def run(out: Path, seeds: dict[str, int], processes: int, tried: list[Variant]) -> None:
    """Runs every variant of every noise and seed."""
    sft = chosen_settings(out)
    studies = {noise: study_of(noise, out, 0, sft, tried) for noise in NOISES}
    jobs = [(noise, seed) for noise in NOISES for seed in range(seeds[noise])]
    context = multiprocessing.get_context("spawn")
    start = time.monotonic()
    with concurrent.futures.ProcessPoolExecutor(processes, mp_context=context) as pool:
        waiting = [
            pool.submit(work, {**studies[noise], "seeds": [seed]}, folder_of(noise, seed, out)) for noise, seed in jobs
        ]
        for done, future in enumerate(concurrent.futures.as_completed(waiting), start=1):
            print(f"{future.result()} ({done} of {len(jobs)}, {(time.monotonic() - start) / 60:.1f} min)", flush=True)


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("tune", "run", "table"))
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--kept", action="store_true", help="add variants that keep preferences without a margin")
    parser.add_argument("--seeds", type=int, nargs=len(NOISES), default=list(SEEDS.values()), metavar="N")
    args = parser.parse_args()
    seeds = dict(zip(NOISES, args.seeds, strict=True))
    if args.what == "tune":
        tune(args.out)
    elif args.what == "run":
        run(args.out, seeds, args.processes, make_variants(args.kept))
    else:
        import selection_table

        selection_table.write(args.out, seeds, make_variants(args.kept), chosen_settings(args.out))


if __name__ == "__main__":
    main()
