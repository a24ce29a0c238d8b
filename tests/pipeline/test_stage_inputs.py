"""Which setting, file, package or module makes which stages run again.

The table lists the stages whose own inputs change. Stages behind them have the key or the content of these among their
inputs.
"""

import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support.study_files import study_of, write_sources
from unipref.core import hashing
from unipref.core.import_closure import PACKAGE, import_closure
from unipref.core.progress import ProgressListener
from unipref.core.stage_cache import Stage, stage_kind
from unipref.models.weight_merging import Recipe
from unipref.pipeline import stage_inputs
from unipref.pipeline.run import Run
from unipref.pipeline.stage_inputs import CODE, InputHashes
from unipref.study.load import load

SFT, DPO, ACCURACY, STEREOSET = "train/sft", "train/dpo", "evaluated/preference_accuracy", "evaluated/stereoset"
SCORES = {ACCURACY, STEREOSET}
COMPARISONS = {"compared/preference_accuracy", "compared/stereoset"}
TRAINING = {"checked", SFT, DPO}
ALL = {"unified", "clean", "selected", "examples", *TRAINING, *SCORES, *COMPARISONS}


@dataclass
class Case:
    """One change, and the stages that it voids.

    Attributes:
        voids: the stages.
        settings: as for `--set`.
        file: a file of the study that changes.
        module: a file of the package that changes.
        package: an installed package whose version changes.
    """

    voids: set[str]
    settings: list[str] = field(default_factory=list)
    file: str = ""
    module: str = ""
    package: str = ""


