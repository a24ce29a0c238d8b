"""The stages that make training data: unify, clean and select."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from unipref import sources
from unipref.clean import clean
from unipref.core.contracts import Benchmark
from unipref.core.hub import is_address
from unipref.core.stage_cache import Stage
from unipref.core.work_progress import show_items, show_phase
from unipref.core.workers import make_engine
from unipref.evaluate import data_path
from unipref.models.text_cache import use_engine
from unipref.pipeline import stage_inputs
from unipref.pipeline.cluster import open_cluster, open_row_engine
from unipref.pipeline.context import RunContext
from unipref.select import choose
from unipref.study.schema import Study
from unipref.unify import (
    ResolvedSource,
    describe_judging,
    refuse_contradictions,
    refuse_missing_columns,
    rejection_warnings,
    unify,
)


class DataStages:
    """Unify, clean and select in one run.

    Args:
        context: of the run.
    """

    def __init__(self, context: RunContext) -> None:
        self.context = context

    def run_unify(self, variant: str, study: Study) -> Stage:
        """Converts the sources to preferences."""
        context, resolved = self.context, self.context.resolved.sources[variant]
        file_hashes = sources.hash_files(
            show_items([part for source in resolved for part in source.parts], "hashing files", "parts")
        )
        inputs = stage_inputs.unify_inputs(study, resolved, file_hashes)
        name = context.shared_folder("unified", variant)
        stage = self.unify_sources(name, inputs, study, resolved, file_hashes)
        if stage.pending:
            return stage
        if stage.folder == context.cache.folder / name:
            self._note(f"{source.projection.source}: {note}" for source in resolved for note in source.notes)
            self._note(rejection_warnings(stage.result))
            self._note(describe_judging(stage.folder))
        hashes = {
            source.projection.source: entry["files"] for source, entry in zip(resolved, inputs["sources"], strict=True)
        }
        context.manifest.record_unify(variant, stage, hashes)
        refuse_missing_columns(stage.result)
        refuse_contradictions(stage.result, {source.name for source in study.sources if source.accept_polarity})
        return stage

    def unify_sources(
        self,
        name: str,
        inputs: Mapping[str, Any],
        study: Study,
        resolved: Sequence[ResolvedSource],
        file_hashes: Mapping[str, str],
    ) -> Stage:
        """Converts some sources to preferences.

        Args:
            name: of the stage.
            inputs: of the stage.
            study: says how.
            resolved: the sources.
            file_hashes: file -> hash, of the files of the sources.
        """
        context = self.context
        parts = [part for source in resolved for part in source.parts]

        def work(out: Path) -> dict[str, Any]:
            with show_phase("checking parts"):
                sources.check_parts(parts)
            size = sum(part.size for part in parts)
            engine_name, address = study.engine_settings()
            with (
                sources.joined(parts, out) as read,
                make_engine(engine_name, study.workers, size, address=address) as engine,
            ):
                result = unify(list(resolved), study.unify, out, engine=engine, read=read)
            with show_phase("checking files"):
                sources.check_unchanged(file_hashes)
            return result

        return context.cache.stage(name, inputs, work)

    def run_clean(self, variant: str, study: Study, unified: Stage) -> Stage:
        """Splits and cleans the preferences: train, dev and test."""
        name = self.context.shared_folder("clean", variant)
        stage = self.clean_preferences(name, study, unified)
        if stage.pending:
            return stage
        if stage.folder == self.context.cache.folder / name:
            self._note(stage.result["notes"])
        return self.context.manifest.record_clean(variant, stage)

    def clean_preferences(self, name: str, study: Study, unified: Stage) -> Stage:
        """Splits and cleans the preferences of a stage of unify, in the stage `name`."""
        context = self.context
        benchmarks, fetched = (
            (self.find_benchmark_data(), self.find_fetched_benchmarks()) if study.clean.benchmarks else ({}, [])
        )
        preferences, cache = unified.folder / "preferences.parquet", context.cache.folder / "cache"

        def work(out: Path) -> dict[str, Any]:
            folder, size = context.cache.folder, preferences.stat().st_size
            with (
                open_cluster(study, folder) as cluster,
                use_engine(cluster),
                open_row_engine(study, folder, size) as engine,
            ):
                return clean(preferences, study.split, study.clean, out, benchmarks, fetched, cache, engine)

        return context.cache.stage(
            name,
            stage_inputs.clean_inputs(context.hashes, study, unified, benchmarks, fetched),
            work,
        )

    def run_select(self, variant: str, seed: int, study: Study, cleaned: Stage) -> Stage:
        """Selects the preferences of the train part to train on."""
        resolved = self.context.resolved.sources[variant]
        stage = self.select_preferences(f"selected/{variant}/{seed}", study, resolved, cleaned, cleaned, seed)
        if stage.pending:
            return stage
        self._note([*stage.result["notes"], *stage.result["account"]["warnings"]])
        return self.context.manifest.record_select(variant, seed, stage)

    def select_preferences(
        self, name: str, study: Study, resolved: Sequence[ResolvedSource], cleaned: Stage, held_out: Stage, seed: int
    ) -> Stage:
        """Selects preferences of some sources from the train part of a stage of clean, in the stage `name`.

        `held_out` is the stage of clean that has the dev part.
        """
        context, cache = self.context, self.context.cache.folder / "cache"
        candidates, dev = cleaned.folder / "train.parquet", held_out.folder / "dev.parquet"
        axes = {source.projection.source: source.projection.independent_axes() for source in resolved}

        def work(out: Path) -> dict[str, Any]:
            with open_cluster(study, context.cache.folder) as engine, use_engine(engine):
                return choose(study.select, candidates, out, seed, cache, study.model, axes, dev)

        inputs = stage_inputs.select_inputs(context.hashes, study, resolved, cleaned, held_out, seed)
        return context.cache.stage(name, inputs, work)

    def find_benchmark_data(self) -> dict[str, Path]:
        """Returns benchmark -> its data, for the benchmarks of all variants that have a data folder.

        Data that a benchmark fetches itself are left out. All variants use the same mapping, so that they can share
        their preferences. A benchmark with several data folders gets a number for each.
        """
        names: dict[Path, str] = {}
        uses: Counter[str] = Counter()
        for benchmark in self._benchmarks():
            path = self._own_data(benchmark)
            if path is not None and path not in names and path.exists():
                uses[name := benchmark.name()] += 1
                names[path] = name + (f"-{uses[name]}" if uses[name] > 1 else "")
        return {name: path for path, name in names.items()}

    def find_fetched_benchmarks(self) -> list[str]:
        """Returns the benchmarks of all variants that fetch data which the run does not have."""
        compared = set(self.find_benchmark_data().values())
        unread = [one for one in self._benchmarks() if one.downloads_data and self._own_data(one) not in compared]
        return sorted({benchmark.title for benchmark in unread})

    def _benchmarks(self) -> list[Benchmark]:
        variants = self.context.resolved.variants.values()
        return [benchmark for study in variants for benchmark in study.evaluate.benchmarks]

    def _own_data(self, benchmark: Benchmark) -> Path | None:
        """The data folder of a benchmark; None if it reads the run's held-out parts."""
        if benchmark.data is None:
            return None
        path = data_path(benchmark, self.context.resolved.data_root, {})
        # The hub's cache has links to files whose names say nothing.
        return path if is_address(benchmark.data) else path.resolve()

    def _note(self, notes: Iterable[str]) -> None:
        for note in notes:
            self.context.listener.note(note)
