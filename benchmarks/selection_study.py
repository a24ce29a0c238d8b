"""Does selection help? Compares strategies with a random subset of equal size and with all data, on the demo world.

    python benchmarks/selection_study.py tune -o FOLDER                  # learning rate and steps, on the dev parts
    python benchmarks/selection_study.py run -o FOLDER --processes 2     # every variant, evaluated on the test parts
    python benchmarks/selection_study.py table -o FOLDER                 # results.json and table.md
    python benchmarks/selection_study.py run -o FOLDER --by confidence   # selection by the judges' confidence
    python benchmarks/selection_study.py table -o FOLDER --by confidence
    python benchmarks/selection_study.py calibrate -o FOLDER             # how calibrated this confidence is

For each noise model (`docs/world.md`), SFT trains one base model on what each strategy keeps: at several fractions for
as many optimiser steps as on all data, and at one fraction also for as many epochs. Fractions are of all preferences:
those without a margin are sampled. With `unscored: keep`, the default, two thirds of this world's preferences are kept
at a fraction of 0.2, so that strategies hardly differ; `--kept` tries it at one fraction. A stopped run can be started
again: finished stages are skipped. Each process works on one noise and seed at a time with one torch thread.

`--by confidence` adds the votes of the world's panel, so that it can be learnt who is reliable, unifies with the
aggregate `latent`, and compares what is most probably right with a random subset of the same data
(`docs/selection_study.md` has the rule). Its settings are those that `tune` chose for the first study. At the end, it
trains on all data unified by `latent` and by `majority`, to show what the aggregate alone changes.
"""

import argparse
import itertools
from pathlib import Path
from typing import Any, NamedTuple

import selection_runs
from selection_runs import FULL, NOISES, chosen_settings, complete, read_study, sft_settings
from unipref import demo
from unipref.pipeline import execute

WORLD_SEED = 7
"""A world on which nothing was tuned before."""
STRATEGIES = ("random", "quality", "quality_gate", "cluster_quality")
FRACTIONS = (0.2, 0.4, 0.6)
ALSO = 0.4
"""The fraction that is also tried with equal epochs and with `--kept`."""
SEEDS = {"careless": 5, "gaussian": 2, "adversarial": 2}
TUNING_SEED = 100
RATES = (3e-4, 1e-3, 2e-3)
STEPS = (150, 300)
AGGREGATES = ("latent", "majority")
"""The aggregates of the study by confidence, in the order of its runs."""
CONFIDENCE_FRACTIONS = (0.4, 0.6)
CONFIDENCE_SEEDS = {"careless": 5, "gaussian": 5, "adversarial": 5}
CONFIDENCE_SETTINGS = {"learning_rate": 1e-3, "max_steps": 300}
"""What `tune` chose on the dev parts in the first study."""


