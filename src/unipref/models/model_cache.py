"""Models kept at hand: one base in memory, adapters swapped over it, so that checkpoints are judged by one load."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unipref.core.errors import UserError
from unipref.models.loading import (
    ADAPTER_CONFIG,
    Policy,
    RewardModel,
    adapter_base,
    as_policy,
    as_reward_model,
    best_device,
    is_adapter,
    is_reward_model,
    load_model,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SWAPPED = frozenset({"LORA", "LOHA", "LOKR", "IA3", "OFT", "BOFT", "HRA", "VERA"})
"""Kinds of adapters that lie beside the base's layers and can be taken off again; others are loaded whole."""


class ModelCache:
    """Loads models, and keeps the last base loaded.

    An adapter is laid over its base without being merged into it, and taken off when another model is asked for. The
    same base, an adapter over it and the next one cost one load. At most one base is in memory; what was given out
    before is no longer good once another model is asked for.
    """

    def __init__(self) -> None:
        self._held: tuple[str, str] | None = None
        self._model: PreTrainedModel | None = None
        self._peft: Any = None
        self._given: tuple[str, str, Policy | RewardModel] | None = None

    def load(self, name: str) -> Policy | RewardModel:
        """A reward model where the folder holds one, else a policy; as `policy` and `reward_model`."""
        return self.reward_model(name) if is_reward_model(name) else self.policy(name)

    def policy(self, name: str) -> Policy:
        """As `load_policy`, with an adapter over its base rather than merged into it.

        Raises:
            UserError: as `load_policy`, or the adapter does not fit its base.
        """
        given = self._again(name, "causal")
        if isinstance(given, Policy):
            return given
        policy = as_policy(self._ready(name, "causal"), name)
        self._given = (name, "causal", policy)
        return policy

    def reward_model(self, name: str) -> RewardModel:
        """As `load_reward_model`, with an adapter over its base; errors as for `policy`."""
        given = self._again(name, "reward")
        if isinstance(given, RewardModel):
            return given
        reward_model = as_reward_model(self._ready(name, "reward"), name)
        self._given = (name, "reward", reward_model)
        return reward_model

    def clear(self) -> None:
        """Lets go of the base, and of the memory it takes."""
        self.__init__()  # type: ignore[misc]

    def _again(self, name: str, head: str) -> Policy | RewardModel | None:
        return self._given[2] if self._given is not None and self._given[:2] == (name, head) else None

    def _ready(self, name: str, head: str) -> "PreTrainedModel":
        """The model of a name, with its adapter on and no other."""
        self._given = None
        adapter = name if is_adapter(name) and _swaps(name) else None
        base = adapter_base(name) if adapter is not None else name
        if self._held != (base, head):
            self.clear()
            self._model = load_model(base, head).to(best_device())
            self._held = (base, head)
        self._take_off()
        if adapter is not None:
            self._put_on(adapter)
        assert self._model is not None
        return self._model

    def _put_on(self, adapter: str) -> None:
        from peft import PeftModel

        try:
            self._peft = PeftModel.from_pretrained(self._model, adapter)
        except (OSError, ValueError, RuntimeError) as error:
            # What it left half done is not known: the next model starts from a fresh base.
            self.clear()
            raise UserError(
                f"this adapter does not fit its base model: {str(error).splitlines()[0]}",
                where=adapter,
                mend=f"By {ADAPTER_CONFIG} its base is {adapter_base(adapter)}; is that the model it was trained from?",
            ) from error

    def _take_off(self) -> None:
        if self._peft is not None:
            # Deleted first: otherwise a layer that was saved whole with the adapter would stay in the base's place.
            for adapter in list(self._peft.peft_config):
                self._peft.delete_adapter(adapter)
            self._model = self._peft.unload()
            self._peft = None


def _swaps(adapter: str) -> bool:
    settings = json.loads((Path(adapter).expanduser() / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    # Trained biases are written into the base's own layers and could not be taken off again.
    return settings.get("peft_type") in SWAPPED and settings.get("bias", "none") == "none"
