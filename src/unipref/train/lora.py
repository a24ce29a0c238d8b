"""Low-rank adapters: their settings.

W' = W + (lora_alpha / r) B A, with A (r x in) and B (out x r) trained and W frozen. Source: Hu et al. 2021,
arXiv 2106.09685; the defaults are the paper's for fine-tuning and reinforcement learning (A.3).
"""

from typing import Any, Literal

from pydantic import ConfigDict, Field, model_validator

from unipref.core.contracts import Settings
from unipref.train.trl_fields import check_library_settings

LM_HEAD = "lm_head"

REFUSED_FIELDS = {
    "task_type": "it follows from the trainer",
    "peft_type": "only LoRA is supported here",
    "inference_mode": "the step trains the adapter",
    "base_model_name_or_path": "it is the model the step starts from",
    "init_lora_weights": "starting values other than zero change the frozen weights; the saved adapter would not fit",
    "revision": "it is the model the step starts from",
    "auto_mapping": "it follows from the model",
    "peft_version": "peft writes it",
    "layer_replication": "the saved model would have more layers than its configuration",
    "runtime_config": "it does not belong to the adapter",
}
"""Fields of `peft.LoraConfig` that unipref sets, and why."""


class Lora(Settings):
    """A low-rank adapter instead of full fine-tuning. You can also give any other field of `peft.LoraConfig`."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)

    r: int = Field(default=16, gt=0)
    """Rank."""
    lora_alpha: float = Field(default=32, gt=0)
    """Scale: the adapter's output is multiplied by lora_alpha / r."""
    lora_dropout: float = Field(default=0.05, ge=0, lt=1)
    """Share of the adapter's inputs dropped in training."""
    target_modules: list[str] | str = "all-linear"
    """Layers that get an adapter: names, a pattern, or 'all-linear': every linear layer but the output head."""
    modules_to_save: list[str] | None = None
    """Layers trained in full and saved with the adapter. A reward model's head is always among them."""
    frozen_dtype: Literal["float32", "bfloat16"] = "float32"
    """Type in which the training computes the frozen layers that have an adapter. `bfloat16` takes less time on a CPU
    that has it; the adapter and all sums stay in float32. The saved model has the unrounded weights, and the step
    measures what that changes."""

    @model_validator(mode="before")
    @classmethod
    def _check_peft_settings(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        extra = {name: value for name, value in data.items() if name not in cls.model_fields}
        if not extra:
            return data
        from peft import LoraConfig

        return {**data, **check_library_settings(extra, LoraConfig, cls.model_fields, REFUSED_FIELDS)}

    @model_validator(mode="after")
    def _refuse_adapter_on_output_head(self) -> "Lora":
        targets = [self.target_modules] if isinstance(self.target_modules, str) else self.target_modules
        for place, names in (("target_modules", targets), ("modules_to_save", self.modules_to_save or [])):
            # TRL multiplies by the head's own weight, so the step would never train weights added to it.
            if any(name.rpartition(".")[2] == LM_HEAD for name in names):
                raise ValueError(f"{place}: an adapter on '{LM_HEAD}' is never trained. Leave it out.")
        return self

    def make_peft_config(self, for_reward_model: bool) -> Any:
        """Makes the `peft.LoraConfig`.

        Args:
            for_reward_model: its new head is trained and saved whole. Without the task type 'SEQ_CLS', each loading
                would draw a new head.
        """
        from peft import LoraConfig

        settings = self.model_dump(exclude={"frozen_dtype"})
        if for_reward_model:
            settings["modules_to_save"] = sorted({*(self.modules_to_save or []), "score"})
        return LoraConfig(task_type="SEQ_CLS" if for_reward_model else "CAUSAL_LM", **settings)
