"""Training steps, one thin file per TRL trainer."""

from typing import Any

from unipref.core.contracts import Trainer, TrainJob
from unipref.train import processes
from unipref.train.checks.memory import check_disk, describe_machine
from unipref.train.checks.preflight import PreflightRequest, preflight
from unipref.train.monitor.callback import Progress, set_listener
from unipref.train.monitor.dev_scores import Meter
from unipref.train.trl_arguments import device_defaults
from unipref.train.trl_trainer import TrlTrainer

__all__ = ["Meter", "PreflightRequest", "check_disk", "describe_machine", "preflight", "train"]


def train(
    trainer: Trainer, job: TrainJob, progress: Progress | None = None, meter: Meter | None = None
) -> dict[str, Any]:
    """Runs one training step.

    Args:
        trainer: the step's settings.
        job: input model and preferences, and output folder.
        progress: called with (step, steps, latest figures) after each step.
        meter: measures the model during training.

    Returns:
        The figures, as `Trainer.fit` documents.

    Raises:
        UserError: the step cannot train with these settings, this model and these preferences.
    """
    if isinstance(trainer, TrlTrainer):
        processes.join(bool((device_defaults(trainer.build_trl_settings()) | trainer.build_trl_settings())["use_cpu"]))
    with set_listener(progress, meter):
        return trainer.fit(job)
