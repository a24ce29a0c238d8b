"""`evaluate`: which benchmarks run, on which data, and which files it writes."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import pytest
import torch

from unipref.core import json_files
from unipref.core.chat_models import Policy, RewardModel
from unipref.core.contracts import SplitBenchmark
from unipref.core.errors import UserError
from unipref.core.scores import Example
from unipref.core.stats.statistic import Statistic, mean
from unipref.evaluate import data_path, evaluate
from unipref.models.loading import is_reward_model, load_model, load_policy


class Toy(SplitBenchmark):
    """Says what it was given."""

    example: ClassVar[Mapping[str, Any]] = {"settings": {}}
    split: str = "test"

    def examine(self, model: Policy | RewardModel, data: Path, split: str) -> tuple[list[Example], list[str]]:
        length = len(data.read_text(encoding="utf-8"))
        return [{"kind": type(model).__name__, "data": data.name, "split": split, "length": length}], ["one note"]

    @classmethod
    def statistics(cls, examples: Sequence[Example]) -> Iterator[Statistic]:
        for row in examples:
            yield mean("found", ["a"], [row["length"]], split=row["split"])


class ToyOfBoth(Toy):
    """Measures reward models too."""

    measures: ClassVar[frozenset[str]] = frozenset({"policy", "reward"})


@pytest.fixture(scope="module")
def reward_folder(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("reward")
    torch.manual_seed(3)
    load_model(str(tiny_model), "reward").save_pretrained(folder)
    load_policy(str(tiny_model)).tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval" / "toys").write_text("four")
    (tmp_path / "dev.parquet").write_text("seven..")
    return tmp_path


def test_rows_tables_and_notes(tiny_model: Path, root: Path) -> None:
    heard: list[str] = []
    benchmarks = [Toy(data="eval/toys"), Toy(split="dev")]
    rows = evaluate(
        str(tiny_model),
        benchmarks,
        data_root=root,
        splits={"dev": root / "dev.parquet"},
        out=root / "out",
        on_note=heard.append,
    )
    name = Toy.name()
    assert rows[0] == {
        "benchmark": name, "mode": "corrected", "split": "test", "slice": "all", "metric": "found", "value": 4.0,
        "low": None, "high": None, "n": 1, "n_clusters": 1, "unit": "examples", "interval": None, "direction": "higher",
        "ideal": None, "chance": None, "at_chance": False, "precision": "float32",
    }  # fmt: skip
    assert (rows[1]["value"], rows[1]["split"]) == (7.0, "dev")
    notes = ["prompts are plain text.", "measured in float32.", "one note"]
    assert heard == [f"{label}: {note}" for label in (name, f"{name}-2") for note in notes]
    assert json.loads((root / "out" / "notes.json").read_text()) == {name: notes, f"{name}-2": notes}
    written = json.loads((root / "out" / f"{name}.jsonl").read_text())
    assert written == {"kind": "Policy", "data": "toys", "split": "test", "length": 4}
    files = {f"{name}-2.jsonl", f"{name}.jsonl", "notes.json", "results.json"}
    assert {path.name for path in (root / "out").iterdir()} == files


def test_an_interrupted_evaluation_goes_on_where_it_stopped(tiny_model: Path, root: Path) -> None:
    asked: list[str] = []
    interrupts = [2]

    class Asking(Toy):
        """Notes that it was asked; the second one is interrupted."""

        def examine(self, model: Policy | RewardModel, data: Path, split: str) -> tuple[list[Example], list[str]]:
            asked.append(f"{self.limit}")
            if interrupts and self.limit == interrupts[0]:
                raise KeyboardInterrupt
            return super().examine(model, data, split)

    def run(limits: Sequence[int], model: Path = tiny_model) -> list[dict[str, Any]]:
        asked.clear()
        chosen = [Asking(data="eval/toys", limit=limit) for limit in limits]
        return evaluate(str(model), chosen, data_root=root, splits={}, out=root / "out")

    with pytest.raises(KeyboardInterrupt):
        run([1, 2, 3])
    assert asked == ["1", "2"]
    interrupts.clear()
    rows = run([1, 2, 3])
    assert asked == ["2", "3"]
    assert run([1, 2, 3]) == rows
    assert asked == []
    assert list(json.loads((root / "out" / "results.json").read_text())["configs"]) == [
        row["benchmark"] for row in rows
    ]
    # Another setting, other data or a damaged table: it is measured again.
    run([1, 5, 3])
    assert asked == ["5"]
    (root / "out" / f"{rows[0]['benchmark']}.jsonl").write_text("{")
    run([1, 5, 3])
    assert asked == ["1"]
    (root / "eval" / "toys").write_text("fives")
    run([1, 5, 3])
    assert asked == ["1", "5", "3"]


def test_a_table_is_written_once(tiny_model: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    replace = json_files.replace_file

    def note_file(path: Path) -> contextlib.AbstractContextManager[BinaryIO]:
        written.append(path.name)
        return replace(path)

    monkeypatch.setattr(json_files, "replace_file", note_file)

    def run(labels: Sequence[str]) -> list[str]:
        written.clear()
        benchmarks = [Toy(data="eval/toys") for _ in labels]
        evaluate(str(tiny_model), benchmarks, data_root=root, splits={}, out=root / "out", labels=labels, key="one")
        return [name for name in written if name.endswith(".jsonl")]

    assert run(["a", "b", "c"]) == ["a.jsonl", "b.jsonl", "c.jsonl"]
    assert run(["a", "d", "b"]) == ["d.jsonl"]
    results = json.loads((root / "out" / "results.json").read_text())
    assert results["configs"].keys() == {"a", "b", "c", "d"}


def test_benchmarks_that_are_not_selected_stay_in_the_results(
    tiny_model: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []

    def run(labels: Sequence[str], key: str = "one") -> dict[str, Any]:
        heard.clear()
        benchmarks = [Toy(data="eval/toys") for _ in labels]
        settings: dict[str, Any] = {"labels": labels, "key": key, "on_start": heard.append}
        evaluate(str(tiny_model), benchmarks, data_root=root, splits={}, out=root / "out", **settings)
        return {name: json.loads((root / "out" / f"{name}.json").read_text()) for name in ("results", "notes")}

    first, both = run(["a", "b"]), run(["c"])
    for name in ("configs", "results", "n-samples", "versions"):
        assert both["results"][name].keys() == {"a", "b", "c"}
        assert both["results"][name]["a"] == first["results"][name]["a"]
    assert both["notes"]["b"] == first["notes"]["b"]
    assert run(["a", "b"]) == both
    assert [line.rpartition(", ")[2] for line in heard] == ["is already measured"] * 2
    # Results of another model, or of other packages, are not kept.
    assert run(["d"], "two")["notes"].keys() == {"d"}
    monkeypatch.setattr("unipref.evaluate.results.find_package_versions", dict)
    assert run(["e"], "two")["notes"].keys() == {"e"}


def test_a_reward_model_is_given_what_measures_it(reward_folder: str, root: Path) -> None:
    benchmarks = [Toy(data="eval/toys"), ToyOfBoth(data="eval/toys")]
    evaluate(reward_folder, benchmarks, data_root=root, splits={}, out=root / "out")
    assert json.loads((root / "out" / f"{Toy.name()}.jsonl").read_text())["kind"] == "RewardModel"
    assert evaluate(reward_folder, benchmarks[:1], data_root=root, splits={}, out=None) == []


def test_a_reward_adapter_is_known_by_its_task(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"task_type": "SEQ_CLS"}')
    assert is_reward_model(str(tmp_path))
    (tmp_path / "adapter_config.json").write_text('{"task_type": "CAUSAL_LM"}')
    assert not is_reward_model(str(tmp_path))


def test_missing_data_are_found_before_the_model_is_loaded(tiny_model: Path, root: Path) -> None:
    def load(name: str, precision: str) -> Policy:
        raise AssertionError("the model is loaded")

    with pytest.raises(UserError, match="Did you mean 'toys'"):
        evaluate(str(tiny_model), [Toy(data="eval/toy")], data_root=root, splits={}, out=None, load=load)
    (root / "eval" / "bench" / "part").mkdir(parents=True)
    given = root / "eval" / "bench"
    with pytest.raises(UserError, match=f"Give the folder above it: {root / 'eval'} holds bench"):
        evaluate(str(tiny_model), [Toy(data="bench")], data_root=given, splits={}, out=None, load=load)
    with pytest.raises(UserError, match="no split 'test'"):
        evaluate(str(tiny_model), [Toy()], data_root=root, splits={}, out=None, load=load)


def test_a_missing_model_folder_is_named_before_the_hub_is_asked(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(name: str) -> bool:
        raise AssertionError("the model is looked up")

    monkeypatch.chdir(root)
    monkeypatch.setattr("unipref.evaluate.is_reward_model", ask)
    (root / "runs" / "first").mkdir(parents=True)
    with pytest.raises(UserError, match="the model folder does not exist") as caught:
        evaluate("runs/frst", [Toy(data="eval/toys")], data_root=root, splits={}, out=None)
    assert caught.value.mend == "In runs: Did you mean 'first'?"


def test_data_paths_may_use_environment_variables(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_FOLDER", "eval")
    assert data_path(Toy(data="$TOY_FOLDER/toys"), root, {}) == root / "eval" / "toys"
