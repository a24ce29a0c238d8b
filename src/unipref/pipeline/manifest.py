"""What a run says of itself: `manifest.json`, `scores.json` and the study as it was run."""

import os
import platform
from collections.abc import Mapping
from typing import Any

from unipref.core import hashing, json_files, registry, yaml_files
from unipref.core.records import MAIN
from unipref.core.stage_cache import Stage, StageCache
from unipref.core.version import __version__
from unipref.study.load import ResolvedStudy
from unipref.study.schema import Study
from unipref.study.steps import origins, steps_of

VARIANT_FIELDS = ("name", "variants", "grid", "select", "train", "evaluate", "seeds", "engine", "workers", "report")
"""Settings in which variants may differ and still be compared on what they select."""
SCORE_FIELDS = ("evaluated", "notes")
"""What belongs to the scores of a run."""
CARRIED_OVER = ("preflight", "selected", "train", "steps", "model_hash", "examples")
"""What the models are that were scored, as far as the run in hand did not get to it."""
SCORES, PAIRED, VERDICTS = "scores.json", "against_base.json", "verdicts.json"
PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "pyarrow", "scikit-learn", "numpy")


class Manifest:
    """Gathers what the stages return, and writes it.

    Sources and clean are those of the study as written; a variant that changes them has its own under `variants`.
    """

    def __init__(self, run: StageCache, loaded: ResolvedStudy) -> None:
        self._run, self._loaded = run, loaded
        self._scores: list[dict[str, Any]] = []
        self._against_base: list[dict[str, Any]] = []
        self._seen: set[str] = set()
        self._value: dict[str, Any] = {
            "unipref": __version__,
            "name": loaded.study.name,
            "model": loaded.study.model,
            "seeds": loaded.study.seeds,
            "data_root": str(loaded.data_root),
            "python": platform.python_version(),
            "machine": {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count()},
            "versions": hashing.versions(*PACKAGES),
            "arms": {name: _arm(study) for name, study in loaded.variants.items()},
        }

    def model(self, key: str) -> None:
        """Takes in what the study's model is known by: the hash of its files, or its name on the hub."""
        self._value["model_hash"] = key

    def unified(self, variant: str, stage: Stage, hashes: Mapping[str, str]) -> Stage:
        """Takes in what unify returned, with the files of each source and the hash of what they hold."""
        pages = {
            plan.how.source: {
                **stage.result[plan.how.source],
                "files": sorted({p.origin for p in plan.parts}),
                "hash": hashes[plan.how.source],
            }
            for plan in self._loaded.sources[variant]
        }
        self._of(variant)["sources"] = pages
        return stage

    def cleaned(self, variant: str, stage: Stage) -> Stage:
        """Takes in what clean returned, and the folder it is in: variants may share one."""
        folder = stage.folder.relative_to(self._run.folder).as_posix()
        self._of(variant)["clean"] = {**stage.result, "folder": folder}
        return stage

    def selected(self, variant: str, seed: int, stage: Stage) -> Stage:
        """Takes in what select returned, and the folder it is in: variants may share one."""
        summary = {**stage.result, "folder": stage.folder.relative_to(self._run.folder).as_posix()}
        self._value.setdefault("selected", {}).setdefault(variant, {})[str(seed)] = summary
        return stage

    def checked(self, variant: str, seed: int, stage: Stage) -> None:
        """Takes in what was found before training."""
        self._value.setdefault("preflight", {}).setdefault(variant, {})[str(seed)] = stage.result

    def trained(self, variant: str, seed: int, step: str, stage: Stage, about: dict[str, Any]) -> None:
        """Takes in what a training step returned, and `about` the step: trainer, settings and what it started from."""
        by_seed = self._value.setdefault("train", {}).setdefault(variant, {})
        summary = {**stage.result, "folder": stage.folder.relative_to(self._run.folder).as_posix()}
        by_seed.setdefault(str(seed), {})[step] = summary
        self._value.setdefault("steps", {}).setdefault(variant, {})[step] = about

    def exemplified(self, found: dict[str, Any]) -> None:
        """Takes in which models answered the examples, or why there are none."""
        self._value["examples"] = found

    def scored(self, variant: str, seed: int | None, step: str, model: str, stage: Stage) -> None:
        """Takes in one benchmark's scores of one model; the base model's once."""
        place = f"{variant}/{seed}/{step}/{stage.key}"
        if place in self._seen:
            return
        self._seen.add(place)
        evaluated = {"variant": variant, "seed": seed, "step": step, "benchmark": stage.folder.name}
        evaluated["folder"] = stage.folder.relative_to(self._run.folder).as_posix()
        self._value.setdefault("evaluated", []).append(evaluated)
        who = {"variant": variant, "seed": seed, "step": step, "model": self._short(model)}
        self._scores += [{**who, **score} for score in stage.result["scores"]]
        self._against_base += [{**row, **who} for row in stage.result["against_base"]]
        if notes := stage.result.get("notes"):
            self._value.setdefault("notes", {})[f"{variant}/{step}/{stage.folder.name}"] = notes

    def has_scores(self) -> bool:
        """Whether there are scores of an earlier run in the folder."""
        return (self._run.folder / SCORES).is_file()

    def recall(self, earlier: "Manifest") -> None:
        """Takes over the scores that another manifest of this run has gathered; without any, those on disk go."""
        self._scores, self._against_base = earlier._scores, earlier._against_base
        for key in (*CARRIED_OVER, *SCORE_FIELDS):
            if key in earlier._value and (key in SCORE_FIELDS or key not in self._value):
                self._value[key] = earlier._value[key]
        if not self._scores:
            for name in (SCORES, PAIRED, VERDICTS):
                (self._run.folder / name).unlink(missing_ok=True)

    def write(self) -> None:
        """Writes `manifest.json`, `scores.json`, `against_base.json` and `study.yaml`; safe to repeat."""
        folder = self._run.folder
        json_files.write_text(folder / "study.yaml", yaml_files.write(self._loaded.raw))
        if self._scores:
            json_files.write_json(folder / SCORES, self._scores)
            json_files.write_json(folder / PAIRED, self._against_base)
        json_files.write_json(folder / "manifest.json", {**self._value, "stages": self._run.costs()})

    def _of(self, variant: str) -> dict[str, Any]:
        if variant == MAIN:
            return self._value
        mine: dict[str, Any] = self._value.setdefault("variants", {}).setdefault(variant, {})
        return mine

    def _short(self, model: str) -> str:
        """A model of this run by its place in the run, any other as the study names it."""
        folder = str(self._run.folder)
        return model[len(folder) :].lstrip("/\\") if model.startswith(folder) else model


def _arm(study: Study) -> dict[str, Any]:
    """What tells a variant from others: its strategy, a hash of all else that may differ, its training steps.

    `judged`: label -> the figure that verdicts judge by, of the benchmarks that have one, in order.
    """
    rest = study.model_dump(mode="json", exclude=set(VARIANT_FIELDS))
    rest["train"] = [registry.cache_identity(trainer) for trainer in study.train]
    starts = origins(study)
    return {
        "strategy": registry.cache_identity(study.select),
        "rest": hashing.json_hash(rest),
        "steps": [
            {"name": name, "trainer": trainer.name(), "makes": trainer.makes, "from": starts[name][0]}
            for trainer, name in steps_of(study)
        ],
        "judged": {
            label: benchmark.headline_metric._asdict()
            for benchmark, label in study.labelled_benchmarks()
            if benchmark.headline_metric is not None
        },
    }
