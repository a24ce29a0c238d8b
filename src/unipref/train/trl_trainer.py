"""What the trainers share: the settings every TRL trainer has, and one way to run, save and account for them.

A trainer here builds TRL's arguments, calls TRL and saves; TRL's own fields are passed through under their own names
and checked when the settings are made.
"""

import abc
import inspect
import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from unipref.core.contracts import Trainer
from unipref.core.errors import UserError, near_name
from unipref.train.data.epochs import Mix, RowOrder, Sampling
from unipref.train.data.rows import Facts, View
from unipref.train.lora import Lora
from unipref.train.monitor.checkpoints import Checkpoint
from unipref.train.monitor.collapse import Bounds
from unipref.train.trl_fields import check_passed

_SAVED = "the trained model is saved in the run folder, and checkpoints are whole so that a step can be taken up again"
_COLUMNS = "each trainer is given exactly the columns it needs"
_TEMPLATE = "special tokens and chat template come with the model and are saved with it"

REFUSED = {
    "output_dir": "the run folder has a place for each step",
    "seed": "it comes from the study's 'seeds'",
    "data_seed": "it comes from the study's 'seeds'",
    "do_train": "the study says what is done",
    "do_eval": "the study says what is done",
    "do_predict": "the study says what is done",
    "logging_nan_inf_filter": "it hides a loss that is no number, which stops the step here",
    "remove_unused_columns": _COLUMNS,
    "label_names": _COLUMNS,
    "dataset_text_field": _COLUMNS,
    "dataset_kwargs": _COLUMNS,
    "truncation_mode": "rows are never cut: what is too long is left out and counted",
    "eos_token": _TEMPLATE,
    "pad_token": _TEMPLATE,
    "chat_template_path": _TEMPLATE,
    "chat_template_kwargs": _TEMPLATE,
    "reward_weights": "each of the 'rewards' has its own weight",
    "length_column_name": _COLUMNS,
    "local_rank": "whoever starts the processes says it (--accelerate CONFIG)",
    **dict.fromkeys(
        [
            "save_only_model",
            "save_on_each_node",
            "enable_jit_checkpoint",
            "load_best_model_at_end",
            "metric_for_best_model",
            "greater_is_better",
            "resume_from_checkpoint",
            "ignore_data_skip",
            "restore_callback_states_from_checkpoint",
            "push_to_hub",
            "hub_token",
            "hub_private_repo",
            "hub_model_id",
            "hub_strategy",
            "hub_always_push",
            "hub_revision",
        ],
        _SAVED,
    ),
}
"""Fields of TRL's configurations that unipref sets, and why they are not for the study file."""


SAVING = frozenset({"save_strategy", "save_steps", "save_total_limit"})
"""TRL's own names for what `checkpoint` says."""
KEPT = 2
"""Checkpoints kept where TRL's names are used and do not say how many."""


