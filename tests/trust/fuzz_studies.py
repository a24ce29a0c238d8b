"""Damaged study files, and damaged records of a run for the report."""

import contextlib
import json
import random
import shutil
from pathlib import Path
from typing import Any

from support.hostile_run import write_run
from support.study_files import study_of, write_sources
from trust.attempt import attempt, measure
from trust.mutations import damage_bytes, damage_value
from trust.outcome import Outcome
from unipref import report
from unipref.core import yaml_files
from unipref.core.errors import UserError
from unipref.study.load import load

RECORDS = ("manifest.json", "scores.json", "verdicts.json", "examples/examples.json", "study.yaml")
RECORDS += ("unified/judging.json",)


def load_damaged_studies(folder: Path, seed: int, n_studies: int) -> Outcome:
    """Loads damaged study files: a study, or an error that names the setting."""
    with measure("damaged study files", seed) as outcome:
        rng = random.Random(seed)
        folder.mkdir(parents=True)
        write_sources(folder)
        study = {**study_of(folder, folder), "model": ".", "data_root": "."}
        text = yaml_files.write(study).encode()
        path = folder / "study.yaml"
        path.write_bytes(text)
        with contextlib.chdir(folder):  # relative paths: the damage does not depend on the folder's name
            _warm_up(study)
            for number in range(n_studies):
                damaged = damage_bytes(text, rng) if number % 2 else damage_value(study, rng)
                with attempt(outcome, "studies", f"study {number}: {str(damaged)[:3000]}"):
                    if isinstance(damaged, bytes):
                        path.write_bytes(damaged)
                    load(path if isinstance(damaged, bytes) else damaged)
    return outcome


def report_damaged_runs(folder: Path, seed: int, n_runs: int) -> Outcome:
    """Writes the report of runs with one damaged record: a report, or an error that names the file."""
    with measure("reports of damaged runs", seed) as outcome:
        rng = random.Random(seed)
        sound = folder / "sound"
        sound.mkdir(parents=True)
        write_run(sound, map_points=10, steps=3)
        for number in range(n_runs):
            run = folder / "run"
            shutil.copytree(sound, run)
            record = run / RECORDS[number % len(RECORDS)]
            if record.suffix == ".json" and rng.random() < 0.7:
                record.write_text(json.dumps(damage_value(json.loads(record.read_text()), rng), default=str))
            else:
                record.write_bytes(damage_bytes(record.read_bytes(), rng))
            with attempt(outcome, "runs", f"run {number}, {record.name}"):
                report.write(run)
            shutil.rmtree(run)
    return outcome


def _warm_up(study: dict[str, Any]) -> None:
    """Imports what the checks of a study need, which takes longer than any attempt may."""
    for step in study["train"]:
        ((name, settings),) = step.items()
        with contextlib.suppress(UserError):
            load({**study, "train": [{name: {**settings, "unknown": 1}}]})
    load(study)
