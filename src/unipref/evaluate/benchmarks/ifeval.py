"""IFEval: how often does a model follow verifiable instructions?"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from unipref.core.answer_checks.ifeval import GET_TABLE, SENTENCES, Checks
from unipref.core.chat_models import Policy, RewardModel
from unipref.core.contracts import INSTRUCTION, Benchmark, HeadlineMetric
from unipref.core.errors import UserError
from unipref.core.records import Message, Messages
from unipref.core.scores import Example
from unipref.core.stats.statistic import Statistic, mean, pool_clusters
from unipref.evaluate.readers.json_items import read_items
from unipref.evaluate.refused import keep_accepted
from unipref.models.inference import encode_all, generate_detailed

FILE = "input_data.jsonl"


class Item(msgspec.Struct, frozen=True):
    """One prompt with its instructions: their types, and the arguments of each."""

    key: int
    prompt: str
    instruction_id_list: list[str]
    kwargs: list[dict[str, Any]]


class IFEval(Benchmark):
    """IFEval (Zhou et al. 2023, arXiv 2311.07911): the share of verifiable instructions that are followed.

    The answers are generated greedily and checked by lm-eval's own checkers.

    | metric | formula | best |
    |---|---|---|
    | `prompt_level_strict_acc` | mean over prompts of: the answer follows all instructions of the prompt | 1 |
    | `inst_level_strict_acc` | followed instructions / instructions, over all prompts | 1 |
    | `prompt_level_loose_acc`, `inst_level_loose_acc` | the same, if any of eight variants of the answer passes | 1 |

    The variants omit the first line, the last line, both or neither, each with and without Markdown's asterisks. The
    slices `type:<instruction>` hold the instruction-level metrics per type. An empty answer follows no instruction. An
    answer whose language cannot be detected passes as any language.

    `unchecked` prompts count neither as followed nor as not followed. If NLTK's table `punkt_tab` is not installed,
    these are the prompts with an instruction on the number of sentences or of capitalised words (64 of 541). Notes
    count them, the prompts that exceed the model's context, and the answers that were cut before they ended.

    Data: a folder with `input_data.jsonl`; per line `key`, `prompt`, `instruction_id_list` and `kwargs`. Needs
    the extra `eval`.
    """

    example: ClassVar[Mapping[str, Any]] = {
        "settings": {"data": "eval/ifeval", "new_tokens": 1280},
        "files": {
            FILE: [
                {
                    "key": 1,
                    "prompt": "Write two words, without a comma.",
                    "instruction_id_list": ["punctuation:no_comma"],
                    "kwargs": [{}],
                },
                {
                    "key": 2,
                    "prompt": "Answer in small letters, within quotation marks.",
                    "instruction_id_list": ["change_case:english_lowercase", "startend:quotation"],
                    "kwargs": [{}, {}],
                },
            ]
        },
    }
    headline_metric: ClassVar[HeadlineMetric | None] = HeadlineMetric(INSTRUCTION, "prompt_level_strict_acc")
    dialogue: ClassVar[bool] = True
    required_packages: ClassVar[tuple[str, ...]] = ("lm_eval", "nltk", "langdetect", "immutabledict")
    # As in google-research/instruction_following_eval, read from microsoft/llm-steer-instruct at 4f84882e57d2.
    published_hashes: ClassVar[Mapping[str, str]] = {
        FILE: "67ffeee0fcb87c317c5b08a2de85557b4a7e96ada6178aa645b4954fe4b53d49"
    }

    data: str | None = "ifeval"
    """Folder with the prompts, relative to `data_root`."""
    new_tokens: int = 1280
    """Maximum length of an answer, in tokens; lm-eval uses 1280."""
    limit: int | None = None
    """Number of prompts to measure, evenly spread over the file; None: all."""
    batch_size: int | None = None
    """Most rows of one forward pass; None: as many as a number of tokens allows."""

    def environment(self) -> dict[str, Any]:
        """Adds to the versions whether NLTK's table is installed: without it some prompts stay unchecked."""
        return {**super().environment(), "punkt_tab": Checks().has_table()}

    def examine(self, model: Policy | RewardModel, data: Path, split: str) -> tuple[list[Example], list[str]]:
        """Scores a policy; one row is one prompt, its answer and the verdict on each instruction."""
        assert isinstance(model, Policy)
        checks = Checks()
        items, notes = read_items(data / FILE if data.is_dir() else data, split, Item, self.limit)
        _check_items(items, checks)
        uncheckable = frozenset() if checks.has_table() else SENTENCES
        checkable = [item for item in items if uncheckable.isdisjoint(item.instruction_id_list)]
        accepted, refused = keep_accepted(model, checkable, lambda item: (_as_turns(item), []), "prompts")
        prompts = [model.prompt_text(_as_turns(item)) for item in accepted]
        ids = encode_all(model, prompts)
        fitting = [(item, ids[p]) for item, p in zip(accepted, prompts, strict=True) if len(ids[p]) < model.context]
        outputs = generate_detailed(
            model, [prompt for _, prompt in fitting], self.new_tokens, batch_size=self.batch_size
        )
        examples = []
        for (item, _), output in zip(fitting, outputs, strict=True):
            verdict = checks.verdict(item.key, item.prompt, item.instruction_id_list, item.kwargs, output.text)
            answer = {"output": output.text, "tokens": output.n_tokens, "ended": output.ended}
            examples.append(_item_fields(item, split) | answer | verdict._asdict())
        n_cut = sum(not output.ended for output in outputs)
        unchecked = [item for item in items if item not in checkable]
        examples += [_item_fields(item, split) | {"unchecked": "punkt_tab"} for item in unchecked]
        n_long = len(accepted) - len(fitting)
        return examples, [
            *notes,
            *refused,
            *self._notes(model, len(items), len(unchecked), len(fitting), n_long, n_cut),
        ]

    @classmethod
    def statistics(cls, examples: Sequence[Example]) -> Iterator[Statistic]:
        """All metrics, over the prompts that could be checked; units are prompts."""
        rows = [example for example in examples if "strict" in example]
        if not rows:
            return
        fields: dict[str, Any] = {"split": rows[0]["split"], "unit": "prompts", "ideal": 1.0}
        keys = [str(row["key"]) for row in rows]
        for side in ("strict", "loose"):
            yield mean(f"prompt_level_{side}_acc", keys, [all(row[side]) for row in rows], **fields)
        instructions = [(kind, row, at) for row in rows for at, kind in enumerate(row["instructions"])]
        for part in ("all", *sorted({kind for kind, _, _ in instructions})):
            checked = [(row, at) for kind, row, at in instructions if part in ("all", kind)]
            name = part if part == "all" else f"type:{part}"
            for side in ("strict", "loose"):
                clusters, followed = [str(row["key"]) for row, _ in checked], [row[side][at] for row, at in checked]
                yield pool_clusters(f"inst_level_{side}_acc", clusters, followed, slice=name, **fields)

    def _notes(self, policy: Policy, n: int, unchecked: int, fitting: int, too_long: int, cut: int) -> Iterator[str]:
        if unchecked:
            yield (
                f"{unchecked} of {n} prompts unchecked and in no metric: their checkers need NLTK's table "
                f"punkt_tab, which is not installed. With a network connection, run: {GET_TABLE}"
            )
        if too_long:
            context = f"the model's context of {policy.context} tokens"
            yield f"{too_long} of {n} prompts skipped: longer than {context}."
        if cut:
            yield (
                f"{cut} of {fitting} answers cut before they ended (new_tokens: {self.new_tokens}, context: "
                f"{policy.context} tokens). They are checked as far as they go."
            )


def _as_turns(item: Item) -> Messages:
    return [Message(role="user", content=item.prompt)]


def _item_fields(item: Item, split: str) -> Example:
    return {"split": split, "key": item.key, "prompt": item.prompt, "instructions": item.instruction_id_list}


def _check_items(items: Sequence[Item], checks: Checks) -> None:
    """Raises a UserError for items that cannot be checked, before anything is generated."""
    keys: set[int] = set()
    for item in items:
        where = f"the prompt with key {item.key}"
        if item.key in keys:
            raise UserError("another prompt has the same key.", where=where, mend="Give each prompt a unique key.")
        keys.add(item.key)
        if not item.instruction_id_list or len(item.instruction_id_list) != len(item.kwargs):
            raise UserError(
                f"it has {len(item.instruction_id_list)} instructions but {len(item.kwargs)} sets of arguments.",
                where=where,
                mend="Give at least one instruction, and one set of arguments ('kwargs') per instruction.",
            )
        for kind in item.instruction_id_list:
            checks.check_type(kind, where)