CASES = {
    "nothing": Case(set()),
    "a setting of unify": Case({"unified"}, ["unify.min_margin=0.9"]),
    "the mapping of a source": Case({"unified"}, ["sources.pairs.objective=other"]),
    "a source's file": Case({"unified"}, file="pairs.jsonl"),
    "the code of a format": Case({"unified"}, module="unify/formats/pairs.py"),
    "the code of a format that is not used": Case(set(), module="unify/formats/critique.py"),
    "the seed of the split": Case({"clean"}, ["split.seed=1"]),
    "a setting of clean": Case({"clean"}, ["clean.benchmarks=false"]),
    "the code of clean": Case({"clean"}, module="clean/split.py"),
    "a benchmark's data": Case({"clean", STEREOSET}, file="stereoset/items.json"),
    "the fraction that is selected": Case({"selected"}, ["select.random.fraction=0.25"]),
    "the code of the strategy": Case({"selected"}, module="select/strategies/random.py"),
    "the code of a strategy that is not used": Case(set(), module="select/strategies/deita.py"),
    "the base model": Case({"checked", SFT, "examples", *SCORES}, file="model/model.safetensors"),
    "a setting of a step": Case({"checked", DPO}, ["train.dpo.beta=0.2"]),
    "a setting of the first step": Case({"checked", SFT}, ["train.sft.max_steps=3"]),
    "the code of a trainer": Case({"checked", DPO}, module="train/trainers/dpo.py"),
    "the code that trains": Case(TRAINING, module="train/fit.py"),
    "how often it is measured": Case({SFT, DPO}, ["evaluate.every=2"]),
    "the version of TRL": Case(TRAINING, package="trl"),
    "the version of torch": Case({*TRAINING, "examples", *SCORES}, package="torch"),
    "the version of pandas": Case(set(), package="pandas"),
    "faiss, where nothing is clustered": Case(set(), package="faiss-cpu"),
    "the code of a benchmark": Case({STEREOSET}, module="evaluate/benchmarks/stereoset.py"),
    "the code that compares": Case(COMPARISONS, module="evaluate/compare.py"),
    "the number of examples": Case({"examples"}, ["report.examples=3"]),
    "the code that draws examples": Case({"examples"}, module="pipeline/examples.py"),
    "the code that reads raw rows back": Case({"examples"}, module="pipeline/raw_rows.py"),
    "the scheduler": Case(set(), module="pipeline/scheduler.py"),
    "the report": Case(set(), module="report/content.py"),
    "the title of the study": Case(set(), ["name=other"]),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path)


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder, and the inputs of its stages."""
    folder = write_folder(tmp_path_factory.mktemp("unchanged"))
    return folder, inputs_of(folder, [])


def write_folder(tmp_path: Path) -> Path:
    write_sources(tmp_path)
    for name, content in (
        ("model/config.json", '{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}'),
        ("model/model.safetensors", "weights"),
        ("stereoset/items.json", "{}"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


def inputs_of(folder: Path, settings: list[str]) -> dict[str, str]:
    """Kind of stage -> the inputs of its stages; the keys of other stages are replaced by their names."""
    study = study_of(folder, folder / "model") | {
        "select": {"random": {"fraction": 0.5}},
        "train": [{"sft": {"max_steps": 2}}, {"dpo": {"from": "sft", "max_steps": 2}}],
        "evaluate": {"benchmarks": [{"preference_accuracy": {"split": "dev"}}, "stereoset"], "every": 1},
    }
    run = Run(load(study, settings), folder / "run", ProgressListener(), dry_run=True)
    run.run_stages("evaluate")
    pending = run.context.cache.pending
    inputs: dict[str, str] = {}
    for stage in pending:
        text = json.dumps([stage.name, stage.inputs], sort_keys=True, default=str)
        for other in pending:
            text = text.replace(other.key, other.name)
        inputs[stage_kind(stage.name)] = inputs.get(stage_kind(stage.name), "") + text
    return inputs


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_change_voids_the_stages_that_depend_on_it(
    case: Case, unchanged: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, before = unchanged
    assert before.keys() == ALL
    file = folder / (case.file or "pairs.jsonl")
    content = file.read_text(encoding="utf-8")
    if case.file:
        file.write_text(content + "\n", encoding="utf-8")
    if case.module:
        monkeypatch.setattr(hashing, "_hash_code_file", changed(hashing._hash_code_file, PACKAGE / case.module))
    if case.package:
        versions = hashing.find_versions
        monkeypatch.setattr(
            hashing,
            "find_versions",
            lambda *packages: versions(*packages) | dict.fromkeys({case.package} & set(packages), "0.0.changed"),
        )
    try:
        after = inputs_of(folder, case.settings)
    finally:
        file.write_text(content, encoding="utf-8")
    assert {stage for stage in ALL if before[stage] != after[stage]} == case.voids


def test_a_selection_that_clusters_depends_on_the_version_of_faiss(
    unchanged: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = unchanged
    find, versions = hashing.find_versions, [{}, {"faiss-cpu": "1"}, {"faiss-cpu": "2"}]
    inputs = []
    for installed in versions:
        monkeypatch.setattr(
            hashing, "find_versions", lambda *names, i=installed: i if "faiss-cpu" in names else find(*names)
        )
        inputs.append(inputs_of(folder, ["select=cluster_quality"]))
    changed_stages = [{stage for stage in ALL if inputs[0][stage] != one[stage]} for one in inputs[1:]]
    assert changed_stages == [{"selected"}, {"selected"}]
    assert inputs[1]["selected"] != inputs[2]["selected"]


def changed(hash_code_file: Callable[..., str], file: Path) -> Callable[..., str]:
    """`_hash_code_file` as if one file had other content."""
    assert file.is_file()
    return lambda path, *state: hash_code_file(path, *state) + ("changed" if path == file else "")


def test_a_mixture_depends_on_its_models_its_recipe_and_its_benchmark(folder: Path) -> None:
    model = folder / "model"

    def key(**changes: Any) -> str:
        hashes = InputHashes(folder)
        recipe = Recipe(**{"method": "dare_ties", "density": 0.5, "seed": 0, **changes})
        mixture = stage_inputs.mixture_inputs(hashes, str(model), str(model), {"bias": folder / "stereoset"}, recipe)
        data = folder / "stereoset"
        (benchmark,) = load(study_of(folder, model) | {"evaluate": ["stereoset"]}).study.evaluate.benchmarks
        return hashing.json_hash(stage_inputs.mixture_score_inputs(hashes, mixture, benchmark, data))

    first = key()
    assert key() == first
    assert len({first, key(method="ties"), key(density=0.4), key(seed=1)}) == 4
    assert key(method="linear", density=0.1, seed=3) == key(method="linear"), "linear uses neither density nor seed"
    (folder / "stereoset/items.json").write_text("{} ", encoding="utf-8")
    assert key() != first


def test_held_out_parts_depend_on_what_was_trained_on(folder: Path) -> None:
    pairs, shown = folder / "pairs.jsonl", folder / "shown.json"
    first = stage_inputs.held_out_inputs({"dev": pairs}, [shown])
    assert stage_inputs.held_out_inputs({"dev": pairs}, [shown]) == first
    assert stage_inputs.held_out_inputs({"dev": pairs}, [pairs]) != first
    assert stage_inputs.held_out_inputs({"test": pairs}, [shown]) != first
    closure = {path.relative_to(PACKAGE).as_posix() for path in import_closure(*CODE["held-out parts"])}
    assert "pipeline/merge/drop_prompts.py" in closure
    assert not any(path.startswith("train/") for path in closure)


def test_another_process_makes_the_same_key_of_a_study_that_it_is_given(folder: Path) -> None:
    here = load(study_of(folder, folder / "model"))
    there = pickle.loads(pickle.dumps(here))
    inputs = [stage_inputs.unify_inputs(study.study, study.sources["main"], {}) for study in (here, there)]
    assert hashing.json_hash(inputs[0]) == hashing.json_hash(inputs[1])


def test_a_comparison_depends_on_what_was_measured_and_not_on_how() -> None:
    base, ours, elsewhere = (
        Stage(Path(), key, content, {}, {}, 0.0, 0.0, cached=True)
        for key, content in (("k", "a"), ("l", "b"), ("l", "c"))
    )
    assert stage_inputs.compare_inputs(base, ours) != stage_inputs.compare_inputs(base, elsewhere)
