"""Saving: an adapter merged apart is the one merged in place; settings that spread or shrink weights."""

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from unipref.core.contracts import Trainer, TrainJob
from unipref.core.errors import UserError
from unipref.models.adapter_merge import MergeDifference, merge
from unipref.models.loading import load_model
from unipref.train import PreflightRequest, fit, preflight, save, train
from unipref.train.save import attach_anew, keep_adapter
from unipref.train.start import open_start
from unipref.train.trainers.reward import Reward
from unipref.train.trainers.sft import Sft

Job = Callable[..., TrainJob]
FEW: dict[str, Any] = {"per_device_train_batch_size": 4, "max_steps": 2, "learning_rate": 1e-2, "lora": {"r": 4}}


@pytest.mark.slow
@pytest.mark.parametrize("trainer", [Sft(**FEW), Reward(**FEW)], ids=["sft", "reward"])
def test_an_adapter_merged_apart_is_the_one_merged_in_place(trainer: Trainer, job: Job, tmp_path: Path) -> None:
    import torch

    given = job()
    train(trainer, given)
    start = open_start(given.policy, tmp_path, trainer.model_kind)
    apart = merge(attach_anew(trainer, start, given.out / "adapter"))[0].state_dict()  # type: ignore[arg-type]
    saved = load_model(str(given.out), "reward" if trainer.model_kind == "reward" else "causal").state_dict()
    assert apart.keys() == saved.keys()
    assert all(torch.allclose(apart[name], value, atol=1e-6) for name, value in saved.items())
    before = load_model(str(given.policy), "causal").state_dict()
    name = "model.layers.0.self_attn.q_proj.weight"
    assert not torch.allclose(before[name], saved[name], atol=1e-4)


@pytest.mark.slow
def test_spread_weights_are_gathered_before_they_are_saved(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    gathered: list[int] = []
    build_trainer = fit._build_trainer

    def spread(*arguments: Any) -> Any:
        hf = build_trainer(*arguments)
        ask = hf.accelerator.get_state_dict
        monkeypatch.setattr(hf.accelerator, "get_state_dict", lambda model: gathered.append(1) or ask(model))
        trained = hf.train

        def then(**options: Any) -> None:
            trained(**options)
            hf.is_fsdp_enabled = True

        hf.train = then
        return hf

    plain, through = job(to="plain"), job(to="through")
    train(Sft(**FEW), plain)
    monkeypatch.setattr(fit, "_build_trainer", spread)
    train(Sft(**FEW), through)
    assert gathered == [1]
    one, other = (load_model(str(given.out), "causal").state_dict() for given in (plain, through))
    assert all(torch.allclose(one[name], value, atol=1e-6) for name, value in other.items())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Model (has|with) `tie_word_embeddings=True`")
def test_an_adapter_on_a_tied_embedding_is_saved_as_the_model_that_was_trained(job: Job) -> None:
    import torch
    from peft import PeftModel

    given = job()
    lora = {"r": 4, "lora_dropout": 0.0, "target_modules": ["q_proj", "embed_tokens"]}
    result = train(Sft(**{**FEW, "lora": lora}), given)
    saved, base = load_model(str(given.out), "causal"), load_model(str(given.policy), "causal")
    assert (base.config.tie_word_embeddings, saved.config.tie_word_embeddings) == (True, False)
    ids = torch.tensor([[1, 20, 30, 40, 50]])
    before = base(ids).logits
    trained = PeftModel.from_pretrained(base, given.out / "adapter").eval()
    torch.testing.assert_close(saved(ids).logits, trained(ids).logits, atol=1e-4, rtol=0)
    assert not torch.allclose(saved(ids).logits, before, atol=1e-3)
    merge_record = result["merge"]
    assert merge_record["untied"]
    assert merge_record["largest"] < 1e-3
    assert merge_record["tokens"] > 50


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Model (has|with) `tie_word_embeddings=True`")
def test_a_merge_that_changes_the_model_stops_the_step_and_keeps_the_adapter(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unipref.models.adapter_merge.needs_untying", lambda attached: False)
    given = job()
    trainer = Sft(**{**FEW, "learning_rate": 0.1, "lora": {"r": 4, "target_modules": ["q_proj", "embed_tokens"]}})
    with pytest.raises(UserError, match=r"sft: the merged model is not the model that was trained: .* nats"):
        train(trainer, given)
    kept = given.out.with_name("out.adapter")
    assert (kept / "adapter_model.safetensors").is_file()
    assert not list(given.out.glob("*.safetensors"))


def test_the_adapter_of_a_failed_merge_replaces_that_of_an_earlier_attempt(tmp_path: Path) -> None:
    for number in (1, 2):
        attempt = tmp_path / f"sft.partial-{number:012x}"
        (attempt / "adapter").mkdir(parents=True)
        (attempt / "adapter" / "README").write_text(f"attempt {number}")
        assert f"The adapter is in {tmp_path / 'sft.adapter'}." in keep_adapter(attempt)
        attempt.rmdir()
    assert [path.name for path in tmp_path.iterdir()] == ["sft.adapter"]
    assert (tmp_path / "sft.adapter" / "README").read_text() == "attempt 2"


@pytest.mark.slow
def test_an_adapter_that_a_step_starts_from_is_compared_too(job: Job) -> None:
    first = job(to="first")
    train(Sft(**FEW, merge_adapter=False), first)
    second = job(to="second", policy=first.out, run=first.out.parent)
    result = train(Sft(**FEW, merge_adapter=False), second)
    assert result["start_merge"]["largest"] < 1e-3
    assert "merge" not in result
    recorded = json.loads((second.out / "adapter_config.json").read_text())["base_model_name_or_path"]
    assert recorded == "../first"


def test_quantised_weights_need_an_adapter_and_known_settings() -> None:
    with pytest.raises(ValueError, match="quantised weights cannot be trained"):
        Sft(quantization={"load_in_4bit": True})
    with pytest.raises(
        ValueError, match=r"quantization\.load_in_4bits: not a setting of BitsAndBytesConfig.*load_in_4bit"
    ):
        Sft(lora={}, quantization={"load_in_4bits": True})
    assert "quantization" not in Sft(lora={}, quantization={"load_in_4bit": True}).build_trl_settings()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"quantization": {"load_in_4bit": True}}, "quantised already"),
        ({"bf16": True}, "together with 'bf16'"),
        ({"fsdp": "full_shard"}, "together with 'fsdp'"),
        ({"model_init_kwargs": {"dtype": "bfloat16"}}, r"take out model_init_kwargs\.dtype"),
    ],
)
def test_frozen_layers_in_bfloat16_refuse_what_would_break_the_sums(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"lora\.frozen_dtype: .*{message}"):
        Sft(lora={"frozen_dtype": "bfloat16"}, **settings)
    assert Sft(lora={}, **settings).lora is not None


