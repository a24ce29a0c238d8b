"""Checks before any training: in seconds, what would fail or mislead after hours.

One pass over the steps of one variant and seed. What stops a step is an error that names every fault at once; what a
reader should know is a warning. The figures go to the manifest and the report.
"""

import itertools
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unipref.core import parquet
from unipref.core.contracts import Trainer, TrainJob
from unipref.core.display import format_bytes
from unipref.core.errors import UserError
from unipref.core.records import Reason
from unipref.models.loading import context_length, is_reward_model
from unipref.train.checks.memory import check_memory, disk_of, free_memory, need, shape_of
from unipref.train.checks.model import PAIRS, check_template, own_accuracy
from unipref.train.data.batch_math import doubts, online_schedule, schedule
from unipref.train.data.prompt_file import from_file
from unipref.train.data.rows import SAME_TOKENS, RowUsage, write_rows
from unipref.train.data.sample import pairs_of, write_sample
from unipref.train.monitor.callback import quiet
from unipref.train.start import give_own_pad, open_config, open_tokenizer
from unipref.train.trl_arguments import device_defaults, made_config
from unipref.train.trl_trainer import TrlTrainer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MANY = 0.1
"""Share of the rows left out for one reason above which a run is warned."""


@dataclass(frozen=True)
class PreflightRequest:
    """What is about to be trained.

    Attributes:
        model: the study's.
        steps: name -> step, in order.
        preferences, held_out: Parquet files of the selected and of the dev preferences.
        where: the steps' place in the study file, for errors.
        processes: how many train together.
        sharded: the launch spreads the weights over them.
        data_root: where the paths in the steps' settings start.
    """

    model: str
    steps: dict[str, Trainer]
    preferences: Path
    held_out: Path
    where: str = "train"
    processes: int = 1
    sharded: bool = False
    data_root: Path = Path()


@dataclass(frozen=True)
class Opened:
    """The study's model as far as the checks need it: all steps of a study descend from it."""

    name: str
    tokenizer: "PreTrainedTokenizerBase"
    context: int
    grown: bool


def preflight(plan: PreflightRequest) -> dict[str, Any]:
    """Checks model, data, batches and memory of every step.

    Returns:
        `model` (what it is, its own preference accuracy), `steps` (name -> rows, tokens, batches, memory, disk) and
        `warnings`, as JSON values.

    Raises:
        UserError: a step would fail; all faults found are named at once.
    """
    with quiet(), tempfile.TemporaryDirectory(prefix="unipref-preflight-") as folder:
        work = Path(folder)
        opened = _opened(plan.model)
        rows, sampled = write_sample(plan.preferences, work / "sample.parquet")
        first = itertools.islice(parquet.rows(work / "sample.parquet", ["prompt", "chosen", "rejected"]), 64)
        template = check_template(opened.tokenizer, list(first), plan.model)
        faults: list[UserError] = []
        steps: dict[str, Any] = {}
        for place, (name, trainer) in enumerate(plan.steps.items()):
            where = f"{plan.where}.{place}.{trainer.name()}"
            if not isinstance(trainer, TrlTrainer):
                steps[name] = {"warnings": ["its rows and its memory are not checked: it is no trainer of unipref's"]}
                continue
            try:
                steps[name] = _Step(plan, opened, name, trainer, work).checked(rows, sampled)
            except UserError as error:
                faults.append(UserError(error.what, where=error.where or where, mend=error.mend))
        if faults:
            raise faults[0] if len(faults) == 1 else UserError("\n".join(str(fault) for fault in faults))
        of, held_out = ("dev", plan.held_out) if plan.held_out.is_file() else ("the training rows", plan.preferences)
        write_sample(held_out, work / "asked.parquet")
        accuracy = own_accuracy(plan.model, pairs_of(work / "asked.parquet", PAIRS))
    warnings = template + [f"{name}: {said}" for name, step in steps.items() for said in step["warnings"]]
    model = {
        "name": plan.model,
        "context": opened.context,
        "pad": str(opened.tokenizer.pad_token),
        "accuracy": {**asdict(accuracy), "of": of},
    }
    return {"model": model, "steps": steps, "warnings": warnings, "said": _said(plan, model, steps, accuracy.said(of))}


