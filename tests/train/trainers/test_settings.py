"""Settings of the trainers: what is passed to TRL and peft is checked before anything loads."""

import pytest

from unipref.core import registry
from unipref.core.contracts import Trainer
from unipref.core.errors import UserError
from unipref.train.lora import Lora


def made(trainer: str, **settings: object) -> Trainer:
    choice = registry.make("trainer", trainer, settings, "train[0]")
    assert isinstance(choice, Trainer)
    return choice


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("output_dir", "x", "the run folder has a place"),
        ("seed", 3, "the study's 'seeds'"),
        ("save_only_model", True, "in the run folder"),
        ("eos_token", "</s>", "come with the model"),
        ("logging_nan_inf_filter", True, "hides a loss"),
        ("truncation_mode", "keep_start", "never truncated"),
    ],
)
def test_what_unipref_sets_is_refused_and_says_why(key: str, value: object, why: str) -> None:
    with pytest.raises(UserError, match=f"'{key}' cannot be set: .*{why}"):
        made("sft", **{key: value})


def test_all_wrong_settings_are_named_at_once() -> None:
    with pytest.raises(UserError) as caught:
        made("dpo", output_dir="x", betta=0.2, warmup_steps="many")
    message = str(caught.value)
    assert "'output_dir' cannot be set" in message
    assert "Did you mean 'beta'" in message
    assert "'warmup_steps': Input should be a valid number" in message


def test_numbers_that_yaml_took_for_text_are_numbers() -> None:
    trainer = made(
        "sft", learning_rate="1e-5", weight_decay="5e-2", lr_scheduler_kwargs={"min_lr": "1e-6"}, lora={"r": "4"}
    )
    given = trainer.build_trl_settings()  # type: ignore[attr-defined]
    assert given["learning_rate"] == 1e-5
    assert given["weight_decay"] == 0.05
    assert given["lr_scheduler_kwargs"] == {"min_lr": 1e-6}
    assert trainer.lora.r == 4  # type: ignore[attr-defined]


def test_one_name_does_where_trl_declares_a_list_of_them() -> None:
    assert made("dpo", loss_type="ipo").build_trl_settings()["loss_type"] == ["ipo"]  # type: ignore[attr-defined]
    assert made("dpo", loss_type=["ipo", "sft"]).build_trl_settings()["loss_type"] == ["ipo", "sft"]  # type: ignore[attr-defined]


def test_a_name_that_transformers_would_refuse_while_loading_is_refused_now() -> None:
    with pytest.raises(UserError, match=r"'lr_scheduler_type': unknown value 'cosin'.*'cosine'"):
        made("sft", lr_scheduler_type="cosin")


def test_the_learning_rate_is_ten_times_as_high_with_lora() -> None:
    assert made("dpo").rate == 1e-6  # type: ignore[attr-defined]
    assert made("dpo", lora={}).rate == 1e-5  # type: ignore[attr-defined]
    assert made("dpo", lora={}, learning_rate=3e-4).rate == 3e-4  # type: ignore[attr-defined]


def test_our_own_fields_are_not_given_to_trl() -> None:
    given = made("rloo", name="rl", reward="rm", lora={"r": 2}, on_weak_reward="stop", beta=0.1).build_trl_settings()  # type: ignore[attr-defined]
    assert not {"step", "start", "reward", "lora", "merge_adapter", "on_weak_reward", "unterminated_reward"} & set(
        given
    )
    assert given["beta"] == 0.1


def test_lora_settings_are_checked_against_peft() -> None:
    with pytest.raises(UserError, match=r"'use_rslor' is not a setting.*'use_rslora'"):
        made("sft", lora={"use_rslor": True})
    with pytest.raises(UserError, match="'task_type' cannot be set: it follows from the trainer"):
        made("reward", lora={"task_type": "CAUSAL_LM"})
    with pytest.raises(UserError, match=r"lora\.r: Input should be greater than 0"):
        made("sft", lora={"r": 0})


