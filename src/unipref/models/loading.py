"""Policies and reward models: loading, the chat template, adapters, context length. For train and evaluate.

A model folder is what transformers writes, or a peft adapter whose base is such a folder (or another adapter). A
model without a chat template gets `CHAT_TEMPLATE`, the paper's `Question: ... Answer: ...` layout, and the template is
saved with every model trained from it.
"""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from unipref.core import hashing, hub
from unipref.core.chat_models import Policy, RewardModel
from unipref.core.errors import UserError
from unipref.core.workers.local import count_free_cores
from unipref.models import gguf, hub_models, opening
from unipref.models.adapter_merge import MergeDifference, merge_checked
from unipref.models.folder_checks import ADAPTER_CONFIG, CONFIG, read_json_object
from unipref.models.hub_models import open_description
from unipref.models.missing_folders import is_missing_folder, suggest_folder
from unipref.models.opening import is_adapter, list_chain
from unipref.models.reward_axes import read_axes, read_weights

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

CHAT_TEMPLATE = (
    "{{ bos_token if bos_token else '' }}"
    "{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ message['content'] }}\n\n"
    "{% elif message['role'] == 'user' %}Question: {{ message['content'] }}\n\n"
    "{% elif message['role'] == 'assistant' %}Answer: {{ message['content'] }}{{ eos_token }}"
    "{% if not loop.last %}{{ '\n\n' }}{% endif %}"
    "{% else %}{{ raise_exception('unknown role: ' + message['role']) }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}Answer:{% endif %}"
)
"""The layout of the paper (A.3) as a chat template: BOS written out, eos after each answer, no trailing blank.

The two line breaks after an answer are an expression: Jinja, as transformers sets it up, removes a line break that
follows a statement."""
CHAT_TEMPLATES = (CHAT_TEMPLATE, CHAT_TEMPLATE.replace("{{ '\n\n' }}", "\n\n"))
"""`CHAT_TEMPLATE`, and how earlier versions saved it: with one line break after an answer, which stays as it is."""

