"""The benchmark of the evaluation: its loops agree with the one pass, and it says so when they do not."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from support.scripts import BENCHMARKS, open_script


@pytest.fixture
def bench() -> Iterator[ModuleType]:
    with open_script(BENCHMARKS / "evaluate.py", "evaluate_benchmark") as module:
        yield module


@pytest.fixture
def data(tmp_path: Path) -> Path:
    lines = ["[The mechanic] called the nurse because [{}] was late.", "The nurse met [the clerk] and saw [{}]."]
    for kind in (1, 2):
        for side, pronouns in (("pro", ("he", "him")), ("anti", ("she", "her"))):
            text = "".join(
                f"{i} {line.format(p)}\n" for i, (line, p) in enumerate(zip(lines, pronouns, strict=True), 1)
            )
            (tmp_path / f"{side}_stereotyped_type{kind}.txt.test").write_text(text)
    return tmp_path


@pytest.mark.slow
def test_loops_and_one_pass_agree(
    bench: ModuleType, data: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["evaluate.py", str(data), str(tiny_model), "--rounds", "2"])
    assert bench.main() == 0
    said = capsys.readouterr().out
    assert "4 pairs compared; texts that differ: 0 of 8" in said
    assert "equal within 0.0001: yes" in said


@pytest.mark.slow
def test_random_weights(
    bench: ModuleType, data: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = {"hidden_size": 28, "intermediate_size": 32, "num_hidden_layers": 2, "vocab_size": 400}
    monkeypatch.setattr(bench, "HALF_BILLION", {**bench.HALF_BILLION, **small})
    options = ["--random-weights", "--pairs", "2", "--rounds", "1"]
    monkeypatch.setattr(sys, "argv", ["evaluate.py", str(data), str(tiny_model), *options])
    assert bench.main() == 0
    assert "2 pairs compared; texts that differ: 0 of 4" in capsys.readouterr().out


def test_a_difference_is_said(bench: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    sides = {f"{key}_{side}": 1.0 for key in ("noun_log_p", "cluster_log_p", "hit") for side in ("pro", "anti")}
    row = {**sides, "entropy": 0.5, "output_pro": "a", "output_anti": "b", "type": 1, "line": 1}
    assert bench.compare({(1, 1): row}, [row]) == 0
    assert bench.compare({(1, 1): row}, [{**row, "entropy": 0.5002}]) == 1
    assert bench.compare({(1, 1): row}, [{**row, "output_anti": "c"}]) == 1
    assert capsys.readouterr().out.count("NO") == 2


def test_both_loops_give_the_same_likelihoods(bench: ModuleType, tiny_model: Path) -> None:
    policy = bench.load_policy(str(tiny_model))
    with bench.torch.inference_mode():
        word, token = (bench.OneAtATime(policy, by).log_p("mechanic", "the nurse saw ") for by in ("word", "token"))
    assert word == pytest.approx(token, abs=1e-4)