@pytest.mark.parametrize("place", ["target_modules", "modules_to_save"])
def test_an_adapter_on_the_output_head_is_refused(place: str) -> None:
    with pytest.raises(UserError, match=f"{place}: an adapter on 'lm_head' is never trained"):
        made("sft", lora={place: ["q_proj", "lm_head"]})


def test_a_reward_model_always_trains_and_saves_its_head() -> None:
    config = Lora(modules_to_save=["norm"], use_rslora=True).make_peft_config(for_reward_model=True)
    assert config.task_type == "SEQ_CLS"
    assert config.modules_to_save == ["norm", "score"]
    assert config.use_rslora
    assert Lora().make_peft_config(for_reward_model=False).task_type == "CAUSAL_LM"


@pytest.mark.parametrize(
    ("settings", "answers"),
    [
        ({"per_device_train_batch_size": 6}, 6),
        ({"per_device_train_batch_size": 2, "steps_per_generation": 3}, 6),
        ({"per_device_train_batch_size": 1, "gradient_accumulation_steps": 6}, 6),
        ({"generation_batch_size": 10}, 10),
    ],
)
def test_answers_that_are_no_whole_groups_are_refused(settings: dict[str, int], answers: int) -> None:
    with pytest.raises(UserError, match=f"the {answers} answers generated at once .* num_generations = 4"):
        made("rloo", num_generations=4, **settings)


def test_whole_groups_over_several_forward_passes_are_accepted() -> None:
    assert made("rloo", num_generations=4, per_device_train_batch_size=2, steps_per_generation=4).num_generations == 4  # type: ignore[attr-defined]


def test_both_labels_have_the_same_total_weight_by_default() -> None:
    # 30 up, 10 down: each down three times.
    assert made("kto").compute_weights(30, 10) == {"desirable_weight": 1.0, "undesirable_weight": 3.0}  # type: ignore[attr-defined]
    assert made("kto").compute_weights(10, 25) == {"desirable_weight": 2.5, "undesirable_weight": 1.0}  # type: ignore[attr-defined]
    assert made("kto").compute_weights(10, 0) == {"desirable_weight": 1.0, "undesirable_weight": 1.0}  # type: ignore[attr-defined]
    one = made("kto", desirable_weight=1.2)
    assert one.compute_weights(30, 10) == {"desirable_weight": 1.2, "undesirable_weight": 1.0}  # type: ignore[attr-defined]


def test_kto_needs_neighbours() -> None:
    with pytest.raises(UserError, match="z needs another prompt's answer: set at least 2"):
        made("kto", per_device_train_batch_size=1)
    assert made("kto", per_device_train_batch_size=1, loss_type="apo_zero_unpaired")


def test_label_smoothing_that_the_loss_passes_over_is_refused() -> None:
    with pytest.raises(UserError, match="the loss sigmoid ignores it; set loss_type to one of robust"):
        made("dpo", label_smoothing=0.1)
    with pytest.raises(UserError, match=r"0\.5 must be at least 0 and below 0.5"):
        made("dpo", label_smoothing=0.5, loss_type="robust")
    trainer = made("dpo", label_smoothing="confidence", loss_type=["robust", "sft"])
    assert trainer.build_trl_settings()["label_smoothing"] == 0  # type: ignore[attr-defined]


def test_packed_rows_cannot_be_mixed() -> None:
    with pytest.raises(UserError, match="packed rows cannot be mixed or weighted"):
        made("sft", packing=True, mix={"temperature": 2})
    assert made("sft", packing=True).make_row_order(8) is None  # type: ignore[attr-defined]


def test_a_mix_is_checked_with_the_settings() -> None:
    with pytest.raises(UserError, match=r"mix: .*give either 'shares' or 'temperature'"):
        made("sft", mix={"by": "source"})
    with pytest.raises(UserError, match="temperature"):
        made("sft", mix={"temperature": 0.5})


