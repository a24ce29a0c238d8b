"""Checks before training: each finds what it is there to find, and names where it is and how to mend it."""

import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.train.conftest import write

from unipref.core.contracts import Trainer, TrainJob
from unipref.core.errors import UserError
from unipref.models.inference import answer_log_likelihoods
from unipref.models.loading import CHAT_TEMPLATE, load_policy
from unipref.train import PreflightRequest, preflight
from unipref.train.checks import preflight as module
from unipref.train.checks.memory import MemoryNeed
from unipref.train.checks.preflight import _check_filled
from unipref.train.data.sample import write_sample
from unipref.train.trainers.dpo import Dpo
from unipref.train.trainers.reward import Reward
from unipref.train.trainers.rloo import Rloo
from unipref.train.trainers.sft import Sft

Job = Callable[..., TrainJob]
Check = Callable[..., dict[str, Any]]
FEW: dict[str, Any] = {"per_device_train_batch_size": 4, "max_steps": 3}


@pytest.fixture
def check(job: Job) -> Check:
    """Checks one step, or several by name, on the given rows and model."""
    count = itertools.count()

    def run(steps: Trainer | dict[str, Trainer], *rows: Any, **changes: Any) -> dict[str, Any]:
        given = job(*rows, to=f"out-{next(count)}")
        named = steps if isinstance(steps, dict) else {steps.name(): steps}
        request = {"model": str(given.policy), "preferences": given.preferences, "held_out": given.held_out}
        return preflight(PreflightRequest(steps=named, **(request | changes)))

    return run


@pytest.fixture
def changed(tiny_model: Path, tmp_path: Path) -> Callable[..., str]:
    """A copy of the tiny model with other tokenizer settings."""

    def make(name: str = "changed", **settings: Any) -> str:
        folder = tmp_path / name
        shutil.copytree(tiny_model, folder)
        path = folder / "tokenizer_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | settings))
        return str(folder)

    return make


def test_the_figures_of_a_step(check: Check, tiny_model: Path) -> None:
    steps = {"sft": Sft(**FEW), "dpo": Dpo(**FEW), "rl": Rloo(**FEW, max_completion_length=8)}
    result = check(steps)
    sft, dpo, rl = (result["steps"][name] for name in ("sft", "dpo", "rl"))
    # The counts are those of the training itself (test_train_steps).
    assert (sft["rows"], sft["used"], sft["left_out"]) == (21, 18, {"one_sided": 1, "too_long": 2})
    assert (dpo["used"], dpo["left_out"]) == (14, {"one_sided": 3, "same_response": 1, "too_long": 3})
    assert rl["used"] == 18
    # Three steps of 4 rows are 12 of the 18.
    assert sft["schedule"] == {"batch": 4, "steps": 3, "epochs": 12 / 18}
    assert sft["tokens"]["limit"] == 256
    assert sft["tokens"]["max"] > 256 > sft["tokens"]["median"] > 5
    n = load_policy(str(tiny_model)).model.num_parameters()
    assert sft["parameters"] == sft["trained"] == n
    assert sft["memory"]["weights"] == sft["memory"]["gradients"] == 4 * n
    assert sft["memory"]["optimiser"] == 8 * n
    # DPO asks its reference beforehand; reinforcement has the reward model and the reference beside the policy.
    assert (dpo["memory"]["copies"], rl["memory"]["copies"]) == (0, 8 * n)
    assert (sft["seconds"] > 6, dpo["seconds"] > 6, rl["seconds"]) == (True, True, None)
    assert "; about " in result["notes"][1]
    assert result["model"]["context"] == 256
    assert [line.split(":")[0] for line in result["notes"]] == [str(tiny_model), "sft", "dpo", "rl"]
    assert json.loads(json.dumps(result)) == result


