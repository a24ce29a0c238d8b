"""A section or figure that raises costs only itself, and the results of a run never wait for its report."""

import errno
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest

import unipref
from unipref import cli, report
from unipref.core.errors import ResourceError, UserError
from unipref.core.progress import ProgressListener
from unipref.pipeline import execute
from unipref.report import guard
from unipref.report.content import Cell, Column, Section, Table
from unipref.report.sections import measures


def fail(*args: Any, **kwargs: Any) -> Any:
    raise ZeroDivisionError("division by zero")


def pages(run: Path) -> list[str]:
    return [(run / name).read_text(encoding="utf-8") for name in ("report.md", "report.html")]


def test_a_figure_that_raises_costs_only_itself(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = report._make_content(run_folder)[0]
    monkeypatch.setattr(measures, "make_measure_figure", fail)
    failures: list[str] = []
    report.write(run_folder, failures.append)
    assert failures
    assert all("could not be drawn: ZeroDivisionError: division by zero" in sentence for sentence in failures)
    for text in pages(run_folder):
        assert "could not be drawn" in text
        assert all(section.title in text for section in whole.sections if section.title != "Scores by metric")


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), UserError("the file is corrupt.", where="a.json")])
def test_a_section_that_raises_costs_only_itself(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def raise_error(*args: Any) -> Any:
        raise error

    whole = report._make_content(run_folder)[0]
    monkeypatch.setattr(report, "make_reproduce_sections", raise_error)
    monkeypatch.setattr(report, "make_bias_section", raise_error)
    failures: list[str] = []
    report.write(run_folder, failures.append)
    assert len(failures) == 2
    for text in pages(run_folder):
        assert text.count("could not be made") == 2
        assert all(section.title in text for section in whole.sections if section.title != "Time and memory")


def test_a_section_that_cannot_be_shown_costs_only_itself(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Section("Bias by group", tables=[Table("x", [Column("a")], [[Cell("1"), Cell("2")]])])
    monkeypatch.setattr(report, "make_bias_section", lambda *args: broken)
    failures: list[str] = []
    report.write(run_folder, failures.append)
    assert ["could not be shown" in sentence for sentence in failures] == [True]
    assert all("could not be shown" in text and "Results" in text for text in pages(run_folder))


def test_outside_of_a_report_a_figure_raises() -> None:
    with pytest.raises(ZeroDivisionError):
        guard.draw("x", fail)


def write_study(folder: Path, rows: list[dict[str, str]], **settings: Any) -> Path:
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = {"name": "rows", "path": "rows.jsonl", "format": "pairs", "map": {"prompt": "prompt"}}
    study = folder / "study.yaml"
    study.write_text(json.dumps({"sources": [source], **settings}))
    return study


def make_rows(n: int, prompt: str = "Why {}?") -> list[dict[str, str]]:
    return [{"prompt": prompt.format(i), "chosen": f"Because of {i}.", "rejected": "No."} for i in range(n)]


def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["unipref", *words])
    status = 0
    try:
        cli.main()
    except SystemExit as stop:
        status = int(stop.code or 0)
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return status, out, err


def test_prompts_that_are_all_alike_give_no_map_and_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    select = {"cluster_quality": {"fraction": 0.3, "unscored": "sample"}}
    study = write_study(tmp_path, make_rows(60, "Tell me a story."), select=select)
    status, _, err = command(monkeypatch, capsys, "select", str(study), "-o", str(tmp_path / "run"))
    assert (status, "Warning" in err) == (0, False)
    text = (tmp_path / "run" / "report.md").read_text()
    assert "No map of the prompts of main: all prompts have the same vector" in text
    account = json.loads((tmp_path / "run" / "manifest.json").read_text())["selected"]["main"]["0"]["account"]
    assert account["map"]["kept"] == ""


def test_a_run_whose_report_fails_is_finished_and_its_table_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study, run = write_study(tmp_path, make_rows(20)), tmp_path / "run"
    assert command(monkeypatch, capsys, "unify", str(study), "-o", str(run))[0] == 0
    assert (run / "report.html").is_file()
    for function in ("_make_content", "write_cards"):
        with monkeypatch.context() as patch:
            patch.setattr(report, function, fail)
            status, out, err = command(monkeypatch, capsys, "unify", str(study), "-o", str(run))
        assert status == 0
        assert "rows" in out
        assert "could not be written: ZeroDivisionError" in err
    with monkeypatch.context() as patch:
        patch.setattr(report, "_make_content", fail)
        status, out, err = command(monkeypatch, capsys, "unify", str(study), "-o", str(run))
        assert not (run / "report.html").exists()
        assert "Report:" not in out
        assert command(monkeypatch, capsys, "report", str(run))[0] == 2
    status, out, _ = command(monkeypatch, capsys, "report", str(run))
    assert (status, (run / "report.html").is_file()) == (0, True)


def test_a_run_that_is_stopped_while_it_makes_the_report_has_its_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*args: Any) -> None:
        raise KeyboardInterrupt

    study, run = write_study(tmp_path, make_rows(20)), tmp_path / "run"
    monkeypatch.setattr(report, "write", stop)
    status, out, err = command(monkeypatch, capsys, "unify", str(study), "-o", str(run))
    assert (status, "Stopped." in err) == (130, True)
    assert "rows" in out
    assert (run / "manifest.json").is_file()


