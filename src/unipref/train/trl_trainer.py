"""The base of all TRL trainers: the settings they share, and how a row order, lengths and checkpoints follow from them.

A trainer here builds TRL's arguments, calls TRL and saves. TRL's own fields are passed through under their own names
and checked when the settings are read.
"""

import abc
import inspect
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from unipref.core.contracts import Trainer
from unipref.core.errors import UserError, near_name
from unipref.train.data.answer_masks import MASKED_CONFIGS
from unipref.train.data.epochs import Mix, RowOrder, Sampling, WeighBy, compute_row_weights
from unipref.train.data.row_usage import RowFacts
from unipref.train.data.rows import LaterTurns, View
from unipref.train.lora import Lora
from unipref.train.monitor.checkpoints import Checkpoint
from unipref.train.monitor.collapse import Bounds
from unipref.train.trl_fields import check_library_settings

_SAVED = "unipref saves the trained model in the run folder, and complete checkpoints so that a step can resume"
_COLUMNS = "each trainer gets exactly the columns it needs"
_TEMPLATE = "special tokens and chat template come with the model and are saved with it"

REFUSED_FIELDS = {
    "output_dir": "the run folder has a place for each step",
    "seed": "it comes from the study's 'seeds'",
    "data_seed": "it comes from the study's 'seeds'",
    "do_train": "the study file says what to do",
    "do_eval": "the study file says what to do",
    "do_predict": "the study file says what to do",
    "logging_nan_inf_filter": "it hides a loss that is not a number, which stops the step here",
    "remove_unused_columns": _COLUMNS,
    "label_names": _COLUMNS,
    "dataset_text_field": _COLUMNS,
    "dataset_kwargs": _COLUMNS,
    "truncation_mode": "rows are never truncated: rows that are too long are left out and counted",
    "eos_token": _TEMPLATE,
    "pad_token": _TEMPLATE,
    "chat_template_path": _TEMPLATE,
    "chat_template_kwargs": _TEMPLATE,
    "reward_weights": "each of the 'rewards' has its own weight",
    "length_column_name": _COLUMNS,
    "trust_remote_code": "unipref never runs the code of a model",
    "local_rank": "the launcher sets it (--accelerate CONFIG)",
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
"""Fields of TRL's configurations that unipref sets, and why the study file may not set them."""


SAVE_SETTINGS = frozenset({"save_strategy", "save_steps", "save_total_limit"})
"""TRL's own names for the settings in `checkpoint`."""
CHECKPOINTS_KEPT = 2
"""Checkpoints kept when the settings use TRL's names and do not give a number."""


class TrlTrainer(Trainer):
    """A TRL trainer. You can also give any other field of its TRL configuration under its own name."""

    trl_config: ClassVar[str]
    """Name of the configuration class in `trl`."""
    full_rate: ClassVar[float]
    """Default learning rate for full fine-tuning."""
    lora_rate: ClassVar[float]
    """Default learning rate with `lora`: ten times as high, as its weights start at zero."""
    recipes: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Name -> settings that belong together."""
    own_fields: ClassVar[frozenset[str]] = frozenset(
        {"step", "start", "reward", "rounds", "lora", "merge_adapter", "checkpoint", "on_collapse", "bounds"}
        | {"quantization", "mix", "recipe", "special_tokens", "reasoning", "saved_dtype"}
    )
    """Fields that are not passed to TRL."""
    uses_neighbours: ClassVar[bool] = False
    """Whether TRL uses the rows beside a row, so that it needs them in the run's order."""
    reads_reference: ClassVar[bool] = False
    """Whether a frozen model reads each row too."""
    sequences_per_row: ClassVar[int] = 1
    """Sequences that one row puts into a forward pass: two for a pair."""

    recipe: str | None = None
    """`paper`: the paper's settings (A.3; docs/rewards.md lists the differences); your other settings override them."""
    learning_rate: float | None = Field(default=None, gt=0)
    """Peak learning rate. None: the trainer's own, which is ten times as high with `lora`."""
    per_device_train_batch_size: int = Field(default=8, gt=0)
    """Rows in one forward pass (for rloo and grpo: answers)."""
    num_train_epochs: float = Field(default=1.0, gt=0)
    """Times the run sees each row, unless `max_steps` is given."""
    max_steps: int = -1
    """Optimiser steps; -1: as many as `num_train_epochs` needs."""
    logging_steps: float = Field(default=0.01, gt=0)
    """Steps between two points of the curve; below 1: a share of all steps."""
    mix: Mix | None = None
    """Shares of sources or objectives, drawn anew each epoch; None: every row once an epoch."""
    lora: Lora | None = None
    """Train a low-rank adapter; None: train all weights."""
    checkpoint: Checkpoint | None = Checkpoint(minutes=5)
    """When checkpoints are saved, so that a killed step resumes from the last one: every five minutes, the last two are
    kept. TRL's own `save_steps`, `save_strategy` and `save_total_limit` work too. None: a killed step starts over."""
    on_collapse: Literal["keep_last_good", "stop"] = "keep_last_good"
    """What happens when the run collapses. `keep_last_good`: the step ends with a warning, and its model is the last
    checkpoint before the collapse; without one, it ends with an error. `stop`: the step ends with an error."""
    bounds: Bounds = Bounds()
    """When a run counts as collapsed, besides a loss that is not a number."""
    quantization: dict[str, Any] | None = None
    """QLoRA: settings of transformers' `BitsAndBytesConfig`, such as `{load_in_4bit: true}`; needs `lora` and the
    package bitsandbytes. The adapter is merged into the unquantised weights. Not tested: no GPU was available."""
    special_tokens: Literal["as_tokens", "as_text", "leave_out"] | None = None
    """What happens to special tokens of the tokenizer, such as `</s>`, in texts; they are counted and warned of.
    `as_tokens`: the model reads them as its own. `as_text`: as text, and the saved model too reads all texts so.
    `leave_out`: preferences that hold any are left out. None: as the model that the step starts from, else
    `as_tokens`."""
    reasoning: Literal["leave_out", "train"] | None = None
    """What happens to the reasoning that answers hold apart from their text. `leave_out`: the model learns the answers
    alone. `train`: it learns the reasoning before the answer, as its chat template renders it, else between `<think>`
    and `</think>`; the saved model reads and scores all answers so. None: as the model that the step starts from, else
    `leave_out`."""
    merge_adapter: bool = True
    """With `lora`: save the whole model, adapter merged in, and the adapter beside it in `adapter/`. False: save the
    adapter alone; it needs the model the step started from."""

    saved_dtype: Literal["base", "float32", "bfloat16", "float16"] = "base"
    """Type of the saved model's weights. `base`: that of the model that the step starts from, also where the training
    holds them in float32; they are then rounded. `float32` keeps small changes of the weights, in twice the space."""

    @model_validator(mode="before")
    @classmethod
    def _check_trl_settings(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        data = cls._apply_recipe(data)
        own = {name for key, field in cls.model_fields.items() for name in (key, field.alias) if name}
        extra = {name: value for name, value in data.items() if name not in own}
        if not extra:
            return data
        import trl

        return {**data, **check_library_settings(extra, getattr(trl, cls.trl_config), own, REFUSED_FIELDS)}

    @classmethod
    def _apply_recipe(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Lays the settings over those of the recipe they name, if any; `lora` key by key."""
        name = data.get("recipe")
        if name is None:
            return data
        if not isinstance(name, str) or name not in cls.recipes:
            choices = (
                f"{cls.name()} has the recipes: {', '.join(cls.recipes)}"
                if cls.recipes
                else f"{cls.name()} has no recipes, as the paper has no such step"
            )
            raise ValueError(f"recipe: unknown recipe {name!r}: {choices}")
        recipe = cls.recipes[name]
        merged = {**recipe, **data}
        if isinstance(data.get("lora"), dict) and isinstance(recipe.get("lora"), dict):
            merged["lora"] = {**recipe["lora"], **data["lora"]}
        return merged

    @property
    def rate(self) -> float:
        """The peak learning rate in effect."""
        if self.learning_rate is not None:
            return self.learning_rate
        return self.full_rate if self.lora is None else self.lora_rate

    @model_validator(mode="after")
    def _check_one_way_to_save(self) -> "TrlTrainer":
        doubled = sorted(SAVE_SETTINGS & set(self.model_extra or {}))
        if doubled and self.checkpoint and "checkpoint" in self.model_fields_set:
            raise ValueError(f"'{doubled[0]}' and 'checkpoint' set the same thing. Give only one of them.")
        return self

    @model_validator(mode="after")
    def _check_how_models_open(self) -> "TrlTrainer":
        """Refuses options of `from_pretrained` that run code or read pickle files."""
        for place, options in (self.model_extra or {}).items():
            if not place.endswith("model_init_kwargs") or not isinstance(options, Mapping):
                continue
            if "trust_remote_code" in options:
                raise ValueError(f"{place}.trust_remote_code: unipref never runs the code of a model. Take it out.")
            if "use_safetensors" in options:
                raise ValueError(f"{place}.use_safetensors: unipref reads safetensors files only. Take it out.")
        return self

    @model_validator(mode="after")
    def _check_quantization(self) -> "TrlTrainer":
        if self.quantization is None:
            return self
        if self.lora is None:
            raise ValueError("quantization: quantised weights cannot be trained. Give 'lora', whose weights can.")
        from transformers import BitsAndBytesConfig

        names = set(inspect.signature(BitsAndBytesConfig.__init__).parameters) - {"self", "kwargs"}
        if unknown := sorted(set(self.quantization) - names):
            raise ValueError(
                f"quantization.{unknown[0]}: not a setting of BitsAndBytesConfig. {near_name(unknown[0], names)}"
            )
        return self

    @model_validator(mode="after")
    def _check_frozen_dtype(self) -> "TrlTrainer":
        """Refuses settings under which the sums would not stay in float32, or the frozen weights would change."""
        if not self.lowers_frozen_layers:
            return self
        extra = self.model_extra or {}
        if self.quantization is not None:
            raise ValueError("lora.frozen_dtype: the frozen layers are quantised already. Leave one of the two out.")
        if name := next((name for name in ("bf16", "fp16", "use_vllm", "fsdp", "deepspeed") if extra.get(name)), None):
            raise ValueError(f"lora.frozen_dtype: it does not work together with '{name}'. Leave one of the two out.")
        if str((extra.get("model_init_kwargs") or {}).get("dtype", "float32")).removeprefix("torch.") != "float32":
            raise ValueError(
                "lora.frozen_dtype: the model has to be opened in float32: take out model_init_kwargs.dtype."
            )
        return self

    @property
    def lowers_frozen_layers(self) -> bool:
        """Whether the training computes the frozen layers under the adapter in bfloat16."""
        return self.lora is not None and self.lora.frozen_dtype == "bfloat16"

    @property
    def saves_adapter(self) -> bool:
        """Whether the step saves its adapter alone."""
        return self.lora is not None and not self.merge_adapter

    @property
    def is_sharded(self) -> bool:
        """Whether the settings spread the weights over several processes."""
        extra = self.model_extra or {}
        return bool(extra.get("fsdp") or extra.get("deepspeed"))

    def build_save_settings(self) -> dict[str, Any]:
        """When TRL saves checkpoints, as TRL's settings."""
        given = {name: value for name, value in (self.model_extra or {}).items() if name in SAVE_SETTINGS}
        if self.checkpoint and not given:
            return self.checkpoint.settings()
        if not given or str(given.get("save_strategy")) == "no":
            return {"save_strategy": "no"}
        return {"save_strategy": "steps", "save_total_limit": CHECKPOINTS_KEPT, **given}

    @property
    def checkpoints_kept(self) -> int:
        """The number of checkpoints that exist beside each other while the step runs."""
        saving = self.build_save_settings()
        return int(saving.get("save_total_limit", 0))

    @property
    def checkpoint_seconds(self) -> float | None:
        """Least seconds between two checkpoints that are saved by time; None: none is."""
        minutes = self.checkpoint.minutes if self.checkpoint else None
        return None if minutes is None or SAVE_SETTINGS & set(self.model_extra or {}) else 60 * minutes

    def build_trl_settings(self) -> dict[str, Any]:
        """The settings passed to TRL, by TRL's names."""
        settings = self.model_dump(exclude=set(self.own_fields))
        return {**settings, "learning_rate": self.rate, **self.build_save_settings()}

    @property
    def later_turns(self) -> LaterTurns:
        """What happens to answers that go on with further turns of the user.

        A reward model reads the whole dialogue and learns no token of it. unipref masks the turns for the TRL trainers
        whose masks it can complete.
        """
        if self.model_kind == "reward":
            return "read"
        return "mask" if self.trl_config in MASKED_CONFIGS else "cut"

    @abc.abstractmethod
    def view(self) -> View:
        """How the trainer sees a preference."""

    def count_reserved_tokens(self) -> int:
        """Tokens kept free in the context for an answer that the model generates in training."""
        return 0

    def check_numbers(self, facts: RowFacts, rows: Path) -> None:
        """Checks that rows have the numbers that the settings use.

        Args:
            facts: of the rows.
            rows: Arrow file of the rows.

        Raises:
            UserError: no row has such a number.
        """

    def derive_settings(self, facts: RowFacts) -> dict[str, Any]:
        """TRL's settings that follow from the rows."""
        return {}

    def make_row_order(self, batch: int) -> RowOrder | None:
        """Makes the order of a run's rows; None: TRL orders them.

        Args:
            batch: rows of one forward pass, over all processes.
        """
        return None

    def prepare_to_save(self, hf: Any) -> None:
        """Makes the trained model of a TRL trainer the one that is saved. It is called in every process."""

    def count_rows_of_run(self, args: Any, rows: int) -> int:
        """Counts the rows a run sees.

        Args:
            args: TRL's arguments.
            rows: number of available rows.
        """
        if args.max_steps > 0:
            each_step = args.per_device_train_batch_size * args.gradient_accumulation_steps * args.world_size
            return int(args.max_steps * each_step)
        return math.ceil(float(args.num_train_epochs) * rows)

    def count_frozen_copies(self, with_images: bool = False) -> int:
        """Counts the frozen models of the same size that are held beside the trained one.

        Args:
            with_images: whether rows hold images that the step reads.
        """
        return 0

    def explain_no_images(self) -> str | None:
        """Explains why the trainer reads no images; None if it does."""
        return f"TRL's {self.trl_config.removesuffix('Config')} takes none"

    @property
    def fetches_images(self) -> bool:
        """Whether images that are addresses are fetched."""
        return False

    def find_max_length(self, model: str, context: int) -> int:
        """Finds the longest dialogue allowed, in tokens, by the settings and the model.

        Args:
            model: the model's name, for errors.
            context: the model's longest sequence, in tokens.
        """
        return context

    def check_grown(self, model: str, grown: bool) -> None:
        """Refuses to save only an adapter if the model had to grow an embedding for its padding token.

        Raises:
            UserError: the adapter would not fit the model it belongs to.
        """
        if grown and self.lora and not self.merge_adapter:
            raise UserError(
                "the model has no padding token; unipref adds one, which an adapter alone cannot hold.",
                where=model,
                mend="Set merge_adapter: true.",
            )


class LengthLimited(TrlTrainer):
    """A trainer on whole dialogues."""

    own_fields: ClassVar[frozenset[str]] = TrlTrainer.own_fields | {"weigh_by", "train_sampling_strategy"}

    max_length: int | None = Field(default=None, gt=0)
    """Longest dialogue in tokens; longer ones are left out and counted, never truncated. None: the model's context,
    which it may not exceed."""
    train_sampling_strategy: Sampling = "group_by_length"
    """Order of the rows: `group_by_length` puts rows of similar length into one forward pass, the passes in random
    order, so that there is little padding; `random`; or `sequential`, as in the file."""
    weigh_by: WeighBy | None = None
    """Draws each row in proportion to its confidence, margin (below 0: never) or margin_percentile (a row without: the
    mean of the others), which in expectation weights its loss by it. TRL's trainers take no weights."""

    def make_row_order(self, batch: int) -> RowOrder | None:
        """The order that the settings give."""
        return RowOrder(self.train_sampling_strategy, self.mix, self.weigh_by, batch)

    def check_numbers(self, facts: RowFacts, rows: Path) -> None:
        """Checks the weights; arguments and errors as in `TrlTrainer`."""
        compute_row_weights(facts, self.weigh_by)

    def find_max_length(self, model: str, context: int) -> int:
        """Finds the longest dialogue allowed, in tokens.

        Raises:
            UserError: `max_length` is more than the model's context.
        """
        if self.max_length is not None and self.max_length > context:
            raise UserError(
                f"max_length is {self.max_length}, but the model takes at most {context} tokens.",
                where=model,
                mend=f"Set max_length to {context} or less, or leave it out.",
            )
        return self.max_length or context