def test_the_models_own_accuracy_is_that_of_the_likelihoods(check: Check, job: Job, tiny_model: Path) -> None:
    accuracy = check(Sft(**FEW))["model"]["accuracy"]
    pairs = pq.read_table(job().held_out).to_pylist()
    policy = load_policy(str(tiny_model))
    wins = [
        answer_log_likelihoods(policy, [(row["prompt"], row[side]) for side in ("chosen", "rejected")])[0]
        for row in pairs
    ]
    assert accuracy["n"] == 8
    assert accuracy["accuracy"] == sum(chosen > rejected for chosen, rejected in wins) / 8
    assert accuracy["of"] == "dev"


def test_a_model_that_cannot_be_loaded(check: Check, tiny_model: Path, tmp_path: Path, changed: Any) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match=r"empty: cannot be read as a model: .*\n.*save_pretrained"):
        check(Sft(**FEW), model=str(empty))
    without = Path(changed("weightless"))
    (without / "model.safetensors").unlink()
    with pytest.raises(UserError, match="weightless: the weights are missing"):
        check(Sft(**FEW), model=str(without))


def test_a_tokenizer_that_cannot_be_read(check: Check, changed: Any) -> None:
    folder = Path(changed("mute"))
    for path in folder.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(UserError, match=r"mute: the tokenizer cannot be read: .*\n.*next to the model"):
        check(Sft(**FEW), model=str(folder))


def test_a_template_that_loses_the_answer(check: Check, changed: Any) -> None:
    template = "{% for m in messages if m['role'] == 'user' %}{{ m['content'] }}{% endfor %}{{ eos_token }}"
    with pytest.raises(UserError, match=r"the chat template leaves out the answer of 21 of 21 dialogues"):
        check(Sft(**FEW), model=changed(chat_template=template))


def test_a_template_that_refuses_every_dialogue(check: Check, changed: Any) -> None:
    template = "{{ raise_exception('only poems, please') }}"
    with pytest.raises(UserError, match="refuses every dialogue: only poems, please"):
        check(Sft(**FEW), model=changed(chat_template=template))


def test_a_template_without_end_or_with_another_beginning_gives_a_warning(check: Check, changed: Any) -> None:
    endless = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    endless += "{% if add_generation_prompt %}bot: {% endif %}"
    warnings = check(Sft(**FEW), model=changed(chat_template=endless))["warnings"]
    assert any("puts no </s> after 21 of 21 answers" in warning for warning in warnings)
    assert any("renders 21 of 21 prompts differently" in warning for warning in warnings)


def test_padding_that_is_the_end_of_the_sequence(check: Check, changed: Any) -> None:
    with pytest.raises(UserError, match=r"twins: the tokenizer uses the same token, <pad>, for padding and"):
        check(Sft(**FEW), model=changed("twins", eos_token="<pad>", pad_token="<pad>"))


def test_answers_with_the_same_tokens(check: Check, row: Any, changed: Any) -> None:
    model = changed(
        chat_template=CHAT_TEMPLATE.replace("message['content'] }}{{ eos", "message['content']|trim }}{{ eos")
    )
    rows = [row(f"Who {i}?", "The cat.", "The cat. ") for i in range(4)]
    with pytest.raises(UserError, match=r"train\.0\.dpo: no rows are left to train on: of 4 .* 4 with the same tokens"):
        check(Dpo(**FEW), rows, model=model)


def test_some_answers_with_the_same_tokens_give_a_warning(check: Check, row: Any, changed: Any) -> None:
    model = changed(
        chat_template=CHAT_TEMPLATE.replace("message['content'] }}{{ eos", "message['content']|trim }}{{ eos")
    )
    rows = [row(f"Who {i}?", "The cat.", "A dog.") for i in range(20)] + [row("Who?", "The cat.", "The cat. ")]
    result = check(Dpo(**FEW), rows, model=model)
    assert result["steps"]["dpo"]["left_out"] == {"same_tokens": 1}
    assert result["warnings"] == ["dpo: 1 of 21 sampled preferences are left out: with the same tokens on both sides"]