def _opened(name: str) -> Opened:
    from types import SimpleNamespace

    config, tokenizer = open_config(name), open_tokenizer(name)
    give_own_pad(tokenizer, name)
    context = context_length(SimpleNamespace(config=config), tokenizer)
    return Opened(name, tokenizer, context, int(tokenizer.pad_token_id) >= config.get_text_config().vocab_size)


class _Step:
    """One step on its way through the checks."""

    def __init__(self, plan: PreflightRequest, opened: Opened, name: str, trainer: TrlTrainer, work: Path) -> None:
        self.plan, self.opened, self.name, self.trainer, self.work = plan, opened, name, trainer, work
        self.settings = device_defaults(trainer.for_trl()) | trainer.for_trl()

    def checked(self, rows: int, sampled: int) -> dict[str, Any]:
        """The step's figures and warnings."""
        self._check_start()
        if self.trainer.quantization is not None and find_spec("bitsandbytes") is None:
            raise UserError(
                "quantization needs the package 'bitsandbytes', which is not installed.",
                mend="Install it, or take 'quantization' out.",
            )
        made_config(self.trainer, self.settings | {"output_dir": str(self.work / "trl")})
        sample = self.work / "sample.parquet"
        if prompts := getattr(self.trainer, "prompts", None):
            sample, rows, sampled = self._own_prompts(prompts)
        books = self._books(sample)
        used = books.used if rows == sampled else round(rows * books.used / sampled)
        warnings = self._doubts(books)
        planned = (online_schedule if self.trainer.view().to_answer else schedule)(
            self.settings, round(used * len(books.facts) / books.used), self.plan.processes
        )
        warnings += doubts(planned, self.settings, self.trainer.view().to_answer)
        shape = shape_of(self.plan.model, self.trainer)
        longest = max(books.lengths, default=0) + self.trainer.room()
        tokens = self.settings["per_device_train_batch_size"] * self.trainer.sequences * longest
        quantised = self.trainer.quantization is not None
        needed = need(shape, self.settings, tokens, self.trainer.frozen_copies(), quantised)
        free, of = free_memory(bool(self.settings["use_cpu"]))
        if self.plan.sharded or self.trainer.sharded:
            warnings.append("its memory is not checked: the weights are spread over the processes")
        else:
            warnings += check_memory(needed, free, of, self.plan.processes if self.settings["use_cpu"] else 1)
        return {
            "rows": rows,
            "sampled": sampled,
            "used": used,
            "left_out": {str(reason): n for reason, n in sorted(books.left_out.items())},
            "tokens": _spread(books, self._longest()),
            "schedule": asdict(planned),
            "parameters": shape.parameters,
            "trained": shape.trained,
            "memory": {**needed.rows(), "free": free, "of": of},
            "disk": disk_of(shape, self.trainer),
            "warnings": warnings,
        }

    def _longest(self) -> int:
        return self.trainer.longest(self.plan.model, self.opened.context)

    def _check_start(self) -> None:
        """What `open_start` and `fit` would refuse, for a step from the study's own model."""
        earlier = [step for step in self._before() if step.makes == "policy"]
        from_base = self.trainer.start == "base" or (self.trainer.start is None and not earlier)
        if not from_base:
            return
        if self.trainer.makes == "policy" and is_reward_model(self.plan.model):
            raise UserError(
                "the study's model is a reward model, and the step trains a policy.",
                where=self.plan.model,
                mend="Start the study from a language model.",
            )
        self.trainer.check_grown(self.plan.model, self.opened.grown)

    def _before(self) -> Sequence[Trainer]:
        names = list(self.plan.steps)
        return [self.plan.steps[name] for name in names[: names.index(self.name)]]

    def _own_prompts(self, prompts: str) -> tuple[Path, int, int]:
        """A sample of the prompts that a step takes from a file of its own, in place of the preferences'."""
        sample, plan = self.work / f"{self.name}.parquet", self.plan
        job = TrainJob(
            policy=Path(plan.model),
            preferences=plan.preferences,
            held_out=plan.held_out,
            data_root=plan.data_root,
            out=self.work / self.name,
        )
        with from_file(prompts, job) as given:
            return sample, *write_sample(given.preferences, sample)

    def _books(self, sample: Path) -> RowUsage:
        """The sample's rows as the step would use them.

        Raises:
            UserError: none are left, a column is filled in some rows only, or dev rows are wanted and there are none.
        """
        view, room = self.trainer.view(), self.trainer.room()
        limit = self._longest()
        path = self.work / f"{self.name}.arrow"
        books = write_rows(sample, path, view, self.opened.tokenizer, limit, room)
        if not books.used:
            raise UserError(
                f"nothing is left to train on: {books.explained(limit - room)}.",
                mend="Select other rows, raise max_length where the model's context allows it, or use another trainer; "
                "a variant, of a grid too, may have steps of its own: variants: {NAME: {train: [sft]}}.",
            )
        _check_filled(path)
        if str(self.settings.get("eval_strategy", "no")) != "no" and not self.plan.held_out.is_file():
            raise UserError(
                "eval_strategy asks for dev rows, and nothing is held out.",
                mend="Give dev a share, as in split: {dev: 0.1}, or take eval_strategy out.",
            )
        return books

    def _doubts(self, books: RowUsage) -> list[str]:
        said = []
        words = {
            Reason.TOO_LONG: f"longer than {self._longest() - self.trainer.room()} tokens",
            SAME_TOKENS: "with the same tokens on both sides",
        }
        for reason, why in words.items():
            if (n := books.left_out.get(reason, 0)) and (n > MANY * books.rows or reason == SAME_TOKENS):
                said.append(f"{n} of {books.rows} preferences looked at are left out: {why}")
        return said


