"""unipref: many kinds of feedback, one preference.

The public names are loaded when they are first used, so that `import unipref` costs nothing.
"""

from typing import TYPE_CHECKING, Any

from unipref.core.version import __version__

if TYPE_CHECKING:
    from unipref.core.contracts import Benchmark, Format, Scorer, Selection, Strategy, Trainer
    from unipref.core.errors import UserError
    from unipref.core.records import Feedback, Preference, preference_schema
    from unipref.pipeline.api import (
        audit_run,
        check_training,
        compare_models,
        dry_run,
        evaluate_model,
        evaluate_models,
        explain,
        run,
        select_preferences,
        soup_models,
        trace_soup,
        train_models,
        unify_feedback,
    )

__all__ = [
    "Benchmark",
    "Feedback",
    "Format",
    "Preference",
    "Scorer",
    "Selection",
    "Strategy",
    "Trainer",
    "UserError",
    "__version__",
    "audit_run",
    "check_training",
    "compare_models",
    "dry_run",
    "evaluate_model",
    "evaluate_models",
    "explain",
    "preference_schema",
    "run",
    "select_preferences",
    "soup_models",
    "trace_soup",
    "train_models",
    "unify_feedback",
]

_HOMES = {
    "Benchmark": "core.contracts",
    "Feedback": "core.records",
    "Format": "core.contracts",
    "Preference": "core.records",
    "Scorer": "core.contracts",
    "Selection": "core.contracts",
    "Strategy": "core.contracts",
    "Trainer": "core.contracts",
    "UserError": "core.errors",
    "audit_run": "pipeline.api",
    "check_training": "pipeline.api",
    "compare_models": "pipeline.api",
    "dry_run": "pipeline.api",
    "evaluate_model": "pipeline.api",
    "evaluate_models": "pipeline.api",
    "explain": "pipeline.api",
    "preference_schema": "core.records",
    "run": "pipeline.api",
    "select_preferences": "pipeline.api",
    "soup_models": "pipeline.api",
    "trace_soup": "pipeline.api",
    "train_models": "pipeline.api",
    "unify_feedback": "pipeline.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'unipref' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(f"unipref.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
