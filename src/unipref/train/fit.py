"""One training step: read the rows, let TRL train, save a model that plain transformers loads, say what happened."""

import contextlib
import gc
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unipref.core.contracts import TrainJob
from unipref.core.errors import UserError
from unipref.models.loading import NO_LIMIT, set_threads
from unipref.train import processes
from unipref.train.data.rows import RowUsage, View, write_rows
from unipref.train.monitor.callback import Watcher, callback, quiet
from unipref.train.monitor.checkpoints import passes_done, so_far, step_of, take_up
from unipref.train.monitor.collapse import Collapse, Guard, last_good
from unipref.train.row_order import Ordering, draw_on
from unipref.train.save import save
from unipref.train.start import Start, open_start
from unipref.train.trl_arguments import arguments, dev_rows, reported_beside
from unipref.train.trl_trainer import TrlTrainer

Build = Callable[[dict[str, Any]], Any]
"""Given the arguments all TRL trainers share, makes the TRL trainer."""


@dataclass
class PreparedStep:
    """What a step starts with.

    Attributes:
        start: the model.
        rows, dev: Arrow files of the rows to train on, and to evaluate on in between.
        books: which preferences are used.
        limit: longest dialogue in tokens.
        checkpoint: where an earlier try got to.
    """

    start: Start
    rows: Path
    dev: Path | None
    books: RowUsage
    limit: int
    checkpoint: Path | None


def fit(
    trainer: TrlTrainer, job: TrainJob, build: Build, limit: int = NO_LIMIT, view: View | None = None
) -> dict[str, Any]:
    """Runs one TRL trainer from a model folder to the next.

    Args:
        trainer: the settings.
        job: from where to where.
        build: makes the TRL trainer from model, args, datasets, processing_class and peft_config.
        limit: longest dialogue in tokens, where that is less than the model's context and the settings' max_length.
        view: how the trainer sees a preference, where that is not `trainer.view()`.

    Returns:
        As `contracts.Trainer.fit`, with `seconds`, `warnings`, `taken_up` (the step it was taken up at, or None), and
        where there are such, `dev` (points with `step` and `scores`), `dev_seconds` and `collapse`.

    Raises:
        UserError: no rows are left, the loss is no number, the memory does not suffice, or TRL refuses the settings.
    """
    began = time.monotonic()
    with quiet(), reported_beside(job.out), _workspace(job.out) as work:
        ready = processes.shared(lambda: _prepared(trainer, job, work, limit, view or trainer.view()))
        _set_threads(ready.checkpoint)
        given = arguments(trainer, job, ready.start, work, ready.limit, ready.books.facts) | _datasets(ready)
        ordering = Ordering(trainer, ready.books.facts, given["args"], job.seed)
        given["train_dataset"] = ordering.before(given["train_dataset"])
        hf = _built(build, given)
        hf.train_dataset = ordering.after(hf.train_dataset)
        if ready.checkpoint and ordering.order is None:
            draw_on(hf, passes_done(ready.checkpoint))
        watcher = Watcher(hf, Guard(trainer.bounds, trainer.view().to_answer))
        hf.add_callback(callback(watcher))
        _train(hf, ready.checkpoint, watcher)
        ordering.put_right(watcher.curve.points)
        kept = _kept(hf, trainer, watcher.collapse) if watcher.collapse else None
        save(hf, trainer, ready.start, job.out)
        if processes.is_first():
            _write_lines(job.out / "curve.jsonl", watcher.curve.points)
            if watcher.dev:
                _write_lines(job.out / "dev.jsonl", watcher.dev.points)
        steps = hf.state.global_step
        del hf, watcher.hf
        _free_memory()
        processes.wait()
    numbers = _numbers_used(trainer, ready.books)
    return _account(ready, watcher, kept) | numbers | {"steps": steps, "seconds": round(time.monotonic() - began, 3)}


def _account(ready: PreparedStep, watcher: Watcher, kept: Path | None) -> dict[str, Any]:
    books, curve, collapse = ready.books, watcher.curve.points, watcher.collapse
    found: dict[str, Any] = {
        "used": books.used,
        "left_out": {str(reason): n for reason, n in sorted(books.left_out.items())},
        # TRL counts them as it goes, padding left out.
        "tokens": int(max((point.get("num_tokens", 0) for point in curve), default=0)),
        "curve": curve,
        "warnings": list(watcher.warnings),
        "taken_up": step_of(ready.checkpoint) if ready.checkpoint else None,
    }
    if watcher.dev:
        found |= {"dev": watcher.dev.points, "dev_seconds": round(watcher.dev.seconds, 3)}
    if collapse and kept:
        found["collapse"] = {"step": collapse.step, "why": collapse.why, "kept": step_of(kept)}
        found["warnings"].append(
            f"the run collapsed and was stopped at step {collapse.step}: {collapse.why}; the model is that of step "
            f"{step_of(kept)}"
        )
    return found


