"""Caches one base model in memory and swaps adapters on it, so that several checkpoints need one load."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from unipref.core.chat_models import Policy, RewardModel
from unipref.core.errors import UserError
from unipref.models.folder_checks import ADAPTER_CONFIG, read_json_object
from unipref.models.loading import as_policy, as_reward_model, best_device, is_reward_model, load_model
from unipref.models.opening import adapter_base, attach_adapter, is_adapter

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SWAPPABLE = frozenset({"LORA", "LOHA", "LOKR", "IA3", "OFT", "BOFT", "HRA", "VERA"})
"""Adapter types that are attached to the base's layers and can be detached again; others are loaded merged."""


class ModelCache:
    """Loads models, and keeps the last base in memory.

    An adapter is attached to its base without merging, and detached when another model is requested. So a base, an
    adapter on it and the next adapter need only one load. At most one base is in memory: a model that was returned
    becomes invalid when another model is requested.
    """

    def __init__(self) -> None:
        self._base_key: tuple[str, str, str | None] | None = None
        self._model: PreTrainedModel | None = None
        self._peft: Any = None
        self._last_result: tuple[tuple[str, str, str | None], Policy | RewardModel] | None = None

    def load(self, name: str, precision: str | None = None) -> Policy | RewardModel:
        """Loads a reward model if the folder holds one, otherwise a policy; see `reward_model` and `policy`."""
        return self.reward_model(name, precision) if is_reward_model(name) else self.policy(name, precision)

    def policy(self, name: str, precision: str | None = None) -> Policy:
        """Like `load_policy`, but with an adapter attached to its base instead of merged.

        Raises:
            UserError: as `load_policy`, or the adapter does not fit its base.
        """
        cached = self._find_cached(name, "causal", precision)
        if isinstance(cached, Policy):
            return cached
        policy = as_policy(self._prepare_model(name, "causal", precision), name)
        self._last_result = ((name, "causal", precision), policy)
        return policy

    def reward_model(self, name: str, precision: str | None = None) -> RewardModel:
        """Like `load_reward_model`, but with an adapter attached to its base; errors as for `policy`."""
        cached = self._find_cached(name, "reward", precision)
        if isinstance(cached, RewardModel):
            return cached
        reward_model = as_reward_model(self._prepare_model(name, "reward", precision), name)
        self._last_result = ((name, "reward", precision), reward_model)
        return reward_model

    def clear(self) -> None:
        """Drops the base and frees its memory."""
        self.__init__()  # type: ignore[misc]

    def _find_cached(self, name: str, head: str, precision: str | None) -> Policy | RewardModel | None:
        if self._last_result is None or self._last_result[0] != (name, head, precision):
            return None
        return self._last_result[1]

    def _prepare_model(self, name: str, head: str, precision: str | None) -> "PreTrainedModel":
        """The model of a name, with its own adapter attached and no other."""
        self._last_result = None
        adapter = name if is_adapter(name) and _is_swappable(name) else None
        base = adapter_base(name) if adapter is not None else name
        if self._base_key != (base, head, precision):
            self.clear()
            self._model = load_model(base, head, precision).to(best_device())
            self._base_key = (base, head, precision)
        self._detach_adapters()
        if adapter is not None:
            self._attach_adapter(adapter)
        assert self._model is not None
        return self._model

    def _attach_adapter(self, adapter: str) -> None:
        try:
            self._peft = attach_adapter(self._model, adapter)
        except UserError:
            # The base may be partly changed, so the next model starts from a fresh one.
            self.clear()
            raise

    def _detach_adapters(self) -> None:
        if self._peft is not None:
            # Deleted first: otherwise a layer saved in full with the adapter would replace the base's.
            for adapter in list(self._peft.peft_config):
                self._peft.delete_adapter(adapter)
            self._model = self._peft.unload()
            self._peft = None


def _is_swappable(adapter: str) -> bool:
    settings = read_json_object(Path(adapter).expanduser() / ADAPTER_CONFIG)
    # Trained biases are written into the base's own layers, and could not be detached.
    return settings.get("peft_type") in SWAPPABLE and settings.get("bias", "none") == "none"
