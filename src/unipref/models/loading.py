"""Policies and reward models: loading, the chat template, adapters, context length. For train and evaluate.

A model folder is what transformers writes, or a peft adapter whose base is such a folder (or another adapter). A
model without a chat template gets `CHAT_TEMPLATE`, the paper's `Question: ... Answer: ...` layout, and the template is
saved with every model trained from it.
"""

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from unipref.core import hashing
from unipref.core.chat_models import Policy, RewardModel
from unipref.core.errors import UserError, first_line
from unipref.core.workers.local import count_free_cores

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

CHAT_TEMPLATE = (
    "{{ bos_token if bos_token else '' }}"
    "{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ message['content'] }}\n\n"
    "{% elif message['role'] == 'user' %}Question: {{ message['content'] }}\n\n"
    "{% elif message['role'] == 'assistant' %}Answer: {{ message['content'] }}{{ eos_token }}"
    "{% if not loop.last %}\n\n{% endif %}"
    "{% else %}{{ raise_exception('unknown role: ' + message['role']) }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}Answer:{% endif %}"
)
"""The layout of the paper (A.3) as a chat template: BOS written out, eos after each answer, no trailing blank."""

NO_LIMIT = 1_000_000
ADAPTER_CONFIG = "adapter_config.json"
TOKENIZER_FILE = re.compile(
    r"(tokenizer|special_tokens|added_tokens|chat_template|vocab|merges|spiece|sentencepiece).*|.*\.(model|tiktoken)"
)
"""The files of a folder that a tokenizer is read from."""


def is_folder(name: str) -> bool:
    """Whether a model name is a folder on this machine rather than a hub name."""
    return Path(name).expanduser().is_dir()