class Variant(NamedTuple):
    """What a variant trains on, and for how long.

    Attributes:
        strategy: None for all data.
        matched: 'steps' or 'epochs': which of the two equals that on all data.
        unscored: how preferences without a margin are treated.
        scorer: the only scorer; None for the default.
        aggregate: how judgements are brought together; None in the first study, which has one judgement per prompt.
    """

    strategy: str | None
    fraction: float = 1.0
    matched: str = "steps"
    unscored: str = "sample"
    scorer: str | None = None
    aggregate: str | None = None

    @property
    def name(self) -> str:
        """Its name in the study."""
        if self.strategy is None or self == FIRST_PART:
            return FULL
        notes = [note for note, usual in ((self.matched, "steps"), (self.unscored, "sample")) if note != usual]
        names = [self.strategy, *([self.scorer] if self.scorer else [])]
        return "-".join([*names, f"{self.fraction:g}".replace(".", ""), *notes])

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of its strategy."""
        scorers = {"quality": [self.scorer]} if self.scorer else {}
        return {"fraction": self.fraction, "unscored": self.unscored, **scorers}

    @property
    def selects_as(self) -> "Variant":
        """The variant with the same selection."""
        return self._replace(matched="steps")

    @property
    def rival(self) -> "Variant | None":
        """The random subset of equal size; None for all data and for random subsets."""
        return None if self.strategy in (None, "random") else self._replace(strategy="random", scorer=None)

    def folder(self, noise: str, seed: int, out: Path) -> Path:
        """Returns the run folder that holds it."""
        if self.aggregate is None:
            return out / "runs" / f"{noise}-{seed}"
        what = "parts" if self.strategy else f"all-{self.aggregate}"
        return out / "by_confidence" / f"{noise}-{seed}-{what}"


def make_variants(kept: bool) -> list[Variant]:
    """Returns all variants, all data first.

    Args:
        kept: include the variants that keep unscored preferences.
    """
    plain = [Variant(strategy, fraction) for fraction in FRACTIONS for strategy in STRATEGIES]
    epochs = [Variant(strategy, ALSO, matched="epochs") for strategy in STRATEGIES]
    passing = [Variant(strategy, ALSO, unscored="keep") for strategy in STRATEGIES if kept]
    return [Variant(None), *plain, *epochs, *passing]


FIRST_PART = Variant("random", CONFIDENCE_FRACTIONS[0], aggregate=AGGREGATES[0])
"""The study as written of the study by confidence, which trains on all data in other runs."""


def make_confidence_variants() -> list[Variant]:
    """Returns the variants of the study by confidence, in the order of their runs."""
    parts = [
        FIRST_PART._replace(strategy=strategy, fraction=fraction, scorer=scorer)
        for fraction in CONFIDENCE_FRACTIONS
        for strategy, scorer in (("random", None), ("quality", "confidence"))
    ]
    return [*parts, *(Variant(None, aggregate=aggregate) for aggregate in AGGREGATES)]


def world_of(noise: demo.Noise, out: Path) -> Path:
    """Returns the folder of a world of this study, and creates it if missing."""
    return selection_runs.world_of(noise, out, demo.World(seed=WORLD_SEED))


def study_of(noise: demo.Noise, out: Path, seed: int, sft: dict[str, Any], tried: list[Variant]) -> dict[str, Any]:
    """Returns the study of one noise and seed: all data or the first part as its main part, and the other variants.

    Args:
        noise: the noise model.
        out: the output folder.
        seed: of selection and training.
        sft: `learning_rate` and `max_steps`.
        tried: the variants of one run.
    """
    world = world_of(noise, out)
    aggregate = tried[0].aggregate
    study = read_study(world, with_panel=aggregate is not None)
    if aggregate is not None:
        study["unify"] = {"aggregate": aggregate}
        study["evaluate"] = [one for one in study["evaluate"] if "instructions" in one]
    name = f"Selection under {noise} noise"
    complete(study, world, selection_runs.model_of(out), name, seed, sft_settings(sft))
    for variant in tried:
        if variant.strategy is None:
            continue
        changes: dict[str, Any] = {"select": {variant.strategy: variant.settings}}
        if variant == FIRST_PART:
            study |= changes
            continue
        if variant.matched == "epochs":
            epochs = sft["max_steps"] * selection_runs.BATCH / rows_to_learn(study, out / "counts" / noise)
            longer = {"max_steps": -1, "num_train_epochs": round(epochs, 3)}
            changes["train"] = [{"sft": sft_settings(sft) | longer}]
        study.setdefault("variants", {})[variant.name] = changes
    return study


def rows_to_learn(study: dict[str, Any], folder: Path) -> int:
    """Counts the training preferences that have a chosen answer."""
    import pyarrow.parquet as pq

    plain = {key: value for key, value in study.items() if key != "variants"}
    execute.run(plain, folder, until="unify")
    column = pq.read_table(folder / "clean" / "train.parquet", columns=["chosen"])["chosen"]
    return int(len(column) - column.null_count)


def tune(out: Path) -> None:
    """Tries learning rates and steps on the first noise, and writes those with the best mean on dev to `tuning.json`.

    The mean is over instructions followed and two-way accuracy, and over all data and a random subset. So no strategy
    under comparison affects it.
    """
    tried = [Variant(None), Variant("random", ALSO, unscored="keep")]
    names = [variant.name for variant in tried]
    trials: list[dict[str, Any]] = []
    for rate, steps in itertools.product(RATES, STEPS):
        sft = {"learning_rate": rate, "max_steps": steps}
        study = study_of(NOISES[0], out, TUNING_SEED, sft, tried)
        folder = out / "tuning" / f"{rate:g}-{steps}"
        trials.append(selection_runs.run_trial(study, folder, sft, names, TUNING_SEED, out))
    selection_runs.write_tuning(out, trials)


def list_jobs(
    out: Path, sft: dict[str, Any], seeds: dict[str, int], tried: list[Variant]
) -> list[tuple[dict[str, Any], Path]]:
    """Returns study and run folder of each job, in the order in which they run: seed by seed, each under every noise.

    So a study that is stopped has about the same seeds under all noises. All parts come before all data.
    """
    jobs = []
    for is_part in (True, False) if tried[0].aggregate else (None,):
        mine = [variant for variant in tried if is_part is None or (variant.strategy is not None) == is_part]
        for seed, noise in itertools.product(range(max(seeds.values())), NOISES):
            if seed >= seeds[noise]:
                continue
            folders = dict.fromkeys(variant.folder(noise, seed, out) for variant in mine)
            for folder in folders:
                together = [variant for variant in mine if variant.folder(noise, seed, out) == folder]
                jobs.append((study_of(noise, out, seed, sft, together), folder))
    return jobs


def run(out: Path, sft: dict[str, Any], seeds: dict[str, int], processes: int, tried: list[Variant]) -> None:
    """Runs every variant of every noise and seed."""
    selection_runs.run_jobs(list_jobs(out, sft, seeds, tried), processes)


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("tune", "run", "table", "calibrate"))
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--by", choices=("margin", "confidence"), default="margin", help="what the study selects by")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--kept", action="store_true", help="add variants that keep preferences without a margin")
    parser.add_argument("--seeds", type=int, nargs=len(NOISES), metavar="N", help="number of seeds per noise")
    parser.add_argument("--worlds", type=int, nargs="+", metavar="SEED", help="of calibrate: other seeds of worlds")
    args = parser.parse_args()
    by_confidence = args.by == "confidence"
    counts = CONFIDENCE_SEEDS if by_confidence else SEEDS
    seeds = dict(zip(NOISES, args.seeds or counts.values(), strict=True))
    variants = make_confidence_variants() if by_confidence else make_variants(args.kept)
    if args.what == "tune":
        tune(args.out)
    elif args.what == "calibrate":
        import selection_calibration

        selection_calibration.write(args.out, NOISES, args.worlds or selection_calibration.WORLD_SEEDS)
    else:
        settings = CONFIDENCE_SETTINGS if by_confidence else chosen_settings(args.out)
        if args.what == "run":
            run(args.out, settings, seeds, args.processes, variants)
        else:
            import selection_table

            selection_table.write(args.out, seeds, variants, settings)


if __name__ == "__main__":
    main()
