"""Audits a run with the engine that a command states."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unipref.analysis.audit import Audit, audit
from unipref.core import registry
from unipref.pipeline.cluster import open_row_engine
from unipref.study.schema import EngineSettings


def audit_with_engine(
    folder: Path,
    gold: Path | None = None,
    benchmarks: Path | None = None,
    truth: Path | None = None,
    *,
    engine: str | Mapping[str, Any] = "local",
    workers: int | None = None,
) -> Audit:
    """Audits the unified data of a run.

    Args:
        folder: as for `audit`.
        gold: as for `audit`.
        benchmarks: as for `audit`.
        truth: as for `audit`.
        engine: as in a study.
        workers: as in a study.

    Raises:
        UserError: as for `audit`, or the engine is wrong.
    """
    settings = registry.validate_settings(EngineSettings, {"engine": engine, "workers": workers}, "")
    preferences = folder / "unified" / "preferences.parquet"
    if not preferences.is_file():
        return audit(folder, gold, benchmarks, truth)  # raises the error that says so
    with open_row_engine(settings, folder, preferences.stat().st_size) as running:
        return audit(folder, gold, benchmarks, truth, running)
