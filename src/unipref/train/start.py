"""The model a step starts from: a plain folder that transformers loads, and a tokenizer fit for training."""

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from unipref.core.errors import UserError
from unipref.core.special_tokens import encode_texts, keep_as_text, keeps_as_text, remove_marks
from unipref.core.template_turns import TRAINED, keep_reasoning, takes_list, to_turns
from unipref.models import adapter_merge, hub_models, image_processor, opening
from unipref.models.loading import base_model, context_length, is_reward_model, load_merged, load_tokenizer
from unipref.models.reward_axes import read_axes

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass
class Start:
    """A model to train.

    Attributes:
        folder: folder that plain transformers loads. Never an adapter: for a reference model TRL loads the
            same name again, and of an adapter it would load the base.
        policy: the name in the study; it may be an adapter.
        tokenizer: with a chat template and a pad token that is not eos.
        context: longest sequence, in tokens.
        grown: whether `folder` has an embedding for the pad token that `policy` lacks.
        merged: how much the merge of an adapter changed the model; None if there is no adapter.
    """

    folder: str
    policy: str
    tokenizer: "PreTrainedTokenizerBase"
    context: int
    grown: bool
    merged: adapter_merge.MergeDifference | None = None


def open_start(
    policy: Path, work: Path, model_kind: str, special_tokens: str | None = None, reasoning: str | None = None
) -> Start:
    """Prepares a model for training.

    Args:
        policy: folder or hub name: a model, or an adapter, which is merged.
        work: folder for a merged or grown model.
        model_kind: 'policy' or 'reward'; a reward step may continue a reward model.
        special_tokens: the step's setting.
        reasoning: the step's setting.

    Raises:
        UserError: the step trains a policy from a reward model, the start is a reward model with axes, or the model
            cannot be loaded.
    """
    name = str(policy)
    head = "reward" if is_reward_model(name) else "causal"
    if head == "reward" and model_kind == "policy":
        raise UserError(
            "this is a reward model, but the step trains a policy.",
            where=name,
            mend="Set the step's 'from' to a step that trains a policy, or to 'base'.",
        )
    config, tokenizer = open_config(name), open_tokenizer(name)
    if head == "reward" and read_axes(config):
        raise UserError(
            f"this reward model scores the axes {', '.join(read_axes(config))}, and its training cannot be continued.",
            where=name,
            mend="Start from a policy, or from a reward model with one output.",
        )
    give_own_pad(tokenizer, name)
    set_special_tokens(tokenizer, special_tokens)
    set_reasoning(tokenizer, reasoning)
    grown = tokenizer.pad_token_id >= config.get_text_config().vocab_size
    folder, merged = hub_models.open_as_folder(name), None
    if grown or opening.is_adapter(name):
        model, merged = load_merged(name, head)
        if grown:
            model.resize_token_embeddings(tokenizer.pad_token_id + 1, mean_resizing=False)
        folder = str(work / "start")
        _save_start(model, head, Path(folder), name)
        tokenizer.save_pretrained(folder)
        image_processor.copy_files(base_model(name), Path(folder))
    return Start(folder, name, tokenizer, context_length(SimpleNamespace(config=config), tokenizer), grown, merged)


def _save_start(model: Any, head: str, folder: Path, name: str) -> None:
    """Saves a merged or grown model, and checks that the saved model is the same.

    Raises:
        UserError: it is another one.
    """
    before = adapter_merge.measure_probes(model, adapter_merge.make_probe_sequences(model), head)
    model.save_pretrained(folder)
    device = model.device
    model.to("meta")  # frees its memory before the saved model is loaded
    difference = adapter_merge.check_saved(before, folder, head, device)
    if not difference.is_equal:
        mend = "Give the model as a whole, merged by the library that trained it."
        raise adapter_merge.difference_error(difference, name, mend)


def set_special_tokens(tokenizer: "PreTrainedTokenizerBase", setting: str | None) -> None:
    """Makes the tokenizer read special tokens in texts as a step's setting `special_tokens` says; None: as it does."""
    if setting in ("as_text", "as_tokens"):
        keep_as_text(tokenizer, setting == "as_text")


def set_reasoning(tokenizer: "PreTrainedTokenizerBase", setting: str | None) -> None:
    """Makes the tokenizer render reasoning as a step's setting `reasoning` says; None: as it does."""
    if setting is not None:
        keep_reasoning(tokenizer, setting == TRAINED)


