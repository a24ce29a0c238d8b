"""`report_to`: nothing by default; what is asked for is there, and gets the figures under the step's own name."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from unipref.core.contracts import TrainJob
from unipref.core.errors import UserError
from unipref.train import PreflightRequest, fit, preflight, train
from unipref.train.trainers.sft import Sft

Job = Callable[..., TrainJob]
FEW: dict[str, Any] = {"per_device_train_batch_size": 4, "max_steps": 2}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tensorbord", r"train\.0\.sft: report_to: transformers cannot report to 'tensorbord'.*\n.*'tensorboard'"),
        ("clearml", r"report_to: 'clearml' is not installed.*\n.*pip install clearml"),
    ],
)
def test_an_unknown_reporting_tool_is_an_error_before_training(name: str, message: str, job: Job) -> None:
    given = job()
    with pytest.raises(UserError, match=message):
        preflight(
            PreflightRequest(str(given.policy), {"sft": Sft(**FEW, report_to=name)}, given.preferences, given.held_out)
        )


@pytest.mark.slow
def test_a_reporting_tool_gets_the_figures(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import TrainerCallback
    from transformers.integrations import integration_utils

    seen: list[tuple[str, str, dict[str, Any]]] = []

    class Mine(TrainerCallback):  # type: ignore[misc]
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            seen.append((args.run_name, os.environ["TENSORBOARD_LOGGING_DIR"], dict(logs)))

    ready = integration_utils.get_available_reporting_integrations
    monkeypatch.setitem(integration_utils.INTEGRATION_TO_CALLBACK, "mine", Mine)
    monkeypatch.setattr(integration_utils, "get_available_reporting_integrations", lambda: [*ready(), "mine"])
    given = job(to="sft.partial")
    train(Sft(**FEW, report_to="mine", logging_steps=1), given)
    assert [logs["loss"] for *_, logs in seen if "loss" in logs]
    assert {(name, folder) for name, folder, _ in seen} == {
        ("/".join(given.out.parts[-3:-1]) + "/sft", str(given.out / "tensorboard"))
    }
    assert "TENSORBOARD_LOGGING_DIR" not in os.environ


@pytest.mark.slow
def test_nothing_is_reported_by_default(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Any] = []
    build_trainer = fit._build_trainer
    monkeypatch.setattr(fit, "_build_trainer", lambda *given: found.append(build_trainer(*given)) or found[-1])
    train(Sft(**FEW), job())
    assert found[0].args.report_to in ([], ["none"], "none")