def test_a_column_filled_in_some_rows_only(tmp_path: Path) -> None:
    path = tmp_path / "rows.arrow"
    for margins, fault in (([0.5, None, 0.2], "'margin' is missing in 1 of 3 rows"), ([0.5, 0.1, 0.2], None)):
        table = pa.table({"prompt": ["a", "b", "c"], "margin": margins})
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        if fault is None:
            _check_filled(path)
            continue
        with pytest.raises(UserError, match=fault):
            _check_filled(path)


def test_one_error_names_all_problems(check: Check, row: Any) -> None:
    steps = {
        "dpo": Dpo(**FEW),
        "reward": Reward(**FEW, lora={"target_modules": ["to_q"]}),
        "sft": Sft(per_device_train_batch_size=8, dataloader_drop_last=True),
        "judge": Reward(max_length=300),
        "ipo": Dpo(loss_type=["sigmoid"], loss_weights=[1.0, 2.0]),
    }
    with pytest.raises(UserError) as caught:
        check(steps, [row("Who?", "She.", None), row("What?", "It.", "That.")], held_out=Path("nowhere"))
    message = str(caught.value)
    assert "train.1.reward: the adapter fits none of the model's layers" in message
    assert "to some of: down_proj, gate_proj, k_proj" in message
    assert "train.2.sft: 2 rows do not fill one batch of 8 x 1 processes" in message
    assert "max_length is 300, but the model takes at most 256 tokens" in message
    assert "train.4.dpo: TRL refuses the settings" in message
    assert "train.0" not in message


def test_evaluation_in_between_without_dev_rows(check: Check) -> None:
    with pytest.raises(
        UserError, match=r"train\.0\.sft: eval_strategy asks for dev rows, but the study holds none out"
    ):
        check(Sft(**FEW, eval_strategy="steps"), held_out=Path("nowhere"))


def test_too_few_prompts_for_a_batch_of_answers(check: Check, row: Any) -> None:
    rl = Rloo(per_device_train_batch_size=6, num_generations=3, max_completion_length=8)
    with pytest.raises(UserError, match="1 distinct prompts fit, but one batch of answers needs 2"):
        check({"reward": Reward(**FEW), "rl": rl}, [row("Who?", "She.", "He.")])


def test_prompts_from_a_file_are_checked(check: Check, row: Any, tmp_path: Path) -> None:
    lines = [json.dumps({"prompt": f"Who called number {i}?"}) for i in range(9)]
    (tmp_path / "prompts.jsonl").write_text("\n".join(lines))
    rl = Rloo(per_device_train_batch_size=4, num_generations=2, max_completion_length=8, prompts="prompts.jsonl")
    step = check({"rl": rl}, [row("Who?", "She.", "He.")], data_root=tmp_path)["steps"]["rl"]
    # One prompt of the preferences would fill no batch; nine of the file fill four, and one is left.
    assert (step["rows"], step["used"], step["schedule"]["steps"]) == (9, 9, 4)