def _numbers_used(trainer: TrlTrainer, books: RowUsage) -> dict[str, Any]:
    """How many of the margins and weights that the settings ask for there were."""
    by = getattr(trainer, "weigh_by", None)
    weights = {"weights": {"by": by, **books.facts.known(by)}} if by else {}
    return weights | ({"margins": books.facts.known("margin")} if "margin" in trainer.view().others else {})


def _kept(hf: Any, trainer: TrlTrainer, collapse: Collapse) -> Path:
    """Puts the model back to the last checkpoint from before a collapse.

    Raises:
        UserError: there is none, or the settings say to stop.
    """
    good = None
    if trainer.on_collapse == "keep_last_good":
        good = processes.shared(lambda: last_good(Path(hf.args.output_dir), collapse))
    if good is None:
        mend = collapse.mend
        if trainer.on_collapse == "keep_last_good":
            mend += " With 'checkpoint: {every: N}' the last good state is kept."
        raise UserError(f"{collapse.why}.", where=trainer.step or trainer.name(), mend=mend)
    if hf.is_deepspeed_enabled:
        raise UserError(
            f"{collapse.why}, and a model under DeepSpeed cannot be put back to {good.name}.",
            where=trainer.step or trainer.name(),
            mend=collapse.mend,
        )
    hf._load_from_checkpoint(str(good), hf.model_wrapped if hf.is_fsdp_enabled else None)
    return good


def _write_lines(path: Path, points: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(point) + "\n" for point in points), encoding="utf-8")


@contextlib.contextmanager
def _workspace(out: Path) -> Iterator[Path]:
    """A folder beside the step's own, on the same disk, that is gone afterwards; a killed step's is taken over."""
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


def _prepared(trainer: TrlTrainer, job: TrainJob, work: Path, limit: int, view: View) -> PreparedStep:
    """Opens the model and writes the rows.

    Raises:
        UserError: no rows are left, or the model cannot be trained so.
    """
    start = open_start(job.policy, work, trainer.makes)
    trainer.check_grown(start.policy, start.grown)
    limit = min(limit, trainer.longest(start.policy, start.context))
    rows = work / "train.arrow"
    books = write_rows(job.preferences, rows, view, start.tokenizer, limit, trainer.room())
    if not books.used:
        raise UserError(
            f"nothing is left to train '{trainer.name()}' on: {books.explained(limit - trainer.room())}.",
            where=str(job.preferences),
        )
    dev = dev_rows(trainer, job, start, work / "dev.arrow", limit)
    return PreparedStep(start, rows, dev, books, limit, take_up(job.checkpoint_dir) if job.checkpoint_dir else None)


def _set_threads(checkpoint: Path | None) -> None:
    import torch

    set_threads()
    if checkpoint is not None:
        torch.set_num_threads(so_far(checkpoint).threads)


def _datasets(ready: PreparedStep) -> dict[str, Any]:
    from datasets import Dataset

    found = {"train_dataset": Dataset.from_file(str(ready.rows))}
    if ready.dev is not None:
        found["eval_dataset"] = Dataset.from_file(str(ready.dev))
    return found


def _built(build: Build, given: dict[str, Any]) -> Any:
    from transformers import PrinterCallback

    try:
        hf = build(given)
    except (ValueError, ImportError, NotImplementedError) as error:
        raise UserError(f"TRL refuses the step: {str(error).splitlines()[0]}") from error
    # Without bars the trainer would print its figures instead; standard output is the command's own.
    hf.remove_callback(PrinterCallback)
    return hf


def _train(hf: Any, checkpoint: Path | None, watcher: Watcher) -> None:
    import torch

    if checkpoint is not None:
        known = so_far(checkpoint)
        watcher.take_up(known)
        if known.step >= known.steps:
            # It died between its last step and its end: one more step would be one too many.
            hf._load_from_checkpoint(str(checkpoint))
            hf.state.global_step = known.step
            return
    try:
        hf.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except torch.OutOfMemoryError as error:
        raise UserError(
            f"the memory does not suffice at step {hf.state.global_step + 1}.",
            mend="Lower per_device_train_batch_size (and raise gradient_accumulation_steps), lower the longest length, "
            "or train with lora.",
        ) from error


def _free_memory() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