def test_a_table_that_cannot_be_printed_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = write_study(tmp_path, make_rows(20))
    monkeypatch.setattr(report, "console", fail)
    status, out, err = command(monkeypatch, capsys, "unify", str(study), "-o", str(tmp_path / "run"))
    assert (status, "The table could not be made: ZeroDivisionError" in err) == (0, True)
    assert "Report:" in out


def test_the_public_function_gives_a_run_whose_report_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = write_study(tmp_path, make_rows(20))
    monkeypatch.setattr(report, "write", fail)
    assert unipref.unify_feedback(study, tmp_path / "run").is_file()


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.ENOSPC, "No space left"), ResourceError("too little.")])
def test_a_missing_resource_is_not_taken_for_a_fault_of_a_section(error: Exception) -> None:
    def lack(*args: Any) -> Any:
        raise error

    with pytest.raises(ResourceError):
        guard.guard_section("x", lack)
    with pytest.raises(ResourceError):
        guard.guard_section("x", lambda: guard.draw("y", lack) and [])


@pytest.mark.parametrize("function", ["_make_content", "write_cards"])
def test_a_missing_resource_stops_the_run_also_when_its_report_is_made(
    function: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lack(*args: Any) -> Any:
        raise ResourceError("there is too little memory.")

    study, run = write_study(tmp_path, make_rows(20)), tmp_path / "run"
    monkeypatch.setattr(report, function, lack)
    status, _, err = command(monkeypatch, capsys, "unify", str(study), "-o", str(run))
    assert (status, "there is too little memory." in err, "could not be written" in err) == (2, True, False)


@pytest.mark.slow
def test_a_closed_pipe_costs_only_the_output(tmp_path: Path) -> None:
    study, run = write_study(tmp_path, make_rows(20)), tmp_path / "run"
    for options in ([], ["--json"]):
        shutil.rmtree(run, ignore_errors=True)
        words = [sys.executable, "-m", "unipref", "unify", str(study), "-o", str(run), *options]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()
        assert (process.wait(120), "Broken pipe" in err, "Traceback" in err) == (0, False, False), err
        assert (run / "report.html").is_file()


def test_an_error_of_the_listener_that_shows_results_is_a_warning_and_the_report_is_made(tmp_path: Path) -> None:
    class Full(ProgressListener):
        warnings: ClassVar[list[str]] = []

        def results(self, folder: Path) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        def warn(self, text: str) -> None:
            self.warnings.append(text)

    study, run = write_study(tmp_path, make_rows(20)), tmp_path / "run"
    execute.run(study, run, until="unify", listener=Full())
    assert ["could not be printed: [Errno 28] No space left on device" in text for text in Full.warnings] == [True]
    assert (run / "report.html").is_file()
