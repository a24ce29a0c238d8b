"""Models, adapters and benchmarks on the hub, by name and commit."""

from pathlib import Path

import pytest

from support.hub_server import Hub
from unipref.core.errors import UserError
from unipref.evaluate.benchmarks.perplexity import Perplexity
from unipref.evaluate.data_files import check_hash, data_path
from unipref.models import hub_models, opening
from unipref.models.loading import is_reward_model, load_policy, load_tokenizer, model_key, tokenizer_key
from unipref.study.load import resolve_model


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.slow
def test_a_model_by_name_is_loaded_at_one_commit(hub: Hub, tiny_model: Path) -> None:
    files = files_of(tiny_model) | {"pytorch_model.bin": b"code", "original/consolidated.safetensors": b"more"}
    commit = hub.add("model", "owner/tiny", files)
    policy = load_policy("owner/tiny", "float32")
    assert policy.model.num_parameters() == load_policy(str(tiny_model), "float32").model.num_parameters()
    assert model_key("owner/tiny") == tokenizer_key("owner/tiny") == f"hub:owner/tiny@{commit}"
    assert not {"pytorch_model.bin", "original/consolidated.safetensors"} & set(hub.fetched())
    asked = len(hub.requests)
    hub.add("model", "owner/tiny", {})
    load_tokenizer("owner/tiny")
    assert model_key("owner/tiny@main") == f"hub:owner/tiny@{commit}"
    assert len(hub.requests) == asked


@pytest.mark.slow
def test_an_adapter_on_the_hub_brings_its_base_at_its_revision(hub: Hub, tiny_model: Path, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    base = hub.add("model", "owner/base", files_of(tiny_model))
    adapted = get_peft_model(load_policy(str(tiny_model)).model, LoraConfig(task_type="CAUSAL_LM"))
    adapted.peft_config["default"].base_model_name_or_path = "owner/base"
    adapted.peft_config["default"].revision = base
    adapted.save_pretrained(tmp_path / "adapter")
    own = hub.add("model", "owner/adapter", files_of(tmp_path / "adapter"))
    hub.add("model", "owner/base", {})
    assert opening.list_chain("owner/adapter") == ["owner/adapter", f"owner/base@{base}"]
    assert load_policy("owner/adapter").model.num_parameters() > 0
    assert not is_reward_model("owner/adapter")
    assert model_key("owner/adapter") == model_key(f"owner/adapter@{own}")


def test_a_model_without_safetensors_is_an_error_before_anything_large_is_fetched(hub: Hub) -> None:
    hub.add("model", "owner/old", {"config.json": b"{}", "pytorch_model.bin": b"x" * 100})
    with pytest.raises(UserError, match=r"has no weights as safetensors, only pytorch_model\.bin"):
        hub_models.fetch_model("owner/old")
    hub.add("model", "owner/packed", {"a-Q4.gguf": b"GGUF"})
    with pytest.raises(UserError, match="holds GGUF files") as caught:
        hub_models.fetch_model("owner/packed")
    assert "hf download owner/packed a-Q4.gguf" in str(caught.value)
    assert hub.fetched() == []


def test_a_study_states_the_revision_of_its_model(tmp_path: Path) -> None:
    raw = {"model": "owner/tiny", "revision": "v1"}
    resolve_model(raw, tmp_path, "model")
    assert raw == {"model": "owner/tiny@v1"}
    (tmp_path / "mine").mkdir()
    with pytest.raises(UserError, match="revision: a revision is for a model on the hub"):
        resolve_model({"model": "mine", "revision": "v1"}, tmp_path, "model")


def test_the_data_of_a_benchmark_are_fetched_once_and_a_changed_file_is_an_error(hub: Hub, tmp_path: Path) -> None:
    hub.add("dataset", "owner/bench", {"test.jsonl": b'{"text": "A."}\n', "more/a.jsonl": b'{"text": "B."}\n'})
    benchmark = Perplexity(data="hf://datasets/owner/bench/test.jsonl", text="text")
    path = data_path(benchmark, tmp_path, {})
    first = check_hash(benchmark, path)
    hub.add("dataset", "owner/bench", {"test.jsonl": b'{"text": "Other."}\n'})
    assert check_hash(benchmark, data_path(benchmark, tmp_path, {})) == first
    assert hub.fetched() == ["test.jsonl"]
    folder = data_path(Perplexity(data="hf://datasets/owner/bench/more", text="text"), tmp_path, {})
    assert [file.name for file in folder.iterdir()] == ["a.jsonl"]
    path.resolve().write_bytes(b'{"text": "X."}\n')
    with pytest.raises(UserError, match=r"test\.jsonl was changed: it is not the file of the dataset owner/bench"):
        data_path(benchmark, tmp_path, {})
