"""Masks the user's later turns in TRL's data, so that a model learns only the assistant's tokens.

TRL takes everything after the prompt as the answer. An answer may go on with further turns of the user. Then unipref
gives SFT its own labels. DPO and KTO get a collator that removes those tokens from their mask.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unipref.core.messages import add_tools
from unipref.core.records import Messages, Row
from unipref.core.template_turns import TOOLS
from unipref.models.answer_tokens import split_answers
from unipref.train.data.row_usage import RowUsage

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IGNORED = -100
"""The label of a token without loss."""
MASKED_CONFIGS = frozenset({"SFTConfig", "DPOConfig", "KTOConfig"})
"""Configurations of the TRL trainers whose masks unipref completes."""
OTHERS = "_others"
"""Ending of the columns that say where others than the assistant speak."""


def add_speaker_columns(dataset: Any, usage: RowUsage, sides: Sequence[str]) -> Any:
    """Adds a column per side that says where others speak in each row; none if no answer has later turns.

    Args:
        dataset: the rows, as in the file.
        usage: of the rows.
        sides: the columns with answers.
    """
    from datasets import List, Value

    if not usage.others:
        return dataset
    nothing: list[list[int]] = [[] for _ in sides]
    rows = [usage.others.get(number, nothing) for number in range(len(dataset))]
    for place, side in enumerate(sides):
        parts = [row[place] for row in rows]
        dataset = dataset.add_column(side + OTHERS, parts, feature=List(Value("int32")))
    return dataset


def mask_other_speakers(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Makes those of TRL's arguments that mask the user's later turns; none if no answer has any.

    Args:
        arguments: TRL's arguments; the data sets have the columns of `add_speaker_columns`, in the order of the run.
    """
    datasets = {name: arguments[name] for name in ("train_dataset", "eval_dataset") if name in arguments}
    masked = [name for name, dataset in datasets.items() if _speaker_columns(dataset)]
    args = arguments["args"]
    if type(args).__name__ == "SFTConfig":
        return _label_answers(arguments, datasets, masked)
    if not masked:
        return {}
    from trl.trainer.dpo_trainer import DataCollatorForPreference
    from trl.trainer.kto_trainer import DataCollatorForUnpairedPreference

    # The collator reads the added columns.
    args.remove_unused_columns = False
    is_kto = type(args).__name__ == "KTOConfig"
    make = DataCollatorForUnpairedPreference if is_kto else DataCollatorForPreference
    collator = make(pad_token_id=arguments["processing_class"].pad_token_id, pad_to_multiple_of=args.pad_to_multiple_of)
    # In the same batches, and parts for processes, as TRL.
    how = {"batched": True, "batch_size": args.per_device_train_batch_size, "num_proc": args.dataset_num_proc}
    neighbours = {name: datasets[name].map(_take_from_neighbour, **how) for name in (masked if is_kto else ())}
    return {"data_collator": MaskingCollator(collator), **neighbours}


def match_pad_token(hf: Any) -> None:
    """Sets the model's pad token to the tokenizer's, as TRL does unless it is given a collator."""
    # The processor of a model that reads images holds its tokenizer.
    pad = getattr(hf.processing_class, "tokenizer", hf.processing_class).pad_token_id
    hf.model.config.get_text_config().pad_token_id = pad
    hf.model.generation_config.pad_token_id = pad


def _speaker_columns(dataset: Any) -> list[str]:
    return [name for name in dataset.column_names if name.endswith(OTHERS)]


