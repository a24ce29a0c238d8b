"""Checks before any training: finds in seconds what would fail or mislead after hours.

One pass over the steps of one variant and seed. Anything that stops a step is an error, and one error names all the
problems; anything a reader should know is a warning. The figures go to the manifest and the report.
"""

import copy
import functools
import itertools
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unipref.core import parquet
from unipref.core.contracts import Trainer, TrainJob
from unipref.core.display import format_bytes, format_seconds
from unipref.core.errors import ResourceError, UserError
from unipref.core.records import Reason
from unipref.core.template_turns import TOOLS, keeps_reasoning
from unipref.core.work_progress import report_work
from unipref.models.gguf import has_bfloat16
from unipref.models.loading import context_length, is_reward_model
from unipref.models.opening import check_folder
from unipref.train.checks.duration import estimate_seconds
from unipref.train.checks.memory import (
    check_memory,
    compute_disk_need,
    compute_memory_need,
    measure_free_memory,
    measure_shape,
)
from unipref.train.checks.model import PAIRS, check_template, measure_own_accuracy
from unipref.train.data.batch_math import check_schedule, compute_online_schedule, compute_schedule
from unipref.train.data.prompt_file import use_prompt_file
from unipref.train.data.row_usage import SAME_TOKENS, RowUsage, describe_special_tokens
from unipref.train.data.rows import write_rows
from unipref.train.data.sample import pairs_of, write_sample
from unipref.train.image_reading import open_reader
from unipref.train.monitor.callback import silence_libraries
from unipref.train.start import give_own_pad, open_config, open_tokenizer, set_reasoning, set_special_tokens
from unipref.train.trl_arguments import device_defaults, make_config
from unipref.train.trl_trainer import TrlTrainer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SLOW_BFLOAT16 = "lora.frozen_dtype: this CPU seems to have no instructions for bfloat16, so it may slow the step down"
MANY_LEFT_OUT = 0.1
"""Share of the rows left out for one reason above which unipref warns."""


@dataclass(frozen=True)
class PreflightRequest:
    """The steps that are about to be trained.

    Attributes:
        model: the study's model.
        steps: name -> step, in order.
        preferences, held_out: Parquet files of the selected and of the dev preferences.
        where: the steps' place in the study file, for errors.
        processes: number of processes that train together.
        is_sharded: whether the launch spreads the weights over them.
        data_root: folder that paths in the steps' settings are relative to.
        places: name -> the step's place in the study file, if it is not its number.
        rounds: the steps whose rows are made when the step before them is trained.
    """

    model: str
    steps: dict[str, Trainer]
    preferences: Path
    held_out: Path
    where: str = "train"
    processes: int = 1
    is_sharded: bool = False
    data_root: Path = Path()
    places: Mapping[str, int] = field(default_factory=dict)
    rounds: frozenset[str] = frozenset()


@dataclass(frozen=True)
class OpenedModel:
    """The study's model as far as the checks need it; all steps of a study descend from it."""

    name: str
    tokenizer: "PreTrainedTokenizerBase"
    context: int
    grown: bool


