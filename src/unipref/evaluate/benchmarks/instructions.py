"""Instructions: how often does a model follow small verifiable instructions?"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import msgspec

from unipref.core.answer_checks.rules import follows
from unipref.core.chat_models import Policy, RewardModel
from unipref.core.contracts import INSTRUCTION, HeadlineMetric, SplitBenchmark
from unipref.core.records import Message, Messages
from unipref.core.scores import Example
from unipref.core.stats.statistic import Statistic, mean
from unipref.evaluate.readers.json_items import read_items
from unipref.evaluate.refused import keep_accepted
from unipref.models.inference import fits_context, generate


class Item(msgspec.Struct, frozen=True):
    """One instruction: a prompt, the rule (with arguments) that an answer must follow, and its kind and group."""

    id: str
    prompt: str
    rule: str
    arguments: dict[str, Any] = {}
    kind: str | None = None
    group: str | None = None


class Instructions(SplitBenchmark):
    """The share of instructions followed, checked by strict rules on the form of the answer, as in IFEval.

    | metric | formula | best |
    |---|---|---|
    | `followed` | mean over items of: the greedily generated answer follows the item's rule | 1 |

    The slices `type:<rule>` hold it per instruction type, `kind:<kind>` and `group:<group>` per kind and group if the
    items have these fields. Items of one kind, or else of one rule, are a cluster. An answer that has not ended after
    `new_tokens` is checked as it is. The rules check form, not truth: `Green.` always follows 'Answer with one word'.

    Data: a folder with `test.jsonl` and `dev.jsonl`; per line `id`, `prompt`, `rule` and `arguments`;
    `kind` and `group` if the items are grouped more finely than by their rule.
    """

    example: ClassVar[Mapping[str, Any]] = {
        "settings": {"data": "eval/instructions", "new_tokens": 16},
        "files": {
            "test.jsonl": [
                {"id": "a", "prompt": "Answer with one word: is it green?", "rule": "one_word"},
                {"id": "b", "prompt": "Say sun twice.", "rule": "repeats", "arguments": {"word": "sun", "times": 2}},
                {"id": "c", "prompt": "Answer in capitals: what is green?", "rule": "capitals"},
            ]
        },
    }
    headline_metric: ClassVar[HeadlineMetric | None] = HeadlineMetric(INSTRUCTION, "followed")
    dialogue: ClassVar[bool] = True

    data: str | None = "instructions"
    """Folder with the items, relative to `data_root`."""
    new_tokens: int = 16
    """Maximum length of the answers, in tokens."""
    split: Literal["test", "dev"] = "test"
    """`test.jsonl` or `dev.jsonl`."""
    limit: int | None = None
    """Number of items to measure, evenly spread over the file; None: all."""
    batch_size: int = 64
    """Maximum number of prompts in one forward pass."""

    def examine(self, model: Policy | RewardModel, data: Path, split: str) -> tuple[list[Example], list[str]]:
        """Scores a policy; one row is one item with its answer."""
        assert isinstance(model, Policy)
        items, notes = read_items(data, split, Item, self.limit)
        accepted, refused = keep_accepted(model, items, lambda item: (_as_turns(item), []), "items")
        prompts = [model.prompt_text(_as_turns(item)) for item in accepted]
        fitting = [
            (item, prompt) for item, prompt in zip(accepted, prompts, strict=True) if fits_context(model, prompt)
        ]
        if n_long := len(accepted) - len(fitting):
            notes.append(f"{n_long} of {len(items)} items skipped: longer than the model's context.")
        notes += refused
        answers = generate(model, [prompt for _, prompt in fitting], self.new_tokens, batch_size=self.batch_size)
        examples = [
            {
                "split": split,
                "id": item.id,
                "type": item.rule,
                **{name: value for name, value in (("kind", item.kind), ("group", item.group)) if value is not None},
                "prompt": item.prompt,
                "answer": answer.strip(),
                "followed": follows(answer, item.rule, item.arguments),
            }
            for (item, _), answer in zip(fitting, answers, strict=True)
        ]
        return examples, notes

    @classmethod
    def statistics(cls, examples: Sequence[Example]) -> Iterator[Statistic]:
        """The share followed over all examples and per slice; units are prompts, in clusters of one kind or type."""
        parts = {"all": examples}
        for field in ("type", "kind", "group"):
            for value in sorted({e[field] for e in examples if field in e}):
                parts[f"{field}:{value}"] = [e for e in examples if e.get(field) == value]
        for name, part in parts.items() if examples else ():
            about: dict[str, Any] = {"slice": name, "split": part[0]["split"], "unit": "prompts", "ideal": 1.0}
            groups = [e.get("kind") or e["type"] for e in part]
            # Within one kind, prompts are independent.
            clusters = groups if len(set(groups)) > 1 else None
            yield mean("followed", [e["id"] for e in part], [e["followed"] for e in part], clusters=clusters, **about)


def _as_turns(item: Item) -> Messages:
    return [Message(role="user", content=item.prompt)]
