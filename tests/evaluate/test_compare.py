"""Comparing evaluations on disk, from Python and from the command line."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from unipref import cli
from unipref.core.errors import UserError
from unipref.evaluate import compare, evaluate
from unipref.evaluate.benchmarks.instructions import Instructions
from unipref.pipeline.named_benchmarks import find_benchmarks, make_benchmark

ITEMS = [
    {"id": str(i), "prompt": f"Say {word}.", "rule": "one_word", "arguments": {}}
    for i, word in enumerate(("yes", "no", "red", "blue", "nurse", "late"))
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "eval" / "instructions"
    folder.mkdir(parents=True)
    (folder / "test.jsonl").write_text("".join(json.dumps(item) + "\n" for item in ITEMS))
    return tmp_path / "eval"


def evaluated(model: Path, data: Path, out: Path, **settings: Any) -> Path:
    benchmark = Instructions(data="instructions", new_tokens=2, **settings)
    evaluate(str(model), [benchmark], data_root=data, splits={}, out=out)
    return out


def followed(folder: Path, verdicts: str) -> None:
    """Sets which instructions a table says were followed."""
    path = folder / "instructions.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    lines = [json.dumps(row | {"followed": said == "1"}) for row, said in zip(rows, verdicts, strict=True)]
    path.write_text("\n".join(lines) + "\n")


def test_scores_are_recomputed_from_the_tables(tiny_model: Path, data: Path, tmp_path: Path) -> None:
    a, b = (evaluated(tiny_model, data, tmp_path / name) for name in "ab")
    followed(a, "100000")
    followed(b, "111110")
    rows, notes = compare.compare([a, b])
    whole = next(row for row in rows if row["slice"] == "all")
    assert (whole["benchmark"], whole["metric"], whole["n"], whole["alone"]) == ("instructions", "followed", 6, 0)
    assert (whole["first"], whole["second"]) == (pytest.approx(1 / 6), pytest.approx(5 / 6))
    # 4 gained, none lost, of 6 units: not enough for an interval without 0.
    assert (whole["verdict"], whole["p"] > 0.05) == ("inconclusive", True)
    assert notes == []


def test_three_models_are_each_compared_with_the_first(tiny_model: Path, data: Path, tmp_path: Path) -> None:
    folders = [evaluated(tiny_model, data, tmp_path / name) for name in "abc"]
    rows, _ = compare.compare(folders)
    assert {row["model"] for row in rows} == {str(folders[1]), str(folders[2])}
    assert {row["verdict"] for row in rows} == {"unchanged"}


def test_other_settings_are_noted_and_other_data_refused(tiny_model: Path, data: Path, tmp_path: Path) -> None:
    a = evaluated(tiny_model, data, tmp_path / "a")
    b = evaluated(tiny_model, data, tmp_path / "b", batch_size=1)
    assert compare.compare([a, b])[1] == []
    benchmark = Instructions(data="instructions", new_tokens=3)
    evaluate(str(tiny_model), [benchmark], data_root=data, splits={}, out=tmp_path / "c")
    assert compare.compare([a, tmp_path / "c"])[1] == ["instructions: settings differ (new_tokens: 2 and 3)."]
    (data / "instructions" / "test.jsonl").write_text(json.dumps(ITEMS[0]) + "\n")
    other = evaluated(tiny_model, data, tmp_path / "d")
    with pytest.raises(UserError, match="no statistic in common") as caught:
        compare.compare([a, other])
    assert "measured on different data" in caught.value.mend


def test_two_precisions_are_not_compared(tiny_model: Path, data: Path, tmp_path: Path) -> None:
    a = evaluated(tiny_model, data, tmp_path / "a")
    notes = json.loads((a / "notes.json").read_text())["instructions"]
    assert "measured in float32." in notes
    b = evaluated(tiny_model, data, tmp_path / "b", precision="bfloat16")
    about = json.loads((b / "results.json").read_text())["configs"]["instructions"]["metadata"]
    assert (about["precision"], about["settings"]["precision"]) == ("bfloat16", "bfloat16")
    with pytest.raises(UserError, match="no statistic in common") as caught:
        compare.compare([a, b])
    assert "was measured in float32" in caught.value.mend
    assert {row["verdict"] for row in compare.compare_pair(a, b)} == {compare.OTHER_PRECISION}


def test_an_evaluation_that_does_not_state_its_precision_is_compared_with_a_note(
    tiny_model: Path, data: Path, tmp_path: Path
) -> None:
    a, b = (evaluated(tiny_model, data, tmp_path / name) for name in "ab")
    results = json.loads((b / "results.json").read_text())
    metadata = results["configs"]["instructions"]["metadata"]
    del metadata["precision"], metadata["settings"]["precision"]
    (b / "results.json").write_text(json.dumps(results))
    rows, notes = compare.compare([a, b])
    assert {row["verdict"] for row in rows} == {"unchanged"}
    assert notes == ["instructions: an evaluation (of a judge, or of an earlier version) does not state a precision."]


def test_pinned_data_are_held_to_their_hash(tiny_model: Path, data: Path, tmp_path: Path) -> None:
    a = evaluated(tiny_model, data, tmp_path / "a")
    content = json.loads((a / "results.json").read_text())["configs"]["instructions"]["metadata"]["data_hash"]
    pinned = Instructions(data="instructions", new_tokens=2, data_hash=content)
    evaluate(str(tiny_model), [pinned], data_root=data, splits={}, out=None)
    (data / "instructions" / "test.jsonl").write_text(json.dumps(ITEMS[0]) + "\n")
    with pytest.raises(UserError, match=f"expected {content}"):
        evaluate(str(tiny_model), [pinned], data_root=data, splits={}, out=None)


def test_results_have_the_form_of_lm_eval(tiny_model: Path, data: Path, tmp_path: Path) -> None:
    utils = pytest.importorskip("lm_eval.utils")
    results = json.loads((evaluated(tiny_model, data, tmp_path / "a") / "results.json").read_text())
    assert results["results"]["instructions"]["followed,none"] in [i / 6 for i in range(7)]
    table = utils.make_table(results)
    assert "instructions" in table
    assert "followed" in table


def test_a_folder_without_an_evaluation_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not hold an evaluation") as caught:
        compare.compare([tmp_path, tmp_path])
    assert caught.value.where == str(tmp_path)
    with pytest.raises(UserError, match="it is neither a run nor an evaluation") as caught:
        compare.compare([tmp_path])
    assert caught.value.mend == "Give two folders that `unipref evaluate -o` wrote, or one run."
    with pytest.raises(UserError, match="the folder does not exist"):
        compare.compare([tmp_path / "none"])
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(UserError, match="this run has measured no model"):
        compare.compare([tmp_path])


def test_one_run_compares_its_models_with_the_base_model(tiny_model: Path, data: Path, tmp_path: Path) -> None:
    base = evaluated(tiny_model, data, tmp_path / "run/evaluated/base/instructions")
    with pytest.raises(UserError, match="needs two or more evaluations") as caught:
        compare.compare([base])
    assert "a run that measured two or more models" in str(caught.value.mend)
    with pytest.raises(UserError, match="two or more"):
        compare.compare([tmp_path / "run"])
    models = [tmp_path / "run/evaluated" / name for name in ("main/0/sft", "main/1/sft")]
    for model in models:
        shutil.copytree(base, model / "instructions")
    shutil.copytree(base, tmp_path / "run/evaluated/main/1/sft.partial-1/instructions")
    followed(models[1] / "instructions", "111111")
    rows, _ = compare.compare([tmp_path / "run"])
    assert list(dict.fromkeys(row["model"] for row in rows)) == [str(model) for model in models]
    assert {row["compared_with"] for row in rows} == {str(tmp_path / "run/evaluated/base")}
    with pytest.raises(UserError, match="does not hold an evaluation") as caught:
        compare.compare([tmp_path / "run", base])
    assert f"It is a run; give one of its models: {tmp_path / 'run/evaluated/base'}, {models[0]}" in str(
        caught.value.mend
    )
    shutil.rmtree(tmp_path / "run/evaluated/base")
    with pytest.raises(UserError, match="the study's base model is not measured") as caught:
        compare.compare([tmp_path / "run"])
    assert f"Or give two models: {models[0]}, {models[1]}" in str(caught.value.mend)


def test_the_command_line_evaluates_several_models_and_compares_them(
    tiny_model: Path, data: Path, tmp_path: Path
) -> None:
    runner = CliRunner()
    command = ["evaluate", str(tiny_model), str(tiny_model), "--data", str(data), "-o", str(tmp_path / "out")]
    done = runner.invoke(cli.app, [*command, "--limit", "4", "--json"], catch_exceptions=False)
    assert done.exit_code == 0
    first, second = sorted((tmp_path / "out").iterdir())
    assert first.name != second.name
    shown = runner.invoke(cli.app, ["compare", str(first), str(second)], catch_exceptions=False)
    assert "unchanged" in shown.output
    assert f"{second} compared with {first}" in shown.output.replace("\n", "")
    answered = runner.invoke(cli.app, ["compare", str(first), str(second), "--json"], catch_exceptions=False)
    assert {row["verdict"] for row in json.loads(answered.stdout)["rows"]} == {"unchanged"}


def test_benchmarks_are_found_by_their_data_or_by_the_folder_given(data: Path) -> None:
    assert find_benchmarks(data) == ["instructions"]
    assert make_benchmark("instructions=elsewhere", 3).data == "elsewhere"
    with pytest.raises(UserError, match="the folder has no benchmark's data"):
        find_benchmarks(data / "instructions")