def _take_from_neighbour(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Gives each row its neighbour's column, as TRL's KTO gives it the neighbour's answer to estimate z."""
    parts = rows["completion" + OTHERS]
    return {"KL_completion" + OTHERS: [parts[-1], *parts[:-1]]}


def _check_neighbours(examples: Sequence[Row]) -> None:
    """Checks that a neighbour's answer came with its own parts, for neighbours in the batch."""
    own = {tuple(example["completion_ids"]): example.get("completion" + OTHERS) for example in examples}
    for example in examples:
        answer, parts = tuple(example.get("KL_completion_ids", ())), example.get("KL_completion" + OTHERS)
        if answer in own and bool(own[answer]) != bool(parts):
            raise AssertionError("TRL gave a row another neighbour than unipref: its turns are unknown")


class MaskingCollator:
    """TRL's collator for DPO or KTO, with the tokens of other speakers taken out of the masks of the answers.

    Args:
        collator: TRL's own.
    """

    def __init__(self, collator: Any) -> None:
        self.collator = collator

    def __call__(self, examples: list[Row]) -> dict[str, Any]:
        """Makes a batch."""
        batch: dict[str, Any] = self.collator(examples)
        if "chosen_ids" in examples[0]:
            # TRL puts all chosen answers before all rejected ones.
            sides = [example.get(side + OTHERS) for side in ("chosen", "rejected") for example in examples]
            self._mask(batch, "", sides)
            return batch
        _check_neighbours(examples)
        for prefix in ("", "KL_"):
            if f"{prefix}completion_mask" in batch:
                self._mask(batch, prefix, [example.get(f"{prefix}completion{OTHERS}") for example in examples])
        return batch

    @staticmethod
    def _mask(batch: dict[str, Any], prefix: str, parts_of_rows: list[list[int] | None]) -> None:
        """Takes each row's parts out of its mask; the batch is padded on the right."""
        lengths = batch[f"{prefix}attention_mask"].sum(dim=1).tolist()
        for row, (length, parts) in enumerate(zip(lengths, parts_of_rows, strict=True)):
            if not parts:
                continue
            n, *borders = parts
            # z pairs an answer with another prompt.
            if not prefix and length != n:
                raise AssertionError(f"TRL made {length} tokens of a dialogue of {n}: its turns are unknown")
            for begin, end in zip(borders[::2], borders[1::2], strict=True):
                batch[f"{prefix}completion_mask"][row, length - begin : length - end] = 0


def _label_answers(arguments: Mapping[str, Any], datasets: dict[str, Any], masked: list[str]) -> dict[str, Any]:
    """Gives SFT token ids and labels, if an answer has later turns or the settings ask for the assistant's turns.

    Then all data sets get them: TRL decides for all by the first row of the training data whether prompts have a loss.
    With `completion_only_loss: false` every token has a loss, and with `assistant_only_loss` too, all turns of the
    assistant have one, those of the prompt included.
    """
    args = arguments["args"]
    in_prompt = args.completion_only_loss is False
    if not masked and not in_prompt:
        # TRL's own labels are the same; with `assistant_only_loss` it would look for marks in the chat template.
        args.assistant_only_loss = False
        return {}
    if in_prompt and not args.assistant_only_loss:
        return {name: datasets[name].remove_columns(_speaker_columns(datasets[name])) for name in masked}
    # TRL would look for marks in the chat template, which many lack; these labels need none.
    args.assistant_only_loss = False
    settings = {"tokenizer": arguments["processing_class"], "in_prompt": in_prompt}
    return {
        name: datasets[name].map(label_row, fn_kwargs=settings, remove_columns=datasets[name].column_names)
        for name in datasets
    }


def label_row(row: Row, tokenizer: "PreTrainedTokenizerBase", in_prompt: bool = False) -> dict[str, list[int]]:
    """Makes the `input_ids` of a row's prompt and completion, and their `labels`: ids of the assistant's tokens only.

    Args:
        row: with `prompt` and `completion`.
        tokenizer: with a chat template.
        in_prompt: whether the assistant's turns in the prompt have a loss too.
    """
    prompt, answer = add_tools(row["prompt"], row.get(TOOLS)), row["completion"]
    if in_prompt:
        prompt, answer = _split_at_first_answer([*prompt, *answer])
    (tokens,) = split_answers(tokenizer, [(prompt, answer)])
    labels = [IGNORED] * len(tokens.ids)
    for begin, end in tokens.find_answers():
        labels[begin:end] = tokens.ids[begin:end]
    return {"input_ids": tokens.ids, "labels": labels}


def _split_at_first_answer(dialogue: Messages) -> tuple[Messages, Messages]:
    first = next(at for at, message in enumerate(dialogue) if message["role"] == "assistant")
    return dialogue[:first], dialogue[first:]