def use_in_trl(tokenizer: "PreTrainedTokenizerBase", has_parts: bool = False) -> None:
    """Makes TRL, which tokenises dialogues itself, render them as unipref does.

    Args:
        tokenizer: changed in place if it keeps special tokens in texts as text, if messages have parts, or if its
            template takes texts only as lists of parts.
        has_parts: whether messages have parts besides role and content, such as tool calls.
    """
    if keeps_as_text(tokenizer) or has_parts or takes_list(tokenizer):
        # An attribute of this object alone: a subclass would be saved by a name that transformers does not know.
        tokenizer.apply_chat_template = functools.partial(_apply_chat_template, tokenizer)


def _apply_chat_template(
    tokenizer: "PreTrainedTokenizerBase",
    conversation: Any,
    tokenize: bool = True,
    return_dict: bool = True,
    **options: Any,
) -> Any:
    """`apply_chat_template` of transformers, for the ways in which TRL calls it."""
    given = options.pop("tools", None)

    def apply(dialogue: Any) -> str:
        turns, tools = to_turns(tokenizer, dialogue, given)
        return str(type(tokenizer).apply_chat_template(tokenizer, turns, tools=tools, tokenize=False, **options))

    is_batch = isinstance(conversation[0], list)
    dialogues = conversation if is_batch else [conversation]
    if not tokenize:
        rendered = [remove_marks(tokenizer, apply(dialogue)) for dialogue in dialogues]
        return rendered if is_batch else rendered[0]
    if refused := {"padding", "return_tensors", "return_assistant_tokens_mask"} & {k for k, v in options.items() if v}:
        raise NotImplementedError(f"special_tokens: as_text does not support {', '.join(sorted(refused))} of TRL")
    texts = [apply(dialogue) for dialogue in dialogues]
    encoded = encode_texts(tokenizer, texts)
    ids = [encoded[text] for text in texts]
    if not return_dict:
        return ids if is_batch else ids[0]
    masks = [[1] * len(one) for one in ids]
    return {"input_ids": ids if is_batch else ids[0], "attention_mask": masks if is_batch else masks[0]}


CHAT_MARK = re.compile(
    r"im_|start|end|system|user|assistant|human|inst|turn|head|eot|eom|sep|tool|call|think|</?s>|bos|eos", re.I
)
"""Finds a special token that a chat template or a text with its marks may use."""


def give_own_pad(tokenizer: "PreTrainedTokenizerBase", name: str) -> None:
    """Gives the tokenizer a pad token that is not eos: a spare special token, or else a new one.

    A spare token is a special token that is neither eos nor bos, nor in the chat template, nor a mark of a chat format.
    One that is named as padding, unknown, reserved or unused comes first; else the last one. So the vocabulary grows
    only if there is none.

    A reward model's score is read at the last token that is not padding: with eos as padding it never sees the end.

    Args:
        tokenizer: changed in place.
        name: the model's name, for errors.

    Raises:
        UserError: the tokenizer's eos is itself a padding token.
    """
    if tokenizer.pad_token_id is not None and tokenizer.pad_token_id != tokenizer.eos_token_id:
        return
    used = {tokenizer.eos_token, tokenizer.bos_token}
    spare = [
        token.content
        for token in tokenizer.added_tokens_decoder.values()
        if token.special and token.content not in used and token.content not in str(tokenizer.chat_template)
    ]
    pad_like = [token for word in ("pad", "unk", "reserved", "unused") for token in spare if word in token.lower()]
    idle = [token for token in spare if not CHAT_MARK.search(token)]
    if pad_like or idle:
        tokenizer.pad_token = (pad_like or idle[::-1])[0]
    else:
        tokenizer.add_special_tokens({"pad_token": "<pad>"})
    if tokenizer.pad_token_id == tokenizer.eos_token_id:
        raise UserError(
            f"the tokenizer uses the same token, {tokenizer.eos_token}, for padding and for the end of a sequence.",
            where=name,
            mend="Set another 'pad_token' in its tokenizer_config.json.",
        )


def open_tokenizer(name: str) -> "PreTrainedTokenizerBase":
    """Loads the model's tokenizer with a chat template.

    Raises:
        UserError: the tokenizer cannot be read.
    """
    return load_tokenizer(name)[0]


def open_config(name: str) -> Any:
    """Loads the model's configuration; of an adapter, its base's.

    Raises:
        UserError: the configuration cannot be read.
    """
    return opening.open_config(base_model(name))
