"""Does selecting help? Strategies against a random part of the same size and against all data, on the built-in world.

    python benchmarks/selection_study.py tune -o FOLDER                  # learning rate and steps, on the dev parts
    python benchmarks/selection_study.py run -o FOLDER --processes 2     # every arm, measured on the test parts
    python benchmarks/selection_study.py table -o FOLDER                 # results.json and table.md

For each model of noise (`docs/world.md`) one base model is fine-tuned with SFT on what each strategy keeps: at
several fractions for as many optimiser steps as on all data, at one of them also for as many epochs. Fractions are of
all preferences: those without a margin are sampled. With `unscored: keep`, the default, two thirds of this world's
preferences pass at a fraction of 0.2, so that there is little to tell apart; `--kept` tries it at one fraction. A run
can be stopped and started again: finished arms are skipped. Each process works on one noise and seed at a time with
one torch thread.
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
"""A world that nothing was tuned on before."""
STRATEGIES = ("random", "quality", "quality_gate", "cluster_quality")
FRACTIONS = (0.2, 0.4, 0.6)
ALSO = 0.4
"""The fraction that is tried in other ways too."""
SEEDS = {"careless": 5, "gaussian": 2, "adversarial": 2}
TUNING_SEED = 100
BATCH = 16
RATES = (3e-4, 1e-3, 2e-3)
STEPS = (150, 300)
SPLIT = {"dev": 0.1, "test": 0.15}
FULL = "main"
"""The variant that trains on everything: the study as it is written."""


class Arm(NamedTuple):
    """What is trained on, and for how long.

    Attributes:
        strategy: None for all data.
        matched: 'steps' or 'epochs': what is as it is on all data.
        unscored: what becomes of preferences without a margin.
    """

    strategy: str | None
    fraction: float = 1.0
    matched: str = "steps"
    unscored: str = "sample"

    @property
    def name(self) -> str:
        """Its name as a variant."""
        if self.strategy is None:
            return FULL
        notes = [note for note, usual in ((self.matched, "steps"), (self.unscored, "sample")) if note != usual]
        return "-".join([self.strategy, f"{self.fraction:g}".replace(".", ""), *notes])

    @property
    def selects_as(self) -> "Arm":
        """The arm whose selection it shares."""
        return self._replace(matched="steps")

    @property
    def rival(self) -> "Arm | None":
        """The random part of the same size; None where there is none to compare with."""
        return None if self.strategy in (None, "random") else self._replace(strategy="random")


def arms(kept: bool) -> list[Arm]:
    """All arms, everything first.

    Args:
        kept: with those that keep the unscored preferences.
    """
    plain = [Arm(strategy, fraction) for fraction in FRACTIONS for strategy in STRATEGIES]
    epochs = [Arm(strategy, ALSO, matched="epochs") for strategy in STRATEGIES]
    passing = [Arm(strategy, ALSO, unscored="keep") for strategy in STRATEGIES if kept]
    return [Arm(None), *plain, *epochs, *passing]


def world_of(noise: demo.Noise, out: Path) -> Path:
    """The folder of a world; made where it is missing. The base model does not see feedback, so that all share one."""
    first = out / "worlds" / NOISES[0]
    folder = out / "worlds" / noise
    if not (first / "study.yaml").is_file():
        print("building the world and its model", flush=True)
        demo.build(first, world=demo.World(seed=WORLD_SEED, noise=NOISES[0]))
    if not (folder / "study.yaml").is_file():
        demo.write_data(folder, demo.World(seed=WORLD_SEED, noise=noise))
        shutil.copy(first / "study.yaml", folder / "study.yaml")
    return folder


def study_of(noise: demo.Noise, out: Path, seed: int, sft: dict[str, Any], tried: list[Arm]) -> dict[str, Any]:
    """The study of one noise and one seed: all data as its main part, the other arms as variants.

    Args:
        noise: the model of noise.
        out: the folder of everything.
        seed: of selection and training.
        sft: `learning_rate` and `max_steps`.
        tried: the arms.
    """
    world = world_of(noise, out)
    study: dict[str, Any] = yaml_files.read(world / "study.yaml")
    usual = {"per_device_train_batch_size": BATCH, "logging_steps": 50, **sft}
    study |= {
        "name": f"Selection under {noise} noise",
        "data_root": str(world.resolve()),
        "model": str((out / "worlds" / NOISES[0] / "model").resolve()),
        "split": SPLIT,
        "clean": {"duplicates": "exact"},
        "select": "all",
        "train": [{"sft": usual}],
        "seeds": [seed],
        "workers": 1,
    }
    for arm in tried:
        if arm.strategy is None:
            continue
        settings = {"fraction": arm.fraction, "unscored": arm.unscored}
        variant: dict[str, Any] = {"select": {arm.strategy: settings}}
        if arm.matched == "epochs":
            epochs = sft["max_steps"] * BATCH / rows_to_learn(study, out / "counts" / noise)
            variant["train"] = [{"sft": {**usual, "max_steps": -1, "num_train_epochs": round(epochs, 3)}}]
        study.setdefault("variants", {})[arm.name] = variant
    return study


def rows_to_learn(study: dict[str, Any], folder: Path) -> int:
    """How many training preferences have a chosen answer."""
    import pyarrow.parquet as pq

    plain = {key: value for key, value in study.items() if key != "variants"}
    execute.run(plain, folder, until="unify")
    column = pq.read_table(folder / "clean" / "train.parquet", columns=["chosen"])["chosen"]
    return int(len(column) - column.null_count)


class Teller(ProgressListener):
    """Says which stage of which run begins, and how many there were."""

    def __init__(self, who: str) -> None:
        self._who, self._start, self._begun = who, time.monotonic(), 0

    def stage(self, name: str, cached: bool) -> None:
        """One line per stage that is not there yet."""
        self._begun += 1
        if not cached:
            print(f"{self._who} {time.monotonic() - self._start:6.0f} s  {self._begun:3}  {name}", flush=True)


def work(study: dict[str, Any], folder: Path) -> str:
    """Runs all arms of one noise and seed; what is done is skipped."""
    execute.run(study, folder, listener=Teller(f"{folder.name}:"))
    return f"{folder.name}: done"


def folder_of(noise: str, seed: int, out: Path) -> Path:
    """The run folder of one noise and seed."""
    return out / "runs" / f"{noise}-{seed}"


def tune(out: Path) -> None:
    """Tries learning rates and steps on the first noise and writes `tuning.json`; the best mean on dev is chosen.

    The mean is over instructions followed and two-way accuracy, and over all data and a random part: no strategy that
    is to be compared has a say.
    """
    tried = [Arm(None), Arm("random", ALSO, unscored="keep")]
    found: list[dict[str, Any]] = []
    for rate, steps in itertools.product(RATES, STEPS):
        sft = {"learning_rate": rate, "max_steps": steps}
        folder = out / "tuning" / f"{rate:g}-{steps}"
        start = time.monotonic()
        execute.run(study_of(NOISES[0], out, TUNING_SEED, sft, tried), folder, until="train")
        trained = time.monotonic() - start
        scores = {arm.name: dev_scores(folder / "train" / arm.name / str(TUNING_SEED) / "sft", out) for arm in tried}
        mean = sum(sum(each.values()) / len(each) for each in scores.values()) / len(scores)
        seconds = [round(trained, 1), round(time.monotonic() - start - trained, 1)]
        found.append({**sft, "mean": round(mean, 4), "scores": scores, "seconds_training_and_measuring": seconds})
        print(json.dumps(found[-1]), flush=True)
    best = max(found, key=lambda trial: trial["mean"])
    chosen = {key: best[key] for key in ("learning_rate", "max_steps")}
    (out / "tuning.json").write_text(json.dumps({"chosen": chosen, "tried": found}, indent=1) + "\n", encoding="utf-8")
    print(f"chosen: {chosen}")


def dev_scores(model: Path, out: Path) -> dict[str, float]:
    """Instructions followed and two-way accuracy on the dev parts."""
    policy, data = load_policy(str(model)), out / "worlds" / NOISES[0] / "eval"
    scores = [
        *Instructions().measure(policy, data / "instructions", "dev").scores,
        *Coreference().measure(policy, data / "coreference", "dev").scores,
    ]
    whole = {score.metric: round(score.value, 4) for score in scores if score.slice == "all"}
    return {name: whole[name] for name in ("followed", "two_way_accuracy")}


def chosen_settings(out: Path) -> dict[str, Any]:
    """The settings that tuning chose.

    Raises:
        SystemExit: nothing was tuned.
    """
    path = out / "tuning.json"
    if not path.is_file():
        raise SystemExit(f"{path} is not there: tune first.")
    settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["chosen"]
    return settings


def run(out: Path, seeds: dict[str, int], processes: int, tried: list[Arm]) -> None:
    """Every arm of every noise and seed."""
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
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("tune", "run", "table"))
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--kept", action="store_true", help="also the arms that keep what has no margin")
    parser.add_argument("--seeds", type=int, nargs=len(NOISES), default=list(SEEDS.values()), metavar="N")
    given = parser.parse_args()
    seeds = dict(zip(NOISES, given.seeds, strict=True))
    if given.what == "tune":
        tune(given.out)
    elif given.what == "run":
        run(given.out, seeds, given.processes, arms(given.kept))
    else:
        import selection_table

        selection_table.write(given.out, seeds, arms(given.kept), chosen_settings(given.out))


if __name__ == "__main__":
    main()
