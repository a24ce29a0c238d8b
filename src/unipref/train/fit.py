"""Runs one training step: reads the rows, lets TRL train, saves a model that transformers loads, returns figures."""

import contextlib
import gc
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unipref.core import parquet
from unipref.core.chat_models import render
from unipref.core.contracts import TrainJob
from unipref.core.errors import ResourceError, UserError, first_line
from unipref.core.messages import schema_has_parts
from unipref.core.special_tokens import encode_texts
from unipref.core.template_turns import keeps_reasoning
from unipref.core.work_progress import report_work, show_work
from unipref.models.adapter_merge import PROBES
from unipref.models.loading import NO_LIMIT, set_threads
from unipref.train import processes
from unipref.train.data.answer_masks import add_speaker_columns, mask_other_speakers, match_pad_token
from unipref.train.data.images import ImageReader
from unipref.train.data.pair_columns import PROBABILITY, fill_probabilities
from unipref.train.data.row_usage import RowUsage, describe_rare_numbers, describe_special_tokens
from unipref.train.data.rows import View, join_tools, write_rows
from unipref.train.frozen_layers import lower_frozen_layers
from unipref.train.image_reading import make_image_arguments, open_reader
from unipref.train.monitor.callback import Watcher, make_callback, silence_libraries
from unipref.train.monitor.checkpoints import choose_checkpoint, count_passes_done, parse_step, read_progress
from unipref.train.monitor.collapse import Collapse, Guard, find_last_good
from unipref.train.row_order import OrderedRows, skip_done_passes
from unipref.train.save import save
from unipref.train.start import Start, open_start, use_in_trl
from unipref.train.trl_arguments import make_arguments, report_beside_model, write_dev_rows
from unipref.train.trl_trainer import TrlTrainer

CURVE = "curve.jsonl"
"""The points of the curve, beside the model; also while it is trained."""
COUNTED = {"margin": ("margins", "margin_percentile"), PROBABILITY: ("soft_labels", "confidence")}
"""A trainer's column -> its name in the figures, and the number of a preference that it is made of."""
Build = Callable[[dict[str, Any]], Any]
"""Makes the TRL trainer from the arguments that all TRL trainers share."""


@dataclass
class PreparedStep:
    """A step that is ready to train.

    Attributes:
        start: the model.
        rows, dev: Arrow files of the rows to train on, and to evaluate on during training.
        usage, dev_usage: which preferences of each are used.
        sides: the rows' columns with answers.
        limit: longest dialogue in tokens.
        checkpoint: where an earlier attempt stopped; None: the step starts at the beginning.
        warnings: on damaged checkpoints.
        images: reads the rows' images; None: the rows hold none that the step reads.
    """

    start: Start
    rows: Path
    dev: Path | None
    usage: RowUsage
    dev_usage: RowUsage
    sides: list[str]
    limit: int
    checkpoint: Path | None
    warnings: list[str]
    images: ImageReader | None = None


def fit(
    trainer: TrlTrainer, job: TrainJob, build: Build, limit: int = NO_LIMIT, view: View | None = None
) -> dict[str, Any]:
    """Runs one TRL trainer from one model folder to the next.

    Args:
        trainer: the settings.
        job: input model and data, and output folder.
        build: makes the TRL trainer from model, args, datasets, processing_class and peft_config.
        limit: longest dialogue in tokens, if less than the model's context and the settings' max_length.
        view: how the trainer sees a preference, if not `trainer.view()`.

    Returns:
        As `contracts.Trainer.fit`, with `seconds`, `warnings`, `resumed_at` (the step it resumed at, or None), and if
        there are any, `dev` (points with `step` and `scores`), `dev_seconds` and `collapse`.

    Raises:
        UserError: no rows are left, the loss is not a number, memory runs out, or TRL refuses the settings.
    """
    began = time.monotonic()
    report_work("reading the rows", 0, 1)
    with silence_libraries(), report_beside_model(job.out), _make_workspace(job.out) as work:
        ready = processes.run_in_first(lambda: _prepare(trainer, job, work, limit, view or trainer.view()))
        _set_threads(ready.checkpoint)
        use_in_trl(ready.start.tokenizer, schema_has_parts(parquet.read_schema(job.preferences)))
        arguments = make_arguments(trainer, job, ready.start, work, ready.limit, ready.usage.facts)
        arguments |= _load_datasets(ready)
        ordering = OrderedRows(trainer, ready.usage.facts, arguments["args"], job.seed)
        arguments["train_dataset"] = ordering.select_for_tokenising(arguments["train_dataset"])
        if ready.images is None:
            arguments |= mask_other_speakers(arguments)
        else:
            arguments |= make_image_arguments(trainer, arguments, ready.images)
        report_work("opening the model, tokenising the rows", 0, 1)
        hf = _build_trainer(build, arguments)
        if trainer.lowers_frozen_layers:
            lower_frozen_layers(hf.model)
        hf.train_dataset = ordering.put_in_run_order(hf.train_dataset)
        if ready.checkpoint and ordering.order is None:
            skip_done_passes(hf, count_passes_done(ready.checkpoint))
        guard = Guard(trainer.bounds, trainer.view().prompts_only)
        watcher = Watcher(hf, guard, trainer.checkpoint_seconds, job.out / CURVE)
        hf.add_callback(make_callback(watcher))
        _train(hf, ready.checkpoint, watcher)
        ordering.correct_epochs(watcher.curve.points)
        restored = _restore_last_good(hf, trainer, watcher.collapse) if watcher.collapse else None
        report_work("writing the model and checking what was written", 0, 1)
        trainer.prepare_to_save(hf)
        saved = save(hf, trainer, ready.start, job, _read_probes(trainer, ready))
        if processes.is_first():
            _write_lines(job.out / CURVE, watcher.curve.points)
            if watcher.dev:
                _write_lines(job.out / "dev.jsonl", watcher.dev.points)
        steps = hf.state.global_step
        del hf, watcher.hf
        _free_memory()
        processes.wait()
    numbers = _count_row_numbers(trainer, ready.usage)
    summary = _summarise(ready, watcher, restored, trainer.special_tokens == "leave_out") | numbers
    summary["warnings"] += describe_rare_numbers(numbers)
    summary |= {name: one.as_record() for name, one in saved._asdict().items() if one is not None}
    summary["warnings"] += saved.describe_rounding(trainer.model_kind)
    if ready.start.merged is not None:
        summary["start_merge"] = ready.start.merged.as_record()
    return summary | {"steps": steps, "seconds": round(time.monotonic() - began, 3)}