def preflight(request: PreflightRequest) -> dict[str, Any]:
    """Checks model, data, batches and memory of every step.

    Returns:
        As JSON values: `model` (its name, context, pad token and own preference accuracy), `steps` (name -> rows,
        tokens, batches, memory, disk), `warnings`, and `notes` (one line for the model and one per step).

    Raises:
        UserError: a step would fail; one error names all the problems.
    """
    with silence_libraries(), tempfile.TemporaryDirectory(prefix="unipref-preflight-") as folder:
        work, parts = Path(folder), len(request.steps) + 2
        report_work("checking tokenizer and template", 0, parts)
        opened = _open_model(request.model)
        rows, sampled = write_sample(request.preferences, work / "sample.parquet")
        sides = parquet.read_rows(work / "sample.parquet", ["prompt", "chosen", "rejected"])
        first = list(itertools.islice(sides, 64))
        template = check_template(opened.tokenizer, first, request.model)
        errors: list[UserError] = []
        steps: dict[str, Any] = {}
        for place, (name, trainer) in enumerate(request.steps.items()):
            where = f"{request.where}.{request.places.get(name, place)}.{trainer.name()}"
            report_work(f"checking {name}: rows, batches, memory", place + 1, parts)
            if not isinstance(trainer, TrlTrainer):
                steps[name] = {"warnings": ["its rows and memory are not checked: it is not one of unipref's trainers"]}
                continue
            try:
                check = _StepCheck(request, opened, name, trainer, work)
                steps[name] = check.run_without_rows() if name in request.rounds else check.run(rows, sampled)
            except ResourceError:
                raise
            except UserError as error:
                errors.append(UserError(error.what, where=error.where or where, mend=error.mend))
        if errors:
            raise errors[0] if len(errors) == 1 else UserError("\n".join(str(error) for error in errors))
        data_name, pairs = _choose_pairs(request, work)
        report_work(f"checking what the model says of {data_name}", parts - 1, parts)
        demonstrations = [row for row in first if row["chosen"]]
        accuracy, speed = measure_own_accuracy(request.model, pairs, demonstrations)
    for step in steps.values():
        step["seconds"] = step["duration"](speed) if speed and "duration" in step else None
        step.pop("duration", None)
    warnings = template + [f"{name}: {warning}" for name, step in steps.items() for warning in step["warnings"]]
    model = {
        "name": request.model,
        "context": opened.context,
        "pad": str(opened.tokenizer.pad_token),
        "accuracy": {**asdict(accuracy), "of": data_name},
    }
    notes = _describe(request, model, steps, accuracy.describe(data_name, bool(pairs)))
    return {"model": model, "steps": steps, "warnings": warnings, "notes": notes}


def _choose_pairs(request: PreflightRequest, work: Path) -> tuple[str, list[dict[str, Any]]]:
    """Returns what pairs to measure the model's accuracy on, and these: of dev if it has any, else training rows."""
    if request.held_out.is_file():
        write_sample(request.held_out, work / "dev.parquet")
        if pairs := pairs_of(work / "dev.parquet", PAIRS):
            return "dev", pairs
    return "the training rows", pairs_of(work / "sample.parquet", PAIRS)


def _open_model(name: str) -> OpenedModel:
    from types import SimpleNamespace

    check_folder(name)
    config, tokenizer = open_config(name), open_tokenizer(name)
    give_own_pad(tokenizer, name)
    context = context_length(SimpleNamespace(config=config), tokenizer)
    return OpenedModel(name, tokenizer, context, int(tokenizer.pad_token_id) >= config.get_text_config().vocab_size)