def load_tokenizer(name: str, needs_eos: bool = True) -> tuple["PreTrainedTokenizerBase", bool]:
    """Loads a tokenizer with a chat template and a pad token, which differs from eos if possible.

    Args:
        name: folder or hub name; an adapter without a tokenizer uses its base's.
        needs_eos: whether a tokenizer without an end-of-sequence token is an error.

    Returns:
        The tokenizer, and whether the chat template is the model's own.

    Raises:
        UserError: the folder or its tokenizer is missing, or eos is missing and `needs_eos`.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(_existing(_tokenizer_home(name)))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"the tokenizer cannot be read: {first_line(error)}",
            where=name,
            mend="Use a folder with the tokenizer saved next to the model (save_pretrained).",
        ) from error
    if tokenizer.eos_token is None and needs_eos:
        raise UserError(
            "the tokenizer has no end-of-sequence token, so an answer's end cannot be marked.",
            where=name,
            mend="Add 'eos_token' to its tokenizer_config.json.",
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.unk_token or tokenizer.eos_token
    own = tokenizer.chat_template is not None and tokenizer.chat_template != CHAT_TEMPLATE
    if tokenizer.chat_template is None:
        tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer, own


def _tokenizer_home(name: str) -> str:
    while is_adapter(name) and not (Path(name).expanduser() / "tokenizer_config.json").is_file():
        name = adapter_base(name)
    return name


def tokenizer_key(name: str) -> str:
    """The cache key of the tokenizer that `load_tokenizer` loads: a hash of its files, or its name on the hub."""
    home = _tokenizer_home(name)
    folder = Path(home).expanduser()
    if not folder.is_dir():
        return f"hub:{home}"
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and TOKENIZER_FILE.fullmatch(path.name)]
    return hashing.json_hash({path.name: hashing.file_hash(path) for path in files})


def load_policy(name: str) -> Policy:
    """Loads a causal language model from a folder or the hub, adapters merged, on the best available device.

    Raises:
        UserError: the folder is missing, or does not hold a causal language model.
    """
    return as_policy(load_model(name, "causal").to(best_device()), name)


def load_reward_model(name: str) -> RewardModel:
    """Loads a reward model (a sequence classifier with one label) from a folder or the hub.

    Raises:
        UserError: the folder is missing, or the model outputs more than one number.
    """
    return as_reward_model(load_model(name, "reward").to(best_device()), name)


def as_policy(model: "PreTrainedModel", name: str) -> Policy:
    """Combines a loaded language model with the tokenizer of a folder or hub name; eos may be missing."""
    tokenizer, own = load_tokenizer(name, needs_eos=False)
    tokenizer.padding_side = "left"
    model.eval()
    return Policy(model, tokenizer, name, own, context_length(model, tokenizer))


def as_reward_model(model: "PreTrainedModel", name: str) -> RewardModel:
    """Combines a loaded sequence classifier with the tokenizer of a folder or hub name.

    Raises:
        UserError: the model outputs more than one number, or the tokenizer has no eos to end a dialogue.
    """
    tokenizer, own = load_tokenizer(name)
    tokenizer.padding_side = "right"
    if model.config.num_labels != 1:
        raise UserError(f"a reward model outputs one number, but this one {model.config.num_labels}.", where=name)
    model.config.pad_token_id = tokenizer.pad_token_id
    model.eval()
    return RewardModel(model, tokenizer, name, own, context_length(model, tokenizer))


def load_model(name: str, head: str) -> "PreTrainedModel":
    """Loads the model without its tokenizer, adapters merged.

    Args:
        name: folder or hub name.
        head: 'causal' for a language model, 'reward' for a sequence classifier with one label.
    """
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification
    from transformers.utils import logging

    logging.disable_progress_bar()  # a bar per loaded model would hide the run's own progress
    try:
        if is_adapter(name):
            from peft import PeftModel

            base = load_model(adapter_base(name), head)
            return PeftModel.from_pretrained(base, _existing(name)).merge_and_unload()
        if head == "reward":
            return AutoModelForSequenceClassification.from_pretrained(_existing(name), num_labels=1)
        return AutoModelForCausalLM.from_pretrained(_existing(name))
    except (OSError, ValueError) as error:
        raise UserError(
            f"cannot be loaded as a {'reward' if head == 'reward' else 'language'} model: {first_line(error)}",
            where=name,
            mend="Give a folder written by transformers' save_pretrained, or the name of a reachable hub model.",
        ) from error


def is_adapter(name: str) -> bool:
    """Whether a folder holds only a peft adapter, without its base model."""
    folder = Path(name).expanduser()
    return (folder / ADAPTER_CONFIG).is_file() and not (folder / "config.json").is_file()


def adapter_base(name: str) -> str:
    """The base model of an adapter folder, as peft recorded it."""
    recorded = json.loads((Path(name).expanduser() / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    return str(recorded["base_model_name_or_path"])


def base_model(name: str) -> str:
    """The model under an adapter, or under adapters of adapters; any other name as it is."""
    while is_adapter(name):
        name = adapter_base(name)
    return name


def is_reward_model(name: str) -> bool:
    """Whether a folder holds a sequence classifier, or an adapter of one, rather than a language model."""
    adapter = Path(name) / ADAPTER_CONFIG
    config = Path(name) / "config.json"
    if not config.is_file():
        return adapter.is_file() and json.loads(adapter.read_text()).get("task_type") == "SEQ_CLS"
    architectures = json.loads(config.read_text()).get("architectures") or []
    return any("SequenceClassification" in architecture for architecture in architectures)


def context_length(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> int:
    """Maximum sequence length in tokens, from the configurations of the model and its tokenizer."""
    limits = [getattr(model.config, key, None) for key in ("max_position_embeddings", "n_positions")]
    limits.append(tokenizer.model_max_length)
    return min([limit for limit in limits if limit and limit < NO_LIMIT], default=NO_LIMIT)


def best_device() -> "torch.device":
    """The accelerator if available, otherwise the CPU."""
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def set_threads() -> int:
    """Sets torch's number of threads to the number of free cores (at least one), and returns it.

    More threads than free cores make a step several times slower, because they wait for each other.
    """
    import torch

    chosen = os.environ.get("OMP_NUM_THREADS")
    if chosen is None:
        torch.set_num_threads(count_free_cores())
    return int(torch.get_num_threads())


def check_name(name: str) -> None:
    """Raises a UserError for a model name that looks like a folder but does not exist, before any work starts."""
    _existing(name)


def _existing(name: str) -> str:
    """The name as transformers expects it; a UserError for a path that looks local but is missing."""
    path = Path(name).expanduser()
    if path.is_dir():
        return str(path)
    if path.is_absolute() or name.startswith(".") or name.count("/") > 1:
        raise UserError(
            "the model folder does not exist.", where=name, mend="Give a model folder or a hub name like org/name."
        )
    return name


def model_key(name: str) -> str:
    """The cache key of a model: a hash of its files for a folder, its name for a hub model."""
    folder = Path(name).expanduser()
    return hashing.tree_hash(folder) if folder.is_dir() else f"hub:{name}"
