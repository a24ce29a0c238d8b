"""A run folder that was moved goes on: its adapters find their base models, and no stage runs again."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import unipref
from support.study_files import study_of, write_sources
from support.tiny_gguf import write_gguf
from unipref import cli
from unipref.core.progress import ProgressListener
from unipref.models.loading import load_policy

LORA: dict[str, Any] = {"max_steps": 2, "lora": {"r": 2}, "merge_adapter": False}


class Stages(ProgressListener):
    """Records which stages ran."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def stage(self, name: str, cached: bool) -> None:
        if not cached:
            self.ran.append(name)


@pytest.mark.slow
def test_a_run_goes_on_in_another_place(tiny_model: Path, tmp_path: Path) -> None:
    answers = [{"q": f"Who called {i}?", "good": f"The nurse called {i} times.", "bad": "No."} for i in range(24)]
    sources = [
        {
            "name": name,
            "path": "rows.jsonl",
            "format": "pairs",
            "objective": objective,
            "map": {"prompt": "q", "chosen": "good", "rejected": "bad"},
        }
        for name, objective in (("a", "instruction"), ("b", "bias"))
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, answers)))
    first: list[dict[str, Any]] = [{"sft": {"name": "one", **LORA}}]
    only = {name: {"select": {"only": {"sources": [name]}}, "train": first} for name in ("a", "b")}
    study = {
        "model": str(tiny_model),
        "data_root": str(tmp_path),
        "sources": sources,
        "clean": {"duplicates": "keep"},
        "split": {"dev": 0.0, "test": 0.2},
        "train": [*first, {"dpo": {"name": "two", **LORA}}],
        "evaluate": ["preference_accuracy"],
        "variants": only,
        "report": {"examples": 0},
    }
    run = unipref.run(study, tmp_path / "run")
    two = json.loads((run / "train/main/0/two/adapter_config.json").read_text())
    assert two["base_model_name_or_path"] == "../one"
    before = (run / "scores.json").read_text()
    moved = run.rename(tmp_path / "moved")
    stages = Stages()
    unipref.run(study, moved, listener=stages)
    assert stages.ran == []
    assert (moved / "scores.json").read_text() == before
    assert load_policy(str(moved / "train/main/0/two")).context == 256
    data = tmp_path / "data" / "preference_accuracy"
    data.mkdir(parents=True)
    (data / "test.parquet").write_bytes((moved / "clean" / "test.parquet").read_bytes())
    model = str(moved / "train/main/0/two")
    result = CliRunner().invoke(cli.app, ["evaluate", model, "--data", str(data.parent), "-b", "preference_accuracy"])
    assert result.exit_code == 0, result.output
    adapters = {"instruction": "a/0/one", "bias": "b/0/one"}
    made = unipref.soup_models(moved, "instruction=0.5,bias=0.5", adapters=adapters)
    assert (made / "model.safetensors").is_file()
    # The last step is trained again, from an adapter whose place has changed.
    study["train"][1]["dpo"]["max_steps"] = 3  # type: ignore[index]
    unipref.run(study, moved, listener=stages)
    assert "train/main/0/two" in stages.ran
    assert "train/main/0/one" not in stages.ran


@pytest.mark.slow
def test_a_model_from_a_gguf_file_moves_with_its_run(tmp_path: Path) -> None:
    pytest.importorskip("gguf", reason="the package gguf is not installed")
    write_sources(tmp_path)
    write_gguf(tmp_path / "tiny.gguf")
    study = study_of(tmp_path, tmp_path / "tiny.gguf")
    study |= {"train": [{"sft": {"max_steps": 2, "lora": {"r": 2}}}], "evaluate": []}
    unipref.run(study, tmp_path / "run")
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["model_quantization"].startswith("GGUF, most weights Q4_1, dequantised to ")
    assert manifest["model_hash"].startswith("gguf:")
    (tmp_path / "tiny.gguf").unlink()
    (tmp_path / "run").rename(tmp_path / "moved")
    assert load_policy(str(tmp_path / "moved" / "train" / "main" / "0" / "sft")).model.config.model_type == "llama"
