"""Training steps, one thin file per TRL trainer."""

from typing import Any

from unipref.core.contracts import Trainer, TrainJob
from unipref.train import processes
from unipref.train.checks.memory import check_disk, machine
from unipref.train.checks.preflight import PreflightRequest, preflight
from unipref.train.monitor.callback import Progress, listening
from unipref.train.monitor.dev_scores import Meter
from unipref.train.trl_arguments import device_defaults
from unipref.train.trl_trainer import TrlTrainer

__all__ = ["Meter", "PreflightRequest", "check_disk", "machine", "preflight", "train"]


def train(
    trainer: Trainer, job: TrainJob, progress: Progress | None = None, meter: Meter | None = None
) -> dict[str, Any]:
    """Runs one training step.

    Args:
        trainer: the step.
        job: from which model, on which preferences, to which folder.
        progress: told (step, steps, figures logged last) after each step.
        meter: measures the model while it is trained.

    Returns:
        What happened, as `Trainer.fit` says.

    Raises:
        UserError: nothing can be trained with these settings, this model and these preferences.
    """
    if isinstance(trainer, TrlTrainer):
        processes.join(bool((device_defaults(trainer.for_trl()) | trainer.for_trl())["use_cpu"]))
    with listening(progress, meter):
        return trainer.fit(job)
