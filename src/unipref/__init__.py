"""unipref: converts many kinds of feedback to one preference format, then selects, trains and evaluates.

Public names load on first use, so `import unipref` is fast. Code outside unipref needs only these names, and
`unipref.unify.format_bases` for formats; docs/adding/ has an example of each kind.
"""

from unipref.core import search_path, telemetry

if search_path.is_own_command():
    # Before any other import, which could take a file in the working folder for a package.
    search_path.leave_out_working_folder()
    # Otherwise TRL reports each training to the hub. A program that imports unipref decides for itself.
    telemetry.turn_off_telemetry()

from typing import TYPE_CHECKING, Any

from unipref.core.version import __version__

if TYPE_CHECKING:
    from unipref.core.candidates import Candidates
    from unipref.core.contracts import (
        Benchmark,
        Format,
        HeadlineMetric,
        Scorer,
        Selection,
        Settings,
        SplitBenchmark,
        Strategy,
        Trainer,
        TrainJob,
    )
    from unipref.core.errors import UserError
    from unipref.core.records import (
        Axis,
        Comparison,
        Feedback,
        Message,
        Messages,
        Preference,
        Reason,
        Reject,
        Response,
        Row,
        preference_schema,
    )
    from unipref.pipeline.api import (
        audit_run,
        check_training,
        compare_models,
        dry_run,
        evaluate_judges,
        evaluate_model,
        evaluate_models,
        explain,
        power_of_study,
        run,
        select_preferences,
        soup_models,
        trace_soup,
        train_models,
        unify_feedback,
        value_sources,
    )

__all__ = [
    "Axis",
    "Benchmark",
    "Candidates",
    "Comparison",
    "Feedback",
    "Format",
    "HeadlineMetric",
    "Message",
    "Messages",
    "Preference",
    "Reason",
    "Reject",
    "Response",
    "Row",
    "Scorer",
    "Selection",
    "Settings",
    "SplitBenchmark",
    "Strategy",
    "TrainJob",
    "Trainer",
    "UserError",
    "__version__",
    "audit_run",
    "check_training",
    "compare_models",
    "dry_run",
    "evaluate_judges",
    "evaluate_model",
    "evaluate_models",
    "explain",
    "power_of_study",
    "preference_schema",
    "run",
    "select_preferences",
    "soup_models",
    "trace_soup",
    "train_models",
    "unify_feedback",
    "value_sources",
]

_MODULES = {
    "Axis": "core.records",
    "Benchmark": "core.contracts",
    "Candidates": "core.candidates",
    "Comparison": "core.records",
    "Feedback": "core.records",
    "Format": "core.contracts",
    "HeadlineMetric": "core.contracts",
    "Message": "core.records",
    "Messages": "core.records",
    "Preference": "core.records",
    "Reason": "core.records",
    "Reject": "core.records",
    "Response": "core.records",
    "Row": "core.records",
    "Scorer": "core.contracts",
    "Selection": "core.contracts",
    "Settings": "core.contracts",
    "SplitBenchmark": "core.contracts",
    "Strategy": "core.contracts",
    "TrainJob": "core.contracts",
    "Trainer": "core.contracts",
    "UserError": "core.errors",
    "audit_run": "pipeline.api",
    "check_training": "pipeline.api",
    "compare_models": "pipeline.api",
    "dry_run": "pipeline.api",
    "evaluate_judges": "pipeline.api",
    "evaluate_model": "pipeline.api",
    "evaluate_models": "pipeline.api",
    "explain": "pipeline.api",
    "power_of_study": "pipeline.api",
    "preference_schema": "core.records",
    "run": "pipeline.api",
    "select_preferences": "pipeline.api",
    "soup_models": "pipeline.api",
    "trace_soup": "pipeline.api",
    "train_models": "pipeline.api",
    "unify_feedback": "pipeline.api",
    "value_sources": "pipeline.api",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'unipref' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(f"unipref.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