class TrlTrainer(Trainer):
    """A trainer of TRL's. Any other field of its TRL configuration may be given under its own name."""

    trl_config: ClassVar[str]
    """Name of the configuration class in `trl`."""
    full_rate: ClassVar[float]
    """Learning rate for full fine-tuning where none is given."""
    lora_rate: ClassVar[float]
    """Learning rate with `lora` where none is given: ten times as high, for its weights start at zero."""
    recipes: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Name -> settings that go together."""
    ours: ClassVar[frozenset[str]] = frozenset(
        {"step", "start", "reward", "lora", "merge_adapter", "checkpoint", "on_collapse", "bounds", "quantization"}
        | {"mix", "recipe"}
    )
    """Fields that TRL is not given."""
    neighbours: ClassVar[bool] = False
    """Whether TRL makes something of the rows beside a row, so that it must be given them in the run's order."""
    sequences: ClassVar[int] = 1
    """Sequences that one row puts into a forward pass: two for a pair."""

    recipe: str | None = None
    """`paper`: the paper's settings (A.3; docs/rewards.md says what differs), over which the others are laid."""
    learning_rate: float | None = Field(default=None, gt=0)
    """Peak learning rate. None: the trainer's own, which is ten times as high with `lora`."""
    per_device_train_batch_size: int = Field(default=8, gt=0)
    """Rows in one forward pass (for rloo and grpo: answers)."""
    num_train_epochs: float = Field(default=1.0, gt=0)
    """Times each row is seen, unless `max_steps` is given."""
    max_steps: int = -1
    """Steps; -1: as many as `num_train_epochs` takes."""
    logging_steps: float = Field(default=0.01, gt=0)
    """Steps between two points of the curve; below 1: as a share of all steps."""
    mix: Mix | None = None
    """Shares of sources or objectives, drawn afresh each epoch; None: every row once an epoch."""
    lora: Lora | None = None
    """Train an adapter of low rank; None: train all weights."""
    checkpoint: Checkpoint | None = None
    """Save the step on its way, so that it is taken up again where it was when it was killed; TRL's own `save_steps`,
    `save_strategy` and `save_total_limit` do as well. None: it begins anew."""
    on_collapse: Literal["keep_last_good", "stop"] = "keep_last_good"
    """What happens when the run collapses: the step ends with the last checkpoint from before as its model, and a
    warning (an error, where there is none); or it ends with an error."""
    bounds: Bounds = Bounds()
    """When a run has collapsed, besides a loss that is no number."""
    quantization: dict[str, Any] | None = None
    """QLoRA: settings of transformers' `BitsAndBytesConfig`, such as `{load_in_4bit: true}`; needs `lora` and the
    package bitsandbytes. The adapter is merged into the weights as they were before. Not tested: no GPU was at hand."""
    merge_adapter: bool = True
    """With `lora`: save the whole model, adapter merged in, and the adapter beside it in `adapter/`. False: save the
    adapter alone; it needs the model the step started from."""

    @model_validator(mode="before")
    @classmethod
    def _passed_to_trl(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        data = cls._with_recipe(data)
        own = {name for key, field in cls.model_fields.items() for name in (key, field.alias) if name}
        extra = {name: value for name, value in data.items() if name not in own}
        if not extra:
            return data
        import trl

        return {**data, **check_passed(extra, getattr(trl, cls.trl_config), own, REFUSED)}

    @classmethod
    def _with_recipe(cls, data: dict[str, Any]) -> dict[str, Any]:
        """The settings laid over those of the recipe they name, if any; `lora` key by key."""
        name = data.get("recipe")
        if name is None:
            return data
        if not isinstance(name, str) or name not in cls.recipes:
            known = (
                f"{cls.name()} has the recipes: {', '.join(cls.recipes)}"
                if cls.recipes
                else f"the paper has no step like {cls.name()}, and there is no recipe for it"
            )
            raise ValueError(f"recipe: there is no {name!r}: {known}")
        recipe = cls.recipes[name]
        merged = {**recipe, **data}
        if isinstance(data.get("lora"), dict) and isinstance(recipe.get("lora"), dict):
            merged["lora"] = {**recipe["lora"], **data["lora"]}
        return merged

    @property
    def rate(self) -> float:
        """The peak learning rate that holds."""
        if self.learning_rate is not None:
            return self.learning_rate
        return self.full_rate if self.lora is None else self.lora_rate

    @model_validator(mode="after")
    def _one_way_to_save(self) -> "TrlTrainer":
        if self.checkpoint and (twice := sorted(SAVING & set(self.model_extra or {}))):
            raise ValueError(f"'{twice[0]}' and 'checkpoint' say the same thing. Give one of them.")
        return self

    @model_validator(mode="after")
    def _quantised_with_an_adapter(self) -> "TrlTrainer":
        if self.quantization is None:
            return self
        if self.lora is None:
            raise ValueError("quantization: quantised weights cannot be trained. Give 'lora', whose weights can.")
        from transformers import BitsAndBytesConfig

        known = set(inspect.signature(BitsAndBytesConfig.__init__).parameters) - {"self", "kwargs"}
        if unknown := sorted(set(self.quantization) - known):
            raise ValueError(
                f"quantization.{unknown[0]}: no setting of BitsAndBytesConfig. {near_name(unknown[0], known)}"
            )
        return self

    @property
    def sharded(self) -> bool:
        """Whether the settings spread the weights over several processes."""
        extra = self.model_extra or {}
        return bool(extra.get("fsdp") or extra.get("deepspeed"))

    def saving(self) -> dict[str, Any]:
        """When TRL saves the step on its way, by TRL's names."""
        given = {name: value for name, value in (self.model_extra or {}).items() if name in SAVING}
        if self.checkpoint:
            given = {"save_steps": self.checkpoint.every, "save_total_limit": self.checkpoint.keep}
        if not given:
            return {"save_strategy": "no"}
        return {"save_strategy": "steps", "save_total_limit": KEPT, **given}

    @property
    def checkpoints_kept(self) -> int:
        """How many checkpoints lie beside each other while the step runs."""
        saving = self.saving()
        return 0 if str(saving["save_strategy"]) == "no" else int(saving["save_total_limit"])

    def for_trl(self) -> dict[str, Any]:
        """The settings that TRL is given, by its own names."""
        return {**self.model_dump(exclude=set(self.ours)), "learning_rate": self.rate, **self.saving()}

    @abc.abstractmethod
    def view(self) -> View:
        """How the trainer sees a preference."""

    def room(self) -> int:
        """Tokens kept free within the context for an answer that the model writes in training."""
        return 0

    def from_facts(self, facts: Facts) -> dict[str, Any]:
        """Settings of TRL's that follow from the rows."""
        return {}

    def plan(self, batch: int) -> RowOrder | None:
        """How the rows of a run are ordered; None: as TRL does it.

        Args:
            batch: rows of one forward pass, over all processes.
        """
        return None

    def rows_of_run(self, args: Any, rows: int) -> int:
        """How many rows a run sees.

        Args:
            args: TRL's arguments, made.
            rows: how many there are.
        """
        if args.max_steps > 0:
            each_step = args.per_device_train_batch_size * args.gradient_accumulation_steps * args.world_size
            return int(args.max_steps * each_step)
        return math.ceil(float(args.num_train_epochs) * rows)

    def frozen_copies(self) -> int:
        """Frozen models of the same size that are held beside the trained one."""
        return 0

    def longest(self, model: str, context: int) -> int:
        """The longest dialogue in tokens, by the settings and the model.

        Args:
            model: the model's name, for errors.
            context: its longest sequence.
        """
        return context

    def check_grown(self, model: str, grown: bool) -> None:
        """Refuses an adapter alone where the model has to be given an embedding for its padding.

        Raises:
            UserError: the adapter would not fit the model it belongs to.
        """
        if grown and self.lora and not self.merge_adapter:
            raise UserError(
                "the model has no padding token and is given one, which an adapter alone cannot hold.",
                where=model,
                mend="Set merge_adapter: true.",
            )


class LengthLimited(TrlTrainer):
    """A trainer on whole dialogues."""

    ours: ClassVar[frozenset[str]] = TrlTrainer.ours | {"weigh_by", "train_sampling_strategy"}

    max_length: int | None = Field(default=None, gt=0)
    """Longest dialogue in tokens; longer ones are left out and counted, never cut. None: the model's context, which
    it may not exceed."""
    train_sampling_strategy: Sampling = "group_by_length"
    """Order of the rows: `group_by_length` puts rows of similar length into the same forward pass, with the passes at
    random, so that little is padded; `random`; or `sequential`, as in the file."""
    weigh_by: Literal["confidence", "margin"] | None = None
    """Draws each row in proportion to its confidence or margin (one without: the mean of the others), which in
    expectation weighs its loss by it. TRL's trainers take no weights."""

    def plan(self, batch: int) -> RowOrder | None:
        """The order that the settings ask for."""
        return RowOrder(self.train_sampling_strategy, self.mix, self.weigh_by, batch)

    def longest(self, model: str, context: int) -> int:
        """The longest dialogue in tokens.

        Raises:
            UserError: `max_length` is more than the model takes.
        """
        if self.max_length is not None and self.max_length > context:
            raise UserError(
                f"max_length is {self.max_length}, and the model takes {context} tokens at most.",
                where=model,
                mend=f"Set max_length to {context} or less, or leave it out.",
            )
        return self.max_length or context