class _StepCheck:
    """Runs the checks of one step."""

    def __init__(
        self, request: PreflightRequest, opened: OpenedModel, name: str, trainer: TrlTrainer, work: Path
    ) -> None:
        self.request, self.opened, self.name, self.trainer, self.work = request, opened, name, trainer, work
        self.settings = device_defaults(trainer.build_trl_settings()) | trainer.build_trl_settings()

    def run_without_rows(self) -> dict[str, Any]:
        """Checks the settings of a step whose rows are not made yet; returns its figures."""
        self._check_settings()
        shape = measure_shape(self.request.model, self.trainer)
        return {
            "parameters": shape.parameters,
            "trained": shape.trained,
            "disk": compute_disk_need(shape, self.trainer),
            "warnings": [],
        }

    def run(self, rows: int, sampled: int) -> dict[str, Any]:
        """Checks the step and returns its figures and warnings.

        Args:
            rows: number of selected preferences.
            sampled: number of them in the sample.
        """
        self._check_settings()
        sample = self.work / "sample.parquet"
        if prompts := getattr(self.trainer, "prompts", None):
            sample, rows, sampled = self._sample_own_prompts(prompts)
        usage = self._measure_usage(sample)
        warnings = self._check_numbers(usage, is_sample=rows != sampled)
        used = usage.used if rows == sampled else round(rows * usage.used / sampled)
        warnings += self._warn_of_left_out(usage)
        planned = (compute_online_schedule if self.trainer.view().prompts_only else compute_schedule)(
            self.settings, round(used * len(usage.facts) / usage.used), self.request.processes
        )
        if self.trainer.lowers_frozen_layers and self.settings["use_cpu"] and not has_bfloat16():
            warnings.append(SLOW_BFLOAT16)
        warnings += check_schedule(planned, self.settings, self.trainer.view().prompts_only)
        shape = measure_shape(self.request.model, self.trainer)
        if shape.new_head:
            warnings.append(
                "the adapter changes the embedding, which the model also uses as its output head "
                f"(tie_word_embeddings): the merged model has a head of its own, {shape.new_head:,} more weights"
            )
        longest = max(usage.lengths, default=0) + self.trainer.count_reserved_tokens()
        tokens = self.settings["per_device_train_batch_size"] * self.trainer.sequences_per_row * longest
        quantised = self.trainer.quantization is not None
        copies = self.trainer.count_frozen_copies(with_images=usage.images > 0)
        needed = compute_memory_need(shape, self.settings, tokens, copies, quantised)
        free, of = measure_free_memory(bool(self.settings["use_cpu"]))
        if self.request.is_sharded or self.trainer.is_sharded:
            warnings.append("its memory is not checked: the weights are spread over the processes")
        else:
            warnings += check_memory(needed, free, of, self.request.processes if self.settings["use_cpu"] else 1)
        return {
            "rows": rows,
            "sampled": sampled,
            "used": used,
            "left_out": {str(reason): n for reason, n in sorted(usage.left_out.items())},
            "tokens": _summarise_lengths(usage, self._longest()),
            "schedule": asdict(planned),
            "parameters": shape.parameters,
            "trained": shape.trained,
            "memory": {**needed.as_record(), "free": free, "of": of},
            "duration": functools.partial(
                estimate_seconds,
                self.trainer,
                self.settings,
                planned.steps,
                usage.lengths,
                needed.weights,
            ),
            "disk": compute_disk_need(shape, self.trainer),
            "notes": usage.describe_masked(),
            "warnings": warnings,
        }

    def _longest(self) -> int:
        return self.trainer.find_max_length(self.request.model, self.opened.context)

    def _check_settings(self) -> None:
        """Refuses settings that the step, TRL or a package would refuse."""
        self._check_start()
        if self.trainer.quantization is not None and find_spec("bitsandbytes") is None:
            raise UserError(
                "quantization needs the package 'bitsandbytes', which is not installed.",
                mend="Install it, or take 'quantization' out.",
            )
        make_config(self.trainer, self.settings | {"output_dir": str(self.work / "trl")})

    def _check_start(self) -> None:
        """Refuses what `open_start` and `fit` would refuse, for a step that starts from the study's own model."""
        earlier = [step for step in self._earlier_steps() if step.model_kind == "policy"]
        from_base = self.trainer.start == "base" or (self.trainer.start is None and not earlier)
        if not from_base:
            return
        if self.trainer.model_kind == "policy" and is_reward_model(self.request.model):
            raise UserError(
                "the study's model is a reward model, but the step trains a policy.",
                where=self.request.model,
                mend="Start the study from a language model.",
            )
        self.trainer.check_grown(self.request.model, self.opened.grown)

    def _earlier_steps(self) -> Sequence[Trainer]:
        names = list(self.request.steps)
        return [self.request.steps[name] for name in names[: names.index(self.name)]]

    def _sample_own_prompts(self, prompts: str) -> tuple[Path, int, int]:
        """Samples the prompts of a step that reads them from a file of its own instead of the preferences.

        Returns:
            The sample, the number of prompts in the file, and in the sample.
        """
        sample, request = self.work / f"{self.name}.parquet", self.request
        job = TrainJob(
            policy=Path(request.model),
            preferences=request.preferences,
            held_out=request.held_out,
            data_root=request.data_root,
            out=self.work / self.name,
        )
        with use_prompt_file(prompts, job) as own:
            return sample, *write_sample(own.preferences, sample)

    def _measure_usage(self, sample: Path) -> RowUsage:
        """Reads the sample's rows as the step would.

        Raises:
            UserError: no rows are left, a column is filled in only some rows, or dev rows are asked for and missing.
        """
        view, room = self.trainer.view(), self.trainer.count_reserved_tokens()
        limit = self._longest()
        path = self.work / f"{self.name}.arrow"
        tokenizer, leaves_out = self._open_tokenizer(), self.trainer.special_tokens == "leave_out"
        root, later = self.request.data_root, self.trainer.later_turns
        images, why = open_reader(self.trainer, self.request.model, tokenizer, sample, root, self.work)
        usage = write_rows(sample, path, view, tokenizer, limit - room, later, leaves_out, images)
        usage.why_no_images = why or usage.why_no_images
        if not usage.used:
            raise UserError(
                f"no rows are left to train on: {usage.explain(limit - room)}.",
                mend="Select other rows, raise max_length if the model's context allows it, or use another trainer; "
                "a variant, also in a grid, can have its own steps: variants: {NAME: {train: [sft]}}.",
            )
        _check_filled(path)
        if str(self.settings.get("eval_strategy", "no")) != "no" and not self.request.held_out.is_file():
            raise UserError(
                "eval_strategy asks for dev rows, but the study holds none out.",
                mend="Give dev a share, as in split: {dev: 0.1}, or take eval_strategy out.",
            )
        return usage

    def _check_numbers(self, usage: RowUsage, is_sample: bool) -> list[str]:
        """Refuses rows without a number that the settings use; of a sample, it only warns."""
        try:
            self.trainer.check_numbers(usage.facts, self.work / f"{self.name}.arrow")
        except UserError as error:
            if not is_sample:
                raise
            return [f"in the sample, {error.what} ({error.where})"]
        return []

    def _warn_of_left_out(self, usage: RowUsage) -> list[str]:
        """Warns of reasons that leave out many of the sample's rows."""
        warnings = []
        words = {
            Reason.TOO_LONG: f"longer than {self._longest() - self.trainer.count_reserved_tokens()} tokens",
            SAME_TOKENS: "with the same tokens on both sides",
        }
        for reason, why in words.items():
            if (n := usage.left_out.get(reason, 0)) and (n > MANY_LEFT_OUT * usage.rows or reason == SAME_TOKENS):
                warnings.append(f"{n} of {usage.rows} sampled preferences are left out: {why}")
        leaves_out = self.trainer.special_tokens == "leave_out"
        tokenizer = self._open_tokenizer()
        warnings += usage.describe_cut() + usage.describe_parts(keeps_reasoning(tokenizer))
        return warnings + describe_special_tokens(usage, tokenizer, leaves_out)

    def _open_tokenizer(self) -> "PreTrainedTokenizerBase":
        """The tokenizer, set as the step and the earlier steps say."""
        tokenizer = copy.deepcopy(self.opened.tokenizer)
        for step in (*self._earlier_steps(), self.trainer):
            if (isinstance(step, TrlTrainer) and step.model_kind == "policy") or step is self.trainer:
                set_special_tokens(tokenizer, getattr(step, "special_tokens", None))
                set_reasoning(tokenizer, getattr(step, "reasoning", None))
        return tokenizer


