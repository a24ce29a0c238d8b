"""Exports of a model as a GGUF file: what the file holds, what the command prints, and what stops it."""

import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import unipref
from support import gguf_converter
from unipref import cli
from unipref.core.errors import UserError
from unipref.models import llama_cpp
from unipref.models.loading import load_tokenizer
from unipref.pipeline.gguf_export import export_model

REAL = os.environ.get(llama_cpp.VARIABLE)
"""A converter of llama.cpp, if this machine has one."""
WORDS = ("cat", "dog", "owl", "fox", "hen", "cow")


@pytest.fixture
def converter(monkeypatch: pytest.MonkeyPatch) -> str:
    path = str(Path(gguf_converter.__file__))
    monkeypatch.setenv(llama_cpp.VARIABLE, path)
    return path


@pytest.fixture
def chat_model(tmp_path: Path, tiny_model: Path) -> Path:
    """A model whose folder has a chat template, as each trained model has."""
    folder = shutil.copytree(tiny_model, tmp_path / "chat")
    tokenizer, _ = load_tokenizer(str(folder))
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("storage", "largest"), [("f32", 1e-4), ("f16", 0.02), ("q8_0", 0.5)])
def test_the_file_holds_the_model(
    converter: str, chat_model: Path, tmp_path: Path, storage: llama_cpp.Storage, largest: float
) -> None:
    account = export_model(chat_model, tmp_path / "model.gguf", storage=storage)
    assert account.difference is not None
    assert account.difference.tokens > 100
    assert account.difference.largest < largest
    assert (account.dialogues, account.equal, account.warnings) == (3, 3, [])
    assert account.bytes == (tmp_path / "model.gguf").stat().st_size
    assert any("bits of the weights" in one for one in account.loses) == (storage != "f32")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["chat", "model.gguf"]


@pytest.mark.slow
def test_another_model_in_the_file_is_an_error(
    converter: str, chat_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GGUF_FAULT", "weights")
    with pytest.raises(UserError, match=r"it is not the model: the log-probabilities of \d+ tokens differ"):
        export_model(chat_model, tmp_path / "model.gguf")
    assert (tmp_path / "model.gguf").is_file()


@pytest.mark.slow
def test_a_missing_chat_template_is_named(converter: str, tiny_model: Path, tmp_path: Path) -> None:
    account = export_model(tiny_model, tmp_path)
    assert Path(account.file).parent == tmp_path
    assert any("another chat template" in one for one in account.warnings)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("module", r"needs the package sentencepiece.*\n.*pip install sentencepiece"),
        ("tokenizer", r"BPE pre-tokenizer was not recognized.*\n.*published models only"),
        ("nothing", r"ended with status 0: it said nothing"),
    ],
)
def test_a_converter_that_stops(
    converter: str, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, message: str
) -> None:
    monkeypatch.setenv("GGUF_FAULT", fault)
    with pytest.raises(UserError, match=message):
        export_model(tiny_model, tmp_path / "model.gguf")
    assert not (tmp_path / "model.gguf").exists()


def test_a_missing_converter(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(llama_cpp.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"convert_hf_to_gguf\.py.*\n.*git clone https://github"):
        export_model(tiny_model, tmp_path / "model.gguf")
    monkeypatch.setenv(llama_cpp.VARIABLE, str(tmp_path))
    with pytest.raises(UserError, match=r"UNIPREF_GGUF_CONVERTER: .*convert_hf_to_gguf\.py: the converter"):
        export_model(tiny_model, tmp_path / "model.gguf")


def test_a_program_of_the_shell_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(llama_cpp.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    program = tmp_path / llama_cpp.PROGRAM
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert llama_cpp.find_converter() == [str(program)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--to", "gguf", "--split", "test"], "--split: it is for preferences, and gguf writes a model"),
        (["--to", "trl", "--type", "f16"], "--type: it is for gguf, which writes a model"),
        (["--to", "gguf"], "a model folder stays as it is"),
        (["--to", "gguf", "--model", "main/0/sft", "-o", "x.gguf"], "this is not a run folder"),
    ],
)
def test_wrong_options(converter: str, tiny_model: Path, options: list[str], message: str) -> None:
    ran = CliRunner().invoke(cli.app, ["export", str(tiny_model), *options])
    assert isinstance(ran.exception, UserError)
    assert message in str(ran.exception)


@pytest.mark.slow
def test_the_best_model_of_a_run_and_an_adapter(
    converter: str, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNIPREF_CACHE", str(tmp_path / "cache"))
    rows = [{"prompt": f"Is it a {word}?", "chosen": f"Yes, a {word}.", "rejected": "No."} for word in WORDS]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    source = {"name": "pairs", "path": "pairs.jsonl", "format": "pairs", "map": {"prompt": "prompt"}}
    step = {"max_steps": 1, "per_device_train_batch_size": 2, "learning_rate": 0.05}
    study = {
        "model": str(tiny_model),
        "data_root": str(tmp_path),
        "sources": [{**source, "objective": "instruction"}],
        "split": {"dev": 0, "test": 0.3},
        "train": [{"sft": step}, {"dpo": {**step, "from": "sft", "lora": {"r": 2}, "merge_adapter": False}}],
        "workers": 1,
    }
    run = unipref.run(study, tmp_path / "run")
    ran = CliRunner().invoke(cli.app, ["export", str(run), "--to", "gguf", "--json"])
    assert ran.exit_code == 0, ran.output
    account = json.loads(ran.stdout)
    assert (account["model"], account["storage"], account["dtype"]) == ("main/0/dpo", "f16", "float32")
    assert Path(account["file"]) == run / "exports" / "gguf" / "main-0-dpo-f16.gguf"
    assert account["difference"]["largest"] < 0.02
    assert account["dialogues"] == account["equal"] > 0
    # The file holds the adapter: the step before it is another model.
    plain = export_model(run, model="main/0/sft", storage="f32")
    adapted = export_model(run, storage="f32")
    assert Path(plain.file).read_bytes() != Path(adapted.file).read_bytes()
    with pytest.raises(UserError, match="no model 'main/0/dpp'"):
        export_model(run, model="main/0/dpp")
    # Names of models can be GGUF files: the exported one answers.
    asked = CliRunner().invoke(cli.app, ["generate", plain.file, "Is it a cat?", "--max-new-tokens", "2"])
    assert asked.exit_code == 0, asked.output


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.skipif(REAL is None, reason=f"{llama_cpp.VARIABLE} names no converter of llama.cpp")
def test_the_converter_of_llama_cpp(tmp_path: Path, shared: Path) -> None:
    account = export_model(shared / "models" / "stories-260k", tmp_path / "stories.gguf", storage="f32")
    assert account.difference is not None
    assert account.difference.largest < 1e-3
