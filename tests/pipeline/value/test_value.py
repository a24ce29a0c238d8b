"""The value of a run's sources: trained, merged, measured and resumed on a tiny model; and what stops it."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from typer.testing import CliRunner

import unipref
from unipref import cli
from unipref.core.errors import ResourceError, UserError
from unipref.core.hub.pins import find_pin
from unipref.core.progress import ProgressListener
from unipref.pipeline.value import plan, value
from unipref.pipeline.value.plan import Request

WORDS = ("cat", "dog", "owl", "fox", "hen", "cow", "pig", "bee", "ant", "elk", "emu", "yak")


class Stages(ProgressListener):
    """Collects the stages that are executed, and the notes."""

    def __init__(self) -> None:
        self.executed: list[str] = []
        self.notes: list[str] = []

    def stage(self, name: str, cached: bool) -> None:
        if not cached:
            self.executed.append(name)

    def note(self, text: str) -> None:
        self.notes.append(text)


def write_study(folder: Path, model: Path) -> dict[str, Any]:
    for name in ("a", "b"):
        rows = [{"prompt": f"Is {word} {name}?", "chosen": f"Yes, {word}.", "rejected": "No."} for word in WORDS]
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "instructions").mkdir()
    items = [{"id": word, "prompt": f"Say {word}.", "rule": "one_word", "arguments": {}} for word in WORDS[:4]]
    (folder / "instructions" / "test.jsonl").write_text("\n".join(map(json.dumps, items)))
    settings = {"format": "pairs", "map": {"prompt": "prompt"}, "objective": "instruction"}
    return {
        "model": str(model),
        "data_root": str(folder),
        "sources": [{"name": name, "path": f"{name}.jsonl", **settings} for name in ("a", "b")],
        "split": {"dev": 0, "test": 0},
        "train": [{"sft": {"max_steps": 1, "per_device_train_batch_size": 2}}],
        "evaluate": [{"instructions": {"data": "instructions", "new_tokens": 2}}],
        "report": {"examples": 0},
        "workers": 1,
    }


@pytest.mark.slow
def test_the_sources_of_a_run_are_valued_and_finished_models_kept(tmp_path: Path, tiny_model: Path) -> None:
    study = write_study(tmp_path, tiny_model)
    with pytest.raises(UserError, match="is not a run folder"):
        unipref.value_sources(tmp_path)
    run = unipref.run(study, tmp_path / "run")
    before = {name: (run / name).read_bytes() for name in ("manifest.json", "scores.json", "study.yaml")}

    asked = ["value", str(run), "--ask", "sources", "--ask", "mixtures"]
    planned = CliRunner().invoke(cli.app, [*asked, "--dry-run"])
    assert "2 models with less data, 1 seed: at most 2 trainings, 0 of them done; 1 mixtures" in planned.stdout
    assert not (run / "value").exists()

    listener = Stages()
    found = unipref.value_sources(run, ask=["sources", "mixtures"], listener=listener)
    assert any("2 trainings, 0 of them done" in note for note in listener.notes)
    trained = [name for name in listener.executed if name.startswith("train/")]
    assert trained == ["train/value-source-a-0/0/sft", "train/value-alone-a/0/sft"]
    assert [part["name"] for part in found["parts"]] == ["a", "b"]
    for part in found["parts"]:
        gain = part["contribution"]["instruction"]
        assert (gain["seeds"], gain["n"], gain["verdict"]) == (1, 4, "inconclusive")
        assert part["in_mixtures"].keys() == part["alone"].keys() == {"instruction"}
        assert (part["preferences"], part["labels"]) == (12, 12)
    assert {name: (run / name).read_bytes() for name in before} == before

    again = Stages()
    assert unipref.value_sources(run, ask=["sources", "mixtures"], listener=again) == found
    assert again.executed == []

    assert CliRunner().invoke(cli.app, ["report", str(run)]).exit_code == 0
    page = (run / "report.md").read_text()
    assert "## What each source bought" in page
    assert "Another base model, other settings or more data" in page
    # The study itself is as it was: nothing has to run again.
    last = Stages()
    unipref.run(study, run, listener=last)
    assert last.executed == []

    with pytest.raises(UserError, match="no variant 'man'"):
        unipref.value_sources(run, variant="man")
    (run / "train" / "main" / "0" / "sft" / "config.json").unlink()
    with pytest.raises(UserError, match=r"not finished.*train/main/0/sft"):
        unipref.value_sources(run)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"questions": ("source",)}, "'source' cannot be asked"),
        ({"questions": ()}, "nothing is asked"),
        ({"fractions": (0.5, 1.0)}, "between 0 and 1"),
        ({"labels": 0}, "1 or more"),
    ],
)
def test_wrong_requests(changes: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Request(**changes).check()


@pytest.mark.parametrize("is_dry", [False, True])
def test_the_names_of_the_run_keep_their_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_dry: bool) -> None:
    (tmp_path / "hub.json").write_text(json.dumps({"owner/tiny@main": "a" * 40}))

    def make_plan(folder: Path, request: Request) -> NoReturn:
        raise UserError(f"pinned to {find_pin('owner/tiny@main')}")

    monkeypatch.setattr(plan if is_dry else value, "make_plan", make_plan)
    ran = CliRunner().invoke(cli.app, ["value", str(tmp_path), *(["--dry-run"] if is_dry else [])])
    assert f"pinned to {'a' * 40}" in ran.output + str(ran.exception)


def test_missing_disk_space_stops_the_valuation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare(*_: Any) -> NoReturn:
        raise ResourceError("the disk is full.")

    monkeypatch.setattr(value, "Run", lambda *_, **__: SimpleNamespace(prepare_variant=prepare))
    variants: dict[str, Any] = {"value-a": None, "value-b": None}
    resolved, design = SimpleNamespace(variants=variants), SimpleNamespace(variants=variants)
    planned: Any = SimpleNamespace(resolved=resolved, folder=tmp_path, only=tuple(variants), design=design)
    with pytest.raises(ResourceError, match="the disk is full"):
        value._drop_untrainable(planned, ProgressListener())