def _check_filled(path: Path) -> None:
    """Checks that each column is filled in all rows or in none: TRL crashes on others, or trains on them as on zeros.

    Raises:
        UserError: a column is filled in only some rows.
    """
    import pyarrow as pa

    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_stream(source).read_all()
        for name in table.column_names:
            if name != TOOLS and 0 < table[name].null_count < table.num_rows:
                raise UserError(
                    f"'{name}' is missing in {table[name].null_count} of {table.num_rows} rows.",
                    mend=f"Leave out the sources that lack it, or train without '{name}'.",
                )


def _summarise_lengths(usage: RowUsage, limit: int) -> dict[str, Any]:
    """Token statistics of the dialogues, including those that are too long."""
    import numpy as np

    lengths = np.asarray(usage.lengths + usage.too_long, dtype=np.int64)
    if not len(lengths):
        return {"limit": limit}
    middle, high = np.percentile(lengths, [50, 95])
    return {"median": float(middle), "p95": float(high), "max": int(lengths.max()), "limit": limit}


def _describe_seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"; about {format_seconds(seconds)}"


def _describe(request: PreflightRequest, model: dict[str, Any], steps: dict[str, Any], accuracy: str) -> list[str]:
    """Writes one line for the model and one per step."""
    lines = [f"{request.model}: pad {model['pad']}, preference accuracy before training {accuracy}"]
    for name, step in steps.items():
        if "schedule" not in step:
            continue
        planned, tokens, memory = step["schedule"], step["tokens"], step["memory"]
        about = "" if step["rows"] == step["sampled"] else "about "
        lines.append(
            f"{name}: {about}{step['used']:,} of {step['rows']:,} rows, {tokens.get('median', 0):.0f} tokens at the "
            f"median and {tokens.get('max', 0)} at most; {planned['steps']:,} steps of {planned['batch']} "
            f"= {planned['epochs']:.2f} epochs; memory about {format_bytes(memory['total'])} of "
            f"{format_bytes(memory['free'])}{_describe_seconds(step['seconds'])}"
        )
        sample = "" if step["rows"] == step["sampled"] else "in the sample, "
        lines += [f"{name}: {sample}{note}" for note in step["notes"]]
    return lines