NO_LIMIT = 1_000_000
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
        UserError: the folder or its tokenizer is missing or damaged, or eos is missing and `needs_eos`.
    """
    tokenizer = opening.open_tokenizer(_existing(_tokenizer_home(name)))
    if tokenizer.eos_token is None and needs_eos:
        raise UserError(
            "the tokenizer has no end-of-sequence token, so an answer's end cannot be marked.",
            where=name,
            mend="Add 'eos_token' to its tokenizer_config.json.",
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.unk_token or tokenizer.eos_token
    own = tokenizer.chat_template is not None and tokenizer.chat_template not in CHAT_TEMPLATES
    if tokenizer.chat_template is None:
        tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer, own


def _tokenizer_home(name: str) -> str:
    chain = list_chain(name)
    return next((one for one in chain if (open_description(one) / "tokenizer_config.json").is_file()), chain[-1])


def tokenizer_key(name: str) -> str:
    """The cache key of the tokenizer that `load_tokenizer` loads: a hash of its files, or its name and commit."""
    home = _tokenizer_home(name)
    folder = Path(home).expanduser()
    if not folder.is_dir():
        return _one_key(home)
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and TOKENIZER_FILE.fullmatch(path.name)]
    return hashing.json_hash({path.name: hashing.file_hash(path) for path in files})


def load_policy(name: str, precision: str | None = None) -> Policy:
    """Loads a causal language model from a folder or the hub, adapters merged, on the best available device.

    Args:
        name: folder or hub name.
        precision: as for `load_merged`.

    Raises:
        UserError: the folder is missing, or does not hold a causal language model.
    """
    return as_policy(load_model(name, "causal", precision).to(best_device()), name)


def load_reward_model(name: str, precision: str | None = None) -> RewardModel:
    """Loads a reward model (a sequence classifier with one label, or one per axis) from a folder or the hub.

    Args:
        name: folder or hub name.
        precision: as for `load_merged`.

    Raises:
        UserError: the folder is missing, the model is not a reward model, or it has several outputs without weights.
    """
    loaded = as_reward_model(load_model(name, "reward", precision).to(best_device()), name)
    if not is_adapter(name) and not opening.is_classifier(loaded.model.config.architectures):
        raise UserError(
            "this is a language model: as a reward model it would get a random head.",
            where=name,
            mend="Give a reward model: a sequence classifier with one label, or one per axis.",
        )
    return loaded


def as_policy(model: "PreTrainedModel", name: str) -> Policy:
    """Combines a loaded language model with the tokenizer of a folder or hub name; eos may be missing."""
    tokenizer, own = load_tokenizer(name, needs_eos=False)
    tokenizer.padding_side = "left"
    model.eval()
    return Policy(model, tokenizer, name, own, context_length(model, tokenizer))


def as_reward_model(model: "PreTrainedModel", name: str) -> RewardModel:
    """Combines a loaded sequence classifier with the tokenizer of a folder or hub name.

    Raises:
        UserError: the model has several outputs without weights, or the tokenizer has no eos to end a dialogue.
    """
    tokenizer, own = load_tokenizer(name)
    tokenizer.padding_side = "right"
    axes, weights = read_axes(model.config), read_weights(model.config, name)
    model.config.pad_token_id = tokenizer.pad_token_id
    model.eval()
    return RewardModel(model, tokenizer, name, own, context_length(model, tokenizer), axes, weights)


def load_model(name: str, head: str, precision: str | None = None) -> "PreTrainedModel":
    """Loads the model without its tokenizer, adapters merged; as `load_merged`."""
    return load_merged(name, head, precision)[0]


def load_merged(name: str, head: str, precision: str | None = None) -> tuple["PreTrainedModel", MergeDifference | None]:
    """Loads the model without its tokenizer, adapters merged; each merge is compared with the unmerged model.

    Args:
        name: folder or hub name.
        head: 'causal' for a language model, 'reward' for a sequence classifier.
        precision: the type of the weights in memory, such as 'float32'; None: as they are saved. Adapters are merged
            in it.

    Returns:
        The model, and the largest difference that a merge made; None without an adapter.

    Raises:
        UserError: it cannot be loaded, or a merged adapter gives another model than the adapter itself.
    """
    opening.check_folder(_existing(name))
    *adapters, whole = list_chain(name)
    model: PreTrainedModel = opening.open_weights(_existing(whole), head, precision)
    differences = []
    for adapter in reversed(adapters):
        model, difference = merge_checked(opening.attach_adapter(model, adapter), head, adapter)
        differences.append(difference)
    return model, max(differences, key=lambda one: one.largest, default=None)


def find_precision(model: "PreTrainedModel") -> str:
    """Names the type of a model's weights in memory: 'float32', 'bfloat16' or 'float16'."""
    return str(model.dtype).removeprefix("torch.")


def base_model(name: str) -> str:
    """The model under an adapter, or under adapters of adapters; any other name as it is."""
    return list_chain(name)[-1]


def is_reward_model(name: str) -> bool:
    """Whether a folder holds a sequence classifier, or an adapter of one, rather than a language model."""
    folder = open_description(name)
    if is_adapter(name):
        return read_json_object(folder / ADAPTER_CONFIG).get("task_type") == "SEQ_CLS"
    if not (folder / CONFIG).is_file():
        return False
    return opening.is_classifier(read_json_object(folder / CONFIG).get("architectures"))


def context_length(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> int:
    """Maximum sequence length in tokens, from the configurations of the model and its tokenizer."""
    config = model.config.get_text_config()
    limits = [getattr(config, key, None) for key in ("max_position_embeddings", "n_positions")]
    limits.append(tokenizer.model_max_length)
    return min([limit for limit in limits if isinstance(limit, int) and 0 < limit < NO_LIMIT], default=NO_LIMIT)


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
    if file := gguf.find_file(name):
        gguf.check_file(file)
        return str(file)
    if path.is_dir():
        return str(path)
    if opening.looks_like_folder(name) or is_missing_folder(name):
        mend = suggest_folder(name) or "Give a model folder or a hub name like org/name."
        raise UserError("the model folder does not exist.", where=name, mend=mend)
    return name


def model_key(name: str) -> str:
    """The cache key of a model: for a folder a hash of its files and an adapter's base, for the hub name and commit."""
    if file := gguf.find_file(name):
        return gguf.make_key(file)
    chain = list_chain(name)
    keys = [_one_key(one) for one in chain]
    return keys[0] if len(keys) == 1 else hashing.json_hash(keys)


def _one_key(name: str) -> str:
    if hub.is_model_name(name):
        return hub_models.make_key(name)
    return hashing.tree_hash(Path(name).expanduser()) if is_folder(name) else f"hub:{name}"