def _summarise(ready: PreparedStep, watcher: Watcher, restored: Path | None, leaves_out: bool) -> dict[str, Any]:
    """The step's figures.

    Args:
        ready: the step.
        watcher: what it recorded.
        restored: the checkpoint that the model was put back to after a collapse.
        leaves_out: whether preferences with special tokens in their texts are left out.
    """
    usage, curve, collapse = ready.usage, watcher.curve.points, watcher.collapse
    special = describe_special_tokens(usage, ready.start.tokenizer, leaves_out)
    parts = usage.describe_parts(keeps_reasoning(ready.start.tokenizer))
    summary: dict[str, Any] = {
        "used": usage.used,
        "left_out": {str(reason): n for reason, n in sorted(usage.left_out.items())},
        # TRL's own running count, without padding.
        "tokens": int(max((point.get("num_tokens", 0) for point in curve), default=0)),
        "curve": curve,
        "warnings": [*ready.warnings, *watcher.warnings, *usage.describe_cut(), *parts, *special],
        "resumed_at": parse_step(ready.checkpoint) if ready.checkpoint else None,
    }
    if usage.special:
        summary["special_tokens"] = {source: dict(counts) for source, counts in sorted(usage.special.items())}
    if usage.masked or usage.cut:
        summary["later_user_turns"] = {"masked": usage.masked, "cut": usage.cut}
    if watcher.dev:
        summary |= {"dev": watcher.dev.points, "dev_seconds": round(watcher.dev.seconds, 3)}
    if collapse and restored:
        summary["collapse"] = {"step": collapse.step, "why": collapse.why, "kept": parse_step(restored)}
        summary["warnings"].append(
            f"the run collapsed and stopped at step {collapse.step}: {collapse.why}; the model is the one of step "
            f"{parse_step(restored)}"
        )
    return summary


def _count_row_numbers(trainer: TrlTrainer, usage: RowUsage) -> dict[str, Any]:
    """Counts the rows that have the numbers that the settings ask for, and those that lack them."""
    by, others = getattr(trainer, "weigh_by", None), trainer.view().others
    numbers: dict[str, Any] = {"weights": {"by": by, **usage.facts.count_known(by)}} if by else {}
    for column, (name, key) in COUNTED.items():
        if column in others:
            numbers[name] = usage.facts.count_known(key)
    return numbers


def _restore_last_good(hf: Any, trainer: TrlTrainer, collapse: Collapse) -> Path:
    """Puts the model back to the last good checkpoint before a collapse.

    Raises:
        UserError: there is no such checkpoint, or the settings say to stop.
    """
    good = None
    if trainer.on_collapse == "keep_last_good":
        good = processes.run_in_first(lambda: find_last_good(Path(hf.args.output_dir), collapse))
    if good is None:
        mend = collapse.mend
        if trainer.on_collapse == "keep_last_good":
            mend += " With 'checkpoint: {every: N}', unipref keeps the last good state."
        raise UserError(f"{collapse.why}.", where=trainer.step or trainer.name(), mend=mend)
    if hf.is_deepspeed_enabled:
        raise UserError(
            f"{collapse.why}, and unipref cannot put a model under DeepSpeed back to {good.name}.",
            where=trainer.step or trainer.name(),
            mend=collapse.mend,
        )
    hf._load_from_checkpoint(str(good), hf.model_wrapped if hf.is_fsdp_enabled else None)
    return good


def _write_lines(path: Path, points: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(point) + "\n" for point in points), encoding="utf-8")