def _check_filled(path: Path) -> None:
    """A column is filled in all rows or in none: TRL crashes on the others, or trains on them as if on zeros.

    Raises:
        UserError: one is filled in some rows only.
    """
    import pyarrow as pa

    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_stream(source).read_all()
        for name in table.column_names:
            if 0 < table[name].null_count < table.num_rows:
                raise UserError(
                    f"'{name}' is missing in {table[name].null_count} of {table.num_rows} rows.",
                    mend=f"Leave out the sources without it, or train without '{name}'.",
                )


def _spread(books: RowUsage, limit: int) -> dict[str, Any]:
    """Token statistics of the dialogues, those that are too long among them."""
    import numpy as np

    lengths = np.asarray(books.lengths + books.too_long, dtype=np.int64)
    if not len(lengths):
        return {"limit": limit}
    middle, high = np.percentile(lengths, [50, 95])
    return {"median": float(middle), "p95": float(high), "max": int(lengths.max()), "limit": limit}


def _said(plan: PreflightRequest, model: dict[str, Any], steps: dict[str, Any], accuracy: str) -> list[str]:
    """One line for the model and one per step."""
    lines = [f"{plan.model}: pad {model['pad']}, preference accuracy before training {accuracy}"]
    for name, step in steps.items():
        if "schedule" not in step:
            continue
        planned, tokens, memory = step["schedule"], step["tokens"], step["memory"]
        about = "" if step["rows"] == step["sampled"] else "about "
        lines.append(
            f"{name}: {about}{step['used']:,} of {step['rows']:,} rows, {tokens.get('median', 0):.0f} tokens at the "
            f"median and {tokens.get('max', 0)} at most; {planned['steps']:,} steps of {planned['batch']} "
            f"= {planned['epochs']:.2f} epochs; "
            f"memory {format_bytes(memory['total'])} of {format_bytes(memory['free'])}"
        )
    return lines