@pytest.mark.skipif(find_spec("bitsandbytes") is not None, reason="bitsandbytes is installed")
def test_quantisation_without_its_package_is_found_before_training(job: Job) -> None:
    given = job()
    trainer = Sft(lora={}, quantization={"load_in_4bit": True})
    with pytest.raises(UserError, match=r"train\.0\.sft: quantization needs the package 'bitsandbytes'"):
        preflight(PreflightRequest(str(given.policy), {"sft": trainer}, given.preferences, given.held_out))


def test_spread_weights_are_not_held_against_one_machines_memory(job: Job) -> None:
    given = job()
    plan = PreflightRequest(
        str(given.policy), {"sft": Sft(max_steps=1)}, given.preferences, given.held_out, is_sharded=True
    )
    assert "its memory is not checked: the weights are spread" in preflight(plan)["warnings"][-1]


@pytest.mark.parametrize("name", ["fsdp", "deepspeed"])
def test_settings_that_spread_the_weights_are_passed_through(name: str) -> None:
    value = {"fsdp": "full_shard auto_wrap", "deepspeed": "zero3.json"}[name]
    trainer = Sft(**{name: value})
    assert trainer.build_trl_settings()[name] == value
    assert trainer.is_sharded
    assert not Sft().is_sharded


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"lora": None}, {"lora": {"r": 4}}, {"lora": None, "saved_dtype": "float32"}])
def test_the_saved_model_has_the_type_of_the_model_it_started_from(
    settings: dict[str, Any], job: Job, tiny_model: Path, tmp_path: Path
) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = tmp_path / "bf16"
    AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.bfloat16).save_pretrained(base)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(base)
    given = job(policy=base)
    result = train(Sft(**{**FEW, **settings}), given)
    saved = load_model(str(given.out), "causal")
    expected = torch.float32 if settings.get("saved_dtype") else torch.bfloat16
    assert saved.dtype == saved.config.dtype == expected
    assert ("merge" in result) == (settings["lora"] is not None)
    assert ("rounding" in result) == (expected == torch.bfloat16)
    if "merge" in result:
        assert result["merge"]["largest"] < 1e-3
    if "rounding" in result:
        assert 1e-3 < result["rounding"]["largest"] < 1.0
        assert result["rounding"]["is_rough"]


@pytest.mark.slow
def test_a_saved_weight_that_is_not_the_merged_one_stops_the_step(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """The change of one weight of one layer moves no log-probability by much, so the weights are compared."""
    from safetensors.torch import load_file, save_file

    write = save._write

    def write_wrongly(model: Any, out: Path, gathered: dict[str, Any]) -> None:
        write(model, out, gathered)
        weights = load_file(out / "model.safetensors")
        weights["model.norm.weight"][0] += 1e-3
        save_file(weights, out / "model.safetensors", {"format": "pt"})

    monkeypatch.setattr(save, "_write", write_wrongly)
    given = job()
    with pytest.raises(
        UserError, match=r"the saved model is not the merged one: 1 weights differ, such as model\.norm"
    ):
        train(Sft(**{**FEW, "lora": {"r": 4}}), given)
    assert (given.out.with_name("out.adapter") / "adapter_model.safetensors").is_file()
    assert not list(given.out.glob("*.safetensors"))


def test_a_step_warns_of_rounding_that_changes_much() -> None:
    def make_saved(mean: float) -> save.Saved:
        return save.Saved(rounding=MergeDifference(8, 400, 5.0, mean, 0.5, is_rough=True))

    (warning,) = make_saved(0.11).describe_rounding("policy")
    assert "changes the log-probabilities of tokens by 0.11 nats on average: saved_dtype: float32" in warning
    assert make_saved(0.01).describe_rounding("policy") == save.Saved().describe_rounding("policy") == []
    assert "changes the rewards by 0.2 on" in make_saved(0.2).describe_rounding("reward")[0]