def test_an_adapter_alone_of_a_model_that_has_to_grow(check: Check, changed: Any, tiny_model: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    folder = changed("padless", pad_token=None)
    path = Path(folder) / "tokenizer.json"
    path.write_text(path.read_text().replace('"<pad>"', '"<tool_call>"'))
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    assert isinstance(model.lm_head, torch.nn.Linear)
    with pytest.raises(UserError, match="adds one, which an adapter alone cannot hold"):
        check(Sft(**FEW, lora={"r": 2}, merge_adapter=False), model=folder)


@pytest.mark.slow
def test_a_reward_model_as_the_studys_model(check: Check, reward_folder: Path) -> None:
    with pytest.raises(UserError, match=r"reward.*the study's model is a reward model"):
        check(Sft(**FEW), model=str(reward_folder))


def test_a_model_that_gives_no_numbers(check: Check, tiny_model: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    broken = tmp_path / "broken"
    shutil.copytree(tiny_model, broken)
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    with torch.no_grad():
        model.model.norm.weight[0] = float("nan")
    model.save_pretrained(broken)
    with pytest.raises(UserError, match="broken: the model outputs NaN"):
        check(Sft(**FEW), model=str(broken))


def test_demonstrations_alone_tell_how_fast_the_model_reads(check: Check, row: Any, tmp_path: Path) -> None:
    result = check(Sft(**FEW), [row(f"{i}?", "Yes.", None) for i in range(12)], held_out=tmp_path / "none.parquet")
    assert result["model"]["accuracy"]["accuracy"] is None
    assert "unknown: no pair in the training rows" in result["notes"][0]
    assert result["steps"]["sft"]["seconds"] > 6


def test_the_accuracy_is_that_of_training_pairs_if_dev_has_none(check: Check, row: Any, tmp_path: Path) -> None:
    for dev in ([], [row("Any?", "Yes.", None)]):
        result = check(Sft(**FEW), held_out=write(tmp_path / "other.parquet", dev))
        assert result["model"]["accuracy"]["of"] == "the training rows"
        assert "pairs of the training rows" in result["notes"][0]


def test_memory_that_does_not_suffice(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "measure_free_memory", lambda cpu: (100_000, "memory"))
    with pytest.raises(
        UserError, match=r"train\.0\.sft: weights, gradients and optimiser need \d+ kB of memory, but only 100 kB"
    ):
        check(Sft(**FEW))


def test_tight_memory_gives_a_warning(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = check(Sft(**FEW))["steps"]["sft"]["memory"]
    exact = MemoryNeed(*(needed[key] for key in ("weights", "copies", "gradients", "optimiser", "activations"))).exact
    assert exact < needed["total"]
    monkeypatch.setattr(module, "measure_free_memory", lambda cpu: (needed["total"], "memory"))
    assert "lower per_device_train_batch_size" in check(Sft(**FEW))["warnings"][0]


def test_a_sample_is_spread_over_the_file_and_kept_in_order(job: Job, tmp_path: Path, row: Any) -> None:
    given = job([row(f"{i}?", "Yes.", "No.") for i in range(101)])
    assert write_sample(given.preferences, tmp_path / "some.parquet", 5) == (101, 5)
    rows = pq.read_table(tmp_path / "some.parquet")
    assert [prompt[0]["content"] for prompt in rows["prompt"].to_pylist()] == ["0?", "25?", "50?", "75?", "100?"]
    assert rows.schema == pq.read_schema(given.preferences)
    assert write_sample(given.preferences, tmp_path / "all.parquet", 200) == (101, 101)


def test_counts_of_a_sample_are_those_of_the_whole_by_estimate(
    check: Check, row: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "write_sample", lambda source, out: write_sample(source, out, 10))
    rows = [row(f"{i}?", "Yes.", None if i % 2 else "No.") for i in range(40)]
    step = check(Dpo(**FEW), rows)["steps"]["dpo"]
    assert (step["rows"], step["sampled"]) == (40, 10)
    assert step["used"] == 4 * (10 - step["left_out"]["one_sided"])


@pytest.mark.parametrize(
    ("trainer", "message", "mend"),
    [
        (Dpo(**FEW, soft_labels=True), "no pair has a confidence", "Take 'soft_labels' out."),
        (
            Dpo(**FEW, loss_type="robust", label_smoothing="confidence"),
            "no pair has a confidence",
            "Give a number, or take it out.",
        ),
        (Reward(**FEW, soft_labels=True), "no pair has a confidence", "Take 'soft_labels' out."),
        (Reward(**FEW, use_ratings=True), "no pair has ratings: its sources score no answers", "Leave it out."),
        (
            Sft(**FEW, weigh_by="margin"),
            "no row has a margin to weight by",
            "Set it to margin_percentile, which needs only two scores, or leave it out.",
        ),
    ],
)
def test_numbers_that_no_row_has_are_missed_before_training(
    trainer: Trainer, message: str, mend: str, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=message) as error:
        check(trainer)
    assert error.value.mend == mend
    # Rows outside the sample may have them.
    monkeypatch.setattr(module, "write_sample", lambda preferences, out: (write_sample(preferences, out)[0] + 1, 21))
    (step,) = check(trainer)["steps"].values()
    assert any(warning.startswith("in the sample") and message in warning for warning in step["warnings"])