def test_the_papers_settings() -> None:
    given = made("sft", recipe="paper").build_trl_settings()  # type: ignore[attr-defined]
    assert {key: given[key] for key in ("learning_rate", "lr_scheduler_type", "weight_decay", "max_length")} == {
        "learning_rate": 1e-5,
        "lr_scheduler_type": "cosine",
        "weight_decay": 0.05,
        "max_length": 512,
    }
    assert (given["per_device_train_batch_size"], given["max_steps"]) == (4, 5000)
    lora = made("reward", recipe="paper").lora  # type: ignore[attr-defined]
    assert (lora.r, lora.lora_alpha, lora.lora_dropout) == (8, 32, 0.1)
    rloo = made("rloo", recipe="paper").build_trl_settings()  # type: ignore[attr-defined]
    assert rloo["learning_rate"] == 1.41e-5
    # 4 answers x 8 passes = 32 at once; 8 passes, 4 times over = 32 steps; 100 of them.
    assert rloo["per_device_train_batch_size"] * rloo["steps_per_generation"] == 32
    assert rloo["max_steps"] == 100 * rloo["steps_per_generation"] * rloo["num_iterations"]


def test_single_settings_go_over_the_recipe() -> None:
    trainer = made("sft", recipe="paper", max_steps=10, lora={"r": 4})
    assert (trainer.max_steps, trainer.rate, trainer.lora.r, trainer.lora.lora_alpha) == (10, 1e-5, 4, 32)  # type: ignore[attr-defined]
    assert made("sft", recipe="paper", lora=None).lora is None  # type: ignore[attr-defined]
    # What is kept of a study can be read again.
    assert type(trainer).model_validate(trainer.model_dump(by_alias=True)) == trainer


def test_a_recipe_that_there_is_not() -> None:
    with pytest.raises(UserError, match="unknown recipe 'papre': sft has the recipes: paper"):
        made("sft", recipe="papre")
    with pytest.raises(UserError, match="dpo has no recipes, as the paper has no such step"):
        made("dpo", recipe="paper")


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("dpo", {"loss_type": "robust"}, "the loss robust is not defined for a label that is right with a probability"),
        ("dpo", {"loss_type": ["sigmoid", "sft"]}, "the loss sft is not defined"),
        ("dpo", {"loss_type": ["apo_zero", "bco_pair"]}, "the loss apo_zero, bco_pair is not defined"),
        ("dpo", {"precompute_ref_log_probs": False}, "soft_labels needs precompute_ref_log_probs: true"),
        ("dpo", {"f_divergence_type": "js_divergence"}, "not defined with f_divergence_type: js_divergence"),
        ("dpo", {"use_weighting": True}, "not defined with use_weighting: True"),
        ("dpo", {"ld_alpha": 0.5}, "not defined with ld_alpha: 0.5"),
        ("dpo", {"missing_confidence": 0}, "missing_confidence"),
        ("reward", {"use_margin": True}, "soft_labels and use_margin both shape the loss"),
        ("reward", {"use_ratings": True, "deepspeed": "zero3.json"}, "use_ratings: its head is not made for weights"),
    ],
)
def test_a_loss_by_row_that_is_not_defined_is_refused(name: str, settings: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        made(name, soft_labels=True, **settings)


def test_losses_by_row_are_not_settings_of_trl() -> None:
    soft = made("dpo", soft_labels=True, loss_type=["sigmoid", "ipo"], f_divergence_type="reverse_kl")
    assert not {"soft_labels", "missing_confidence"} & set(soft.build_trl_settings())  # type: ignore[attr-defined]
    rated = made("reward", use_ratings=True, use_margin=True, ratings_weight=0.5)
    assert not {"use_ratings", "ratings_weight"} & set(rated.build_trl_settings())  # type: ignore[attr-defined]
    assert set(rated.view().others) == {"margin", "rating_scales", "chosen_ratings", "rejected_ratings"}  # type: ignore[attr-defined]