@contextlib.contextmanager
def _make_workspace(out: Path) -> Iterator[Path]:
    """Makes a folder beside the step's own, on the same disk, and removes it afterwards; reuses a killed step's."""
    work = out.with_name(f".{out.name}-work")
    if processes.is_first():
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
    processes.wait()
    try:
        yield work
    finally:
        if processes.is_first():
            shutil.rmtree(work, ignore_errors=True)


def _prepare(trainer: TrlTrainer, job: TrainJob, work: Path, limit: int, view: View) -> PreparedStep:
    """Opens the model and writes the rows.

    Raises:
        UserError: no rows are left, or the model cannot be trained with these settings.
    """
    start = open_start(job.policy, work, trainer.model_kind, trainer.special_tokens, trainer.reasoning)
    trainer.check_grown(start.policy, start.grown)
    limit = min(limit, trainer.find_max_length(start.policy, start.context))
    rows = work / "train.arrow"
    room = trainer.count_reserved_tokens()
    leaves_out = trainer.special_tokens == "leave_out"
    images, why = open_reader(trainer, start.policy, start.tokenizer, job.preferences, job.data_root, work)
    later = trainer.later_turns
    usage = write_rows(job.preferences, rows, view, start.tokenizer, limit - room, later, leaves_out, images)
    usage.why_no_images = why or usage.why_no_images
    if not usage.used:
        raise UserError(
            f"no rows are left to train '{trainer.name()}' on: {usage.explain(limit - room)}.",
            where=str(job.preferences),
        )
    trainer.check_numbers(usage.facts, rows)
    dev_usage = write_dev_rows(trainer, job, start, work / "dev.arrow", limit, images)
    checkpoint, warnings = choose_checkpoint(job.checkpoint_dir) if job.checkpoint_dir else (None, [])
    return PreparedStep(
        start,
        rows,
        work / "dev.arrow" if dev_usage.used else None,
        usage,
        dev_usage,
        [column for column in view.columns if column != "prompt"],
        limit,
        checkpoint,
        warnings,
        images,
    )


def _read_probes(trainer: TrlTrainer, ready: PreparedStep) -> list[list[int]]:
    """Reads the token ids of the first training rows, to compare the saved model with the trained one."""
    if trainer.saves_adapter:
        return []
    import pyarrow as pa

    with pa.OSFile(str(ready.rows)) as source:
        rows = next(iter(pa.ipc.open_stream(source))).slice(0, PROBES).to_pylist()
    tokenizer, view = ready.start.tokenizer, trainer.view()
    if ready.images is not None:  # the rows are texts
        texts = [row["prompt"] + row[side] for row in rows for side in ready.sides][:PROBES]
        return list(encode_texts(tokenizer, texts).values())
    dialogues = [dialogue for row in rows for dialogue in view.dialogues(join_tools(row))][:PROBES]
    texts = [render(tokenizer, dialogue, to_answer=view.prompts_only) for dialogue in dialogues]
    ids = encode_texts(tokenizer, texts)
    return [ids[text] for text in texts]


def _set_threads(checkpoint: Path | None) -> None:
    import torch

    set_threads()
    if checkpoint is not None:
        torch.set_num_threads(read_progress(checkpoint).threads)


def _load_datasets(ready: PreparedStep) -> dict[str, Any]:
    from datasets import Dataset

    rows = fill_probabilities(Dataset.from_file(str(ready.rows)), ready.usage.facts)
    datasets = {"train_dataset": add_speaker_columns(rows, ready.usage, ready.sides)}
    if ready.dev is not None:
        dev = fill_probabilities(Dataset.from_file(str(ready.dev)), ready.usage.facts)
        datasets["eval_dataset"] = add_speaker_columns(dev, ready.dev_usage, ready.sides)
    return datasets


def _build_trainer(build: Build, arguments: dict[str, Any]) -> Any:
    from transformers import PrinterCallback

    try:
        hf = build(arguments)
    except (ValueError, ImportError, NotImplementedError) as error:
        raise UserError(f"TRL refuses the step: {first_line(error)}") from error
    if "data_collator" in arguments:
        match_pad_token(hf)
    # Without progress bars the trainer would print its figures; standard output belongs to the command.
    hf.remove_callback(PrinterCallback)
    return hf


def _train(hf: Any, checkpoint: Path | None, watcher: Watcher) -> None:
    import torch

    if checkpoint is not None:
        progress = read_progress(checkpoint)
        watcher.resume(progress)
        if progress.step >= progress.steps:
            # The process died after its last step but before the end: another step would be one too many.
            hf._load_from_checkpoint(str(checkpoint))
            hf.state.global_step = progress.step
            return
    try:
        with show_work(None):  # the steps are the progress that is shown
            hf.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except torch.OutOfMemoryError as error:
        raise ResourceError(
            f"out of memory at step {hf.state.global_step + 1}.",
            mend="Lower per_device_train_batch_size (and raise gradient_accumulation_steps), lower the longest length, "
            "or train with lora.",
        ) from error


def _free_memory() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
