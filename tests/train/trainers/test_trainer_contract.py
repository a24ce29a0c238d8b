"""One contract test over all trainers: documented, settings that TRL takes, and any wrong setting refused in words.

`test_train_steps.py` fits each of them for a few steps.
"""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import trials
from unipref.core import registry
from unipref.core.contracts import Trainer
from unipref.core.errors import UserError
from unipref.train.trl_arguments import device_defaults, make_config
from unipref.train.trl_trainer import REFUSED_FIELDS, TrlTrainer

TRAINERS = [choice for choice in registry.find_all("trainer") if issubclass(choice, Trainer)]
every_trainer = pytest.mark.parametrize("trainer", TRAINERS, ids=lambda trainer: trainer.name())


def made(trainer: type[Trainer], **more: Any) -> TrlTrainer:
    choice = registry.make("trainer", trainer.name(), {**trainer.example["settings"], **more}, "train[0]")
    assert isinstance(choice, TrlTrainer)
    return choice


def config_fields(trainer: type[Trainer]) -> set[str]:
    import trl

    assert issubclass(trainer, TrlTrainer)
    return {field.name for field in dataclasses.fields(getattr(trl, trainer.trl_config))}


@every_trainer
def test_is_documented_field_by_field(trainer: type[Trainer]) -> None:
    words = trainer.__doc__ or ""
    assert "Rows used:" in words
    assert "Source:" in words
    for name, field in trainer.model_fields.items():
        assert field.description, f"{trainer.name()}.{name} has no documentation"


@every_trainer
def test_declares_what_it_makes_and_its_rates(trainer: type[Trainer]) -> None:
    assert issubclass(trainer, TrlTrainer)
    assert trainer.model_kind in ("policy", "reward")
    assert 0 < trainer.full_rate < trainer.lora_rate
    assert made(trainer, learning_rate=None, lora=None).rate == trainer.full_rate
    assert made(trainer, learning_rate=None, lora={}).rate == trainer.lora_rate
    fields = {name for field, about in trainer.model_fields.items() for name in (field, about.alias)}
    assert trainer.own_fields <= fields


@every_trainer
def test_example_makes_trl_arguments(trainer: type[Trainer], tmp_path: Path) -> None:
    one = made(trainer)
    given = one.build_trl_settings()
    assert set(given) <= config_fields(trainer)
    assert not set(given) & (trainer.own_fields | set(REFUSED_FIELDS))  # type: ignore[attr-defined]
    config = make_config(one, device_defaults(given) | given | {"output_dir": str(tmp_path), "use_cpu": True})
    assert config.learning_rate == one.rate


@every_trainer
def test_its_recipes_are_valid_settings(trainer: type[Trainer]) -> None:
    assert issubclass(trainer, TrlTrainer)
    for recipe, values in trainer.recipes.items():
        one = registry.make("trainer", trainer.name(), {"recipe": recipe}, "train[0]")
        assert {name: getattr(one, name) for name in values if name in ("learning_rate", "max_steps")} == {
            name: value for name, value in values.items() if name in ("learning_rate", "max_steps")
        }


CHOSEN, REJECTED = ([{"role": "assistant", "content": text}] for text in ("Yes.", "No."))
SHAPES = {
    "pair": {"chosen": CHOSEN, "rejected": REJECTED},
    "good": {"chosen": CHOSEN, "rejected": None},
    "bad": {"chosen": None, "rejected": REJECTED},
}
USED = {
    "demonstrations": {"pair", "good"},
    "pairs": {"pair"},
    "labels": {"pair", "good", "bad"},
    "prompts": {"pair", "good", "bad"},
}
"""What a trainer learns from -> the shapes of preferences that it uses."""


@every_trainer
def test_it_uses_the_shapes_that_it_says_it_learns_from(trainer: type[Trainer]) -> None:
    view = made(trainer).view()
    about = {"prompt": [{"role": "user", "content": "Well?"}], "margin": 0.5, "confidence": 1.0, "source": "s"}
    about |= {"axis": "help", "chosen_score": 2.0, "rejected_score": 1.0, "axes": []}
    found = {name: view.examples({**about, **shape}) for name, shape in SHAPES.items()}
    assert {name for name, rows in found.items() if isinstance(rows, list)} == USED[trainer.learns_from]
    for rows in found.values():
        for row in rows if isinstance(rows, list) else []:
            assert {*view.columns, *view.others} <= set(row)
            assert all(dialogue[0]["role"] == "user" for dialogue in view.dialogues(row))
    assert view.prompts_only == trainer.writes_answers == (made(trainer).count_reserved_tokens() > 0)


@every_trainer
@pytest.mark.parametrize(("wrong", "near"), [("warmup_step", "warmup_steps"), ("merge_adaptor", "merge_adapter")])
def test_unknown_setting_is_refused_with_the_near_name(trainer: type[Trainer], wrong: str, near: str) -> None:
    with pytest.raises(UserError, match=rf"train\[0\]\.\w+: '{wrong}' is not a setting.*'{near}'"):
        made(trainer, **{wrong: 3})


@every_trainer
def test_settings_survive_being_written_and_read(trainer: type[Trainer]) -> None:
    one = made(trainer)
    again = registry.make("trainer", trainer.name(), one.model_dump(mode="json", by_alias=True, exclude_unset=True), "")
    assert registry.cache_identity(again) == registry.cache_identity(one)


VALUES = (
    None, True, False, 0, -1, 1, 2.5, 10**30, float("nan"), float("inf"), "", "x", "1e-5", [], [1], ["a", "b"], {},
    {"a": 1}, {"every": 0}, [{"checker": "no.such"}], [[]], {"": None},
)  # fmt: skip


@every_trainer
@settings(max_examples=trials.count(25, 200), derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_a_setting_holds_it_is_made_or_refused_in_words(trainer: type[Trainer], data: st.DataObject) -> None:
    names = sorted(config_fields(trainer) | set(trainer.model_fields) | {"name", "from"})
    chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
    values = {name: data.draw(st.sampled_from(VALUES)) for name in chosen}
    try:
        one = registry.make("trainer", trainer.name(), values, "train[0]")
    except UserError as error:
        assert str(error).startswith("train[0]")  # noqa: PT017
        return
    assert isinstance(one, TrlTrainer)
    assert set(one.build_trl_settings()) <= config_fields(trainer)
