"""Each trainer for a few steps on a tiny model; the results are opened with plain transformers."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unipref.core import registry
from unipref.core.contracts import Trainer, TrainJob
from unipref.core.errors import UserError
from unipref.models.inference import rewards
from unipref.models.loading import (
    CHAT_TEMPLATE,
    is_reward_model,
    load_model,
    load_policy,
    load_reward_model,
    load_tokenizer,
)
from unipref.train import fit, train
from unipref.train.monitor.callback import Curve
from unipref.train.monitor.collapse import Bounds, Guard
from unipref.train.rewards import validation
from unipref.train.rewards.trl_function import RewardFunction
from unipref.train.trainers.dpo import Dpo
from unipref.train.trainers.grpo import Grpo
from unipref.train.trainers.reward import Reward
from unipref.train.trainers.rloo import Rloo
from unipref.train.trainers.sft import Sft

pytestmark = pytest.mark.slow

Job = Callable[..., TrainJob]
FEW: dict[str, Any] = {"per_device_train_batch_size": 4, "max_steps": 3, "learning_rate": 1e-3}


def weights(model: Any) -> dict[str, Any]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def logits(model: Any, ids: list[int]) -> Any:
    import torch

    with torch.no_grad():
        return model.eval()(input_ids=torch.tensor([ids])).logits


ACCOUNTS: dict[str, tuple[int, dict[str, int]]] = {
    "demonstrations": (18, {"one_sided": 1, "too_long": 2}),
    "pairs": (14, {"one_sided": 3, "same_response": 1, "too_long": 3}),
    "labels": (17, {"too_long": 3, "same_response": 1}),
    "prompts": (18, {"duplicate": 2, "too_long": 1}),
}
"""What a trainer learns from -> how many of the rows it uses, and why it leaves the others out."""


@pytest.mark.parametrize("trainer", registry.find_all("trainer"), ids=lambda trainer: trainer.name())
def test_a_step_leaves_a_plain_model_and_the_account(
    trainer: type[Trainer], job: Job, rated: Any, reward_folder: Path, tiny_model: Path
) -> None:
    used, left_out = ACCOUNTS[trainer.learns_from]
    answers = {"num_generations": 4, "max_completion_length": 8, "probe_prompts": 0}
    step = trainer(**FEW, **(answers if trainer.writes_answers else {}))
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

    given = job(rated, reward_model=reward_folder)
    told: list[tuple[int, int]] = []
    done = train(step, given, progress=lambda step, steps, figures: told.append((step, steps)))
    assert (done["used"], done["left_out"], done["steps"]) == (used, left_out, 3)
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert [point["step"] for point in done["curve"]] == [1, 2, 3]
    assert done["tokens"] == done["curve"][-1]["num_tokens"] > 0
    assert [json.loads(line) for line in (given.out / "curve.jsonl").read_text().splitlines()] == done["curve"]

    assert (given.out / "model.safetensors").is_file()
    assert {path.name for path in given.out.parent.iterdir()} == {"out", "train.parquet", "dev.parquet"}
    assert not [path for path in given.out.rglob("*") if path.suffix in {".bin", ".pt"} or "checkpoint" in path.name]
    auto = AutoModelForSequenceClassification if trainer.model_kind == "reward" else AutoModelForCausalLM
    model = auto.from_pretrained(given.out)
    assert model.config.use_cache
    assert is_reward_model(str(given.out)) == (trainer.model_kind == "reward")
    tokenizer = AutoTokenizer.from_pretrained(given.out)
    assert tokenizer.chat_template == CHAT_TEMPLATE
    assert tokenizer.pad_token_id == model.config.pad_token_id != tokenizer.eos_token_id
    before = AutoModelForCausalLM.from_pretrained(tiny_model).model.embed_tokens.weight
    changed = not torch.equal(before, model.model.embed_tokens.weight)
    # In so few steps an untrained model may write no answer that ends, and then there is nothing to learn from.
    assert changed or done["unjudged"] == {"reward_model": 1.0}


def test_the_same_seed_gives_the_same_weights(job: Job) -> None:
    import torch

    made = []
    for to, seed in (("a", 1), ("b", 1), ("c", 2)):
        given = job(to=to, seed=seed)
        Sft(**FEW).fit(given)
        made.append(weights(load_model(str(given.out), "causal")))
    assert all(torch.equal(made[0][name], made[1][name]) for name in made[0])
    assert not all(torch.equal(made[0][name], made[2][name]) for name in made[0])


def capture_trainers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Collects the TRL trainers that the steps make."""
    trainers: list[Any] = []
    build_trainer = fit._build_trainer

    def keep(*arguments: Any) -> Any:
        trainers.append(build_trainer(*arguments))
        return trainers[-1]

    monkeypatch.setattr(fit, "_build_trainer", keep)
    return trainers


