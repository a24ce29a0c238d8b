"""Measures a judge on benchmarks of right and wrong answers."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from unipref.core.contracts import AnswerJudge, Benchmark
from unipref.core.errors import UserError
from unipref.evaluate import chance_notes, label_benchmarks, score_rows
from unipref.evaluate.answer_benchmark import AnswerBenchmark
from unipref.evaluate.data_files import check_hash, data_path, published_file_notes
from unipref.evaluate.results import MeasuredBenchmark, write_results


def evaluate_judge(
    judge: AnswerJudge,
    benchmarks: Sequence[Benchmark],
    *,
    data_root: Path,
    out: Path,
    on_note: Callable[[str], None] | None = None,
    on_start: Callable[[str], None] | None = None,
) -> list[dict[str, Any]]:
    """Scores a judge on every benchmark that measures judges.

    Args:
        judge: the judge.
        benchmarks: those that measure only models are skipped.
        data_root: folder that the `data` of the benchmarks is relative to.
        out: folder for the tables of examples and the results, as for `evaluate`.
        on_note: called with each note that a reader of the scores needs.
        on_start: called with a line when a benchmark starts.

    Returns:
        Rows as of `evaluate`, without a precision.

    Raises:
        UserError: no benchmark measures judges, data are missing or do not match `data_hash`, or the judge stopped.
    """
    named = label_benchmarks(benchmarks)
    selected = [(one, label) for one, label in named if isinstance(one, AnswerBenchmark)]
    if not selected:
        names = ", ".join(sorted(label for _, label in named))
        raise UserError(f"no benchmark of {names} measures judges.", mend="Take one of right and wrong answers.")
    paths = [data_path(benchmark, data_root, {}) for benchmark, _ in selected]
    hashes = [check_hash(benchmark, path) for (benchmark, _), path in zip(selected, paths, strict=True)]
    start, note = on_start or (lambda line: None), on_note or (lambda text: None)
    rows: list[dict[str, Any]] = []
    measured: list[MeasuredBenchmark] = []
    for place, ((benchmark, label), path, content_hash) in enumerate(zip(selected, paths, hashes, strict=True), 1):
        start(f"{judge.name}: {label}, benchmark {place} of {len(selected)}")
        examples, notes = benchmark.examine(judge, path, benchmark.part)
        scores = [statistic.score() for statistic in benchmark.statistics(examples)]
        notes = [*published_file_notes(benchmark, path), *notes, *chance_notes(scores)]
        rows += score_rows(label, scores, None)
        measured.append(MeasuredBenchmark(label, benchmark, content_hash, None, scores, examples, notes))
        for text in notes:
            note(f"{label}: {text}")
        write_results(out, judge.name, measured, judge.name)
    return rows