def test_sft_sees_one_bos_and_learns_the_answer_with_its_eos(
    job: Job, row: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainers = capture_trainers(monkeypatch)
    Sft(**FEW).fit(job([row("Who called?", "The nurse.", None)]))
    tokenizer = load_policy(str(job(to="other").policy)).tokenizer
    text = "<s>Question: Who called?\n\nAnswer: The nurse.</s>"
    example = trainers[0].train_dataset[0]
    assert example["input_ids"] == tokenizer.encode(text, add_special_tokens=False)
    assert example["input_ids"].count(tokenizer.bos_token_id) == 1
    # The tokenizer does put BOS before plain text: TRL must not.
    assert tokenizer.encode(text)[:2] == [1, 1]
    learnt = [i for i, label in zip(example["input_ids"], example["labels"], strict=True) if label != -100]
    assert tokenizer.decode(learnt) == " The nurse.</s>"


@pytest.mark.parametrize("trainer", [Reward(**FEW), Dpo(**FEW)], ids=["reward", "dpo"])
def test_pairs_are_tokenised_whole_without_margins(
    trainer: Trainer, job: Job, row: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainers = capture_trainers(monkeypatch)
    given = job([row("Who called?", "The nurse.", "He.")])
    trainer.fit(given)
    tokenizer, _ = load_tokenizer(str(given.policy))
    example = trainers[0].train_dataset[0]
    assert "margin" not in example
    prompt = example.get("prompt_ids", [])
    for side, answer in (("chosen_ids", "The nurse."), ("rejected_ids", "He.")):
        text = f"<s>Question: Who called?\n\nAnswer: {answer}</s>"
        assert prompt + example[side] == tokenizer.encode(text, add_special_tokens=False)


def test_dpo_without_lora_is_held_to_the_model_it_starts_from(
    job: Job, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    trainers = capture_trainers(monkeypatch)
    Dpo(**FEW, precompute_ref_log_probs=False).fit(job())
    before = weights(AutoModelForCausalLM.from_pretrained(tiny_model))
    reference = weights(trainers[0].ref_model)
    assert all(torch.equal(before[name], reference[name]) for name in before)


@pytest.mark.parametrize("trainer", [Sft, Dpo])
def test_a_merged_model_is_its_base_and_its_adapter(trainer: type[Trainer], job: Job, tiny_model: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    given = job()
    trainer(**FEW, lora={"r": 4, "lora_dropout": 0.0}).fit(given)
    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    plain = logits(base, [1, 40, 50])
    together = logits(PeftModel.from_pretrained(base, given.out / "adapter"), [1, 40, 50])
    merged = logits(AutoModelForCausalLM.from_pretrained(given.out), [1, 40, 50])
    assert torch.allclose(merged, together, atol=1e-4)
    assert not torch.allclose(merged, plain, atol=1e-4)
    recorded = json.loads((given.out / "adapter" / "adapter_config.json").read_text())
    assert recorded["base_model_name_or_path"] == str(tiny_model.resolve())
    assert not any("lm_head" in target for target in recorded["target_modules"])


@pytest.mark.parametrize("trainer", [Sft, Dpo])
def test_frozen_layers_in_bfloat16_save_the_base_unrounded(
    trainer: type[Trainer], job: Job, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    trainers = capture_trainers(monkeypatch)
    given, plain = job(to="lower"), job(to="plain")
    lora = {"r": 4, "lora_dropout": 0.0}
    lower = trainer(**FEW, lora=lora | {"frozen_dtype": "bfloat16"}).fit(given)
    usual = trainer(**FEW, lora=lora).fit(plain)
    kinds = {
        name.rpartition(".")[2]: weight.dtype for name, weight in trainers[0].model.named_parameters() if "lora" in name
    }
    assert set(kinds.values()) == {torch.float32}
    frozen = [part.base_layer.weight.dtype for part in trainers[0].model.modules() if hasattr(part, "base_layer")]
    assert set(frozen) == {torch.bfloat16}
    losses = [[point["loss"] for point in one["curve"] if "loss" in point] for one in (lower, usual)]
    assert losses[0] == pytest.approx(losses[1], abs=0.02)
    if trainer is Dpo:
        # The reference is the model that is trained, so no pair has a margin before the first step.
        assert losses[0][0] == pytest.approx(math.log(2), abs=1e-5)
    assert lower["merge"]["largest"] < 1e-3
    assert 0 < lower["lowering"]["largest"] < 0.2  # 0.102 with AMX, whose sums differ
    assert "lowering" not in usual
    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    together = logits(PeftModel.from_pretrained(base, given.out / "adapter"), [1, 40, 50])
    merged = AutoModelForCausalLM.from_pretrained(given.out)
    assert merged.dtype == torch.float32
    assert torch.allclose(logits(merged, [1, 40, 50]), together, atol=1e-4)
    recorded = json.loads((given.out / "adapter" / "adapter_config.json").read_text())
    assert "frozen_dtype" not in recorded


def test_adapters_alone_chain_and_are_merged_when_loaded(
    job: Job, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    alone = {**FEW, "learning_rate": 1e-2, "lora": {"r": 4}, "merge_adapter": False}
    first, second, third = job(to="first"), job(to="second", policy=tiny_model.parent), job(to="third")
    Sft(**alone).fit(first)
    assert not (first.out / "model.safetensors").exists()
    second = second.model_copy(update={"policy": first.out})
    Sft(**alone).fit(second)
    trainers = capture_trainers(monkeypatch)
    third = third.model_copy(update={"policy": second.out})
    Dpo(**FEW, precompute_ref_log_probs=False).fit(third)

    models = [load_policy(str(folder)).model for folder in (tiny_model, first.out, second.out)]
    values = [logits(model, [1, 40, 50]) for model in models]
    assert not torch.allclose(values[0], values[1], atol=1e-4)
    assert not torch.allclose(values[1], values[2], atol=1e-4)
    # The reference is the chain's end, not the bare base that transformers knows by name.
    assert torch.allclose(logits(trainers[0].ref_model, [1, 40, 50]), values[2], atol=1e-4)


@pytest.mark.parametrize(
    "settings",
    [{}, {"lora": {"r": 4}, "merge_adapter": True}, {"lora": {"r": 4}, "merge_adapter": False}],
    ids=["full", "merged", "adapter"],
)
def test_the_head_of_a_reward_model_comes_back_bit_for_bit(
    settings: dict[str, Any], job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    trainers = capture_trainers(monkeypatch)
    heads: list[Any] = []
    saved = fit.save

    def look(hf: Any, *arguments: Any) -> Any:
        head = hf.model.base_model.model.score.modules_to_save["default"] if "lora" in settings else hf.model.score
        heads.append(head.weight.detach().clone())
        return saved(hf, *arguments)

    monkeypatch.setattr(fit, "save", look)
    given = job()
    Reward(**FEW, **settings).fit(given)
    assert is_reward_model(str(given.out))
    first, second = load_reward_model(str(given.out)), load_reward_model(str(given.out))
    assert torch.equal(first.model.score.weight, heads[0])
    assert torch.equal(second.model.score.weight, heads[0])
    assert trainers[0].args.seed == 0


@pytest.fixture(scope="module")
def ending(tiny_model: Path, reward_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy that ends its answers; an untrained model hardly ever does."""
    out, data = tmp_path_factory.mktemp("ending"), reward_folder.parent / "train.parquet"
    Sft(max_steps=40, learning_rate=1e-2).fit(TrainJob(policy=tiny_model, preferences=data, held_out=data, out=out))
    return out


def test_rloo_sees_the_rewards_that_the_reward_model_gives(
    job: Job, ending: Path, reward_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[Any, Any, Any, list[float]]] = []

    class Recording(RewardFunction):
        def __call__(self, prompts: Any, completions: Any, completion_ids: Any, **rest: Any) -> Any:
            given = super().__call__(prompts, completions, completion_ids, **rest)
            calls.append((prompts, completions, completion_ids, given))
            return given

    monkeypatch.setattr(validation, "RewardFunction", Recording)
    given_job = job(reward_model=reward_folder, policy=ending)
    done = Rloo(**FEW, max_completion_length=48, unterminated_reward=-3.0, probe_prompts=0).fit(given_job)
    assert done["unterminated_reward"] == {"reward_model": -3.0}
    assert done["held_out"]["total"]["n"] == 8
    assert done["unjudged"]["reward_model"] == round(sum(given.count(-3.0) for *_, given in calls) / 12, 4)
    judge = load_reward_model(str(reward_folder))
    eos, ended = judge.tokenizer.eos_token_id, 0
    for prompts, completions, ids, given in calls:
        for prompt, completion, tokens, reward in zip(prompts, completions, ids, given, strict=True):
            answer = completion[-1]["content"].strip()
            if tokens[-1] != eos or not answer:
                assert reward == -3.0
                continue
            ended += 1
            dialogue: Any = [*prompt, {"role": "assistant", "content": answer}]
            assert reward == pytest.approx(rewards(judge, [dialogue])[0], abs=1e-5)
    assert ended > 0
    assert [point["rewards/reward_model/mean"] for point in done["curve"]] == pytest.approx(
        [sum(given) / len(given) for _, _, _, given in calls], abs=1e-4
    )


@pytest.mark.parametrize("trainer", [Rloo, Grpo])
def test_several_rewards_are_summed_and_each_is_logged_and_probed(
    trainer: Any, job: Job, ending: Path, reward_folder: Path, tiny_model: Path, tmp_path: Path
) -> None:
    lines = [
        {"prompt": f"Who called number {i}?", "rule": "includes", "arguments": {"words": ["nurse"]}} for i in (0, 1)
    ]
    (tmp_path / "rules.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    given = job(
        policy=ending, data_root=tmp_path, dependencies={"rm": reward_folder, "sft": ending, "base": tiny_model}
    )
    asked = [
        {"model": "rm"},
        {"likelihood": "sft", "weight": 0.5, "clip": [-5, 0]},
        {"implicit": "sft", "reference": "base", "beta": 0.1},
        {"checker": "rules.jsonl", "weight": 2.0},
    ]
    settings = {**FEW, "num_generations": 4, "max_completion_length": 48, "logging_steps": 1, "on_weak_reward": "warn"}
    done = trainer(**settings, rewards=asked, check_prompts=4, probe_prompts=4).fit(given)
    names = ["model-rm", "likelihood-sft", "implicit-sft", "checker"]
    weights = [1.0, 0.5, 1.0, 2.0]
    for point in done["curve"][1:]:
        parts = [point[f"rewards/{name}/mean"] for name in names[:3]]
        # Only two of the prompts have a rule: of a batch without them the checker says nothing.
        if "rewards/checker/mean" not in point:
            weighed = sum(weight * part for weight, part in zip(weights[:3], parts, strict=True))
            assert point["reward"] == pytest.approx(weighed, abs=1e-4)
        assert all(value == value for value in point.values())
    assert set(done["held_out"]) == {"model-rm", "likelihood-sft", "implicit-sft", "total"}
    assert done["on_policy"]["prompts"] == 2
    assert done["on_policy"]["answers"] == 4
    assert set(done["on_policy"]["spread"]) == set(names)
    assert 0 <= done["on_policy"]["right"] <= done["on_policy"]["possible"] <= 1
    # Of this few steps each is one of the five; and once before the first.
    probed = [point["step"] for point in done["curve"] if "probe/reward" in point]
    assert probed == [0, 1, 2, 3]
    assert {f"probe/{name}" for name in [*names, "reward", "ended", "tokens"]} <= set(done["curve"][-1])
    assert done["unterminated_reward"]["checker"] == 0.0


def test_reinforcement_of_an_adapter_is_probed_like_any_other(job: Job, ending: Path) -> None:
    given = job(policy=ending, dependencies={"sft": ending})
    # The policy is so sure of itself that its entropy alone would stop the run.
    settings = {**FEW, "max_completion_length": 32, "on_weak_reward": "warn", "bounds": {"entropy": None}}
    settings |= {"probe_prompts": 4, "check_prompts": 4}
    done = Rloo(**settings, rewards=[{"likelihood": "sft"}], lora={"r": 2, "lora_dropout": 0.0}).fit(given)
    probed = [point["probe/likelihood-sft"] for point in done["curve"] if "probe/reward" in point]
    assert len(probed) == 4
    # Before the first step the adapter does nothing: the policy is the judge itself.
    plain = Rloo(**settings, rewards=[{"likelihood": "sft"}]).fit(
        job(to="full", policy=ending, dependencies={"sft": ending})
    )
    assert plain["curve"][0]["probe/likelihood-sft"] == pytest.approx(probed[0], abs=1e-5)
    assert plain["on_policy"] == done["on_policy"]


def test_prompts_of_a_file_and_only_those_with_a_rule(job: Job, ending: Path, tmp_path: Path) -> None:
    rules = [{"prompt": f"Say {i}.", "rule": "one_word"} for i in range(4)]
    (tmp_path / "rules.jsonl").write_text("".join(json.dumps(line) + "\n" for line in rules), encoding="utf-8")
    prompts = [*rules, {"prompt": "Say nothing."}]
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in prompts), encoding="utf-8")
    given = job(policy=ending, data_root=tmp_path)
    trainer = Rloo(
        **FEW, max_completion_length=16, rewards=[{"checker": "rules.jsonl"}], prompts="prompts.jsonl", probe_prompts=2
    )
    done = trainer.fit(given)
    assert (done["used"], done["left_out"]) == (4, {"no_rule": 1})
    assert (done["on_policy"], done["warnings"]) == (None, done["warnings"])
    assert not [warning for warning in done["warnings"] if "guessing" in warning]
    assert {path.name for path in given.out.parent.iterdir()} >= {"out", "rules.jsonl", "prompts.jsonl"}
    assert not list(given.out.parent.glob(".out-*"))


def test_dev_rows_are_evaluated_where_the_settings_ask_for_it(job: Job) -> None:
    done = Sft(**FEW, eval_strategy="steps", eval_steps=1).fit(job())
    assert [point["step"] for point in done["curve"] if "eval_loss" in point] == [1, 2, 3]


def test_epochs_are_counted_and_evaluated_as_the_data_are_gone_through(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainers = capture_trainers(monkeypatch)
    settings = {"per_device_train_batch_size": 6, "num_train_epochs": 2, "logging_steps": 1}
    done = Sft(**settings, eval_strategy="epoch").fit(job())
    # 18 rows: three steps of 6 an epoch; each row twice, in a different order.
    assert done["steps"] == 6
    assert [point["step"] for point in done["curve"] if "eval_loss" in point] == [3, 6]
    assert [point["epoch"] for point in done["curve"] if "loss" in point] == pytest.approx(
        [1 / 3, 2 / 3, 1, 4 / 3, 5 / 3, 2]
    )
    seen = [tuple(example["input_ids"]) for example in trainers[0].train_dataset]
    assert sorted(seen[:18]) == sorted(seen[18:])
    assert seen[:18] != seen[18:]


def test_only_rows_that_the_run_sees_are_tokenised(job: Job, row: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given = job([row(f"Who called number {i}?", "The nurse.", "He.") for i in range(40)])
    sizes: list[int] = []
    build_trainer = fit._build_trainer

    def look(build: Any, arguments: dict[str, Any]) -> Any:
        sizes.append(len(arguments["train_dataset"]))
        return build_trainer(build, arguments)

    monkeypatch.setattr(fit, "_build_trainer", look)
    Sft(**FEW).fit(given)
    assert sizes == [12]


def test_prompts_are_drawn_in_shares_too(
    job: Job, row: Any, reward_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainers = capture_trainers(monkeypatch)
    rows = [row(f"Who called number {i}?", "The nurse.", "He.") | {"source": "ab"[i % 4 > 0]} for i in range(16)]
    given = job(rows, reward_model=reward_folder)
    mix = {"shares": {"a": 1, "b": 1}}
    Rloo(per_device_train_batch_size=8, max_steps=4, max_completion_length=4, mix=mix).fit(given)
    # 4 steps of 8 answers, 4 to a prompt: 8 prompts, in the order of the draw.
    assert len(trainers[0].train_dataset) == 8
    assert trainers[0].shuffle_dataset is False


def test_nothing_to_train_on_is_an_error_that_says_why(job: Job, row: Any) -> None:
    given = job([row("Who?", "She.", None), row("word " * 300, "Yes.", "No.")])
    with pytest.raises(
        UserError, match=r"no rows are left to train 'dpo' on: of 2 preferences: 1 without .* 1 longer than 256"
    ):
        Dpo().fit(given)
    assert list(given.out.iterdir()) == []
    assert {path.name for path in given.out.parent.iterdir()} == {"out", "train.parquet", "dev.parquet"}


def test_max_length_bounds_the_rows_and_may_not_exceed_the_context(job: Job) -> None:
    with pytest.raises(UserError, match="max_length is 300, but the model takes at most 256 tokens"):
        Sft(max_length=300).fit(job())
    with pytest.raises(UserError, match=r"21 preferences: .*longer than 5 tokens"):
        Sft(max_length=5).fit(job(to="short"))


def test_too_few_prompts_for_one_batch_of_answers_is_an_error(job: Job, row: Any, reward_folder: Path) -> None:
    given = job([row("Who?", "She.", "He.")], reward_model=reward_folder)
    with pytest.raises(UserError, match="1 distinct prompts fit, but one batch of answers needs 2"):
        Rloo(num_generations=4, max_completion_length=4).fit(given)


def test_rloo_without_a_reward_model_is_an_error(job: Job) -> None:
    with pytest.raises(UserError, match="rloo needs a reward model"):
        Rloo().fit(job())


def test_settings_that_only_trl_can_judge_are_the_users_to_mend(job: Job) -> None:
    with pytest.raises(UserError, match=r"TRL refuses the step: .*exo_pair"):
        Dpo(loss_type="exo_pair").fit(job())
    with pytest.raises(UserError, match=r"TRL refuses the settings: .*loss_weights"):
        Dpo(loss_type=["sigmoid"], loss_weights=[1.0, 2.0]).fit(job(to="other"))


def test_a_nan_loss_stops_the_step(job: Job, tiny_model: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    broken = AutoModelForCausalLM.from_pretrained(tiny_model)
    with torch.no_grad():
        broken.model.norm.weight[0] = float("nan")
    broken.save_pretrained(tmp_path / "broken")
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(tmp_path / "broken")
    with pytest.raises(UserError, match=r"(?s)the loss is not a number at step 1 .* learning_rate"):
        Sft(**FEW).fit(job(policy=tmp_path / "broken"))


def test_the_message_names_the_step_of_the_last_finite_loss() -> None:
    curve, guard = Curve(), Guard(Bounds(), online=False)
    for step, logs in ((10, {"loss": 1.0}), (20, {"loss": 2.0, "train_runtime": 3.0})):
        point = curve.add(step, logs)
        assert point is None or guard.check_figures(step, point) is None
    assert curve.points == [{"step": 10, "loss": 1.0}]
    collapse = guard.check_figures(30, {"loss": float("nan")})
    assert collapse is not None
    assert "at step 30 (the last finite one: step 10)" in collapse.why
